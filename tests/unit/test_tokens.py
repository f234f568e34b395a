"""Tokens: which player they name, and when they are refused."""

from __future__ import annotations

import math

import jwt
import pytest

from lobby import tokens
from lobby.errors import LobbyError, Refused
from lobby.messages import Handshake
from lobby.tokens import LEEWAY_MS

SECRET = "a secret of thirty-two characters"
NOW = 1_800_000_000_000


def refusal(handshake: Handshake, now: int = NOW) -> Refused:
    with pytest.raises(Refused) as caught:
        tokens.verify(handshake, SECRET, now)
    return caught.value


def signed(claims: dict[str, object], secret: str = SECRET) -> str:
    return jwt.encode(claims, secret, algorithm="HS256")


def test_without_a_secret_no_token_is_needed() -> None:
    assert tokens.verify(Handshake("ann"), "", NOW) == Handshake("ann")


def test_the_token_names_the_player() -> None:
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
def test_a_token_that_is_unsigned_incomplete_or_signed_with_another_secret_is_refused(token: str) -> None:
    assert refusal(Handshake(token=token)).code == "unauthorized"


def test_a_token_expires_at_its_time() -> None:
    token = tokens.sign("ann", SECRET, NOW + 60_000)
    assert tokens.verify(Handshake(token=token), SECRET, NOW + 60_000 + LEEWAY_MS - 1).player == "ann"
    assert refusal(Handshake(token=token), NOW + 60_000 + LEEWAY_MS).code == "token_expired"


LATER = NOW // 1000 + 60
IDENTITY_SERVICES: dict[str, dict[str, object]] = {
    "jsonwebtoken on a clock that is ahead": {"sub": "ann", "iat": NOW // 1000 + 2, "exp": LATER},
    "a clock that is hours ahead": {"sub": "ann", "iat": LATER + 7_200, "nbf": LATER + 7_200, "exp": LATER + 7_200},
    "times with a fraction": {"sub": "ann", "iat": NOW / 1000 + 0.5, "exp": NOW / 1000 + 60.5},
    "Auth0": {
        "iss": "https://studio.eu.auth0.com/", "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "scope": "openid profile email",
        "aud": ["https://api.game.example", "https://studio.eu.auth0.com/userinfo"], "iat": NOW // 1000, "exp": LATER,
        "azp": "my_client_id", "gty": "password", "permissions": [],
    },
    "Supabase": {
        "aud": "authenticated", "exp": LATER, "iat": NOW // 1000, "iss": "https://abc.supabase.co/auth/v1",
        "sub": "123e4567-e89b-12d3-a456-426614174000", "email": "ann@game.example", "phone": "", "role": "authenticated",
        "app_metadata": {"provider": "email"}, "user_metadata": {}, "aal": "aal1", "amr": [{"method": "password"}],
        "session_id": "123e4567-e89b-12d3-a456-426614174001", "is_anonymous": False,
    },
    "Keycloak": {
        "exp": LATER, "iat": NOW // 1000, "jti": "1c6c8b3c", "iss": "https://id.example/realms/game", "aud": "account",
        "sub": "f:5b7f2c8e:ann", "typ": "Bearer", "azp": "game", "session_state": "x", "acr": "1", "nbf": 0,
    },
    "claims of strange types": {"sub": "ann", "exp": LATER, "iat": "now", "nbf": None, "aud": 7, "jti": {}, "room": None},
    "an e-mail address": {"sub": "ann@game.example", "exp": LATER},
}  # fmt: skip


@pytest.mark.parametrize("claims", IDENTITY_SERVICES.values(), ids=IDENTITY_SERVICES)
def test_claims_that_the_lobby_does_not_use_keep_no_player_out(claims: dict[str, object]) -> None:
    assert tokens.verify(Handshake(token=signed(claims)), SECRET, NOW).player == claims["sub"]


@pytest.mark.parametrize(
    "expires", [math.nan, math.inf, -math.inf, True, None, [], {}, "1800000060", "", 1e999], ids=lambda value: repr(value)
)
def test_a_token_whose_expiry_is_no_time_is_refused(expires: object) -> None:
    assert refusal(Handshake(token=signed({"sub": "ann", "exp": expires}))).code == "unauthorized"


def test_a_token_may_expire_in_a_far_future() -> None:
    for far in (10**30, 10**400):
        assert tokens.verify(Handshake(token=signed({"sub": "ann", "exp": far})), SECRET, NOW).player == "ann"
    assert refusal(Handshake(token=signed({"sub": "ann", "exp": -(10**400)}))).code == "token_expired"


@pytest.mark.parametrize(
    ("claim", "name"),
    [
        ("Ann", "Ann"),
        ("  Zoe\u0308 ", "Zo\u00eb"),
        ("An\x1b[31mn", "An[31mn"),
        ("\u200b\u3164", ""),
        ("x" * 40, "x" * 32),
        ("", ""),
        (7, "as typed"),
        (None, "as typed"),
    ],
)
def test_the_name_of_a_token_wins_over_the_address(claim: object, name: str) -> None:
    token = signed({"sub": "ann", "exp": LATER, "name": claim})
    assert tokens.verify(Handshake(name="as typed", token=token), SECRET, NOW).name == name


@pytest.mark.parametrize("token", ["\ud800", "a.b.c", "e30.e30.", "." * 9, "[" * 9_000, "W1tb" * 3_000 + ".e30.e30"])
def test_garbage_is_an_invalid_token(token: str) -> None:
    assert refusal(Handshake(token=token)).code == "unauthorized"


def test_a_token_is_for_its_player_and_its_room_only() -> None:
    token = tokens.sign("ann", SECRET, NOW + 60_000, room="hub")
    assert refusal(Handshake("bea", "hub", token=token)).code == "forbidden"
    assert refusal(Handshake("ann", "lobby", token=token)).code == "forbidden"
    assert tokens.verify(Handshake("ann", "hub", token=token), SECRET, NOW).room == "hub"


@pytest.mark.parametrize("player", ["a b", "x" * 65, ""])
def test_a_token_whose_player_is_not_a_valid_id_is_refused(player: str) -> None:
    assert refusal(Handshake(token=signed({"sub": player, "exp": NOW // 1000 + 60}))).code == "unauthorized"


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(LobbyError, match="at least 32"):
        tokens.sign("ann", "short", NOW)


@pytest.mark.parametrize(
    "secret", ["x" * 32, "ab" * 40, "0123456789abcde" * 3, "passw0rd" * 5, "aaaaaaaabbbbbbbbccccccccdddddddd"]
)
def test_a_secret_that_repeats_itself_is_refused(secret: str) -> None:
    with pytest.raises(LobbyError, match="easy to guess"):
        tokens.check_secret(secret)


@pytest.mark.parametrize("secret", [SECRET, "3f9c0d417ab25e86c01d9f3e5b7a2486", "0123456789abcdefghijklmnopqrstuv"])
def test_a_secret_that_is_long_and_varied_is_accepted(secret: str) -> None:
    tokens.check_secret(secret)
