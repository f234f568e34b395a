"""The memory size of the function: what each kind of invocation takes, with more and with less memory.

    python bench/memory.py                      with dynoxide where there is one; five minutes
    python bench/memory.py --json bench/results/memory.json

`lobby emulate --latency aws` runs with players that all move, and writes each invocation into a file: its duration and its CPU
time. The memory of a function determines its share of a core (`cpu_factor`: 1,769 MB give a whole core). So with less memory
the CPU time grows, and the waiting time stays the same. This machine also runs the players, the gateway and the table. When it
is busy, everything waits longer than on AWS, so the least disturbed of several runs counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import emulate
import load
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "backend"))

from lobby.billing import PRICES
from lobby.cloudformation.lobby_template import lobby_template
from lobby.cloudformation.reading import parse
from lobby.emulator.metering import CORE_MB, cpu_factor

MEMORY_MB = (128, 256, 512, 1024, CORE_MB)
KINDS = {
    "authorizer": "a player asks to connect",
    "$connect": "a connection opens",
    "stream": "a join is broadcast, the new player gets its welcome",
    "hello": "hello",
    "position": "a position that another invocation broadcasts",
    "leader": "a position, a window, and its broadcast",
    "$disconnect": "a connection ends",
}
WELCOMES = 12
"""Players that join one after the other, each in a room with one other player. No other player does anything meanwhile."""

WINDOW_MS = int(parse(lobby_template())["Parameters"]["WindowMs"]["Default"])

LEADER = 2.0
"""A leader needs at least this many times the CPU time of an invocation that finds a window open. In a room of 50 the median is
seven times."""

Invocation = dict[str, Any]


def events(players: int, hz: float, seconds: int, options: list[str]) -> list[Invocation]:
    """The invocations of one run, each with the name of its kind; without connects and disconnects of the crowd."""
    with emulate.running([*options, "--latency", "aws"]) as run:
        for version in (1, 2):
            asyncio.run(emulate.welcomes(run.url, version, WELCOMES))
        crowd_s = time.time()
        with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
            row = asyncio.run(load.measure(run.url, None, players, hz, seconds, progress))
        print(f"{players} players, {hz:g} positions a second each: median {row.p50_ms:.0f} ms late", file=sys.stderr)
    found = run.events
    steady_s = max((one["t"] for one in found if one.get("event") == "$connect"), default=0.0) + 1.0
    invocations = [one for one in found if one["kind"] == "invocation" and not one["failed"]]
    alone = [{**one, "name": one["event"]} for one in invocations if one["event"] in KINDS and one["t"] < crowd_s]
    return alone + _named_by_role([one for one in invocations if one["event"] == "pos" and one["t"] > steady_s])


def _named_by_role(positions: list[Invocation]) -> list[Invocation]:
    """Positions, and those whose invocation led a window: it waited for the window, and needed much more CPU time than others.
    On a busy machine other invocations wait as long."""
    work_ms = statistics.median(one["cpu_ms"] for one in positions if one["ms"] < WINDOW_MS)
    return [
        {**one, "name": "leader" if one["ms"] >= WINDOW_MS and one["cpu_ms"] > LEADER * work_ms else "position"}
        for one in positions
    ]


def summary(runs: list[list[Invocation]]) -> dict[str, dict[str, float]]:
    """For each kind: the number of invocations, the CPU time of one, and its waiting time.

    Each run counts with its median. CPU time is the median of several runs; waiting time is the minimum, because a busy machine
    only makes it longer.
    """
    by: dict[str, list[list[Invocation]]] = defaultdict(list)
    for run in runs:
        for name in {one["name"] for one in run}:
            by[name].append([one for one in run if one["name"] == name])
    return {
        name: {
            "n": sum(map(len, by[name])),
            "cpu_ms": statistics.median(statistics.median(one["cpu_ms"] for one in run) for run in by[name]),
            "waits_ms": min(statistics.median(one["ms"] - one["cpu_ms"] for one in run) for run in by[name]),
        }
        for name in KINDS
        if name in by
    }


def at(kind: dict[str, float], memory_mb: float) -> float:
    """The duration of an invocation with this much memory, in ms."""
    return kind["waits_ms"] + kind["cpu_ms"] * cpu_factor(memory_mb)


def priced(kind: dict[str, float], memory_mb: float) -> float:
    """Dollars for the time of a million invocations, billed in whole ms."""
    return 1e6 * math.ceil(at(kind, memory_mb)) / 1000 * memory_mb / 1024 * PRICES["compute"].dollars(1)


def sizes(measured: dict[str, Any]) -> list[dict[str, float]]:
    """A row for each size of memory."""
    position, leader = measured["kinds"]["position"], measured["kinds"]["leader"]
    return [
        {
            "memory_mb": memory_mb,
            "core": 1 / cpu_factor(memory_mb),
            "position_ms": at(position, memory_mb),
            "fanout_longer_ms": (leader["cpu_ms"] - position["cpu_ms"]) * (cpu_factor(memory_mb) - 1),
            "start_ms": measured["start_ms"] * cpu_factor(memory_mb),
            "dollars_positions": priced(position, memory_mb) + PRICES["invocations"].dollars(1e6),
            "dollars_windows": priced(leader, memory_mb) - priced(position, memory_mb),
        }
        for memory_mb in MEMORY_MB
    ]


def cells(row: dict[str, float]) -> list[str]:
    """A row as the table and the page show it."""
    return [
        f"{row['memory_mb']:,.0f}",
        f"{row['core']:.2f}",
        f"{row['position_ms']:.0f}",
        f"{row['fanout_longer_ms']:.0f}",
        f"{row['start_ms']:.0f}",
        f"{row['dollars_positions']:.2f}",
        f"{row['dollars_windows']:.2f}",
    ]


def measure(rounds: int, hz: float, seconds: int, options: list[str]) -> dict[str, Any]:
    """In turns: a room of 50; the same at a fifth of the rate, which leaves this machine idle time; and a room of 10."""
    runs: dict[int, list[list[Invocation]]] = {50: [], 10: []}
    for _ in range(rounds):
        for players, pace in ((50, hz), (50, hz / 5), (10, hz)):
            runs[players].append(events(players, pace, seconds, options))
    many, few = summary(runs[50]), summary(runs[10])
    starts = [[one["init_ms"] for one in run if one["cold"]] for several in runs.values() for run in several]
    start_ms = min(statistics.median(some) for some in starts if some)
    each = (many["leader"]["cpu_ms"] - few["leader"]["cpu_ms"]) / 40
    return {
        "rounds": rounds,
        "hz": hz,
        "seconds": seconds,
        "kinds": many,
        "start_ms": start_ms,
        "post_cpu_ms": each,
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of three runs each (%(default)s)")
    parser.add_argument("--hz", type=float, default=5, help="positions a second of each (%(default)s)")
    parser.add_argument("--seconds", type=int, default=12, help="that the crowd moves (%(default)s)")
    parser.add_argument("--table", default="auto", help="moto, dynoxide or an address (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    wanted = parser.parse_args()
    console = Console()
    measured = measure(wanted.rounds, wanted.hz, wanted.seconds, ["--table", wanted.table])
    kinds = Table(title="An invocation, median, with a whole core", box=None, title_justify="left")
    for name in ("", "", "invocations", "CPU, ms", "waiting, ms"):
        kinds.add_column(name, justify="right" if kinds.columns[1:] else "left")
    for name, kind in measured["kinds"].items():
        kinds.add_row(name, KINDS[name], f"{kind['n']:,}", f"{kind['cpu_ms']:.2f}", f"{kind['waits_ms']:.1f}")
    console.print(kinds)
    console.print(
        f"Of a leader's CPU time each post takes {measured['post_cpu_ms']:.3f} ms. A start: {measured['start_ms']:.0f} ms."
    )
    table = Table(title="By memory size", box=None, title_justify="left")
    for name in ("MB", "of a core", "a position, ms", "extra time of a broadcast to 50, ms", "CPU time of a start, ms"):
        table.add_column(name, justify="right")
    for name in ("$ a million positions", "$ a million windows"):
        table.add_column(name, justify="right")
    for row in sizes(measured):
        table.add_row(*cells(row))
    console.print(table)
    if wanted.json:
        wanted.json.write_text(json.dumps({**measured, "sizes": sizes(measured)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
