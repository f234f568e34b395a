"""Two demo games in the real engine, in a real lobby. There must be no errors in their logs."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

from tests.godot.playing import Game, playing_demo
from tests.godot.test_scenarios import serving_process
from tests.hosts import free_port, joined, serving

IN_LOBBY = ("--zone=lobby", "--autopilot")


async def drawn_positions(game: Game, player: str) -> set[tuple[float, float]]:
    """The positions at which ``game`` draws ``player``, once there are several that are apart."""
    places: set[tuple[float, float]] = set()
    while len(places) < 5:
        ship = (await game.wait_until(lambda view: player in view.others)).others[player]
        if all(math.dist(place, (ship.x, ship.y)) > 0.5 for place in places):
            places.add((ship.x, ship.y))
        await asyncio.sleep(0.05)
    return places


async def test_two_players_in_the_lobby_see_each_other_move(home: Path, game: Path) -> None:
    async with (
        serving() as lobby,
        playing_demo(home, lobby.url, "ann", *IN_LOBBY) as ann,
        playing_demo(home, lobby.url, "bea", *IN_LOBBY) as bea,
    ):
        seen = await asyncio.gather(drawn_positions(ann, "bea"), drawn_positions(bea, "ann"))
        assert all(math.hypot(*place) < 85 for places in seen for place in places)
        own = await ann.look()
        assert own.connection == "connected"
        assert "ann" not in own.others


async def test_through_the_portal_into_the_lobby_to_trade_and_out_again(home: Path, game: Path) -> None:
    async with (
        serving() as lobby,
        playing_demo(home, lobby.url, "bea", *IN_LOBBY) as bea,
        playing_demo(home, lobby.url, "ann", "--autopilot") as ann,
    ):
        assert (await ann.wait_until(lambda view: view.zone == "main")).others == {}  # another zone, another room
        await ann.wait_until(lambda view: view.zone == "lobby" and "bea" in view.others)
        await bea.wait_until(lambda view: "ann" in view.others and view.others["ann"].presence == 1.0)
        await ann.send(fly_to=[2, 8])
        await ann.wait_until(lambda view: math.hypot(view.x, view.y) < 14)
        await ann.send(call="use", on="/root/Game/lobby")
        await bea.wait_until(lambda view: view.others["ann"].status.endswith("trading"))
        await ann.send(call="close", on="/root/Game/UI/Screen/Trading")
        await bea.wait_until(lambda view: view.others["ann"].status == "")
        await ann.send(call="go", args=["main"], on="/root/Game")
        await bea.wait_until(lambda view: "ann" not in view.others)
        assert (await ann.wait_until(lambda view: view.zone == "main")).others == {}


async def rooms_of(game: Game) -> tuple[bool, list[str], str]:
    """Whether the list of rooms is open, its lines, and the note below it."""
    await game.send(stations=True)
    is_open, lines, note = await game.wait_for("stations")
    return is_open, [" ".join(line.split()) for line in lines], note


async def test_at_the_portal_a_player_chooses_a_room_by_keyboard(home: Path, game: Path) -> None:
    async with (
        serving(list_rooms=True) as lobby,
        joined(lobby.at(pid="cem", room="arena", v=2)) as cem,
        playing_demo(home, lobby.url, "ann", "--autopilot") as ann,
    ):
        await cem.receive("welcome")
        await ann.wait_until(lambda view: view.zone == "main" and view.connection == "connected")
        async with asyncio.timeout(20):
            while not (await rooms_of(ann))[0]:  # only near the portal
                await ann.send(press="use")
                await asyncio.sleep(0.2)
            while (await rooms_of(ann))[1] != ["lobby 0 players", "arena 1 of 50 players"]:
                await asyncio.sleep(0.1)
        await ann.send(press="ui_down")
        await ann.send(press="ui_accept")
        assert (await cem.receive("join"))["id"] == "ann"
        await ann.wait_until(lambda view: view.zone == "lobby" and "cem" in view.others)
        assert not (await rooms_of(ann))[0]


async def test_at_the_portal_of_a_lobby_that_lists_no_rooms_a_text_says_so(home: Path, game: Path) -> None:
    async with serving() as lobby, playing_demo(home, lobby.url, "ann", "--autopilot") as ann:
        await ann.wait_until(lambda view: view.zone == "main" and view.connection == "connected")
        async with asyncio.timeout(20):
            while not (await rooms_of(ann))[0]:
                await ann.send(press="use")
                await asyncio.sleep(0.2)
            while "does not list its rooms" not in (await rooms_of(ann))[2]:
                await asyncio.sleep(0.1)
        await ann.send(press="ui_accept")
        await ann.wait_until(lambda view: view.zone == "lobby")


async def test_a_colour_that_a_player_chooses_and_its_wave_reach_the_other_game(home: Path, game: Path) -> None:
    async with (
        serving() as lobby,
        playing_demo(home, lobby.url, "ann", *IN_LOBBY) as ann,
        playing_demo(home, lobby.url, "bea", *IN_LOBBY) as bea,
    ):
        first = (await bea.wait_until(lambda view: "ann" in view.others)).others["ann"].colour
        await ann.wait_until(lambda view: "bea" in view.others)
        await ann.send(call="repaint", on="/root/Game/lobby/PlayerShip")
        chosen = (await bea.wait_until(lambda view: view.others["ann"].colour != first)).others["ann"].colour
        await ann.send(call="wave", on="/root/Game/lobby/PlayerShip")
        await bea.wait_until(lambda view: view.others["ann"].status.endswith("waves"))
        await bea.wait_until(lambda view: view.others["ann"].status == "")
        await ann.send(call="go", args=["main"], on="/root/Game")
        await bea.send(call="go", args=["main"], on="/root/Game")
        await bea.wait_until(lambda view: view.zone == "main" and "ann" in view.others)
        assert (await bea.wait_until(lambda view: view.others["ann"].colour == chosen)).zone == "main"


async def test_players_keep_their_nodes_when_the_lobby_is_killed_and_restarts(home: Path, game: Path) -> None:
    port = free_port()
    url = f"ws://127.0.0.1:{port}/"
    with serving_process(port) as first:
        async with playing_demo(home, url, "ann", *IN_LOBBY) as ann, playing_demo(home, url, "bea", *IN_LOBBY) as bea:
            before = await ann.wait_until(lambda view: "bea" in view.others and view.others["bea"].presence == 1.0)
            first.kill()
            await ann.wait_until(lambda view: view.connection.startswith("no lobby"))
            with serving_process(port):
                for each in (ann, bea):
                    await each.wait_until(lambda view: view.connection == "connected")
                await drawn_positions(ann, "bea")
                after = await ann.look()
                assert after.others["bea"].node == before.others["bea"].node
                assert after.others["bea"].presence == 1.0


async def test_the_game_runs_without_a_lobby(home: Path, game: Path) -> None:
    async with playing_demo(home, f"ws://127.0.0.1:{free_port()}/", "ann", "--autopilot") as ann:
        first = await ann.wait_until(lambda view: view.zone == "main")
        await ann.wait_until(lambda view: math.dist((view.x, view.y), (first.x, first.y)) > 5)
        await ann.wait_until(lambda view: view.connection.startswith("no lobby"))
        await ann.send(call="go", args=["lobby"], on="/root/Game")
        await ann.wait_until(lambda view: view.zone == "lobby" and view.others == {})


async def test_an_offline_game_does_not_connect(home: Path, game: Path) -> None:
    async with serving() as lobby, playing_demo(home, lobby.url, "ann", "--offline", *IN_LOBBY) as ann:
        await ann.wait_until(lambda view: view.zone == "lobby" and view.connection.startswith("offline"))
        assert not lobby.server.connections
