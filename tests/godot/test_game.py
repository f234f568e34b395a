"""The demo game in the real engine, two at once in a real lobby. Whatever happens, nothing is wrong in their logs."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

from tests.godot.playing import Game, flying
from tests.godot.test_scenarios import serving_process
from tests.hosts import free_port, run, serving

IN_LOBBY = ("--zone=lobby", "--autopilot")


async def watches(game: Game, player: str) -> set[tuple[float, float]]:
    """The places in which ``game`` draws ``player``, once there are several that are apart."""
    places: set[tuple[float, float]] = set()
    while len(places) < 5:
        ship = (await game.sees(lambda sight: player in sight.others)).others[player]
        if all(math.dist(place, (ship.x, ship.y)) > 0.5 for place in places):
            places.add((ship.x, ship.y))
        await asyncio.sleep(0.05)
    return places


def test_two_who_fly_in_the_lobby_see_each_other_move(home: Path, game: Path) -> None:
    async def test() -> None:
        async with (
            serving() as lobby,
            flying(home, lobby.url, "ann", *IN_LOBBY) as ann,
            flying(home, lobby.url, "bea", *IN_LOBBY) as bea,
        ):
            seen = await asyncio.gather(watches(ann, "bea"), watches(bea, "ann"))
            assert all(math.hypot(*place) < 85 for places in seen for place in places)
            own = await ann.looks()
            assert own.says == "connected"
            assert "ann" not in own.others

    run(test())


def test_through_the_portal_into_the_lobby_to_trade_and_out_again(home: Path, game: Path) -> None:
    async def test() -> None:
        async with (
            serving() as lobby,
            flying(home, lobby.url, "bea", *IN_LOBBY) as bea,
            flying(home, lobby.url, "ann", "--autopilot") as ann,
        ):
            assert (await ann.sees(lambda sight: sight.zone == "main")).others == {}  # another zone, another room
            await ann.sees(lambda sight: sight.zone == "lobby" and "bea" in sight.others)
            await bea.sees(lambda sight: "ann" in sight.others and sight.others["ann"].presence == 1.0)
            await ann.tell(fly_to=[2, 8])
            await ann.sees(lambda sight: math.hypot(sight.x, sight.y) < 14)
            await ann.tell(call="use", on="/root/Game/lobby")
            await bea.sees(lambda sight: sight.others["ann"].status.endswith("trading"))
            await ann.tell(call="close", on="/root/Game/UI/Screen/Trading")
            await bea.sees(lambda sight: sight.others["ann"].status == "")
            await ann.tell(call="go", args=["main"], on="/root/Game")
            await bea.sees(lambda sight: "ann" not in sight.others)
            assert (await ann.sees(lambda sight: sight.zone == "main")).others == {}

    run(test())


def test_a_lobby_that_is_killed_and_comes_back_costs_nobody_its_node(home: Path, game: Path) -> None:
    async def test() -> None:
        port = free_port()
        url = f"ws://127.0.0.1:{port}/"
        with serving_process(port) as first:
            async with flying(home, url, "ann", *IN_LOBBY) as ann, flying(home, url, "bea", *IN_LOBBY) as bea:
                before = await ann.sees(lambda sight: "bea" in sight.others and sight.others["bea"].presence == 1.0)
                first.kill()
                await ann.sees(lambda sight: sight.says.startswith("no lobby"))
                with serving_process(port):
                    for game in (ann, bea):
                        await game.sees(lambda sight: sight.says == "connected")
                    await watches(ann, "bea")
                    after = await ann.looks()
                    assert after.others["bea"].node == before.others["bea"].node
                    assert after.others["bea"].presence == 1.0

    run(test())


def test_without_a_lobby_the_game_plays_on(home: Path, game: Path) -> None:
    async def test() -> None:
        async with flying(home, f"ws://127.0.0.1:{free_port()}/", "ann", "--autopilot") as ann:
            first = await ann.sees(lambda sight: sight.zone == "main")
            await ann.sees(lambda sight: math.dist((sight.x, sight.y), (first.x, first.y)) > 5)
            await ann.sees(lambda sight: sight.says.startswith("no lobby"))
            await ann.tell(call="go", args=["lobby"], on="/root/Game")
            await ann.sees(lambda sight: sight.zone == "lobby" and sight.others == {})

    run(test())


def test_a_game_that_keeps_away_from_the_network_is_alone(home: Path, game: Path) -> None:
    async def test() -> None:
        async with serving() as lobby, flying(home, lobby.url, "ann", "--offline", *IN_LOBBY) as ann:
            await ann.sees(lambda sight: sight.zone == "lobby" and sight.says.startswith("alone"))
            assert not lobby.server.connections

    run(test())
