"""Open sockets: the state of a connection, and the bytes that arrive on it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

from lobby.emulator.events import ConnectionInfo
from lobby.emulator.frames import FrameFilter

CLOSE_S = 2.0
"""How long the gateway waits for a client to answer a close frame."""

SEND_BUFFER_BYTES = 65_536
"""Send buffer of the kernel for one socket. By default it holds megabytes, which would hide a slow reader."""


class EmulatedConnection:
    """An open connection. ``cut`` is the close code and reason once the gateway has decided to end it."""

    def __init__(
        self,
        socket_: web.WebSocketResponse,
        transport: asyncio.WriteTransport,
        info: ConnectionInfo,
        opened_at: float,
        now: float,
    ) -> None:
        self.socket, self.transport, self.info = socket_, transport, info
        self.opened_at, self.active_at = opened_at, now
        self.over = asyncio.Event()
        self.cut: tuple[int, str] | None = None

    async def send(self, text: str) -> None:
        """Puts a frame into the send buffer. Does nothing if the connection has just ended."""
        try:
            await self.socket.send_str(text)
        except ConnectionError:
            pass

    async def close(self, code: int, reason: str) -> None:
        """Sends a close frame and waits for the client's answer: closing the socket at once may lose the code."""
        try:
            if self.socket.prepared:
                await self.socket.send_frame(code.to_bytes(2, "big") + reason.encode(), WSMsgType.CLOSE)
                await asyncio.wait_for(self.over.wait(), CLOSE_S)
        except (ConnectionError, TimeoutError):
            pass
        if not self.over.is_set():
            self.transport.abort()

    def described(self) -> dict[str, Any]:
        """The answer of ``GetConnection``."""
        return {
            "connectedAt": _iso(self.opened_at),
            "identity": {"sourceIp": self.info.source_ip, "userAgent": self.info.user_agent},
            "lastActiveAt": _iso(self.active_at),
        }


class FilteredProtocol(asyncio.Protocol):
    """Sits between the socket and aiohttp. aiohttp joins fragments, so it cannot report how large a frame was."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self._filter: FrameFilter | None = None
        self._too_large: Callable[[], None]

    def watch(self, frames: FrameFilter, too_large: Callable[[], None]) -> None:
        """Starts filtering: the connection is a WebSocket from now on. ``too_large`` is called once, at the first violation."""
        self._filter, self._too_large = frames, too_large

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._filter is not None:
            was_over = self._filter.is_over
            data = self._filter.feed(data)
            if self._filter.is_over and not was_over:
                self._too_large()
        if data:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
