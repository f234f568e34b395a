"""Whether a connection may enter: the origin of its page, its address parameters, its token."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from lobby.errors import Refused
from lobby.messages import Handshake, parse_handshake
from lobby.settings import Settings
from lobby.tokens import verify


def admit(query: Mapping[str, str], origin: str | None, host: str, fallback: str, settings: Settings, now: int) -> Handshake:
    """The handshake of a connection that may enter. Raises :class:`Refused`.

    ``query`` holds the parameters of the address, ``origin`` and ``host`` are headers of the request, ``fallback`` is the id of
    a player whose address and token name none. ``now`` is in ms since 1970.
    """
    check_origin(origin, host, settings)
    asked = parse_handshake(query)
    if settings.token_names:
        asked = asked._replace(name="")
    handshake = verify(asked, settings.secret, now)
    return handshake if handshake.player else handshake._replace(player=fallback)


def check_origin(origin: str | None, host: str, settings: Settings) -> None:
    """Raises :class:`Refused` (``origin_not_allowed``) where a page of ``origin`` may not connect.

    ``host`` is the Host header of the request. Browsers send the origin of the page; native games send none. A foreign page
    must not reach a lobby on its visitor's own machine or network, so by default only pages of the lobby itself may connect.
    """
    if origin is None or settings.origins == "*":
        return
    allowed = {item.strip().rstrip("/") for item in settings.origins.split(",")} - {""}
    if origin in allowed or (not allowed and (settings.secret or urlsplit(origin).netloc == host)):
        return
    raise Refused("origin_not_allowed", f"pages of {origin} may not connect; allow them with --origins {origin}")
