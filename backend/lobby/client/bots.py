"""Walking players, for demos, load and tests: they rest, drive and turn as ships do, and ignore the other players.

A :class:`Walker` is pure: a random generator and time steps in, positions out. Its figures are those of the paths on which
smoothing and saving are measured: top speed 10 to 15 units a second, acceleration 20 to 40 units per second squared, turning 45
to 90 degrees a second.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import Callable

from lobby.client.client import LobbyClient
from lobby.data import NO_DATA
from lobby.presence import Position

ARENA = 60.0
"""Bots turn back so many units from the middle; the turn itself takes them up to two turning circles farther."""

STEP_S = 0.05
"""Bots move on and check their position twenty times a second; how often they send it depends on the lobby's ``config``."""

PHASES = 10
"""Bots move in this many groups, one after the other. All at once would be bursts, which a crowd of people does not make."""

CONNECTING_AT_ONCE = 16

WAVE_S = 20.0
"""Mean time between two events ``wave`` of all bots together."""

DRESSED = 50
"""So many bots send data, their color. With more, each change would be one more message to each player of a large room."""

STATUSES = ("", "", "", "", "trading", "away", "in a fight", "docking")
_FIRST = (
    "Ada", "Bo", "Cleo", "Dax", "Echo", "Finn", "Gia", "Hal", "Iris", "Jun", "Kit", "Lux", "Mo", "Nia", "Odo", "Pip", "Quill",
)  # fmt: skip
_LAST = ("Comet", "Drift", "Ember", "Flint", "Haze", "Kite", "Lark", "Nova", "Onyx", "Pike", "Rook", "Sol", "Vale")


def no_token(player: str) -> str:
    """The token for a lobby that requires none."""
    return ""


def bot_name(number: int) -> str:
    """A name for a bot; different for the first 221 of them."""
    return f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}"


COLORS = (
    "#dd766f", "#d97c50", "#cf8634", "#bd9121", "#a59c2a", "#86a645", "#60ad64", "#2eb184", "#00b1a3",
    "#00aebe", "#00a8d4", "#499fe3", "#7195e8", "#918be5", "#ab82d8", "#c07bc4", "#d075ab", "#da748d",
)  # fmt: skip
"""Hues that look equally far apart: in OKLCH (lightness 0.68, chroma 0.13), 20 degrees from one to the next."""


def bot_color(number: int) -> str:
    """A color for a bot, as ``#rrggbb``; different for the first 18 of them, and far apart for neighbours."""
    return COLORS[number * 7 % len(COLORS)]


class Walker:
    """One path: it changes its speed and direction every second or so."""

    def __init__(self, numbers: random.Random, arena: float = ARENA) -> None:
        self._random, self._arena = numbers, arena
        angle, distance = numbers.uniform(-math.pi, math.pi), arena * math.sqrt(numbers.random())
        self.x, self.y = distance * math.cos(angle), distance * math.sin(angle)
        self.h, self.speed = numbers.uniform(-math.pi, math.pi), 0.0
        self._top = numbers.uniform(10, 15)
        self._acceleration = numbers.uniform(20, 40)
        self._turning = math.radians(numbers.uniform(45, 90))
        self._wanted_speed, self._wanted_turn, self._until_s = 0.0, 0.0, numbers.uniform(0, 2)
        self._now_s = 0.0

    def step(self, seconds: float) -> Position:
        """Goes on for ``seconds`` and returns where that leads, with velocity and heading."""
        self._now_s += seconds
        if self._now_s >= self._until_s:
            self._choose()
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

    def _choose(self) -> None:
        """Chooses what to do next: rest, drive straight on, or turn."""
        choice = self._random.random()
        if choice < 0.2:
            self._wanted_speed, self._wanted_turn, lasts_s = 0.0, 0.0, self._random.uniform(1, 4)
        elif choice < 0.6:
            self._wanted_speed, self._wanted_turn, lasts_s = self._top, 0.0, self._random.uniform(1, 4)
        else:
            self._wanted_speed = self._top * self._random.uniform(0.6, 1)
            self._wanted_turn, lasts_s = self._random.choice((-1, 1)) * self._turning, self._random.uniform(0.5, 2)
        self._until_s = self._now_s + lasts_s


class SendPolicy:
    """Decides when a client sends its position: when the others would draw it wrongly, and always once at rest.

    The others draw a player straight on from the position that they received last (dead reckoning). As long as that is within
    ``surprise_units`` of the true position, sending nothing has the same effect and costs nothing, for ``longest_ms`` at the
    most. At rest the exact position is sent once, and then nothing.
    """

    def __init__(self, surprise_units: float = 0.1, longest_ms: float = 1_000.0) -> None:
        self._surprise_units, self._longest_ms = surprise_units, longest_ms
        self._sent: Position | None = None
        self._sent_ms = 0.0

    def due(self, now_ms: float, at: Position) -> bool:
        """Whether to send ``at``, the position at ``now_ms``. If so, it counts as sent."""
        if self._is_known(at, now_ms - self._sent_ms):
            return False
        self._sent, self._sent_ms = at, now_ms
        return True

    def _is_known(self, at: Position, since_ms: float) -> bool:
        sent = self._sent
        if sent is None:
            return False
        if not (at.vx or at.vy or at.vz):
            return (*sent[:4], sent.z, sent.vz) == (*at[:4], at.z, at.vz)
        since_s = since_ms / 1000
        predicted = (sent.x + sent.vx * since_s, sent.y + sent.vy * since_s, sent.z + sent.vz * since_s)
        off_units = math.dist(predicted, (at.x, at.y, at.z))
        return off_units < self._surprise_units and since_ms < self._longest_ms


async def run_bots(
    url: str,
    players: int,
    seconds: float | None = None,
    *,
    room: str = "",
    token: Callable[[str], str] = no_token,
    seed: int = 0,
    on_connected: Callable[[int], None] = lambda count: None,
) -> None:
    """Lets ``players`` bots walk in a lobby for ``seconds`` (None: for ever).

    ``token`` returns the token for a player's id. ``seed`` makes paths, pauses and names repeatable. ``on_connected`` receives
    the number of bots that are connected, after each one. Raises :class:`lobby.errors.LobbyError` if the lobby refuses a bot at
    the start, or all of them later; an ExceptionGroup if it refuses several.
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
        # All at once: each may wait two seconds for a lobby that does not answer any more.
        await asyncio.gather(*(client.__aexit__(None, None, None) for client in inside), return_exceptions=True)


class _Bot:
    """One bot: its connection, its path and its send policy."""

    def __init__(self, url: str, number: int, room: str, token: Callable[[str], str], seed: int) -> None:
        player = f"bot_{seed}_{number}"
        pauses = random.Random(seed + number)
        self.client = LobbyClient(
            url,
            player,
            room=room,
            name=bot_name(number),
            token=token(player),
            data={"color": bot_color(number)} if number < DRESSED else NO_DATA,
            follow=False,
            random=pauses.random,
        )
        self._walker, self._policy = Walker(random.Random(seed * 1_000_003 + number)), SendPolicy()
        self._last_s: float | None = None

    def step(self, now_s: float) -> None:
        """Moves on to ``now_s``, and sends the position if that is due."""
        # After a pause of this process bots go on from where they were; they do not jump.
        at = self._walker.step(min(now_s - self._last_s, 0.25) if self._last_s is not None else 0.0)
        self._last_s = now_s
        if self._policy.due(now_s * 1000, at):
            self.client.move(*at[:5])


async def _walk(bots: list[_Bot], seconds: float, numbers: random.Random) -> None:
    """Moves ``bots``, one group after the other, until the time is over or the lobby has refused all of them."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    end_s = due_s + seconds
    for phase in itertools.cycle(range(PHASES)):
        if (now_s := loop.time()) >= end_s:
            return
        for bot in bots[phase::PHASES]:
            bot.step(now_s)
        if phase == 0:
            refused = [bot.client.refused for bot in bots if bot.client.refused is not None]
            if len(refused) == len(bots):
                raise refused[0]
            if numbers.random() < STEP_S / 2:
                numbers.choice(bots).client.set_status(numbers.choice(STATUSES))
            if numbers.random() < STEP_S / WAVE_S:
                numbers.choice(bots).client.send("wave")
        due_s = max(due_s + STEP_S / PHASES, now_s)  # a late step is not followed by quicker ones
        await asyncio.sleep(due_s - loop.time())
