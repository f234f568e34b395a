"""Whatever goes wrong on the way, in the end everybody knows who is here and where."""

from __future__ import annotations

import asyncio
import json
import random

from websockets.exceptions import ConnectionClosed

from lobby import messages as m
from lobby.client.roster import Roster
from lobby.emulator import Conditions
from tests.emulator.worlds import Meter
from tests.hosts import Player
from tests.serverless.emulated_lobby import emulated_lobby

FAULTS = {"throttled-posts": 0.1, "throttled-table": 0.05, "repeated-batches": 0.3, "lost-disconnects": 1.0}
PLAYERS = {"ann": 2, "bea": 2, "cem": 2, "dan": 1}


class Knowing:
    """A client that keeps what it hears."""

    def __init__(self, name: str, player: Player) -> None:
        self.name, self.player, self.roster = name, player, Roster()
        self.x = 0
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            while True:
                message = m.decode(str(await self.player.socket.recv()))
                if message is not None:
                    self.roster.apply(message)
        except ConnectionClosed:
            pass
        except (KeyError, ValueError):  # API Gateway's own words, where the function has failed
            await self._listen()

    async def move(self) -> None:
        self.x += 1
        await self.player.socket.send(json.dumps({"action": "pos", "x": self.x, "y": 0}))


async def test_with_everything_failing_now_and_then_all_comes_right() -> None:
    conditions, chance, meter = Conditions(seed=1), random.Random(1), Meter()
    async with emulated_lobby(meter, conditions, WindowMs=20, TimeoutS=4, MessagesPerS=100) as lobby:
        people = [Knowing(name, await lobby.enter(pid=name, v=v)) for name, v in PLAYERS.items()]
        ghost = await lobby.enter(pid="eve", v=2)
        conditions.faults = FAULTS
        for turn in range(60):
            await chance.choice(people).move()
            await asyncio.sleep(0.02)
            if turn == 30:
                await ghost.socket.close()  # and nobody is told
        conditions.faults = {}
        await asyncio.sleep(5.1)  # until eve is old enough to be gone, and who died has lost the floor
        for who in people:
            await who.move()
            await asyncio.sleep(0.1)
        await people[0].player.send(action="ping", t=1)
        expected = {who.name: who.x for who in people}

        def known(who: Knowing) -> dict[str, float]:
            return {id: player.at.x for id, player in who.roster.players.items()} | {who.name: who.x}

        async with asyncio.timeout(10):
            while any(known(who) != expected for who in people):
                await asyncio.sleep(0.05)
        assert [one for one in meter.of("post") if one["status"] == 429], "nothing has failed"
        assert [one for one in meter.of("table") if one["status"] == "throttled"]
        for who in people:
            who.task.cancel()
