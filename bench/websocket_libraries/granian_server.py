"""granian: an RSGI application; Rust carries HTTP and WebSocket, every send is awaited.

python granian_server.py PORT [asyncio|uvloop] [send]
"""

import asyncio
import sys
from typing import Any
from urllib.parse import parse_qs

from granian import Granian
from granian.constants import Interfaces, Loops
from room import Room

TEXT = 2  # the kind RSGI gives to a text message; 0 is the end of the socket


class Lobby:
    """The application."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start in the worker process."""
        self.room = Room()
        self.sockets: set[Any] = set()
        self.task = loop.create_task(self.windows())

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request or one socket."""
        if scope.proto != "ws":
            protocol.response_str(200, [], "ok\n")
            return
        socket = await protocol.accept()
        n, welcome = self.room.join(parse_qs(scope.query_string)["pid"][0])
        await socket.send_str(welcome.decode())
        self.sockets.add(socket)
        try:
            while message := await socket.receive():
                if message.kind != TEXT:
                    break
                self.room.hear(n, message.data)
        finally:
            self.sockets.discard(socket)
            self.room.leave(n)

    async def windows(self) -> None:
        """Every window to everybody."""
        async for moves in self.room.windows():
            text = moves.decode()
            for socket in list(self.sockets):
                await socket.send_str(text)


lobby = Lobby()

if __name__ == "__main__":
    Granian(
        "granian_server:lobby",
        port=int(sys.argv[1]),
        interface=Interfaces.RSGI,
        loop=Loops(sys.argv[2]),
        log_enabled=False,
    ).serve()
