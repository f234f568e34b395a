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

FAILS_ON_SERVE: frozenset[str] = frozenset(
    {
        "Connection may have two lines, Upgrade last",
        "Upgrade may list another protocol before websocket",
        "a compressed message although the extension was declined",
        "a request without Host is refused",
        "a reserved bit in a close frame",
        "a reserved bit in a continuation",
        "a reserved bit in a ping",
        "a reserved bit in a pong",
        "all reserved bits in a text frame",
        "reserved bit 1 in a text frame",
        "reserved bit 2 in a text frame",
        "reserved bit 3 in a text frame",
        "the close code 0 is refused",
        "the close code 1006 is refused",
        "the close code 5000 is refused",
        "the close code 65535 is refused",
        "two Host lines are refused",
        "two different version lines are refused",
        "two key lines are refused",
        "version 0 is refused with 426 and the header that names 13",
        "version 12 is refused with 426 and the header that names 13",
        "version 130 is refused with 426 and the header that names 13",
        "version 14 is refused with 426 and the header that names 13",
        "version 7 is refused with 426 and the header that names 13",
        "version 8 is refused with 426 and the header that names 13",
    }
)
"""Known failures of `lobby serve`. The list is strict: remove a name when its case passes."""


async def test_lobby_serve_follows_rfc_6455() -> None:
    async with serving(handshake_s=5) as lobby:
        wrong = await failures(Host(lobby.port, lambda number: f"/?pid=p{number}&room=r{number}&v=2"))
    assert_fails_as_known(wrong, FAILS_ON_SERVE)


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


def assert_fails_as_known(wrong: dict[str, str], known: frozenset[str]) -> None:
    assert {name: outcome for name, outcome in wrong.items() if name not in known} == {}
    assert known - wrong.keys() == set(), "these cases pass now: remove them from the list"


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 120
