"""Tokens: which player they name, and when they are refused."""

from __future__ import annotations

import jwt
import pytest

from lobby import tokens
from lobby.errors import LobbyError, Refused
from lobby.messages import Handshake

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
    assert refusal(Handshake(token=token), NOW + 60_000).code == "token_expired"


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
