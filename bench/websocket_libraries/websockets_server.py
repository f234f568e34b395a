"""websockets: a handler coroutine per socket, broadcast(), HTTP by process_request.

python websockets_server.py PORT [asyncio|uvloop] [broadcast|write]
"""

import sys
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from cli import run
from room import Room, frame
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.asyncio.server import serve as ws_serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


async def serve(port: int, by: str = "broadcast") -> None:
    """Serve for ever; `by` is the way in which a window reaches the sockets."""
    room = Room()
    sockets: set[ServerConnection] = set()

    async def player(ws: ServerConnection) -> None:
        assert ws.request
        n, welcome = room.join(parse_qs(urlsplit(ws.request.path).query)["pid"][0])
        await ws.send(welcome, text=True)
        sockets.add(ws)
        try:
            while True:
                room.hear(n, await ws.recv(decode=False))
        except ConnectionClosed:
            pass
        finally:
            sockets.discard(ws)
            room.leave(n)

    def route(ws: ServerConnection, request: Request) -> Response | None:
        return ws.respond(HTTPStatus.OK, "ok\n") if request.path == "/healthz" else None

    await ws_serve(
        player,
        "127.0.0.1",
        port,
        process_request=route,
        compression=None,
        ping_interval=None,
        backlog=1024,
    )
    async for moves in room.windows():
        if by == "broadcast":
            broadcast(sockets, moves, text=True)
        else:
            framed = frame(moves)
            for ws in sockets:
                ws.transport.write(framed)


if __name__ == "__main__":
    run(serve, sys.argv[1:])
