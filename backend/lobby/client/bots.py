"""Walking players, for demos, load and tests: they idle, drive and turn as ships do, and mind their own business.

A :class:`Walker` is pure: a random generator and time steps in, positions out. Its figures are those of the paths on which
smoothing and saving are measured: top speed 10 to 15 units a second, acceleration 20 to 40, turning 45 to 90 degrees a second.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import Callable

from lobby.client.client import LobbyClient
from lobby.presence import Position

ARENA = 60.0
"""Bots turn back so many units from the middle; the turn itself takes them up to two turning circles farther."""

STEP_S = 0.05
"""Bots think and look where they are twenty times a second; how often they speak is up to the lobby's ``config``."""

PHASES = 10
"""Bots think in turns, so many to a step: all at once would be bursts, which no crowd of people makes."""

CONNECTING_AT_ONCE = 16

STATUSES = ("", "", "", "", "trading", "away", "in a fight", "docking")
_FIRST = (
    "Ada", "Bo", "Cleo", "Dax", "Echo", "Finn", "Gia", "Hal", "Iris", "Jun", "Kit", "Lux", "Mo", "Nia", "Odo", "Pip", "Quill",
)  # fmt: skip
_LAST = ("Comet", "Drift", "Ember", "Flint", "Haze", "Kite", "Lark", "Nova", "Onyx", "Pike", "Rook", "Sol", "Vale")


def bot_name(number: int) -> str:
    """A name for a bot; different for the first 221 of them."""
    return f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}"


class Walker:
    """One path: a pilot that changes its mind every second or so."""

    def __init__(self, chance: random.Random, arena: float = ARENA) -> None:
        self._chance, self._arena = chance, arena
        angle, distance = chance.uniform(-math.pi, math.pi), arena * math.sqrt(chance.random())
        self.x, self.y = distance * math.cos(angle), distance * math.sin(angle)
        self.h, self.speed = chance.uniform(-math.pi, math.pi), 0.0
        self._top = chance.uniform(10, 15)
        self._acceleration = chance.uniform(20, 40)
        self._turning = math.radians(chance.uniform(45, 90))
        self._wanted_speed, self._wanted_turn, self._until_s = 0.0, 0.0, chance.uniform(0, 2)
        self._now_s = 0.0

    def step(self, seconds: float) -> Position:
        """Goes on for ``seconds`` and returns where that leads, with velocity and heading."""
        self._now_s += seconds
        if self._now_s >= self._until_s:
            self._change_mind()
        change = self._acceleration * seconds
        self.speed += max(-change, min(change, self._wanted_speed - self.speed))
        self.h = math.remainder(self.h + self._turn() * seconds, math.tau)
        vx, vy = self.speed * math.cos(self.h), self.speed * math.sin(self.h)
        self.x += vx * seconds
        self.y += vy * seconds
        return Position(self.x, self.y, vx, vy, self.h)

    def _turn(self) -> float:
        """The rate of turn, in rad/s: as wanted, but homewards near the edge."""
        if self.speed and math.hypot(self.x, self.y) > self._arena:
            homewards = math.remainder(math.atan2(-self.y, -self.x) - self.h, math.tau)
            if abs(homewards) > 0.2:
                return math.copysign(self._turning, homewards)
        return self._wanted_turn

    def _change_mind(self) -> None:
        mood = self._chance.random()
        if mood < 0.2:
            self._wanted_speed, self._wanted_turn, lasts_s = 0.0, 0.0, self._chance.uniform(1, 4)
        elif mood < 0.6:
            self._wanted_speed, self._wanted_turn, lasts_s = self._top, 0.0, self._chance.uniform(1, 4)
        else:
            self._wanted_speed = self._top * self._chance.uniform(0.6, 1)
            self._wanted_turn, lasts_s = self._chance.choice((-1, 1)) * self._turning, self._chance.uniform(0.5, 2)
        self._until_s = self._now_s + lasts_s


class Pilot:
    """Decides when a walker's position is worth a message: when it would surprise the others, and always once at rest.

    The others go on in a straight line from what they last heard (dead reckoning). As long as that is within ``surprise``
    units of the truth, silence says the same and costs nothing, for ``longest_s`` at the most. Who has come to rest is
    shown exactly where it stands, and says no more.
    """

    def __init__(self, surprise: float = 0.1, longest_s: float = 1.0) -> None:
        self._surprise, self._longest_s = surprise, longest_s
        self._said: Position | None = None
        self._said_s = 0.0

    def speaks(self, at: Position, now_s: float) -> bool:
        """Whether to say ``at`` now."""
        if self._is_known(at, now_s - self._said_s):
            return False
        self._said, self._said_s = at, now_s
        return True

    def _is_known(self, at: Position, since_s: float) -> bool:
        said = self._said
        if said is None:
            return False
        if not (at.vx or at.vy):
            return said[:4] == at[:4]
        off = math.hypot(said.x + said.vx * since_s - at.x, said.y + said.vy * since_s - at.y)
        return off < self._surprise and since_s < self._longest_s


async def run_bots(
    url: str,
    players: int,
    seconds: float | None = None,
    *,
    room: str = "",
    token: Callable[[str], str] = lambda player: "",
    seed: int = 0,
    on_connected: Callable[[int], None] = lambda count: None,
) -> None:
    """Lets ``players`` bots walk in a lobby for ``seconds`` (None: for ever). ``token`` makes one for each player's id.

    Raises :class:`lobby.errors.LobbyError` where the lobby does not take them, or at last has sent all of them away.
    """
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
    bots = [_Bot(url, number, room, token, seed) for number in range(players)]
    inside: list[LobbyClient] = []

    async def enter(client: LobbyClient) -> None:
        async with gate:
            await client.__aenter__()
        inside.append(client)
        on_connected(len(inside))

    try:
        async with asyncio.TaskGroup() as group:
            for bot in bots:
                group.create_task(enter(bot.client))
        await _walk(bots, math.inf if seconds is None else seconds, random.Random(seed))
    finally:
        # All at once: each may wait a second for a lobby that does not answer any more.
        await asyncio.gather(*(client.__aexit__(None, None, None) for client in inside), return_exceptions=True)


class _Bot:
    """One bot: its connection, its path and what it finds worth saying."""

    def __init__(self, url: str, number: int, room: str, token: Callable[[str], str], seed: int) -> None:
        player = f"bot_{seed}_{number}"
        self.client = LobbyClient(
            url, player, room=room, name=bot_name(number), token=token(player), follow=False, seed=seed + number
        )
        self._walker, self._pilot = Walker(random.Random(seed * 1_000_003 + number)), Pilot()
        self._last_s: float | None = None

    def think(self, now_s: float) -> None:
        """One step on, and a word about it if it is worth one."""
        # After a stall bots go on, they do not leap.
        at = self._walker.step(min(now_s - self._last_s, 0.25) if self._last_s is not None else 0.0)
        self._last_s = now_s
        if self._pilot.speaks(at, now_s):
            self.client.move(*at[:5])


async def _walk(bots: list[_Bot], seconds: float, chance: random.Random) -> None:
    """Moves ``bots``, a share of them at a time, until the time is over or the lobby has none of them left."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    end_s = due_s + seconds
    for phase in itertools.cycle(range(PHASES)):
        if (now_s := loop.time()) >= end_s:
            return
        for bot in bots[phase::PHASES]:
            bot.think(now_s)
        if phase == 0:
            refused = [bot.client.refused for bot in bots if bot.client.refused is not None]
            if len(refused) == len(bots):
                raise refused[0]
            if chance.random() < STEP_S / 2:
                chance.choice(bots).client.set_status(chance.choice(STATUSES))
        due_s = max(due_s + STEP_S / PHASES, now_s)  # who is late is late, and does not catch up
        await asyncio.sleep(due_s - loop.time())
