"""Open sockets: what is known of one, and the bytes that come in on it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

from lobby.emulator.events import Caller
from lobby.emulator.frames import FrameFilter

CLOSE_S = 2.0
"""How long a client has to answer a close frame."""

SEND_BUFFER_BYTES = 65_536
"""What the kernel may hold for one socket. Left alone it swallows megabytes before a slow reader shows."""


class Connection:
    """One socket that is open."""

    def __init__(
        self,
        socket_: web.WebSocketResponse,
        transport: asyncio.WriteTransport,
        caller: Caller,
        opened_at: float,
        now: float,
    ) -> None:
        self.socket, self.transport, self.caller = socket_, transport, caller
        self.opened_at, self.active_at = opened_at, now
        self.over = asyncio.Event()
        self.cut: tuple[int, str] | None = None

    async def send(self, text: str) -> None:
        """Puts a frame into the buffer; nothing happens where the connection has just ended."""
        try:
            await self.socket.send_str(text)
        except ConnectionError:
            pass

    async def close(self, code: int, reason: str) -> None:
        """Says that it is over, and gives the client time to say so too: a socket closed at once may swallow the code."""
        try:
            if self.socket.prepared:
                await self.socket.send_frame(code.to_bytes(2, "big") + reason.encode(), WSMsgType.CLOSE)
                await asyncio.wait_for(self.over.wait(), CLOSE_S)
        except (ConnectionError, TimeoutError):
            pass
        if not self.over.is_set():
            self.transport.abort()

    def described(self) -> dict[str, Any]:
        """What ``GetConnection`` says."""
        return {
            "connectedAt": _iso(self.opened_at),
            "identity": {"sourceIp": self.caller.source_ip, "userAgent": self.caller.user_agent},
            "lastActiveAt": _iso(self.active_at),
        }


class Wire(asyncio.Protocol):
    """Stands between the socket and aiohttp, which puts fragments together and so never tells how large a frame was."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self._filter: FrameFilter | None = None
        self._too_large: Callable[[], None]

    def watch(self, frames: FrameFilter, too_large: Callable[[], None]) -> None:
        """From here on it is WebSocket; ``too_large`` is called once."""
        self._filter, self._too_large = frames, too_large

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes have come; what is left of them passes."""
        if self._filter is not None:
            was_over = self._filter.is_over
            data = self._filter.feed(data)
            if self._filter.is_over and not was_over:
                self._too_large()
        if data:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Nothing more will come."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket has ended."""
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The buffer is full."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The buffer has room again."""
        self._inner.resume_writing()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
