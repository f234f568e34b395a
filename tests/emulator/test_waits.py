"""Slow tables of this machine are not billed, and a machine that cannot keep up is reported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from lobby.emulator import EmulatedStack, Moto, parse, read_stack
from lobby.emulator.function_code import CodeOptions
from lobby.emulator.machine_load import AGAIN_S, Load, MachineLoad, warning
from lobby.emulator.waits import TYPICAL_S, Waits
from tests.emulator.worlds import Meter, heard, until

WRITER = """
import boto3
table = boto3.resource("dynamodb").Table("rows")
table.meta.client.describe_table(TableName="rows")

def handler(event, context):
    if event["requestContext"]["routeKey"] == "$default":
        table.put_item(Item={"id": "a"})
    return {"statusCode": 200, "body": "done"}
"""
STACK = """
Resources:
  Rows:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: rows
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: writer
      Runtime: python3.13
      Handler: index.handler
      Timeout: 30
      Role: arn:aws:iam::123456789012:role/any
      Code: { ZipFile: "" }
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: { Name: rows, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action }
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: { ApiId: !Ref Api, StageName: dev, AutoDeploy: true }
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations
  Default:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: $default
      RouteResponseSelectionExpression: $default
      Target: !Sub integrations/${Integration}
  Answer:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: { ApiId: !Ref Api, RouteId: !Ref Default, RouteResponseKey: $default }
  Permission:
    Type: AWS::Lambda::Permission
    Properties: { FunctionName: !Ref Function, Action: "lambda:InvokeFunction", Principal: apigateway.amazonaws.com }
"""


class SlowMoto(Moto):
    """Tables that need ``seconds`` more for each write."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        if target.endswith("PutItem"):
            await asyncio.sleep(self._seconds)
        return await super().answer(target, body)


def test_what_a_request_takes_longer_than_on_aws_is_a_wait() -> None:
    waits = Waits()
    waits.answered("a", 10.0, 10.0 + TYPICAL_S / 2, 0.0)
    assert waits.take("a") == 0
    waits.answered("a", 10.0, 11.0, 0.0)
    waits.answered("b", 10.0, 11.0, 0.4)
    assert waits.take("a") == pytest.approx(1 - TYPICAL_S)
    assert waits.take("b") == pytest.approx(0.6)
    assert waits.take("a") == 0, "it was taken"


def test_requests_at_the_same_time_count_once() -> None:
    waits = Waits()
    for began, ended in ((10.0, 12.0), (11.0, 13.0), (11.0, 11.5), (20.0, 21.0)):
        waits.answered("a", began, ended, 0.1)
    assert waits.take("a") == pytest.approx(3 - 0.1 + 1 - 0.1)


def test_a_request_of_an_unknown_environment_is_no_wait() -> None:
    waits = Waits()
    waits.answered("", 10.0, 12.0, 0.0)
    assert waits.take("") == 0


async def test_the_time_of_a_slow_table_is_not_billed(tmp_path: Path) -> None:
    """Both runs are billed for less than the slowness of the table alone."""
    slowness_s = 1.0
    definition = read_stack(parse(STACK.replace('ZipFile: ""', f"ZipFile: {json.dumps(WRITER)}")))
    meter = Meter()
    async with EmulatedStack(definition, CodeOptions(tmp_path), SlowMoto(slowness_s), meter=meter, on_log=print) as stack:
        async with connect(stack.url, proxy=None, open_timeout=20) as client:
            for _ in range(2):
                await client.send("{}")
                assert await heard_slowly(client) == "done"
        await until(lambda: len(meter.of("invocation")) == 2)
    for one in meter.of("invocation"):
        assert one["cpu_ms"] <= one["ms"] < slowness_s * 1000


async def heard_slowly(client: Any) -> Any:
    try:
        return await heard(client)
    except TimeoutError:
        return await heard(client)  # boto3 is imported first


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (Load(0.01, 0.01, 0.0), ""),
        (Load(0.31, 0.01, 0.0), "its event loop is 0.31 s late"),
        (Load(0.01, 0.20, 0.0), "a request to the table (moto) takes 0.20 s"),
        (Load(0.01, 0.01, 1.5), "an event waits 1.50 s for a process"),
    ],
)
def test_a_machine_that_cannot_keep_up_is_told_from_one_that_can(load: Load, said: str) -> None:
    text = warning(load, "moto")
    assert said in text
    assert bool(said) == bool(text)
    assert "\n" not in text


def test_the_warning_is_repeated_after_a_minute_at_the_earliest() -> None:
    said: list[str] = []
    load = MachineLoad("moto", said.append)
    judge: Callable[[float], None] = load.judge
    for now in (0.0, 5.0, AGAIN_S - 1, AGAIN_S + 1):
        load.tables.add(0.5)
        judge(now)
    assert len(said) == 2
    judge(2 * AGAIN_S + 2)
    assert len(said) == 2, "without requests there is nothing to warn of"
