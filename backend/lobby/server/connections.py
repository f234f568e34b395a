"""The sockets of `lobby serve`, by picows: frames in, an outbox out.

:class:`ServerConnection` is one socket and decides nothing about a lobby; what arrives goes to a :class:`Host`. What a lobby
sends arrives here through :class:`Outboxes`, the gateway of this host.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import sys
from collections.abc import Collection, Iterator
from typing import Protocol, cast

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport

from lobby.errors import CODES, Refused
from lobby.limits import FRAGMENTS, FRAME_BYTES, HOPELESS_OUTBOXES, SMALL_BYTES, Bucket, Pace, Verdict
from lobby.messages import encode
from lobby.ports import ALL_REACHED, Unreached
from lobby.rules import closing_error
from lobby.server.requests import HttpRequest
from lobby.telemetry import Counts, log

CLOSE_S = 2.0
"""How long a connection that the lobby closes may take to answer; then it is cut."""

LATE_FRAMES = 100
"""How many frames are read after the lobby has sent its close frame. A flood would otherwise keep the lobby busy until its
socket is cut."""

SEND_BUFFER_BYTES = 65_536
"""What the kernel may hold for one socket. By default it takes 4 MB before a slow reader shows: 20 s of old positions."""

CLIENT_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
"""The close codes that a client may send (RFC 6455, section 7.4, and the registry of IANA)."""

TEXT = WSMsgType.TEXT

HEADER_BYTES = 14
"""The longest header of a frame. picows writes it in front of the message, so the same bytes go to every socket."""


class Host(Protocol):
    """What a connection reports, and to whom."""

    counts: Counts
    outbox_bytes: int
    pace: Pace

    def now(self) -> int:
        """The time, in ms since 1970."""

    def enter(self, connection: ServerConnection, request: HttpRequest, address: str) -> str:
        """A connection is open. Returns its room. Raises Refused."""

    def received(self, connection: ServerConnection, message: bytes) -> None:
        """A text message has arrived, in UTF-8."""

    def pong(self, connection: ServerConnection, ms: int) -> None:
        """A connection answered a ping after ``ms``."""

    def drained(self, connection: ServerConnection) -> None:
        """A slow connection that was not sent some positions can take more."""

    def left(self, connection: ServerConnection) -> None:
        """A connection has ended. May be reported twice."""


class ServerConnection(WSListener):
    """One socket. ``address`` is the one under which its client counts."""

    # A broadcast touches all connections in a row; small objects stay in the processor's cache.
    __slots__ = (
        "_fragments", "_host", "_is_behind", "_is_over", "_is_slow", "_late", "_message", "_pinged_ms", "_pipe", "_request",
        "_small", "_transport", "address", "id", "room",
    )  # fmt: skip

    def __init__(self, host: Host, request: HttpRequest, address: str) -> None:
        self.id = secrets.token_urlsafe(11) + "="
        self.room = ""
        self._host, self._request, self.address = host, request, address
        self._transport: WSTransport
        self._pipe: asyncio.Transport
        self._message: bytearray | None = None
        """The fragments of a message that is not complete, joined."""
        self._fragments = self._late = 0
        self._small = Bucket()
        """The rate limit of control frames and small fragments."""
        self._pinged_ms = 0
        """When the ping was sent that is not answered yet; 0: there is none."""
        self._is_slow = self._is_behind = self._is_over = False

    # ── called by picows ────────────────────────────────────────────────────────────────────────────────────────────

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Enters the lobby, or sends the reason of the refusal and closes."""
        self._transport = transport
        self._pipe = transport.underlying_transport
        outbox = self._host.outbox_bytes
        self._pipe.set_write_buffer_limits(high=outbox, low=outbox // 4)
        self._pipe.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        try:
            self.room = self._host.enter(self, self._request, self.address)
        except Refused as refused:
            self._host.counts["refused", refused.code] += 1
            log("refused", code=refused.code, detail=refused.detail, address=self.address)
            self.send(with_header(encode(closing_error(refused.code, refused.detail), 1) or b""))
            self.close(CODES[refused.code].close or 1008, f"{refused.code}: {refused.detail}")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Puts the fragments of a message together, and checks what picows does not check."""
        kind = frame.msg_type
        if self._is_over and kind != WSMsgType.CLOSE:
            self._late += 1  # the client may not have read our close frame
            if self._late > LATE_FRAMES:
                self._pipe.pause_reading()
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._cut("bad_frame")
        elif kind == WSMsgType.CLOSE:
            self._ended_by_client(frame)
        elif kind == TEXT and frame.fin and self._message is None:
            self._received(frame.get_payload_as_bytes())
        elif kind in (TEXT, WSMsgType.CONTINUATION):
            self._fragment(frame, begins=kind == TEXT)
        elif kind == WSMsgType.BINARY:
            self._cut("binary")
        elif kind == WSMsgType.PONG and self._pinged_ms:
            pinged_ms, self._pinged_ms = self._pinged_ms, 0
            self._host.pong(self, self._host.now() - pinged_ms)
        elif self._allows_small() and kind == WSMsgType.PING and not self._is_slow:  # a full outbox takes no answer
            transport.send_pong(frame.get_payload_as_bytes())

    def _fragment(self, frame: WSFrame, begins: bool) -> None:
        if begins != (self._message is None):
            self._cut("bad_frame")
            return
        if self._message is None:
            self._message, self._fragments = bytearray(), 0
        payload = frame.get_payload_as_bytes()
        if len(payload) < SMALL_BYTES and not frame.fin:
            self._allows_small()  # a small fragment counts, and is not dropped: the message would be another one
        self._message += payload
        self._fragments += 1
        if self._fragments > FRAGMENTS or len(self._message) > FRAME_BYTES:
            self._cut("too_large_frame")
        elif frame.fin:
            message, self._message = bytes(self._message), None
            self._received(message)

    def _allows_small(self) -> bool:
        """Whether the rate limit allows one more frame that is no message. A flood ends the connection."""
        self._small, verdict = self._host.pace.spend(self._small, self._host.now())
        if verdict is Verdict.FLOOD:
            self._cut("flood")
        return verdict is Verdict.ALLOWED

    def _ended_by_client(self, frame: WSFrame) -> None:
        if len(frame.get_payload_as_memoryview()) and frame.get_close_code() not in CLIENT_CODES:
            self._cut("bad_frame")
            return
        self._host.left(self)  # at once: a client that reads nothing would remain while its outbox empties
        if not self._is_over:
            self._is_over = True
            self._transport.send_close(frame.get_close_code() or WSCloseCode.OK)  # no code is 0 for picows
            self._abort_later()
        self._transport.disconnect()

    def failed(self) -> None:
        """picows refuses a frame, or this class has raised an error. picows then closes the socket within 10 ms."""
        error = sys.exc_info()[1]
        if isinstance(error, WSProtocolError):
            self._cut({1007: "bad_text", 1009: "too_large_frame"}.get(int(error.code), "bad_frame"))
        else:
            log("failed", logging.ERROR, room=self.room, connection=self.id, error=repr(error))
            self.close(1011, "internal error")
            self._host.left(self)
        # picows would read on, and grow its buffer while the outbox is not empty.
        asyncio.get_running_loop().call_soon(Discarding.replace, self._pipe)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Leaves the lobby, whichever side ended the socket."""
        self._host.left(self)

    def pause_writing(self) -> None:
        """The outbox is full."""
        self._is_slow = True

    def resume_writing(self) -> None:
        """The outbox has room again."""
        self._is_slow = False
        if self._is_behind:
            self._is_behind = False
            self._host.drained(self)

    def _received(self, message: bytes) -> None:
        if not message.isascii():
            try:
                message.decode()
            except UnicodeDecodeError:
                self._cut("bad_text")
                return
        self._host.received(self, message)

    # ── called by the lobby ─────────────────────────────────────────────────────────────────────────────────────────

    def send(self, frame: bytearray, droppable: bool = False, kind: WSMsgType = TEXT) -> None:
        """Puts a frame made by :func:`with_header` into the outbox. A full outbox skips one that is ``droppable``."""
        if self._is_slow:
            if droppable:
                self._is_behind = True
                self._host.counts["skipped", ""] += 1
                return
            if self._pipe.get_write_buffer_size() > HOPELESS_OUTBOXES * self._host.outbox_bytes:
                self._cut("slow_reader")
                return
        self._transport.send_reuse_external_bytearray(kind, frame, HEADER_BYTES)

    def ping(self) -> None:
        """Sends a WebSocket ping; the client's library answers it."""
        self._pinged_ms = self._host.now()
        self._transport.send_ping()

    def close(self, code: int, reason: str) -> None:
        """Sends a close frame, and cuts the socket if the client does not answer. A second call changes nothing."""
        if self._is_over:
            return
        self._is_over = True
        whole = reason.encode()[:123].decode(errors="ignore").encode()  # not in the middle of a character
        self._transport.send_close(cast(WSCloseCode, code), whole)  # picows takes any number; its type does not
        self._abort_later()

    def _abort_later(self) -> None:
        asyncio.get_running_loop().call_later(CLOSE_S, self._pipe.abort)

    def _cut(self, code: str) -> None:
        if self._is_over:
            return
        self._host.counts["closed", code] += 1
        log("closed", room=self.room, connection=self.id, code=code)
        self.close(CODES[code].close or 1008, f"{code}: {CODES[code].meaning}")
        self._host.left(self)


class Reports:
    """What picows reports about one connection, in the place of a logger. It reports what clients do; only errors matter."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    def isEnabledFor(self, level: int) -> bool:
        """No debug lines."""
        return False

    def info(self, *_: object) -> None:
        """Connections that begin and end."""

    log = debug = warning = info

    def error(self, *_: object) -> None:
        """The error that is being handled ends the connection."""
        self._connection.failed()

    exception = error


class Discarding(asyncio.Protocol):
    """Reads and forgets what arrives at a socket that is being closed. Its end is reported to ``before``."""

    def __init__(self, before: asyncio.BaseProtocol) -> None:
        self._before = before

    @classmethod
    def replace(cls, pipe: asyncio.Transport) -> None:
        """Takes the place of the protocol of ``pipe``."""
        if not pipe.is_closing():
            pipe.set_protocol(cls(pipe.get_protocol()))

    def connection_lost(self, error: Exception | None) -> None:
        self._before.connection_lost(error)


class Outboxes:
    """The open connections by id: the :class:`lobby.ports.Gateway` of this host."""

    def __init__(self) -> None:
        self._connections: dict[str, ServerConnection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def __contains__(self, connection: object) -> bool:
        return connection in self._connections

    def __iter__(self) -> Iterator[ServerConnection]:
        return iter(self._connections.values())

    def add(self, connection: ServerConnection) -> None:
        """Makes a connection reachable by its id."""
        self._connections[connection.id] = connection

    def remove(self, connection: ServerConnection) -> bool:
        """Forgets a connection. False where it was forgotten already."""
        return self._connections.pop(connection.id, None) is not None

    def address(self, connection: str) -> str:
        """The address of a connection; empty where it is closed."""
        found = self._connections.get(connection)
        return found.address if found is not None else ""

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        """Puts the same bytes into every outbox. A connection that missed positions is brought up to date by its host."""
        data, find, kind = with_header(frame), self._connections.get, WSMsgType.BINARY if binary else TEXT
        for id in connections:
            if (connection := find(id)) is not None:
                connection.send(data, droppable, kind)
        return ALL_REACHED

    def close(self, connection: str, code: int, reason: str) -> None:
        if (open := self._connections.get(connection)) is not None:
            open.close(code, reason)


def with_header(frame: bytes) -> bytearray:
    """``frame`` behind the space for its header."""
    return bytearray(HEADER_BYTES) + frame
