"""Games that run in an engine of their own, and take commands and report events through ``remote_control.gd``."""

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
START_S = 60.0
"""An engine may have to import the project first."""


class Ship(NamedTuple):
    """Another player's ship, as the demo game draws it."""

    node: int
    x: float
    y: float
    status: str
    presence: float
    colour: str


class View(NamedTuple):
    """What the demo game shows. ``connection`` is the text that describes the connection."""

    zone: str
    x: float
    y: float
    others: dict[str, Ship]
    connection: str
    passage_ms: float


class Game:
    """A running game. ``events`` are those that no test has waited for; ``problems`` are errors and warnings."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.problems: list[str] = []
        self.events: list[tuple[Any, ...]] = []
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def call(self, method: str, *arguments: Any) -> None:
        """Calls a method of the LobbyController."""
        await self.send(call=method, args=list(arguments))

    async def send(self, **command: Any) -> None:
        """Sends a command; ``remote_control.gd`` lists them."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        await self.process.stdin.drain()

    async def wait_for(self, event: str, *values: Any, patience_s: float = PATIENCE_S) -> tuple[Any, ...]:
        """Waits for an event that begins with these values, drops all earlier events, and returns its values."""
        async with asyncio.timeout(patience_s):
            while True:
                for i, found in enumerate(self.events):
                    if found[: 1 + len(values)] == (event, *values):
                        del self.events[: i + 1]
                        return found[1:]
                self._news.clear()
                await self._news.wait()

    async def look(self) -> View:
        """What the demo game shows now."""
        await self.send(look=True)
        zone, x, y, others, connection, passage_ms = await self.wait_for("view")
        return View(zone, x, y, {player: Ship(*ship) for player, ship in others.items()}, connection, passage_ms)

    async def wait_until(self, condition: Callable[[View], object], patience_s: float = 15.0) -> View:
        """Waits until the demo game shows a view that meets the condition."""
        view: View | None = None
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    view = await self.look()
                    if condition(view):
                        return view
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the condition was never met; last view: {view}; problems: {self.problems}") from None

    async def quit(self) -> int:
        """Ends the game as closing the window does; returns the exit status."""
        await self.send(quit=True)
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"{"):
                report = json.loads(line)
                if "problem" in report:
                    self.problems.append(report["problem"])
                else:
                    self.events.append((report["event"], *report["values"]))
                self._news.set()
            elif line.strip() and not line.startswith(b"[LobbyController] "):
                self.problems.append(line.decode(errors="replace"))


@asynccontextmanager
async def playing(
    home: Path, url: str, player: str, *, allowed_error: str = "nothing at all", **variables: str
) -> AsyncIterator[Game]:
    """A game that knows the address of a lobby and has not joined it yet. Any error in it fails the test.

    ``allowed_error``: part of the messages that the engine itself prints and a game cannot prevent.
    """
    words = command("--script", HERE / "remote_control.gd", project=addon_project(home))
    async with running(words, environment(home, LOBBY_URL=url, LOBBY_PLAYER=player, **variables), allowed_error) as game:
        yield game


@asynccontextmanager
async def playing_demo(
    home: Path, url: str, player: str, *words: str, allowed_error: str = "nothing at all"
) -> AsyncIterator[Game]:
    """The demo game, with ``words`` in its command line. Any error in it fails the test."""
    arguments = ["--", f"--lobby={url}", f"--name={player.title()}", *words]
    starts = command("--max-fps", "60", "--script", HERE / "remote_control_game.gd", *arguments, project=GAME)
    async with running(starts, environment(home, LOBBY_PLAYER=player), allowed_error) as game:
        yield game


@asynccontextmanager
async def running(words: list[str], environment: dict[str, str], allowed_error: str = "nothing at all") -> AsyncIterator[Game]:
    """A process of a game with ``remote_control.gd`` or ``remote_control_game.gd``. Any error in it fails the test."""
    process = await asyncio.create_subprocess_exec(
        *words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    game = Game(process)
    try:
        await game.wait_for("ready", patience_s=START_S)
        yield game
        if process.returncode is None:
            assert await game.quit() == 0
        problems = [problem for problem in game.problems if allowed_error not in problem]
        assert not problems, "\n".join(problems)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def joined(home: Path, url: str, player: str, **variables: str) -> AsyncIterator[Game]:
    """A game in a lobby."""
    async with playing(home, url, player, **variables) as game:
        await game.call("join")
        await game.wait_for("connected")
        yield game
