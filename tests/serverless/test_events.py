"""Sample events of AWS: the function answers each one and raises for none, also twice, in any order, and without a row."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import trading_lobby_ws
from lobby import messages as m
from lobby.errors import LobbyError, StoreError
from lobby.serverless.dynamodb import DynamoStore
from tests.dynamo import MotoCaller, MotoStore
from tests.serverless.emulated_lobby import environment
from tests.simulation import Inboxes

SAMPLES = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parents[1] / "emulator/data").glob("*.json")}
CONTEXT = SimpleNamespace(aws_request_id="8f5c3a1e-0000-4000-8000-000000000000", get_remaining_time_in_millis=lambda: 6_000)
VARIABLES = {"LOBBY_TABLE": "LobbyConnections-test", "LOBBY_ENDPOINT": "http://127.0.0.1:1/dev", "AWS_REGION": "us-east-1"}


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An environment of the function with its table in moto, and inboxes for posts."""
    with environment():
        for name, value in VARIABLES.items():
            monkeypatch.setenv(name, value)
        one = trading_lobby_ws.FunctionEnvironment(CONTEXT)
        one.store, one.gateway = MotoStore(), Inboxes()  # type: ignore[assignment]
        trading_lobby_ws.environments[threading.get_ident()] = one
        yield one


def call(event: dict[str, Any]) -> dict[str, Any]:
    return trading_lobby_ws.handler(event, CONTEXT)


def test_there_are_seven_samples() -> None:
    assert len(SAMPLES) == 7


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_gets_the_same_answer_twice(name: str, function: Any) -> None:
    for _ in range(2):
        answer = call(SAMPLES[name])
        if name == "powertools_authorizer_request":
            assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
        else:
            # The authorizer of a lobby has admitted none of these connections, so a connect is refused.
            is_connect = SAMPLES[name]["requestContext"]["eventType"] == "CONNECT"
            assert answer == {"statusCode": 403 if is_connect else 200}


@pytest.mark.parametrize("order", list(itertools.permutations(sorted(SAMPLES), 2)))
def test_samples_may_arrive_in_any_order(order: tuple[str, str], function: Any) -> None:
    for name in order:
        call(SAMPLES[name])
    assert function.store.room("lobby") == []


def test_a_connect_without_data_of_the_authorizer_is_refused(function: Any) -> None:
    for name in ("powertools_connect", "lambda_go_connect_synthetic"):
        assert call(SAMPLES[name]) == {"statusCode": 403}


def test_the_authorizer_answers_with_player_room_and_version(function: Any) -> None:
    event = {**SAMPLES["powertools_authorizer_request"], "queryStringParameters": {"pid": "ann", "v": "2", "room": "hub"}}
    event["headers"] = {"Host": "lobby.example"}
    answer = call(event)
    assert answer["context"] == {"player_id": "ann", "room": "hub", "v": "2", "name": ""}
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def test_a_bad_handshake_is_denied(function: Any) -> None:
    event = {**SAMPLES["powertools_authorizer_request"], "queryStringParameters": {"pid": "a b"}, "headers": {}}
    assert call(event)["policyDocument"]["Statement"][0]["Effect"] == "Deny"


@pytest.mark.parametrize(("offered", "selected"), [("lobby", "lobby"), ("a, b", "a"), ("", None), (" ", None)])
def test_the_first_subprotocol_that_a_client_offers_is_selected(offered: str, selected: str | None, function: Any) -> None:
    body = SAMPLES["powertools_connect"]
    context = {**body["requestContext"], "authorizer": {"player_id": "ann", "v": "2"}}
    answer = call({**body, "requestContext": context, "headers": {"sec-websocket-PROTOCOL": offered}})
    assert answer["statusCode"] == 200
    assert answer.get("headers") == ({"Sec-WebSocket-Protocol": selected} if selected else None)


def test_an_authorized_connection_may_connect_send_and_disconnect(function: Any) -> None:
    def event(sample: str, **more: Any) -> dict[str, Any]:
        body = SAMPLES[sample]
        context = {**body["requestContext"], "connectionId": "L0SM9cOFvHcCIhw=", "authorizer": {"player_id": "ann", "v": "2"}}
        return {**body, "requestContext": context, **more}

    assert call(event("powertools_connect")) == {"statusCode": 200}
    assert call(event("powertools_message", body='{"action":"pos","x":1,"y":2}')) == {"statusCode": 200}
    [row] = function.store.room("lobby")
    assert (row.player, row.at.x, row.at.y) == ("ann", 1, 2)
    call(event("powertools_message", body='{"action":"fly"}'))
    error = m.decode(function.gateway.frames["L0SM9cOFvHcCIhw="][-1])
    assert isinstance(error, m.Error)
    assert error.code == "unknown_action"
    call(event("powertools_disconnect"))
    assert function.store.room("lobby") == []


def test_metrics_are_collected_and_written_in_one_line(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(120):
        call(SAMPLES["powertools_disconnect"])
    [line] = capsys.readouterr().out.splitlines()
    written = json.loads(line)
    assert written["Stage"] == "dev"
    assert len(written["handler_ms"]) == 100
    [directive] = written["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Lobby", [["Stage"]])
    assert {"Name": "handler_ms", "Unit": "Milliseconds"} in directive["Metrics"]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"LOBBY_TABLE": ""}, "lacks LOBBY_TABLE"),
        ({"LOBBY_ENDPOINT": ""}, "lacks LOBBY_ENDPOINT"),
        ({"LOBBY_WINDOW_MS": "x"}, "LOBBY_WINDOW_MS is 'x'"),
        ({"LOBBY_WINDOW_MS": "5000"}, "A window of 5000 ms needs a timeout of 7.0 s or more"),
    ],
)
def test_a_wrong_variable_of_the_environment_is_named_in_the_error(
    variables: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with environment():
        for name, value in {**VARIABLES, **variables}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(LobbyError, match=sentence):
            call(SAMPLES["powertools_message"])


def test_a_missing_table_raises_a_store_error_that_names_it(function: Any) -> None:
    function.store = DynamoStore(MotoCaller(), "Nowhere")
    with pytest.raises(StoreError, match="Nowhere"):
        call(SAMPLES["powertools_disconnect"])
