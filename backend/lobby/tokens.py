"""Tokens: JSON Web Tokens (HS256) that identify a player, by PyJWT.

The game's own backend signs a token for each of its players, with any JWT library. ``sub`` is the player's id, ``exp`` the time
at which the token expires, ``room`` (optional) the only room that the token allows, ``name`` (optional) the player's name,
``data`` (optional) data that the player cannot change, ``watch`` (optional) whether it may watch.

A token is checked when a connection opens. The connection stays when the token expires later: players are not cut in the middle
of a game. A new connection, also one that takes over, needs a token that is still valid.
"""

from __future__ import annotations

import math
from typing import Any, Final, TypeGuard

from lobby.data import NO_DATA
from lobby.errors import LobbyError, Refused
from lobby.messages import Handshake, granted, is_id, named_as

SECRET_BYTES = 32
"""RFC 7518, section 3.2: a key for HS256 has at least 256 bits."""

SECRET_CHARACTERS, SECRET_PERIOD = 8, 16
"""A secret has at least so many different characters, and does not repeat a shorter part. 32 random hexadecimal digits have
fewer than 8 different ones in one of a million cases."""

LEEWAY_MS = 30_000
"""How long a token is accepted after its ``exp``: clocks of backends and lobbies differ, and a player needs time to connect."""

_SIGNATURE_ONLY: Final[Any] = {
    "require": ["sub", "exp"],
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"), False),
}


def sign(player: str, secret: str, expires_at_ms: int, room: str = "", **more: object) -> str:
    """A token for ``player`` until ``expires_at_ms`` (since 1970), for one room or for any, with ``more`` claims."""
    import jwt

    check_secret(secret)
    claims: dict[str, object] = {"sub": player, "exp": expires_at_ms // 1000}
    return jwt.encode(claims | more | ({"room": room} if room else {}), secret, algorithm="HS256")


def check_secret(secret: str) -> None:
    """Raises :class:`LobbyError` if ``secret`` is too short to protect anything, or easy to guess."""
    good = "`lobby token --new-secret` prints a good one."
    if len(secret.encode()) < SECRET_BYTES:
        raise LobbyError(f"The secret has {len(secret.encode())} bytes; it needs at least {SECRET_BYTES}. {good}")
    period = next(n for n in range(1, len(secret) + 1) if secret[n:] == secret[: len(secret) - n])
    if len(set(secret)) < SECRET_CHARACTERS or period < SECRET_PERIOD:
        raise LobbyError(f"The secret is easy to guess, because few characters repeat in it. {good}")


def verify(handshake: Handshake, secret: str, now: int) -> Handshake:
    """``handshake`` with the player, and the name, that its token names. Raises :class:`Refused`.

    Without a ``secret`` no token is needed. ``now`` is in ms since 1970. Of the claims only ``sub``, ``exp``, ``room``,
    ``name``, ``data`` and ``watch`` count. Identity services add others, such as ``iat``, ``nbf`` or ``aud``, and a backend
    whose clock is ahead must not keep its players out.
    """
    if not secret:
        return handshake
    if not handshake.token:
        raise Refused("unauthorized", "this lobby needs a token: add &token=... to the address")
    claims = _valid(handshake.token, secret, now)
    player = claims["sub"]
    if handshake.player not in ("", player):
        raise Refused("forbidden", f"the token is for {player!r}, not for {handshake.player!r}")
    room = claims.get("room")
    if room is not None and room != handshake.room:
        raise Refused("forbidden", f"the token opens the room {str(room)[:64]!r}, not {handshake.room!r}")
    if handshake.watch and claims.get("watch") is not True:
        raise Refused("forbidden", "the token does not allow to watch: it needs the claim watch, true")
    named = named_as(claims["name"]) if isinstance(claims.get("name"), str) else None
    return handshake._replace(
        player=player,
        name=handshake.name if named is None else named,
        is_named=named is not None,
        invited=room is not None,
        granted=NO_DATA if claims.get("data") is None else granted(claims["data"]),
    )


def verify_any(token: str, secret: str, now: int) -> None:
    """Raises :class:`Refused` where ``token`` would open no room. ``now`` is in ms since 1970."""
    if secret and not token:
        raise Refused("unauthorized", "this list needs a token: add ?token=... to the address")
    if secret:
        _valid(token, secret, now)


def _valid(token: str, secret: str, now: int) -> dict[str, Any]:
    """The claims of a token that is valid at ``now``, with a player's id as ``sub``. Raises :class:`Refused`."""
    claims = _claims(token, secret)
    player, expires = claims.get("sub"), claims.get("exp")
    if not isinstance(player, str) or not is_id(player):
        raise Refused("unauthorized", "the token is not valid: sub must be a player's id")
    if not _is_time(expires):
        raise Refused("unauthorized", "the token is not valid: exp must be a time, in seconds since 1970")
    if expires * 1000 + LEEWAY_MS <= now:
        raise Refused("token_expired")
    return claims


def _is_time(value: object) -> TypeGuard[int | float]:
    """Whether a claim is a time: a number, and neither infinite nor NaN, which never expire."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _claims(token: str, secret: str) -> dict[str, Any]:
    """The claims of a token with a right signature. Raises :class:`Refused`."""
    # Imported here: it would be half of the Lambda's import time, and only a connect with a token needs it.
    import jwt

    try:
        # Only the signature: what counts of the claims is compared with the caller's clock by `verify`.
        claims: dict[str, Any] = jwt.decode(token, secret, algorithms=["HS256"], options=_SIGNATURE_ONLY)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:  # half a character, or JSON that is too deep
        raise Refused("unauthorized", f"the token is not valid: {error}") from None
    return claims
