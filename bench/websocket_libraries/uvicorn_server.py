"""uvicorn: one bare ASGI application for HTTP and WebSocket.

python uvicorn_server.py PORT [asyncio|uvloop] [send] [websockets|websockets-sansio|wsproto]
"""

import asyncio
import sys
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from room import Room

Send = Any  # what ASGI calls send: an awaitable function of one dict


class Lobby:
    """The application."""

    def __init__(self) -> None:
        self.room = Room()
        self.sockets: set[Send] = set()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """One request or one socket."""
        if scope["type"] == "websocket":
            await self.player(scope, receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"ok\n"})

    async def player(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """One socket, from its welcome to its end."""
        await receive()
        await send({"type": "websocket.accept"})
        n, welcome = self.room.join(parse_qs(scope["query_string"].decode())["pid"][0])
        await send({"type": "websocket.send", "text": welcome.decode()})
        self.sockets.add(send)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                self.room.hear(n, message["text"])
        finally:
            self.sockets.discard(send)
            self.room.leave(n)

    async def windows(self) -> None:
        """Every window to everybody."""
        async for moves in self.room.windows():
            message = {"type": "websocket.send", "text": moves.decode()}
            for send in list(self.sockets):
                await send(message)


async def serve(port: int, protocol: str) -> None:
    """Serve until the process is told to end."""
    lobby = Lobby()
    config = uvicorn.Config(
        lobby,
        port=port,
        ws=protocol,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        log_level="warning",
        backlog=1024,
    )
    windows = asyncio.create_task(lobby.windows())
    await uvicorn.Server(config).serve()
    windows.cancel()


if __name__ == "__main__":
    port, loop, _, protocol = sys.argv[1:]
    if loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(serve(int(port), protocol))
