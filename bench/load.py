"""Load on a lobby server: many players move in one room, and other players measure the delay of their positions.

    python bench/load.py --command 'lobby serve --port {port}' --players 10,100,300,1000
    python bench/load.py --url ws://127.0.0.1:8765/ --server-pid 4711

Latency runs from the send() at one player's socket to the arrival at another player's. A few dozen
sockets read everything that they receive; the others only count frames, or the generator would measure itself.
With --command each row starts a new server, which has one core; the generator has another one.
"""

import argparse
import asyncio
import gc
import json
import math
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from array import array
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

BUCKETS_PER_SECOND = 10_000  # latencies are counted in steps of 0.1 ms
LONGEST_LATENCY = 10  # seconds; longer ones count as this
READERS = 32  # sockets that read everything they receive
JOINING_AT_ONCE = 50
WARM_UP = 2.0  # seconds
LAST_POSITIONS = 1.0  # seconds after the last send() in which every position must have arrived
TRUSTED_CORE = 0.9  # a generator busier than this measures itself
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one number of players; None where this platform does not report a figure."""

    players: int
    p50_ms: float
    p99_ms: float
    server_core: float | None
    server_mb: float | None
    kb_per_second_each: float
    messages_in_per_second: float
    frames_out_per_second: float
    generator_core: float
    lost: int = 0
    disconnects: int = 0
    refused: int = 0


class Tally:
    """What all players of one run sent and received."""

    def __init__(self) -> None:
        self.sent_at: dict[int, array[float]] = {}  # by the sender's n, then by its seq
        self.unread: deque[tuple[Reader, float, bytes]] = deque()  # with the time of arrival
        self.disconnects = 0
        self.refused = 0  # errors that readers received, from the lobby or from API Gateway (whose messages have no type)
        self.ending = False
        self.start()

    def start(self) -> None:
        """Start to count."""
        self.unread.clear()
        self.latencies = array("Q", [0]) * (BUCKETS_PER_SECOND * LONGEST_LATENCY + 1)
        self.messages = self.frames = self.octets = 0

    def read(self, most: int | None = None) -> None:
        """Read frames that arrived, at most this many."""
        for _ in range(len(self.unread) if most is None else min(most, len(self.unread))):
            reader, now, text = self.unread.popleft()
            reader.read(now, text)

    def percentile(self, share: float) -> float:
        """The latency in ms that this share of the positions did not exceed."""
        wanted = share * sum(self.latencies)
        heard = 0
        for bucket, count in enumerate(self.latencies):
            heard += count
            if count and heard >= wanted:
                return (bucket + 1) * 1000 / BUCKETS_PER_SECOND
        return math.nan


class Player(WSListener):
    """One player on a circle of its own: sends positions, and counts the frames that it receives."""

    def __init__(self, tally: Tally, hz: float, index: int) -> None:
        self.tally = tally
        self.hz = hz
        self.centre = (index % 32 * 5.0, index // 32 * 5.0)
        self.turned = index * 2.4
        self.seq = 0
        self.n = -1
        self.welcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the socket."""
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count the frame, and read it until the welcome has arrived."""
        self.tally.frames += 1
        self.tally.octets += frame.payload_size
        if self.n < 0 and frame.msg_type == WSMsgType.TEXT:
            message = json.loads(frame.get_payload_as_bytes())
            if message["type"] == "welcome":
                self.n = message["n"]
                self.tally.sent_at[self.n] = array("d", [math.inf])  # seq counts from 1
                self.welcome.set_result(None)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Count the connections that end before the end of the run."""
        if not self.tally.ending:
            self.tally.disconnects += 1
        if not self.welcome.done():
            self.welcome.set_exception(ConnectionError("the server closed before its welcome"))

    def move(self) -> None:
        """Take one more step along the circle, and send the position."""
        self.seq += 1
        self.turned += 1 / self.hz
        cos, sin = math.cos(self.turned), math.sin(self.turned)
        x, y = self.centre
        now = time.perf_counter()
        message = (
            f'{{"action":"pos","x":{x + 5 * cos:.2f},"y":{y + 5 * sin:.2f},'
            f'"vx":{-5 * sin:.2f},"vy":{5 * cos:.2f},"h":{self.turned % math.tau:.2f},'
            f'"seq":{self.seq},"t":{int(now * 1000)}}}'
        )
        self.tally.sent_at[self.n].append(now)
        self.transport.send(WSMsgType.TEXT, message)
        self.tally.messages += 1

    def leave(self) -> None:
        """Close the socket."""
        self.transport.send_close(WSCloseCode.OK)
        self.transport.disconnect()


class Reader(Player):
    """A player that reads everything it receives."""

    def __init__(self, tally: Tally, hz: float, index: int) -> None:
        super().__init__(tally, hz, index)
        self.last_seq: dict[int, int] = {}  # the last seq of every other player

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take the time and keep the frame: reading it now would delay the next ones."""
        now = time.perf_counter()
        super().on_ws_frame(transport, frame)
        if frame.msg_type == WSMsgType.TEXT:
            self.tally.unread.append((self, now, frame.get_payload_as_bytes()))

    def read(self, now: float, text: bytes) -> None:
        """Count every position in a frame that arrived at this time."""
        message = json.loads(text)
        if message.get("type", "error") == "error":
            self.tally.refused += 1
        if message.get("type") != "moves":
            return
        sent_at, latencies, last_seq = self.tally.sent_at, self.tally.latencies, self.last_seq
        last = len(latencies) - 1
        for entry in message["m"]:
            n, seq = entry[0], entry[6]
            if n != self.n and n in sent_at:
                last_seq[n] = seq
                latencies[min(int((now - sent_at[n][seq]) * BUCKETS_PER_SECOND), last)] += 1

    def missed(self, players: list[Player]) -> int:
        """Positions of other players that never arrived. A later position replaces those before it."""
        return sum(p.seq - self.last_seq.get(p.n, 0) for p in players if p is not self)


async def join(url: str, count: int, hz: float, tally: Tally, joined: Callable[[], object]) -> list[Player]:
    """Connect this many players to one new room and wait until each has its welcome."""
    room = f"load-{os.getpid()}-{count}"
    readers = min(READERS, count)
    turn = asyncio.Semaphore(JOINING_AT_ONCE)

    async def one(index: int) -> Player:
        reads = index * readers // count != (index - 1) * readers // count  # readers are spread evenly
        player = (Reader if reads else Player)(tally, hz, index)
        parts = urlsplit(url)
        query = "&".join(filter(None, [parts.query, f"pid=load-{index}&v=2&room={room}"]))
        async with turn:
            await ws_connect(lambda: player, urlunsplit(parts._replace(query=query)))
            await asyncio.wait_for(player.welcome, 30)
        joined()
        return player

    return list(await asyncio.gather(*map(one, range(count))))


async def move(players: list[Player], hz: float, tally: Tally) -> None:
    """Every player moves hz times a second, each at its own moment, evenly spread.

    In between, whenever nothing arrives, one frame is read.
    """
    step = 1 / (hz * len(players))
    start = time.perf_counter()
    moved = frames = 0
    while True:
        due = int((time.perf_counter() - start) / step)
        while moved < due:
            players[moved % len(players)].move()
            moved += 1
        if tally.frames == frames:
            tally.read(1)
        frames = tally.frames
        await asyncio.sleep(max(start + (moved + 1) * step - time.perf_counter(), 0))


@asynccontextmanager
async def moving(players: list[Player], hz: float, tally: Tally) -> AsyncIterator[None]:
    """The players move as long as the block runs."""
    task = asyncio.create_task(move(players, hz, tally))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def measure(url: str, pid: int | None, count: int, hz: float, seconds: int, progress: Progress) -> Row:
    """One row: join, warm up, measure, wait for the last positions, leave."""
    tally = Tally()
    bar = progress.add_task(f"{count:,} players join", total=count)

    def advance() -> None:
        progress.update(bar, advance=1, refresh=True)

    players = await join(url, count, hz, tally, advance)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        async with moving(players, hz, tally):
            progress.reset(bar, total=seconds, description=f"{count:,} players move")
            await asyncio.sleep(WARM_UP)
            server, own, start = core_seconds(pid), time.process_time(), time.perf_counter()
            tally.start()
            for _ in range(seconds):
                await asyncio.sleep(1)
                advance()
            passed, used = time.perf_counter() - start, time.process_time() - own
            served = core_seconds(pid)
            tally.read()
            row = Row(
                players=count,
                p50_ms=tally.percentile(0.50),
                p99_ms=tally.percentile(0.99),
                server_core=None if server is None or served is None else (served - server) / passed,
                server_mb=megabytes(pid),
                kb_per_second_each=tally.octets / count / passed / 1000,
                messages_in_per_second=tally.messages / passed,
                frames_out_per_second=tally.frames / passed,
                generator_core=used / passed,
            )
        await asyncio.sleep(LAST_POSITIONS)
        tally.read()
        lost = sum(player.missed(players) for player in players if isinstance(player, Reader))
    finally:
        tally.ending = True
        gc.enable()
        gc.unfreeze()
        for player in players:
            player.leave()
        progress.remove_task(bar)
    return replace(row, lost=lost, disconnects=tally.disconnects, refused=tally.refused)


def processes(pid: int) -> Iterator[int]:
    """The process and its children: some servers work in a child process."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from processes(int(child))


def core_seconds(pid: int | None) -> float | None:
    """The CPU time of a server so far in seconds; None without /proc."""
    if pid is None or sys.platform != "linux":
        return None
    ticks = 0
    for process in processes(pid):
        # The name in parentheses may hold spaces; utime and stime are 12th and 13th after it.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int | None) -> float | None:
    """The resident memory of a server; None without /proc."""
    if pid is None or sys.platform != "linux":
        return None
    pages = sum(int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in processes(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def pin(which: int) -> None:
    """Run this process, and processes that it starts later, on one core, if there are two."""
    if sys.platform == "linux" and len(CORES) > 1:
        os.sched_setaffinity(0, {CORES[which]})


def allow_sockets() -> None:
    """Raise the limit of open files to the maximum; a server that this process starts inherits it."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):  # macOS reports no limit, but has one
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def serving(command: str) -> Iterator[tuple[str, int | None]]:
    """A new server on a free port and on the first core; this process runs on the second."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pin(0)
    server = subprocess.Popen(shlex.split(command.replace("{port}", str(port))))
    pin(1)
    try:
        await_health(f"http://127.0.0.1:{port}/healthz", server)
        yield f"ws://127.0.0.1:{port}/", server.pid
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def target(wanted: argparse.Namespace) -> AbstractContextManager[tuple[str, int | None]]:
    """The address of a server and its process id: the running server, or a new one."""
    if wanted.command:
        return serving(wanted.command)
    return nullcontext((wanted.url, wanted.server_pid))


def await_health(url: str, server: subprocess.Popen[bytes]) -> None:
    """Return as soon as the server answers."""
    for _ in range(200):
        if server.poll() is not None:
            raise SystemExit(f"the server ended at once with code {server.returncode}")
        with (
            suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(url, timeout=1),
        ):
            return
        time.sleep(0.05)
    raise SystemExit(f"no answer from {url} within 10 seconds")


def table(rows: list[Row], title: str) -> Table:
    """The rows as a table."""
    grid = Table(title=title)
    for heading in (
        "players", "p50 ms", "p99 ms", "server core", "MB", "KB/s to each",
        "in/s", "frames out/s", "lost", "disconnects", "generator core",
    ):  # fmt: skip
        grid.add_column(heading, justify="right")
    for row in rows:
        grid.add_row(
            f"{row.players:,}",
            f"{row.p50_ms:.1f}",
            f"{row.p99_ms:.1f}",
            "–" if row.server_core is None else f"{row.server_core:.2f}",
            "–" if row.server_mb is None else f"{row.server_mb:.0f}",
            f"{row.kb_per_second_each:.1f}",
            f"{row.messages_in_per_second:,.0f}",
            f"{row.frames_out_per_second:,.0f}",
            f"{row.lost:,}",
            f"{row.disconnects:,}",
            f"{row.generator_core:.2f}",
        )
    return grid


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    server = parser.add_mutually_exclusive_group(required=True)
    server.add_argument("--command", help="start this server; {port} is replaced")
    server.add_argument("--url", help="a server that runs already")
    parser.add_argument("--server-pid", type=int, help="its process, to read core and memory from")
    parser.add_argument("--players", default="10,100,300,1000", help="one row each (%(default)s)")
    parser.add_argument("--hz", type=float, default=5, help="positions a second (%(default)s)")
    parser.add_argument("--seconds", type=int, default=10, help="measured per row (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    wanted = arguments()
    allow_sockets()
    console = Console()
    rows = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    # Drawn only on request: a bar that redraws itself would cost latency.
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        for count in map(int, wanted.players.split(",")):
            with target(wanted) as (url, pid):
                rows.append(asyncio.run(measure(url, pid, count, wanted.hz, wanted.seconds, progress)))
    console.print(table(rows, wanted.command or wanted.url))
    if any(row.generator_core > TRUSTED_CORE for row in rows):
        console.print(f"[yellow]The generator used over {TRUSTED_CORE} of its core, so the figures are not reliable.")
    if wanted.json:
        wanted.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
