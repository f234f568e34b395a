"""The gate of `lobby serve`: it accepts sockets, reads one HTTP request from each, by h11, and answers it.

A valid WebSocket handshake is handed over to picows, which reads all frames. Decision 14 has the reasons.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol, cast

import h11
from aiofastnet import connect_accepted_socket
from picows import WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]  # missing in its stubs

from lobby import addresses
from lobby.descriptors import raise_descriptors
from lobby.limits import DESCRIPTORS_LEFT, FRAME_BYTES, HALF_OPEN, HALF_OPEN_MS, HEAD_BYTES, HEADERS
from lobby.server import requests
from lobby.server.connections import Reports, ServerConnection
from lobby.server.http import HttpAnswer, plain
from lobby.server.requests import HttpRequest, Invalid
from lobby.telemetry import Counts, log

LINGER_S = 1.0
"""How long a socket stays open after an answer to a broken request. If it closed with unread data, the client would receive a
reset in place of the answer."""

PAUSE_S = 0.5
"""How long accepting pauses when there are no file descriptors."""

TURN_S = 0.005
"""How long clients enter and leave in one turn of the event loop. Each is sent to all players of a room, so 500 at once would
block the socket of everyone else for seconds."""

ACCEPTS = 16
"""At most so many sockets are accepted in one turn of the event loop; each takes about 0.1 ms. With one in a turn, a health
check behind some hundred clients would wait for as many turns, each as long as :data:`TURN_S`."""

NO_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Behind(Protocol):
    """What is behind the gate."""

    counts: Counts

    def admits(self, peer: str) -> bool:
        """Whether one more socket from this address may open now."""

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The answer to a request that is no WebSocket handshake. Raises Invalid."""

    def connection(self, request: HttpRequest, peer: str) -> ServerConnection:
        """The connection of a valid handshake. Raises Invalid."""


class Turns:
    """Work that is done in its order, for a few ms in each turn of the event loop."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, work: Callable[[], None]) -> None:
        """Does ``work`` after all that was added before."""
        self._waiting.append(work)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        until = time.monotonic() + TURN_S
        try:
            while self._waiting:
                self._waiting[0]()
                self._waiting.popleft()
                if time.monotonic() > until:
                    break
        except BaseException:
            self._waiting.popleft()
            raise
        finally:
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._go_on)


class Gate:
    """Accepts sockets. ``handshake_s`` is the time that a client has for its request, TLS included."""

    def __init__(self, behind: Behind, turns: Turns, handshake_s: float, tls: ssl.SSLContext | None = None) -> None:
        self.behind, self.turns, self.handshake_s = behind, turns, handshake_s
        self.descriptors = raise_descriptors()
        self.half_open: dict[Visitor, float] = {}
        """The sockets that have sent no complete request, the oldest first, and when they were accepted."""
        self._most = min(HALF_OPEN, max(8, self.descriptors // 4)) if self.descriptors else HALF_OPEN
        # Those of a few turns are half open although they have sent their requests.
        self._at_once = max(1, min(ACCEPTS, self._most // 16))
        self._tls = tls
        self._is_short = False
        self._accepting: list[asyncio.Task[None]] = []

    def open(self, listening: list[socket.socket]) -> None:
        """Accepts sockets until :meth:`close`."""
        self._accepting = [asyncio.ensure_future(self._accept(one)) for one in listening]

    def close(self) -> None:
        """Accepts no more, and closes what is half open."""
        for task in self._accepting:
            task.cancel()
        for visitor in list(self.half_open):
            visitor.abort()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        with listening:
            accepts = 0
            while True:
                await self._place()
                try:
                    if accepts:
                        accepted, peer = listening.accept()
                    else:
                        await asyncio.sleep(0)  # an accept that need not wait would keep all others from running
                        accepted, peer = await loop.sock_accept(listening)
                    accepts = (accepts + 1) % self._at_once
                except OSError as error:  # others are errors of one client
                    accepts = 0
                    if error.errno in NO_DESCRIPTORS:
                        await self._pause()
                    continue
                address = peer[0] if isinstance(peer, tuple) else ""
                if accepted.fileno() > self.descriptors - DESCRIPTORS_LEFT > 0:
                    accepted.close()
                    await self._pause()
                elif not self.behind.admits(address):
                    self.behind.counts["turned_away", "too_many_sockets"] += 1
                    accepted.close()
                else:
                    self._is_short = self._is_short and accepted.fileno() > self.descriptors - 2 * DESCRIPTORS_LEFT
                    Visitor(self, accepted, address, self._tls)

    async def _place(self) -> None:
        """Waits for a place among the half-open sockets. The oldest one leaves, unless it has only just come."""
        while len(self.turns) >= 4 * HALF_OPEN:
            await asyncio.sleep(TURN_S)
        while len(self.half_open) >= self._most:
            age_s = time.monotonic() - next(iter(self.half_open.values()))
            if age_s * 1000 >= HALF_OPEN_MS:
                self._evict()
            else:
                await asyncio.sleep(HALF_OPEN_MS / 1000 - age_s)

    def _evict(self) -> None:
        self.behind.counts["turned_away", "half_open"] += 1
        next(iter(self.half_open)).abort()

    async def _pause(self) -> None:
        self.behind.counts["turned_away", "no_descriptors"] += 1
        if not self._is_short:
            self._is_short = True
            log("no_descriptors", limit=self.descriptors, advice="raise LimitNOFILE of the service, or ulimit -n")
        if self.half_open and time.monotonic() - next(iter(self.half_open.values())) >= HALF_OPEN_MS / 1000:
            self._evict()
        await asyncio.sleep(PAUSE_S)


class Visitor(asyncio.Protocol):
    """A socket that has not become a WebSocket."""

    def __init__(self, gate: Gate, accepted: socket.socket, address: str, tls: ssl.SSLContext | None) -> None:
        self._gate, self._address = gate, address
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._pipe: asyncio.Transport | None = None
        self._has_line = self._is_read = self._is_head = False
        self._fed = 0
        self._early = bytearray()
        """What a client has sent after its handshake, before it was answered."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(gate.handshake_s, self._expire)
        self._opening = loop.create_task(self._open(accepted, tls))
        self._opening.add_done_callback(lambda task: self._opened(task, accepted))
        gate.half_open[self] = time.monotonic()

    def abort(self) -> None:
        """Ends the socket without an answer."""
        self._left()
        if self._pipe is not None:
            self._pipe.abort()
        else:
            self._opening.cancel()

    async def _open(self, accepted: socket.socket, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        accepted.setblocking(False)
        if tls is not None:
            # TLS by asyncio: aiofastnet's faster one writes a stack trace to the log for each failed handshake.
            limit_s = self._gate.handshake_s
            await loop.connect_accepted_socket(lambda: self, accepted, ssl=tls, ssl_handshake_timeout=limit_s)
        else:
            await connect_accepted_socket(loop, lambda: self, accepted)

    def _opened(self, task: asyncio.Task[None], accepted: socket.socket) -> None:
        if task.cancelled() or task.exception() is not None:  # TLS that failed, or a socket that has ended already
            self._left()
            accepted.close()

    # ── called by asyncio ───────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._pipe = cast(asyncio.Transport, transport)  # uvloop's transports are of no class of asyncio

    def data_received(self, data: bytes) -> None:
        if self._is_read:
            if self not in self._gate.half_open:
                self._early += data
            return  # else it follows a request that is answered
        if not self._has_line:
            line, end, rest = data.partition(b"\n")
            data, self._has_line = requests.encoded(line) + end + rest, bool(end)
        self._fed += len(data)
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            self._answer(plain(status, _TOO_LARGE if status == 431 else f"{error}."))
            return
        if isinstance(event, h11.Request):
            self._is_read, self._is_head = True, event.method == b"HEAD"
            try:
                if self._fed - len(self._http.trailing_data[0]) > HEAD_BYTES or len(event.headers) > HEADERS:
                    raise Invalid(431, _TOO_LARGE)  # h11 checks only a head that arrives in parts
                self._take(requests.read(event))
            except Invalid as invalid:
                self._answer(plain(invalid.status, invalid.text, invalid.headers))

    def eof_received(self) -> bool:
        return self._is_read  # a client may end its side after its request

    def connection_lost(self, error: Exception | None) -> None:
        self._left()

    # ── one request ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, request: HttpRequest) -> None:
        if not request.opens_websocket:
            self._answer(self._gate.behind.answer(request))
            return
        shake = requests.handshake(request)
        connection = self._gate.behind.connection(request, self._address)
        assert self._pipe is not None
        self._left()
        self._pipe.pause_reading()
        self._early += self._http.trailing_data[0]
        self._gate.turns.add(lambda: self._hand_over(connection, shake))

    def _hand_over(self, connection: ServerConnection, shake: requests.Upgrade) -> None:
        pipe = self._pipe
        if pipe is None or pipe.is_closing():
            return
        protocol = _protocol(connection, shake.subprotocol)
        pipe.set_protocol(protocol)
        protocol.connection_made(pipe)
        _feed(protocol, _REQUEST % shake.key.encode() + self._early)
        if not pipe.is_closing():
            pipe.resume_reading()

    def _answer(self, answer: HttpAnswer) -> None:
        """Sends an answer and closes."""
        pipe = self._pipe
        if pipe is None:
            return
        self._is_read = True
        if answer.status >= 400:
            self._gate.behind.counts["turned_away", str(answer.status)] += 1
        headers = [*answer.headers.items(), ("Content-Length", str(len(answer.body))), ("Connection", "close")]
        sent = [
            self._http.send(h11.Response(status_code=answer.status, reason=HTTPStatus(answer.status).phrase, headers=headers))
        ]
        if not self._is_head:
            sent.append(self._http.send(h11.Data(data=answer.body)))
        pipe.write(b"".join(part for part in sent if part))
        self._deadline.cancel()
        loop = asyncio.get_running_loop()
        if answer.status < 400:
            pipe.close()
            self._deadline = loop.call_later(self._gate.handshake_s, self.abort)  # of a client that does not read it
        else:
            if pipe.can_write_eof():
                pipe.write_eof()
            self._deadline = loop.call_later(LINGER_S, self.abort)

    def _expire(self) -> None:
        if self._pipe is None or not self._has_line:
            self._gate.behind.counts["turned_away", "408"] += 1
            self.abort()
        else:
            self._answer(plain(408, "The request was not complete in time."))

    def _left(self) -> None:
        self._deadline.cancel()
        self._gate.half_open.pop(self, None)


_TOO_LARGE = f"The head of a request has at most {HEAD_BYTES:,} bytes and {HEADERS} lines."

_REQUEST = (
    b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n"
)
"""The request that picows reads in place of the client's, which is checked already."""


def _protocol(connection: ServerConnection, subprotocol: str) -> WSProtocol:
    """The protocol of picows for one socket, as its ``ws_create_server`` makes it."""
    headers = {"Sec-WebSocket-Protocol": subprotocol} if subprotocol else {}
    accepted = WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(headers), connection)
    never = WSAutoPingStrategy.PING_WHEN_IDLE  # the lobby pings and answers pings itself
    listen, report = (lambda _: accepted), Reports(connection)
    return WSProtocol(None, None, False, listen, report, True, None, False, 0, 0, never, False, FRAME_BYTES, None, 16_384)


def _feed(protocol: WSProtocol, data: bytes | bytearray) -> None:
    """Gives bytes to a protocol as a transport does."""
    left = memoryview(data)
    while left:
        space = protocol.get_buffer(-1)
        count = min(len(space), len(left))
        space[:count] = left[:count]
        protocol.buffer_updated(count)
        left = left[count:]


async def listening_sockets(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Sockets that listen on ``host``; ``::`` and no host at all mean every network. Raises OSError."""
    arguments = addresses.listening(host, port, backlog)
    if "sock" in arguments:
        return [arguments["sock"]]
    found = await asyncio.get_running_loop().getaddrinfo(
        arguments["host"], port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    opened: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((one[0], one[4]) for one in found):
            opened.append(socket.create_server(address, family=family, backlog=backlog))
    except OSError:
        for one in opened:
            one.close()
        raise
    return opened
