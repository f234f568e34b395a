"""After many faults of AWS, in the end every client knows all players and their positions."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import AsyncExitStack
from unittest.mock import patch

from websockets.exceptions import ConnectionClosed

import trading_lobby_ws
from lobby import messages as m
from lobby.client.roster import Roster
from lobby.emulator import Conditions
from tests.emulator.worlds import Meter
from tests.hosts import Player
from tests.serverless.emulated_lobby import emulated_lobby

FAULTS = {"throttled-posts": 0.1, "throttled-table": 0.05, "repeated-batches": 0.3, "lost-disconnects": 1.0}
PLAYERS = {"ann": 2, "bea": 2, "cem": 2, "dan": 1}


class KeepingClient:
    """A client that keeps what it receives."""

    def __init__(self, name: str, player: Player) -> None:
        self.name, self.player, self.roster = name, player, Roster()
        self.x = 0
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while True:
                message = m.decode(str(await self.player.socket.recv()))
                if message is not None:
                    self.roster.apply(message)
        except ConnectionClosed:
            pass
        except (KeyError, ValueError):  # a message of API Gateway itself, because the function failed
            await self._read()

    async def move(self) -> None:
        self.x += 1
        await self.player.socket.send(json.dumps({"action": "pos", "x": self.x, "y": 0}))


async def test_after_many_faults_every_client_knows_all_players_and_their_positions() -> None:
    conditions, chance, meter = Conditions(seed=1), random.Random(1), Meter()
    async with emulated_lobby(meter, conditions, WindowMs=20, TimeoutS=4, MessagesPerS=100) as lobby, AsyncExitStack() as stack:
        clients = [KeepingClient(name, await lobby.enter(pid=name, v=v)) for name, v in PLAYERS.items()]
        ghost = await lobby.enter(pid="eve", v=2)
        conditions.faults = FAULTS
        for turn in range(60):
            await chance.choice(clients).move()
            await asyncio.sleep(0.02)
            if turn == 30:
                await ghost.socket.close()  # and the lobby receives no $disconnect
        conditions.faults = {}
        async with asyncio.timeout(10):
            while lobby.is_busy():
                await asyncio.sleep(0.01)
        # Now eve's connection is old enough to be removed, and the lease of a broadcast lock that was not released has expired.
        now_ms = trading_lobby_ws.clock_ms
        stack.enter_context(patch.object(trading_lobby_ws, "clock_ms", lambda: now_ms() + 5_100))
        for client in clients:
            await client.move()
            await asyncio.sleep(0.1)
        await clients[0].player.send(action="ping", t=1)
        expected = {client.name: client.x for client in clients}

        def known(client: KeepingClient) -> dict[str, float]:
            return {id: player.at.x for id, player in client.roster.players.items()} | {client.name: client.x}

        async with asyncio.timeout(10):
            while any(known(client) != expected for client in clients):
                await asyncio.sleep(0.05)
        assert [one for one in meter.of("post") if one["status"] == 429], "no post failed"
        assert [one for one in meter.of("table") if one["status"] == "throttled"]
        for client in clients:
            client.task.cancel()
