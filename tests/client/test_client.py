"""The client on real sockets: a real lobby where it behaves, a stub of one where it must not.

What the state machine does is in ``test_connection.py``; here is what only sockets can show.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from lobby.client.client import (
    EVENTS_KEPT,
    Connected,
    Disconnected,
    Event,
    LobbyClient,
    MessageRefused,
    PlayerRefused,
    _Inbox,
)
from lobby.client.roster import DataSet, EventReceived, Joined, Left, Moved, Renamed, StatusSet
from lobby.client.sockets import address
from lobby.errors import LobbyError, LobbyRefused
from lobby.messages import Player
from lobby.presence import Position
from lobby.settings import Settings
from lobby.tokens import sign
from tests.hosts import joined, serving
from tests.server.test_admin import administered

SECRET = "a secret of thirty-two characters"
Handler = Callable[[ServerConnection], Awaitable[None]]


def at_once() -> float:
    """In place of random numbers: no pause before a retry."""
    return 0.0


def welcome(*players: dict[str, Any], seq: int = 0) -> str:
    return json.dumps(
        {"type": "welcome", "your_id": "ann", "lobby_players": players, "v": 2, "n": 1, "t": 1, "x": 0, "y": 0, "seq": seq}
    )


def config(**changes: Any) -> str:
    return json.dumps({"type": "config", "send_ms": 10, "window_ms": 50, "far_ms": 500, "heartbeat_ms": 20_000, **changes})


class Stub:
    """A server that does what a test wants. Handlers and HTTP answers may differ from one connection to the next."""

    def __init__(self, *handlers: Handler) -> None:
        self.handlers = handlers
        self.connections = 0
        self.received: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.url = ""

    async def handle(self, peer: ServerConnection) -> None:
        assert peer.request is not None
        self.paths.append(peer.request.path)
        handler = self.handlers[min(self.connections, len(self.handlers) - 1)]
        self.connections += 1
        try:
            await handler(peer)
        except ConnectionClosed:
            pass

    async def listen(self, peer: ServerConnection) -> None:
        """Receives everything."""
        async for text in peer:
            self.received.append(json.loads(text))

    def positions(self) -> list[dict[str, Any]]:
        return [message for message in self.received if message["action"] == "pos"]


@asynccontextmanager
async def stub(*handlers: Handler, answer: Callable[[int], HTTPStatus | None] = lambda count: None) -> AsyncIterator[Stub]:
    made, requests = Stub(*handlers), 0

    def on_request(peer: ServerConnection, request: Request) -> Response | None:
        nonlocal requests
        requests += 1
        status = answer(requests)
        return peer.respond(status, "no\n") if status else None

    async with serve(made.handle, "127.0.0.1", 0, process_request=on_request, max_queue=None, close_timeout=0.2) as server:
        made.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        yield made


def friendly(*texts: str) -> tuple[Stub, Handler]:
    """A handler that sends a welcome, a config and ``texts`` and then receives; and the stub that keeps what it receives."""
    memory = Stub()

    async def handler(peer: ServerConnection) -> None:
        for text in (welcome(), config(), *texts):
            await peer.send(text)
        await memory.listen(peer)

    return memory, handler


async def until(fact: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.005)


async def next_of(me: LobbyClient, *kinds: type[Event]) -> Event:
    """The next event of one of these types."""
    while not isinstance(event := await me.next_event(), kinds):
        pass
    return event


# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_other_players_come_move_and_go_as_typed_events() -> None:
    async with serving() as lobby, LobbyClient(lobby.url, "ann", name="Ann") as me:
        assert await me.next_event() == Connected("ann")
        async with joined(lobby.at(pid="bea", v=2, name="Bea")) as bea:
            came = await me.next_event()
            assert isinstance(came, Joined)
            assert (came.player.id, came.player.name) == ("bea", "Bea")
            await bea.send(action="pos", x=1.5, y=2, vx=3, seq=1)
            moved = await me.next_event()
            assert isinstance(moved, Moved)
            assert (moved.player.id, moved.player.at[:3]) == ("bea", (1.5, 2, 3))
            await bea.send(action="status", status="trading")
            changed = await me.next_event()
            assert isinstance(changed, StatusSet)
            assert changed.player.status == "trading"
            assert me.roster.players["bea"] == changed.player
            me.move(7, 8, h=1.5)
            assert (await bea.receive("moves"))["m"][0][1:3] == [700, 800]
            me.set_status("away")
            assert (await bea.receive("status"))["status"] == "away"
            await me.next_event()
        gone = await me.next_event()
        assert isinstance(gone, Left)
        assert gone.player.id == "bea"
        assert me.roster.players == {}


async def test_a_config_is_received_although_it_comes_together_with_the_welcome() -> None:
    async with serving(send_ms=33, heartbeat_ms=4_000) as lobby, LobbyClient(lobby.url, "ann") as me:
        await until(lambda: me.config.send_ms == 33)
        assert me.config.heartbeat_ms == 4_000


async def test_a_client_of_version_1_joins_moves_and_receives() -> None:
    memory, handler = friendly()
    async with serving() as lobby, LobbyClient(lobby.url, "old", v=1) as me, joined(lobby.at(pid="new", v=2)) as new:
        assert isinstance(await next_of(me, Joined), Joined)
        await new.send(action="pos", x=1, y=2)
        assert isinstance(await next_of(me, Moved), Moved)
        assert me.roster.players["new"].at == Position(1, 2)
        me.set_status("unknown in version 1")
        me.move(3, 4, 5, 6, 7)
        assert (await new.receive("moves"))["m"][0][1:] == [300, 400]
    async with stub(handler) as server, LobbyClient(server.url, "old", v=1) as me:
        me.move(3, 4, 5, 6, 7)
        await until(memory.positions)
        assert memory.received == [{"action": "pos", "x": 3, "y": 4}]


async def test_a_client_that_does_not_follow_receives_no_events_of_others() -> None:
    async with serving() as lobby, joined(lobby.at(pid="bea", v=2)) as bea:
        async with LobbyClient(lobby.url, "bot", follow=False) as me:
            assert await me.next_event() == Connected("bot")
            await bea.receive("join")
            await bea.send(action="pos", x=1, y=2)
            await bea.send(action="status", status="away")
            await until(lambda: me.received >= 4)
            assert me.roster.players == {}
        with pytest.raises(LobbyError, match="ended for good"):
            await me.next_event()


async def test_a_refused_message_is_an_event_and_the_connection_stays() -> None:
    async with serving(max_speed=15) as lobby, LobbyClient(lobby.url, "ann") as me:
        await me.next_event()
        me.send_text("nonsense")
        event = await me.next_event()
        assert isinstance(event, MessageRefused)
        assert event.code == "bad_json"
        me.move(1, 2)
        await asyncio.sleep(0.12)
        me.move(5000, 2)
        event = await me.next_event()
        assert isinstance(event, MessageRefused)
        assert (event.code, event.x, event.y) == ("too_fast", 1, 2)
        assert me.is_connected


def test_a_position_that_is_not_finite_is_the_callers_error() -> None:
    me = LobbyClient("ws://127.0.0.1:1/")
    for place in ((float("nan"), 0), (0, float("inf"))):
        with pytest.raises(ValueError, match="not a position"):
            me.move(*place)


async def test_of_unread_moves_only_the_newest_of_each_player_waits() -> None:
    inbox, far = _Inbox(), Position(999, 0)
    ann, bea = Player("ann"), Player("bea")
    inbox.put(Joined(ann))
    inbox.put(Joined(bea))
    for x in range(1000):
        inbox.put(Moved(ann._replace(at=Position(x, 0))))
        inbox.put(Moved(bea._replace(at=Position(x, 0))))
    inbox.put(Left(bea))
    inbox.put(Joined(bea))
    inbox.close()
    expected = [Joined(ann), Joined(bea), Moved(ann._replace(at=far)), Left(bea), Joined(bea), None, None]
    assert [await inbox.get() for _ in expected] == expected


async def test_of_too_many_unread_events_the_newest_wait() -> None:
    inbox = _Inbox()
    for number in range(EVENTS_KEPT + 5):
        inbox.put(Connected(str(number)))
    assert await inbox.get() == Connected("5")


# ── coming back ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_after_a_reconnect_only_differences_are_events() -> None:
    bea, cat, dan = ({"id": id, "x": 0, "y": 0, "n": n, "status": ""} for n, id in enumerate(("bea", "cat", "dan"), 2))

    async def before(peer: ServerConnection) -> None:
        await peer.send(welcome(bea, cat))
        await peer.close(1011)

    async def after(peer: ServerConnection) -> None:
        await peer.send(welcome({**bea, "x": 5}, dan))
        await peer.wait_closed()

    async with stub(before, after) as server, LobbyClient(server.url, "ann", random=at_once) as me:
        seen = [(type(event), getattr(event, "player", "")) for event in [await me.next_event() for _ in range(7)]]
        assert [(kind, player if isinstance(player, str) else player.id) for kind, player in seen] == [
            (Connected, "ann"),
            (Joined, "bea"),
            (Joined, "cat"),
            (Disconnected, ""),
            (Connected, "ann"),
            (Moved, "bea"),
            (Joined, "dan"),
        ]
        assert "cat" in me.roster.players  # it may come back within the grace period


async def test_a_lobby_that_restarts_finds_its_players_where_they_stood() -> None:
    async with serving() as lobby:
        me = await LobbyClient(lobby.url, "ann", random=at_once).__aenter__()
        me.move(7, 8)
        me.set_status("away")
        await until(lambda: me.roster.you.status == "away")
    gone = await next_of(me, Disconnected)
    assert isinstance(gone, Disconnected)
    assert gone == Disconnected("the server is restarting", 0.0)
    me.move(9, 8)
    async with serving(Settings(port=lobby.port)) as again:
        await next_of(me, Connected)
        await until(lambda: any(row.at[:2] == (9, 8) and row.status == "away" for row in again.server.store.room("lobby")))
        await me.__aexit__(None, None, None)


@pytest.mark.parametrize(("code", "reason"), [(1011, ""), (4004, "room_full: no place is free"), (4499, "some reason")])
async def test_a_close_below_4500_brings_the_client_back(code: int, reason: str) -> None:
    async def closes(peer: ServerConnection) -> None:
        await peer.send(welcome())
        await peer.close(code, reason)

    _, stays = friendly()
    async with stub(closes, stays) as server, LobbyClient(server.url, "ann", random=at_once) as me:
        event = await next_of(me, Disconnected)
        assert isinstance(event, Disconnected)
        assert event.reason == (reason.removeprefix("room_full: ") or "the lobby had an error")
        await next_of(me, Connected)


@pytest.mark.parametrize(("code", "named"), [(4502, "token_expired"), (4999, "")])
async def test_a_close_from_4500_on_ends_the_client(code: int, named: str) -> None:
    async def closes(peer: ServerConnection) -> None:
        await peer.send(welcome())
        await peer.close(code, "not you")

    async with stub(closes) as server, LobbyClient(server.url, "ann", random=at_once) as me:
        events = [event async for event in me]
        assert events[-1] == PlayerRefused(named, "not you")
        assert not me.is_connected
        assert [event async for event in me] == []  # each further read ends as well
        with pytest.raises(LobbyRefused, match=r"not you \(%s\)" % (named or "unknown")):
            await me.next_event()
        assert server.connections == 1


async def test_the_same_player_elsewhere_takes_over() -> None:
    async with serving() as lobby, LobbyClient(lobby.url, "ann", random=at_once) as me:
        async with LobbyClient(lobby.url, "ann") as other:
            last = [event async for event in me][-1]
            assert isinstance(last, PlayerRefused)
            assert last.code == "taken_over"
            assert other.is_connected


@pytest.mark.parametrize(("token", "code"), [("", "unauthorized"), ("nonsense", "unauthorized"), ("bea", "forbidden")])
async def test_a_wrong_token_is_refused_in_one_sentence_without_the_token(token: str, code: str) -> None:
    async with serving(secret=SECRET) as lobby:
        given = sign(token, SECRET, 4_000_000_000_000) if token == "bea" else token
        with pytest.raises(LobbyRefused) as refused:
            await LobbyClient(lobby.url, "ann", token=given).__aenter__()
        assert refused.value.code == code
        assert not token or given not in str(refused.value)
        async with LobbyClient(lobby.url, token=sign("ann", SECRET, 4_000_000_000_000)) as me:
            assert await me.next_event() == Connected("ann")


async def test_a_full_room_is_the_reason_of_the_error() -> None:
    async with serving(room_size=1) as lobby, joined(lobby.at(pid="only")) as only:
        await only.receive("welcome")
        with pytest.raises(
            LobbyError,
            match=r"^Cannot connect to the lobby at ws://[0-9.:]+/: all 1 places in lobby are taken; .*--room-size .+\.$",
        ):
            await LobbyClient(lobby.url, "ann").__aenter__()


@pytest.mark.parametrize(
    ("status", "code"),
    [(HTTPStatus.BAD_REQUEST, "bad_handshake"), (HTTPStatus.UNAUTHORIZED, "unauthorized"), (HTTPStatus.FORBIDDEN, "forbidden")],
)
async def test_a_gateway_that_refuses_by_http_is_understood(status: HTTPStatus, code: str) -> None:
    _, handler = friendly()
    async with stub(handler, answer=lambda count: status) as server:
        with pytest.raises(LobbyRefused, match=f"HTTP {int(status)} .*{code}"):
            await LobbyClient(server.url, "ann").__aenter__()

    async def closes(peer: ServerConnection) -> None:
        await peer.send(welcome())
        await peer.close(1001)

    async with stub(closes, answer=lambda count: status if count > 1 else None) as server:
        async with LobbyClient(server.url, "ann", random=at_once) as me:
            last = [event async for event in me][-1]
            assert isinstance(last, PlayerRefused)
            assert last.code == code


@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.NOT_FOUND])
async def test_a_gateway_that_is_busy_is_tried_again(status: HTTPStatus) -> None:
    async def closes(peer: ServerConnection) -> None:
        await peer.send(welcome())
        await peer.close(1001)

    _, stays = friendly()
    async with stub(closes, stays, answer=lambda count: status if count in (2, 3) else None) as server:
        async with LobbyClient(server.url, "ann", random=at_once) as me:
            for kind in (Connected, Disconnected, Disconnected, Disconnected, Connected):
                assert isinstance(await me.next_event(), kind)
    async with stub(stays, answer=lambda count: status) as server:
        with pytest.raises(LobbyError, match=f"Cannot connect .*it answers HTTP {int(status)}"):
            await LobbyClient(server.url, "ann").__aenter__()


async def test_a_redirect_is_followed_and_one_to_no_address_is_an_error() -> None:
    def to(location: str) -> Callable[[ServerConnection, Request], Response]:
        def redirect(peer: ServerConnection, request: Request) -> Response:
            response = peer.respond(HTTPStatus.FOUND, "")
            response.headers["Location"] = location
            return response

        return redirect

    _, handler = friendly()
    async with stub(handler) as server:
        for location, works in ((server.url, True), ("ftp://127.0.0.1/", False)):
            async with serve(handler, "127.0.0.1", 0, process_request=to(location)) as first:
                url = f"ws://127.0.0.1:{next(iter(first.sockets)).getsockname()[1]}/"
                if works:
                    async with LobbyClient(url, "ann") as me:
                        assert me.is_connected
                else:
                    with pytest.raises(LobbyError, match=r"^Cannot connect to the lobby at ws://"):
                        await LobbyClient(url, "ann").__aenter__()


async def test_a_player_that_came_without_an_id_comes_back_as_the_same_player() -> None:
    async with serving() as lobby, LobbyClient(lobby.url, random=at_once) as me, joined(lobby.at(pid="bea")) as bea:
        first = await me.next_event()
        await bea.receive("welcome")
        (cut,) = [row.connection for row in lobby.server.store.room("lobby") if row.player != "bea"]
        lobby.server.connections.close(cut, 4001, "silent")
        await next_of(me, Disconnected)
        assert await next_of(me, Connected) == first


# ── takeover ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_connection_takes_over_and_the_other_players_notice_nothing() -> None:
    async with serving(send_ms=10) as lobby, joined(lobby.at(pid="left", v=2)) as left:
        await left.receive("config")
        async with LobbyClient(lobby.url, "ann", takeover_ms=100) as me:
            await left.receive("join")
            await next_of(me, Joined)
            seqs: list[int] = []
            for x in range(1, 40):
                me.move(x, 0)
                message = await left.receive()
                assert message["type"] == "moves"  # neither a leave nor a join
                seqs.append(message["m"][0][6])
                await asyncio.sleep(0.012)
            assert lobby.server.counts["takeovers", ""] >= 2
            assert seqs == sorted(set(seqs))
            with pytest.raises(TimeoutError):
                await me.next_event(0.01)
        assert (await left.receive("leave"))["id"] == "ann"


async def test_positions_count_on_from_where_the_lobby_has_counted() -> None:
    memory = Stub()

    def counting(seq: int, *, stays: bool) -> Handler:
        async def handler(peer: ServerConnection) -> None:
            await peer.send(welcome(seq=seq))
            if stays:
                await memory.listen(peer)
            else:
                memory.received.append(json.loads(await peer.recv()))
                await peer.close(1001)

        return handler

    async with stub(counting(41, stays=False), counting(77, stays=False), counting(3, stays=True)) as server:
        async with LobbyClient(server.url, "ann", random=at_once) as me:
            me.move(1, 2)
            await until(lambda: len(memory.received) == 3)
            assert [message["seq"] for message in memory.received] == [42, 78, 79]
            assert {(message["x"], message["y"]) for message in memory.received} == {(1, 2)}


# ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_thousand_moves_are_sent_no_faster_than_the_lobby_wishes_and_the_last_one_arrives() -> None:
    memory, handler = friendly(config(send_ms=50))
    loop = asyncio.get_running_loop()
    async with stub(handler) as server, LobbyClient(server.url, "ann") as me:
        await until(lambda: me.config.send_ms == 50)
        started_s = loop.time()
        for x in range(1, 1001):
            me.move(x, 0)
            if not x % 5:
                await asyncio.sleep(0.001)
        took_s = loop.time() - started_s
        await until(lambda: memory.positions()[-1]["x"] == 1000)
        assert 2 <= len(memory.positions()) <= took_s / 0.05 + 2
        times = [message["t"] for message in memory.positions()]
        assert times == sorted(times)  # of the moves themselves, not of their sending
        await asyncio.sleep(0.06)
        assert memory.positions()[-1]["x"] == 1000


async def test_what_was_refused_as_too_much_is_sent_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobby.client.client.SLOW_DOWN_MS", 100)

    async with serving(send_ms=10, messages_per_s=30, messages_burst=3) as lobby, LobbyClient(lobby.url, "ann") as me:
        await me.next_event()
        for _ in range(30):
            me.send_text('{"action":"ping"}')
        me.move(5, 6)
        me.set_status("away")
        event = await me.next_event()
        assert isinstance(event, MessageRefused)
        assert event.code == "rate_limited"
        (row,) = lobby.server.store.room("lobby")
        assert row.at[:2] == (0, 0)
        await until(lambda: lobby.server.store.room("lobby")[0].at[:2] == (5, 6))
        await until(lambda: lobby.server.store.room("lobby")[0].status == "away")


# ── servers that misbehave ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_dead_server_of_version_1_is_noticed_by_pings_of_the_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobby.client.sockets.HEARTBEAT_MS", 30)
    monkeypatch.setattr("lobby.client.sockets.PONG_MS", 30)

    async def deaf(peer: ServerConnection) -> None:
        await peer.send(welcome())
        peer.transport.pause_reading()
        await noticed.wait()
        peer.transport.resume_reading()

    noticed = asyncio.Event()
    _, stays = friendly()
    async with stub(deaf, stays) as server, LobbyClient(server.url, "ann", v=1, random=at_once) as me:
        await next_of(me, Disconnected)
        noticed.set()
        await next_of(me, Connected)


async def test_the_round_trip_is_measured() -> None:
    async with serving() as lobby, LobbyClient(lobby.url, "ann") as me:
        assert me.round_trip_ms is None
        await until(lambda: me.round_trip_ms is not None)
        assert me.round_trip_ms is not None
        assert 0 < me.round_trip_ms < 1_000


@pytest.mark.parametrize("garbage", [b"\x00\xff", "x" * 300_000, "[" * 100_000], ids=["binary", "long", "deep"])
async def test_nonsense_of_a_server_is_ignored(garbage: str | bytes) -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send(garbage)
        await peer.send(welcome())
        await peer.send(garbage)
        await peer.send(["", "", ""] if isinstance(garbage, str) else [b"", b""])
        await peer.send(json.dumps({"type": "join", "id": "bea", "x": 1, "y": 2, "n": 2}))
        await memory.listen(peer)

    memory = Stub()
    async with stub(handler) as server, LobbyClient(server.url, "ann") as me:
        event = await next_of(me, Joined)
        assert isinstance(event, Joined)
        assert event.player.id == "bea"
        me.move(1, 2)
        await until(memory.positions)
        assert server.connections == 1


@pytest.mark.parametrize("whole", [True, False])
async def test_a_message_without_an_end_ends_the_connection_and_the_client_comes_back(
    monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr("lobby.client.sockets.MESSAGE_BYTES", 10_000)

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "x" * 5_000

    async def handler(peer: ServerConnection) -> None:
        await peer.send(welcome())
        await peer.send("x" * 20_000 if whole else endless())
        await peer.wait_closed()

    _, stays = friendly()
    async with stub(handler, stays) as server, LobbyClient(server.url, "ann", random=at_once) as me:
        await next_of(me, Disconnected)
        await next_of(me, Connected)


@pytest.mark.parametrize(
    "url",
    ["", "nonsense://x", "ws://", "ws://[::1", "ws://host:99999/", "ws://host:port/", "ftp://host/", "ws://a..b/",
     f"ws://{'x' * 64}.example/"],
)  # fmt: skip
def test_a_wrong_address_is_named_with_an_example(url: str) -> None:
    with pytest.raises(LobbyError, match=r"is no address of a lobby; one looks like ws://127\.0\.0\.1:8765/"):
        address(url)


def test_an_address_keeps_its_parameters_and_gets_the_missing_ones() -> None:
    assert address("host:1", pid="a", room="", v=2) == "ws://host:1/?pid=a&v=2"
    assert address("https://host/prod?pid=b&name=", pid="a", name="A & B") == "wss://host/prod?pid=b&name=A+%26+B"
    assert address("ws://user:word@[::1]:9/a b#c") == "ws://[::1]:9/a%20b"
    assert address("ws://bücher.example") == "ws://xn--bcher-kva.example/"


async def test_a_lobby_that_is_not_there_is_one_clear_sentence_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def answering(answer: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        return handler

    ended = asyncio.Event()

    async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        ended.set()

    async def mute(peer: ServerConnection) -> None:
        await peer.wait_closed()

    async def fails(url: str, reason: str) -> None:
        with pytest.raises(LobbyError) as failed:
            await LobbyClient(url, "ann", token="private").__aenter__()
        assert reason in str(failed.value)
        assert "private" not in str(failed.value)
        assert str(failed.value).startswith("Cannot connect to the lobby at ws")

    await fails("ws://127.0.0.1:9/", "nothing listens there (connection refused)")
    with monkeypatch.context() as names:
        names.setattr(socket, "getaddrinfo", unknown)
        await fails("ws://no-such-host.invalid/", "no computer has that name")
    for answer, reason in ((b"", "closed without an answer"), (b"SMTP\r\n\r\n", "no WebSocket server")):
        async with await asyncio.start_server(answering(answer), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await fails(f"ws://127.0.0.1:{port}/", reason)
    async with stub(mute) as silent:
        await fails(silent.url.replace("ws:", "wss:"), "and ws:// for one that has no TLS")
        monkeypatch.setattr("lobby.client.connection.CONNECT_MS", 50)
        await fails(silent.url, "no lobby answered within ten seconds")
    async with await asyncio.start_server(never_answers, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await fails(f"ws://127.0.0.1:{port}/", "no lobby answered within ten seconds")
        await asyncio.wait_for(ended.wait(), 1)


async def test_tls_works_and_a_certificate_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip

    async with serving(tls_cert=str(cert), tls_key=str(key)) as lobby:
        url = lobby.url.replace("ws:", "wss:")
        with pytest.raises(LobbyError, match="its TLS certificate is not trusted"):
            await LobbyClient(url, "ann").__aenter__()
        trusting = ssl.create_default_context(cafile=cert)
        async with LobbyClient(url, "ann", tls=trusting) as me, LobbyClient(url, "bea", tls=trusting) as bea:
            await next_of(me, Joined)
            bea.move(1, 2)
            await next_of(me, Moved)


# ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_client_that_leaves_has_left_and_its_events_end() -> None:
    async with serving() as lobby, joined(lobby.at(pid="left")) as left:
        async with LobbyClient(lobby.url, "ann") as me:
            await left.receive("join")
            reading = asyncio.create_task(_all(me))
        assert (await left.receive("leave"))["id"] == "ann"
        assert [type(event) for event in await asyncio.wait_for(reading, 1)] == [Connected, Joined]
        assert not me.is_connected
        me.move(1, 2)  # too late: it is ignored
        me.set_status("gone")


async def _all(me: LobbyClient) -> list[Event]:
    return [event async for event in me]


async def test_a_client_that_waits_for_a_retry_leaves_at_once() -> None:
    async with serving() as lobby:
        me = await LobbyClient(lobby.url, "ann", random=lambda: 1.0).__aenter__()
    await next_of(me, Disconnected)
    async with asyncio.timeout(0.5):
        await me.__aexit__(None, None, None)


async def test_a_client_that_leaves_during_a_handshake_leaves_nothing_open() -> None:
    ended = asyncio.Event()
    connections = 0

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        ended.set()

    async with serving() as lobby:
        me = await LobbyClient(lobby.url, "ann", random=at_once).__aenter__()
    async with await asyncio.start_server(hangs, "127.0.0.1", lobby.port):
        await until(lambda: connections)
        await asyncio.sleep(0.02)
        await me.__aexit__(None, None, None)
        await asyncio.wait_for(ended.wait(), 1)


async def test_a_client_leaves_a_lobby_that_does_not_answer_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobby.client.sockets.CLOSE_MS", 100)
    monkeypatch.setattr("lobby.client.connection.CLOSE_MS", 100)

    async def deaf(peer: ServerConnection) -> None:
        await peer.send(welcome())
        peer.transport.pause_reading()
        await asyncio.sleep(0.3)
        peer.transport.resume_reading()

    async with stub(deaf) as server:
        me = await LobbyClient(server.url, "ann").__aenter__()
        async with asyncio.timeout(0.25):
            await me.__aexit__(None, None, None)


async def test_a_task_that_is_cancelled_while_it_leaves_stays_cancelled() -> None:
    async def visit() -> None:
        async with LobbyClient(lobby.url, "ann") as me:
            await me.next_event()
            await asyncio.sleep(30)

    async with serving() as lobby:
        visiting = asyncio.create_task(visit())
        await until(lambda: lobby.server.connections)
        visiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visiting
        await until(lambda: not lobby.server.connections)


# ── data, events, names, watchers ───────────────────────────────────────────────────────────────────────────────────


async def _next(client: LobbyClient, kind: type[Any]) -> Any:
    while not isinstance(event := await client.next_event(), kind):
        pass
    return event


async def test_data_reaches_the_other_players_and_survives_a_restart_of_the_lobby() -> None:
    async with serving() as lobby:
        async with LobbyClient(lobby.url, "bea") as bea, LobbyClient(lobby.url, "ann", data={"team": "red"}) as ann:
            assert (await _next(bea, DataSet)).player.data == {"team": "red"}
            ann.set_data({"team": None, "hat": 1})
            assert (await _next(ann, DataSet)).player.data in ({"team": "red"}, {"hat": 1})
            assert (await _next(bea, DataSet)).player.data == {"hat": 1}
            assert bea.roster.players["ann"].data == {"hat": 1}
            for code, size in (("bad_data", 600), ("too_large", 2_000)):
                ann.set_data({"x": "y" * size})
                assert (await _next(ann, MessageRefused)).code == code
            assert ann._patch == {"hat": 1}  # neither what was refused, nor the key that is gone
            row = next(row for row in lobby.server.store.room("lobby") if row.player == "ann")
            lobby.server.store.set_data("lobby", row.connection, {}, 0)  # as after a restart
            ann._connection.socket.close()  # type: ignore[union-attr]
            await _next(ann, Connected)
            assert (await _next(bea, DataSet)).player.data == {"hat": 1}


async def test_events_reach_one_player_or_the_room_in_order() -> None:
    async with serving() as lobby, LobbyClient(lobby.url, "ann") as ann, LobbyClient(lobby.url, "bea", follow=False) as bea:
        async with LobbyClient(lobby.url, "cem") as cem:
            for number in range(4):
                assert ann.send("count", {"n": number})
            assert ann.send("secret", to="bea")
            assert [(await _next(cem, EventReceived)).data["n"] for _ in range(4)] == [0, 1, 2, 3]
            received = [await _next(bea, EventReceived) for _ in range(5)]
            assert received[-1] == EventReceived("ann", "secret", {})
            ann.send("secret", to="dee")
            assert (await _next(ann, MessageRefused)).code == "no_player"


async def test_a_player_that_changes_its_name_stays_and_keeps_the_name_after_a_reconnect() -> None:
    async with serving() as lobby, LobbyClient(lobby.url, "bea") as bea, LobbyClient(lobby.url, "ann", name="Ann") as ann:
        await _next(bea, Joined)
        ann.set_name("Änn & co")
        assert (await _next(bea, Renamed)).player.name == "Änn & co"
        ann._connection.socket.close()  # type: ignore[union-attr]
        await _next(ann, Connected)
        assert {row.name for row in lobby.server.store.room("lobby") if row.player == "ann"} == {"Änn & co"}


async def test_a_watcher_sees_the_room_and_the_room_does_not_see_it() -> None:
    async with serving(room_size=1) as lobby, LobbyClient(lobby.url, watch=True) as eye, LobbyClient(lobby.url, "ann") as ann:
        assert (await _next(eye, Joined)).player.id == "ann"
        ann.move(1, 2, z=3)
        assert (await _next(eye, Moved)).player.at.z == 3
        assert ann.roster.players == {}
        eye.move(5, 5)
        assert (await _next(eye, MessageRefused)).code == "watching"
        assert lobby.server.health().players == 1


@pytest.mark.parametrize(("action", "code"), [("kick", "kicked"), ("ban", "banned")])
async def test_a_player_that_an_operator_removes_learns_why_and_does_not_come_back(action: str, code: str) -> None:
    async with administered() as (lobby, api), joined(lobby.at(pid="bea", v=2)) as bea:
        async with LobbyClient(lobby.url, "ann", random=at_once) as ann:
            await bea.receive("join")
            body = {"reason": "no spam, please"} | ({"seconds": 60} if action == "ban" else {})
            await api("POST", f"/rooms/lobby/players/ann/{action}", body)
            last = [event async for event in ann][-1]
            assert isinstance(last, PlayerRefused)
            assert (last.code, "no spam, please" in last.message) == (code, True)
            assert (await bea.receive("leave", "join"))["type"] == "leave"
            assert await bea.receives_nothing()
