"""`lobby emulate` with the latency of AWS: the delay of a welcome, the delay of a position, and whether the bill is right.

    python bench/emulate.py                    50 players, five positions a second, with dynoxide where there is one
    python bench/emulate.py --json bench/results/emulate.json && python scripts/docs.py
    python bench/emulate.py --table moto --players 10 --hz 1

Everything runs on this machine beside the players, functions included, so a machine that is busy is slower than AWS would be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bill
import load
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from websockets.asyncio.client import connect

GOALS_MS = {"welcome unasked, version 1": 500, "welcome after hello, version 2": 150, "position, median": 100}
"""What the lobby promises at AWS-like latency."""

NEVER = ("positions lost", "connections lost", "messages refused")


async def welcomes(url: str, version: int, times: int) -> list[float]:
    """The time from the open socket to the welcome, in ms, for each player."""
    took = []
    for number in range(times):
        async with connect(f"{url}?pid=w{number}&v={version}&room=welcomes{version}{number % 3}") as socket:
            began = time.perf_counter()
            if version >= 2:
                await socket.send('{"action":"hello"}')
            while json.loads(await asyncio.wait_for(socket.recv(), 10))["type"] != "welcome":
                pass
            took.append((time.perf_counter() - began) * 1000)
    return took


class Run:
    """One run of the command: its address; and after its end the text that it printed and the events that it metered."""

    def __init__(self, url: str) -> None:
        self.url, self.printed = url, ""
        self.events: list[dict[str, Any]] = []


@contextmanager
def running(options: list[str]) -> Iterator[Run]:
    """Runs `lobby emulate --bill`, and ends it as Ctrl-C does."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.jsonl"
        process, url = started([*options, "--events", str(file)])
        run = Run(url)
        try:
            yield run
        finally:
            process.send_signal(signal.SIGINT)
            run.printed, _ = process.communicate(timeout=30)
        run.events = bill.read(file)


def started(options: list[str]) -> tuple[subprocess.Popen[str], str]:
    """The process of the command, and the address for players."""
    words = [sys.executable, "-m", "lobby", "emulate", "--port", "0", "--bill", *options]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    while "The tables are in" not in said:
        line = process.stderr.readline()
        if not line:
            raise SystemExit(said)
        said += line
    found = re.search(r"ws://\S+", said)
    assert found is not None
    return process, found[0]


def deviation(printed: str, events: list[dict[str, Any]]) -> float:
    """The largest deviation of a line of the bill from the sum of the events, as a share of that sum."""
    worst = 0.0
    for name, dollars in bill.dollars(events).items():
        line = re.search(rf"^ ?{re.escape(name)} .*?\$([\d.,]+)", printed, re.M)
        if line is None:
            raise SystemExit(f"{name} is not on the bill:\n{printed}")
        off = abs(float(line[1].replace(",", "")) - dollars)
        worst = max(worst, max(0.0, off - 1e-6) / dollars)  # it is printed to a millionth of a dollar
    return worst


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=50, help="in one room (%(default)s)")
    parser.add_argument("--hz", type=float, default=5, help="positions a second of each (%(default)s)")
    parser.add_argument("--seconds", type=int, default=20, help="measured (%(default)s)")
    parser.add_argument("--table", default="auto", help="moto, dynoxide or an address (%(default)s)")
    parser.add_argument("--latency", default="aws", help="aws or none (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    wanted = parser.parse_args()
    console = Console()
    with running(["--table", wanted.table, "--latency", wanted.latency]) as run:
        asyncio.run(welcomes(run.url, 1, 3))  # environments that are warm, as nearly all are
        unasked, asked = (asyncio.run(welcomes(run.url, version, 30)) for version in (1, 2))
        with Progress(console=console, auto_refresh=False, transient=True) as progress:
            row = asyncio.run(load.measure(run.url, None, wanted.players, wanted.hz, wanted.seconds, progress))
    figures: dict[str, Any] = {
        "welcome unasked, version 1": statistics.median(unasked),
        "welcome unasked, version 1, slowest of 30": max(unasked),
        "welcome after hello, version 2": statistics.median(asked),
        "welcome after hello, version 2, slowest of 30": max(asked),
        "position, median": row.p50_ms,
        "position, p99": row.p99_ms,
    }
    table = Table(
        title=f"{wanted.players} players, {wanted.hz:g} positions a second each, --latency {wanted.latency}", box=None
    )
    table.add_column("")
    table.add_column("ms", justify="right")
    table.add_column("goal", justify="right")
    for name, ms in figures.items():
        table.add_row(name, f"{ms:.0f}", f"{GOALS_MS[name]}" if name in GOALS_MS else "")
    figures |= {"positions lost": row.lost, "connections lost": row.disconnects, "messages refused": row.refused}
    for name in NEVER:
        table.add_row(name, f"{figures[name]}", "0")
    figures["bill off by"] = deviation(run.printed, run.events)
    table.add_row("bill off by at the most", f"{figures['bill off by']:.2%}", "1 %")
    console.print(table)
    console.print(run.printed)
    if wanted.json:
        wanted.json.write_text(json.dumps({"figures": figures, "goals_ms": GOALS_MS, "bill": run.printed}, indent=1) + "\n")


if __name__ == "__main__":
    main()
