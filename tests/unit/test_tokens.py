"""Admission with tokens."""

from __future__ import annotations

import jwt
import pytest

from lobby import admission, tokens
from lobby.errors import LobbyError, Refused
from lobby.messages import Handshake
from lobby.settings import Settings

SECRET = "a secret of thirty-two characters"
NOW = 1_800_000_000_000


def refusal(handshake: Handshake, now: int = NOW) -> Refused:
    with pytest.raises(Refused) as caught:
        tokens.verify(handshake, SECRET, now)
    return caught.value


def signed(claims: dict[str, object], secret: str = SECRET) -> str:
    return jwt.encode(claims, secret, algorithm="HS256")


def test_without_a_secret_everybody_is_welcome() -> None:
    assert tokens.verify(Handshake("ann"), "", NOW) == Handshake("ann")


def test_the_token_says_who_somebody_is() -> None:
    token = tokens.sign("ann", SECRET, NOW + 60_000)
    assert tokens.verify(Handshake(token=token), SECRET, NOW).player == "ann"
    assert tokens.verify(Handshake("ann", token=token), SECRET, NOW).player == "ann"


def test_with_a_secret_a_token_is_needed() -> None:
    assert refusal(Handshake("ann")).code == "unauthorized"


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        signed({"sub": "ann", "exp": NOW}, "another secret of thirty-two chars"),
        jwt.encode({"sub": "ann", "exp": NOW}, "", algorithm="none"),
        signed({"sub": "ann"}),
        signed({"exp": NOW // 1000 + 60}),
        signed({"sub": 5, "exp": NOW // 1000 + 60}),
        signed({"sub": "ann", "exp": "soon"}),
    ],
)
def test_a_token_that_is_not_ours_is_not_valid(token: str) -> None:
    assert refusal(Handshake(token=token)).code == "unauthorized"


def test_a_token_ends_when_it_says() -> None:
    token = tokens.sign("ann", SECRET, NOW + 60_000)
    assert refusal(Handshake(token=token), NOW + 60_000).code == "token_expired"


def test_a_token_is_for_its_player_and_its_room_only() -> None:
    token = tokens.sign("ann", SECRET, NOW + 60_000, room="hub")
    assert refusal(Handshake("bea", "hub", token=token)).code == "forbidden"
    assert refusal(Handshake("ann", "lobby", token=token)).code == "forbidden"
    assert tokens.verify(Handshake("ann", "hub", token=token), SECRET, NOW).room == "hub"


@pytest.mark.parametrize("player", ["a b", "x" * 65, ""])
def test_a_player_that_no_pid_could_name_is_not_let_in_by_a_token(player: str) -> None:
    assert refusal(Handshake(token=signed({"sub": player, "exp": NOW // 1000 + 60}))).code == "unauthorized"


def test_a_short_secret_protects_nothing() -> None:
    with pytest.raises(LobbyError, match="at least 32"):
        tokens.sign("ann", "short", NOW)


def test_games_have_no_origin_and_always_may() -> None:
    admission.check_origin(None, "host:1", Settings(origins="https://game.example"))


@pytest.mark.parametrize(
    ("origin", "settings", "welcome"),
    [
        ("http://host:1", Settings(), True),
        ("http://evil.example", Settings(), False),
        ("null", Settings(), False),
        ("http://evil.example", Settings(secret=SECRET), True),
        ("https://game.example", Settings(origins="https://a.example, https://game.example/"), True),
        ("https://game.example.evil", Settings(origins="https://game.example"), False),
        ("http://host:1", Settings(origins="https://game.example"), False),
        ("http://evil.example", Settings(origins="*"), True),
    ],
)
def test_pages_may_connect_where_they_are_allowed(origin: str, settings: Settings, welcome: bool) -> None:
    if welcome:
        admission.check_origin(origin, "host:1", settings)
    else:
        with pytest.raises(Refused, match="origin_not_allowed"):
            admission.check_origin(origin, "host:1", settings)
