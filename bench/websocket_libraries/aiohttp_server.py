"""aiohttp: a handler coroutine per socket, HTTP as usual.

python aiohttp_server.py PORT [asyncio|uvloop] [frame|str|write]
"""

import asyncio
import sys

from aiohttp import WSMsgType, web
from cli import run
from room import Room, frame


async def serve(port: int, by: str = "frame") -> None:
    """Serve for ever; `by` is the way in which a window reaches the sockets."""
    room = Room()
    sockets: dict[web.WebSocketResponse, asyncio.Transport] = {}

    async def player(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False, decode_text=False)
        await ws.prepare(request)
        n, welcome = room.join(request.query["pid"])
        await ws.send_frame(welcome, WSMsgType.TEXT)
        assert request.transport
        sockets[ws] = request.transport
        try:
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    room.hear(n, message.data)
        finally:
            del sockets[ws]
            room.leave(n)
        return ws

    async def healthz(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/{stage:.*}", player)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    async for moves in room.windows():
        if by == "frame":
            for ws in list(sockets):
                if not ws.closed:
                    await ws.send_frame(moves, WSMsgType.TEXT)
        elif by == "str":
            text = moves.decode()
            for ws in list(sockets):
                if not ws.closed:
                    await ws.send_str(text)
        else:
            framed = frame(moves)
            for transport in sockets.values():
                transport.write(framed)


if __name__ == "__main__":
    run(serve, sys.argv[1:])
