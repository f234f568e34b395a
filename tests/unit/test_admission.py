"""Whether a connection may enter: its origin, its parameters, its token."""

from __future__ import annotations

import pytest

from lobby.admission import admit
from lobby.errors import Refused
from lobby.messages import Handshake
from lobby.settings import Settings
from lobby.tokens import sign

SECRET = "a secret of thirty-two characters"
NOW = 1_800_000_000_000


def refusal(query: dict[str, str], settings: Settings, origin: str | None = None) -> str:
    with pytest.raises(Refused) as caught:
        admit(query, origin, "host:1", "fallback", settings, NOW)
    return caught.value.code


def test_the_address_names_player_room_and_version() -> None:
    handshake = admit({"pid": "ann", "room": "hub", "name": "Ann", "v": "2"}, None, "host:1", "fallback", Settings(), NOW)
    assert handshake == Handshake("ann", "hub", "Ann", 2)


def test_a_player_without_an_id_gets_the_fallback() -> None:
    assert admit({}, None, "host:1", "fallback", Settings(), NOW).player == "fallback"


def test_a_token_names_the_player() -> None:
    token = sign("ann", SECRET, NOW + 60_000)
    assert admit({"token": token}, None, "host:1", "fallback", Settings(secret=SECRET), NOW).player == "ann"


def test_a_bad_parameter_and_a_missing_token_are_refused() -> None:
    assert refusal({"pid": "a b"}, Settings()) == "bad_handshake"
    assert refusal({"pid": "ann"}, Settings(secret=SECRET)) == "unauthorized"


def test_a_token_that_has_expired_is_refused() -> None:
    assert refusal({"token": sign("ann", SECRET, NOW - 30_000)}, Settings(secret=SECRET)) == "token_expired"


def test_the_origin_is_checked_first() -> None:
    assert refusal({"pid": "a b"}, Settings(), origin="http://evil.example") == "origin_not_allowed"


@pytest.mark.parametrize(
    ("origin", "settings", "is_allowed"),
    [
        (None, Settings(origins="https://game.example"), True),  # a native game sends no origin
        ("http://host:1", Settings(), True),
        ("http://evil.example", Settings(), False),
        ("null", Settings(), False),
        ("http://evil.example", Settings(origins="*"), True),
        ("https://game.example", Settings(origins="https://a.example, https://game.example/"), True),
        ("https://game.example.evil", Settings(origins="https://game.example"), False),
        ("http://host:1", Settings(origins="https://game.example"), False),
    ],
)
def test_a_page_may_connect_where_its_origin_is_allowed(origin: str | None, settings: Settings, is_allowed: bool) -> None:
    if is_allowed:
        assert admit({"pid": "ann"}, origin, "host:1", "", settings, NOW) == Handshake("ann")
    else:
        assert refusal({"pid": "ann"}, settings, origin) == "origin_not_allowed"


def test_with_a_secret_pages_of_any_origin_may_connect() -> None:
    token = sign("ann", SECRET, NOW + 60_000)
    handshake = admit({"token": token}, "http://evil.example", "host:1", "", Settings(secret=SECRET), NOW)
    assert handshake.player == "ann"
