"""`lobby admin --stage` against the emulated services: it reads the table, and closes connections through the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from click.testing import CliRunner
from websockets.exceptions import InvalidStatus

import trading_lobby_ws
from lobby.admin.stage import Stage
from lobby.cli import main
from lobby.deploy.aws import Aws
from lobby.errors import LobbyError
from lobby.monitor.command import emulated
from lobby.monitor.reading import find_lobby
from lobby.operators import Ban
from lobby.serverless.dynamodb import ban_of, item_of_ban
from tests.hosts import Player
from tests.serverless.emulated_lobby import EmulatedLobby, emulated_lobby


@asynccontextmanager
async def administered() -> AsyncIterator[tuple[EmulatedLobby, Aws, Stage]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trading_lobby_ws, "print", lambda *_, **__: None, raising=False)
        async with emulated_lobby() as there:
            aws = await asyncio.to_thread(emulated, there.stack.aws)
            yield there, aws, await asyncio.to_thread(lambda: Stage(aws, find_lobby(aws, "dev")))
            for one in aws._clients.values():
                one._client.close()


async def closed_with(player: Player, code: str) -> tuple[str, int]:
    """The text and the close code of the closing error. API Gateway itself always closes with 1000."""
    error = await player.receive("error")
    assert error["code"] == code
    await player.closed_with()
    return error["message"], error["close"]


async def test_rooms_and_players_are_those_of_the_table() -> None:
    async with administered() as (there, _, stage):
        ann = await there.enter(pid="ann", v=2, name="Ann", room="hub")
        await ann.receive("config")
        await ann.send(action="pos", x=1.5, y=2, z=3)
        await ann.send(action="ping", t=1)
        await ann.receive("pong")
        await (await there.enter(pid="bea", v=2)).receive("config")
        answer = await asyncio.to_thread(stage.rooms, 1, "")
        assert answer["rooms"] == [{"room": "hub", "players": 1, "watchers": 0, "connections": 1, "size": 50, "traffic": None}]
        assert (answer["total"], answer["next"]) == (2, "hub")
        [player] = (await asyncio.to_thread(stage.players, "hub", 10, ""))["players"]
        assert (player["id"], player["name"], player["address"], player["position"]["z"]) == ("ann", "Ann", "", 3)
        with pytest.raises(LobbyError, match="no room nowhere"):
            await asyncio.to_thread(stage.players, "nowhere", 10, "")


async def test_a_kick_closes_one_player_and_the_others_see_it_leave() -> None:
    async with administered() as (there, _, stage):
        ann = await there.enter(pid="ann", v=2)
        await ann.receive("welcome")
        bea = await there.enter(pid="bea", v=2)
        await ann.receive("join")
        await bea.receive("welcome")
        assert await asyncio.to_thread(stage.kick, "lobby", "bea", "spam") == {"closed": 1}
        assert await closed_with(bea, "kicked") == ("an operator of the lobby removed you: spam", 4506)
        assert (await ann.receive("leave"))["id"] == "bea"
        for absent in ("bea", "cem"):
            with pytest.raises(LobbyError, match=f"{absent} is not in the room lobby"):
                await asyncio.to_thread(stage.kick, "lobby", absent, "")
        with pytest.raises(LobbyError, match="100 characters"):
            await asyncio.to_thread(stage.kick, "lobby", "ann", "x" * 101)


async def test_a_banned_player_is_removed_from_all_rooms_and_may_not_connect_until_the_ban_ends() -> None:
    async with administered() as (there, aws, stage):
        ann = await there.enter(pid="ann", v=2)
        await ann.receive("welcome")
        bea = await there.enter(pid="bea", v=2, room="hub")
        await bea.receive("welcome")
        banned = await asyncio.to_thread(stage.ban, "lobby", "bea", 3_600, "spam")
        assert (banned["player"], banned["closed"], banned["reason"]) == ("bea", 1, "spam")
        message, code = await closed_with(bea, "banned")
        assert (message.endswith(" UTC: spam"), code) == (True, 4507)
        assert [one["player"] for one in (await asyncio.to_thread(stage.bans))["bans"]] == ["bea"]
        with pytest.raises(InvalidStatus) as refused:
            await there.enter(pid="bea", v=2)
        assert refused.value.response.status_code == 403
        assert [room["room"] for room in (await asyncio.to_thread(stage.rooms, 10, ""))["rooms"]] == ["lobby"]
        over = replace(ban_of(item_of_ban(Ban("bea", 0))), until_ms=1)
        item = item_of_ban(over)
        await asyncio.to_thread(lambda: aws.client("dynamodb")("put_item", TableName=stage._lobby.table, Item=item))
        assert await asyncio.to_thread(stage.bans) == {"bans": []}
        await (await there.enter(pid="bea", v=2)).receive("welcome")
        assert await asyncio.to_thread(stage.ban, "lobby", "cem", 60, "") | {"until_ms": 0} == {
            "player": "cem", "until_ms": 0, "reason": "", "closed": 0,
        }  # fmt: skip
        assert await asyncio.to_thread(stage.unban, "") == {"removed": 2}
        await (await there.enter(pid="cem", v=2)).receive("welcome")


async def test_an_event_reaches_one_room_or_all_and_a_room_can_be_closed() -> None:
    async with administered() as (there, _, stage):
        ann, bea = await there.enter(pid="ann", v=2, room="hub"), await there.enter(pid="bea", v=2)
        old = await there.enter(pid="old", room="hub")
        for player in (ann, bea):
            await player.receive("config")
        await old.receive("welcome")
        assert await asyncio.to_thread(stage.send, "", "notice", {"a": 1}) == {"connections": 2}
        for player in (ann, bea):
            assert await player.receive("event") == {"type": "event", "id": "", "event": "notice", "data": {"a": 1}}
        assert await asyncio.to_thread(stage.send, "hub", "only", {}) == {"connections": 1}
        assert (await ann.receive("event"))["event"] == "only"
        assert await asyncio.to_thread(stage.close, "hub") == {"closed": 2}
        for player in (ann, old):
            assert await closed_with(player, "room_closed") == ("an operator of the lobby closed this room", 4508)
        with pytest.raises(LobbyError, match="no room hub"):
            await asyncio.to_thread(stage.close, "hub")


async def test_a_connection_that_has_ended_disturbs_no_action() -> None:
    async with administered() as (there, aws, stage):
        ann = await there.enter(pid="ann", v=2)
        await ann.receive("config")
        table = stage._lobby.table
        item = {"room": {"S": "lobby"}, "connectionId": {"S": "L0SM9cOFvHcCIhw="}, "player_id": {"S": "bea"}}
        item |= {name: {"N": "0"} for name in ("x", "y", "n")} | {"v": {"N": "2"}, "ttl": {"N": "9999999999"}}
        item["seen_ms"] = {"N": "9999999999999"}  # a row that was not seen would be removed as silent
        await asyncio.to_thread(lambda: aws.client("dynamodb")("put_item", TableName=table, Item=item))
        assert await asyncio.to_thread(stage.send, "lobby", "notice", {}) == {"connections": 1}
        assert await asyncio.to_thread(stage.kick, "lobby", "bea", "") == {"closed": 1}
        assert [player["id"] for player in (await asyncio.to_thread(stage.players, "lobby", 10, ""))["players"]] == ["ann"]


async def test_what_a_lobby_on_aws_cannot_do_is_said_with_what_to_do() -> None:
    async with administered() as (there, _, _stage):
        for words, text in (
            (("ban", "ann", "--seconds", "99999999"), "at most 31,536,000 seconds"),
            (("unban", "ann"), "ann is not banned"),
            (("drain",), "lobby admin close"),
        ):
            options = ["admin", "--stage", "dev", "--emulator", there.stack.aws, *words]
            result = await asyncio.to_thread(CliRunner().invoke, main, options)
            assert (result.exit_code, text in result.output) == (1, True), result.output
        options = ["admin", "--stage", "dev", "--emulator", there.stack.aws, "rooms", "--json"]
        result = await asyncio.to_thread(CliRunner().invoke, main, options)
        assert json.loads(result.output) == {"rooms": [], "total": 0, "next": None}


async def test_an_action_that_aws_refuses_is_one_sentence() -> None:
    async with administered() as (there, aws, stage):
        await (await there.enter(pid="ann", v=2)).receive("config")
        elsewhere = Stage(aws, replace(stage._lobby, callback="http://127.0.0.1:1/dev"))
        with pytest.raises(LobbyError, match="No answer from http://127"):
            await asyncio.to_thread(elsewhere.kick, "lobby", "ann", "")
