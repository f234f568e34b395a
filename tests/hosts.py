"""Lobbies for tests: a server on loopback, in this process, on a port of its own; and raw sockets that connect to it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from lobby.server.host import Server
from lobby.server.memory import MemoryStore
from lobby.settings import Settings

AT_MOST_S = 30.0
"""How long one test may take."""

PATIENCE_S = 5.0


class Running:
    """A lobby that runs, and its address."""

    def __init__(self, server: Server, port: int, task: asyncio.Future[None]) -> None:
        self.server, self.port, self._task = server, port, task
        self.url = f"ws://127.0.0.1:{port}/"

    async def ended(self) -> None:
        """Returns when the lobby has ended by itself."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.shield(self._task)

    def at(self, **query: str | int) -> str:
        return self.url + "?" + "&".join(f"{name}={value}" for name, value in query.items())


@asynccontextmanager
async def serving(settings: Settings | None = None, *, handshake_s: float = 0.3, **changes: Any) -> AsyncIterator[Running]:
    server = Server(settings or Settings(port=0, **changes), MemoryStore(), handshake_s=handshake_s)
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(server.run(port.set_result, stop))
    waited: list[asyncio.Future[Any]] = [task, port]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    try:
        yield Running(server, port.result(), task)
    finally:
        stop.set()
        await task


class Player:
    """A client written from docs/protocol.md alone, on another WebSocket library."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self, *kinds: str) -> dict[str, Any]:
        """The next message, or the next of one of these types."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message: dict[str, Any] = json.loads(await self.socket.recv())
                if not kinds or message["type"] in kinds:
                    return message

    async def receives_nothing(self, seconds: float = 0.05) -> bool:
        """Whether no message arrives in this time."""
        try:
            await asyncio.wait_for(self.socket.recv(), seconds)
        except TimeoutError:
            return True
        return False

    async def closed_with(self) -> int:
        """The close code with which the lobby ends the connection."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006


@asynccontextmanager
async def joined(url: str, **options: Any) -> AsyncIterator[Player]:
    # The queue has no limit, so that a test that does not read is not a slow reader.
    async with connect(url, close_timeout=1, **{"max_queue": None, **options}) as socket:
        yield Player(socket)


def free_port() -> int:
    """A port on which no program listens, for a lobby whose address must be known before it runs."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def run(test: Coroutine[Any, Any, None], at_most_s: float = AT_MOST_S) -> None:
    """Runs one test, for half a minute at most."""

    async def bounded() -> None:
        async with asyncio.timeout(at_most_s):
            await test

    asyncio.run(bounded())
