"""Who may come in: tokens (JSON Web Tokens, HS256, by PyJWT) and origins.

The game's own backend signs a token for each of its players; any JWT library does it. ``sub`` is the player's id, ``exp`` its
end, ``room`` (optional) the only room it opens.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from lobby.errors import LobbyError, Refused
from lobby.messages import Handshake, is_id
from lobby.settings import Settings

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


def admit(handshake: Handshake, secret: str, now: int) -> Handshake:
    """``handshake`` with the player that its token names. Raises :class:`Refused`. Without a secret all are welcome."""
    if not secret:
        return handshake
    # Here and not above: half of a Lambda's imports would be for lobbies without tokens, and for every message but the first.
    import jwt

    if not handshake.token:
        raise Refused("unauthorized", "this lobby needs a token: add &token=... to the address")
    try:
        # The end is compared with the caller's clock below, so that tests can move it.
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


def check_origin(origin: str | None, host: str, settings: Settings) -> None:
    """Raises :class:`Refused` where a page of ``origin`` may not connect. ``host``: the Host header of the request.

    Browsers send the origin of the page, games send none. A page that somebody visits must not reach a lobby on the
    visitor's own machine or network, so with nothing else said only the server's own pages may.
    """
    if origin is None or settings.origins == "*":
        return
    allowed = {item.strip().rstrip("/") for item in settings.origins.split(",")} - {""}
    if origin in allowed or (not allowed and (settings.secret or urlsplit(origin).netloc == host)):
        return
    raise Refused("origin_not_allowed", f"pages of {origin} may not connect; allow them with --origins {origin}")
