"""Clients list the rooms of a lobby."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lobby.cli import main
from lobby.client import LobbyClient, Room, RoomList, rooms
from lobby.client.rooms import list_address
from lobby.errors import LobbyError
from tests.hosts import free_port, run, serving

CASES = json.loads((Path(__file__).parent.parent / "rooms_addresses.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["lobby"] for case in CASES])
def test_the_list_is_beside_the_address_of_the_lobby(case: dict[str, str]) -> None:
    assert list_address(case["lobby"], case["token"], 1_000, case["after"]) == case["rooms"]


def test_a_client_reads_the_rooms_page_by_page() -> None:
    async def test() -> None:
        async with serving(list_rooms=True) as lobby, LobbyClient(lobby.url, "ann", room="a"), LobbyClient(lobby.url, room="b"):
            assert await rooms(lobby.url) == RoomList([Room("a", 1, 50), Room("b", 1, 50)], None)
            assert await rooms(lobby.url, limit=1) == RoomList([Room("a", 1, 50)], "a")
            assert await rooms(lobby.url, after="a") == RoomList([Room("b", 1, 50)], None)

    run(test())


def test_a_lobby_that_lists_no_rooms_and_no_lobby_at_all_are_one_sentence() -> None:
    async def test() -> None:
        async with serving() as lobby:
            with pytest.raises(LobbyError, match=r"gives no list of rooms \(404\): This lobby does not list .+--list-rooms"):
                await rooms(lobby.url)
        with pytest.raises(LobbyError, match="nothing listens there"):
            await rooms(f"ws://127.0.0.1:{free_port()}/")

    run(test())


def test_the_command_prints_a_table_or_json() -> None:
    async def test() -> None:
        async with serving(list_rooms=True) as lobby, LobbyClient(lobby.url, room="arena-7"), LobbyClient(lobby.url, room="b"):

            def invoke(*options: str) -> str:
                result = CliRunner().invoke(main, ["rooms", lobby.url, "--limit", "1", *options])
                assert result.exit_code == 0, result.output
                return result.output

            table = await asyncio.to_thread(invoke)
            assert "arena-7" in table
            assert "--after arena-7" in table
            assert json.loads(await asyncio.to_thread(invoke, "--json")) == {
                "rooms": [{"name": "arena-7", "players": 1, "size": 50}],
                "next": "arena-7",
            }

    run(test())
