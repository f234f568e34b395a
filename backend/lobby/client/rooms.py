"""The list of rooms of a lobby, for clients: ``await rooms("ws://127.0.0.1:8765/")``."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from urllib.request import HTTPSHandler as Https
from urllib.request import ProxyHandler, build_opener

from lobby.addresses import is_loopback
from lobby.client.endings import one_line
from lobby.client.sockets import address, why
from lobby.errors import LobbyError

TIMEOUT_S = 10.0
"""How long an answer may take."""

ANSWER_BYTES = 1_000_000
"""The largest answer: 1,000 rooms have less than 200 kB."""


class Room(NamedTuple):
    """One room. ``size`` is the largest number of players."""

    name: str
    players: int
    size: int


class RoomList(NamedTuple):
    """Rooms in the order of their names. ``next`` is the value of ``after`` for the next page; None on the last one."""

    rooms: list[Room]
    next: str | None


async def rooms(url: str, *, token: str = "", limit: int = 100, after: str = "", tls: ssl.SSLContext | None = None) -> RoomList:
    """The rooms of the lobby at ``url`` behind ``after``, at most ``limit`` (1 to 1,000).

    ``url`` is the address to which clients connect. Raises :class:`LobbyError` with one sentence, also where the lobby does not
    list its rooms.
    """
    return await asyncio.to_thread(_fetch, url, token, limit, after, tls)


def list_address(url: str, token: str, limit: int, after: str) -> str:
    """The address of the list: ``rooms`` beside the address of the lobby. Raises :class:`LobbyError`."""
    parts = urlsplit(address(url, token=token))
    query = {"limit": str(limit)} | ({"after": after} if after else {})
    query |= {key: value for key, value in parse_qsl(parts.query) if key == "token"}
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    return urlunsplit((scheme, parts.netloc, parts.path.rpartition("/")[0] + "/rooms", urlencode(query), ""))


def _fetch(url: str, token: str, limit: int, after: str, tls: ssl.SSLContext | None) -> RoomList:
    where = list_address(url, token, limit, after)
    shown = where.partition("?")[0]
    direct = [ProxyHandler({})] if is_loopback(urlsplit(where).hostname or "") else []
    opener = build_opener(Https(context=tls), *direct)
    try:
        with opener.open(where, timeout=TIMEOUT_S) as answer:
            found = json.loads(answer.read(ANSWER_BYTES))
        listed = [Room(str(one["name"]), int(one["players"]), int(one["size"])) for one in found["rooms"]]
        return RoomList(listed, None if found["next"] is None else str(found["next"]))
    except HTTPError as error:
        with error:
            said = one_line(error.read(1_000).decode(errors="replace"))
        raise LobbyError(f"The lobby at {shown} gives no list of rooms ({error.code}): {said}") from None
    except URLError as error:
        reason = why(error.reason) if isinstance(error.reason, Exception) else str(error.reason)
        raise LobbyError(f"Cannot read {shown}: {reason}.") from None
    except (KeyError, TypeError, ValueError, RecursionError):
        raise LobbyError(f"What answers at {shown} is no list of rooms.") from None
    except OSError as error:
        raise LobbyError(f"Cannot read {shown}: {why(error)}.") from None
