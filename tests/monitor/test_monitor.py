"""Monitoring a lobby: what is read, shown and estimated, and the messages if there is nothing to show."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions as b
from click.testing import CliRunner
from rich.console import Console

import trading_lobby_ws
from lobby.billing import MONTH_HOURS, PRICES
from lobby.cloudformation.lobby_template import lobby_template
from lobby.cloudformation.resolving import resolve
from lobby.deploy.aws import Aws, AwsRequestError
from lobby.emulator import Meter, no_meter, parse
from lobby.emulator.metering import Metering
from lobby.errors import LobbyError
from lobby.monitor import command as module
from lobby.monitor.command import command, emulated
from lobby.monitor.reading import (
    ALARMS,
    PUBLISHED,
    QUERIES,
    Figures,
    Lobby,
    estimate,
    find_lobby,
    publish,
    read_figures,
    read_presences,
    read_report,
)
from lobby.monitor.screen import GROUPS, as_json, render
from lobby.presence import Position, Presence
from lobby.serverless.dynamodb import item_of
from lobby.telemetry import METRICS, Metrics
from tests.deploy.clouds import OUTPUTS, REGION, CloudFormation, Session, client, refused
from tests.emulator.worlds import until
from tests.hosts import run
from tests.infrastructure.traps import EVERYTHING, of_type
from tests.serverless.emulated_lobby import EmulatedLobby, emulated_lobby

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/monitoring/lobby-metrics.py"
NOW = time.time()
NOTHING: Figures = dict.fromkeys(QUERIES)
IT = Lobby("dev", "LobbyConnections-dev", "lobby-websocket-dev", "abc", "/aws/lambda/lobby-websocket-dev", 512, 1, 0)


@asynccontextmanager
async def looked_after(meter: Meter = no_meter) -> AsyncIterator[tuple[EmulatedLobby, Aws]]:
    """A lobby on loopback, and a client of its emulated services."""
    with pytest.MonkeyPatch.context() as patch:
        # The function runs in threads of this process; its log is not for what commands print.
        patch.setattr(trading_lobby_ws, "print", lambda *_, **__: None, raising=False)
        async with emulated_lobby(meter) as there:
            aws = await asyncio.to_thread(emulated, there.stack.aws)
            yield there, aws
            for one in aws._clients.values():
                one._client.close()


def shown(report: Any) -> str:
    console = Console(width=100, file=io.StringIO())
    console.print(render(report))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


# ── a lobby that runs ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_report_of_a_running_lobby_agrees_with_its_meter() -> None:
    metering = Metering(time.time)
    async with looked_after(metering) as (there, aws):
        ann, bob = await there.enter(pid="ann", v=2, name="Ann"), await there.enter(pid="bob", v=2, room="hub")
        for player in (ann, bob):
            await player.receive("config")
        await ann.send(action="pos", x=12.5, y=8.3)
        await ann.send(action="ping", t=1)
        await ann.receive("pong")
        line = Metrics("dev")
        for name in METRICS:
            line.measured(name, 3)
        there.stack.function_logged("lobby-websocket-dev", line.line(int(time.time() * 1000)) or "")
        await until(lambda: not any(pool._busy for pool in there.stack._functions.values()))
        before = metering.usage
        report = await asyncio.to_thread(lambda: read_report(aws, find_lobby(aws, "dev"), minutes=5, late_s=0))
        assert {room: [row.player for row in rows] for room, rows in report.presences.rooms.items()} == {
            "hub": ["bob"],
            "lobby": ["ann"],
        }
        assert report.presences.scanned
        assert report.has_metrics
        found = report.figures
        assert {name for name in METRICS if found.get(name, found.get(f"{name}_p50")) == 3} == set(METRICS)
        assert found["messages_billed"] == before.messages_in + before.messages_out
        assert found["invocations"] == before.invocations
        assert found["write_units"] == before.write_units
        # its own Scan stands on the bill, too
        assert found["read_units"] == before.read_units + report.presences.read_units
        assert found["log_bytes"] == before.log_bytes
        billed = {line.name: line.quantity for line in report.bill.lines}
        assert billed["WebSocket messages"] == found["messages_billed"]
        assert billed["Lambda time, arm64"] == pytest.approx(before.gb_ms / 1000, rel=0.01)
        assert billed["connection time"] == 2 * 5
        assert billed[PRICES["metrics"].name] == pytest.approx(len(METRICS) * (5 / 60) / MONTH_HOURS)
        text = shown(report)
        for part in (
            "2 players in 2 rooms now",
            "A Scan of the table LobbyConnections-dev consumed 0.5 read units",
            "Ann",
            "p99 3",
            "list prices",
            "per month",
        ):
            assert part in text
        data = json.loads(json.dumps(as_json(report)))
        assert data["here"]["rooms"]["lobby"][0]["player"] == "ann"
        assert data["bill"]["per_day"] == pytest.approx(data["bill"]["per_hour"] * 24)
        assert "scanned" in data["here"]
        assert set(data["metrics"]) == set(QUERIES)


async def test_one_room_is_asked_for_and_its_players_are_shown_one_by_one() -> None:
    async with looked_after() as (there, aws):
        ann = await there.enter(pid="ann", v=2)
        await (await there.enter(pid="bob", v=2, room="hub")).receive("config")
        await ann.receive("config")
        await ann.send(action="status", status="[trading]")
        await ann.receive("status")
        report = await asyncio.to_thread(lambda: read_report(aws, find_lobby(aws, "dev"), room="lobby", minutes=5, late_s=0))
        assert [row.player for row in report.presences.rows] == ["ann"]
        assert not report.presences.scanned
        text = shown(report)
        for part in ("1 player in 1 room now", "A Query for the room lobby", "[trading]"):
            assert part in text
        assert "bob" not in text


async def test_players_and_rooms_are_published_with_the_stage_as_their_only_dimension() -> None:
    async with looked_after() as (there, aws):
        for player in ("ann", "bob"):
            await (await there.enter(pid=player, v=2, room=player)).receive("config")

        def publishes() -> dict[str, int]:
            it = find_lobby(aws, "dev")
            return publish(aws, it, read_presences(aws, it.table))

        assert await asyncio.to_thread(publishes) == {"players_total": 2, "rooms": 2}
        ours = [metric for metric in there.stack.metrics.metrics if metric.namespace == "Lobby"]
        assert {metric.name for metric in ours} == set(PUBLISHED)
        assert all(metric.dimensions == {("Stage", "dev")} for metric in ours)


def test_the_policy_of_the_page_allows_exactly_the_called_operations() -> None:
    page = (ROOT / "docs/permissions.md").read_text()
    [policy] = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", page, re.M | re.S)]
    called: set[str] = set()

    async def test() -> None:
        async with looked_after() as (there, aws):
            await (await there.enter(pid="ann", v=2)).receive("config")

            def note(model: Any, **_: Any) -> None:
                called.add(f"{model.service_model.service_name}:{model.name}")

            for service in ("cloudformation", "dynamodb", "cloudwatch"):
                aws.client(service)._client.meta.events.register("before-call", note)

            def everything() -> None:
                it = find_lobby(aws, "dev")
                read_report(aws, it, minutes=5, late_s=0)
                publish(aws, it, read_presences(aws, it.table, "lobby"))

            await asyncio.to_thread(everything)

    run(test())
    assert {action for statement in policy["Statement"] for action in statement["Action"]} == called
    for statement in policy["Statement"]:
        if statement["Resource"] != "*":
            assert re.fullmatch(
                r"arn:aws:(dynamodb|cloudformation):REGION:ACCOUNT:\w+/[\w-]+-STAGE(/\*)?", statement["Resource"]
            )
        else:  # CloudWatch knows no resources
            assert all(action.startswith("cloudwatch:") for action in statement["Action"])
    [put] = [one for one in policy["Statement"] if "cloudwatch:PutMetricData" in one["Action"]]
    assert put["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Lobby"}}


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def rows(count: int, rooms: int = 3) -> list[Presence]:
    return [
        Presence(
            f"room{number % rooms}",
            f"c{number:04}=",
            f"p{number}",
            joined_ms=1,
            seen_ms=int(NOW * 1000),
            at=Position(number, 0),
        )
        for number in range(count)
    ]


@pytest.fixture
def table(account: None) -> Any:
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName=IT.table,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("room", "connectionId")],
        KeySchema=[{"AttributeName": "room", "KeyType": "HASH"}, {"AttributeName": "connectionId", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


def test_expired_rows_and_items_of_rooms_are_no_players_and_two_connections_are_one_player(table: Any) -> None:
    old = Presence("room0", "old=", "ghost", seen_ms=1)
    twice = rows(1)[0]._replace(connection="c9=", joined_ms=2)
    for row in (*rows(4), old, twice):
        table.put_item(TableName=IT.table, Item=item_of(row))
    table.put_item(
        TableName=IT.table, Item={"room": {"S": "room0"}, "connectionId": {"S": "#floor"}, "ttl": {"N": "9999999999"}}
    )
    here = read_presences(Aws(Session(), REGION), IT.table)
    assert {room: sorted(row.player for row in players) for room, players in here.rooms.items()} == {
        "room0": ["p0", "p3"],
        "room1": ["p1"],
        "room2": ["p2"],
    }
    assert list(here.rooms) == ["room0", "room1", "room2"]
    assert (here.players, len(here.rows)) == (4, 5)
    asked = read_presences(Aws(Session(), REGION), IT.table, "room0")
    assert sorted(row.connection for row in asked.rows) == ["c0000=", "c0003=", "c9="]
    assert not asked.scanned


class Pages:
    """A table that is read a few rows at a time."""

    def __init__(self, items: list[Any], page: int) -> None:
        self.items, self.page = items, page

    def scan(self, ExclusiveStartKey: int = 0, **_: Any) -> dict[str, Any]:
        end = ExclusiveStartKey + self.page
        more = {"LastEvaluatedKey": end} if end < len(self.items) else {}
        units = {"ConsumedCapacity": {"CapacityUnits": 0.5}}
        return {"Items": self.items[ExclusiveStartKey:end], **units, **more}


def test_a_large_table_is_read_to_its_end(account: None) -> None:
    pages = Pages([item_of(row) for row in rows(25)], page=4)
    here = read_presences(Aws(Session(dynamodb=pages), REGION), IT.table)
    assert (here.players, here.read_units) == (25, 3.5)


class Measured:
    """CloudWatch, with these values, two results on a page."""

    def __init__(self, **values: list[float]) -> None:
        self.values = values
        self.asked: list[dict[str, Any]] = []

    def get_metric_data(self, NextToken: str = "0", **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        start = int(NextToken)
        results = [{"Id": query["Id"], "Values": self.values.get(query["Id"], [])} for query in arguments["MetricDataQueries"]]
        more = {"NextToken": str(start + 2)} if start + 2 < len(results) else {}
        return {"MetricDataResults": results[start : start + 2], **more}


def test_sums_are_added_percentiles_cover_the_whole_time_and_missing_values_are_not_zero(account: None) -> None:
    cloudwatch = Measured(joins=[1, 2, 3], players=[4, 9, 2], handler_ms_p99=[80], invocations=[100, 50])
    found = read_figures(Aws(Session(cloudwatch=cloudwatch), REGION), IT, minutes=30, end_s=1_800_000_000)
    assert (found["joins"], found["players"], found["handler_ms_p99"], found["invocations"]) == (6, 9, 80, 150)
    assert found["leaves"] is None
    asked = cloudwatch.asked[0]
    assert (asked["EndTime"] - asked["StartTime"]).total_seconds() == 1800
    periods = {query["Id"]: query["MetricStat"]["Period"] for query in asked["MetricDataQueries"]}
    assert (periods["joins"], periods["handler_ms_p99"]) == (60, 1800)
    assert len(asked["MetricDataQueries"]) <= 500, "more than CloudWatch answers at once"


def test_a_minute_that_cloudwatch_does_not_have_yet_is_not_looked_at(table: Any) -> None:
    cloudwatch = Measured()
    aws = Aws(Session(cloudwatch=cloudwatch), REGION)
    report = read_report(aws, IT, minutes=10, late_s=180, now=1_800_000_059)
    assert report.end_s == 1_800_000_000 - 180
    assert not report.has_metrics
    assert read_report(aws, IT, minutes=10, late_s=0, now=1_800_000_059).end_s == 1_800_000_060


def test_the_bill_is_that_of_the_metrics() -> None:
    found = {**NOTHING, "messages_billed": 2e6, "invocations": 1e6, "duration_ms": 1e7, "write_units": 1e6, "read_units": 2e6}
    it = estimate(IT, {**found, "log_bytes": 1e9, "joins": 1.0, "handler_ms_p50": 1.0, "handler_ms_p99": 1.0}, 60, minutes=60)
    dollars = {line.name: line.dollars for line in it.lines}
    assert dollars["WebSocket messages"] == pytest.approx(2)
    assert dollars["Lambda requests"] == pytest.approx(0.2)
    assert dollars["Lambda time, arm64"] == pytest.approx(5_000 * 0.0000133334)
    assert dollars["DynamoDB writes"] + dollars["DynamoDB reads"] == pytest.approx(0.625 + 0.25)
    assert dollars["connection time"] == pytest.approx(60 * 60 * 0.25e-6)
    assert dollars["logs written"] == pytest.approx(0.5)
    month = {line.name: line.per_month for line in it.lines}
    assert month["dashboards"] == pytest.approx(3)
    assert month["custom metrics"] == pytest.approx(2 * 0.30)


def test_the_alarms_are_those_of_the_template() -> None:
    assert len(of_type(resolve(parse(lobby_template()), EVERYTHING), "AWS::CloudWatch::Alarm")) == ALARMS


def test_every_figure_that_is_asked_for_is_shown() -> None:
    names = {key for lines in GROUPS.values() for key in lines} | {"duration_ms"}
    assert {key for key in QUERIES if not key.startswith(("handler_ms", "fanout_ms"))} == names


def test_a_lobby_is_found_by_its_stack(account: None) -> None:
    cloudformation = CloudFormation(
        "CREATE_COMPLETE", MemoryMb="1024", Dashboard="no", AlarmEmail="ops@game.example", RoomSize="20"
    )
    cloudformation.outputs |= {"ApiId": "abc", "LogGroupName": "/aws/lambda/lobby-websocket-dev"}
    it = find_lobby(Aws(Session(cloudformation=cloudformation), REGION), "dev")
    assert (it.table, it.function, it.api) == (OUTPUTS["TableName"], OUTPUTS["FunctionName"], "abc")
    assert (it.memory_mb, it.dashboards, it.alarms) == (1024, 0, 5)
    assert (it.callback, it.room_size) == (OUTPUTS["CallbackEndpoint"], 20)


# ── nothing to see, and what goes wrong ─────────────────────────────────────────────────────────────────────────────


def fails(call: Callable[[], object]) -> str:
    with pytest.raises(LobbyError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_empty_account_has_no_lobby(account: None) -> None:
    said = fails(lambda: find_lobby(Aws(Session(), REGION), "dev"))
    assert said.startswith("There is no stack lobby-dev in eu-central-1, so there is no lobby.")


def test_an_incomplete_stack_is_an_error_that_names_the_missing_output(account: None) -> None:
    cloudformation = CloudFormation("CREATE_IN_PROGRESS")
    cloudformation.outputs = {}
    said = fails(lambda: find_lobby(Aws(Session(cloudformation=cloudformation), REGION), "dev"))
    assert said == "The stack lobby-dev is CREATE_IN_PROGRESS and has no TableName. It is not a lobby, or not complete yet."


@pytest.mark.parametrize("room", ["", "lobby"])
def test_a_deleted_table_is_an_error(account: None, room: str) -> None:
    said = fails(lambda: read_presences(Aws(Session(), REGION), IT.table, room))
    assert said.startswith("The stack has a table LobbyConnections-dev, but it does not exist in eu-central-1")


class Refusing:
    """A service that refuses everything."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**_: Any) -> None:
            raise self.error

        return call


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (b.NoCredentialsError(), "There are no AWS credentials."),
        (refused("ExpiredToken", "The security token included in the request is expired", "x", 403), "have expired"),
        (
            refused("Throttling", "Rate exceeded", "GetMetricData"),
            "AWS refuses the request, because this account sends too many.",
        ),
        (
            refused("ThrottlingException", "Rate exceeded", "GetMetricData"),
            "AWS refuses the request, because this account sends too many.",
        ),
        (
            refused("ProvisionedThroughputExceededException", "Throughput exceeds", "Scan"),
            "AWS refuses the request, because this account sends too many.",
        ),
        (
            refused("AccessDenied", "User: u is not authorized to perform: cloudwatch:GetMetricData", "GetMetricData", 403),
            "You lack the permission cloudwatch:GetMetricData. docs/permissions.md lists the permissions.",
        ),
    ],
)
@pytest.mark.parametrize("service", ["cloudformation", "dynamodb", "cloudwatch"])
def test_each_refusal_of_a_service_is_one_sentence(account: None, service: str, error: Exception, said: str) -> None:
    aws = Aws(Session(**{service: Refusing(error)}), REGION)
    call: dict[str, Callable[[], object]] = {
        "cloudformation": lambda: find_lobby(aws, "dev"),
        "dynamodb": lambda: read_presences(aws, IT.table),
        "cloudwatch": lambda: read_figures(aws, IT, 5, 1_800_000_000),
    }
    assert said in fails(call[service])


async def test_wrong_keys_are_one_sentence() -> None:
    async with looked_after() as (there, _):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("lobby.emulator.emulated_stack.SECRET_KEY", "not the secret")
            said = await asyncio.to_thread(fails, lambda: emulated(there.stack.aws))
        assert said.startswith("AWS does not know these credentials.")


async def test_a_table_that_is_throttled_is_one_sentence() -> None:
    async with looked_after() as (there, aws):
        there.stack._conditions.faults = {"throttled-table": 1.0}
        said = await asyncio.to_thread(fails, lambda: read_presences(aws, IT.table))
        assert said.startswith("AWS refuses the request, because this account sends too many.")


@pytest.mark.parametrize(
    ("address", "said"),
    [("http://127.0.0.1:1", "No answer from http://127.0.0.1:1"), ("nowhere", "Invalid endpoint: nowhere")],
)
def test_an_emulator_that_is_not_there_is_one_sentence(address: str, said: str) -> None:
    assert said in fails(lambda: emulated(address))


async def test_an_address_of_another_server_is_one_sentence() -> None:
    async with looked_after() as (there, _):
        gateway = f"http://127.0.0.1:{there.stack.gateway.port}"
        assert (
            await asyncio.to_thread(fails, lambda: emulated(gateway))
            == "The answer to a request to sts is not in the form of AWS."
        )


# ── the command ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_script_runs_and_prints_the_whole_report() -> None:
    async with looked_after() as (there, _):
        await (await there.enter(pid="ann", v=2)).receive("config")

        def script(*words: str) -> subprocess.CompletedProcess[str]:
            command = [
                sys.executable,
                str(SCRIPT),
                "--stage",
                "dev",
                "--emulator",
                there.stack.aws,
                "--minutes",
                "5",
                *words,
            ]
            return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd="/")

        done = await asyncio.to_thread(script, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["here"]["players"] == 1
        done = await asyncio.to_thread(script)
        assert (done.returncode, done.stderr) == (0, "")
        assert "1 player in 1 room now" in done.stdout
        assert "\x1b" not in done.stdout


def invoked(aws: Aws, *words: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "emulated", lambda url: aws)
        patch.setenv("NO_COLOR", "1")
        return CliRunner().invoke(command, ["--stage", "dev", "--emulator", "here", *words])


async def test_without_metrics_it_shows_the_players_and_ends_with_a_sentence() -> None:
    async with looked_after() as (there, aws):
        await (await there.enter(pid="ann", v=2)).receive("config")
        there.stack.metrics._values.clear()
        # Nothing counts from here on but the look itself, which is no metric of the lobby's.
        there.stack.metrics.meter = lambda kind, **facts: None  # type: ignore[method-assign]
        result = await asyncio.to_thread(invoked, aws)
        assert result.exit_code == 1
        assert "1 player in 1 room now" in result.output
        assert "CloudWatch has no metrics of the last 60 minutes: no player was connected" in result.output
        assert "Traceback" not in result.output


async def test_publishing_prints_its_price() -> None:
    async with looked_after() as (_, aws):
        result = await asyncio.to_thread(invoked, aws, "--publish")
        assert result.exit_code == 0, result.output
        assert "Published for dev: players_total 0, rooms 0. Each of these 2 metrics costs $0.30 a month" in result.output
        result = await asyncio.to_thread(invoked, aws, "--publish", "--room", "lobby")
        assert result.exit_code == 2
        assert "--publish counts all rooms" in result.output


async def test_watching_goes_on_after_trouble_until_ctrl_c() -> None:
    async with looked_after() as (there, aws):
        await (await there.enter(pid="ann", v=2)).receive("config")
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            there.stack._conditions.faults = {"throttled-table": 1.0 if len(waits) == 1 else 0.0}
            if len(waits) == 3:
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("lobby.monitor.command.time.sleep", sleep)
            result = await asyncio.to_thread(invoked, aws, "--watch", "7", "--json")
        assert result.exit_code == 0, result.output
        assert waits == [7, 7, 7]
        looks = [json.loads(line) for line in result.output.splitlines() if line.startswith("{")]
        assert [one["here"]["players"] for one in looks] == [1, 1]
        assert "AWS refuses the request, because this account sends too many." in result.output


def test_an_error_at_the_first_time_ends_the_command_also_with_watch(account: None) -> None:
    result = invoked(Aws(Session(), REGION), "--watch")
    assert result.exit_code == 1
    assert "There is no stack lobby-dev" in result.output


def test_an_aws_error_keeps_its_code() -> None:
    with pytest.raises(AwsRequestError) as caught:
        Aws(Session(sts=Refusing(refused("AccessDenied", "no", "GetCallerIdentity", 403))), REGION)
    assert caught.value.code == "AccessDenied"
