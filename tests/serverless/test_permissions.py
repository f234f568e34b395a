"""The role of the function grants the permissions that the function uses, and no more."""

from __future__ import annotations

from typing import Any

from lobby.cloudformation.lobby_template import lobby_template
from lobby.cloudformation.reading import parse
from lobby.cloudformation.resolving import resolve
from tests.emulator.worlds import Meter
from tests.serverless.emulated_lobby import emulated_lobby


def granted(sid: str) -> set[str]:
    """The actions that a statement of the role allows, without the name of the service."""
    resources = resolve(parse(lobby_template()))["Resources"]
    for statement in resources["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
        if statement["Sid"] == sid:
            if sid == "Connections":
                return {resource.split("/@connections")[0].rpartition("/")[2] for resource in statement["Resource"]}
            return {action.partition(":")[2] for action in statement["Action"]}
    raise AssertionError(f"no statement {sid}")


async def test_the_permissions_that_are_used_are_the_ones_that_are_granted() -> None:
    """The lobby does everything once: it admits players, answers each message, takes over a player and removes rows."""

    meter = Meter()
    async with emulated_lobby(meter, WindowMs=0) as lobby:
        ann, bea = await lobby.enter(pid="ann", v=2), await lobby.enter(pid="bea", v=2)
        for player in (ann, bea):
            await player.receive("config")
        await ann.send(action="hello")
        await ann.receive("config")
        await ann.send(action="ping")
        await ann.receive("pong")
        await ann.send(action="status", status="here")
        await ann.receive("status")
        await ann.send(action="fly")
        await ann.receive("error")
        await ann.send(action="pos", x=1, y=2)
        await bea.receive("moves")
        again = await lobby.enter(pid="ann", v=2)
        await again.receive("welcome")
        await ann.closed_with()
        await again.socket.close()
        await bea.receive("leave")
    used: set[Any] = {one["operation"] for one in meter.of("table")}
    assert used == granted("Rows")
    assert {one["method"] for one in meter.of("post")} == granted("Connections")
