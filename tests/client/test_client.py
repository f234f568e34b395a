"""The client on real sockets: a real lobby where it behaves, a stub of one where it must not."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from lobby.client import client
from lobby.client.backoff import pause_ms
from lobby.client.client import (
    EVENTS_KEPT,
    Connected,
    Disconnected,
    Event,
    LobbyClient,
    Refused,
    _Inbox,
)
from lobby.client.roster import Joined, Left, Moved, StatusSet
from lobby.client.sockets import address
from lobby.errors import LobbyError, LobbyRefused
from lobby.messages import Player
from lobby.presence import Position
from lobby.settings import Settings
from lobby.tokens import sign
from tests.hosts import joined, run, serving

SECRET = "a secret of thirty-two characters"
Handler = Callable[[ServerConnection], Awaitable[None]]


def soon(tries: int, chance: float) -> float:
    """A pause that no test has to wait for."""
    return 10


def welcome(*players: dict[str, Any], seq: int = 0) -> str:
    return json.dumps(
        {"type": "welcome", "your_id": "ann", "lobby_players": players, "v": 2, "n": 1, "t": 1, "x": 0, "y": 0, "seq": seq}
    )


def config(**changes: Any) -> str:
    return json.dumps({"type": "config", "send_ms": 10, "window_ms": 50, "far_ms": 500, "heartbeat_ms": 20_000, **changes})


class Stub:
    """A server that says what a test wants. Handler and HTTP answers may differ from one connection to the next."""

    def __init__(self, *handlers: Handler) -> None:
        self.handlers = handlers
        self.connections = 0
        self.heard: list[dict[str, Any]] = []
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
        """Takes in all that is said."""
        async for text in peer:
            self.heard.append(json.loads(text))

    def positions(self) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["action"] == "pos"]


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
    """A handler that welcomes, says ``texts`` and listens; and where that is to be found."""
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


async def heard(me: LobbyClient, *kinds: type[Event]) -> Event:
    """The next event of one of these types."""
    while not isinstance(event := await me.next_event(), kinds):
        pass
    return event


# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_others_come_move_speak_and_go_as_typed_events() -> None:
    async def test() -> None:
        async with serving() as lobby, LobbyClient(lobby.url, "ann", name="Ann") as me:
            assert await me.next_event() == Connected("ann")
            async with joined(lobby.at(pid="bea", v=2, name="Bea")) as bea:
                came = await me.next_event()
                assert isinstance(came, Joined)
                assert (came.player.id, came.player.name) == ("bea", "Bea")
                await bea.say(action="pos", x=1.5, y=2, vx=3, seq=1)
                moved = await me.next_event()
                assert isinstance(moved, Moved)
                assert (moved.player.id, moved.player.at[:3]) == ("bea", (1.5, 2, 3))
                await bea.say(action="status", status="trading")
                said = await me.next_event()
                assert isinstance(said, StatusSet)
                assert said.player.status == "trading"
                assert me.roster.players["bea"] == said.player
                me.move(7, 8, h=1.5)
                assert (await bea.hear("moves"))["m"][0][1:3] == [700, 800]
                me.set_status("away")
                assert (await bea.hear("status"))["status"] == "away"
                await me.next_event()
            gone = await me.next_event()
            assert isinstance(gone, Left)
            assert gone.player.id == "bea"
            assert me.roster.players == {}

    run(test())


def test_what_the_lobby_wishes_is_heard_although_it_comes_together_with_the_welcome() -> None:
    async def test() -> None:
        async with serving(send_ms=33, heartbeat_ms=4_000) as lobby, LobbyClient(lobby.url, "ann") as me:
            await until(lambda: me.config.send_ms == 33)
            assert me.config.heartbeat_ms == 4_000

    run(test())


def test_a_client_of_version_1_joins_moves_and_hears() -> None:
    async def test() -> None:
        memory, handler = friendly()
        async with serving() as lobby, LobbyClient(lobby.url, "old", v=1) as me, joined(lobby.at(pid="new", v=2)) as new:
            assert isinstance(await heard(me, Joined), Joined)
            await new.say(action="pos", x=1, y=2)
            assert isinstance(await heard(me, Moved), Moved)
            assert me.roster.players["new"].at == Position(1, 2)
            me.set_status("unheard of in version 1")
            me.move(3, 4, 5, 6, 7)
            assert (await new.hear("moves"))["m"][0][1:] == [300, 400]
        async with stub(handler) as server, LobbyClient(server.url, "old", v=1) as me:
            me.move(3, 4, 5, 6, 7)
            await until(memory.positions)
            assert memory.heard == [{"action": "pos", "x": 3, "y": 4}]

    run(test())


def test_one_who_does_not_follow_hears_of_nobody() -> None:
    async def test() -> None:
        async with serving() as lobby, joined(lobby.at(pid="bea", v=2)) as bea:
            async with LobbyClient(lobby.url, "bot", follow=False) as me:
                assert await me.next_event() == Connected("bot")
                await bea.hear("join")
                await bea.say(action="pos", x=1, y=2)
                await bea.say(action="status", status="away")
                await until(lambda: me.received >= 4)
                assert me.roster.players == {}
            with pytest.raises(LobbyError, match="ended for good"):
                await me.next_event()

    run(test())


def test_a_message_refused_is_an_event_and_the_connection_stays() -> None:
    async def test() -> None:
        async with serving(max_speed=15) as lobby, LobbyClient(lobby.url, "ann") as me:
            await me.next_event()
            me.say("nonsense")
            event = await me.next_event()
            assert isinstance(event, Refused)
            assert (event.code, event.final) == ("bad_json", False)
            me.move(1, 2)
            await asyncio.sleep(0.12)
            me.move(5000, 2)
            event = await me.next_event()
            assert isinstance(event, Refused)
            assert (event.code, event.x, event.y) == ("too_fast", 1, 2)
            assert me.is_connected

    run(test())


def test_what_is_no_place_is_the_callers_error() -> None:
    me = LobbyClient("ws://127.0.0.1:1/")
    for place in ((float("nan"), 0), (0, float("inf"))):
        with pytest.raises(ValueError, match="not a place"):
            me.move(*place)


def test_who_reads_no_events_keeps_the_newest_move_of_each_player_only() -> None:
    async def test() -> None:
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

    run(test())


def test_who_reads_no_events_keeps_the_newest_of_too_many() -> None:
    async def test() -> None:
        inbox = _Inbox()
        for number in range(EVENTS_KEPT + 5):
            inbox.put(Connected(str(number)))
        assert await inbox.get() == Connected("5")

    run(test())


# ── coming back ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_after_a_reconnect_only_differences_are_told() -> None:
    async def test() -> None:
        bea, cat, dan = ({"id": id, "x": 0, "y": 0, "n": n, "status": ""} for n, id in enumerate(("bea", "cat", "dan"), 2))

        async def before(peer: ServerConnection) -> None:
            await peer.send(welcome(bea, cat))
            await peer.close(1011)

        async def after(peer: ServerConnection) -> None:
            await peer.send(welcome({**bea, "x": 5}, dan))
            await peer.wait_closed()

        async with stub(before, after) as server, LobbyClient(server.url, "ann", pause_ms=soon) as me:
            told = [(type(event), getattr(event, "player", "")) for event in [await me.next_event() for _ in range(8)]]
            assert [(kind, player if isinstance(player, str) else player.id) for kind, player in told] == [
                (Connected, "ann"),
                (Joined, "bea"),
                (Joined, "cat"),
                (Disconnected, ""),
                (Connected, "ann"),
                (Left, "cat"),
                (Moved, "bea"),
                (Joined, "dan"),
            ]

    run(test())


def test_a_lobby_that_restarts_finds_its_players_where_they_stood() -> None:
    async def test() -> None:
        async with serving() as lobby:
            me = await LobbyClient(lobby.url, "ann", pause_ms=soon).__aenter__()
            me.move(7, 8)
            me.set_status("away")
            await until(lambda: me.roster.you.status == "away")
        gone = await heard(me, Disconnected)
        assert isinstance(gone, Disconnected)
        assert gone.again_s == 0.01
        assert "4000, the server is restarting" in gone.reason
        me.move(9, 8)
        async with serving(Settings(port=lobby.port)) as again:
            await heard(me, Connected)
            await until(lambda: any(row.at[:2] == (9, 8) and row.status == "away" for row in again.server.store.room("lobby")))
            await me.__aexit__(None, None, None)

    run(test())


def test_pauses_are_of_full_jitter_and_grow_with_every_try() -> None:
    async def test() -> None:
        asked: list[tuple[int, float]] = []

        def pause(tries: int, chance: float) -> float:
            asked.append((tries, chance))
            return 1

        async def closes(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.close(4001)

        chance = random.Random(5)
        async with (
            stub(closes, answer=lambda count: HTTPStatus.SERVICE_UNAVAILABLE if 1 < count < 6 else None) as server,
            LobbyClient(server.url, "ann", seed=5, pause_ms=pause) as me,
        ):
            reasons: list[str] = []
            while len(reasons) < 5:
                event = await heard(me, Disconnected)
                assert isinstance(event, Disconnected)
                reasons.append(event.reason)
            assert "4001" in reasons[0]
            assert "503 Service Unavailable" in reasons[1]
            assert asked[:5] == [(tries, chance.random()) for tries in range(1, 6)]
        assert [pause_ms(tries, 1) for tries in range(8)] == [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]

    run(test())


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000, 4004, 4499])
def test_a_connection_that_ends_with_a_code_below_4500_comes_back(code: int) -> None:
    async def test() -> None:
        async def closes(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.close(code, "some reason")

        _, stays = friendly()
        async with stub(closes, stays) as server, LobbyClient(server.url, "ann", pause_ms=soon) as me:
            event = await heard(me, Disconnected)
            assert isinstance(event, Disconnected)
            assert str(code) in event.reason
            await heard(me, Connected)

    run(test())


@pytest.mark.parametrize(("code", "named"), [(4500, "taken_over"), (4502, "token_expired"), (4999, "4999")])
def test_a_connection_that_ends_with_a_code_from_4500_on_ends_for_good(code: int, named: str) -> None:
    async def test() -> None:
        async def closes(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.close(code)

        async with stub(closes) as server, LobbyClient(server.url, "ann", pause_ms=soon) as me:
            events = [event async for event in me]
            last = events[-1]
            assert isinstance(last, Refused)
            assert (last.code, last.final) == (named, True)
            assert not me.is_connected
            assert [event async for event in me] == []  # it goes on being the end, whoever asks
            with pytest.raises(LobbyRefused, match=named):
                await me.next_event()
            assert server.connections == 1

    run(test())


@pytest.mark.parametrize(("close", "final"), [(4500, True), (4001, False)])
def test_a_goodbye_in_words_counts_where_the_close_code_says_nothing(close: int, final: bool) -> None:
    async def test() -> None:
        async def closes(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.send(json.dumps({"type": "error", "code": "silent", "message": "you were silent", "close": close}))
            await peer.close(1000)

        _, stays = friendly()
        async with stub(closes, stays) as server, LobbyClient(server.url, "ann", pause_ms=soon) as me:
            if final:
                last = [event async for event in me][-1]
                assert isinstance(last, Refused)
                assert last.final
                assert "you were silent" in last.message
            else:
                event = await heard(me, Disconnected)
                assert isinstance(event, Disconnected)
                assert "you were silent" in event.reason
                await heard(me, Connected)

    run(test())


def test_a_lobby_that_dies_over_its_goodbye_is_left() -> None:
    async def test() -> None:
        async def forgets(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.send(json.dumps({"type": "error", "code": "silent", "message": "you were silent", "close": 4001}))
            await peer.wait_closed()

        _, stays = friendly()
        with patch.object(client, "GOODBYE_S", 0.05):
            async with stub(forgets, stays) as server, LobbyClient(server.url, "ann", pause_ms=soon) as me:
                await heard(me, Disconnected)
                await heard(me, Connected)

    run(test())


def test_a_welcome_that_does_not_come_is_asked_for() -> None:
    async def test() -> None:
        async def waits_to_be_asked(peer: ServerConnection) -> None:
            assert json.loads(await peer.recv()) == {"action": "hello"}
            await peer.send(welcome())
            await peer.wait_closed()

        with patch.object(client, "HELLO_S", 0.05):
            async with stub(waits_to_be_asked) as server, LobbyClient(server.url, "ann") as me:
                assert me.is_connected

    run(test())


def test_the_same_player_elsewhere_takes_over_for_good() -> None:
    async def test() -> None:
        async with serving() as lobby, LobbyClient(lobby.url, "ann", pause_ms=soon) as me:
            async with LobbyClient(lobby.url, "ann") as other:
                last = [event async for event in me][-1]
                assert isinstance(last, Refused)
                assert (last.code, last.final) == ("taken_over", True)
                assert other.is_connected

    run(test())


@pytest.mark.parametrize(("token", "code"), [("", "unauthorized"), ("nonsense", "unauthorized"), ("bea", "forbidden")])
def test_a_wrong_token_is_refused_in_one_sentence_without_the_token(token: str, code: str) -> None:
    async def test() -> None:
        async with serving(secret=SECRET) as lobby:
            given = sign(token, SECRET, 4_000_000_000_000) if token == "bea" else token
            with pytest.raises(LobbyRefused) as refused:
                await LobbyClient(lobby.url, "ann", token=given).__aenter__()
            assert refused.value.code == code
            assert not token or given not in str(refused.value)
            async with LobbyClient(lobby.url, token=sign("ann", SECRET, 4_000_000_000_000)) as me:
                assert await me.next_event() == Connected("ann")

    run(test())


def test_a_full_room_says_so() -> None:
    async def test() -> None:
        async with serving(room_size=1) as lobby, joined(lobby.at(pid="only")) as only:
            await only.hear("welcome")
            with pytest.raises(LobbyError, match=r"closed the connection with 4004, all 1 places in lobby are taken\.$"):
                await LobbyClient(lobby.url, "ann").__aenter__()

    run(test())


@pytest.mark.parametrize(
    ("status", "code"),
    [(HTTPStatus.BAD_REQUEST, "bad_handshake"), (HTTPStatus.UNAUTHORIZED, "unauthorized"), (HTTPStatus.FORBIDDEN, "forbidden")],
)
def test_a_gateway_that_refuses_by_http_is_understood(status: HTTPStatus, code: str) -> None:
    async def test() -> None:
        _, handler = friendly()
        async with stub(handler, answer=lambda count: status) as server:
            with pytest.raises(LobbyRefused, match=f"HTTP {int(status)} .*{code}"):
                await LobbyClient(server.url, "ann").__aenter__()

        async def closes(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.close(1001)

        async with stub(closes, answer=lambda count: status if count > 1 else None) as server:
            async with LobbyClient(server.url, "ann", pause_ms=soon) as me:
                last = [event async for event in me][-1]
                assert isinstance(last, Refused)
                assert (last.code, last.final) == (code, True)

    run(test())


@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.NOT_FOUND])
def test_a_gateway_that_is_busy_is_tried_again(status: HTTPStatus) -> None:
    async def test() -> None:
        async def closes(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.close(1001)

        _, stays = friendly()
        async with stub(closes, stays, answer=lambda count: status if count in (2, 3) else None) as server:
            async with LobbyClient(server.url, "ann", pause_ms=soon) as me:
                for kind in (Connected, Disconnected, Disconnected, Disconnected, Connected):
                    assert isinstance(await me.next_event(), kind)
        async with stub(stays, answer=lambda count: status) as server:
            with pytest.raises(LobbyError, match=f"Cannot connect .*it answers HTTP {int(status)}"):
                await LobbyClient(server.url, "ann").__aenter__()

    run(test())


def test_who_came_without_a_name_comes_back_as_the_same_player() -> None:
    async def test() -> None:
        async with serving() as lobby, LobbyClient(lobby.url, pause_ms=soon) as me, joined(lobby.at(pid="bea")) as bea:
            first = await me.next_event()
            await bea.hear("welcome")
            (cut,) = [row.connection for row in lobby.server.store.room("lobby") if row.player != "bea"]
            lobby.server.close(cut, 4001, "silent")
            await heard(me, Disconnected)
            assert await heard(me, Connected) == first

    run(test())


# ── takeover ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_before_its_time_is_over_a_new_connection_takes_over_and_nobody_notices() -> None:
    async def test() -> None:
        async with serving(send_ms=10) as lobby, joined(lobby.at(pid="left", v=2)) as left:
            await left.hear("config")
            async with LobbyClient(lobby.url, "ann", takeover_s=0.15) as me:
                await left.hear("join")
                await heard(me, Joined)
                seqs: list[int] = []
                for x in range(1, 40):
                    me.move(x, 0)
                    message = await left.hear()
                    assert message["type"] == "moves"  # neither a leave nor a join
                    seqs.append(message["m"][0][6])
                    await asyncio.sleep(0.012)
                assert lobby.server.service.counts["takeovers", ""] >= 2
                assert seqs == sorted(set(seqs))
                with pytest.raises(TimeoutError):
                    await me.next_event(0.01)
            assert (await left.hear("leave"))["id"] == "ann"

    run(test())


def test_positions_count_on_from_where_the_lobby_has_counted() -> None:
    async def test() -> None:
        memory = Stub()

        def counting(seq: int, *, stays: bool) -> Handler:
            async def handler(peer: ServerConnection) -> None:
                await peer.send(welcome(seq=seq))
                if stays:
                    await memory.listen(peer)
                else:
                    memory.heard.append(json.loads(await peer.recv()))
                    await peer.close(1001)

            return handler

        async with stub(counting(41, stays=False), counting(77, stays=False), counting(3, stays=True)) as server:
            async with LobbyClient(server.url, "ann", pause_ms=soon) as me:
                me.move(1, 2)
                await until(lambda: len(memory.heard) == 3)
                assert [message["seq"] for message in memory.heard] == [42, 78, 79]
                assert {(message["x"], message["y"]) for message in memory.heard} == {(1, 2)}

    run(test())


@pytest.mark.parametrize("status", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNAUTHORIZED])
def test_a_takeover_that_fails_leaves_the_old_connection_in_use_and_is_tried_again_in_peace(status: HTTPStatus) -> None:
    async def test() -> None:
        memory, handler = friendly()
        requests = 0

        def answer(count: int) -> HTTPStatus | None:
            nonlocal requests
            requests = count
            return status if 1 < count < 5 else None

        def pause(tries: int, chance: float) -> float:
            return 50 * tries

        async with stub(handler, answer=answer) as server:
            async with LobbyClient(server.url, "ann", takeover_s=0.1, pause_ms=pause) as me:
                await until(lambda: requests == 2)
                me.move(1, 2)
                await until(memory.positions)
                started_s = asyncio.get_running_loop().time()
                await until(lambda: server.connections == 2)
                assert asyncio.get_running_loop().time() - started_s > 0.2  # after 50, 100 and 150 ms
                assert requests == 5
                me.move(3, 4)
                await until(lambda: memory.positions()[-1]["x"] == 3)
                assert await me.next_event() == Connected("ann")
                with pytest.raises(TimeoutError):
                    await me.next_event(0.01)

    run(test())


def test_a_player_is_not_locked_out_by_its_own_takeover_whose_welcome_was_lost() -> None:
    async def test() -> None:
        first: list[ServerConnection] = []

        async def taken_over(peer: ServerConnection) -> None:
            first.append(peer)
            await peer.send(welcome())
            await peer.wait_closed()

        async def loses_its_welcome(peer: ServerConnection) -> None:
            await first[0].close(4500, "taken_over: ...")
            await peer.wait_closed()

        _, stays = friendly()
        async with stub(taken_over, loses_its_welcome, stays) as server:
            async with LobbyClient(server.url, "ann", takeover_s=0.05, connect_s=0.2, pause_ms=soon) as me:
                assert isinstance(await me.next_event(), Connected)
                assert isinstance(await me.next_event(), Disconnected)
                assert isinstance(await me.next_event(), Connected)

    run(test())


# ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_thousand_moves_are_sent_no_faster_than_the_lobby_wishes_and_the_last_one_arrives() -> None:
    async def test() -> None:
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

    run(test())


def test_what_was_refused_for_its_haste_is_said_again_when_the_haste_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobby.client.client.SLOW_DOWN_S", 0.1)

    async def test() -> None:
        async with serving(send_ms=10, messages_per_s=30, messages_burst=3) as lobby, LobbyClient(lobby.url, "ann") as me:
            await me.next_event()
            for _ in range(3):
                me.say('{"action":"ping"}')
            me.move(5, 6)
            me.set_status("away")
            event = await me.next_event()
            assert isinstance(event, Refused)
            assert event.code == "rate_limited"
            (row,) = lobby.server.store.room("lobby")
            assert row.at[:2] == (0, 0)
            await until(lambda: lobby.server.store.room("lobby")[0].at[:2] == (5, 6))
            await until(lambda: lobby.server.store.room("lobby")[0].status == "away")

    run(test())


# ── servers that misbehave ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("v", [1, 2])
def test_a_server_that_has_died_without_a_word_is_noticed(v: int) -> None:
    async def test() -> None:
        async def deaf(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.send(config(heartbeat_ms=100))
            peer.transport.pause_reading()
            await asyncio.sleep(0.4)
            peer.transport.resume_reading()

        _, stays = friendly()
        async with stub(deaf, stays) as server, LobbyClient(server.url, "ann", v=v, pong_s=0.1, pause_ms=soon) as me:
            event = await heard(me, Disconnected)
            assert isinstance(event, Disconnected)
            assert event.reason == "nothing was heard of it any more"
            await heard(me, Connected)

    run(test())


def test_a_ping_that_was_lost_with_its_connection_does_not_end_the_next_one() -> None:
    async def test() -> None:
        async def closes_after_a_ping(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.send(config(heartbeat_ms=100))
            assert "ping" in str(await peer.recv())
            await peer.close(1011)

        async def answers(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.send(config(heartbeat_ms=100))
            async for text in peer:
                await peer.send(json.dumps({"type": "pong", "t": json.loads(text)["t"], "now": 1}))

        async with stub(closes_after_a_ping, answers) as server:
            async with LobbyClient(server.url, "ann", pong_s=0.05, pause_ms=soon) as me:
                await heard(me, Disconnected)
                await heard(me, Connected)
                await asyncio.sleep(0.4)
                assert me.round_trip_ms is not None
                assert 0 < me.round_trip_ms < 50
                assert server.connections == 2

    run(test())


@pytest.mark.parametrize(
    "garbage",
    [
        "nonsense", "[]", "null", "12", '{"type":"weather"}', '{"type":["pos"]}', b"\x00\xff", "x" * 300_000, "[" * 100_000,
        '{"type":"leave","id":{}}', '{"type":"moves","t":1,"m":[["a"]]}', '{"type":"moves","t":1,"m":[[1,1' + "0" * 400 + "]]}",
        '{"type":"config","send_ms":"a","window_ms":1,"far_ms":1,"heartbeat_ms":1}',
        '{"type":"config","send_ms":NaN,"window_ms":1,"far_ms":1,"heartbeat_ms":0}',
        '{"type":"config","send_ms":1e300,"window_ms":1,"far_ms":1,"heartbeat_ms":-1}',
        '{"type":"welcome","your_id":{},"lobby_players":[{"id":[]}],"seq":"high"}', '{"type":"error","code":[],"message":{}}',
        '{"type":"pong","t":{},"now":[]}', '{"type":"status","id":[],"status":1}',
    ],
)  # fmt: skip
def test_a_server_that_talks_nonsense_is_ignored(garbage: str | bytes) -> None:
    async def test() -> None:
        joins = {"type": "join", "id": "bea", "x": 1, "y": 2, "n": 2}

        async def handler(peer: ServerConnection) -> None:
            await peer.send(garbage)
            await peer.send(welcome())
            await peer.send(garbage)
            await peer.send(["", "", ""] if isinstance(garbage, str) else [b"", b""])
            await peer.send(json.dumps(joins))
            await memory.listen(peer)

        memory = Stub()
        async with stub(handler) as server, LobbyClient(server.url, "ann") as me:
            event = await heard(me, Joined)
            assert isinstance(event, Joined)
            assert event.player.id == "bea"
            me.move(1, 2)
            await until(memory.positions)
            assert server.connections == 1

    run(test())


@pytest.mark.parametrize("whole", [True, False])
def test_a_message_without_an_end_ends_the_connection_and_the_client_comes_back(
    monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr("lobby.client.sockets.MESSAGE_BYTES", 10_000)

    async def test() -> None:
        async def endless() -> AsyncIterator[str]:
            while True:
                yield "x" * 5_000

        async def handler(peer: ServerConnection) -> None:
            await peer.send(welcome())
            await peer.send("x" * 20_000 if whole else endless())
            await peer.wait_closed()

        _, stays = friendly()
        async with stub(handler, stays) as server, LobbyClient(server.url, "ann", pause_ms=soon) as me:
            await heard(me, Disconnected)
            await heard(me, Connected)

    run(test())


@pytest.mark.parametrize(
    "url",
    ["", "nonsense://x", "ws://", "ws://[::1", "ws://host:99999/", "ws://host:port/", "ftp://host/", "ws://a..b/",
     f"ws://{'x' * 64}.example/"],
)  # fmt: skip
def test_what_is_no_address_is_named_with_an_example(url: str) -> None:
    with pytest.raises(LobbyError, match=r"is no address of a lobby; one looks like ws://127\.0\.0\.1:8765/"):
        address(url)


def test_an_address_keeps_what_it_says_and_gets_what_it_lacks() -> None:
    assert address("host:1", pid="a", room="", v=2) == "ws://host:1/?pid=a&v=2"
    assert address("https://host/prod?pid=b&name=", pid="a", name="A & B") == "wss://host/prod?pid=b&name=A+%26+B"
    assert address("ws://user:word@[::1]:9/a b#c") == "ws://[::1]:9/a%20b"
    assert address("ws://bücher.example") == "ws://xn--bcher-kva.example/"


def test_a_lobby_that_is_not_there_is_one_clear_sentence_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def test() -> None:
        def answering(answer: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
            async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
                writer.close()

            return handler

        hung_up = asyncio.Event()

        async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            hung_up.set()

        async def mute(peer: ServerConnection) -> None:
            await peer.wait_closed()

        async def fails(url: str, said: str, **options: Any) -> None:
            with pytest.raises(LobbyError) as failed:
                await LobbyClient(url, "ann", token="private", **options).__aenter__()
            assert said in str(failed.value)
            assert "private" not in str(failed.value)
            assert str(failed.value).startswith("Cannot connect to the lobby at ws")

        await fails("ws://127.0.0.1:9/", "nothing listens there (connection refused)")
        with monkeypatch.context() as names:
            names.setattr(socket, "getaddrinfo", unknown)
            await fails("ws://no-such-host.invalid/", "no computer has that name")
        for answer, said in ((b"", "hung up without an answer"), (b"SMTP\r\n\r\n", "no WebSocket server")):
            async with await asyncio.start_server(answering(answer), "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                await fails(f"ws://127.0.0.1:{port}/", said)
        async with stub(mute) as silent:
            await fails(silent.url, "it took too long", connect_s=0.05)
            await fails(silent.url.replace("ws:", "wss:"), "one without ws://")
        async with await asyncio.start_server(never_answers, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await fails(f"ws://127.0.0.1:{port}/", "it took too long", connect_s=0.05)
            await asyncio.wait_for(hung_up.wait(), 1)

    run(test())


def test_tls_is_spoken_and_a_certificate_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip

    async def test() -> None:
        async with serving(tls_cert=str(cert), tls_key=str(key)) as lobby:
            url = lobby.url.replace("ws:", "wss:")
            with pytest.raises(LobbyError, match="its TLS certificate is not trusted"):
                await LobbyClient(url, "ann").__aenter__()
            trusting = ssl.create_default_context(cafile=cert)
            async with LobbyClient(url, "ann", tls=trusting) as me, LobbyClient(url, "bea", tls=trusting) as bea:
                await heard(me, Joined)
                bea.move(1, 2)
                await heard(me, Moved)

    run(test())


# ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_leaves_has_left_and_its_events_end() -> None:
    async def test() -> None:
        async with serving() as lobby, joined(lobby.at(pid="left")) as left:
            async with LobbyClient(lobby.url, "ann") as me:
                await left.hear("join")
                reading = asyncio.create_task(_all(me))
            assert (await left.hear("leave"))["id"] == "ann"
            assert [type(event) for event in await asyncio.wait_for(reading, 1)] == [Connected, Joined]
            assert not me.is_connected
            me.move(1, 2)  # too late, and harmless
            me.set_status("gone")

    run(test())


async def _all(me: LobbyClient) -> list[Event]:
    return [event async for event in me]


def test_who_leaves_while_waiting_for_the_next_try_leaves_at_once() -> None:
    async def test() -> None:
        async with serving() as lobby:
            me = await LobbyClient(lobby.url, "ann", pause_ms=lambda tries, chance: 60_000).__aenter__()
        await heard(me, Disconnected)
        async with asyncio.timeout(0.5):
            await me.__aexit__(None, None, None)

    run(test())


def test_who_leaves_in_the_middle_of_a_handshake_leaves_nothing_behind() -> None:
    async def test() -> None:
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
            me = await LobbyClient(lobby.url, "ann", pause_ms=soon).__aenter__()
        async with await asyncio.start_server(hangs, "127.0.0.1", lobby.port):
            await until(lambda: connections)
            await asyncio.sleep(0.02)
            await me.__aexit__(None, None, None)
            await asyncio.wait_for(ended.wait(), 1)

    run(test())


def test_who_leaves_a_lobby_that_does_not_answer_leaves_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobby.client.sockets.CLOSE_S", 0.1)

    async def test() -> None:
        async def deaf(peer: ServerConnection) -> None:
            await peer.send(welcome())
            peer.transport.pause_reading()
            await asyncio.sleep(0.3)
            peer.transport.resume_reading()

        async with stub(deaf) as server:
            me = await LobbyClient(server.url, "ann").__aenter__()
            async with asyncio.timeout(0.25):
                await me.__aexit__(None, None, None)

    run(test())


def test_a_task_that_is_cancelled_while_it_leaves_stays_cancelled() -> None:
    async def test() -> None:
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

    run(test())
