"""The sockets of `lobby serve`, by picows: frames in, an outbox out.

:class:`ServerConnection` is one socket and decides nothing about a lobby; what arrives goes to a :class:`Host`. What a lobby
sends arrives here through :class:`Outboxes`, the gateway of this host.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Collection, Iterator
from typing import Protocol, cast

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport, WSUpgradeRequest

from lobby.errors import CODES, Refused
from lobby.limits import FRAME_BYTES, HOPELESS_OUTBOXES
from lobby.messages import encode
from lobby.ports import ALL_REACHED, Unreached
from lobby.rules import closing_error
from lobby.telemetry import Counts, log

CLOSE_S = 2.0
"""How long a connection that the lobby closes may take to answer; then it is cut."""

SEND_BUFFER_BYTES = 65_536
"""What the kernel may hold for one socket. By default it takes 4 MB before a slow reader shows: 20 s of old positions."""

TEXT = WSMsgType.TEXT

HEADER_BYTES = 14
"""The longest header of a frame. picows writes it in front of the message, so the same bytes go to every socket."""


class Host(Protocol):
    """What a connection reports, and to whom."""

    counts: Counts
    outbox_bytes: int

    def enter(self, connection: ServerConnection, request: WSUpgradeRequest, address: str) -> str:
        """A connection is open. Returns its room. Raises Refused."""

    def received(self, connection: ServerConnection, message: bytes) -> None:
        """A text message has arrived, in UTF-8."""

    def pong(self, connection: ServerConnection) -> None:
        """A connection answered a ping."""

    def drained(self, connection: ServerConnection) -> None:
        """A slow connection that was not sent some positions can take more."""

    def left(self, connection: ServerConnection) -> None:
        """A connection has ended. May be reported twice."""

    def address(self, peer: str, request: WSUpgradeRequest) -> str:
        """The address of the client: ``peer``, or what a trusted proxy says."""


class ServerConnection(WSListener):
    """One socket."""

    # A broadcast touches all connections in a row; small objects stay in the processor's cache.
    __slots__ = ("_host", "_is_behind", "_is_over", "_is_slow", "_parts", "_pipe", "_request", "_transport", "id", "room")

    def __init__(self, host: Host, request: WSUpgradeRequest) -> None:
        self.id = secrets.token_urlsafe(11) + "="
        self.room = ""
        self._host, self._request = host, request
        self._transport: WSTransport
        self._pipe: asyncio.Transport
        self._parts: list[bytes] = []
        self._is_slow = self._is_behind = self._is_over = False

    # ── called by picows ────────────────────────────────────────────────────────────────────────────────────────────

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Enters the lobby, or sends the reason of the refusal and closes."""
        self._transport = transport
        self._pipe = transport.underlying_transport
        outbox = self._host.outbox_bytes
        self._pipe.set_write_buffer_limits(high=outbox, low=outbox // 4)
        self._pipe.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        peer = self._pipe.get_extra_info("peername")
        address = self._host.address(str(peer[0]) if peer else "", self._request)
        try:
            self.room = self._host.enter(self, self._request, address)
        except Refused as refused:
            self._host.counts["refused", refused.code] += 1
            log("refused", code=refused.code, detail=refused.detail, address=address)
            self.send(with_header(encode(closing_error(refused.code, refused.detail), 1) or b""))
            self.close(CODES[refused.code].close or 1008, f"{refused.code}: {refused.detail}")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Puts the fragments of a message together."""
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code() or WSCloseCode.OK)  # picows reads a close without a code as 0
            transport.disconnect()
        elif self._is_over:
            pass  # sent before the client has read our close frame
        elif kind == TEXT and frame.fin and not self._parts:
            self._received(frame.get_payload_as_bytes())
        elif kind in (TEXT, WSMsgType.CONTINUATION):
            if (kind == TEXT) == bool(self._parts):
                raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "a message begins with text and goes on with continuations")
            self._parts.append(frame.get_payload_as_bytes())
            if sum(map(len, self._parts)) > FRAME_BYTES:
                self._cut("too_large_frame")
            elif frame.fin:
                message, self._parts = b"".join(self._parts), []
                self._received(message)
        elif kind == WSMsgType.PONG:
            self._host.pong(self)
        elif kind == WSMsgType.BINARY:
            self._cut("binary")

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

    def send(self, frame: bytearray, droppable: bool = False) -> None:
        """Puts a frame made by :func:`with_header` into the outbox. A full outbox skips one that is ``droppable``."""
        if self._is_slow:
            if droppable:
                self._is_behind = True
                self._host.counts["skipped", ""] += 1
                return
            if self._pipe.get_write_buffer_size() > HOPELESS_OUTBOXES * self._host.outbox_bytes:
                self._cut("slow_reader")
                return
        self._transport.send_reuse_external_bytearray(TEXT, frame, HEADER_BYTES)

    def ping(self) -> None:
        """Sends a WebSocket ping; the client's library answers it."""
        self._transport.send_ping()

    def close(self, code: int, reason: str) -> None:
        """Sends a close frame, and cuts the socket if the client does not answer. A second call changes nothing."""
        if self._is_over:
            return
        self._is_over = True
        whole = reason.encode()[:123].decode(errors="ignore").encode()  # not in the middle of a character
        self._transport.send_close(cast(WSCloseCode, code), whole)  # picows takes any number; its type does not
        asyncio.get_running_loop().call_later(CLOSE_S, self._transport.disconnect, False)

    def _cut(self, code: str) -> None:
        self._host.counts["closed", code] += 1
        log("closed", room=self.room, connection=self.id, code=code)
        self.close(CODES[code].close or 1008, f"{code}: {CODES[code].meaning}")
        self._host.left(self)


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

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False) -> Unreached:
        """Puts the same bytes into every outbox. A connection that missed positions is brought up to date by its host."""
        data, find = with_header(frame), self._connections.get
        for id in connections:
            if (connection := find(id)) is not None:
                connection.send(data, droppable)
        return ALL_REACHED

    def close(self, connection: str, code: int, reason: str) -> None:
        if (open := self._connections.get(connection)) is not None:
            open.close(code, reason)


def with_header(frame: bytes) -> bytearray:
    """``frame`` behind the space for its header."""
    return bytearray(HEADER_BYTES) + frame
