"""`lobby serve`: one port for WebSocket, viewer, ``/healthz`` and ``/metrics``; sockets by picows.

The host of the service on one machine: it reads the clock, holds the connections and moves bytes. It decides nothing about a
lobby. The way of a position through here: :meth:`Connection.on_ws_frame` to the service, then, when its window is over,
:meth:`Server.post` from the service to the outboxes.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import json
import secrets
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from lobby import __version__
from lobby.errors import CODES, LobbyError, Refused
from lobby.fanout import window_ms
from lobby.limits import FRAME_BYTES
from lobby.messages import encode
from lobby.ports import NOBODY, Unreached
from lobby.presence import Presence
from lobby.rules import goodbye
from lobby.server.memory import MemoryStore
from lobby.service import Service
from lobby.settings import Settings
from lobby.signals import stop_on_signals
from lobby.telemetry import COUNTED, log
from lobby.tokens import check_secret
from lobby.viewer import pages

HANDSHAKE_S = 5.0
"""A socket that has not shaken hands by then is closed."""

GOODBYE_S = 2.0
"""How long connections have to close when the server stops, and a refused one to read why."""

HOPELESS = 4
"""An outbox with so many times ``outbox_bytes`` in it belongs to somebody who will not catch up any more."""

SEND_BUFFER_BYTES = 65_536
"""What the kernel may hold for one socket. Left alone it swallows 4 MB before a slow reader shows, 20 s of old positions."""

TEXT = WSMsgType.TEXT

HEADER_BYTES = 14
"""The longest header of a frame. picows writes it in front of the message, so that the same bytes go out to every socket."""

PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src *",
}


class Connection(WSListener):
    """One socket: frames in, an outbox out."""

    # A window touches all of them in a row; what is small stays in the processor's cache.
    __slots__ = (
        "_address",
        "_is_behind",
        "_is_over",
        "_is_slow",
        "_parts",
        "_pipe",
        "_request",
        "_server",
        "_transport",
        "id",
        "room",
    )

    def __init__(self, server: Server, request: WSUpgradeRequest) -> None:
        self.id = secrets.token_urlsafe(11) + "="
        self.room = ""
        self._server, self._request = server, request
        self._transport: WSTransport
        self._pipe: asyncio.Transport
        self._address = ""
        self._parts: list[bytes] = []
        self._is_slow = self._is_behind = self._is_over = False

    # ── called by picows ────────────────────────────────────────────────────────────────────────────────────────────

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is done: in, or out with a reason."""
        self._transport = transport
        self._pipe = transport.underlying_transport
        outbox = self._server.settings.outbox_bytes
        self._pipe.set_write_buffer_limits(high=outbox, low=outbox // 4)
        self._pipe.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        try:
            self.room = self._server.enter(self, self._request, self._peer())
        except Refused as refused:
            self._server.service.counts["refused", refused.code] += 1
            log("refused", code=refused.code, detail=refused.detail, address=self._peer())
            self.send(_frame(encode(goodbye(refused.code, refused.detail), 1) or ""))
            self.close(CODES[refused.code].close or 1008, f"{refused.code}: {refused.detail}")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame has arrived; messages in pieces are put together here."""
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code() or WSCloseCode.OK)  # a close frame without a code reads as code 0
            transport.disconnect()
        elif self._is_over:
            pass  # sent before its sender read our goodbye, or by somebody who does not care
        elif kind == TEXT and frame.fin and not self._parts:
            self._hear(frame.get_payload_as_bytes())
        elif kind in (TEXT, WSMsgType.CONTINUATION):
            if (kind == TEXT) == bool(self._parts):
                raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "a message begins with text and goes on with continuations")
            self._parts.append(frame.get_payload_as_bytes())
            if sum(map(len, self._parts)) > FRAME_BYTES:
                self._cut("too_large_frame")
            elif frame.fin:
                message, self._parts = b"".join(self._parts), []
                self._hear(message)
        elif kind == WSMsgType.PONG:
            self._server.service.heard(self.room, self.id, self._server.now())
        elif kind == WSMsgType.BINARY:
            self._cut("binary")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The socket has ended, whoever ended it."""
        self._server.leave(self, self._address)

    def pause_writing(self) -> None:
        """The outbox is full."""
        self._is_slow = True

    def resume_writing(self) -> None:
        """The outbox has room again."""
        self._is_slow = False
        if self._is_behind:
            self._is_behind = False
            self._server.service.catch_up(self.room, self.id, self._server.now())

    # ── called by the server ────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, message: bytes) -> None:
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self._cut("bad_text")
            return
        self._server.hear(self, text)

    def _peer(self) -> str:
        peer = self._pipe.get_extra_info("peername")
        forwarded = self._request.headers.get("X-Forwarded-For", "")
        if self._server.settings.behind_proxy and forwarded:
            return forwarded.rpartition(",")[2].strip()  # the last is what our own proxy saw, the others anybody can write
        return str(peer[0]) if peer else ""

    def count_for(self, address: str) -> None:
        """Remembers under which address this connection is counted."""
        self._address = address

    def send(self, frame: bytearray, droppable: bool = False) -> None:
        """Puts one text frame into the outbox, unless it is full and the frame can be spared. Made by :func:`_frame`."""
        if self._is_slow:
            if droppable:
                self._is_behind = True
                self._server.service.counts["skipped", ""] += 1
                return
            if self._pipe.get_write_buffer_size() > HOPELESS * self._server.settings.outbox_bytes:
                self._cut("slow_reader")
                return
        self._transport.send_reuse_external_bytearray(TEXT, frame, HEADER_BYTES)

    def ping(self) -> None:
        """Asks whether anybody is there."""
        self._transport.send_ping()

    def _cut(self, code: str) -> None:
        self._server.service.counts["closed", code] += 1
        log("closed", room=self.room, connection=self.id, code=code)
        self.close(CODES[code].close or 1008, f"{code}: {CODES[code].meaning}")
        self._server.leave(self, self._address)

    def close(self, code: int, reason: str) -> None:
        """Says goodbye with a close code; cuts the line when nobody answers. Twice does no harm."""
        if self._is_over:
            return
        self._is_over = True
        whole = reason.encode()[:123].decode(errors="ignore").encode()  # not in the middle of a character
        self._transport.send_close(cast(WSCloseCode, code), whole)  # any number will do, says picows, except to a type checker
        asyncio.get_running_loop().call_later(GOODBYE_S, self._transport.disconnect, False)


class Server:
    """The gateway and host of ``lobby serve``."""

    def __init__(self, settings: Settings, handshake_s: float = HANDSHAKE_S) -> None:
        self.settings, self._handshake_s = settings, handshake_s
        self.store = MemoryStore()
        self.service = Service(self.store, self, settings, self._open_window)
        self.connections: dict[str, Connection] = {}
        self.started_s = time.time()
        self._addresses: Counter[str] = Counter()
        self._windows: dict[str, asyncio.TimerHandle] = {}
        self._closed_s: dict[str, float] = {}
        self._pages = pages()
        self._registry = CollectorRegistry()
        self._registry.register(_Metrics(self))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    @staticmethod
    def now() -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    # ── the gateway's port ──────────────────────────────────────────────────────────────────────────────────────────

    def post(self, connections: Collection[str], text: str, *, droppable: bool = False) -> Unreached:
        """See :class:`lobby.ports.Gateway`. Encoded once, whoever it goes to."""
        frame, find = _frame(text), self.connections.get
        for id in connections:
            if (connection := find(id)) is not None:
                connection.send(frame, droppable)
        return NOBODY

    def close(self, connection: str, code: int, reason: str) -> None:
        """See :class:`lobby.ports.Gateway`."""
        if connection in self.connections:
            self.connections[connection].close(code, reason)

    # ── what connections tell ───────────────────────────────────────────────────────────────────────────────────────

    def enter(self, connection: Connection, request: WSUpgradeRequest, address: str) -> str:
        """Takes a connection in and returns its room. Raises Refused."""
        limit = self.settings.connections_per_address
        if limit and not _is_loopback(address):
            if self._addresses[address] >= limit:
                raise Refused("too_many_connections", f"at most {limit} connections from one address")
            self._addresses[address] += 1
            connection.count_for(address)
        query = dict(parse_qsl(urlsplit(request.path.decode("latin-1")).query, keep_blank_values=True))
        headers = request.headers
        handshake = self.service.admit(
            query, headers.get("Origin"), headers.get("Host", ""), f"player_{secrets.token_hex(4)}", self.now()
        )
        self.connections[connection.id] = connection
        try:
            self.service.connected(handshake, connection.id, self.now())
        except Refused:
            del self.connections[connection.id]
            raise
        return handshake.room

    def hear(self, connection: Connection, text: str) -> None:
        """A text message has arrived."""
        sender = self.store.get(connection.room, connection.id)
        if sender is not None:  # else it was sent before its sender learnt that it has been closed
            self.service.received(sender, text, self.now())

    def leave(self, connection: Connection, address: str) -> None:
        """A socket has ended. Twice does no harm."""
        if address:
            connection.count_for("")
            self._addresses[address] -= 1
            if self._addresses[address] <= 0:
                del self._addresses[address]
        if self.connections.pop(connection.id, None) is not None:
            self.service.disconnected(connection.room, connection.id, self.now())

    # ── windows ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open_window(self, room: str) -> None:
        """Lets a position wait for others: until a window's length after the last one was closed.

        So a room never hears more often than once a window, and who moves after a quiet time is heard at once: at the end
        of this turn of the loop, together with what arrived in the same turn.
        """
        loop = asyncio.get_running_loop()
        length_s = window_ms(len(self.connections), self.settings.window_ms) / 1000
        self._wake(room, max(loop.time(), self._closed_s.get(room, 0.0) + length_s))

    def _wake(self, room: str, when_s: float) -> None:
        waiting = self._windows.pop(room, None)
        if waiting is not None:
            waiting.cancel()
        loop = asyncio.get_running_loop()
        self._windows[room] = loop.call_at(when_s, self._close_window, room, when_s)

    def _close_window(self, room: str, when_s: float) -> None:
        del self._windows[room]
        # The time it was due, not the time it is: else every window would be longer by what telling it takes.
        self._closed_s[room] = when_s
        now = self.now()
        again_ms = self.service.close_window(room, now)
        if again_ms is not None and room not in self._windows:
            self._wake(room, asyncio.get_running_loop().time() + max(0, again_ms - now) / 1000)

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, on_ready: Callable[[int], None] = lambda port: None, stop: asyncio.Event | None = None) -> None:
        """Serves until ``stop`` is set, or a signal to stop arrives. ``on_ready`` gets the port. Raises LobbyError."""
        check_exposure(self.settings)
        stop = stop or stop_on_signals()
        tls: dict[str, Any] = {}
        if self.settings.tls_cert:
            # By asyncio's own TLS: picows' faster one answers a failed handshake with a stack trace in the log.
            tls = {"ssl": _tls(self.settings), "ssl_handshake_timeout": self._handshake_s, "use_aiofastnet": False}
        try:
            listening = await ws_create_server(
                self._route,
                self.settings.host,
                self.settings.port,
                websocket_handshake_timeout=self._handshake_s,
                max_frame_size=FRAME_BYTES,
                **tls,
                backlog=1024,
            )
        except OSError as error:
            raise LobbyError(_cannot_listen(error, self.settings)) from None
        port = int(listening.sockets[0].getsockname()[1])
        log("serving", host=self.settings.host, port=port, version=__version__)
        on_ready(port)
        heart = asyncio.create_task(self._beat())
        try:
            await stop.wait()
        finally:
            heart.cancel()
            listening.close()
            await self._say_goodbye()

    async def _beat(self) -> None:
        """Pings everybody and ends those who missed two."""
        while True:
            await asyncio.sleep(self.settings.heartbeat_ms / 1000)
            self._closed_s = {room: self._closed_s.get(room, 0.0) for room in self.store.rooms()}
            for room in self.store.rooms():
                self.service.sweep(self.store.room(room), self.now())
            for connection in list(self.connections.values()):
                connection.ping()

    async def _say_goodbye(self) -> None:
        """Tells everybody to come back, and gives them a moment to hear it."""
        code = CODES["restarting"]
        log("stopping", connections=len(self.connections))
        for connection in list(self.connections.values()):
            connection.close(code.close or 1012, f"restarting: {code.meaning}")
        until = time.monotonic() + GOODBYE_S
        while self.connections and time.monotonic() < until:
            await asyncio.sleep(0.01)

    # ── HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _route(self, request: WSUpgradeRequest) -> Connection | WSUpgradeResponseWithListener | None:
        path = urlsplit(request.path.decode("latin-1")).path
        if request.headers.get("Upgrade", "").lower() == "websocket":
            if "upgrade" in request.headers.get("Connection", "").lower():
                request.headers["Connection"] = "Upgrade"  # Firefox says "keep-alive, Upgrade", which picows does not take
            return Connection(self, request) if path.count("/") == 1 or path.rstrip("/").count("/") == 1 else None
        if path == "/healthz":
            return _answer(json.dumps(self.health()).encode() + b"\n", "application/json")
        if path == "/metrics":
            return _answer(generate_latest(self._registry), CONTENT_TYPE_LATEST)
        page = self._pages.get("index.html" if path == "/" else path.removeprefix("/viewer/"))
        return _answer(page[0], f"{page[1]}; charset=utf-8", headers=PAGE_HEADERS) if page else None

    def health(self) -> dict[str, object]:
        """What ``/healthz`` says."""
        rooms = [self.store.room(room) for room in self.store.rooms()]
        return {
            "status": "ok",
            "version": __version__,
            "players": sum(len(_players(rows)) for rows in rooms),
            "rooms": len(rooms),
            "uptime_s": round(time.time() - self.started_s),
        }


def _frame(text: str) -> bytearray:
    return bytearray(HEADER_BYTES) + text.encode()


class _Metrics(Collector):
    """What ``/metrics`` says of the lobby itself; names and meanings come from ``telemetry.COUNTED``."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def collect(self) -> Iterable[Metric]:
        server = self._server
        for name, (label, meaning) in COUNTED.items():
            family = CounterMetricFamily(f"lobby_{name}", meaning, labels=[label] if label else None)
            if not label:
                family.add_metric([], server.service.counts[name, ""])
            for (counted, value), times in server.service.counts.items():
                if label and counted == name:
                    family.add_metric([value], times)
            yield family
        health = server.health()
        yield GaugeMetricFamily("lobby_players", "Players who are here now.", float(str(health["players"])))
        yield GaugeMetricFamily("lobby_rooms", "Rooms that somebody is in.", float(str(health["rooms"])))
        yield GaugeMetricFamily("lobby_connections", "Connections that are open.", len(server.connections))
        longest = window_ms(len(server.connections), server.settings.window_ms)
        yield GaugeMetricFamily("lobby_window_seconds", "How long a position waits for others now.", longest / 1000)


def check_exposure(settings: Settings) -> None:
    """Raises :class:`LobbyError` where a lobby would be open to everybody and nobody has said that it may be."""
    if settings.secret:
        check_secret(settings.secret)
    elif not settings.open and not _is_loopback(settings.host):
        raise LobbyError(
            f"On {settings.host} other machines can connect, and without a secret anybody may be anybody. "
            "Set LOBBY_SECRET (`lobby token --new-secret` prints one), or say --open if that is what you want."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _players(rows: list[Presence]) -> set[str]:
    return {row.player for row in rows}


def _cannot_listen(error: OSError, settings: Settings) -> str:
    where = f"port {settings.port} on {settings.host}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"Cannot listen on {where}: something else uses it. Stop that, or choose another port: --port {settings.port + 1}."
        )
    if error.errno == errno.EACCES:
        return f"Cannot listen on {where}: ports below 1024 need rights. Choose a higher one (--port 8765)."
    return f"Cannot listen on {where}: {error.strerror or error}. Check --host and --port."


def _tls(settings: Settings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise LobbyError(f"Cannot use {settings.tls_cert} and {settings.tls_key} for TLS: {error}.") from None
    return context


def _answer(body: bytes, kind: str, headers: dict[str, str] | None = None) -> WSUpgradeResponseWithListener:
    return WSUpgradeResponseWithListener(
        WSUpgradeResponse.create_ok_response(body, {"Content-Type": kind, **(headers or {})}), None
    )
