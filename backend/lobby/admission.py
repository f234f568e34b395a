"""Whether a connection may enter: the origin of its page, its address parameters, its token."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from lobby import addresses
from lobby.errors import LobbyError, Refused
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
    if settings.for_room(handshake.room).invite and not handshake.invited:
        raise Refused("invitation_needed", f"the room {handshake.room} needs a token with the claim room, {handshake.room!r}")
    return handshake if handshake.player else handshake._replace(player=fallback)


def check_origin(origin: str | None, host: str, settings: Settings) -> None:
    """Raises :class:`Refused` (``origin_not_allowed``) where a page of ``origin`` may not connect.

    ``host`` is the Host header of the request. Browsers send the origin of the page; native games send none. A foreign page
    must not reach a lobby on its visitor's own machine or network, so by default only pages of the lobby itself may connect,
    and pages of this machine where the lobby listens on this machine only.
    """
    if origin is None or settings.origins == "*":
        return
    page = parse_origin(origin)
    allowed = allowed_origins(settings)
    if page is not None:
        if page in allowed:
            return
        if not allowed and (settings.secret or (_is_own(page, host) and _is_known(page[1], settings))):
            return
        if not allowed and _is_on_this_machine(page, host, settings):
            return
    elif settings.secret and not allowed and origin == "null":
        return  # a page in a sandbox or from a file; its token protects the lobby
    raise Refused("origin_not_allowed", f"pages of {origin[:200]} may not connect; --origins {origin[:200]} allows them")


Origin = tuple[str, str, int]
"""Scheme, host and port of a page. The port is that of the scheme where the text has none."""


def parse_origin(text: str) -> Origin | None:
    """The origin in ``text``, as URLs are compared (RFC 6454): scheme and host in small letters, with the default port. None
    where ``text`` is no origin, such as ``null``."""
    try:
        parts = urlsplit(text.strip())
        port, host = parts.port, (parts.hostname or "").removesuffix(".")
        # Browsers send names in the form of DNS; operators write them as people read them.
        name = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return None
    if not parts.scheme or not name or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        return None
    return parts.scheme, name, port if port is not None else _PORTS.get(parts.scheme, 0)


def allowed_origins(settings: Settings) -> set[Origin]:
    """The origins in the setting ``origins``."""
    found = (parse_origin(item) for item in settings.origins.split(",") if item.strip())
    return {origin for origin in found if origin is not None}


def check_origins(settings: Settings) -> None:
    """Raises :class:`LobbyError` if the setting ``origins`` has an entry that no page can have."""
    for item in (part.strip() for part in settings.origins.split(",")):
        if item in ("", "null") or (item == "*" and settings.origins == "*"):
            continue
        if parse_origin(item) is None or "*" in item:
            raise LobbyError(
                f"--origins has {item!r}, which is no origin, so no page can match it. An origin has a scheme, a host and no "
                "path: https://game.example. * alone allows all."
            )


LOCAL_NAMES = (".local", ".lan", ".home.arpa", ".internal", ".localdomain")
"""Ends of names that the public DNS does not have (RFC 6762, RFC 8375, ICANN's ``internal``, and what routers use)."""

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def _is_own(page: Origin, host: str) -> bool:
    """Whether ``page`` comes from the host of the request. A proxy may have ended TLS, so the scheme of the lobby is not known:
    a port that is left out is that of the page's scheme."""
    own = parse_origin(f"{page[0]}://{host}")
    return own is not None and own[1:] == page[1:]


def _is_on_this_machine(page: Origin, host: str, settings: Settings) -> bool:
    """Whether a development server on this machine has served ``page``, and the lobby listens on this machine only."""
    own = parse_origin(f"http://{host}")
    names = (page[1], own[1] if own else "", settings.host)
    return all(addresses.is_loopback(name) for name in names)


def _is_known(name: str, settings: Settings) -> bool:
    """Whether a lobby without a secret may have this host name.

    A foreign page can point a name of its own to the address of a lobby in its visitor's network (DNS rebinding). Origin and
    Host then agree, and prove nothing. Addresses, names of this machine and names of local networks cannot be taken over
    in this way. A public name is known if ``origins`` has it.
    """
    is_local = "." not in name or name.endswith(LOCAL_NAMES) or addresses.is_loopback(name)
    return is_local or addresses.parse(name) is not None or name == settings.host.lower()
