"""The metrics that CloudWatch would have: those of functions, from their logs, and those of AWS, from the meter."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lobby.cloudformation.lobby_template import lobby_template
from lobby.emulator import EmulatedStack, Moto, parse, read_stack
from lobby.emulator.cloudwatch import KEEP_S, CloudWatch, Metric
from lobby.emulator.emulated_stack import ACCESS_KEY, SECRET_KEY
from lobby.serverless.aws.signing import Credentials, sign
from lobby.telemetry import METRICS, Metrics
from tests.emulator.worlds import Clock

API = {"ApiId": "abc", "Stage": "dev"}
HOUR_S = 3600


def cloudwatch() -> tuple[CloudWatch, Clock]:
    clock = Clock()
    clock.now = 1_800_000_000.0
    return CloudWatch(clock, API), clock


def series(it: CloudWatch, namespace: str, name: str, stat: str, **dimensions: str) -> list[float]:
    metric = Metric(namespace, name, frozenset(dimensions.items()))
    return [value for _, value in it.statistic(metric, stat, 1_800_000_000 - HOUR_S, 1_800_000_000 + HOUR_S, 2 * HOUR_S)]


def test_metrics_are_read_from_the_log_of_a_function() -> None:
    it, clock = cloudwatch()
    ours = Metrics("dev")
    for name in METRICS:
        for value in (1, 2):
            ours.measured(name, value)
    line = ours.line(int(clock.now * 1000))
    assert line is not None
    it.read_log(line)
    assert {metric.name for metric in it.metrics} == set(METRICS)
    assert all(metric.is_custom for metric in it.metrics)
    assert series(it, "Lobby", "joins", "Sum", Stage="dev") == [3]
    assert series(it, "Lobby", "joins", "SampleCount", Stage="dev") == [1]
    assert series(it, "Lobby", "handler_ms", "SampleCount", Stage="dev") == [2]
    assert series(it, "Lobby", "joins", "Sum", Stage="prod") == []


@pytest.mark.parametrize(
    "line", ["a word", "{}", "[]", '{"_aws": {}}', '{"_aws": 1}', '{"event": "joined", "room": "lobby"}', ""]
)
def test_any_other_line_is_no_measurement(line: str) -> None:
    it, _ = cloudwatch()
    it.read_log(line)
    assert it.metrics == []


@pytest.mark.parametrize(
    ("stat", "value"),
    [
        ("Sum", 145),
        ("SampleCount", 10),
        ("Average", 14.5),
        ("Minimum", 1),
        ("Maximum", 100),
        ("p50", 5),
        ("p90", 9),
        ("p99", 100),
    ],
)
def test_statistics_are_those_of_all_values(stat: str, value: float) -> None:
    it, _ = cloudwatch()
    for number in (*range(1, 10), 100):
        it.put("Mine", "size", {}, number)
    assert series(it, "Mine", "size", stat) == [value]


def test_periods_begin_where_one_looks_from_and_empty_ones_are_left_out() -> None:
    it, clock = cloudwatch()
    for at_s in (0, 59, 60, 240):
        it.put("Mine", "size", {}, 1, at_s=clock.now + at_s)
    metric = Metric("Mine", "size", frozenset())
    found = it.statistic(metric, "Sum", clock.now, clock.now + 300, 120)
    assert found == [(clock.now, 3), (clock.now + 240, 1)]
    assert it.statistic(metric, "Sum", clock.now, clock.now + 60, 60) == [(clock.now, 2)]


def test_an_unknown_statistic_is_an_error() -> None:
    it, _ = cloudwatch()
    it.put("Mine", "size", {}, 1)
    with pytest.raises(ValueError, match="The statistic tm90 is not supported"):
        series(it, "Mine", "size", "tm90")


def test_old_values_are_deleted() -> None:
    it, clock = cloudwatch()
    it.put("Mine", "size", {}, 1)
    clock.now += KEEP_S + 61
    it.put("Mine", "size", {}, 1)
    it.put("Mine", "size", {}, 1, at_s=1_800_000_000)
    assert series(it, "Mine", "size", "Sum") == []


def test_metered_events_have_the_metric_names_of_aws() -> None:
    it, _ = cloudwatch()
    work = {"function": "f", "event": "pos", "memory_mb": 1769, "cold": 0}
    it.meter("invocation", **work, ms=10.2, cpu_ms=2.0, init_ms=100.0, failed=0)
    it.meter("invocation", **work, ms=1.0, cpu_ms=1.0, init_ms=0.0, failed=1)
    it.meter("throttled", function="f")
    it.meter("message_in", bytes=10)
    it.meter("message_out", bytes=10)
    it.meter("post", status=200, bytes=10)
    it.meter("table", table="t", operation="Query", reads=4.0, writes=0.0, status="200")
    it.meter("table", table="t", operation="PutItem", reads=0.0, writes=2.0, status="400")
    it.meter("table", table="t", operation="PutItem", reads=0.0, writes=0.0, status="throttled")
    it.meter("log", function="f", bytes=100)
    found = {
        (metric.namespace.removeprefix("AWS/"), metric.name): series(
            it, metric.namespace, metric.name, "Sum", **dict(metric.dimensions)
        )
        for metric in it.metrics
    }
    assert found == {
        ("ApiGateway", "MessageCount"): [2],
        ("DynamoDB", "ConsumedReadCapacityUnits"): [4],
        ("DynamoDB", "ConsumedWriteCapacityUnits"): [2],
        ("DynamoDB", "WriteThrottleEvents"): [1],
        ("Lambda", "Duration"): [12],  # without the start, which AWS does not count either
        ("Lambda", "Errors"): [1],
        ("Lambda", "Invocations"): [2],
        ("Lambda", "Throttles"): [1],
        ("Logs", "IncomingBytes"): [100],
    }
    assert not any(metric.is_custom for metric in it.metrics)


# ── over HTTP ───────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def emulated() -> AsyncIterator[EmulatedStack]:
    stack = read_stack(parse(lobby_template()), {"Secret": "s" * 32}, name="lobby-dev")
    async with EmulatedStack(stack, {name: lambda event, context: {} for name in stack.functions}, Moto()) as it:
        yield it


def boto(it: EmulatedStack, service: str, secret: str = "") -> Any:
    return boto3.client(
        service,
        endpoint_url=it.aws,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret or SECRET_KEY,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


async def ask(client: Any, operation: str, **arguments: Any) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = await asyncio.to_thread(getattr(client, operation), **arguments)
    finally:
        client.close()
    return answer


def query(name: str, stat: str, **dimensions: str) -> dict[str, Any]:
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": "Mine", "MetricName": name, "Dimensions": pairs}
    return {"Id": "it", "MetricStat": {"Metric": metric, "Period": 300, "Stat": stat}}


async def test_boto3_puts_lists_and_gets_metrics() -> None:
    async with emulated() as it:
        now = datetime.now(UTC)
        data = [
            {
                "MetricName": "size",
                "Dimensions": [{"Name": "Kind", "Value": "a"}],
                "Values": [1.0, 9.0],
                "Counts": [3.0, 1.0],
            },
            {"MetricName": "size", "Value": 5.0, "Timestamp": now},
        ]
        await ask(boto(it, "cloudwatch"), "put_metric_data", Namespace="Mine", MetricData=data)
        listed = await ask(boto(it, "cloudwatch"), "list_metrics", Namespace="Mine", MetricName="size")
        assert [one["Dimensions"] for one in listed["Metrics"]] == [[], [{"Name": "Kind", "Value": "a"}]]
        span = {"StartTime": now - timedelta(minutes=3), "EndTime": now + timedelta(minutes=1)}
        for stat, value in (("Sum", 12.0), ("p50", 1.0), ("p99", 9.0)):
            asked = [query("size", stat, Kind="a")]
            got = await ask(boto(it, "cloudwatch"), "get_metric_data", MetricDataQueries=asked, **span)
            [result] = got["MetricDataResults"]
            assert (result["Id"], result["Values"], result["StatusCode"]) == ("it", [value], "Complete")
            assert result["Timestamps"] == [span["StartTime"].replace(second=0, microsecond=0)]


async def test_boto3_reads_the_account_and_the_stack() -> None:
    async with emulated() as it:
        assert (await ask(boto(it, "sts"), "get_caller_identity"))["Account"] == "123456789012"
        [stack] = (await ask(boto(it, "cloudformation"), "describe_stacks", StackName="lobby-dev"))["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        assert outputs["TableName"] == "LobbyConnections-dev"
        assert outputs["WebSocketUrl"].startswith("ws://127.0.0.1:")
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
        assert (parameters["MemoryMb"], parameters["Secret"]) == ("512", "****")
        with pytest.raises(ClientError, match="Stack with id lobby-prod does not exist"):
            await ask(boto(it, "cloudformation"), "describe_stacks", StackName="lobby-prod")


@pytest.mark.parametrize("service", ["sts", "cloudwatch", "cloudformation"])
async def test_wrong_keys_are_refused(service: str) -> None:
    operation = {"sts": "get_caller_identity", "cloudwatch": "list_metrics", "cloudformation": "describe_stacks"}[service]

    async with emulated() as it:
        with pytest.raises(ClientError, match="InvalidSignatureException"):
            await ask(boto(it, service, secret="another"), operation)


async def test_unsupported_requests_are_refused() -> None:
    async with emulated() as it:
        with pytest.raises(ClientError, match="not emulated: cloudwatch DescribeAlarms"):
            await ask(boto(it, "cloudwatch"), "describe_alarms")
        now = datetime.now(UTC)
        span = {"StartTime": now - timedelta(minutes=3), "EndTime": now}
        math = {"Id": "it", "Expression": "1 + 1", "Period": 60}
        with pytest.raises(ClientError, match="Metric math is not supported"):
            await ask(boto(it, "cloudwatch"), "get_metric_data", MetricDataQueries=[math], **span)
        it.metrics.put("Mine", "size", {}, 1)
        asked = [query("size", "TM(10%:90%)")]
        with pytest.raises(ClientError, match="The statistic TM"):
            await ask(boto(it, "cloudwatch"), "get_metric_data", MetricDataQueries=asked, **span)
        with pytest.raises(ClientError, match="not emulated: sns ListTopics"):
            await ask(boto(it, "sns"), "list_topics")


async def test_older_clients_ask_cloudwatch_by_the_query_protocol() -> None:
    async with emulated() as it:
        it.metrics.put("Mine", "size", {"Kind": "a"}, 5)
        body = urllib.parse.urlencode({"Action": "ListMetrics", "Version": "2010-08-01"}).encode()
        headers = sign(
            "POST",
            it.aws.removeprefix("http://"),
            "/",
            "",
            {"Content-Type": "application/x-www-form-urlencoded"},
            body,
            credentials=Credentials(ACCESS_KEY, SECRET_KEY),
            region="us-east-1",
            service="monitoring",
            now=time.time(),
        )

        def post() -> str:
            request = urllib.request.Request(it.aws + "/", body, headers)
            with urllib.request.urlopen(request, timeout=5) as answer:
                return str(answer.read().decode())

        said = await asyncio.to_thread(post)
        assert "<MetricName>size</MetricName>" in said
        assert "<Value>a</Value>" in said


async def test_a_log_line_is_metered_read_for_metrics_and_passed_on() -> None:
    heard: list[str] = []
    stack = read_stack(parse(lobby_template()))
    it = EmulatedStack(stack, {name: lambda event, context: {} for name in stack.functions}, Moto(), on_log=heard.append)
    line = Metrics("dev")
    line.measured("joins", 1)
    written = line.line(int(time.time() * 1000))
    assert written is not None
    it.function_logged("lobby-websocket-dev", written)
    assert heard == [written]
    assert {(metric.namespace, metric.name) for metric in it.metrics.metrics} == {
        ("AWS/Logs", "IncomingBytes"),
        ("Lobby", "joins"),
    }
    assert json.loads(written)["joins"] == 1
