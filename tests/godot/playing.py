"""Games that run: the engine in a process of its own with ``player.gd`` in it, told what to do and asked what happened."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.godot.engine import HERE, addon_project, command, environment

PATIENCE_S = 10.0


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
            elif line.strip():
                self.problems.append(line.decode(errors="replace"))


@asynccontextmanager
async def playing(
    home: Path, url: str, player: str, *, engine_says: str = "nothing at all", **variables: str
) -> AsyncIterator[Game]:
    """A game that knows the address of a lobby, and has not joined it yet. At its end nothing may have gone wrong in it.

    ``engine_says``: what the engine itself has to complain of, and we cannot help.
    """
    process = await asyncio.create_subprocess_exec(
        *command("--script", HERE / "player.gd", project=addon_project(home)),
        env=environment(home, LOBBY_URL=url, LOBBY_PLAYER=player, **variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    game = Game(process)
    try:
        await game.hears("ready")
        yield game
        if process.returncode is None:
            assert await game.quits() == 0
        assert [problem for problem in game.problems if engine_says not in problem] == []
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
