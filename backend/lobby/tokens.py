"""Tokens: JSON Web Tokens (HS256) that identify a player, by PyJWT.

The game's own backend signs a token for each of its players, with any JWT library. ``sub`` is the player's id, ``exp`` the time
at which the token expires, ``room`` (optional) the only room that the token allows.
"""

from __future__ import annotations

from lobby.errors import LobbyError, Refused
from lobby.messages import Handshake, is_id

SECRET_BYTES = 32
"""RFC 7518, section 3.2: a key for HS256 has at least 256 bits."""


def sign(player: str, secret: str, expires_at_ms: int, room: str = "") -> str:
    """A token for ``player`` until ``expires_at_ms`` (since 1970), for one room or for any."""
    import jwt

    check_secret(secret)
    claims: dict[str, object] = {"sub": player, "exp": expires_at_ms // 1000}
    return jwt.encode(claims | ({"room": room} if room else {}), secret, algorithm="HS256")


def check_secret(secret: str) -> None:
    """Raises :class:`LobbyError` where ``secret`` is too short to protect anything."""
    if len(secret.encode()) < SECRET_BYTES:
        raise LobbyError(
            f"The secret has {len(secret.encode())} bytes; it needs at least {SECRET_BYTES}. "
            "`lobby token --new-secret` prints a good one."
        )


def verify(handshake: Handshake, secret: str, now: int) -> Handshake:
    """``handshake`` with the player that its token names. Raises :class:`Refused`. Without a secret no token is needed."""
    if not secret:
        return handshake
    # Imported here: it would be half of the Lambda's import time, and only a connect with a token needs it.
    import jwt

    if not handshake.token:
        raise Refused("unauthorized", "this lobby needs a token: add &token=... to the address")
    try:
        # `exp` is compared with the caller's clock below, so that tests can move time.
        options = {"require": ["sub", "exp"], "verify_exp": False}
        claims = jwt.decode(handshake.token, secret, algorithms=["HS256"], options=options)  # type: ignore[arg-type]
    except jwt.PyJWTError as error:
        raise Refused("unauthorized", f"the token is not valid: {error}") from None
    player, expires, room = claims["sub"], claims["exp"], claims.get("room", handshake.room)
    if not isinstance(expires, int | float) or not is_id(player):
        raise Refused("unauthorized", "the token is not valid: sub must be a player's id and exp a time")
    if expires * 1000 <= now:
        raise Refused("token_expired")
    if handshake.player not in ("", player):
        raise Refused("forbidden", f"the token is for {player!r}, not for {handshake.player!r}")
    if room != handshake.room:
        raise Refused("forbidden", f"the token opens the room {room!r}, not {handshake.room!r}")
    return handshake._replace(player=player)
