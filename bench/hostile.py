"""What one attacker does to the other players of `lobby serve`.

    python bench/hostile.py [--seconds 5] [--json bench/results/hostile.json]

The lobby is a process of its own, with its defaults. Ten players of a room send their positions ten times a second. Meanwhile
one machine attacks in one of the ways below, at the speed that this machine allows. Printed are the time from a position to its
receipt by the other players, how much the lobby's memory grew, and its share of a core. The attacker and the players share this
machine with the lobby, so a quiet run stands in the first row, to compare.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.hostile.attacks import flood, half_open, quick_frame, websocket
from tests.hostile.processes import Served, served
from tests.hostile.rfc6455 import CONTINUATION, PING, PONG, TEXT
from tests.hosts import Player, joined

PLAYERS, PER_S = 10, 10
CUT_S = 0.2
"""How long one connection attacks. The lobby cuts it sooner, and then reads nothing more."""

Attack = Callable[[Served, float], Awaitable[object]]


async def nothing(lobby: Served, seconds: float) -> None:
    """A quiet run."""
    await asyncio.sleep(seconds)


def again(data: bytes, first: bytes = b"") -> Attack:
    """Sends ``data`` and reads nothing, on one new connection after the other."""

    async def attack(lobby: Served, seconds: float) -> None:
        until = time.monotonic() + seconds
        number = 0
        while (left := until - time.monotonic()) > 0:
            number += 1
            with contextlib.suppress(AssertionError, ConnectionError, asyncio.IncompleteReadError):
                async with websocket(lobby.port, f"/?pid=attacker{number}&v=2") as (_, writer):
                    writer.write(first)
                    await flood(writer, data, min(left, CUT_S))

    return attack


async def open_halves(lobby: Served, seconds: float) -> None:
    """2,000 sockets that send the beginning of a request, again and again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            async with half_open(lobby.port, 2_000):
                await asyncio.sleep(max(0.0, min(1.0, until - time.monotonic())))


async def come_and_go(lobby: Served, seconds: float) -> None:
    """One player that connects, is welcomed and leaves, as fast as it can."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(AssertionError, ConnectionError, asyncio.IncompleteReadError):
            async with websocket(lobby.port, "/?pid=attacker&v=2"):
                pass


ATTACKS: dict[str, Attack] = {
    "none": nothing,
    "empty fragments": again(quick_frame(CONTINUATION, fin=False) * 5_000, quick_frame(TEXT, fin=False)),
    "pongs that were not asked for": again(quick_frame(PONG) * 5_000),
    "pings, and the pongs are not read": again(quick_frame(PING, b"x" * 125) * 500),
    "`hello`, and the welcomes are not read": again(quick_frame(TEXT, b'{"action":"hello"}') * 500),
    "messages that are no JSON": again(quick_frame(TEXT, b"{" * 900) * 100),
    "half-open sockets": open_halves,
    "one player that reconnects all the time": come_and_go,
}


async def send(player: Player, until: float) -> None:
    """Sends positions whose x is the time in ms, modulo a million."""
    seq = 0
    while time.monotonic() < until:
        seq += 1
        await player.send(action="pos", x=time.monotonic() * 1_000 % 1e6, y=0, seq=seq)
        await asyncio.sleep(1 / PER_S)


async def receive(player: Player, waits: list[float]) -> None:
    """Notes how old the positions of others are, in ms."""
    n = 0
    while True:
        message = await player.receive("welcome", "moves")
        if message["type"] == "welcome":
            n = message["n"]
            continue
        now = time.monotonic() * 1_000 % 1e6
        waits += [now - move[1] / 100 for move in message["m"] if move[0] != n]


async def measure(name: str, seconds: float) -> dict[str, Any]:
    """One attack on one lobby."""
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder)) as lobby, contextlib.AsyncExitStack() as stack:
            players = [await stack.enter_async_context(joined(lobby.at(pid=f"p{i}", v=2))) for i in range(PLAYERS)]
            waits: list[float] = []
            receiving = [asyncio.create_task(receive(player, waits)) for player in players]
            sending = [asyncio.create_task(send(player, time.monotonic() + seconds)) for player in players]
            memory_mb, core_s, started = lobby.megabytes(), lobby.core_seconds(), time.monotonic()
            most_mb = memory_mb
            attack = asyncio.create_task(_as_task(ATTACKS[name](lobby, seconds)))
            while not attack.done():
                most_mb = max(most_mb, lobby.megabytes())
                await asyncio.sleep(0.05)
            await attack
            core = (lobby.core_seconds() - core_s) / (time.monotonic() - started)
            await asyncio.gather(*sending)
            for task in receiving:
                task.cancel()
            await asyncio.gather(*receiving, return_exceptions=True)
    waits.sort()
    return {
        "attack": name,
        "p50_ms": round(waits[len(waits) // 2], 1),
        "p99_ms": round(waits[len(waits) * 99 // 100], 1),
        "positions": len(waits),
        "growth_mb": round(most_mb - memory_mb),
        "core": round(core, 2),
    }


async def _as_task(done: Awaitable[object]) -> None:
    await done


def shown(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows as a table."""
    table = Table(box=None)
    table.add_column("attack")
    for name in ("p50", "p99", "memory", "core"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["attack"], f"{row['p50_ms']} ms", f"{row['p99_ms']} ms", f"+{row['growth_mb']} MB", f"{row['core']:.0%}"
        )
    return table


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="for each attack (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    wanted = parser.parse_args()
    rows = [asyncio.run(measure(name, wanted.seconds)) for name in track(ATTACKS, description="attacks")]
    Console().print(shown(rows))
    if wanted.json:
        wanted.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
