"""Our events have the keys of AWS's own samples, at every depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lobby.emulator import ApiGateway, Authorizer
from tests.emulator.test_connecting import policy
from tests.emulator.worlds import Handler, api, joined, run

DATA = Path(__file__).parent / "data"
BROWSER = "Mozilla/5.0"


def keys(value: Any) -> Any:
    """The same with its leaves replaced by their types; lists by the shape of what is in them."""
    if isinstance(value, dict):
        return {name: keys(inner) for name, inner in value.items()}
    return [keys(value[0])] if isinstance(value, list) else type(value).__name__


def sample(name: str) -> Any:
    return keys(json.loads((DATA / f"{name}.json").read_text()))


async def life(handler: Handler, query: str = "", authorizer: Authorizer | None = None, **options: Any) -> None:
    async with ApiGateway(api(authorizer=authorizer), handler) as gateway:
        async with joined(gateway, query, **options) as client:
            await client.send('{"action":"chat"}')
            await handler.told("MESSAGE")
        await handler.told("DISCONNECT")


def test_without_a_user_agent_events_are_those_of_the_first_sample() -> None:
    handler = Handler()
    run(life(handler, user_agent_header=None))
    assert keys(handler.of("CONNECT")[0]) == sample("powertools_connect")
    assert keys(handler.of("MESSAGE")[0]) == sample("powertools_message")
    assert keys(handler.of("DISCONNECT")[0]) == sample("powertools_disconnect")


def test_with_a_user_agent_events_are_those_of_the_second_sample() -> None:
    handler = Handler()
    run(life(handler, user_agent_header=BROWSER))
    assert keys(handler.of("MESSAGE")[0]) == sample("lambda_go_send_message")
    assert keys(handler.of("DISCONNECT")[0]) == sample("lambda_go_disconnect")
    assert handler.of("MESSAGE")[0]["requestContext"]["identity"]["userAgent"] == BROWSER


def test_the_event_of_the_authorizer_is_that_of_the_sample() -> None:
    handler = Handler(authorizer=policy("Allow"))
    options: dict[str, Any] = {"user_agent_header": None, "additional_headers": {"Authorization": "Leo"}}
    run(life(handler, authorizer=Authorizer(("route.request.header.Authorization",)), **options))
    asked = handler.events[0]
    assert keys(asked) == sample("powertools_authorizer_request")
    assert asked["methodArn"] == "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/dev/$connect"
    ids = {one["requestContext"]["connectionId"] for one in handler.events}
    assert len(ids) == 1


def test_the_query_comes_single_and_many_and_only_where_there_is_one() -> None:
    handler = Handler()
    run(life(handler, "?pid=a%20b&tag=1&tag=2"))
    event = handler.of("CONNECT")[0]
    assert event["queryStringParameters"] == {"pid": "a b", "tag": "2"}
    assert event["multiValueQueryStringParameters"] == {"pid": ["a b"], "tag": ["1", "2"]}
    assert "queryStringParameters" not in handler.of("MESSAGE")[0]


def test_the_events_of_one_connection_share_its_identity() -> None:
    handler = Handler()
    run(life(handler))
    contexts = [one["requestContext"] for one in handler.events]
    for name, value in {
        "stage": "dev",
        "apiId": "a1b2c3d4e5",
        "messageDirection": "IN",
        "identity": contexts[0]["identity"],
    }.items():
        assert all(one[name] == value for one in contexts)
    assert len({(one["connectionId"], one["connectedAt"], one["domainName"]) for one in contexts}) == 1
    assert len({one["requestId"] for one in contexts}) == 3
    assert all(one["requestId"] == one["extendedRequestId"] for one in contexts)
    assert contexts[0]["domainName"] == handler.events[0]["headers"]["Host"]


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("*.json")))
def test_every_sample_has_its_source_and_licence_written_down(name: str) -> None:
    assert f"`{name}.json`" in (DATA / "README.md").read_text()
