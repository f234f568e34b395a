"""The same windowed server on every library, measured one after the other, in rounds.

    python bench/websocket_libraries/compare.py --rounds 3

Needs what is compared, beside the project's own libraries:

    pip install picows aiohttp websockets uvloop uvicorn httptools wsproto granian
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
SERVERS = (
    "picows asyncio reuse",
    "picows asyncio write",
    "picows uvloop reuse",
    "aiohttp asyncio frame",
    "aiohttp uvloop str",
    "aiohttp uvloop frame",
    "aiohttp uvloop write",
    "websockets asyncio broadcast",
    "websockets uvloop broadcast",
    "uvicorn-websockets-sansio uvloop send",
    "uvicorn-wsproto uvloop send",
    "granian uvloop send",
)

Rows = list[dict[str, Any]]


def measure(server: str, players: str, seconds: int) -> Rows:
    """One run of load.py."""
    library, loop, how = server.split()
    library, _, protocol = library.partition("-")  # uvicorn-wsproto
    command = [sys.executable, str(HERE / f"{library}_server.py"), "{port}", loop, how]
    command += [protocol] if protocol else []
    with tempfile.TemporaryDirectory() as directory:
        rows = Path(directory, "rows.json")
        load = [sys.executable, str(HERE.parent / "load.py"), "--command", shlex.join(command)]
        load += ["--players", players, "--seconds", str(seconds), "--json", str(rows)]
        subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
        measured: Rows = json.loads(rows.read_text())
        return measured


def main() -> None:
    """Measure all, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("servers", nargs="*", default=SERVERS, help="such as 'picows asyncio reuse'")
    parser.add_argument("--players", default="10,100,1000")
    parser.add_argument("--seconds", type=int, default=5, help="measured per row")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all rows of all rounds to this file")
    wanted = parser.parse_args()
    console = Console()
    rounds: dict[str, list[Rows]] = {server: [] for server in wanted.servers}
    with console.status("") as status:
        for turn in range(wanted.rounds):
            for server in wanted.servers:
                status.update(f"round {turn + 1} of {wanted.rounds}: {server}")
                rounds[server].append(measure(server, wanted.players, wanted.seconds))
    grid = Table(title=f"medians of {wanted.rounds} rounds (p99 and core: lowest to highest)")
    for heading in ("library, loop, way", "players", "p50 ms", "p99 ms", "core", "MB", "lost"):
        grid.add_column(heading, justify="left" if heading.startswith("lib") else "right")
    for server, measured in rounds.items():
        for same in zip(*measured, strict=True):
            grid.add_row(
                server,
                f"{same[0]['players']:,}",
                spread([row["p50_ms"] for row in same], 1, False),
                spread([row["p99_ms"] for row in same], 1, True),
                spread([row["server_core"] for row in same], 2, True),
                spread([row["server_mb"] for row in same], 0, False),
                str(sum(row["lost"] + row["disconnects"] for row in same)),
            )
        grid.add_section()
    console.print(grid)
    if wanted.json:
        wanted.json.write_text(json.dumps(rounds, indent=1) + "\n")


def spread(figures: list[float], digits: int, edges: bool) -> str:
    """The median, and how far the rounds lay apart."""
    text = f"{median(figures):.{digits}f}"
    return f"{text} ({min(figures):.{digits}f}–{max(figures):.{digits}f})" if edges else text


if __name__ == "__main__":
    main()
