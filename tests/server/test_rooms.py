"""``GET /rooms`` over real HTTP, and rooms with settings of their own."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession

from lobby.errors import LobbyError
from lobby.presence import Presence
from lobby.roomfile import parse_rooms
from lobby.roomlist import listed
from lobby.server.host import check_exposure
from lobby.server.memory import MemoryStore
from lobby.settings import Settings
from lobby.tokens import sign
from tests.hosts import Running, joined, run, serving

SECRET = "a secret of thirty-two characters"
UNTIL = 4_000_000_000_000


async def fetch(lobby: Running, query: str = "", **headers: str) -> tuple[int, Any, str | None]:
    """Status, JSON or text, and the origin that may read it."""
    url = f"http://127.0.0.1:{lobby.port}/rooms{query}"
    async with ClientSession() as session, session.get(url, headers=headers) as answer:
        is_json = answer.content_type == "application/json"
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        return answer.status, await (answer.json() if is_json else answer.text()), allowed


def test_a_list_has_the_name_the_players_and_the_size_of_each_room() -> None:
    async def test() -> None:
        async with serving(list_rooms=True, room_size=8) as lobby:
            assert await fetch(lobby) == (200, {"rooms": [], "next": None}, None)
            async with joined(lobby.at(room="b", pid="ann")), joined(lobby.at(room="a", pid="bea")):
                async with joined(lobby.at(room="a", pid="cem")) as cem:
                    await cem.receive("welcome")
                    b = {"name": "b", "players": 1, "size": 8}
                    a = {"name": "a", "players": 2, "size": 8}
                    assert (await fetch(lobby))[1] == {"rooms": [a, b], "next": None}
                    assert (await fetch(lobby, "?limit=1"))[1] == {"rooms": [a], "next": "a"}
                    assert (await fetch(lobby, "?limit=1&after=a"))[1] == {"rooms": [b], "next": None}

    run(test())


def test_without_the_setting_the_answer_names_it() -> None:
    async def test() -> None:
        async with serving() as lobby:
            status, text, _ = await fetch(lobby)
            assert status == 404
            assert "--list-rooms" in text

    run(test())


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.5", "x", "9" * 5_000, "%D9%A3"])
def test_a_wrong_limit_is_refused(limit: str) -> None:
    async def test() -> None:
        async with serving(list_rooms=True) as lobby:
            status, text, _ = await fetch(lobby, f"?limit={limit}")
            assert (status, "from 1 to 1,000" in text) == (400, True)

    run(test())


def test_where_tokens_are_required_a_list_needs_a_token_for_any_room() -> None:
    async def test() -> None:
        async with serving(list_rooms=True, secret=SECRET) as lobby:
            token, old = sign("ann", SECRET, UNTIL, room="b"), sign("ann", SECRET, 1_000)
            assert (await fetch(lobby))[0] == 401
            status, text, allowed = await fetch(lobby, f"?token={old}", Origin="https://game.example")
            assert (status, allowed) == (401, "https://game.example")
            assert "token_expired" in text
            assert (await fetch(lobby, f"?token={token}"))[0] == 200

    run(test())


def test_pages_that_may_connect_may_read_the_list_and_others_may_not() -> None:
    async def test() -> None:
        async with serving(list_rooms=True, origins="https://game.example") as lobby:
            status, _, allowed = await fetch(lobby, Origin="https://game.example")
            assert (status, allowed) == (200, "https://game.example")
            status, _, allowed = await fetch(lobby, Origin="https://evil.example")
            assert (status, allowed) == (403, None)

    run(test())


RULES = parse_rooms(
    """
[rooms.vip]
invite = true

[rooms."arena-*"]
size = 1
""",
    "rooms.toml",
)


def test_a_room_with_a_size_of_its_own_is_full_while_others_are_not() -> None:
    async def test() -> None:
        async with serving(list_rooms=True, rooms=RULES[1:]) as lobby, joined(lobby.at(room="arena-1", pid="ann")) as ann:
            await ann.receive("welcome")
            assert (await fetch(lobby))[1]["rooms"] == [{"name": "arena-1", "players": 1, "size": 1}]
            async with joined(lobby.at(room="arena-1", pid="bea")) as bea, joined(lobby.at(room="hub", pid="bea")) as other:
                assert await bea.closed_with() == 4004
                await other.receive("welcome")

    run(test())


def test_a_room_for_invited_players_closes_the_connection_of_others_for_good_and_is_not_listed() -> None:
    async def test() -> None:
        async with serving(list_rooms=True, secret=SECRET, rooms=RULES) as lobby:
            anywhere, invited = sign("ann", SECRET, UNTIL), sign("ann", SECRET, UNTIL, room="vip")
            async with joined(lobby.at(room="vip", token=anywhere)) as ann:
                error = await ann.receive("error")
                assert (error["code"], await ann.closed_with()) == ("invitation_needed", 4509)
            async with joined(lobby.at(room="vip", token=invited)) as ann:
                await ann.receive("welcome")
                assert (await fetch(lobby, f"?token={anywhere}"))[1] == {"rooms": [], "next": None}

    run(test())


def test_invitations_without_a_secret_are_a_mistake_of_the_operator() -> None:
    with pytest.raises(LobbyError, match="The rooms vip need an invitation"):
        check_exposure(Settings(rooms=RULES))


def test_the_pages_of_a_hundred_thousand_rooms_have_each_room_once_in_order() -> None:
    store, settings = MemoryStore(), Settings()
    names = sorted(f"room-{number}" for number in range(100_000))
    for name in reversed(names):
        store.add(Presence(name, f"c-{name}", "ann"))
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        answer = listed(store, 1_000, after, settings)
        seen += [room["name"] for room in answer["rooms"]]
        after = answer["next"]
    assert seen == names


def test_a_room_that_is_empty_again_is_not_in_the_list() -> None:
    store = MemoryStore()
    for name in ("b", "a", "c"):
        store.add(Presence(name, "c1", "ann"))
    store.remove("b", "c1")
    assert list(store.rooms_after("")) == store.rooms() == ["a", "c"]
    assert list(store.rooms_after("a")) == ["c"]
