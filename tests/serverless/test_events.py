"""AWS's own sample events, to the function: each answered, none raising, also twice, out of order and for nobody we know."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import trading_lobby_ws
from lobby.errors import LobbyError, StoreError
from tests.serverless.cloud import table

SAMPLES = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parents[1] / "emulator/data").glob("*.json")}
CONTEXT = SimpleNamespace(aws_request_id="8f5c3a1e-0000-4000-8000-000000000000")


@pytest.fixture(autouse=True)
def a_table() -> Iterator[None]:
    with table():
        yield


def call(event: dict[str, Any]) -> dict[str, Any]:
    return trading_lobby_ws.handler(event, CONTEXT)


def test_the_samples_are_there() -> None:
    assert len(SAMPLES) >= 6


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_answered_and_so_is_the_same_again(name: str) -> None:
    for _ in range(2):
        answer = call(SAMPLES[name])
        assert "policyDocument" in answer or answer["statusCode"] in (200, 403)


@pytest.mark.parametrize("order", list(itertools.permutations(sorted(SAMPLES), 2)))
def test_samples_may_come_in_any_order(order: tuple[str, str]) -> None:
    for name in order:
        call(SAMPLES[name])
    assert trading_lobby_ws._parts()[0].room("lobby") == []


def test_a_connection_that_no_authorizer_has_seen_is_refused() -> None:
    assert call(SAMPLES["powertools_connect"]) == {"statusCode": 403}


def test_the_authorizer_answers_with_who_it_is() -> None:
    event = {**SAMPLES["powertools_authorizer_request"], "queryStringParameters": {"pid": "ann", "v": "2", "room": "hub"}}
    event["headers"] = {"Host": "lobby.example"}
    answer = call(event)
    assert answer["context"] == {"player_id": "ann", "room": "hub", "v": "2", "name": ""}
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"


def test_a_bad_handshake_is_denied() -> None:
    event = {**SAMPLES["powertools_authorizer_request"], "queryStringParameters": {"pid": "a b"}, "headers": {}}
    assert call(event)["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_a_function_without_its_environment_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOBBY_TABLE")
    with pytest.raises(LobbyError, match="no LOBBY_TABLE"):
        call(SAMPLES["powertools_message"])


def test_a_table_that_is_missing_is_our_failure_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBBY_TABLE", "Nowhere")
    trading_lobby_ws._parts.cache_clear()
    with pytest.raises(StoreError, match="Nowhere"):
        call(SAMPLES["powertools_disconnect"])
