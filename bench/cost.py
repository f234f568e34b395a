"""What a lobby costs a month: naive on AWS, windowed on AWS, and on a server at a flat price.

    python bench/cost.py                      dollars a month over players, and where the server gets cheaper
    python bench/cost.py plan                 the plan's table, corrected line by line
    python bench/cost.py windows              dollars a month over the length of the window
    python bench/cost.py prices               the price list
    python bench/cost.py all --json > bench/results/cost.json && python scripts/docs.py       the tables of docs/cost.md

The naive lobby is a formula: each moving player sends five positions a second, and each position is sent to each other player.
The windowed lobby is counted: bots walk in simulated time, `SendPolicy` decides what they send, the rules of the function
decide which invocation leads a window, which one waits and which players receive it, and every frame has its real length.
`bench/operations.py` counts the operations of each action, `bench/memory.py` measures its CPU time; the latency of AWS is
assumed, as in `lobby emulate --latency aws`. Intervals, window and memory are the defaults of the template.
"""

import argparse
import heapq
import json
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "backend"))

from lobby.billing import MONTH_HOURS, PRICES, Bill, Usage, bill, steps
from lobby.client.bots import STEP_S, SendPolicy, Walker
from lobby.cloudformation.lobby_template import lobby_template
from lobby.cloudformation.reading import parse
from lobby.emulator.conditions import LATENCIES, Conditions
from lobby.emulator.metering import cpu_factor
from lobby.fanout import Window
from lobby.messages import encode_moves
from lobby.presence import Position, Presence
from lobby.serverless.aws.client import CONNECTIONS
from lobby.serverless.lock import LOCK_POLL_MS, SKEW_MS
from lobby.settings import Settings
from lobby.telemetry import METRICS

PLAYERS = "2,5,10,20,50,100,200,500,1000"
MOVING = (0.15, 1.0)  # shares of their time that players move: a lobby with menus and shops, and a race
ACTION_PLAYERS = (2, 10, 50)
DAYS = 30  # of play in a month
NAIVE_HZ = 5.0

_DEFAULTS = {name: item.get("Default") for name, item in parse(lobby_template())["Parameters"].items()}
WINDOW_MS, SEND_MS, HEARTBEAT_MS = (int(_DEFAULTS[name]) for name in ("WindowMs", "SendMs", "HeartbeatMs"))
MEMORY_MB, RECENT_MS = int(_DEFAULTS["MemoryMb"]), int(_DEFAULTS["TimeoutS"]) * 1000 + SKEW_MS

# Counted by `bench/operations.py`.
ROW_BYTES = 200  # of a player in the table: 180 with ids of 11 characters
LOCK_BYTES, STAMP_BYTES = 60, 16  # of a room's own item, and of each player in it who moved in the last seconds
EMF_BYTES, LINE_BYTES = 10, 130  # of the log: metrics, for each invocation; the line of a join or a leave

# Measured by `bench/memory.py`: how long the processor is busy, in ms.
_MEASURED = json.loads((Path(__file__).parent / "results/memory.json").read_text())
CPU_MS: dict[str, float] = {name: kind["cpu_ms"] for name, kind in _MEASURED["kinds"].items()}
POST_CPU_MS: float = _MEASURED["post_cpu_ms"]
LEAD_CPU_MS = CPU_MS["leader"] - CPU_MS["position"] - 49 * POST_CPU_MS
SLOWER = cpu_factor(MEMORY_MB)


def _mean_ms(kind: str) -> float:
    takes = LATENCIES["aws"][kind]
    spread = math.log(takes.p99 / takes.median) / 2.326
    return takes.median * math.exp(spread**2 / 2)


# Assumed of AWS, not measured there.
TABLE_MS = _mean_ms("table")
OPENING_MS = 10  # two calls: the time from a position that finds no open window to the open window
NOTICING_MS = (LOCK_POLL_MS + TABLE_MS) / 2 + TABLE_MS  # from the release of a broadcast lock to its next holder
FRAME_BYTES = 90  # WebSocket, TLS, TCP and IP around a message
THROTTLE_PER_S = 10_000  # messages and posts together: an account's quota, unless AWS raises it
ROOM_WRITES_PER_S = 1_000  # the throughput of the partition of one room

# The simple design of the plan, which was never built: with the logs that Lambda writes by itself, and 512 MB.
PLAN_GB = 0.5
PLAN_CALL_MS = 8.0  # an invocation that parses and makes one or two calls of DynamoDB
PLAN_POST_MS = 1.2  # of the invocation's time for each of many concurrent posts
PLAN_LOG_BYTES = 350  # Lambda's START, END and REPORT of one invocation
PLAN_BYTES = 40  # a version 1 `pos`
PLAN_ROW_BYTES = 150
PLAN_PING_S = 540.0  # AWS closes after 10 minutes of silence

SESSION_S = 1_800.0  # how long a player stays
BOUT_S = 10.0  # how long a player moves, on average, before a pause

SERVER_DOLLARS = 5.0  # 512 MB, an IPv4 address and 1 TB of traffic (Lightsail, March 2026)
SERVER_GB = 1_000.0
SERVER_GB_DOLLARS = PRICES["egress"].tiers[-1][1]  # assumed for what goes beyond

TICK_MS = 10


@dataclass(frozen=True)
class Count:
    """The averages of one simulated second of a room."""

    players: int
    moving: float
    window_ms: int
    send_ms: int
    positions: float
    windows: float
    waited: float
    waited_ms: float
    lock_units: float
    received: float
    received_steps: float
    received_bytes: float
    per_moving_second: float


class Sender(Protocol):
    """A player that moves and sends positions."""

    moving_s: float

    def step(self, now_ms: int) -> Position | None:
        """Moves one step. Returns the position that is sent, or None."""


class Steady:
    """Moves all the time, and sends ``hz`` positions a second, ``share`` of an interval after the others."""

    def __init__(self, hz: float, share: float) -> None:
        self._every_ms, self._due_ms, self._seq = 1000 / hz, share * 1000 / hz, 0
        self.moving_s = 0.0

    def step(self, now_ms: int) -> Position | None:
        """See :class:`Sender`."""
        self.moving_s += STEP_S
        if now_ms < self._due_ms:
            return None
        self._due_ms += self._every_ms
        self._seq += 1
        return Position(self._seq % 90, 12.34, 1.23, 4.56, 0.78, self._seq, now_ms % 65_536)


class _Player:
    """A bot that moves for a share of its time and rests otherwise, and sends positions as `lobby bots` does."""

    def __init__(self, number: int, moving: float, send_ms: int) -> None:
        self._chance = random.Random(number)
        self._walker, self._policy = Walker(self._chance), SendPolicy()
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
        """See :class:`Sender`."""
        self._left_s -= STEP_S
        if self._left_s <= 0:
            self._moves = not self._moves
            self._left_s = self._bout()
        if self._moves:
            self._at = self._walker.step(STEP_S)
            while not (self._at.vx or self._at.vy):  # this class decides about pauses, not the walker
                self._at = self._walker.step(STEP_S)
            self.moving_s += STEP_S
        else:
            self._at = Position(self._walker.x, self._walker.y, h=self._walker.h)
        if self._policy.due(now_ms, self._at):
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
    *,
    senders: Sequence[Sender] = (),
    served: bool = False,
) -> Count:
    """A room in simulated time. The first position opens a window. All positions that arrive until its leader has the broadcast
    lock are broadcast in one message to all players. A ``served`` room is one process without a lock, and has a far tier."""
    settings = Settings(
        room_size=max(players, 50), window_ms=window_ms, send_ms=send_ms, near_players=Settings.near_players if served else 0
    )
    bots = senders or [_Player(number, moving, send_ms) for number in range(players)]
    roster = [Presence("lobby", f"c{number}", f"p{number}", n=number + 1, v=2) for number in range(players)]
    window, due_ms, busy_ms, has_waited = Window(), 0, 0.0, False
    sent_ms = [-math.inf] * players
    positions = windows = waited = received = received_steps = received_bytes = lock_units = 0
    waited_ms = 0.0
    phases = round(STEP_S * 1000) // TICK_MS
    warm_up_ms = 5_000
    for now_ms in range(0, seconds * 1000 + warm_up_ms, TICK_MS):
        if now_ms == warm_up_ms:
            positions = windows = waited = received = received_steps = received_bytes = lock_units = 0
            waited_ms = 0.0
            for bot in bots:
                bot.moving_s = 0.0
        for number in range(now_ms // TICK_MS % phases, players, phases):
            at = bots[number].step(now_ms)
            if at is None:
                continue
            positions += 1
            sent_ms[number] = now_ms
            if not (window.near or window.far):
                due_ms, has_waited = now_ms + window_ms + (0 if served else OPENING_MS), False
            roster[number] = roster[number]._replace(at=at)
            window.moved(roster[number].player, now_ms, window_ms)
        if (window.near or window.far) and now_ms >= due_ms and now_ms < busy_ms and not has_waited:
            due_ms, has_waited = math.ceil(busy_ms + NOTICING_MS), True
            waited, waited_ms = waited + 1, waited_ms + due_ms - now_ms
        if (window.near or window.far) and now_ms >= max(due_ms, busy_ms):
            windows += 1
            recent = sum(at_ms >= now_ms - RECENT_MS for at_ms in sent_ms)
            lock_units += _units(LOCK_BYTES + STAMP_BYTES * recent, 1024)
            receivers_now = 0
            for receivers, movers, _ in window.close(roster, now_ms, settings).shares:
                size = len(encode_moves(1_795_426_800_000 + now_ms, [(row.n, row.at) for row in movers]))
                receivers_now += len(receivers)
                received_steps += len(receivers) * steps(size)
                received_bytes += len(receivers) * (size + FRAME_BYTES)
            received += receivers_now
            due_ms, busy_ms = now_ms + window_ms, 0.0 if served else now_ms + broadcast_ms(receivers_now)
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
        waited / seconds,
        waited_ms / seconds,
        lock_units / max(1, windows),
        received / seconds,
        received_steps / seconds,
        received_bytes / seconds,
        positions / moving_s,
    )


def _units(octets: float, unit: int) -> int:
    return max(1, math.ceil(octets / unit))


# ── what things cost ────────────────────────────────────────────────────────────────────────────────────────────────


class Action(NamedTuple):
    """What one action of a player causes: messages, invocations, writes of rows and of the room's own item, reads of that item
    and of the whole room; and the CPU time without posts, in ms. A connect also reads whether its player is banned."""

    messages_in: int = 0
    messages_out: int = 0
    invocations: int = 0
    rows: int = 0
    lock_writes: int = 0
    gets: int = 0
    queries: int = 0
    cpu_ms: float = 0.0


def actions(players: int) -> dict[str, Action]:
    """All actions of a player in a room of ``players`` players, itself included, while no other player does anything.

    The writes are, in this order: for a connection its number, its row, the broadcast lock (acquire and release) and its
    welcome; for an event the rate limit, and that it was sent; for a position its row; for a window its opening, and the lock
    (acquire, which closes the window, and release).
    """
    others, stream_ms = players - 1, CPU_MS["stream"] - 3 * POST_CPU_MS  # it was measured with welcome, config and one join
    return {
        "connects": Action(0, others + 2, 3, 3, 2, 1, 2, CPU_MS["authorizer"] + CPU_MS["$connect"] + stream_ms),
        "position that opens a window": Action(1, others, 1, 1, 3, 1, 1, CPU_MS["position"] + LEAD_CPU_MS),
        "position in an open window": Action(1, 0, 1, 1, 0, 1, 0, CPU_MS["position"]),
        "hello": Action(1, 2, 1, 2, 2, 0, 1, CPU_MS["hello"] - 2 * POST_CPU_MS),
        "ping": Action(1, 1, 1, 1, 0, 1, 1, CPU_MS["position"]),
        "status": Action(1, players, 1, 1, 2, 0, 1, CPU_MS["hello"] - 2 * POST_CPU_MS),
        "data": Action(1, players, 1, 1, 2, 1, 1, CPU_MS["hello"] - 2 * POST_CPU_MS),
        "event to the room": Action(1, others, 1, 2, 0, 0, 1, CPU_MS["position"]),
        "event to one player": Action(1, 1, 1, 2, 0, 0, 1, CPU_MS["position"]),
        "leaves": Action(0, others, 2, 1, 2, 0, 1, CPU_MS["$disconnect"] + stream_ms),
    }


def usage(action: Action, players: int, lock_units: float = 1.0) -> Usage:
    """What AWS meters of an action, without the wait of a window. Hours are left at 0."""
    calls_ms = (action.rows + action.lock_writes + action.gets + action.queries) * TABLE_MS
    return Usage(
        messages_in=action.messages_in,
        messages_out=action.messages_out,
        invocations=action.invocations,
        gb_ms=(calls_ms + posting_ms(action.messages_out) + action.cpu_ms * SLOWER) * MEMORY_MB / 1024,
        write_units=action.rows + action.lock_writes * lock_units,
        read_units=action.gets + action.queries * _units(players * ROW_BYTES, 4096),
        log_bytes=action.invocations * EMF_BYTES,
        egress_bytes=action.messages_out * (FRAME_BYTES + 100),
    )


@cache
def posting_ms(posts: int) -> float:
    """How long this many posts take over the connections of the function: the latency of the emulator, and our CPU time."""
    if not posts:
        return 0.0
    conditions, took_ms, times = Conditions("aws"), 0.0, max(20, 2_000 // posts)
    for _ in range(times):
        free = [0.0] * min(posts, CONNECTIONS)
        for _ in range(posts):
            heapq.heappush(free, heapq.heappop(free) + conditions.delay("post") * 1000)
        took_ms += max(free)
    return took_ms / times + posts * POST_CPU_MS * SLOWER


def broadcast_ms(receivers: int) -> float:
    """How long an invocation holds the broadcast lock for this many receivers, in ms."""
    return 3 * TABLE_MS + posting_ms(receivers) + LEAD_CPU_MS * SLOWER


def presence(players: int) -> Usage:
    """One second of connects, disconnects and pings in our lobby, with sessions of half an hour. Hours are left at 0."""
    each, joins = actions(players), players / SESSION_S
    come_and_go = usage(each["connects"], players) + usage(each["leaves"], players) + Usage(log_bytes=2 * LINE_BYTES)
    pings = usage(each["ping"], players) * (players / HEARTBEAT_MS * 1000)
    return come_and_go * joins + pings + Usage(connection_ms=players * 1000)


def windowed(count: Count) -> Usage:
    """One second of our lobby on AWS. An invocation that opens a window waits for its length, and for the broadcast lock if
    another one holds it. Some invocations try in vain to open a window that another one has just opened."""
    received = round(count.received / count.windows) if count.windows else 0
    races = count.positions * count.windows * TABLE_MS / 1000
    waits_ms = count.windows * (count.window_ms + TABLE_MS + broadcast_ms(received)) + count.waited_ms
    polls = count.waited_ms / (LOCK_POLL_MS + TABLE_MS)
    position = actions(count.players)["position in an open window"]
    return (
        presence(count.players)
        + usage(position, count.players) * count.positions
        + Usage(
            messages_out=count.received_steps,
            gb_ms=(waits_ms + races * TABLE_MS) * MEMORY_MB / 1024,
            write_units=(3 * count.windows + races + count.waited) * count.lock_units,
            read_units=count.windows * _units(count.players * ROW_BYTES, 4096) + polls,
            egress_bytes=count.received_bytes,
        )
    )


def plans_presence(players: int) -> Usage:
    """One second of connects, disconnects and pings in the design of the plan. Hours are left at 0."""
    joins = players / SESSION_S
    pings = players / PLAN_PING_S
    out = joins * (2 + 2 * (players - 1)) + pings
    invocations = joins * 5 + pings
    return Usage(
        messages_in=pings,
        messages_out=out,
        connection_ms=players * 1000,
        invocations=invocations,
        gb_ms=(invocations * PLAN_CALL_MS + out * PLAN_POST_MS) * PLAN_GB,
        write_units=joins * 3 + pings,
        read_units=joins * 2 * _units(players * ROW_BYTES, 4096),
        log_bytes=invocations * PLAN_LOG_BYTES,
        egress_bytes=out * (FRAME_BYTES + 100),
    )


def naive(players: int, moving: float, hz: float = NAIVE_HZ) -> Usage:
    """One second of the design of the plan, which sends each position to each other player at once."""
    positions = players * moving * hz
    posts = positions * (players - 1)
    return plans_presence(players) + Usage(
        messages_in=positions,
        messages_out=posts,
        invocations=positions,
        gb_ms=(positions * PLAN_CALL_MS + posts * PLAN_POST_MS) * PLAN_GB,
        write_units=positions,
        read_units=positions * _units(players * PLAN_ROW_BYTES, 4096) / 2,
        log_bytes=positions * PLAN_LOG_BYTES,
        egress_bytes=posts * (FRAME_BYTES + PLAN_BYTES),
    )


def month(second: Usage, hours: float, *, observed: bool = False, always_free: bool = False) -> Bill:
    """The bill of a month in which every second of ``hours`` a day was like this one. An ``observed`` lobby has the dashboard
    and the metrics of the function."""
    used = second * (hours * 3600 * DAYS)
    metrics = len(METRICS) * hours * DAYS / MONTH_HOURS  # a metric costs only while it is written
    return bill(
        used + Usage(hours=MONTH_HOURS),
        dashboards=int(observed),
        metrics=metrics if observed else 0.0,
        always_free=always_free,
    )


def server(second: Usage, hours: float) -> float:
    """The monthly price of a server that sends as much as ``second``: flat until its included traffic is used up."""
    gigabytes = second.egress_bytes * hours * 3600 * DAYS / 1e9
    return SERVER_DOLLARS + max(0.0, gigabytes - SERVER_GB) * SERVER_GB_DOLLARS


def player_hours(second: Usage, players: int) -> float:
    """How many player-hours on AWS cost as much as a server, without dashboard and metrics."""
    return players * SERVER_DOLLARS / bill(second * 3600).total


def throttled(second: Usage) -> bool:
    """Whether that exceeds the default quota of an account, or the throughput of the partition of one room."""
    return second.messages_in + second.messages_out > THROTTLE_PER_S or second.write_units > ROOM_WRITES_PER_S


def counted(
    wanted: argparse.Namespace, todo: list[tuple[int, float, int, int]], console: Console, *, served: bool = False
) -> list[Count]:
    """Simulates ``todo``: players, share of time moving, window in ms, least time between two messages of a player in ms."""
    # A thousand players send as much in half a minute as ten players in nearly an hour.
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

            found.append(simulate(players, moving, window_ms, send_ms, length, advance, served=served))
            done += players * length
    return found


def over_players(wanted: argparse.Namespace, console: Console) -> list[dict[str, object]]:
    """Dollars a month over players."""
    rows: list[dict[str, object]] = []
    table = Table(
        box=SIMPLE,
        title=f"$ a month: {wanted.hours:g} h a day, windows of {wanted.window_ms} ms, positions {wanted.send_ms} ms apart",
        caption=f"* over {THROTTLE_PER_S:,} messages and posts a second, AWS's default quota of an account, or over "
        f"{ROOM_WRITES_PER_S:,} writes a second into one room",
    )
    for name in ("players", "moving", "received/s", "broadcast, ms", "naive", "windowed", "server"):
        table.add_column(name, justify="right")
    table.add_column("$5 buys\nplayer-hours", justify="right")
    table.add_column("hours\na day", justify="right")
    todo = [(players, moving, wanted.window_ms, wanted.send_ms) for moving in wanted.moving for players in wanted.players]
    for count, served in zip(counted(wanted, todo, console), counted(wanted, todo, console, served=True), strict=True):
        plain, ours = naive(count.players, count.moving), windowed(count)
        buys = player_hours(ours, count.players)
        row = {
            **asdict(count),
            "hours": wanted.hours,
            "naive": month(plain, wanted.hours).total,
            "windowed": month(ours, wanted.hours).total,
            "server": server(presence(count.players) + Usage(egress_bytes=served.received_bytes), wanted.hours),
            "server_received": served.received,
            "broadcast_ms": broadcast_ms(count.players),
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
            f"{count.received / count.players:.1f} / {served.received / served.players:.1f}",
            f"{broadcast_ms(count.players):,.0f}",
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
    """Dollars a month over the length of the window, for 50 players; positions as far apart as windows, or as by default."""
    todo = [
        (50, moving, window_ms, max(window_ms, SEND_MS) if patient else SEND_MS)
        for moving in wanted.moving
        for patient in (True, False)
        for window_ms in (WINDOW_MS, 100, 200, 500, 1000, 2000, 5000)
        if patient or window_ms > SEND_MS
    ]
    rows: list[dict[str, object]] = []
    table = Table(box=SIMPLE, title=f"Dollars a month: 50 players, {wanted.hours:g} hours a day")
    for name in ("moving", "window, ms", "send, ms", "sent/s", "received/s", "$/month", "$5 buys player-hours"):
        table.add_column(name, justify="right")
    for count in counted(wanted, todo, console):
        ours = windowed(count)
        dollars, buys = month(ours, wanted.hours).total, player_hours(ours, count.players)
        rows.append({**asdict(count), "hours": wanted.hours, "windowed": dollars, "server_buys_player_hours": buys})
        sent, received = f"{count.positions / count.players:.2f}", f"{count.received / count.players:.2f}"
        table.add_row(
            f"{count.moving:.0%}",
            f"{count.window_ms:,}",
            f"{count.send_ms:,}",
            sent,
            received,
            f"{dollars:,.2f}",
            f"{buys:,.0f}",
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
    "dashboard and metrics": (0.0, ("dashboards", "custom metrics")),
}


def plan(wanted: argparse.Namespace, console: Console) -> list[dict[str, object]]:
    """The table of the plan, beside the bill of its design and the bill of our lobby."""
    fifteen, hundred = counted(wanted, [(50, share, wanted.window_ms, wanted.send_ms) for share in MOVING], console)
    columns = {
        "naive, 100 % moving": naive(50, 1.0),
        "naive, 15 %": naive(50, 0.15),
        "windowed, 100 %": windowed(hundred),
        "windowed, 15 %": windowed(fifteen),
        "no player moves": presence(50),
    }
    ours = [name for name in columns if not name.startswith("naive")]
    bills = {name: month(usage, 8, observed=name in ours) for name, usage in columns.items()}
    frees = {name: month(usage, 8, observed=name in ours, always_free=True) for name, usage in columns.items()}
    table = Table(box=SIMPLE, title=f"50 players, 8 hours a day, dollars a month; windows of {wanted.window_ms} ms")
    for name in ("line", "the plan", *bills):
        table.add_column(name, justify="right")
    rows: list[dict[str, object]] = []
    for name, (planned, keys) in PLAN.items():
        found = {key: sum(line.dollars for line in it.lines if line.name in keys) for key, it in bills.items()}
        rows.append({"line": name, "plan": planned, **found})
    total = {key: it.total for key, it in bills.items()}
    rows.append({"line": "total", "plan": sum(planned for planned, _ in PLAN.values()), **total})
    rows.append({"line": "without what is always free", "plan": "", **{key: it.total for key, it in frees.items()}})
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
            f"200 players, 24 hours a day, naive, all moving: ${large:,.0f}.\n"
            f"Windowed, all moving: {windowed(hundred).messages_in + windowed(hundred).messages_out:,.0f} messages and "
            f"{hundred.windows:.1f} windows a second."
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


def per_action(wanted: argparse.Namespace, console: Console) -> list[dict[str, object]]:
    """Dollars of a million actions, over the players in the room. The wait of a window is not in it."""
    table = Table(box=SIMPLE, title="$ a million actions, in a room of so many players")
    table.add_column("a player")
    for players in ACTION_PLAYERS:
        table.add_column(f"{players:,}", justify="right")
    rows: list[dict[str, object]] = []
    for name in actions(2):
        used = [usage(actions(players)[name], players) for players in ACTION_PLAYERS]
        rows.append({"action": name, **_dollars_a_million(used)})
    asks = [usage(actions(players)["ping"], players) for players in ACTION_PLAYERS]
    again = [usage(actions(players)["position that opens a window"], players) for players in ACTION_PLAYERS]
    rows.append({"action": "stops, and asks for its last position", **_dollars_a_million(asks)})
    lost = [ask * 2 + repeat for ask, repeat in zip(asks, again, strict=True)]
    rows.append({"action": "stops, and its last position was lost", **_dollars_a_million(lost)})
    for row in rows:
        table.add_row(*(str(value) if isinstance(value, str) else f"{value:,.2f}" for value in row.values()))
    if not wanted.json:
        console.print(table)
    return rows


def _dollars_a_million(used: list[Usage]) -> dict[str, object]:
    dollars = [bill(one * 1e6).total for one in used]
    return {str(players): value for players, value in zip(ACTION_PLAYERS, dollars, strict=True)}


TABLES = {"actions": per_action, "players": over_players, "plan": plan, "windows": over_windows, "prices": price_list}
ALL = ("actions", "plan", "players", "windows")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="?", choices=[*TABLES, "all"], default="players")
    parser.add_argument("--players", default=PLAYERS, help=f"in one room, with commas between ({PLAYERS})")
    parser.add_argument("--hours", type=float, default=8.0, help="of play a day (8)")
    parser.add_argument("--moving", type=float, action="append", help="share of their time that players move (0.15 and 1)")
    parser.add_argument("--window-ms", type=int, default=WINDOW_MS, help="the window on AWS (%(default)s)")
    parser.add_argument("--send-ms", type=int, help=f"least time between a player's positions (the window, {SEND_MS} at least)")
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
        wanted.send_ms = max(SEND_MS, wanted.window_ms)
    if not 10 <= wanted.send_ms <= 60_000:
        parser.error("--send-ms is 10 to 60,000")
    return wanted


def main() -> None:
    """Prints one of the tables, or those of the page."""
    wanted = arguments()
    console = Console(stderr=wanted.json, width=None if sys.stdout.isatty() else 128)
    tables = {name: TABLES[name](wanted, console) for name in (ALL if wanted.table == "all" else [wanted.table])}
    if wanted.json:
        print(json.dumps(tables if wanted.table == "all" else tables[wanted.table], indent=1))


if __name__ == "__main__":
    main()
