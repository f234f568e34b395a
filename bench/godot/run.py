"""Measures the Godot client in the engine: how exactly other players are drawn, how many messages that needs, the cost per
frame, and how long a player waits.

    python bench/godot/run.py                  four tables
    python bench/godot/run.py --json bench/results/godot.json

The paths are those of `lobby bots` (idle, drive, turn; up to 15 units per second), forty paths of two minutes. The network
delays each message by up to 50 ms, and two of a hundred by 100 to 300 ms more. A frame is a sixtieth of a second. The error is
the distance between the drawn position and the player's own position at that time in the past. The ripple is the difference
between the drawn speed and the player's own, as a share of it (root mean square): it is visible as stop and go.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import emulate  # type: ignore[import-not-found]  # benches find each other by their folder

from lobby.client.bots import run_bots
from tests.godot.engine import GAME, addon_project, engine, import_project
from tests.godot.playing import Game, View, playing, playing_demo
from tests.hosts import serving

HERE = Path(__file__).parent
DRAWN = {
    "curve": "the addon: a curve through positions and velocities",
    "lines": "straight lines between positions, with the same delay",
    "easing": "easing towards the newest position",
}

STEP_S = 1 / 60
TIMES = 10
CROWD, SHIPS_S, FPS = 50, 15.0, 60
SETTLED_S = 6.0
"""The shortest delay of the network is known after so long."""

Row = dict[str, Any]


def measured(script: str, home: Path, *words: str, after: tuple[str, ...] = ()) -> list[tuple[str, Row]]:
    """The rows that a script of the bench prints, with their kinds."""
    done = engine(*words, "--script", HERE / script, *after, home=home, patience_s=600)
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    found = [(kind, json.loads(rest)) for kind, _, rest in lines if kind in ("ROW", "SHOW")]
    if not found or "ERROR" in done.stderr:
        raise SystemExit(done.stdout + done.stderr)
    return found


def smoothing(rows: list[Row]) -> Table:
    """How exactly players are drawn at five positions a second."""
    grid = Table("drawn as", title="Five positions a second")
    for heading in ("mean error", "p99 error", "late, median", "speed ripple"):
        grid.add_column(heading, justify="right")
    for row in rows:
        if row["sent"] == "5 a second":
            error = f"{row['mean']:.3f}", f"{row['p99']:.3f}"
            grid.add_row(DRAWN[row["drawn"]], *error, f"{row['late_ms']:.0f} ms", f"{row['ripple']:.0%}")
    return grid


def messages(rows: list[Row]) -> Table:
    """How many messages are needed."""
    grid = Table("a position is sent", title="Messages; all drawn as the addon does")
    for heading in ("messages per moving second", "mean error", "p99 error", "late, median", "speed ripple"):
        grid.add_column(heading, justify="right")
    for row in sorted(rows, key=lambda row: (row["sent"][0].isdigit(), -row["per_s"])):
        if row["drawn"] == "curve":
            when = row["sent"] if row["sent"][0].isdigit() else f"when {row['sent']}"
            error = f"{row['mean']:.3f}", f"{row['p99']:.3f}"
            grid.add_row(when, f"{row['per_s']:.1f}", *error, f"{row['late_ms']:.0f} ms", f"{row['ripple']:.0%}")
    return grid


def frame(row: Row) -> Table:
    """What fifty remote players cost per frame."""
    grid = Table("fifty remote players, headless", title="Milliseconds of one core per frame")
    grid.add_column("mean", justify="right")
    grid.add_column("p99", justify="right")
    for name, part in (("reading messages", "reading"), ("moving the figures", "drawing"), ("both", "both")):
        grid.add_row(name, f"{row[part]['mean']:.2f}", f"{row[part]['p99']:.2f}")
    grid.add_row("the ships of the demo game, total", f"{row['game']['mean']:.2f}")
    return grid


def live(home: Path) -> Row:
    """Two games in a real lobby on this machine: one walks, the other draws it."""

    async def both() -> tuple[Row, Row]:
        async with serving() as lobby:
            watch, walk = await asyncio.gather(
                *(
                    asyncio.to_thread(measured, "live.gd", home, "--max-fps", "60", after=("--", word, lobby.url, seconds))
                    for word, seconds in (("watch", "32"), ("walk", "30"))
                )
            )
        return walk[0][1], watch[0][1]

    walked, watched = asyncio.run(both())
    places = [(x, y) for _, x, y in walked["seen"]]
    # The engine runs several steps at once; the times that they stand for are evenly spaced.
    begin_s = median(at_s - step * STEP_S for step, (at_s, _, _) in enumerate(walked["seen"]))

    def errors(away_s: float) -> list[float]:
        found = []
        for at_s, x, y, late_ms in watched["seen"]:
            exact = (at_s - late_ms / 1000 - away_s - begin_s) / STEP_S
            if SETTLED_S / STEP_S < exact < len(places) - 1:
                (x0, y0), (x1, y1) = places[int(exact) : int(exact) + 2]
                share = exact % 1
                found.append(math.hypot(x0 + (x1 - x0) * share - x, y0 + (y1 - y0) * share - y))
        return sorted(found)

    # The travel time of the fastest message cannot be measured from outside. Take the value that fits best.
    best = min((errors(ms / 1000) for ms in range(-40, 41)), key=mean)
    late_ms = median(late_ms for *_, late_ms in watched["seen"])
    return {"mean": mean(best), "p99": best[int(len(best) * 0.99)], "late_ms": late_ms, "messages": walked["messages"]}


async def waits(home: Path) -> dict[str, list[float]]:
    """How long a player waits, in ms: for a lobby, and between two zones of the demo game with fifty others in one."""
    found: dict[str, list[float]] = {}
    async with serving(room_size=60) as lobby, AsyncExitStack() as stack:
        aws = stack.enter_context(emulate.running(["--latency", "aws"])).url
        for name, url in (("connection to a lobby on this machine", lobby.url), ("connection to a lobby as far as AWS", aws)):
            took = found[name] = []
            async with playing(home, url, "ann") as ann:
                for _ in range(TIMES):
                    begun = time.perf_counter()
                    await ann.call("join")
                    await ann.wait_for("connected")
                    took.append((time.perf_counter() - begun) * 1000)
                    await ann.call("leave")
                    await asyncio.sleep(0.2)
        took = found["from one zone to the other"] = []
        async with playing_demo(home, lobby.url, "bea") as bea, crowd(lobby.url):
            last = (await bea.wait_until(lambda view: view.passage_ms)).passage_ms
            for zone in ("lobby", "main") * (TIMES // 2):
                await bea.send(call="go", args=[zone], on="/root/Game")
                last = (await bea.wait_until(partial(has_passed, zone, last))).passage_ms
                took.append(last)
    return found


async def ships(home: Path) -> float:
    """What fifty ships cost per frame of the demo game: the additional processor time, in ms."""

    async def per_frame(game: Game) -> float:
        before = busy_s(game.process.pid)
        await asyncio.sleep(SHIPS_S)
        return (busy_s(game.process.pid) - before) * 1000 / (SHIPS_S * FPS)

    async with serving(room_size=60) as lobby, playing_demo(home, lobby.url, "ann", "--zone=lobby", "--autopilot") as ann:
        await ann.wait_until(lambda view: view.passage_ms)
        alone = await per_frame(ann)
        async with crowd(lobby.url):
            await ann.wait_until(lambda view: len(view.others) == CROWD)
            return await per_frame(ann) - alone


def busy_s(pid: int) -> float:
    """The processor time of a process, in s; see proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def crowd(url: str) -> AsyncIterator[None]:
    """Fifty bots."""
    walking = asyncio.create_task(run_bots(url, CROWD))
    try:
        yield
    finally:
        walking.cancel()
        await asyncio.gather(walking, return_exceptions=True)


def has_passed(zone: str, before_ms: float, view: View) -> bool:
    """Whether the game has arrived in ``zone``."""
    return view.zone == zone and view.passage_ms != before_ms


def waiting(found: dict[str, list[float]]) -> Table:
    """How long a player waits."""
    grid = Table("", title="Milliseconds that a player waits")
    grid.add_column("median", justify="right")
    grid.add_column("longest", justify="right")
    for name, took in found.items():
        grid.add_row(name, f"{median(took):.0f}", f"{max(took):.0f}")
    return grid


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, help="write all of it to this file")
    wanted = parser.parse_args()
    console = Console()
    with TemporaryDirectory() as home, console.status("walking ..."):
        addon_project(Path(home))
        found = measured("smoothing.gd", Path(home))
        [(_, cost)] = measured("frame.gd", Path(home), "--max-fps", "60")
        real = live(Path(home))
        import_project(Path(home), GAME)
        waited = asyncio.run(waits(Path(home)))
        cost["game"] = {"mean": asyncio.run(ships(Path(home)))}
    rows = [row for kind, row in found if kind == "ROW"]
    for table in (smoothing(rows), messages(rows), frame(cost), waiting(waited)):
        console.print(table)
    error = f"mean error {real['mean']:.3f}, p99 {real['p99']:.3f}"
    console.print(f"Two games in a real lobby, 30 seconds, {real['messages']} messages: {error}")
    if wanted.json:
        shown = {row["drawn"]: row["frames"] for kind, row in found if kind == "SHOW"}
        wanted.json.write_text(json.dumps({"rows": rows, "frame": cost, "live": real, "waits": waited, "shown": shown}) + "\n")


if __name__ == "__main__":
    main()
