"""What each action of a player causes: counts messages, invocations and operations of the table.

    python bench/operations.py                  50 players in the room, with dynoxide where there is one
    python bench/operations.py --players 2

The function of the template runs behind the local API Gateway, with the parameters of the template. One action happens at a
time, and all other players do nothing. A test compares the counts with the model of `bench/cost.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect

sys.path.insert(0, str(Path(__file__).parent.parent / "backend"))

from lobby.client.bots import Walker
from lobby.cloudformation.lobby_template import lobby_template
from lobby.emulator import EmulatedStack, parse, read_stack
from lobby.emulator.capacity import size
from lobby.emulator.tables import TARGET, Engine
from lobby.messages import Pos, encode_client
from lobby.presence import Position
from lobby.tools.emulate import engine

BACKEND = Path(__file__).parent.parent / "backend"
ROOM = "lobby"
QUIET_S, STARTING_S = 0.19, 1.0
"""How long no event must be metered until everything has happened; and the same while functions start, which takes a moment in
which no event is metered."""

LOOKS = 10
"""How often :meth:`Ledger.quiet` looks in that time. A machine that stands still for a moment affects only one look."""

Counted = Counter[str]
"""How often: `messages in`, `messages out`, `invocations`, `writes`, `gets`, `queries`, `failed` (conditions), and units."""

WHAT = ("messages in", "messages out", "invocations", "writes", "failed", "gets", "queries", "write units", "read units")
READS = {"GetItem": "gets", "Query": "queries"}


class Ledger:
    """Counts everything that costs money. After ``quiet_s`` without an event everything has happened: that is longer than a
    window, and shorter than the first pause before a retry. ``is_busy()`` may report work that has not been metered yet."""

    def __init__(self, quiet_s: float = QUIET_S, is_busy: Callable[[], bool] = lambda: False) -> None:
        self.counted: Counted = Counter()
        self.is_busy = is_busy
        self._events, self._quiet_s = 0, quiet_s

    def __call__(self, kind: str, /, **facts: Any) -> None:
        """See `lobby.emulator.meters.Meter`."""
        self._events += 1
        match kind:
            case "message_in" | "message_out":
                self.counted[kind.replace("message_", "messages ")] += 1
            case "invocation":
                self.counted["invocations"] += 1
            case "table":
                self.counted[READS.get(facts["operation"], "writes")] += 1
                self.counted["failed"] += facts["status"] != "200"
                self.counted["write units"] += facts["writes"]
                self.counted["read units"] += facts["reads"]

    async def quiet(self, seconds: float = 0.0) -> None:
        """Waits until nothing has happened for ``seconds``."""
        quiet_looks = 0
        while quiet_looks < LOOKS:
            events = self._events
            await asyncio.sleep((seconds or self._quiet_s) / LOOKS)
            quiet_looks = quiet_looks + 1 if events == self._events and not self.is_busy() else 0

    async def of(self, thing: Awaitable[object]) -> Counted:
        """What ``thing`` causes."""
        before = self.counted.copy()
        await thing
        await self.quiet()
        return Counter({what: self.counted[what] - before[what] for what in WHAT})


class Crowd:
    """Players in one room, which send what the Python client sends."""

    def __init__(self, stack: EmulatedStack, sockets: AsyncExitStack) -> None:
        self._stack, self._sockets = stack, sockets
        self._walkers = [Walker(random.Random(number)) for number in range(1_000)]
        self._seq: Counter[int] = Counter()
        self.players: list[ClientConnection] = []

    async def enter(self) -> None:
        """Connects one more player, which reads everything from then on."""
        number = len(self.players)
        url = f"{self._stack.url}?pid=player_{number:04}&name=Player%20{number}&v=2&room={ROOM}"
        socket = await self._sockets.enter_async_context(connect(url, max_queue=None))
        self.players.append(socket)
        reading = asyncio.create_task(_read(socket))
        self._sockets.callback(reading.cancel)

    async def move(self, number: int) -> None:
        """Moves one player by a step."""
        self._seq[number] += 1
        at: Position = self._walkers[number].step(1.5)
        await self.players[number].send(encode_client(Pos(at._replace(seq=self._seq[number], t=12_345))))


async def _read(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


@asynccontextmanager
async def stack_for(players: int, tables: Engine, ledger: Ledger) -> AsyncIterator[EmulatedStack]:
    """The template's lobby, with functions in processes of their own."""
    definition = read_stack(parse(lobby_template()), {"RoomSize": max(50, players)})
    async with EmulatedStack(definition, BACKEND, tables, meter=ledger) as stack:
        yield stack
    await asyncio.sleep(QUIET_S)  # until the processes of the functions have ended


@asynccontextmanager
async def crowd(stack: EmulatedStack, players: int, ledger: Ledger, starting_s: float) -> AsyncIterator[Crowd]:
    """This many players, each of which has moved once."""
    async with AsyncExitStack() as sockets:
        here = Crowd(stack, sockets)
        for _ in range(players):
            await here.enter()
        for number in range(players):
            await here.move(number)
        await ledger.quiet(starting_s)
        yield here


async def count(
    stack: EmulatedStack,
    players: int,
    ledger: Ledger,
    on: Callable[[str], object] = lambda what: None,
    starting_s: float = STARTING_S,
    hold_windows: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> dict[str, Counted]:
    """What each action of one of ``players`` causes. ``ledger`` is the meter of the stack.

    While ``hold_windows()`` is entered, no window may end; the default relies on a machine that is fast enough.
    """
    found: dict[str, Counted] = {}
    async with crowd(stack, players - 1, ledger, starting_s) as here:

        async def note(what: str, thing: Awaitable[object]) -> None:
            on(what)
            found[what] = await ledger.of(thing)

        async def in_one_window(movers: int) -> None:
            writes, invocations = ledger.counted["writes"], ledger.counted["invocations"]
            with hold_windows():
                await here.move(0)
                while ledger.counted["writes"] < writes + 2:  # its row, and the window is open
                    await asyncio.sleep(0.001)
                for number in range(1, movers):
                    await here.move(number)
                while ledger.counted["invocations"] < invocations + movers - 1:
                    await asyncio.sleep(0.001)

        send = here.players[0].send
        await note("connects", here.enter())
        await here.move(players - 1)
        await ledger.quiet()
        await note("position that opens a window", here.move(0))
        # A lone mover does not receive itself; with two movers or more every player receives the same. So the third is counted.
        two, three = [await ledger.of(in_one_window(movers)) for movers in (2, 3)]
        three.subtract(two)
        found["position in an open window"] = three
        await note("hello", send('{"action":"hello"}'))
        await note("ping", send('{"action":"ping","t":1}'))
        await note("status", send('{"action":"status","status":"trading"}'))
        await note("data", send('{"action":"data","data":{"team":"red"}}'))
        await note("event to the room", send('{"action":"send","event":"wave","seq":1}'))
        await note("event to one player", send('{"action":"send","event":"wave","to":"player_0001","seq":2}'))
        await note("leaves", here.players[-1].close())
    return found


async def sizes(stack: EmulatedStack, players: int, ledger: Ledger) -> dict[str, float]:
    """Bytes, as DynamoDB counts them, of a player's row and of the room's own items when all players have just moved."""
    async with crowd(stack, players, ledger, STARTING_S) as here:
        await asyncio.gather(*map(here.move, range(players)))
        await ledger.quiet()
        asked = {"TableName": "LobbyConnections-dev"}
        _, answer = await stack.tables.engine.answer(f"{TARGET}.Scan", json.dumps(asked).encode())
    items = json.loads(answer)["Items"]
    rows = [size(item) for item in items if "player_id" in item]
    own = {item["connectionId"]["S"]: size(item) for item in items if "player_id" not in item}
    return {"row": sum(rows) / len(rows), "rows": sum(rows), **own}


def main() -> None:
    """Counts and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=50, help="in one room, one of them busy (%(default)s)")
    parser.add_argument("--table", default="auto", help="moto, dynoxide or an address (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for machines")
    wanted = parser.parse_args()
    console = Console(stderr=wanted.json)
    with console.status("connecting") as status:

        async def run() -> tuple[dict[str, Counted], dict[str, float]]:
            ledger = Ledger()
            async with stack_for(wanted.players, engine(wanted.table), ledger) as stack:
                counted = await count(stack, wanted.players, ledger, lambda what: status.update(what))
                return counted, await sizes(stack, wanted.players, ledger)

        found, bytes_ = asyncio.run(run())
    table = Table(box=None, title=f"What each action of one of {wanted.players} players causes", title_justify="left")
    table.add_column("")
    for what in WHAT:
        table.add_column(what, justify="right")
    for name, counted in found.items():
        table.add_row(name, *(f"{counted[what]:,g}" for what in WHAT))
    if wanted.json:
        print(json.dumps({"players": wanted.players, "counted": found, "bytes": bytes_}, indent=1))
        return
    console.print(table)
    for name, octets in bytes_.items():
        console.print(f"{name}: {octets:,.0f} bytes")


if __name__ == "__main__":
    main()
