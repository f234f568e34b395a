"""The cases of RFC 6455 against `lobby serve` and against the emulator's gateway, each started once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from lobby.emulator import Api, ApiGateway, Route
from tests.hostile.rfc6455 import CASES, Host, failures
from tests.hosts import serving

try:
    import uvloop
except ImportError:  # on Windows
    uvloop = None  # type: ignore[assignment]


async def test_lobby_serve_follows_rfc_6455() -> None:
    async with serving(handshake_s=5) as lobby:
        assert await failures(Host(lobby.port, lambda number: f"/?pid=p{number}&room=r{number}&v=2")) == {}


def answer(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers messages as a lobby answers pings, and selects the first subprotocol that is offered."""
    if event["requestContext"]["eventType"] == "MESSAGE":
        try:
            return {"statusCode": 200, "body": json.dumps({"type": "pong", "t": json.loads(event["body"])["t"]})}
        except ValueError:
            return {"statusCode": 200, "body": '{"type":"error"}'}
    offered = event["headers"].get("Sec-WebSocket-Protocol", "").partition(",")[0].strip()
    return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": offered} if offered else {}}


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, *([uvloop.new_event_loop] if uvloop else [])])
def test_the_emulator_follows_rfc_6455(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(failures_of_the_emulator()) == {}


async def failures_of_the_emulator() -> dict[str, str]:
    api = Api(routes={"$connect": Route(), "$disconnect": Route(), "$default": Route(response=True)})
    async with ApiGateway(api, answer) as gateway:
        return await failures(Host(gateway.port, lambda number: f"/{api.stage}?pid=p{number}"))


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 120
