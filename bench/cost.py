"""What a lobby costs a month: naive on AWS, windowed on AWS, and on a server at a flat price.

    python bench/cost.py                      dollars a month over players, and where the server gets cheaper
    python bench/cost.py plan                 the plan's table, corrected line by line
    python bench/cost.py windows              dollars a month over the length of the window
    python bench/cost.py prices               the price list

The naive lobby is a formula: everybody who moves sends five positions a second, and each is sent to everybody else. The
windowed one is counted: our bots walk in simulated time, `Pilot` decides what they say, `Window` decides who hears it, and
every frame is measured as it would be sent. What happens inside of AWS is assumed: the constants below.
"""

import argparse
import json
import math
import random
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "backend"))

from lobby.bots import STEP_S, Pilot, Walker
from lobby.budget import MONTH_HOURS, PRICES, Bill, Usage, bill, steps
from lobby.fanout import Window
from lobby.messages import encode_moves
from lobby.presence import Position, Presence
from lobby.settings import Settings

PLAYERS = "2,5,10,20,50,100,200,500,1000"
MOVING = (0.15, 1.0)  # shares of their time that players move: a lobby with menus and shops, and a race
DAYS = 30  # of play in a month
NAIVE_HZ = 5.0

# Assumed of AWS, not measured there.
MEMORY_GB = 0.5
CALL_MS = 8.0  # an invocation that parses and makes one or two calls of DynamoDB
POST_MS = 1.2  # of the invocation's time for each of many concurrent posts
LOG_BYTES = 350  # Lambda's START, END and REPORT of one invocation
FRAME_BYTES = 90  # WebSocket, TLS, TCP and IP around a message
NAIVE_BYTES = 40  # a version 1 `pos`
ROW_BYTES = 300  # of a player in the table
THROTTLE_PER_S = 10_000  # messages and posts together: an account's quota, unless AWS raises it

SESSION_S = 1_800.0  # how long a player stays
PING_S = 540.0  # AWS closes after 10 minutes of silence
BOUT_S = 10.0  # how long a player moves, on average, before a pause

SERVER_DOLLARS = 5.0  # 512 MB, an IPv4 address and 1 TB of traffic (Lightsail, March 2026)
SERVER_GB = 1_000.0
SERVER_GB_DOLLARS = PRICES["egress"].tiers[-1][1]  # assumed for what goes beyond

TICK_MS = 10


@dataclass(frozen=True)
class Count:
    """What one simulated second of a room holds, on average."""

    players: int
    moving: float
    window_ms: int
    send_ms: int
    positions: float
    windows: float
    told: float
    told_steps: float
    told_bytes: float
    per_moving_second: float


class _Player:
    """A bot that moves for a share of its time and stands still for the rest, and says so as `lobby bots` does."""

    def __init__(self, number: int, moving: float, send_ms: int) -> None:
        self._chance = random.Random(number)
        self._walker, self._pilot = Walker(self._chance), Pilot()
        self._moving, self._send_ms = moving, send_ms
        self._moves = self._chance.random() < moving
        self._left_s = self._bout()
        self._at = Position()
        self._waits, self._sent_ms = False, -send_ms
        self._seq = 0
        self.moving_s = 0.0

    def _bout(self) -> float:
        if self._moving >= 1:
            return math.inf
        return self._chance.expovariate(1 / BOUT_S) * (1 if self._moves else (1 - self._moving) / self._moving)

    def step(self, now_ms: int) -> Position | None:
        """One step on: the position that is sent, if one is."""
        self._left_s -= STEP_S
        if self._left_s <= 0:
            self._moves = not self._moves
            self._left_s = self._bout()
        if self._moves:
            self._at = self._walker.step(STEP_S)
            while not (self._at.vx or self._at.vy):  # the pauses are ours, not the walker's
                self._at = self._walker.step(STEP_S)
            self.moving_s += STEP_S
        else:
            self._at = Position(self._walker.x, self._walker.y, h=self._walker.h)
        if self._pilot.speaks(self._at, now_ms / 1000):
            self._waits = True
        if not self._waits or now_ms - self._sent_ms < self._send_ms:
            return None
        self._waits, self._sent_ms = False, now_ms
        self._seq += 1
        return self._at._replace(seq=self._seq, t=now_ms % 65_536)


def simulate(
    players: int,
    moving: float,
    window_ms: int,
    send_ms: int,
    seconds: int,
    advance: Callable[[int], None] = lambda second: None,
) -> Count:
    """A room in simulated time. The first position opens a window, and what came until it closes is told in one message."""
    settings = Settings(room_size=max(players, 50), window_ms=window_ms, send_ms=send_ms)
    bots = [_Player(number, moving, send_ms) for number in range(players)]
    roster = [Presence("lobby", f"c{number}", f"p{number}", n=number + 1, v=2) for number in range(players)]
    window, closes_ms = Window(), 0
    positions = windows = told = told_steps = told_bytes = 0
    phases = round(STEP_S * 1000) // TICK_MS
    warm_up_ms = 5_000
    for now_ms in range(0, seconds * 1000 + warm_up_ms, TICK_MS):
        if now_ms == warm_up_ms:
            positions = windows = told = told_steps = told_bytes = 0
            for bot in bots:
                bot.moving_s = 0.0
        for number in range(now_ms // TICK_MS % phases, players, phases):
            at = bots[number].step(now_ms)
            if at is None:
                continue
            positions += 1
            if window.is_empty:
                closes_ms = now_ms + window_ms
            roster[number] = roster[number]._replace(at=at)
            window.moved(roster[number].player)
        if not window.is_empty and now_ms >= closes_ms:
            windows += 1
            for receivers, movers in window.close(roster, now_ms, settings):
                size = len(encode_moves(1_795_426_800_000 + now_ms, [(row.n, row.at) for row in movers]))
                told += len(receivers)
                told_steps += len(receivers) * steps(size)
                told_bytes += len(receivers) * (size + FRAME_BYTES)
            closes_ms = now_ms + window_ms
        if now_ms % 1000 == 0:
            advance(now_ms // 1000)
    moving_s = sum(bot.moving_s for bot in bots) or math.inf
    return Count(
        players,
        moving,
        window_ms,
        send_ms,
        positions / seconds,
        windows / seconds,
        told / seconds,
        told_steps / seconds,
        told_bytes / seconds,
        positions / moving_s,
    )


def _rows_units(players: int) -> int:
    return math.ceil(players * ROW_BYTES / 4096)


def presence(players: int) -> Usage:
    """One second of coming, going and staying connected, with sessions of half an hour. Hours are left at 0."""
    joins = players / SESSION_S
    pings = players / PING_S
    out = joins * (2 + 2 * (players - 1)) + pings  # welcome, config; join and leave to the others; pong
    invocations = joins * 5 + pings  # authorizer, $connect, $disconnect, the stream twice
    return Usage(
        messages_in=pings,
        messages_out=out,
        connection_ms=players * 1000,
        invocations=invocations,
        gb_ms=(invocations * CALL_MS + out * POST_MS) * MEMORY_GB,
        write_units=joins * 3 + pings,
        read_units=joins * 2 * _rows_units(players),
        log_bytes=invocations * LOG_BYTES,
        egress_bytes=out * (FRAME_BYTES + 100),
    )


def naive(players: int, moving: float, hz: float = NAIVE_HZ) -> Usage:
    """One second of a lobby that sends every position to everybody else at once."""
    positions = players * moving * hz
    posts = positions * (players - 1)
    return presence(players) + Usage(
        messages_in=positions,
        messages_out=posts,
        invocations=positions,
        gb_ms=(positions * CALL_MS + posts * POST_MS) * MEMORY_GB,
        write_units=positions,
        read_units=positions * math.ceil(players * ROW_BYTES / 2 / 4096) / 2,
        log_bytes=positions * LOG_BYTES,
        egress_bytes=posts * (FRAME_BYTES + NAIVE_BYTES),
    )


def windowed(count: Count) -> Usage:
    """One second of our lobby on AWS: each position is written; who opens a window waits, reads the room and posts."""
    return presence(count.players) + Usage(
        messages_in=count.positions,
        messages_out=count.told_steps,
        invocations=count.positions,
        gb_ms=(count.positions * CALL_MS + count.windows * count.window_ms + count.told * POST_MS) * MEMORY_GB,
        write_units=count.positions * 2 + count.windows,  # the row; the try to open a window; closing it
        read_units=count.positions + count.windows * _rows_units(count.players),
        log_bytes=count.positions * LOG_BYTES,
        egress_bytes=count.told_bytes,
    )


def month(second: Usage, hours: float) -> Bill:
    """The bill of a month in which every second of ``hours`` a day was like this one."""
    used = second * (hours * 3600 * DAYS)
    return bill(used + Usage(hours=MONTH_HOURS))


def server(second: Usage, hours: float) -> float:
    """The month's price of a server that sends as much as ``second``: flat, until its included traffic is used up."""
    gigabytes = second.egress_bytes * hours * 3600 * DAYS / 1e9
    return SERVER_DOLLARS + max(0.0, gigabytes - SERVER_GB) * SERVER_GB_DOLLARS


def player_hours(second: Usage, players: int) -> float:
    """How many player-hours on AWS a server's price buys."""
    return players * SERVER_DOLLARS / bill(second * 3600).total


def throttled(second: Usage) -> bool:
    """Whether that is more than AWS lets an account do unless it is asked to."""
    return second.messages_in + second.messages_out > THROTTLE_PER_S


def counted(wanted: argparse.Namespace, todo: list[tuple[int, float, int, int]], console: Console) -> list[Count]:
    """Simulates ``todo``: players, share of time moving, window in ms, least time between two messages of a player in ms."""
    # A thousand players say as much in half a minute as ten in nearly an hour.
    lengths = [max(30, min(wanted.seconds, 30_000 // players)) for players, *_ in todo]
    found = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("player-seconds"))
    with Progress(*columns, console=console, transient=True) as progress:
        total = sum(players * length for (players, *_), length in zip(todo, lengths, strict=True))
        task = progress.add_task("walking", total=total)
        done = 0
        for (players, moving, window_ms, send_ms), length in zip(todo, lengths, strict=True):

            def advance(second: int, done: int = done, players: int = players, length: int = length) -> None:
                progress.update(task, completed=done + players * min(second, length))

            found.append(simulate(players, moving, window_ms, send_ms, length, advance))
            done += players * length
    return found


def over_players(wanted: argparse.Namespace, console: Console) -> list[dict[str, object]]:
    """Dollars a month over players."""
    rows: list[dict[str, object]] = []
    table = Table(
        box=SIMPLE,
        title=f"$ a month: {wanted.hours:g} h a day, windows of {wanted.window_ms} ms, positions {wanted.send_ms} ms apart",
        caption=f"* over {THROTTLE_PER_S:,} messages and posts a second, AWS's default quota of an account",
    )
    for name in ("players", "moving", "said/moving s", "heard/s", "naive", "windowed", "server"):
        table.add_column(name, justify="right")
    table.add_column("$5 buys\nplayer-hours", justify="right")
    table.add_column("hours\na day", justify="right")
    todo = [(players, moving, wanted.window_ms, wanted.send_ms) for moving in wanted.moving for players in wanted.players]
    for count in counted(wanted, todo, console):
        plain, ours = naive(count.players, count.moving), windowed(count)
        buys = player_hours(ours, count.players)
        row = {
            **asdict(count),
            "hours": wanted.hours,
            "naive": month(plain, wanted.hours).total,
            "windowed": month(ours, wanted.hours).total,
            "server": server(ours, wanted.hours),
            "server_buys_player_hours": buys,
            "server_buys_naive_player_hours": player_hours(plain, count.players),
            "naive_throttled": throttled(plain),
            "windowed_throttled": throttled(ours),
        }
        rows.append(row)
        stars = ["*" if throttled(usage) else "" for usage in (plain, ours)]
        table.add_row(
            f"{count.players:,}",
            f"{count.moving:.0%}",
            f"{count.per_moving_second:.1f}",
            f"{count.told / count.players:.1f}",
            f"{row['naive']:,.2f}{stars[0]}",
            f"{row['windowed']:,.2f}{stars[1]}",
            f"{row['server']:,.2f}",
            f"{buys:,.0f}",
            f"{min(24.0, buys / count.players / DAYS):.1f}",
        )
        if count.players == wanted.players[-1]:
            table.add_section()
    if not wanted.json:
        console.print(table)
    return rows


def over_windows(wanted: argparse.Namespace, console: Console) -> list[dict[str, object]]:
    """Dollars a month over the length of the window, for 50 players."""
    todo = [
        (50, moving, window_ms, max(window_ms, Settings.send_ms) if patient else Settings.send_ms)
        for moving in wanted.moving
        for patient in (True, False)
        for window_ms in (60, 100, 200, 500, 1000, 2000, 5000)
        if patient or window_ms > Settings.send_ms
    ]
    rows: list[dict[str, object]] = []
    table = Table(box=SIMPLE, title=f"Dollars a month: 50 players, {wanted.hours:g} hours a day")
    for name in ("moving", "window, ms", "send, ms", "said/s", "heard/s", "$/month", "$5 buys player-hours"):
        table.add_column(name, justify="right")
    for count in counted(wanted, todo, console):
        ours = windowed(count)
        dollars, buys = month(ours, wanted.hours).total, player_hours(ours, count.players)
        rows.append({**asdict(count), "hours": wanted.hours, "windowed": dollars, "server_buys_player_hours": buys})
        said, heard = f"{count.positions / count.players:.2f}", f"{count.told / count.players:.2f}"
        table.add_row(
            f"{count.moving:.0%}", f"{count.window_ms:,}", f"{count.send_ms:,}", said, heard, f"{dollars:,.2f}", f"{buys:,.0f}"
        )
    if not wanted.json:
        console.print(table)
    return rows


PLAN = {  # 50 players, 8 hours a day: what the plan says, and which lines of the bill that is
    "API Gateway, 1 M messages": (1.00, ("WebSocket messages",)),
    "connection minutes": (0.0, ("connection time",)),
    "Lambda, 400 K requests": (0.20, ("Lambda requests",)),
    "Lambda, duration": (0.15, ("Lambda time, arm64",)),
    "DynamoDB": (0.30, ("DynamoDB writes", "DynamoDB reads")),
    "logs": (0.10, ("logs written",)),
    "traffic": (0.0, ("traffic to the internet",)),
}


def plan(wanted: argparse.Namespace, console: Console) -> list[dict[str, object]]:
    """The plan's table beside the bill of what it describes, and of what we built."""
    fifteen, hundred = counted(wanted, [(50, share, wanted.window_ms, wanted.send_ms) for share in MOVING], console)
    columns = {
        "naive, 100 % moving": naive(50, 1.0),
        "naive, 15 %": naive(50, 0.15),
        "windowed, 100 %": windowed(hundred),
        "windowed, 15 %": windowed(fifteen),
        "nobody moves": presence(50),
    }
    bills = {name: month(usage, 8) for name, usage in columns.items()}
    table = Table(box=SIMPLE, title=f"50 players, 8 hours a day, dollars a month; windows of {wanted.window_ms} ms")
    for name in ("line", "the plan", *bills):
        table.add_column(name, justify="right")
    rows: list[dict[str, object]] = []
    for name, (said, keys) in PLAN.items():
        found = {key: sum(line.dollars for line in it.lines if line.name in keys) for key, it in bills.items()}
        rows.append({"line": name, "plan": said, **found})
    total = {key: it.total for key, it in bills.items()}
    rows.append({"line": "total", "plan": sum(said for said, _ in PLAN.values()), **total})
    for row in rows:
        table.add_row(*(f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    large = month(naive(200, 1.0), 24).total
    rows.append({"line": "200 players, 24 hours a day, 100 % moving, naive", "plan": 8.0, "naive, 100 % moving": large})
    if not wanted.json:
        console.print(table)
        used = columns["naive, 100 % moving"] * (8 * 3600 * DAYS)
        console.print(
            f"Naive, all moving: {used.messages_in + used.messages_out:,.0f} messages and {used.invocations:,.0f} invocations "
            f"a month; {(naive(50, 1.0).messages_in + naive(50, 1.0).messages_out):,.0f} messages a second.\n"
            f"400,000 requests of Lambda cost ${PRICES['invocations'].dollars(400_000):.2f}.\n"
            f"1,000,000 messages are one per player, in or out, every {50 * 8 * 3600 * DAYS / 1e6:.0f} seconds.\n"
            f"200 players, 24 hours a day, naive, all moving: ${large:,.0f}."
        )
    return rows


def price_list(wanted: argparse.Namespace, console: Console) -> list[dict[str, object]]:
    """The price list."""
    table = Table(box=SIMPLE, title="us-east-1, list prices, before tax")
    for name in ("what", "dollars", "always free a month", "source", "as of"):
        table.add_column(name)
    rows: list[dict[str, object]] = []
    for price in PRICES.values():
        rows.append(price._asdict())
        tiers = "; ".join(
            f"{rate:.10f}".rstrip("0").rstrip(".") + (f" from {start:,.0f}" if start else "") for start, rate in price.tiers
        )
        free = f"{price.free:,.0f}" if price.free else "-"
        table.add_row(price.name, f"{tiers} per {price.per:,.0f} {price.unit}", free, price.source, price.date)
    if not wanted.json:
        console.print(table)
    return rows


TABLES = {"players": over_players, "plan": plan, "windows": over_windows, "prices": price_list}


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="?", choices=TABLES, default="players")
    parser.add_argument("--players", default=PLAYERS, help=f"in one room, with commas between ({PLAYERS})")
    parser.add_argument("--hours", type=float, default=8.0, help="of play a day (8)")
    parser.add_argument("--moving", type=float, action="append", help="share of their time that players move (0.15 and 1)")
    parser.add_argument("--window-ms", type=int, default=200, help="the window on AWS (200: five times a second)")
    parser.add_argument("--send-ms", type=int, help="least time between a player's positions (the window, 100 at least)")
    parser.add_argument("--seconds", type=int, default=3_600, help="to simulate, less with many players (3,600)")
    parser.add_argument("--json", action="store_true", help="for machines")
    wanted = parser.parse_args(given)
    wanted.players = [int(text) for text in wanted.players.split(",")]
    wanted.moving = wanted.moving or list(MOVING)
    if min(wanted.players) < 1 or not all(0 < share <= 1 for share in wanted.moving):
        parser.error("at least one player, and a share above 0 and up to 1")
    if not 0 < wanted.hours <= 24 or not 0 <= wanted.window_ms <= 5_000 or wanted.seconds < 1:
        parser.error("hours are above 0 and up to 24, the window is 0 to 5,000 ms, and a second is the least")
    if wanted.send_ms is None:
        wanted.send_ms = max(Settings.send_ms, wanted.window_ms)
    if not 10 <= wanted.send_ms <= 60_000:
        parser.error("--send-ms is 10 to 60,000")
    return wanted


def main() -> None:
    """Prints one of the tables."""
    wanted = arguments()
    rows = TABLES[wanted.table](wanted, Console(stderr=wanted.json, width=None if sys.stdout.isatty() else 128))
    if wanted.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
