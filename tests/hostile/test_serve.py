"""Attacks on `lobby serve`, and its answers to all that is wrong. Other players notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import pytest

from lobby import limits
from lobby.addresses import UNKNOWN, last_hop
from lobby.server import connections, gate
from lobby.server.host import Paced
from lobby.settings import Settings
from tests.hostile.attacks import close_code, connection, flood, half_open, quick_frame, websocket, wrong_answers
from tests.hostile.rfc6455 import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Request
from tests.hosts import joined, serving

try:
    import uvloop
except ImportError:  # on Windows
    uvloop = None  # type: ignore[assignment]

TARGET = "/?pid=attacker&v=2"


async def answer_to(port: int, request: str | bytes) -> bytes:
    async with connection(port) as (reader, writer):
        writer.write(request if isinstance(request, bytes) else request.encode())
        async with asyncio.timeout(5):
            return await reader.read()


async def test_every_broken_request_is_refused_with_a_clear_status() -> None:
    async with serving(handshake_s=2) as lobby:
        assert await wrong_answers(lobby.port, TARGET) == {}
        assert b" 200 OK\r\n" in await answer_to(lobby.port, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")


@pytest.mark.parametrize(
    "line", ["HEAD /healthz HTTP/1.1\r\nHost: a", "HEAD /healthz HTTP/1.0", "GET /healthz HTTP/1.0", "GET //healthz HTTP/1.0",
             "GET http://a/healthz HTTP/1.1\r\nHost: b"],
)  # fmt: skip
async def test_health_checks_of_load_balancers_are_answered(line: str) -> None:
    async with serving() as lobby:
        head, _, body = (await answer_to(lobby.port, f"{line}\r\n\r\n")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert bool(body) is not line.startswith("HEAD")


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, *([uvloop.new_event_loop] if uvloop else [])])
def test_a_health_check_is_answered_before_three_hundred_clients_have_reconnected(
    loop: Callable[[], asyncio.AbstractEventLoop], longer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = min(300 * longer, 450)  # with their sockets, this process has two files for each
    monkeypatch.setattr(gate, "TURN_S", 0.0)  # so one client enters in each turn of the event loop
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(players_when_health_is_answered(clients)) < clients / 4


async def players_when_health_is_answered(clients: int) -> int:
    """How many of ``clients`` have entered when a health check is answered that arrived behind all of them."""
    async with serving(handshake_s=20, room_size=clients) as lobby:
        with contextlib.ExitStack() as opened:
            for i in range(clients + 1):  # these sockets wait in the system, because they do not use the event loop
                last = opened.enter_context(socket.create_connection(("127.0.0.1", lobby.port)))
                last.sendall(Request().encoded(f"/?pid=p{i}&v=2", "a") if i < clients else b"GET /healthz HTTP/1.0\r\n\r\n")
            last.setblocking(False)
            async with asyncio.timeout(20):
                answer = await asyncio.get_running_loop().sock_recv(last, 65_536)
                entered = lobby.server.health().players
                while lobby.server.health().players < clients:
                    await asyncio.sleep(0.01)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            return entered


@pytest.mark.parametrize("half_open", [8, 16, 64, 1_000])
async def test_clients_that_have_sent_their_requests_do_not_wait_as_half_open(
    half_open: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "HALF_OPEN", half_open)
    monkeypatch.setattr(gate, "HALF_OPEN_MS", 60_000)
    await players_when_health_is_answered(100)


async def test_the_page_cannot_be_framed() -> None:
    async with serving() as lobby:
        assert b"frame-ancestors 'none'" in await answer_to(lobby.port, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")


async def test_the_first_subprotocol_that_a_client_offers_is_selected() -> None:
    async with serving() as lobby, joined(lobby.at(pid="ann"), subprotocols=["json", "xml"]) as ann:
        assert ann.socket.subprotocol == "json"
        assert (await ann.receive("welcome"))["your_id"] == "ann"


async def test_two_slashes_before_the_parameters_are_one() -> None:
    async with serving() as lobby, joined(f"ws://127.0.0.1:{lobby.port}//?pid=ann") as ann:
        assert (await ann.receive("welcome"))["your_id"] == "ann"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("192.0.2.1", "192.0.2.1"), ("6.6.6.6, 192.0.2.1", "192.0.2.1"), ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"), ("[2001:db8::1]", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"),
        ('"[2001:db8::1]:1"', "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1,", "192.0.2.1"),
        ("unknown", UNKNOWN), ("", UNKNOWN), ("1.2.3.4.5", UNKNOWN), ("x" * 9_000, UNKNOWN), ("[", UNKNOWN),
    ],
)  # fmt: skip
def test_the_last_hop_is_read_as_proxies_write_it(header: str, address: str) -> None:
    assert last_hop(header) == address


async def test_a_forged_line_before_that_of_the_proxy_is_not_believed() -> None:
    async with serving(behind_proxy=True, connections_per_address=1) as lobby:
        more = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "192.0.2.1")]
        async with joined(lobby.at(pid="ann"), additional_headers=more) as ann:
            await ann.receive("welcome")
            again = [("X-Forwarded-For", "7.7.7.7"), ("X-Forwarded-For", "192.0.2.1:9")]
            async with joined(lobby.at(pid="bea"), additional_headers=again) as bea:
                assert await bea.closed_with() == 4005


async def test_a_close_frame_ends_the_presence_of_a_client_that_reads_nothing() -> None:
    async with serving() as lobby, joined(lobby.at(pid="ann", v=2)) as ann:
        async with websocket(lobby.port, TARGET) as (_, writer):
            await ann.receive("join")
            writer.write(quick_frame(CLOSE, (1000).to_bytes(2, "big")))
            await ann.receive("leave")


@pytest.mark.parametrize("payload", [b"", b"x"])
async def test_a_message_of_too_many_fragments_ends_the_connection(payload: bytes) -> None:
    async with serving(messages_per_s=1_000, messages_burst=10_000) as lobby, websocket(lobby.port, TARGET) as (reader, writer):
        writer.write(quick_frame(TEXT, payload, fin=False) + quick_frame(CONTINUATION, payload, fin=False) * limits.FRAGMENTS)
        assert await close_code(reader) == 1009
        assert lobby.server.counts["closed", "too_large_frame"] == 1


@pytest.mark.parametrize("opcode", [PING, PONG])
async def test_a_flood_of_control_frames_ends_the_connection(opcode: int, longer: int) -> None:
    async with serving() as lobby:
        for i in range(longer):
            async with websocket(lobby.port, f"/?pid=attacker{i}") as (reader, writer):
                await flood(writer, quick_frame(opcode, b"x" * 100) * 1_000, 5)
                with contextlib.suppress(ConnectionError):
                    await close_code(reader)
        assert lobby.server.counts["closed", "flood"] == longer


async def test_a_client_that_sends_on_after_it_was_cut_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CLOSE_S", 60)
    async with serving() as lobby, websocket(lobby.port, TARGET) as (reader, writer):
        await reader.readexactly(2)  # the welcome begins
        [attacker] = lobby.server.connections
        writer.write(quick_frame(BINARY))
        flooding = asyncio.create_task(flood(writer, quick_frame(PONG, b"x" * 100) * 500, 5))
        async with asyncio.timeout(5):
            while attacker._pipe.is_reading():
                await asyncio.sleep(0.01)
        flooding.cancel()
        attacker._pipe.abort()


async def test_pongs_that_a_client_does_not_read_wait_in_the_outbox_and_not_beside_it() -> None:
    async with serving(outbox_bytes=16_384) as lobby:
        lobby.server.pace = limits.Pace(1e9, 10**9)
        async with websocket(lobby.port, TARGET) as (_, writer):
            [attacker] = lobby.server.connections
            most, until = 0, asyncio.get_running_loop().time() + 10
            while asyncio.get_running_loop().time() < until and most <= 16_384:
                await flood(writer, quick_frame(PING, b"x" * 125) * 500, 0.1)
                most = max(most, attacker._pipe.get_write_buffer_size())
            await flood(writer, quick_frame(PING, b"x" * 125) * 500, 0.5)
            assert 16_384 < most < 2 * 16_384
            assert attacker._pipe.get_write_buffer_size() < 2 * 16_384


async def test_a_player_whose_library_pings_is_answered() -> None:
    async with serving() as lobby, joined(lobby.at(pid="ann")) as ann:
        for _ in range(20):
            await asyncio.wait_for(await ann.socket.ping(), 5)
        assert lobby.server.counts["closed", "flood"] == 0


async def test_half_open_sockets_are_limited_and_players_still_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "HALF_OPEN", 10)
    monkeypatch.setattr(gate, "HALF_OPEN_MS", 20)
    async with serving(handshake_s=20) as lobby, half_open(lobby.port, 40), joined(lobby.at(pid="ann")) as ann:
        await ann.receive("welcome")
        assert lobby.server.counts["turned_away", "half_open"] >= 30


async def test_a_request_that_is_never_complete_ends() -> None:
    async with serving(handshake_s=0.1) as lobby:
        assert (await answer_to(lobby.port, "GET / HTTP/1.1\r\nHost: a\r\n")).startswith(b"HTTP/1.1 408 ")


async def test_without_file_descriptors_accepting_pauses_with_one_line_and_players_stay(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gate, "PAUSE_S", 0.01)
    async with serving() as lobby, joined(lobby.at(pid="ann")) as ann:
        await ann.receive("welcome")
        monkeypatch.setattr(gate, "DESCRIPTORS_LEFT", lobby.server.gate.descriptors - 1)
        with caplog.at_level("INFO", logger="lobby"):
            for _ in range(5):
                assert await answer_to(lobby.port, "") == b""
        assert caplog.text.count("no_descriptors") == 1
        await ann.send(action="ping", t=1)
        await ann.receive("pong")
        monkeypatch.setattr(gate, "DESCRIPTORS_LEFT", 1)
        assert b" 200 OK" in await answer_to(lobby.port, "GET /healthz HTTP/1.0\r\n\r\n")


def test_an_address_may_open_all_its_connections_at_once_and_then_at_a_pace() -> None:
    settings = Settings()
    paced = Paced(limits.connect_pace(settings))
    opened = [paced.allows("a", 1_000) for _ in range(100)]
    assert sum(opened) == settings.connections_per_address
    assert paced.allows("b", 1_000)
    assert paced.allows("a", 2_000)


async def test_a_handshake_without_connection_upgrade_is_answered_with_what_to_do() -> None:
    async with serving() as lobby:
        head = Request({"Connection": "keep-alive"}).encoded(TARGET, "a")
        assert b"426 Upgrade Required" in (said := await answer_to(lobby.port, head))
        assert b"A proxy may have removed it" in said
