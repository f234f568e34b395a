"""picows: a listener per socket, HTTP as answers to an upgrade that is none.

python picows_server.py PORT [asyncio|uvloop] [reuse|send|write]
"""

import sys
from urllib.parse import parse_qs, urlsplit

from cli import run
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)
from room import Room, frame

HEADER = 14  # bytes picows wants free in front of a message to put the frame's header there


class Player(WSListener):
    """One socket."""

    def __init__(self, room: Room, sockets: set[WSTransport], pid: str) -> None:
        self.room = room
        self.sockets = sockets
        self.pid = pid

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Welcome the player."""
        self.n, welcome = self.room.join(self.pid)
        self.sockets.add(transport)
        transport.send(WSMsgType.TEXT, welcome)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Remember where the player is; answer its close."""
        if frame.msg_type == WSMsgType.TEXT:
            self.room.hear(self.n, frame.get_payload_as_utf8_text())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Forget the player."""
        self.sockets.discard(transport)
        self.room.leave(self.n)


async def serve(port: int, by: str = "reuse") -> None:
    """Serve for ever; `by` is the way in which a window reaches the sockets."""
    room = Room()
    sockets: set[WSTransport] = set()

    def route(request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        url = urlsplit(request.path.decode())
        if url.path == "/healthz":
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_ok_response(b"ok\n"), None)
        return Player(room, sockets, parse_qs(url.query)["pid"][0])

    await ws_create_server(route, "127.0.0.1", port, backlog=1024)
    async for moves in room.windows():
        if by == "reuse":
            buffer = bytearray(HEADER) + moves
            for transport in sockets:
                transport.send_reuse_external_bytearray(WSMsgType.TEXT, buffer, HEADER)
        elif by == "send":
            for transport in sockets:
                transport.send(WSMsgType.TEXT, moves)
        else:
            framed = frame(moves)
            for transport in sockets:
                transport.underlying_transport.write(framed)


if __name__ == "__main__":
    run(serve, sys.argv[1:])
