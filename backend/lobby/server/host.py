"""`lobby serve`: one port for WebSocket, page, ``/healthz`` and ``/metrics``.

The host reads the clock, owns the connections and sleeps until windows are due; it decides nothing about a lobby. The path of a
position: ``connections.ServerConnection.on_ws_frame``, :meth:`Server.received`, then the driver in ``resident``; when the
window is due, the driver again, and through ``delivery`` to the outboxes in ``connections``.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Callable
from logging import WARNING
from typing import TYPE_CHECKING

from lobby import __version__, limits, roomlist
from lobby.addresses import counting_key, is_loopback, last_hop
from lobby.admission import admit, check_origin, check_origins
from lobby.errors import CODES, LobbyError, Refused
from lobby.limits import HANDSHAKE_S, Bucket, Pace, Verdict
from lobby.ports import Store
from lobby.server.connections import CLOSE_S, Outboxes, ServerConnection
from lobby.server.gate import Gate, Turns, listening_sockets
from lobby.server.http import Health, HttpAnswer, Site, as_json
from lobby.server.operating import Operating
from lobby.server.requests import HttpRequest, Invalid
from lobby.server.resident import Resident
from lobby.server.stats import Stats
from lobby.settings import Settings
from lobby.signals import stop_on_signals
from lobby.telemetry import log
from lobby.terminal import missing_package
from lobby.tokens import check_secret, verify_any

if TYPE_CHECKING:
    from lobby.server.admin import AdminPort
    from lobby.server.webhooks import WebhookSender


class Paced:
    """A rate limit for each key. Keys whose limit is full again are forgotten."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._buckets: dict[str, Bucket] = {}
        self._most = 1_000

    def allows(self, key: str, now: int) -> bool:
        """Whether ``key`` may do it once more at ``now`` (in ms)."""
        if len(self._buckets) >= self._most:
            self._buckets = {other: bucket for other, bucket in self._buckets.items() if bucket.due_ms > now}
            self._most = max(1_000, 2 * len(self._buckets))
        self._buckets[key], verdict = self.pace.spend(self._buckets.get(key, Bucket()), now)
        return verdict is Verdict.ALLOWED


class Server:
    """The host of `lobby serve`. ``store`` keeps the presences; ``handshake_s`` is shorter in tests."""

    def __init__(self, settings: Settings, store: Store, handshake_s: float = HANDSHAKE_S) -> None:
        self.settings, self.store, self._handshake_s = settings, store, handshake_s
        self.connections = Outboxes()
        self.lobby = Resident(store, self.connections, settings)
        self.lobby.wake = self._wake_at
        self.counts = self.lobby.counts
        self.outbox_bytes = settings.outbox_bytes
        self._started_s = time.monotonic()
        self._epoch_s = time.time() - self._started_s
        self._counted: dict[str, str] = {}
        """The key of the address under which a connection is counted, by connection id."""
        self._addresses: Counter[str] = Counter()
        self._timers: dict[str, tuple[int, asyncio.TimerHandle]] = {}
        """When the window of a room is due, and the timer that closes it."""
        self.pace = limits.pace(settings)
        self._sockets, self._connects = Paced(limits.socket_pace(settings)), Paced(limits.connect_pace(settings))
        self._turns = Turns()
        self.site = Site(self, with_metrics=not settings.metrics_on_admin_port)
        self.operating = Operating(self.lobby, self.connections, self.now)
        self.stats = Stats(settings.heartbeat_ms)
        self._stop = asyncio.Event()
        self._draining: asyncio.Task[None] | None = None

    def now(self) -> int:
        """Milliseconds since 1970 by the clock at the start, advanced by the monotonic clock.

        So it never jumps: a system clock that is set changes no heartbeat, window or rate limit.
        """
        return int((self._epoch_s + time.monotonic()) * 1000)

    # ── what connections report, see `connections.Host` ─────────────────────────────────────────────────────────────

    def enter(self, connection: ServerConnection, request: HttpRequest, address: str) -> str:
        self._count_address(connection, address)
        query, origin, host = request.query, request.headers.get("origin"), request.headers.get("host", "")
        now, fallback = self.now(), f"player_{secrets.token_hex(4)}"
        handshake = admit(query, origin, host, fallback, self.settings, now)
        self.operating.bans.check(handshake.player, now)
        if self._draining is not None:
            raise Refused("restarting")
        self.connections.add(connection)
        try:
            self.lobby.connected(handshake, connection.id, now)
        except BaseException:
            self.connections.remove(connection)
            raise
        return handshake.room

    def received(self, connection: ServerConnection, message: bytes) -> None:
        self.lobby.received(connection.room, connection.id, message, self.now())

    def pong(self, connection: ServerConnection, ms: int) -> None:
        now = self.now()
        self.stats.answered(ms, now)
        self.lobby.seen(connection.room, connection.id, now)

    def drained(self, connection: ServerConnection) -> None:
        self.lobby.catch_up(connection.room, connection.id, self.now())

    def left(self, connection: ServerConnection) -> None:
        address = self._counted.pop(connection.id, None)
        if address is not None:
            self._addresses[address] -= 1
            if self._addresses[address] <= 0:
                del self._addresses[address]
        if self.connections.remove(connection):
            self._turns.add(lambda: self.lobby.disconnected(connection.room, connection.id, self.now()))

    def _count_address(self, connection: ServerConnection, address: str) -> None:
        """Counts a connection under its address; connections of this machine are not counted. Raises Refused."""
        if self._counts(address):
            key = counting_key(address)
            if not self._connects.allows(key, self.now()):
                limits.refuse_connect(self._connects.pace)
            limits.check_address(self._addresses[key], self.settings)
            self._addresses[key] += 1
            self._counted[connection.id] = key

    def _counts(self, address: str) -> bool:
        """Whether connections from ``address`` are limited: not those of this machine, unless a proxy reports them."""
        return self.settings.connections_per_address > 0 and (self.settings.behind_proxy or not is_loopback(address))

    # ── windows ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _wake_at(self, room: str, due_ms: int) -> None:
        """Closes the window of a room at ``due_ms``, and not at a time that was asked for before."""
        waiting = self._timers.get(room)
        if waiting is not None:
            if waiting[0] == due_ms:
                return
            waiting[1].cancel()
        # The clock of event loops is the monotonic clock.
        timer = asyncio.get_running_loop().call_at(due_ms / 1000 - self._epoch_s, self._close_window, room)
        self._timers[room] = (due_ms, timer)

    def _close_window(self, room: str) -> None:
        now = self.now()
        self.stats.closed(now - self._timers.pop(room)[0])
        began_ns = time.thread_time_ns()
        frames = self.lobby.close_window(room, now)
        self.lobby.budget.measured(frames, (time.thread_time_ns() - began_ns) / 1e6)

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, on_ready: Callable[[int], None] = lambda port: None, stop: asyncio.Event | None = None) -> None:
        """Serves until ``stop`` is set, or a signal to stop arrives. ``on_ready`` gets the port. Raises LobbyError."""
        check_exposure(self.settings)
        self._stop = stop = stop or stop_on_signals()
        tls = _tls(self.settings) if self.settings.tls_cert else None
        try:
            listening = await listening_sockets(self.settings.host, self.settings.port, 1024)
        except OSError as error:
            raise LobbyError(_cannot_listen(error, self.settings.host, self.settings.port)) from None
        port = int(listening[0].getsockname()[1])
        self.gate = gate = Gate(self, self._turns, self._handshake_s, tls)
        try:
            admin = await self._open_admin_port(tls) if self.settings.admin_port else None
        except BaseException:
            for one in listening:
                one.close()
            raise
        webhooks = self._open_webhooks() if self.settings.webhook_url else None
        gate.open(listening)
        log("serving", host=self.settings.host, port=port, version=__version__)
        on_ready(port)
        heartbeat = asyncio.create_task(self._send_heartbeats())
        try:
            await stop.wait()
        finally:
            heartbeat.cancel()
            gate.close()
            await self._close_all()
            if webhooks is not None:
                while len(self._turns):  # the last leaves
                    await asyncio.sleep(0)
                await webhooks.close()
            if admin is not None:
                await admin.close()

    async def _open_admin_port(self, tls: ssl.SSLContext | None) -> AdminPort:
        """Raises LobbyError."""
        try:
            from lobby.server.admin import Administered, AdminPort
        except ModuleNotFoundError as error:
            raise missing_package("--admin-port", error, "admin") from None
        settings = self.settings
        host, port = settings.admin_host, settings.admin_port
        try:
            listening = await listening_sockets(host, port, 64)
        except OSError as error:
            raise LobbyError(_cannot_listen(error, host, port, "--admin-host", "--admin-port")) from None
        it = Administered(self.operating, self.site, self.stats, self.sample, self.health, self.drain)
        own = is_loopback(host)
        if not own and tls is None:
            log(
                "admin_without_tls",
                WARNING,
                host=host,
                advice="the key travels as plain text: set tls_cert, or a proxy with TLS",
            )
        return AdminPort(it, settings.admin_key, listening, None if own else tls)

    def _open_webhooks(self) -> WebhookSender:
        from lobby.server.webhooks import WebhookSender

        sender = WebhookSender(self.settings, self.counts)
        self.lobby.report = sender.webhooks.report
        return sender

    def sample(self) -> None:
        """Adds a point to the statistics of the last hour."""
        self.stats.sample(self.now(), self.counts, self.health())

    async def _send_heartbeats(self) -> None:
        """Pings all connections, and closes those that missed two pings."""
        while True:
            await asyncio.sleep(self.settings.heartbeat_ms / 1000)
            self.lobby.close_silent(self.now())
            for connection in list(self.connections):
                connection.ping()

    async def _close_all(self) -> None:
        """Closes all connections with a code that asks clients to come back, and waits a moment for them."""
        log("stopping", connections=len(self.connections))
        for connection in list(self.connections):
            _ask_to_come_back(connection)
        until = time.monotonic() + CLOSE_S
        while self.connections and time.monotonic() < until:
            await asyncio.sleep(0.01)

    def drain(self, seconds: float) -> None:
        """Refuses new players, asks those that are here to come back later, evenly within ``seconds``, and then stops.

        A load balancer sends them to another lobby. A second call changes nothing.
        """
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain(seconds))

    async def _drain(self, seconds: float) -> None:
        connections, begin = list(self.connections), time.monotonic()
        for number, connection in enumerate(connections):
            if not self.connections:
                break
            await asyncio.sleep(max(0.0, begin + seconds * number / len(connections) - time.monotonic()))
            _ask_to_come_back(connection)
        self._stop.set()

    # ── HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def admits(self, peer: str) -> bool:
        return self.settings.behind_proxy or not self._counts(peer) or self._sockets.allows(counting_key(peer), self.now())

    def answer(self, request: HttpRequest) -> HttpAnswer:
        if request.method not in ("GET", "HEAD"):
            raise Invalid(405, "Only GET and HEAD are possible here.", {"Allow": "GET, HEAD"})
        if request.path == "/rooms":
            return self._list_rooms(request)
        found = self.site.answer(request.path)
        if found is None:
            raise Invalid(404, "There is nothing at this address.")
        return found

    def _list_rooms(self, request: HttpRequest) -> HttpAnswer:
        if not self.settings.list_rooms:
            raise Invalid(404, "This lobby does not list its rooms: its setting list_rooms (--list-rooms) is off.")
        origin, host, query = request.headers.get("origin"), request.headers.get("host", ""), request.query
        headers = {"Cache-Control": "no-store", "Vary": "Origin"}
        try:
            check_origin(origin, host, self.settings)
            if origin is not None:  # the page may read also why its token is refused
                headers["Access-Control-Allow-Origin"] = origin
            verify_any(query.get("token", ""), self.settings.secret, self.now())
            limit, after = roomlist.parse_query(query)
        except Refused as refused:
            raise Invalid(CODES[refused.code].http or 400, f"{refused.detail} ({refused.code})", headers) from None
        return as_json(roomlist.listed(self.store, limit, after, self.settings), headers)

    def connection(self, request: HttpRequest, peer: str) -> ServerConnection:
        if request.path.rstrip("/").count("/") > 1:
            raise Invalid(404, "There is no lobby at this address. Its path is / or one name.")
        forwarded = request.headers.get("x-forwarded-for") if self.settings.behind_proxy else None
        return ServerConnection(self, request, peer if forwarded is None else last_hop(forwarded))

    def health(self) -> Health:
        """The state of this lobby."""
        rooms = self.store.rooms()
        players = sum(len({row.player for row in self.store.room(room) if not row.watch}) for room in rooms)
        uptime_s = round(time.monotonic() - self._started_s)
        is_draining = self._draining is not None
        return Health(players, len(rooms), len(self.connections), self.lobby.window_ms, uptime_s, is_draining)


def _ask_to_come_back(connection: ServerConnection) -> None:
    code = CODES["restarting"]
    connection.close(code.close or 1012, f"restarting: {code.meaning}")


def check_exposure(settings: Settings) -> None:
    """Raises :class:`LobbyError` where a lobby without a secret would be open to other machines without ``--open``, and for
    allowed origins that no page can have."""
    check_origins(settings)
    if settings.metrics_on_admin_port and not settings.admin_port:
        raise LobbyError("--metrics-on-admin-port needs an admin port: add --admin-port.")
    if settings.admin_port and not settings.admin_key:
        raise LobbyError("--admin-port needs a key: set LOBBY_ADMIN_KEY. `lobby token --new-secret` prints a good one.")
    if settings.admin_port:
        try:
            check_secret(settings.admin_key)
        except LobbyError as error:
            raise LobbyError(f"LOBBY_ADMIN_KEY is not good enough. {error}") from None
    if settings.webhook_url:
        try:
            from lobby.server.webhooks import check_webhook
        except ModuleNotFoundError as error:
            raise missing_package("--webhook-url", error, "admin") from None
        check_webhook(settings)
    closed = [rule.pattern for rule in settings.rooms if ("invite", True) in rule.changes]
    if closed and not settings.secret:
        raise LobbyError(
            f"The rooms {closed[0]} need an invitation, which is a token, but the lobby has no secret. Set LOBBY_SECRET "
            "(`lobby token --new-secret` prints one), or remove invite from the file of --rooms-file."
        )
    if settings.secret:
        check_secret(settings.secret)
    elif not settings.open and not is_loopback(settings.host):
        raise LobbyError(
            f"On {settings.host} other machines can connect, and without a secret each client can use any player id. "
            "Set LOBBY_SECRET (`lobby token --new-secret` prints one), or use --open to allow this."
        )


def _cannot_listen(error: OSError, host: str, port: int, of_host: str = "--host", of_port: str = "--port") -> str:
    where = f"port {port} on {host}"
    if error.errno == errno.EADDRINUSE:
        return f"Cannot listen on {where}: another program uses it. Stop it, or choose another port: {of_port} {port + 1}."
    if error.errno == errno.EACCES:
        return f"Cannot listen on {where}: ports below 1024 need special rights. Choose a higher one ({of_port} 8765)."
    return f"Cannot listen on {where}: {error.strerror or error}. Check {of_host} and {of_port}."


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise LobbyError(f"Cannot use {settings.tls_cert} and {settings.tls_key} for TLS: {error}.") from None
    return context
