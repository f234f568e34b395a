"""The Python client against a server that is hostile. The addon: ``tests/godot/test_hostile.py``."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from lobby.client.client import EVENTS_KEPT, LobbyClient
from lobby.client.constants import MESSAGES_PER_POLL, ROSTER_MOST

JOINS = ROSTER_MOST + 5_000


def _flood(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        connection.send(json.dumps({"type": "welcome", "your_id": "ann", "lobby_players": [], "v": 2, "n": 1}))
        for i in range(JOINS):
            connection.send(json.dumps({"type": "join", "id": f"p{i}", "x": 0, "y": 0, "n": i + 2, "name": "N" * 100}))
        connection.recv()


async def test_endless_joins_neither_fill_the_memory_nor_stop_the_event_loop() -> None:
    most_in_a_turn = known = 0
    with serve(_flood, "127.0.0.1", 0, compression=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        async with LobbyClient(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/", "ann") as me:
            async with asyncio.timeout(30):
                while me.received <= JOINS or known < ROSTER_MOST:
                    await asyncio.sleep(0)
                    most_in_a_turn, known = max(most_in_a_turn, len(me.roster.players) - known), len(me.roster.players)
            await asyncio.sleep(0.05)
            assert len(me.roster.players) == ROSTER_MOST
            assert max(len(player.name) for player in me.roster.players.values()) == 32
            assert len(me._inbox._waiting) <= EVENTS_KEPT
            assert 0 < most_in_a_turn <= 2 * MESSAGES_PER_POLL
        server.shutdown()
