"""Everything that a client should not send, to a real server: it answers with a clear error, and other players notice nothing.

Each test ends with a check that two other players still see each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.frames import Opcode

from lobby.errors import LobbyError
from lobby.server.host import Server
from lobby.server.memory import MemoryStore
from lobby.settings import Settings
from lobby.tokens import sign
from tests.hosts import Player, Running, joined, run, serving

SECRET = "a secret of thirty-two characters"


@asynccontextmanager
async def lobby_with_two_others(**changes: Any) -> AsyncIterator[tuple[Running, Player]]:
    """A lobby with two other players. At the end they still see each other move."""
    async with (
        serving(**changes) as lobby,
        joined(lobby.at(pid="left", v=2)) as left,
        joined(lobby.at(pid="right", v=2)) as right,
    ):
        await left.receive("join")
        await right.receive("welcome")
        yield lobby, left
        await right.send(action="pos", x=4.5, y=2)
        assert (await left.receive("moves"))["m"][0][1:3] == [450, 200]


async def error_of(player: Player) -> tuple[str, str]:
    error = await player.receive("error")
    return error["code"], error["message"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("this is not JSON", "bad_json"),
        ("[1, 2]", "bad_message"),
        ('{"x": 1}', "bad_message"),
        ('{"action": "fly"}', "unknown_action"),
        ('{"action": "pos", "x": NaN, "y": 0}', "bad_json"),
        ('{"action": "pos", "x": Infinity, "y": 0}', "bad_json"),
        ('{"action": "pos", "x": 1e999, "y": 0}', "bad_json"),
        ('{"action": "pos", "x": "1", "y": 0}', "bad_position"),
        ('{"action": "pos", "x": true, "y": 0}', "bad_position"),
        ('{"action": "pos", "x": ' + "9" * 500 + ', "y": 0}', "bad_json"),
        ('{"action": "pos", "x": 1e300, "y": 0}', "bad_position"),
        ('{"action": "pos", "x": 2000000, "y": 0}', "out_of_bounds"),
        ('{"action": "status", "status": "\\u0007"}', "bad_message"),
        ('{"action": "hello", "padding": "' + "x" * 2048 + '"}', "too_large"),
        ("[" * 1000, "bad_json"),
    ],
)
async def test_a_wrong_message_is_answered_and_the_sender_stays(text: str, code: str) -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(pid="wrong", v=2)) as wrong:
        await left.receive("join")
        await wrong.receive("config")
        await wrong.socket.send(text)
        assert (await error_of(wrong))[0] == code
        await wrong.send(action="ping", t=1)
        await wrong.receive("pong")
        assert await left.receives_nothing(0.02)


async def test_a_teleport_is_refused_with_the_current_position() -> None:
    async with lobby_with_two_others(max_speed=15) as (lobby, left), joined(lobby.at(pid="cheat")) as cheat:
        await cheat.send(action="pos", x=3, y=4)
        await left.receive("moves")
        await cheat.send(action="pos", x=3000, y=4)
        error = await cheat.receive("error")
        assert (error["code"], error["x"], error["y"]) == ("too_fast", 3, 4)


@pytest.mark.parametrize(
    ("frame", "code"),
    [((Opcode.BINARY, b"\x00\x01"), 1003), ((Opcode.TEXT, b"\xff\xfe"), 1007), ((Opcode.TEXT, b"x" * 200 * 1024), 1009)],
)
async def test_frames_that_are_not_text_or_too_long_close_the_connection(frame: tuple[Opcode, bytes], code: int) -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(pid="wrong", v=2)) as wrong:
        await left.receive("join")
        wrong.socket.protocol.send_text(frame[1]) if frame[0] is Opcode.TEXT else wrong.socket.protocol.send_binary(frame[1])
        wrong.socket.send_data()
        assert await wrong.closed_with() == code
        assert (await left.receive("leave"))["id"] == "wrong"


async def test_a_close_frame_without_a_code_is_answered_with_a_code_that_clients_accept() -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(pid="plain", v=2)) as plain:
        await left.receive("join")
        plain.socket.protocol.send_close()
        plain.socket.send_data()
        assert await plain.closed_with() == 1000
        await left.receive("leave")


async def test_a_client_that_sends_after_its_closing_error_gets_no_further_answer() -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(pid="wrong", v=2)) as wrong:
        await left.receive("join")
        for _ in range(50):
            wrong.socket.protocol.send_binary(b"\x00")
        wrong.socket.send_data()
        assert await wrong.closed_with() == 1003
        await left.receive("leave")
        assert lobby.server.counts["closed", "binary"] == 1


async def test_empty_rooms_leave_nothing_in_memory() -> None:
    async with serving(heartbeat_ms=100) as lobby:
        for i in range(20):
            async with joined(lobby.at(pid="ann", room=f"r{i}")) as ann, joined(lobby.at(pid="bea", room=f"r{i}")) as bea:
                await ann.receive("join")
                await ann.send(action="pos", x=1, y=1)
                await bea.receive("pos")
        await asyncio.sleep(0.05)
        lobby.server.lobby.close_silent(lobby.server.now() + 60_000)
        for value in {**vars(lobby.server), **vars(lobby.server.lobby), **vars(lobby.server.store)}.values():
            assert not isinstance(value, dict) or value is lobby.server.counts or "index.html" in value or not value


async def test_a_fragmented_message_is_assembled_and_has_the_same_limits() -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(pid="pieces", v=2)) as pieces:
        await left.receive("join")
        await pieces.socket.send(['{"action":', '"pos","x":1,', '"y":2}'])
        assert (await left.receive("moves"))["m"][0][1:] == [100, 200]
        await pieces.socket.send(["x" * 20_000, "x" * 20_000])
        assert await pieces.closed_with() == 1009
        await left.receive("leave")


async def test_a_continuation_frame_without_a_message_closes_the_connection() -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(pid="wrong", v=2)) as wrong:
        await left.receive("join")
        wrong.socket.protocol.expect_continuation_frame = True
        wrong.socket.protocol.send_continuation(b"...", fin=True)
        wrong.socket.send_data()
        assert await wrong.closed_with() == 1002
        await left.receive("leave")


async def test_a_thousand_messages_a_second_get_one_error_and_then_the_connection_is_closed() -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(pid="flood", v=2)) as flood:
        await left.receive("join")
        for i in range(1_000):
            flood.socket.protocol.send_text(b'{"action":"pos","x":%d,"y":0}' % i)
        flood.socket.send_data()
        codes = []
        while (message := await flood.receive())["type"] != "error":
            codes.append(message["type"])
        assert message["code"] == "rate_limited"
        assert await flood.closed_with() == 4003
        await left.receive("leave")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"pid": "a%07b"}, "pid must be"), ({"pid": "x" * 65}, "pid must be"), ({"pid": "a", "room": "/"}, "room must be"),
        ({"pid": "a", "name": "x%1b[2J"}, "name must not"), ({"pid": "a", "v": "two"}, "v must be"),
    ],
)  # fmt: skip
async def test_a_bad_handshake_is_refused_with_the_wrong_parameter(query: dict[str, str], expected: str) -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(**query)) as wrong:
        code, message = await error_of(wrong)
        assert code == "bad_handshake"
        assert expected in message
        assert await wrong.closed_with() == 4505
        assert await left.receives_nothing(0.02)


@pytest.mark.parametrize(
    ("token", "code", "close"),
    [
        ("", "unauthorized", 4501),
        ("nonsense", "unauthorized", 4501),
        (sign("ann", "another secret of thirty-two characters", 4_000_000_000_000), "unauthorized", 4501),
        (sign("ann", SECRET, 1_000_000_000_000), "token_expired", 4502),
        (sign("bea", SECRET, 4_000_000_000_000), "forbidden", 4503),
        (sign("ann", SECRET, 4_000_000_000_000, room="hub"), "forbidden", 4503),
    ],
)
async def test_a_token_that_is_wrong_expired_or_of_another_player_is_refused(token: str, code: str, close: int) -> None:
    async with serving(secret=SECRET) as lobby:
        good = sign("good", SECRET, 4_000_000_000_000)
        async with joined(lobby.at(token=good)) as bystander, joined(lobby.at(pid="ann", token=token)) as wrong:
            await bystander.receive("welcome")
            assert (await error_of(wrong))[0] == code
            assert await wrong.closed_with() == close
            assert await bystander.receives_nothing(0.02)


async def test_a_second_connection_of_a_player_is_a_takeover_that_other_players_do_not_notice() -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(pid="ann", v=2)) as first:
        await left.receive("join")
        await first.send(action="pos", x=7, y=8)
        await left.receive("moves")
        async with joined(lobby.at(pid="ann", v=2)) as second:
            welcome = await second.receive("welcome")
            assert (welcome["x"], welcome["y"]) == (7, 8)
            assert await first.closed_with() == 4500
            assert await left.receives_nothing()
            await second.send(action="pos", x=9, y=9)
            assert (await left.receive("moves"))["m"][0][:3] == [welcome["n"], 900, 900]
        assert (await left.receive("leave"))["id"] == "ann"


async def test_a_player_is_refused_by_a_full_room_and_asked_to_come_back_later() -> None:
    async with lobby_with_two_others(room_size=3) as (lobby, left), joined(lobby.at(pid="third")) as third:
        await third.receive("welcome")
        await left.receive("join")
        async with joined(lobby.at(pid="fourth")) as fourth:
            assert (await error_of(fourth))[0] == "room_full"
            assert await fourth.closed_with() == 4004
        async with joined(lobby.at(pid="fourth", room="other")) as elsewhere:
            assert (await elsewhere.receive("welcome"))["lobby_players"] == []
    assert Settings().room_size == 50


async def test_by_default_a_room_refuses_the_51st_player() -> None:
    async with serving() as lobby:
        sockets = [joined(lobby.at(pid=f"p{i}", v=2)) for i in range(51)]
        players = [await socket.__aenter__() for socket in sockets]
        assert (await players[49].receive("welcome"))["n"] == 50
        assert (await error_of(players[50]))[0] == "room_full"
        for socket in sockets:
            await socket.__aexit__(None, None, None)


async def test_too_many_connections_from_one_address_are_refused() -> None:
    async with serving(connections_per_address=1, behind_proxy=True) as lobby:
        far = {"additional_headers": {"X-Forwarded-For": "10.9.9.9, 203.0.113.7"}}
        async with joined(lobby.at(pid="a"), **far) as first, joined(lobby.at(pid="b"), **far) as second:
            await first.receive("welcome")
            assert (await error_of(second))[0] == "too_many_connections"
            assert await second.closed_with() == 4005
        async with joined(lobby.at(pid="b"), **far) as again:
            await again.receive("welcome")


async def test_a_page_of_another_origin_is_refused() -> None:
    async with lobby_with_two_others() as (lobby, _):
        async with joined(lobby.at(pid="a"), origin="https://evil.example") as page:
            assert (await error_of(page))[0] == "origin_not_allowed"
            assert await page.closed_with() == 4504
        async with joined(lobby.at(pid="a"), origin=f"http://127.0.0.1:{lobby.port}") as page:
            await page.receive("welcome")


def fill(lobby: Running, player: str, *, droppable: bool) -> None:
    """Sends a player messages of an unknown type until its outbox is full, or (not droppable) until it is closed."""
    (row,) = [row for row in lobby.server.store.room("lobby") if row.player == player]
    filler = b'{"type":"filler","text":"' + b"x" * 8_000 + b'"}'
    while row.connection in lobby.server.connections and not (droppable and lobby.server.counts["skipped", ""]):
        lobby.server.connections.post([row.connection], filler, droppable=droppable)


async def test_a_client_that_never_reads_misses_positions_is_closed_and_delays_no_other() -> None:
    async with lobby_with_two_others() as (lobby, left):
        _, writer = await asyncio.open_connection("127.0.0.1", lobby.port, limit=1)
        writer.write(_upgrade("/?pid=stuck&v=2", lobby.port))
        await left.receive("join")
        fill(lobby, "stuck", droppable=True)
        async with joined(lobby.at(pid="mover", v=2)) as mover:
            await left.receive("join")
            for x in range(1, 10):
                await mover.send(action="pos", x=x, y=0)
                assert (await left.receive("moves"))["m"][0][1] == x * 100
            fill(lobby, "stuck", droppable=False)
            assert (await left.receive("leave"))["id"] == "stuck"
        assert lobby.server.counts["closed", "slow_reader"] == 1
        await left.receive("leave")
        writer.close()


async def test_a_slow_reader_that_recovers_receives_the_current_positions() -> None:
    async with lobby_with_two_others() as (lobby, left), joined(lobby.at(pid="slow", v=2), max_size=None) as slow:
        async with joined(lobby.at(pid="mover", v=2)) as mover:
            await slow.receive("join")
            slow.socket.transport.pause_reading()
            fill(lobby, "slow", droppable=True)
            await mover.send(action="pos", x=5, y=6)
            await left.receive("moves")
            slow.socket.transport.resume_reading()
            caught_up = {entry[0]: entry[1:] for entry in (await slow.receive("moves"))["m"]}
            assert [500, 600] in caught_up.values()


async def test_a_socket_without_a_handshake_is_closed() -> None:
    async with lobby_with_two_others() as (lobby, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", lobby.port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_half_closed_socket_is_a_leave() -> None:
    async with lobby_with_two_others() as (lobby, left):
        _, writer = await asyncio.open_connection("127.0.0.1", lobby.port)
        writer.write(_upgrade("/?pid=half", lobby.port))
        await left.receive("join")
        writer.write_eof()
        assert (await left.receive("leave"))["id"] == "half"
        writer.close()


async def test_a_connection_that_answers_no_ping_is_removed() -> None:
    async with serving(heartbeat_ms=100) as lobby, joined(lobby.at(pid="left")) as left:
        _, writer = await asyncio.open_connection("127.0.0.1", lobby.port)
        writer.write(_upgrade("/?pid=mute", lobby.port))
        await left.receive("join")
        assert (await left.receive("leave"))["id"] == "mute"
        assert lobby.server.counts["closed", "silent"] == 1
        writer.transport.abort()
        await left.send(action="ping", t=1)  # a client that answers pings stays, although it has sent no message
        await left.receive("pong")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        b"\r\n\r\n",
    ],
)
async def test_a_request_that_is_not_http_gets_an_end_of_the_connection(request_bytes: bytes) -> None:
    async with lobby_with_two_others() as (lobby, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", lobby.port)
        writer.write(request_bytes)
        await asyncio.wait_for(reader.read(), 5)
        writer.close()


async def test_a_port_that_is_in_use_is_named_in_the_error() -> None:
    async with serving() as lobby:
        with pytest.raises(LobbyError, match=rf"port {lobby.port} on 127.0.0.1: another program uses it"):
            await Server(Settings(port=lobby.port), MemoryStore()).run(stop=asyncio.Event())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(host="0.0.0.0", port=0), "each client can use any player id"),
        (Settings(port=0, secret="short"), "at least 32"),
        (Settings(port=0, tls_cert="no.pem", tls_key="no.pem"), "Cannot use no.pem"),
        (Settings(host="198.51.100.1", port=0, open=True), "Cannot listen"),
    ],
)
def test_a_server_that_cannot_or_must_not_run_raises_an_error_with_the_reason(
    settings: Settings, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(LobbyError, match=expected):
        run(Server(settings, MemoryStore()).run(stop=asyncio.Event()))


def _upgrade(path: str, port: int) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
