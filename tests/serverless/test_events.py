"""AWS's own sample events, to the function: each answered, none raising, also twice, out of order and for nobody we know."""

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
from tests.dynamo import MotoCaller, Streamed
from tests.serverless.cloud import environment
from tests.simulation import Inboxes

SAMPLES = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parents[1] / "emulator/data").glob("*.json")}
CONTEXT = SimpleNamespace(aws_request_id="8f5c3a1e-0000-4000-8000-000000000000", get_remaining_time_in_millis=lambda: 6_000)
VARIABLES = {"LOBBY_TABLE": "LobbyConnections-test", "LOBBY_ENDPOINT": "http://127.0.0.1:1/dev", "AWS_REGION": "us-east-1"}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An environment of the function with its table in moto, and posts that arrive nowhere."""
    with environment():
        for name, value in VARIABLES.items():
            monkeypatch.setenv(name, value)
        one = trading_lobby_ws._Environment(CONTEXT)
        one.store, one.gateway = Streamed(), Inboxes()  # type: ignore[assignment]
        trading_lobby_ws._kept[threading.get_ident()] = one
        yield one


def call(event: dict[str, Any]) -> dict[str, Any]:
    return trading_lobby_ws.handler(event, CONTEXT)


def test_the_samples_are_there() -> None:
    assert len(SAMPLES) == 7


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_answered_and_so_is_the_same_again(name: str, kept: Any) -> None:
    for _ in range(2):
        answer = call(SAMPLES[name])
        assert "policyDocument" in answer or answer["statusCode"] in (200, 403)


@pytest.mark.parametrize("order", list(itertools.permutations(sorted(SAMPLES), 2)))
def test_samples_may_come_in_any_order(order: tuple[str, str], kept: Any) -> None:
    for name in order:
        call(SAMPLES[name])
    assert kept.store.room("lobby") == []


def test_a_connection_that_no_authorizer_of_ours_has_seen_is_refused(kept: Any) -> None:
    for name in ("powertools_connect", "lambda_go_connect_synthetic"):
        assert call(SAMPLES[name]) == {"statusCode": 403}


def test_the_authorizer_answers_with_who_it_is(kept: Any) -> None:
    event = {**SAMPLES["powertools_authorizer_request"], "queryStringParameters": {"pid": "ann", "v": "2", "room": "hub"}}
    event["headers"] = {"Host": "lobby.example"}
    answer = call(event)
    assert answer["context"] == {"player_id": "ann", "room": "hub", "v": "2", "name": ""}
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def test_a_bad_handshake_is_denied(kept: Any) -> None:
    event = {**SAMPLES["powertools_authorizer_request"], "queryStringParameters": {"pid": "a b"}, "headers": {}}
    assert call(event)["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_a_connection_that_is_known_may_connect_speak_and_go(kept: Any) -> None:
    def event(sample: str, **more: Any) -> dict[str, Any]:
        said = SAMPLES[sample]
        context = {**said["requestContext"], "connectionId": "L0SM9cOFvHcCIhw=", "authorizer": {"player_id": "ann", "v": "2"}}
        return {**said, "requestContext": context, **more}

    assert call(event("powertools_connect")) == {"statusCode": 200}
    assert call(event("powertools_message", body='{"action":"pos","x":1,"y":2}')) == {"statusCode": 200}
    [row] = kept.store.room("lobby")
    assert (row.player, row.at.x, row.at.y) == ("ann", 1, 2)
    call(event("powertools_message", body='{"action":"fly"}'))
    error = m.decode(kept.gateway.frames["L0SM9cOFvHcCIhw="][-1])
    assert isinstance(error, m.Error)
    assert error.code == "unknown_action"
    call(event("powertools_disconnect"))
    assert kept.store.room("lobby") == []


def test_metrics_are_gathered_and_written_in_one_line(kept: Any, capsys: pytest.CaptureFixture[str]) -> None:
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
        ({"LOBBY_WINDOW_MS": "5000"}, "A window of 5000 ms needs a timeout of 8.0 s or more"),
    ],
)
def test_a_function_whose_environment_is_wrong_says_what_is_wrong(
    variables: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with environment():
        for name, value in {**VARIABLES, **variables}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(LobbyError, match=sentence):
            call(SAMPLES["powertools_message"])


def test_a_table_that_is_missing_is_our_failure_and_named(kept: Any) -> None:
    kept.store = DynamoStore(MotoCaller(), "Nowhere")
    with pytest.raises(StoreError, match="Nowhere"):
        call(SAMPLES["powertools_disconnect"])
