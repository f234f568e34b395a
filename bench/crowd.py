"""A second of a crowd that moves: what was counted, and what the model of `bench/cost.py` says.

    python bench/crowd.py                       three crowds, with dynoxide where there is one; a minute

`lobby emulate --latency aws` runs the function, with a whole core of this machine instead of the share that its memory buys, so
the model calculates with a whole core, too. If this machine is too busy for all messages of the players, it counts fewer of
them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

import cost
import emulate
import load
import operations
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

CROWDS = ((50, 2.0), (50, 1.0), (10, 5.0))
"""Players, and how many positions a second each of them sends."""


def crowds(tables: str, seconds: int) -> list[dict[str, Any]]:
    """What a second of a crowd holds: counted in the events of `lobby emulate`, and by the model, with a whole core as here."""
    cost.SLOWER = 1.0
    rows = []
    for players, hz in CROWDS:
        with emulate.running(["--table", tables, "--latency", "aws"]) as run:
            with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
                asyncio.run(load.measure(run.url, None, players, hz, seconds, progress))
        sent_s = [one["t"] for one in run.events if one["kind"] == "message_in"]
        begin_s, end_s = sent_s[0] + load.WARM_UP, sent_s[-1]
        ledger = operations.Ledger()
        logged = 0
        for one in run.events:
            if begin_s <= one["t"] < end_s:
                ledger(one["kind"], **one)
                logged += one["bytes"] if one["kind"] == "log" else 0
        senders = [cost.Steady(hz, number / players) for number in range(players)]
        model = cost.simulate(players, 1.0, cost.WINDOW_MS, cost.SEND_MS, 30, senders=senders)
        used = cost.windowed(model) + cost.presence(players) * -1
        rows.append(
            {
                "players": players,
                "hz": hz,
                **{what: ledger.counted[what] / (end_s - begin_s) for what in operations.WHAT},
                "log bytes of an invocation": logged / ledger.counted["invocations"],
                "model": {
                    "messages in": used.messages_in,
                    "messages out": used.messages_out,
                    "invocations": used.invocations,
                    "queries": model.windows,
                    "failed": model.waited + model.positions * model.windows * cost.TABLE_MS / 1000,
                    "write units": used.write_units,
                    "read units": used.read_units,
                },
            }
        )
    return rows


def show(rows: list[dict[str, Any]], console: Console, *, as_json: bool) -> None:
    """What was counted, and in brackets what the model says."""
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table(box=None, title="A second of a crowd: counted (model)", title_justify="left")
    table.add_column("")
    for row in rows:
        table.add_column(f"{row['players']} players, {row['hz']:g} Hz", justify="right")
    for what in rows[0]["model"]:
        table.add_row(what, *(f"{row[what]:,.1f} ({row['model'][what]:,.1f})" for row in rows))
    table.add_row("log bytes of an invocation", *(f"{row['log bytes of an invocation']:.1f}" for row in rows))
    console.print(table)


def main() -> None:
    """Counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=12, help="that a crowd moves (%(default)s)")
    parser.add_argument("--table", default="auto", help="moto, dynoxide or an address (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for machines")
    wanted = parser.parse_args()
    show(crowds(wanted.table, wanted.seconds), Console(stderr=wanted.json), as_json=wanted.json)


if __name__ == "__main__":
    main()
