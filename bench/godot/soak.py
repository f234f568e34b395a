"""Two games for an hour with a lobby that is killed, a network that fails, and invalid messages.

    python bench/godot/soak.py                                          an hour
    python bench/godot/soak.py --minutes 2
    python bench/godot/soak.py --json bench/results/soak.json && python scripts/docs.py

The games run in the real engine, headless: the demo game, whose ship flies in and out of the station, and a game with the addon
alone. Between them and `lobby serve`, with bots in it, is a relay. It drops, repeats, delays and garbles messages of the lobby,
sends invalid ones, and ends connections in every possible way. The lobby itself is killed about once a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.http11 import Request, Response

sys.path.insert(0, str(Path(__file__).parents[2]))

from lobby.client.bots import run_bots
from lobby.errors import CODES, LobbyError
from tests.godot.engine import GAME, addon_project, import_project
from tests.godot.playing import Game, playing, playing_demo
from tests.godot.test_hostile import garbage
from tests.godot.test_scenarios import serving_process
from tests.hosts import free_port

BOTS = 12
LOBBY_LIVES_S, LOBBY_IS_AWAY_S = (30.0, 90.0), (0.2, 4.0)
CONNECTION_LIVES_S = (0.0, 25.0)
PASSES_S = 8.0
"""The demo game goes to the other zone at this interval."""
LOOKS_S = 5.0
ENGINES_OWN = "modules/websocket/"
"""The engine prints an error when a handshake is refused. A game cannot prevent it."""
RETRY = [code.close for code in CODES.values() if code.retry and code.close]
FINAL = [code.close for code in CODES.values() if code.close and code.close >= 4500]

Counts = dict[str, float]


class Relay:
    """Relays between games and the lobby at ``port``, and causes failures. ``done`` counts them."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self._port, self._chance = port, chance

    def refuse(self, peer: ServerConnection, _request: Request) -> Response | None:
        """Refuses every twentieth handshake."""
        if self._chance.random() > 0.05:
            return None
        self.done["handshakes refused"] += 1
        return peer.respond(HTTPStatus.SERVICE_UNAVAILABLE, "no\n")

    async def handle(self, peer: ServerConnection) -> None:
        """Relays one connection until it ends."""
        assert peer.request is not None
        self.done["connections"] += 1
        with suppress(ConnectionClosed, OSError, InvalidHandshake):
            async with connect(f"ws://127.0.0.1:{self._port}{peer.request.path}", compression=None) as lobby:
                tasks = [
                    asyncio.create_task(work)
                    for work in (self._down(lobby, peer), self._up(peer, lobby), self._send_invalid(peer), self._end(peer))
                ]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        peer.transport.abort()

    async def _down(self, lobby: ClientConnection, peer: ServerConnection) -> None:
        async for message in lobby:
            fate = self._chance.random()
            if fate < 0.02:
                self.done["messages dropped"] += 1
                continue
            if fate < 0.04:
                self.done["messages garbled"] += 1
                await peer.send(garbage(self._chance, str(message) or "{}"))
                continue
            if fate < 0.06:
                self.done["messages repeated"] += 1
                await peer.send(message)
            elif fate < 0.08:
                self.done["messages late"] += 1
                await asyncio.sleep(self._chance.uniform(0.0, 0.5))
            self.done["messages relayed"] += 1
            await peer.send(message)

    async def _up(self, peer: ServerConnection, lobby: ClientConnection) -> None:
        async for message in peer:
            self.done["messages of the games"] += 1
            await lobby.send(message)

    async def _send_invalid(self, peer: ServerConnection) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.0, 0.4))
            self.done["invalid messages sent"] += 1
            await peer.send(garbage(self._chance))

    async def _end(self, peer: ServerConnection) -> None:
        await asyncio.sleep(self._chance.uniform(*CONNECTION_LIVES_S))
        match self._chance.randrange(6):
            case 0:
                self.done["closed with a code that allows a retry"] += 1
                await peer.close(self._chance.choice(RETRY), "a reason")
            case 1:
                self.done["closed with a code that forbids a retry"] += 1
                await peer.close(self._chance.choice(FINAL), "a reason")
            case 2:
                self.done["ended by a text that is not UTF-8"] += 1
                await peer.send(b"\xff\xfe", text=True)
            case 3:
                self.done["ended by a message that is too large"] += 1
                await peer.send("[" * 3_000_000)
            case 4:
                self.done["left without an answer"] += 1
                peer.transport.pause_reading()
                await asyncio.sleep(self._chance.uniform(0.0, 5.0))
            case _:
                self.done["broken off"] += 1


async def lobbies(port: int, chance: random.Random, done: Counter[str]) -> None:
    """Runs one lobby after the other, each with bots, and kills each."""
    while True:
        with serving_process(port) as process:
            bots = asyncio.create_task(run_bots(f"ws://127.0.0.1:{port}/", BOTS, seed=chance.randrange(1_000)))
            await asyncio.sleep(chance.uniform(*LOBBY_LIVES_S))
            done["lobbies killed"] += 1
            process.send_signal(signal.SIGKILL)
            bots.cancel()
            with suppress(asyncio.CancelledError, LobbyError, ExceptionGroup):
                await bots
        await asyncio.sleep(chance.uniform(*LOBBY_IS_AWAY_S))


async def rejoin(game: Game, done: Counter[str]) -> None:
    """Joins again after each refusal, as a player would with a button."""
    while True:
        await asyncio.sleep(0.5)
        events, game.events = game.events, [event for event in game.events if event[0] in ("view", "counted")]
        for what, *_ in events:
            done[f"events: {what}"] += what not in ("view", "counted")
            if what == "failed":
                await game.call("join")


async def commute(game: Game, passages: list[float]) -> None:
    """Flies in and out of the station."""
    zone, last = "lobby", 0.0
    while True:
        await asyncio.sleep(PASSES_S)
        if (ms := (await game.look()).passage_ms) != last:
            passages.append(last := ms)
        await game.send(call="go", args=[zone], on="/root/Game")
        zone = "main" if zone == "lobby" else "lobby"


async def counts(game: Game) -> Counts:
    """Counts nodes, orphans, objects and memory of a game."""
    await game.send(count=True)
    return dict(zip(("nodes", "orphans", "objects", "bytes"), await game.wait_for("counted"), strict=True))


@asynccontextmanager
async def background(*work: Any) -> AsyncIterator[None]:
    """Runs these coroutines in the background; their errors are raised at the end."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
        failed = [task.exception() for task in tasks if task.done()]
        assert not failed, failed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def soak(minutes: float, seed: int, progress: Progress) -> dict[str, Any]:
    """Runs for so many minutes; returns what happened and all problems."""
    chance = random.Random(seed)
    port = free_port()
    relay = Relay(port, chance)
    happened: dict[str, Counter[str]] = {"demo game": Counter(), "addon": Counter()}
    passages: list[float] = []
    seen: dict[str, list[Counts]] = {name: [] for name in happened}
    with TemporaryDirectory() as folder:
        home = Path(folder)
        addon_project(home)
        import_project(home, GAME)
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(
                serve(relay.handle, "127.0.0.1", 0, compression=None, close_timeout=0.2, process_request=relay.refuse)
            )
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
            ann = await stack.enter_async_context(playing_demo(home, url, "ann", "--autopilot", allowed_error=ENGINES_OWN))
            bea = await stack.enter_async_context(playing(home, url, "bea", allowed_error=ENGINES_OWN))
            games = dict(zip(happened, (ann, bea), strict=True))
            await stack.enter_async_context(
                background(
                    lobbies(port, chance, relay.done),
                    commute(ann, passages),
                    *(rejoin(game, happened[name]) for name, game in games.items()),
                )
            )
            await bea.call("join")
            task = progress.add_task("an hour" if minutes == 60 else f"{minutes:g} minutes", total=minutes * 60)
            begun = time.monotonic()
            while (gone_s := time.monotonic() - begun) < minutes * 60:
                progress.update(task, completed=gone_s)
                await asyncio.sleep(LOOKS_S)
                for name, game in games.items():
                    seen[name].append(await counts(game))
            wrong = [line for game in games.values() for line in game.problems if ENGINES_OWN not in line]
    return {
        "minutes": minutes,
        "done": dict(sorted(relay.done.items())),
        "happened": {name: dict(sorted(events.items())) for name, events in happened.items()},
        "passages": {
            "times": len(passages),
            "median_ms": statistics.median(passages or [0]),
            "max_ms": max(passages, default=0),
        },
        "seen": {
            name: {"begin": most(looks[: len(looks) // 4]), "end": most(looks[-len(looks) // 4 :])}
            for name, looks in seen.items()
        },
        "wrong": wrong,
    }


def most(looks: list[Counts]) -> Counts:
    """The highest value of each count."""
    return {name: max(look[name] for look in looks) for name in looks[0]}


def main() -> None:
    """Measures and prints. The exit status is 1 if there was any problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random failures (%(default)s)")
    parser.add_argument("--json", type=Path, help="write all of it to this file")
    wanted = parser.parse_args()
    console = Console()
    with Progress(console=console, transient=True) as progress:
        found = asyncio.run(soak(wanted.minutes, wanted.seed, progress))
    table = Table(title=f"{wanted.minutes:g} minutes", box=None, show_header=False)
    table.add_column(), table.add_column(justify="right")
    for name, times in found["done"].items():
        table.add_row(name, f"{times:,}")
    for game, looks in found["seen"].items():
        for name in looks["begin"]:
            table.add_row(f"{game}: {name}, first and last quarter", f"{looks['begin'][name]:,.0f}  {looks['end'][name]:,.0f}")
    table.add_row("passages between zones", f"{found['passages']['times']}")
    table.add_row("passage, median and slowest", "{median_ms:.0f} ms  {max_ms:.0f} ms".format(**found["passages"]))
    table.add_row("errors and warnings in the games' logs", f"{len(found['wrong'])}")
    console.print(table)
    for line in found["wrong"][:20]:
        console.print(line, markup=False)
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1) + "\n")
    raise SystemExit(bool(found["wrong"]))


if __name__ == "__main__":
    main()
