"""Random events for the function: it answers each of them, and raises for none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trading_lobby_ws
from tests.serverless.emulated_lobby import environment
from tests.serverless.test_events import CONTEXT, SAMPLES, VARIABLES
from tests.shared_memory import SharedMemory
from tests.simulation import Inboxes

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["action", "x", "y", "vx", "vy", "h", "seq", "t", "status", "type", "z"])
ACTIONS = st.sampled_from(["pos", "hello", "ping", "status", "fly"])
MESSAGES = st.builds(lambda body, action: {**body, "action": action}, st.dictionaries(FIELDS, VALUES, max_size=8), ACTIONS)
BODIES = (
    MESSAGES.map(json.dumps)
    | VALUES.map(json.dumps)
    | ANY_TEXT
    | st.sampled_from(
        [
            "[" * 50_000,
            '{"action":' * 5_000,
            '{"action":"pos","x":1e999,"y":-1e999}',
            '{"action":"pos","x":' + "9" * 5_000 + "}",
        ]
    )
)
DECODED = st.text(max_size=40)  # an address and its headers arrive as bytes: decoding leaves no half of a surrogate pair
QUERIES = st.dictionaries(st.sampled_from(["pid", "room", "name", "v", "token", "x"]), DECODED, max_size=6)
HEADERS = st.dictionaries(st.sampled_from(["Origin", "Host", "Sec-WebSocket-Protocol", "X"]), DECODED, max_size=4)


@contextmanager
def function(**variables: str) -> Iterator[trading_lobby_ws.FunctionEnvironment]:
    with (
        environment(),
        patch.dict("os.environ", {**VARIABLES, **variables}),
        patch.object(trading_lobby_ws, "wait", lambda ms: None),
    ):
        one = trading_lobby_ws.FunctionEnvironment(CONTEXT)
        one.store, one.gateway = SharedMemory(), Inboxes()  # type: ignore[assignment]
        trading_lobby_ws.environments[threading.get_ident()] = one
        yield one


def event(sample: str, connection: str = "L0SM9cOFvHcCIhw=", **more: Any) -> dict[str, Any]:
    body = SAMPLES[sample]
    context = {**body["requestContext"], "connectionId": connection, "authorizer": {"player_id": "ann", "v": "2"}}
    return {**body, "requestContext": context, **more}


def call(sent: dict[str, Any]) -> Any:
    answer = trading_lobby_ws.handler(sent, CONTEXT)
    json.dumps(answer).encode()
    return answer


@given(st.lists(BODIES, min_size=1, max_size=6))
def test_any_messages_are_answered_and_change_nothing_that_is_not_valid(bodies: list[str]) -> None:
    with function() as one:
        call(event("powertools_connect"))
        for body in bodies:
            assert call(event("powertools_message", body=body)) == {"statusCode": 200}
        for row in one.store.room("lobby"):
            assert abs(row.at.x) <= 1_000_000
            assert abs(row.at.y) <= 1_000_000
            row.status.encode()


@pytest.mark.parametrize("secret", ["", "a secret of thirty-two characters, or more"])
@given(query=QUERIES, headers=HEADERS)
def test_any_handshake_is_allowed_denied_or_unauthorized(secret: str, query: dict[str, str], headers: dict[str, str]) -> None:
    with function(**({"LOBBY_SECRET": secret} if secret else {})):
        sent = {**SAMPLES["powertools_authorizer_request"], "queryStringParameters": query, "headers": headers}
        try:
            answer = call(sent)
        except Exception as refused:
            assert str(refused) == "Unauthorized"
            return
        if answer["policyDocument"]["Statement"][0]["Effect"] == "Allow":
            connecting = event("powertools_connect", headers=headers)
            connecting["requestContext"]["authorizer"] = answer["context"]
            assert call(connecting)["statusCode"] == 200
            call(event("powertools_disconnect"))
