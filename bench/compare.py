"""Load on lobby servers in rooms of several kinds, beside an older commit and beside Colyseus: `make bench`.

    python -m bench.compare --baseline 19b892f --colyseus --json bench/results/load.json
    python -m bench.compare --scenarios rooms,storm --seconds 3 --repeats 1

Each measurement starts a new server, which has one core; the generator has another one. The subjects take turns, and each
figure is the median of the repeats. Latency runs from the send() at one player's socket to the arrival at another player's.
A few dozen sockets keep the frames that they receive; they are decoded when the measurement has ended. The others count bytes.
"""

import argparse
import asyncio
import gc
import json
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from rich.console import Console
from rich.table import Table

from bench import load
from bench.wires import WIRES, Wire

ROOT = Path(__file__).parent.parent
HZ = 5  # positions a second of each player
READERS = 32  # sockets whose frames are decoded
RESIDENTS = 50  # players who move in the room before a storm
STUCK = 50  # clients who stop reading
JOINING_AT_ONCE = 50  # outside storms
UNREAD_S = 1.2  # after so long a reader knows the bases of all positions
STORM_S = 60  # seconds after which a storm counts as failed
TRUSTED_CORE = 0.85  # a busier generator measures itself
COMPARED = ("server_core", "p99_ms", "bytes_per_player", "server_mb", "join_s")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the clients of one measurement do."""

    meaning: str
    loads: tuple[int, ...]
    players: Callable[[int], int] = lambda load: load
    room_size: int = 0  # 0: one room for all players
    near: int = 0
    stuck: int = 0
    storms: bool = False
    on_colyseus: bool = True


SCENARIOS = {
    "ten": Scenario("10 players in one room", (10,)),
    "one-room": Scenario("players in one room", (100, 300, 1_000)),
    "rooms": Scenario("rooms of 50", (20, 40, 80), lambda rooms: rooms * 50, room_size=50),
    "storm": Scenario("clients that connect at once", (1_000, 2_000), storms=True),
    "free": Scenario("players, none of them stuck", (500,)),
    "slow": Scenario(f"players, and {STUCK} stuck readers", (500,), stuck=STUCK),
    "tiers": Scenario("players in one room, about 100 near", (5_000,), near=100, on_colyseus=False),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; None where the platform or the scenario has no such figure."""

    p50_ms: float | None
    p99_ms: float | None
    server_core: float | None
    server_mb: float | None
    bytes_per_player: float  # and second
    generator_core: float
    cut: int  # connections that ended before the end
    join_s: float | None = None  # until all clients of a storm were welcomed and knew all players


@dataclass(frozen=True, slots=True)
class Subject:
    """A server to measure."""

    name: str
    wire: str
    command: tuple[str, ...]  # {port}, {size} and {near} are replaced
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one subject in one scenario."""

    scenario: str
    load: int
    subject: str
    figures: Figures


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest of the sorted values that this share of them does not exceed; None without values."""
    return values[max(math.ceil(share * len(values)) - 1, 0)] if values else None


def medians(repeats: Sequence[Figures]) -> Figures:
    """The median of each figure; a figure that one repeat lacks is lacking."""
    middle: dict[str, Any] = {}
    for name in (each.name for each in fields(Figures)):
        values = [getattr(repeat, name) for repeat in repeats]
        middle[name] = None if None in values else statistics.median(values)
    return Figures(**middle)


def ratio(ours: Figures, other: Figures, name: str) -> float | None:
    """Our figure as a share of the other one; None if one is lacking or the other is zero."""
    mine, theirs = getattr(ours, name), getattr(other, name)
    return mine / theirs if mine is not None and theirs else None


class Run:
    """What all clients of one measurement sent and received."""

    def __init__(self) -> None:
        self.sent: dict[
            Hashable, tuple[float, Player]
        ] = {}  # by the room and the wire's key: a number is a player's in one room
        self.kept: list[tuple[float, Player, bytes]] = []
        self.octets = self.cut = 0
        self.is_measuring = self.is_ending = False
        self.counts_others = False

    def latencies(self) -> list[float]:
        """Milliseconds from send() to arrival, sorted, of all positions of other players in the frames kept.

        A position that arrives again counts once: version 3 repeats some of them, for receivers that missed a frame. A reader
        that begins in the middle may find a position at its repetition only. So positions of the first second do not count.
        """
        long = bool(self.kept) and self.kept[-1][0] - self.kept[0][0] > 3 * UNREAD_S
        began = self.kept[0][0] + UNREAD_S if long else 0.0
        found = []
        arrived: set[tuple[int, Hashable]] = set()
        for now, reader, payload in self.kept:
            for key in reader.wire.moves(payload):
                if (reader.index, key) in arrived:
                    continue
                arrived.add((reader.index, key))
                at, sender = self.sent.get((reader.room, key), (0.0, reader))
                if sender is not reader and at >= began:
                    found.append((now - at) * 1000)
        return sorted(found)


class Player(WSListener):
    """A client: it sends positions, and counts or keeps the frames that it receives."""

    def __init__(self, run: Run, wire: Wire, index: int, room: int, reads: bool) -> None:
        self.run, self.wire, self.index, self.room, self.reads = run, wire, index, room, reads
        self.seq = 0
        self.others = 0
        self.welcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.kind = WSMsgType.BINARY if wire.binary else WSMsgType.TEXT
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the socket."""
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take the time, and keep no more of the frame than the run needs."""
        now = time.perf_counter()
        run = self.run
        run.octets += frame.payload_size
        is_new = not self.welcome.done()
        if not (is_new or run.counts_others or (self.reads and run.is_measuring)) or not frame.payload_size:
            return
        payload = frame.get_payload_as_bytes()
        if self.reads and run.is_measuring:
            run.kept.append((now, self, payload))
        if run.counts_others:
            self.others += self.wire.others(payload)
        if is_new and (reply := self.wire.greeting(payload)) is not None:
            if reply:
                transport.send(self.kind, reply)
            self.welcome.set_result(None)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Count the connections that end before the end of the run."""
        self.transport = None
        if not self.run.is_ending:
            self.run.cut += 1
        if not self.welcome.done():
            self.welcome.set_exception(ConnectionError("the server closed before its welcome"))

    def move(self) -> None:
        """Send the next position."""
        if self.transport is None:
            return
        self.seq += 1
        frame, key = self.wire.position(self.index, self.seq)
        self.run.sent[self.room, key] = time.perf_counter(), self
        self.transport.send(self.kind, frame)

    def leave(self) -> None:
        """Close the socket."""
        if self.transport is not None:
            self.transport.send_close(WSCloseCode.OK)
            self.transport.disconnect()


class Matchmaker:
    """Addresses of players: of the lobby by rule, of Colyseus by a POST for each player."""

    def __init__(self, subject: Subject, port: int) -> None:
        self.subject, self.port = subject, port
        self.rooms: dict[int, asyncio.Task[str]] = {}

    async def address(self, index: int, room: int) -> str:
        """The WebSocket address for one player in this room."""
        if self.subject.wire != "colyseus":
            return f"ws://127.0.0.1:{self.port}/?pid=load-{index}&v={self.subject.wire}&room=load-{room}"
        if room not in self.rooms:
            self.rooms[room] = asyncio.create_task(self._create())
        seat = await self._post(f"joinById/{await self.rooms[room]}")
        return f"ws://127.0.0.1:{self.port}/{seat['processId']}/{seat['roomId']}?sessionId={seat['sessionId']}"

    async def _create(self) -> str:
        return str((await self._post("create/bench"))["roomId"])

    async def _post(self, path: str) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = f"POST /matchmake/{path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
            answer, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
            await writer.wait_closed()
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise ConnectionError(f"Colyseus refused a seat: {body.decode(errors='replace')[:200]}")
        seat: dict[str, Any] = json.loads(body)
        return seat


async def connect(
    run: Run, matchmaker: Matchmaker, indexes: range, room_size: int, reading: int, at_once: int = JOINING_AT_ONCE
) -> list[Player]:
    """New players with these indexes, all welcomed; ``reading`` of them, evenly spread, keep their frames."""
    turn = asyncio.Semaphore(at_once)
    count = len(indexes)

    async def one(index: int) -> Player:
        place = index - indexes.start
        reads = place * reading // count != (place - 1) * reading // count
        player = Player(run, WIRES[matchmaker.subject.wire](), index, index // room_size, reads)
        async with turn:
            address = await matchmaker.address(index, index // room_size)
            await ws_connect(lambda: player, address, websocket_handshake_timeout=STORM_S)
            await asyncio.wait_for(player.welcome, STORM_S)
        return player

    return list(await asyncio.gather(*map(one, indexes)))


async def move(players: Sequence[Player]) -> None:
    """Every player moves ``HZ`` times a second, each at its own moment, evenly spread; it never returns."""
    step = 1 / (HZ * len(players))
    start = time.perf_counter()
    moved = 0
    while True:
        due = int((time.perf_counter() - start) / step)
        while moved < due:
            players[moved % len(players)].move()
            moved += 1
        await asyncio.sleep(max(start + (moved + 1) * step - time.perf_counter(), 0.001))


async def stick(matchmaker: Matchmaker, indexes: range, room_size: int) -> list[socket.socket]:
    """Clients that join, confirm, and then never read again. Their receive buffers are as small as the system allows."""
    stuck = []
    for index in indexes:
        address = await matchmaker.address(index, index // room_size)
        path = address.partition(str(matchmaker.port))[2]
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", matchmaker.port))
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{matchmaker.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        await loop.sock_sendall(client, (head + key).encode())
        await loop.sock_recv(client, 1024)
        if matchmaker.subject.wire == "colyseus":
            await loop.sock_sendall(client, b"\x82\x81\0\0\0\0\x0a")  # JOIN_ROOM in a masked binary frame
        stuck.append(client)
    return stuck


async def storm(run: Run, matchmaker: Matchmaker, residents: list[Player], count: int) -> tuple[list[Player], float | None]:
    """``count`` clients connect at once: the clients, and the seconds until all players know all; None if that fails."""
    start = time.perf_counter()
    total = len(residents) + count
    try:
        joined = await connect(run, matchmaker, range(len(residents), total), total, 0, at_once=count)
    except (ConnectionError, OSError, TimeoutError):
        return [], None
    while any(player.others < total - 1 for player in (*residents, *joined)):
        if run.cut or time.perf_counter() > start + STORM_S:
            return joined, None
        await asyncio.sleep(0.01)
    return joined, time.perf_counter() - start


async def measure(
    subject: Subject, port: int, pid: int, scenario: Scenario, count: int, warm_up: float, seconds: float
) -> Figures:
    """One measurement: join, warm up, measure, leave."""
    run = Run()
    matchmaker = Matchmaker(subject, port)
    players = scenario.players(count)
    moving = RESIDENTS if scenario.storms else players
    room_size = scenario.room_size or players + RESIDENTS + scenario.stuck
    run.counts_others = scenario.storms
    clients = await connect(run, matchmaker, range(moving), room_size, min(READERS, moving))
    stuck = await stick(matchmaker, range(moving, moving + scenario.stuck), room_size) if scenario.stuck else []
    gc.collect()
    gc.freeze()
    gc.disable()
    task = asyncio.create_task(move(clients))
    try:
        await asyncio.sleep(warm_up)
        run.octets, run.is_measuring = 0, True
        server, own, start = load.core_seconds(pid), time.process_time(), time.perf_counter()
        joined: list[Player] = []
        join_s = None
        if scenario.storms:
            joined, join_s = await storm(run, matchmaker, clients, players)
        else:
            await asyncio.sleep(seconds)
        passed, used = time.perf_counter() - start, time.process_time() - own
        served = load.core_seconds(pid)
        octets, run.is_measuring = run.octets, False
        megabytes = load.megabytes(pid)
    finally:
        task.cancel()
        run.is_ending = True
        gc.enable()
        gc.unfreeze()
        with suppress(asyncio.CancelledError):
            await task
    for player in (*clients, *joined):
        player.leave()
    for client in stuck:
        client.close()
    latencies = run.latencies()
    return Figures(
        p50_ms=percentile(latencies, 0.5),
        p99_ms=percentile(latencies, 0.99),
        server_core=None if server is None or served is None else (served - server) / passed,
        server_mb=megabytes,
        bytes_per_player=octets / (len(clients) + len(joined)) / passed,
        generator_core=used / passed,
        cut=run.cut,
        join_s=join_s,
    )


@contextmanager
def running(subject: Subject, scenario: Scenario, players: int) -> Iterator[tuple[int, int]]:
    """The port and process id of a new server on the first core; this process runs on the second."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    size = scenario.room_size or players + RESIDENTS + scenario.stuck
    command = [part.format(port=port, size=max(size, 2), near=scenario.near) for part in subject.command]
    environment = {**os.environ, **subject.environment, "PORT": str(port)}
    load.pin(0)
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    load.pin(1)
    try:
        for _ in range(400):
            if server.poll() is not None:
                raise SystemExit(f"the server {subject.name} ended with code {server.returncode}; try: {' '.join(command)}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            raise SystemExit(f"the server {subject.name} opened no port within 20 seconds")
        yield port, server.pid
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def lobby_at(name: str, tree: Path, python: str, version: str) -> Subject:
    """The lobby of this source tree."""
    command = f"{python} -m lobby serve --quiet --port {{port}} --room-size {{size}} --near-players {{near}}"
    return Subject(name, version, tuple(command.split(" ")), {"PYTHONPATH": str(tree / "backend")})


@contextmanager
def baseline(commit: str, version: str) -> Iterator[Subject]:
    """The lobby of an older commit, in a temporary folder; with packages of its own if it locks other ones."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            python = sys.executable
            if (tree / "requirements.txt").read_bytes() != (ROOT / "requirements.txt").read_bytes():
                subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
                python = f"{folder}/venv/bin/python"
                install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
                subprocess.run([*install, "-r", str(tree / "requirements.txt")], check=True)
            yield lobby_at("baseline", tree, python, version)
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


@contextmanager
def colyseus() -> Iterator[Subject]:
    """Colyseus with the packages that bench/colyseus/package.json pins, installed by npm in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "bench/colyseus", folder, dirs_exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(install, cwd=folder, check=True)
        yield Subject("colyseus", "colyseus", ("node", f"{folder}/server.mjs"), {"NODE_ENV": "production"})


def compare(
    subjects: Sequence[Subject], scenarios: Sequence[str], loads: Sequence[int], repeats: int, warm_up: float, seconds: float
) -> Iterator[Row]:
    """The medians of all subjects in all scenarios; ``loads`` replace those of the scenarios, if there are any."""
    for name in scenarios:
        scenario = SCENARIOS[name]
        able = [subject for subject in subjects if scenario.on_colyseus or subject.wire != "colyseus"]
        for count in loads or scenario.loads:
            found: dict[str, list[Figures]] = {subject.name: [] for subject in able}
            for _ in range(repeats):
                for subject in able:  # they take turns, so that what else happens on the machine affects all of them
                    with running(subject, scenario, scenario.players(count)) as (port, pid):
                        figures = asyncio.run(measure(subject, port, pid, scenario, count, warm_up, seconds))
                    found[subject.name].append(figures)
            for subject in able:
                yield Row(name, count, subject.name, medians(found[subject.name]))


def cells(row: Row) -> list[str]:
    """A row of the table, as text."""

    def shown(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, form)

    at = row.figures
    return [
        f"{row.load:,} {SCENARIOS[row.scenario].meaning}",
        row.subject,
        shown(at.p50_ms, ".1f"),
        shown(at.p99_ms, ".1f"),
        shown(at.server_core, ".2f"),
        shown(at.server_mb, ".0f"),
        shown(at.bytes_per_player / 1000, ".1f"),
        shown(at.join_s, ".1f"),
        f"{at.cut:.0f}",
        f"{at.generator_core:.2f}" + (" !" if at.generator_core > TRUSTED_CORE else ""),
    ]


HEADINGS = ("load", "server", "p50 ms", "p99 ms", "core", "MB", "KB/s to each", "join s", "cut", "generator")


def ratios(rows: Sequence[Row]) -> list[list[str]]:
    """Our figures as shares of those of each other subject."""
    ours = {(row.scenario, row.load): row.figures for row in rows if row.subject == "lobby"}
    found = []
    for row in rows:
        mine = ours.get((row.scenario, row.load))
        if mine is not None and row.subject != "lobby":
            shares = [ratio(mine, row.figures, name) for name in COMPARED]
            texts = ["–" if share is None else f"{share:.2f}" for share in shares]
            found.append([f"{row.load:,} {SCENARIOS[row.scenario].meaning}", f"lobby / {row.subject}", *texts])
    return found


def grid(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table for the terminal."""
    table = Table(title=title)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < 2 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="%(default)s")
    parser.add_argument("--loads", default="", help="players or rooms, instead of those of the scenarios")
    parser.add_argument("--seconds", type=float, default=10, help="measured each time (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=2, help="seconds before (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="the figures are their medians (%(default)s)")
    lobby_versions = [name for name in WIRES if name != "colyseus"]
    parser.add_argument("--v", default=lobby_versions[-1], choices=lobby_versions, help="version of the protocol (%(default)s)")
    parser.add_argument("--baseline", metavar="COMMIT", help="measure the lobby of this commit, too")
    parser.add_argument("--baseline-v", default="2", choices=lobby_versions, help="its version of the protocol (%(default)s)")
    parser.add_argument("--colyseus", action="store_true", help="measure Colyseus, too; npm installs it")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    wanted = parser.parse_args()
    wanted.scenarios = wanted.scenarios.split(",")
    if unknown := set(wanted.scenarios) - set(SCENARIOS):
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}; the scenarios are {', '.join(SCENARIOS)}")
    return wanted


def main() -> None:
    """Measure and print."""
    wanted = arguments()
    load.allow_sockets()
    console = Console(width=max(Console().width, 128))
    rows = []
    with ExitStack() as ends:
        subjects = [lobby_at("lobby", ROOT, sys.executable, wanted.v)]
        if wanted.baseline:
            subjects.append(ends.enter_context(baseline(wanted.baseline, wanted.baseline_v)))
        if wanted.colyseus:
            subjects.append(ends.enter_context(colyseus()))
        loads = [int(count) for count in wanted.loads.split(",") if count]
        for row in compare(subjects, wanted.scenarios, loads, wanted.repeats, wanted.warm_up, wanted.seconds):
            rows.append(row)
            console.print("  ".join(cells(row)))
    console.print(grid(f"Medians of {wanted.repeats}", HEADINGS, [cells(row) for row in rows]))
    if len(subjects) > 1:
        headings = ("load", "ratio of", "core", "p99", "bytes", "memory", "join")
        console.print(grid("Ratios", headings, ratios(rows)))
    if any(row.figures.generator_core > TRUSTED_CORE for row in rows):
        console.print(f"[yellow]!: the generator used over {TRUSTED_CORE} of its core, so these figures are not reliable.")
    if wanted.json:
        wanted.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
