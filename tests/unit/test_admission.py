"""Whether a connection may enter: its origin, its parameters, its token."""

from __future__ import annotations

import pytest

from lobby.admission import admit, check_origin, check_origins
from lobby.errors import LobbyError, Refused
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


def is_allowed(origin: str, host: str, settings: Settings) -> bool:
    try:
        check_origin(origin, host, settings)
    except Refused as refused:
        assert refused.code == "origin_not_allowed"
        return False
    return True


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        ("https://game.example", "https://game.example:443"),
        ("https://game.example", "https://GAME.example./"),
        ("http://game.example:80", "http://game.example"),
        ("http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080"),
        ("https://xn--spiel-kua.example", "https://spi\u00ebl.example"),
    ],
)
def test_origins_are_compared_as_urls(origin: str, listed: str) -> None:
    if listed.startswith("http://[0"):
        listed = "http://[::1]:8080/"
    if "spi" in listed:
        origin = "https://" + "spi\u00ebl".encode("idna").decode() + ".example"
    assert is_allowed(origin, "elsewhere", Settings(origins=listed))


@pytest.mark.parametrize(
    "origin", ["http://game.example", "https://game.example:8443", "https://a.game.example", "game.example", ""]
)
def test_another_scheme_port_or_host_is_another_origin(origin: str) -> None:
    assert not is_allowed(origin, "elsewhere", Settings(origins="https://game.example"))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://192.0.2.7", "192.0.2.7:443"),
        ("https://192.0.2.7:443", "192.0.2.7"),
        ("http://localhost", "LOCALHOST:80"),
        ("http://[::1]:8765", "[::1]:8765"),
        ("http://studio.local:8765", "studio.local:8765"),
        ("http://build-machine:8765", "build-machine:8765"),
    ],
)
def test_the_own_page_may_connect_with_and_without_the_default_port(origin: str, host: str) -> None:
    assert is_allowed(origin, host, Settings())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "EVIL.example.:8765", "local.evil.example:8765"])
@pytest.mark.parametrize("is_open", [False, True])
def test_a_foreign_name_for_the_address_of_a_lobby_without_a_secret_is_refused(host: str, is_open: bool) -> None:
    assert not is_allowed(f"http://{host.lower()}", host, Settings(open=is_open))
    assert is_allowed(f"http://{host.lower()}", host, Settings(host="0.0.0.0", origins=f"http://{host}"))


def test_the_name_on_which_a_lobby_listens_is_known() -> None:
    assert is_allowed("http://lobby.example:8765", "lobby.example:8765", Settings(host="lobby.example", open=True))


@pytest.mark.parametrize(
    "origin", ["http://[", "http://a:b", "http://a:99999", "://", "\x00", "http://\ud800", "x" * 9_000, "null", "//"]
)
@pytest.mark.parametrize("host", ["", "[", "a:b", "127.0.0.1:8765", "\x00", "a b"])
def test_a_broken_origin_or_host_is_refused(origin: str, host: str) -> None:
    assert not is_allowed(origin, host, Settings())
    assert not is_allowed("http://evil.example", host, Settings())


@pytest.mark.parametrize(
    "item", ["game.example", "https://game.example/play", "https://*.game.example", "https://", "*.example", "a b"]
)
def test_an_allowed_origin_that_can_never_match_is_an_error_at_the_start(item: str) -> None:
    with pytest.raises(LobbyError, match="which is no origin"):
        check_origins(Settings(origins=f"https://ok.example,{item}"))


@pytest.mark.parametrize("origins", ["", "*", "https://a.example, http://b.example:8080/ ,", "http://[::1]:3000"])
def test_allowed_origins_that_can_match_are_accepted(origins: str) -> None:
    check_origins(Settings(origins=origins))


@pytest.mark.parametrize(
    ("origin", "host", "listens", "is_allowed"),
    [
        ("http://localhost:5173", "127.0.0.1:8765", "127.0.0.1", True),
        ("http://127.0.0.1:5173", "localhost:8765", "::1", True),
        ("https://[::1]:5173", "127.0.0.1:8765", "localhost", True),
        ("http://localhost:5173", "127.0.0.1:8765", "0.0.0.0", False),
        ("http://localhost:5173", "lobby.example:8765", "127.0.0.1", False),
        ("http://game.example:5173", "127.0.0.1:8765", "127.0.0.1", False),
        ("http://localhost.example", "127.0.0.1:8765", "127.0.0.1", False),
        ("null", "127.0.0.1:8765", "127.0.0.1", False),
    ],
)
def test_a_page_of_a_development_server_may_connect_while_the_lobby_listens_on_loopback(
    origin: str, host: str, listens: str, is_allowed: bool
) -> None:
    settings = Settings(host=listens)
    if is_allowed:
        check_origin(origin, host, settings)
    else:
        with pytest.raises(Refused, match="origin_not_allowed"):
            check_origin(origin, host, settings)


def test_a_list_of_origins_replaces_the_rule_for_development_servers() -> None:
    with pytest.raises(Refused, match="origin_not_allowed"):
        check_origin("http://localhost:5173", "127.0.0.1:8765", Settings(origins="https://game.example"))
