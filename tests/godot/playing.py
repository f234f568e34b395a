"""Games that run: the engine in a process of its own with ``remote_control.gd`` in it, told what to do and asked what happened."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.godot.engine import GAME, HERE, addon_project, command, environment

PATIENCE_S = 10.0


class Ship(NamedTuple):
    """How a game draws somebody else."""

    node: int
    x: float
    y: float
    status: str
    presence: float


class Sight(NamedTuple):
    """What there is to see in the demo game."""

    zone: str
    x: float
    y: float
    others: dict[str, Ship]
    says: str
    passage_ms: float


class Game:
    """One game. What it complained of is in ``problems``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.problems: list[str] = []
        self.happened: list[tuple[Any, ...]] = []
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def does(self, method: str, *arguments: Any) -> None:
        """Calls a method of the LobbyController."""
        await self.tell(call=method, args=list(arguments))

    async def tell(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        await self.process.stdin.drain()

    async def hears(self, what: str, *more: Any) -> tuple[Any, ...]:
        """Waits until it has happened, with these first arguments, and forgets all that happened before."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for i, event in enumerate(self.happened):
                    if event[: 1 + len(more)] == (what, *more):
                        del self.happened[: i + 1]
                        return event[1:]
                self._news.clear()
                await self._news.wait()

    async def looks(self) -> Sight:
        """What the demo game shows now."""
        await self.tell(look=True)
        zone, x, y, others, says, passage_ms = await self.hears("seen")
        return Sight(zone, x, y, {player: Ship(*ship) for player, ship in others.items()}, says, passage_ms)

    async def sees(self, what: Callable[[Sight], object], patience_s: float = 15.0) -> Sight:
        """Waits until the demo game shows it."""
        sight: Sight | None = None
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    sight = await self.looks()
                    if what(sight):
                        return sight
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not seen; the last look: {sight}; wrong: {self.problems}") from None

    async def quits(self) -> int:
        """Ends it as a player does who closes the window; its exit status."""
        await self.tell(quit=True)
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"{"):
                said = json.loads(line)
                if "problem" in said:
                    self.problems.append(said["problem"])
                else:
                    self.happened.append((said["happened"], *said["with"]))
                self._news.set()
            elif line.strip() and not line.startswith(b"[LobbyController] "):
                self.problems.append(line.decode(errors="replace"))


@asynccontextmanager
async def playing(
    home: Path, url: str, player: str, *, engine_says: str = "nothing at all", **variables: str
) -> AsyncIterator[Game]:
    """A game that knows the address of a lobby, and has not joined it yet. At its end nothing may have gone wrong in it.

    ``engine_says``: what the engine itself has to complain of, and we cannot help.
    """
    words = command("--script", HERE / "remote_control.gd", project=addon_project(home))
    async with running(words, environment(home, LOBBY_URL=url, LOBBY_PLAYER=player, **variables), engine_says) as game:
        yield game


@asynccontextmanager
async def flying(home: Path, url: str, player: str, *words: str, engine_says: str = "nothing at all") -> AsyncIterator[Game]:
    """The demo game, with ``words`` in its command line. At its end nothing may have gone wrong in it."""
    said = ["--", f"--lobby={url}", f"--name={player.title()}", *words]
    starts = command("--max-fps", "60", "--script", HERE / "remote_control_game.gd", *said, project=GAME)
    async with running(starts, environment(home, LOBBY_PLAYER=player), engine_says) as game:
        yield game


@asynccontextmanager
async def running(words: list[str], environment: dict[str, str], engine_says: str = "nothing at all") -> AsyncIterator[Game]:
    """A process in which a game with ``remote_control.gd`` or ``remote_control_game.gd`` runs. At its end nothing may have gone wrong in it."""
    process = await asyncio.create_subprocess_exec(
        *words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    game = Game(process)
    try:
        await game.hears("ready")
        yield game
        if process.returncode is None:
            assert await game.quits() == 0
        wrong = [problem for problem in game.problems if engine_says not in problem]
        assert not wrong, "\n".join(wrong)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def joined(home: Path, url: str, player: str, **variables: str) -> AsyncIterator[Game]:
    """A game in a lobby."""
    async with playing(home, url, player, **variables) as game:
        await game.does("join")
        await game.hears("connected")
        yield game
