"""The throughput of the table engines of `lobby emulate`.

    python bench/tables.py [--seconds 3]

A position is one conditional UpdateItem of a row of the template's table, a room one Query for its fifty rows. Eight at once.
Dynoxide is measured where it is found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from lobby.cloudformation.lobby_template import lobby_template
from lobby.emulator import parse, read_stack
from lobby.emulator.tables import TARGET, Dynoxide, Engine, Moto

AT_ONCE, PLAYERS = 8, 50
TABLE = "LobbyConnections-dev"


async def measure(engine: Engine, seconds: float) -> tuple[float, float]:
    """Positions and rooms a second."""
    stack = read_stack(parse(lobby_template()))
    [definition] = stack.tables
    await engine.start()
    try:
        await ask(engine, "CreateTable", definition)
        row = {"x": {"N": "1.25"}, "y": {"N": "-3.5"}, "seq": {"N": "0"}, "name": {"S": "Ann"}, "ttl": {"N": "1800000000"}}
        for number in range(PLAYERS):
            await ask(engine, "PutItem", {"TableName": TABLE, "Item": {**key(number), **row}})
        return await rate(lambda worker, times: place(engine, worker, times), seconds), await rate(
            lambda worker, times: room(engine), seconds
        )
    finally:
        await engine.stop()


async def rate(do: Callable[[int, int], Awaitable[None]], seconds: float) -> float:
    """How often a second ``do`` can be done, by several workers at the same time."""
    ends = time.perf_counter() + seconds

    async def again(worker: int) -> int:
        times = 0
        while time.perf_counter() < ends:
            times += 1
            await do(worker, times)
        return times

    return sum(await asyncio.gather(*map(again, range(AT_ONCE)))) / seconds


async def place(engine: Engine, worker: int, seq: int) -> None:
    """Moves one player."""
    request = {
        "TableName": TABLE,
        "Key": key(worker),
        "UpdateExpression": "SET x = :x, y = :y, seq = :seq",
        "ConditionExpression": "attribute_exists(room) AND seq < :seq",
        "ExpressionAttributeValues": {":x": {"N": f"{seq / 7}"}, ":y": {"N": "2.5"}, ":seq": {"N": f"{seq}"}},
    }
    await ask(engine, "UpdateItem", request)


async def room(engine: Engine) -> None:
    """Reads all players of the room."""
    request = {
        "TableName": TABLE,
        "ConsistentRead": True,
        "KeyConditionExpression": "room = :room",
        "ExpressionAttributeValues": {":room": {"S": "bench"}},
    }
    await ask(engine, "Query", request)


def key(player: int) -> dict[str, Any]:
    """The key of a player's row."""
    return {"room": {"S": "bench"}, "connectionId": {"S": f"connection-{player}"}}


async def ask(engine: Engine, operation: str, request: Mapping[str, Any]) -> None:
    """One request that must succeed."""
    status, said = await engine.answer(f"{TARGET}.{operation}", json.dumps(request).encode())
    if status != 200:
        raise SystemExit(f"{type(engine).__name__} refused a {operation}: {said.decode()}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3, help="for each figure (%(default)s)")
    wanted = parser.parse_args()
    program = Dynoxide.find()
    table = Table(box=None)
    table.add_column("engine")
    for name in ("positions a second", "rooms a second"):
        table.add_column(name, justify="right")
    for engine in (Moto(), *([Dynoxide(program)] if program else [])):
        rates = asyncio.run(measure(engine, wanted.seconds))
        table.add_row(type(engine).__name__.lower(), *(f"{rate:,.0f}" for rate in rates))
    Console().print(table)


if __name__ == "__main__":
    main()
