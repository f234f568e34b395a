"""One call of DynamoDB: its answer, its errors, and when it is retried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lobby.errors import LobbyError
from lobby.serverless.aws import CallFailed, DynamoDB, ServiceClient, dynamodb_endpoint
from tests.serverless.aws.servers import KEYS, Behaviour, Server, ServerSide, dynamodb, echoing, ending

REFUSED = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
THROTTLED = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"


class Pauses(list[float]):
    """Keeps the length of each wait, and does not wait."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@contextmanager
def table(*behaviours: Behaviour) -> Iterator[tuple[DynamoDB, Server, Pauses]]:
    pauses = Pauses()
    with Server(*behaviours) as server, ServiceClient("dynamodb", server.endpoint, environment=KEYS) as client:
        yield DynamoDB(client, wait=pauses, chance=lambda: 0.5), server, pauses


def answering(*answers: tuple[int, str]) -> Behaviour:
    """Sends one answer after the other, and repeats the last one."""

    def behaviour(server_side: ServerSide) -> None:
        for status, body in [*answers, *[answers[-1]] * 10]:
            server_side.receive()
            server_side.answer(body.encode(), status)

    return behaviour


def failed(call: DynamoDB, operation: str = "PutItem") -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        call.call(operation, {})
    return raised.value


def test_a_call_is_json_and_its_answer_is_json() -> None:
    received = []

    def behaviour(server_side: ServerSide) -> None:
        received.append(server_side.receive())
        server_side.answer('{"Item":{"name":{"S":"Änn"}}}'.encode())

    with table(behaviour) as (aws, _, _):
        assert aws.call("GetItem", {"TableName": "T", "Key": {"name": {"S": "Änn"}}}) == {"Item": {"name": {"S": "Änn"}}}
    [(method, target, headers, body)] = received
    assert (method, target) == ("POST", "/")
    assert (headers["x-amz-target"], headers["content-type"]) == ("DynamoDB_20120810.GetItem", "application/x-amz-json-1.0")
    assert json.loads(body) == {"TableName": "T", "Key": {"name": {"S": "Änn"}}}


def test_a_refusal_has_a_code_and_is_final() -> None:
    body = {"__type": REFUSED, "message": "The conditional request failed", "Item": {"n": {"N": "1"}}}
    with table(answering((400, json.dumps(body)))) as (aws, _, pauses):
        error = failed(aws, "UpdateItem")
    assert (error.code, error.message, error.status) == (
        "ConditionalCheckFailedException",
        "The conditional request failed",
        400,
    )
    assert error.body["Item"] == {"n": {"N": "1"}}
    assert str(error) == "UpdateItem failed: ConditionalCheckFailedException, The conditional request failed"
    assert isinstance(error, LobbyError)
    assert not error.may_pass
    assert pauses == []


@pytest.mark.parametrize(
    "passing",
    [
        (400, json.dumps({"__type": THROTTLED})),
        (400, json.dumps({"__type": "com.amazon.coral.availability#ThrottlingException"})),
        (400, json.dumps({"__type": "RequestLimitExceeded", "Message": "slow down"})),
        (500, json.dumps({"__type": "InternalServerError"})),
        (503, "<html>"),
    ],
)
def test_an_error_that_may_pass_is_retried_twice_after_short_pauses(passing: tuple[int, str]) -> None:
    with table(answering(passing, passing, (200, '{"a":1}'))) as (aws, _, pauses):
        assert aws.call("PutItem", {}) == {"a": 1}
        assert pauses == [0.0125, 0.025]
    with table(answering(passing)) as (aws, _, pauses):
        assert failed(aws).may_pass
        assert len(pauses) == 2


def test_a_call_is_retried_after_its_connection_ended() -> None:
    with table(ending(b""), ending(b""), answering((200, "{}"))) as (aws, server, pauses):
        assert aws.call("PutItem", {}) == {}
        assert (server.connections, len(pauses)) == (3, 2)
    with table(ending(b"")) as (aws, server, _):
        error = failed(aws)
    assert (error.code, error.status, error.body) == ("Unreachable", 0, {})
    assert str(error) == "PutItem failed: Unreachable, the connection ended before an answer"


@pytest.mark.parametrize(
    ("status", "body", "code"), [(403, "<html>", "HTTP 403"), (400, "{}", "HTTP 400"), (200, "[]", "HTTP 200")]
)
def test_an_answer_that_is_not_of_dynamodb_is_an_error_and_final(status: int, body: str, code: str) -> None:
    with table(answering((status, body))) as (aws, _, pauses):
        error = failed(aws)
    assert (error.code, error.status, pauses) == (code, status, [])


def test_a_call_without_credentials_is_not_retried() -> None:
    pauses = Pauses()
    with Server(echoing) as server, ServiceClient("dynamodb", server.endpoint, environment={}) as client:
        with pytest.raises(LobbyError, match="no AWS_ACCESS_KEY_ID"):
            DynamoDB(client, wait=pauses).call("PutItem", {})
    assert pauses == []


def test_a_table_is_written_and_read_as_with_boto3() -> None:
    with mock_aws(), dynamodb() as server, ServiceClient("dynamodb", server.endpoint, environment=KEYS) as client:
        aws = DynamoDB(client)
        theirs = boto3.client("dynamodb", KEYS["AWS_REGION"], aws_access_key_id="k", aws_secret_access_key="s")
        theirs.create_table(
            TableName="T",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        item = {"id": {"S": "ann 🚀"}, "x": {"N": "-0.1"}}
        aws.call("PutItem", {"TableName": "T", "Item": item})
        assert theirs.get_item(TableName="T", Key={"id": item["id"]})["Item"] == item
        newer: dict[str, Any] = {
            "TableName": "T",
            "Key": {"id": item["id"]},
            "UpdateExpression": "SET x = :x",
            "ConditionExpression": "x < :x",
            "ExpressionAttributeValues": {":x": {"N": "7"}},
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        written = {**item, "x": {"N": "7"}}
        assert aws.call("UpdateItem", newer)["Attributes"] == written
        with pytest.raises(CallFailed) as raised:
            aws.call("UpdateItem", newer)
        assert raised.value.code == "ConditionalCheckFailedException"
        assert raised.value.body["Item"] == written
        assert server.connections == 1


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({"AWS_REGION": "eu-central-1"}, "https://dynamodb.eu-central-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "https://dynamodb.us-east-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "https://dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "http://127.0.0.1:4566"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_DYNAMODB": "http://b", "AWS_REGION": "r"}, "http://b"),
    ],
)
def test_the_endpoint_is_the_same_as_that_of_boto3(
    environment: dict[str, str], endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dynamodb_endpoint(environment) == endpoint
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"AWS_DEFAULT_REGION": environment.get("AWS_REGION", "us-east-1")} | environment).items():
        monkeypatch.setenv(name, value)
    theirs = boto3.session.Session(aws_access_key_id="k", aws_secret_access_key="s").client("dynamodb")
    assert theirs.meta.endpoint_url == endpoint
    theirs.close()


def test_without_a_region_there_is_no_endpoint() -> None:
    with pytest.raises(LobbyError, match="no AWS_REGION and no AWS_DEFAULT_REGION"):
        dynamodb_endpoint({})
