"""Open sockets: the state of a connection, and the bytes that arrive on it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from aiohttp import WSMsgType, web

from lobby.emulator.events import ConnectionInfo
from lobby.emulator.frames import FrameFilter, Violation
from lobby.emulator.handshakes import HEAD_BYTES, head_size, opens_websocket, prepared

CLOSE_S = 2.0
"""How long the gateway waits for a client to answer a close frame."""

HANDSHAKE_S = 10.0
"""How long a client may take to send a request. It is assumed: AWS publishes no such limit."""

SEND_BUFFER_BYTES = 65_536
"""Send buffer of the kernel for one socket. By default it holds megabytes, which would hide a slow reader."""


class EmulatedConnection:
    """An open connection. ``cut`` is the close code and reason once the gateway has decided to end it.

    ``opened_at`` and ``active_at`` are in seconds by the clock of the gateway's limits.
    """

    def __init__(
        self,
        socket_: web.WebSocketResponse,
        transport: asyncio.Transport,
        info: ConnectionInfo,
        opened_at: float,
        now: float,
        messages_at_once: int,
    ) -> None:
        self.socket, self.transport, self.info = socket_, transport, info
        self.opened_at, self.active_at = opened_at, now
        self.over = asyncio.Event()
        self.turns = asyncio.Semaphore(messages_at_once)
        self.cut: tuple[int, str] | None = None

    async def send(self, text: str) -> None:
        """Puts a frame into the send buffer. Does nothing if the connection has just ended."""
        await self._put(text.encode(), WSMsgType.TEXT)

    async def pong(self, payload: bytes) -> None:
        """Answers a ping."""
        await self._put(payload, WSMsgType.PONG)

    async def _put(self, payload: bytes, kind: WSMsgType) -> None:
        try:
            await self.socket.send_frame(payload, kind)
        except (OSError, RuntimeError):
            pass  # RuntimeError: our side of the TCP connection has been ended

    async def close(self, code: int, reason: str, *, half: bool = False) -> None:
        """Sends a close frame and waits for the client's answer: closing the socket at once may lose the code.

        ``half`` ends our side of the TCP connection at once, because the client's answer cannot be read any more.
        """
        try:
            if self.socket.prepared:
                await self.socket.send_frame(code.to_bytes(2, "big") + reason.encode(), WSMsgType.CLOSE)
                if half and self.transport.can_write_eof():
                    self.transport.write_eof()
                await asyncio.wait_for(self.over.wait(), CLOSE_S)
        except (OSError, RuntimeError, TimeoutError):
            pass  # the connection has ended
        if not self.over.is_set():
            self.transport.abort()

    def described(self) -> dict[str, Any]:
        """The answer of ``GetConnection``."""
        return {
            "connectedAt": _iso(self.info.connected_ms / 1000),
            "identity": {"sourceIp": self.info.source_ip, "userAgent": self.info.user_agent},
            "lastActiveAt": _iso(self.info.connected_ms / 1000 + self.active_at - self.opened_at),
        }


class FilteredProtocol(asyncio.Protocol):
    """Sits between the socket and the library, which is made only when the first request has arrived.

    ``make`` makes the library's protocol. A socket without a request is closed after :data:`HANDSHAKE_S`. What a client sends
    behind a handshake is held until the handshake is answered, so that no frame passes by the filter.
    """

    def __init__(self, make: Callable[[], asyncio.Protocol]) -> None:
        self._make = make
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport
        self._held = bytearray()
        self._filter: FrameFilter | None = None
        self._violated: Callable[[Violation], None]
        self._deadline: asyncio.TimerHandle | None = None
        self.is_handshake = False
        """Whether the first request on this socket asked for a WebSocket."""

    def watch(self, frames: FrameFilter, violated: Callable[[Violation], None]) -> None:
        """Starts filtering: the connection is a WebSocket from now on. ``violated`` is called once, at the first violation."""
        self._filter, self._violated = frames, violated
        held, self._held = bytes(self._held), bytearray()
        self._transport.resume_reading()
        self.data_received(held)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are of no class of asyncio
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._deadline = asyncio.get_running_loop().call_later(HANDSHAKE_S, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._filter is not None:
            self._feed_frames(self._filter, data)
        elif self._inner is None:
            self._feed_head(data)
        elif self.is_handshake:
            self._held += data
            if len(self._held) > HEAD_BYTES:
                self._transport.pause_reading()
        else:
            self._inner.data_received(data)

    def _feed_head(self, data: bytes) -> None:
        searched = len(self._held)
        self._held += data if self._held else data.lstrip(b"\r\n")  # RFC 9112, 2.2: empty lines may precede a request
        size = head_size(self._held, searched)
        if size is None:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        head, rest = bytes(self._held[:size]), bytes(self._held[size:])
        self._held.clear()
        self._inner, self.is_handshake = self._make(), opens_websocket(head)
        self._inner.connection_made(self._transport)
        self._inner.data_received(prepared(head))
        if rest:
            self.data_received(rest)

    def _feed_frames(self, frames: FrameFilter, data: bytes) -> None:
        assert self._inner is not None
        if frames.violation is None:
            passed = frames.feed(data)
            if passed:
                self._inner.data_received(passed)
            if frames.violation is not None:
                self._violated(frames.violation)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner else None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
