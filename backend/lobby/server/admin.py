"""The admin API of `lobby serve`, by FastAPI and uvicorn, on a port of its own. ``docs/operators.md`` describes it.

This module reads requests and writes answers; ``operating`` does what they ask for. Two things need no key: ``GET
/openapi.json``, which describes the API for programs, and the files of the console.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
import ssl
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qsl

from fastapi import Body, FastAPI, Path, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from uvicorn import Config
from uvicorn import Server as UvicornServer
from uvicorn.protocols.http.h11_impl import H11Protocol

from lobby import __version__, console
from lobby.errors import LobbyError, Refused
from lobby.operators import BAN_S, PAGE, PAGE_MOST, Ban, PlayerPage, RoomPage, check_reason
from lobby.server.http import Health, Site
from lobby.server.operating import Absent, Operating, audit_drain
from lobby.server.stats import INTERVAL_S, Point, Stats

BODY_BYTES = 65_536
"""The largest body of a request."""

CONNECTIONS = 100
"""How many connections the admin port takes at once. It is for a few people and programs."""

CONNECTION_S = 15.0
"""How long a connection may last. It carries one request. Without this limit, sockets without a request would use up all
places."""

DRAIN_S = 10.0
"""Over how many seconds the players leave when a lobby is drained, by default."""

NAMES_OF_KEYS = {
    "key",
    "admin_key",
    "api_key",
    "apikey",
    "token",
    "access_token",
    "auth",
    "authorization",
    "bearer",
    "password",
}
"""Parameters of an address that carry a key."""

IN_THE_ADDRESS = (
    "The address carries a key. Addresses are kept in histories and logs: send the key only in the header "
    "`Authorization: Bearer KEY`, and replace this key if it is real."
)
NO_KEY = "The admin API needs its key in the header `Authorization: Bearer KEY`."
WRONG_KEY = "This is not the key of the admin API. It is the setting admin_key of the lobby, or its variable LOBBY_ADMIN_KEY."

_ID = r"^[A-Za-z0-9_.:|@\-]{1,64}$"
_PREFIX = _ID.replace("1,64", "0,64")

RoomId = Annotated[str, Path(pattern=_ID, description="Name of the room.")]
PlayerId = Annotated[str, Path(pattern=_ID, description="Id of the player.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MOST, description="The largest number of items in the answer.")]
After = Annotated[str, Query(max_length=64, description="Only items after this one: `next` of the page before.")]
Prefix = Annotated[str, Query(pattern=_PREFIX, description="Only rooms whose names begin with this.")]
AfterMs = Annotated[int, Query(ge=0, description="Only points after this time: `at_ms` of the newest known one.")]
Reason = Annotated[str, AfterValidator(check_reason), Field(description="What the player reads.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Kick(_Body):
    """Why a player is removed."""

    reason: Reason = ""


class BanPlayer(_Body):
    """How long a player is banned, in seconds, and why."""

    seconds: int = Field(ge=1, le=BAN_S)
    reason: Reason = ""


class EventToSend(_Body):
    """The name and the data of an event."""

    event: str
    data: dict[str, Any] = {}


class Drain(_Body):
    """Over how many seconds the players leave, evenly."""

    seconds: float = Field(default=DRAIN_S, ge=0, le=3_600)


class ClosedConnections(BaseModel):
    """How many connections were closed."""

    closed: int


class Banned(BaseModel):
    """The ban, and how many connections were closed."""

    player: str
    until_ms: int
    reason: str
    closed: int


class BanList(BaseModel):
    """The bans that have not expired."""

    bans: list[Ban]


class Removed(BaseModel):
    """How many bans were removed."""

    removed: int


class Sent(BaseModel):
    """How many connections an event was sent to. Clients of protocol version 1 receive none."""

    connections: int


class Draining(BaseModel):
    """How many players leave, and within how many seconds."""

    players: int
    seconds: float


class Now(BaseModel):
    """The state of the lobby now. ``window_ms``: how long a position waits for others."""

    version: str
    players: int
    rooms: int
    connections: int
    window_ms: int
    uptime_s: int
    draining: bool


class StatsAnswer(BaseModel):
    """The state now, and the last hour: the oldest point first."""

    now: Now
    interval_s: int
    points: list[Point]


class Administered(NamedTuple):
    """What the admin API reads and changes. ``sample`` adds a point to ``stats``; ``drain`` takes seconds."""

    operating: Operating
    site: Site
    stats: Stats
    sample: Callable[[], None]
    health: Callable[[], Health]
    drain: Callable[[float], None]


class Routes:
    """The answers of the admin API."""

    def __init__(self, lobby: Administered) -> None:
        self._lobby, self._operating = lobby, lobby.operating

    def add_to(self, app: FastAPI) -> None:
        """Adds all routes."""
        for method, path, answer in (
            ("GET", "/rooms", self.rooms),
            ("GET", "/rooms/{room}", self.room),
            ("DELETE", "/rooms/{room}", self.close_room),
            ("POST", "/rooms/{room}/players/{player}/kick", self.kick),
            ("POST", "/rooms/{room}/players/{player}/ban", self.ban),
            ("GET", "/bans", self.bans),
            ("DELETE", "/bans", self.unban_all),
            ("DELETE", "/bans/{player}", self.unban),
            ("POST", "/rooms/{room}/events", self.send_to_room),
            ("POST", "/events", self.send_to_all),
            ("POST", "/drain", self.drain),
            ("GET", "/metrics", self.metrics),
            ("GET", "/stats", self.stats),
        ):
            app.add_api_route(path, answer, methods=[method])

    async def rooms(self, limit: Limit = PAGE, after: After = "", prefix: Prefix = "") -> RoomPage:
        """The rooms that have players, in the order of their names. `total` counts all rooms, also with a prefix."""
        return self._operating.rooms(limit, after, prefix)

    async def room(self, room: RoomId, limit: Limit = PAGE, after: After = "") -> PlayerPage:
        """The players of a room, in the order of their ids."""
        return self._operating.players(room, limit, after)

    async def close_room(self, room: RoomId, request: Request) -> ClosedConnections:
        """Removes all players from a room. Their clients do not come back by themselves."""
        return ClosedConnections(closed=self._operating.close(room, _remote(request)))

    async def kick(self, room: RoomId, player: PlayerId, request: Request, body: Kick | None = None) -> ClosedConnections:
        """Removes a player from a room. Its client does not come back by itself."""
        return ClosedConnections(closed=self._operating.kick(room, player, body.reason if body else "", _remote(request)))

    async def ban(self, room: RoomId, player: PlayerId, request: Request, body: BanPlayer) -> Banned:
        """Bans a player from all rooms, and removes it. The player need not be there. A restart forgets all bans."""
        ban, closed = self._operating.ban(room, player, body.seconds, body.reason, _remote(request))
        return Banned(player=ban.player, until_ms=ban.until_ms, reason=ban.reason, closed=closed)

    async def bans(self) -> BanList:
        """The bans that have not expired."""
        return BanList(bans=self._operating.active_bans())

    async def unban_all(self, request: Request) -> Removed:
        """Removes all bans."""
        return Removed(removed=self._operating.unban_all(_remote(request)))

    async def unban(self, player: PlayerId, request: Request) -> Removed:
        """Removes the ban of a player."""
        self._operating.unban(player, _remote(request))
        return Removed(removed=1)

    async def send_to_room(self, room: RoomId, request: Request, body: EventToSend) -> Sent:
        """Sends an event to all players of a room. Its sender is empty."""
        return self._send(room, body, request)

    async def send_to_all(self, request: Request, body: EventToSend) -> Sent:
        """Sends an event to all players of all rooms. Its sender is empty."""
        return self._send(None, body, request)

    def _send(self, room: str | None, body: EventToSend, request: Request) -> Sent:
        return Sent(connections=self._operating.send(room, body.event, body.data, _remote(request)))

    async def drain(self, request: Request, body: Annotated[Drain | None, Body()] = None) -> Draining:
        """Refuses new players, asks the others to come back later, evenly within some seconds, and then stops the lobby."""
        seconds = (body or Drain()).seconds
        players = self._lobby.health().players
        audit_drain(seconds, players, _remote(request))
        self._lobby.drain(seconds)
        return Draining(players=players, seconds=seconds)

    async def metrics(self) -> Response:
        """All metrics, for Prometheus."""
        answer = self._lobby.site.metrics()
        return Response(answer.body, answer.status, dict(answer.headers))

    async def stats(self, after_ms: AfterMs = 0) -> StatsAnswer:
        """The state now, and the last hour with one point every ten seconds."""
        now = Now(version=__version__, **self._lobby.health()._asdict())
        return StatsAnswer(now=now, interval_s=INTERVAL_S, points=self._lobby.stats.after(after_ms))


def _remote(request: Request) -> str:
    return f"{request.client.host}:{request.client.port}" if request.client else ""


# ── the port ────────────────────────────────────────────────────────────────────────────────────────────────────────

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Any]


class Guard:
    """Answers requests without the right key, and requests that are too large, before anything of them is read.

    The files of the console need no key: a browser has none when it loads a page.
    """

    def __init__(self, app: App, key: str) -> None:
        self._app, self._key, self._files = app, key.encode(), console.files()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One request."""
        refused = self._refusal(scope)
        if refused is None and self._is_file(scope):
            body, kind = self._files[scope["path"]]
            await Response(body, headers=console.HEADERS, media_type=kind)(scope, receive, send)
        elif refused is None:
            await self._app(scope, receive, send)
        else:
            status, detail = refused
            headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            await JSONResponse({"detail": detail}, status, headers)(scope, receive, send)

    def _is_file(self, scope: Scope) -> bool:
        return scope["method"] in ("GET", "HEAD") and scope["path"] in self._files

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = dict(scope["headers"])
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        parts = [value for _, value in query] + scope["path"].split("/")
        if any(name.lower() in NAMES_OF_KEYS for name, _ in query) or any(map(self._is_key, parts)):
            return 400, IN_THE_ADDRESS
        if scope["path"] != "/openapi.json" and not self._is_file(scope):
            scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
            if scheme.lower() == "basic":  # what clients send for http://name:key@host/
                return 400, IN_THE_ADDRESS
            if scheme.lower() != "bearer" or not key.strip():
                return 401, NO_KEY
            if not self._is_key(key.strip()):
                return 401, WRONG_KEY
        if b"transfer-encoding" in headers or int(headers.get(b"content-length", b"0")) > BODY_BYTES:
            return 413, f"A request has at most {BODY_BYTES:,} bytes, and a Content-Length."
        return None

    def _is_key(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._key)


def build(lobby: Administered, key: str) -> Guard:
    """The API as an ASGI application."""
    app = FastAPI(
        title="Lobby, admin API",
        version=__version__,
        description="For the operators of a lobby. Each action writes a line to the log of the lobby.",
        docs_url=None,  # these pages would load scripts from other servers
        redoc_url=None,
        dependencies=[Security(HTTPBearer(auto_error=False, description="The setting admin_key of the lobby."))],
    )
    Routes(lobby).add_to(app)
    app.add_exception_handler(Absent, _absent)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(LobbyError, _impossible)
    app.add_exception_handler(RequestValidationError, _invalid)
    return Guard(app, key)


async def _absent(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 404)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse({"detail": error.detail}, 422)


async def _impossible(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 409)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": "; ".join(map(_sentence, error.errors()))}, 422)


def _sentence(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path"))
    return f"{where}: {error['msg']}" if where else str(error["msg"])


class _Uvicorn(UvicornServer):
    """uvicorn inside of the event loop of the lobby, which handles signals itself."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Captures none."""
        yield


class _OneRequest(H11Protocol):
    """A connection that ends after :data:`CONNECTION_S`, whatever its client sends or reads."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = asyncio.get_running_loop().call_later(CONNECTION_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)


class AdminPort:
    """The admin API, listening. ``tls``: None for plain HTTP."""

    def __init__(self, lobby: Administered, key: str, listening: Iterable[socket.socket], tls: ssl.SSLContext | None) -> None:
        config = Config(
            build(lobby, key),
            http=_OneRequest,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,  # it would write addresses
            server_header=False,
            headers=[("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"), ("Connection", "close")],
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
        config.load()
        config.ssl = tls
        self._server = _Uvicorn(config)
        self._serving = asyncio.ensure_future(self._server.serve(list(listening)))
        self._sampling = asyncio.ensure_future(self._sample(lobby))

    async def close(self) -> None:
        """Answers the requests that have begun, and closes the port."""
        self._sampling.cancel()
        self._server.should_exit = True
        await self._serving

    async def _sample(self, lobby: Administered) -> None:
        while True:
            lobby.sample()
            await asyncio.sleep(INTERVAL_S)
