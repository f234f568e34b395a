"""A lobby without a server: the real function and real events, on a local API Gateway."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus

from lobby.tokens import sign
from tests.serverless.emulated_lobby import emulated_lobby

SECRET = "a secret of thirty-two characters"


async def test_two_players_of_version_1_meet_and_a_player_that_sends_nothing_gets_a_welcome() -> None:
    async with emulated_lobby() as lobby:
        ann = await lobby.enter(pid="ann")
        assert await ann.receive() == {"type": "welcome", "your_id": "ann", "lobby_players": []}
        bea = await lobby.enter(pid="bea")
        assert (await bea.receive("welcome"))["lobby_players"] == [{"id": "ann", "x": 0.0, "y": 0.0}]
        assert await ann.receive() == {"type": "join", "id": "bea", "x": 0.0, "y": 0.0}
        await bea.send(action="pos", x=12.5, y=8.3)
        assert await ann.receive() == {"type": "pos", "id": "bea", "x": 12.5, "y": 8.3}
        await bea.socket.close()
        assert await ann.receive() == {"type": "leave", "id": "bea"}


async def test_version_2_sends_hello_a_status_a_position_and_a_ping() -> None:
    async with emulated_lobby() as lobby:
        ann = await lobby.enter(pid="ann", v=2)
        await ann.receive("config")
        bea = await lobby.enter(pid="bea", v=2, name="Bea")
        await bea.receive("config")
        await ann.receive("join")  # else a late `join` would contain the position
        await bea.send(action="hello")
        number = (await bea.receive("welcome"))["n"]
        await bea.receive("config")
        await bea.send(action="status", status="trading")
        assert (await ann.receive("status"))["status"] == "trading"
        await bea.send(action="pos", x=1, y=2, vx=3, seq=1, t=5)
        assert (await ann.receive("moves"))["m"] == [[number, 100, 200, 300, 0, 0, 1, 5]]
        await bea.send(action="ping", t=7)
        assert (await bea.receive("pong"))["t"] == 7


async def test_the_sender_of_a_wrong_message_receives_an_error() -> None:
    async with emulated_lobby() as lobby:
        ann = await lobby.enter(pid="ann")
        await ann.receive("welcome")
        wrong = {"no": "bad_json", '{"action":"fly"}': "unknown_action", '{"action":"pos","x":"1"}': "bad_position"}
        for text, code in wrong.items():
            await ann.socket.send(text)
            assert (await ann.receive("error"))["code"] == code


async def test_the_authorizer_admits_only_the_player_that_a_token_names() -> None:
    async with emulated_lobby(Secret=SECRET) as lobby:
        token = sign("ann", SECRET, 4_000_000_000_000)
        ann = await lobby.enter(token=token)
        assert (await ann.receive("welcome"))["your_id"] == "ann"
        for query, status in (({"pid": "bea"}, 401), ({"pid": "bea", "token": token}, 403)):
            with pytest.raises(InvalidStatus) as refused:
                await lobby.enter(**query)
            assert refused.value.response.status_code == status


async def test_a_player_is_refused_by_a_full_room_before_the_upgrade() -> None:
    async with emulated_lobby(RoomSize=1) as lobby:
        await (await lobby.enter(pid="ann")).receive("welcome")
        with pytest.raises(InvalidStatus) as refused:
            await lobby.enter(pid="bea")
        assert refused.value.response.status_code == 503


async def test_a_reconnecting_player_stays_the_same_player_and_its_old_connection_is_closed() -> None:
    async with emulated_lobby() as lobby:
        bea = await lobby.enter(pid="bea", v=2)
        await bea.receive("welcome")
        old = await lobby.enter(pid="ann", v=2)
        await bea.receive("join")
        await old.send(action="pos", x=7, y=8, seq=1)
        await bea.receive("moves")
        new = await lobby.enter(pid="ann", v=2)
        welcome = await new.receive("welcome")
        assert (welcome["x"], welcome["y"], welcome["seq"]) == (7, 8, 1)
        await old.closed_with()
        await new.send(action="pos", x=9, y=9, seq=2)
        assert (await bea.receive())["m"] == [[welcome["n"], 900, 900, 0, 0, 0, 2]]
