"""`lobby check` and `lobby watch` against servers that work, that refuse, that say nothing and that talk nonsense."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from lobby.client import LobbyClient
from lobby.errors import LobbyError
from lobby.server.host import Server
from lobby.server.memory import MemoryStore
from lobby.settings import Settings
from lobby.tokens import sign
from lobby.tools.check import STEPS, VERDICT, Step, check, print_step
from lobby.tools.watch import watch

SECRET = "a secret of at least thirty-two bytes"
# Check obeys the lobby's send_ms; with a short one it is quick.
QUICK = Settings(port=0, send_ms=10, window_ms=10, messages_per_s=1000, messages_burst=1000)
LOCKED = Settings(port=0, send_ms=10, window_ms=10, messages_per_s=1000, messages_burst=1000, secret=SECRET)


def token(player: str, room: str = "") -> str:
    return sign(player, SECRET, time.time_ns() // 1_000_000 + 60_000, room)


def at_server(settings: Settings, visit: Callable[[str, Server], Awaitable[None]]) -> None:
    """Runs ``visit`` with the address of a server, and the server; at the end all connections must be closed."""

    async def run() -> None:
        server, stop = Server(settings, MemoryStore()), asyncio.Event()
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(server.run(port.set_result, stop))
        try:
            await visit(f"ws://127.0.0.1:{await port}/", server)
            for _ in range(100):
                if not server.connections:
                    break
                await asyncio.sleep(0.01)
            assert not server.connections
        finally:
            stop.set()
            await serving

    asyncio.run(run())


async def checked(url: str, room: str = "", token: str = "", token_b: str = "", step_s: float = 5.0) -> list[Step]:
    steps: list[Step] = []
    ok = await check(url, room=room, token=token, token_b=token_b, report=steps.append, step_s=step_s)
    assert steps[-1].name == VERDICT
    assert ok == (steps[-1].outcome == "ok") == all(step.outcome != "failed" for step in steps)
    assert [step.name for step in steps[:-1]] == [plan.name for plan in STEPS]
    return steps


def first_failed(steps: list[Step]) -> Step:
    failed = [step for step in steps[:-1] if step.outcome == "failed"]
    assert len(failed) == 1, steps
    after = steps[steps.index(failed[0]) + 1 : -1]
    assert all(step.outcome == "skipped" and step.detail.startswith("needs “") for step in after)
    return failed[0]


def at_stub(talk: Callable[[ServerConnection], Awaitable[None]], step_s: float = 0.1) -> Step:
    """The failed step at a server that only ``talk``s."""

    async def run() -> Step:
        async with serve(talk, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            return first_failed(await checked(f"ws://127.0.0.1:{port}/", step_s=step_s))

    return asyncio.run(run())


# ── check ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_at_a_lobby_that_works_every_step_is_ok() -> None:
    async def visit(url: str, server: Server) -> None:
        steps = await checked(url)
        assert {step.outcome for step in steps} == {"ok"}, steps
        assert steps[-1].detail.startswith("This lobby works. A position takes ")

    at_server(QUICK, visit)


def test_a_lobby_with_the_narrowest_limits_works_too() -> None:
    async def visit(url: str, server: Server) -> None:
        steps = await checked(url)
        assert {step.outcome for step in steps} == {"ok"}, steps

    at_server(Settings(port=0, send_ms=10, max_speed=1, world_bound=1, messages_per_s=100), visit)


def test_real_players_are_not_disturbed() -> None:
    async def visit(url: str, server: Server) -> None:
        async with LobbyClient(url, "ann") as ann:
            await checked(url)
            assert not ann.roster.players
            assert type(await ann.next_event(0.1)).__name__ == "Connected"
            with pytest.raises(TimeoutError):
                await ann.next_event(0.01)

    at_server(QUICK, visit)


def test_the_room_and_the_player_in_the_address_may_stay_there() -> None:
    async def visit(url: str, server: Server) -> None:
        steps = await checked(f"{url}?pid=ann&v=1&room=hub&name=Ann")
        assert {step.outcome for step in steps} == {"ok"}, steps
        assert steps[0].detail == "in the room hub"

    at_server(QUICK, visit)


def test_without_a_token_where_one_is_needed_the_reason_is_clear() -> None:
    async def visit(url: str, server: Server) -> None:
        failed = first_failed(await checked(url))
        assert failed.name == "a player is welcomed"
        assert "this lobby needs a token" in failed.detail
        assert "closed with 4501" in failed.detail
        assert "--token" in failed.detail

    at_server(LOCKED, visit)


def test_one_token_is_one_player_and_the_steps_for_two_are_skipped() -> None:
    async def visit(url: str, server: Server) -> None:
        steps = await checked(url, token=token("ann"))
        assert [step.detail for step in steps if step.outcome == "skipped"] == ["needs a second player"] * 8
        assert [step.outcome for step in steps].count("ok") == 6
        assert "--token-b" in steps[-1].detail
        same = await checked(url, token=token("ann"), token_b=token("ann"))
        assert "Both tokens are for the same player, 'ann'" in same[-1].detail

    at_server(LOCKED, visit)


def test_two_tokens_are_two_players_in_the_room_that_they_open() -> None:
    async def visit(url: str, server: Server) -> None:
        steps = await checked(url, token=token("ann", "hub"), token_b=token("bea", "hub"))
        assert {step.outcome for step in steps} == {"ok"}, steps
        assert steps[0].detail == "in the room hub"

    at_server(LOCKED, visit)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ws://127.0.0.1:1/", "Nothing listens at 127.0.0.1:1 (connection refused)"),
        ("ws://127.0.0.1:99999/", "127.0.0.1:99999"),
        ("ftp://127.0.0.1/", "is no address of a lobby"),
        ("", "is no address of a lobby"),
    ],
)
def test_without_a_lobby_the_first_step_gives_the_reason(url: str, reason: str) -> None:
    failed = first_failed(asyncio.run(checked(url)))
    assert failed.name == "a WebSocket opens"
    assert reason in failed.detail


@pytest.mark.parametrize(
    ("answer", "scheme", "reason"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "ws", "HTTP 401: a token is needed"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "ws", "the name of a stage"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "ws", "HTTP 200: a web server answers, but does not open"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "ws", "Read its log"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "ws", "is not a WebSocket server"),
        (b"", "ws", "is not a WebSocket server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "wss", "A server without TLS needs ws://"),
    ],
)
def test_an_answer_that_is_not_a_websocket_is_explained(answer: bytes, scheme: str, reason: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def run() -> Step:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            return first_failed(await checked(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))

    failed = asyncio.run(run())
    assert failed.name == "a WebSocket opens"
    assert reason in failed.detail


def test_a_server_without_a_welcome_differs_from_a_missing_server() -> None:
    async def say_nothing(socket: ServerConnection) -> None:
        await socket.wait_closed()

    failed = at_stub(say_nothing)
    assert failed.name == "a player is welcomed"
    assert "No welcome came." in failed.detail
    assert "event source mapping" in failed.detail
    assert failed.ms >= 100


@pytest.mark.parametrize(
    "garbage",
    [
        "certainly not JSON",
        '{"message": "Forbidden", "connectionId":"x"}',
        "[]",
        '{"type":"join"}',
        "\x1b[2J",
    ],
)
def test_invalid_messages_of_a_server_are_quoted(garbage: str) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send(garbage)
        await socket.wait_closed()

    failed = at_stub(talk)
    assert failed.name == "a player is welcomed"
    assert "is not in the protocol" in failed.detail
    assert garbage.replace("\x1b", "·")[:20] in failed.detail


def test_bytes_that_are_not_utf_8_end_the_check_and_not_the_program() -> None:
    async def talk(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await socket.send(b"\xff\xfe", text=True)
            await socket.wait_closed()

    assert at_stub(talk).name == "a player is welcomed"


@pytest.mark.parametrize(
    ("code", "reason"),
    [(4004, "room_full"), (4500, "taken_over"), (1011, "it closed the connection with 1011"), (4321, "with 4321")],
)
def test_a_close_code_is_printed_with_its_meaning(code: int, reason: str) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.close(code)

    failed = at_stub(talk)
    assert failed.name == "a player is welcomed"
    assert reason in failed.detail


def test_a_lobby_of_an_older_version_is_reported() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send('{"type":"welcome","your_id":"x","lobby_players":[]}')
        await socket.wait_closed()

    assert "welcome has version 1" in at_stub(talk).detail


def test_the_whole_check_has_an_end() -> None:
    async def visit(url: str, server: Server) -> None:
        steps: list[Step] = []
        assert not await check(url, report=steps.append, check_s=0.0)
        assert {step.outcome for step in steps[:-1]} == {"skipped"}
        assert steps[-1].outcome == "failed"

    at_server(QUICK, visit)


def test_text_of_a_server_in_a_step_is_printed_without_markup() -> None:
    console = Console(file=io.StringIO(), width=60)
    print_step(Step("a ping is answered", "ok", 1.25, "[red]\x1b[2J"), console)
    print_step(Step("a player is welcomed", "failed", 10_000.0, "No welcome came."), console)
    assert isinstance(console.file, io.StringIO)
    ok, failed, detail = console.file.getvalue().splitlines()
    assert ok.startswith("ok      a ping is answered")
    assert ok.endswith("1.2 ms  [red]·[2J")
    assert failed.endswith("10,000 ms")
    assert detail == "        No welcome came."


# ── watch ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_watch_prints_a_line_for_each_event_into_a_pipe() -> None:
    async def visit(url: str, server: Server) -> None:
        console = Console(file=io.StringIO(), width=20)
        async with LobbyClient(url, "ann", name="[b]Ann[/b]"):
            await watch(url, seconds=0.1, console=console)
        assert isinstance(console.file, io.StringIO)
        lines = [text.partition(" ")[2] for text in console.file.getvalue().splitlines()]
        assert lines[0].startswith("connected #")
        assert lines[1:] == ['joined ann "[b]Ann[/b]" at 0.0 0.0'] or lines[1:] == ['joined ann "[b]Ann[/b]" at 0 0']

    at_server(QUICK, visit)


def test_watch_draws_on_a_terminal_and_leaves_it_as_it_was() -> None:
    async def visit(url: str, server: Server) -> None:
        console = Console(file=io.StringIO(), width=100, height=24, force_terminal=True, color_system="truecolor")
        async with LobbyClient(url, "ann", name="Ann"):
            await watch(url, seconds=0.15, console=console)
        assert isinstance(console.file, io.StringIO)
        drawn = console.file.getvalue()
        assert "Ann" in drawn
        assert "\x1b[?1049h" in drawn  # the other screen
        assert drawn.rstrip().endswith(("\x1b[?1049l", "\x1b[?1049l\x1b[?25h", "\x1b[?25h\x1b[?1049l"))

    at_server(QUICK, visit)


def test_watch_ends_when_it_is_cancelled() -> None:
    async def visit(url: str, server: Server) -> None:
        console = Console(file=io.StringIO(), width=100, height=24, force_terminal=True)
        watching = asyncio.create_task(watch(url, console=console))
        await asyncio.sleep(0.1)
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        assert isinstance(console.file, io.StringIO)
        assert "\x1b[?1049l" in console.file.getvalue()

    at_server(QUICK, visit)


def test_watch_reports_that_no_lobby_answers() -> None:
    with pytest.raises(LobbyError, match=r"ws://127\.0\.0\.1:1/"):
        asyncio.run(watch("ws://127.0.0.1:1/", console=Console(file=io.StringIO())))
