"""Reads the state of a lobby from AWS: its stack, the rows of its table, and its metrics; and estimates the bill.

AWS has no metrics of connection time and of traffic. Connection time is estimated from the connections that are open now;
traffic is left out of the bill.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lobby.billing import Bill, Usage, bill
from lobby.cloudformation.lobby_template import stack_name
from lobby.deploy.aws import Aws, AwsRequestError
from lobby.deploy.stack import DeployedStack
from lobby.errors import LobbyError
from lobby.presence import Presence, newest
from lobby.serverless.dynamodb import presence_of
from lobby.telemetry import METRICS

LATE_S = 180
"""CloudWatch has all metrics of a minute about three minutes after its end."""

ALARMS = 5
"""The number of alarms in the template, if it has an address to send them to."""

METRIC_REQUEST_DOLLARS = 0.01 / 1_000
"""Price of each metric in a GetMetricData request, with up to five statistics (aws.amazon.com/cloudwatch/pricing, 2026-09).
It is not in the free tier."""

PUBLISHED = {
    "players_total": "Players in all rooms.",
    "rooms": "Rooms with at least one player.",
}
"""The metrics that :func:`publish` writes. The function cannot write them, because it sees one room at a time."""

PERCENTILES = ("p50", "p95", "p99")


class MetricQuery(NamedTuple):
    """One statistic of a metric. ``of`` is the part of the lobby that the metric belongs to."""

    namespace: str
    name: str
    stat: str
    of: str = "Stage"


def _own_metrics() -> Iterator[tuple[str, MetricQuery]]:
    """The metrics of the function: percentiles of times, the largest number of players, sums of the rest."""
    for name, (unit, _) in METRICS.items():
        stats = PERCENTILES if unit == "Milliseconds" else ("Maximum",) if name == "players" else ("Sum",)
        for stat in stats:
            yield (f"{name}_{stat}" if len(stats) > 1 else name), MetricQuery("Lobby", name, stat)


QUERIES: Mapping[str, MetricQuery] = dict(_own_metrics()) | {
    "messages_billed": MetricQuery("AWS/ApiGateway", "MessageCount", "Sum", "Api"),
    "gateway_errors": MetricQuery("AWS/ApiGateway", "ExecutionError", "Sum", "Api"),
    "invocations": MetricQuery("AWS/Lambda", "Invocations", "Sum", "Function"),
    "duration_ms": MetricQuery("AWS/Lambda", "Duration", "Sum", "Function"),
    "function_errors": MetricQuery("AWS/Lambda", "Errors", "Sum", "Function"),
    "function_throttles": MetricQuery("AWS/Lambda", "Throttles", "Sum", "Function"),
    "stream_late_ms": MetricQuery("AWS/Lambda", "IteratorAge", "Maximum", "Function"),
    "write_units": MetricQuery("AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", "Table"),
    "read_units": MetricQuery("AWS/DynamoDB", "ConsumedReadCapacityUnits", "Sum", "Table"),
    "throttled_writes": MetricQuery("AWS/DynamoDB", "WriteThrottleEvents", "Sum", "Table"),
    "throttled_reads": MetricQuery("AWS/DynamoDB", "ReadThrottleEvents", "Sum", "Table"),
    "log_bytes": MetricQuery("AWS/Logs", "IncomingBytes", "Sum", "LogGroup"),
}
"""The queries to CloudWatch, by the names in ``--json``."""

Figures = Mapping[str, float | None]
"""The values of :data:`QUERIES`; None if CloudWatch has no value."""


@dataclass(frozen=True)
class Lobby:
    """The lobby of one stage: the names of its parts on AWS, and the settings that the bill depends on."""

    stage: str
    table: str
    function: str
    api: str
    log_group: str
    memory_mb: int
    dashboards: int
    alarms: int
    callback: str = ""
    room_size: int = 0

    def dimensions(self, of: str) -> list[dict[str, str]]:
        """The dimensions of the metrics of the stage, the API, the function, the table or the log group."""
        found = {
            "Stage": {"Stage": self.stage},
            "Api": {"ApiId": self.api, "Stage": self.stage},
            "Function": {"FunctionName": self.function},
            "Table": {"TableName": self.table},
            "LogGroup": {"LogGroupName": self.log_group},
        }[of]
        return [{"Name": name, "Value": value} for name, value in found.items()]


def find_lobby(aws: Aws, stage: str) -> Lobby:
    """The lobby of a stage, from the outputs and parameters of its stack. Raises :class:`LobbyError` if there is none."""
    name = stack_name(stage)
    state = DeployedStack(aws.client("cloudformation"), name).state()
    if state is None:
        raise LobbyError(
            f"There is no stack {name} in {aws.region}, so there is no lobby. `lobby deploy --stage {stage}` creates one. "
            "Another --stage or --region may have one."
        )
    try:
        return Lobby(
            stage=stage,
            table=state.outputs["TableName"],
            function=state.outputs["FunctionName"],
            api=state.outputs["ApiId"],
            log_group=state.outputs["LogGroupName"],
            memory_mb=int(state.parameters["MemoryMb"]),
            dashboards=int(state.parameters["Dashboard"] == "yes"),
            alarms=ALARMS if state.parameters["AlarmEmail"] else 0,
            callback=state.outputs["CallbackEndpoint"],
            room_size=int(state.parameters["RoomSize"]),
        )
    except KeyError as missing:
        raise LobbyError(
            f"The stack {name} is {state.status} and has no {missing.args[0]}. It is not a lobby, or not complete yet."
        ) from None


# ── presences ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Presences:
    """The rows of the table: one for each connection. ``read_units`` were consumed to read them; ``scanned``: by a Scan."""

    rows: tuple[Presence, ...]
    scanned: bool
    read_units: float

    @property
    def rooms(self) -> dict[str, list[Presence]]:
        """The players of each room, the fullest room first. If a player has several connections: the newest."""
        names = {row.room for row in self.rows}
        rooms = {name: newest([row for row in self.rows if row.room == name]) for name in names}
        return dict(sorted(rooms.items(), key=lambda room: (-len(room[1]), room[0])))

    @property
    def players(self) -> int:
        """The number of players in all rooms."""
        return sum(map(len, self.rooms.values()))


def read_presences(aws: Aws, table: str, room: str = "", now: float | None = None) -> Presences:
    """The presences in ``room``, by a Query; or in all rooms, by a Scan of the table. Expired rows are left out. ``now`` is in
    seconds since 1970. Raises :class:`LobbyError`."""
    now = time.time() if now is None else now
    asked: dict[str, Any] = {
        "TableName": table,
        "FilterExpression": "attribute_exists(player_id) AND #ttl > :now",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": {":now": {"N": str(int(now))}},
        "ReturnConsumedCapacity": "TOTAL",
    }
    if room:
        asked["KeyConditionExpression"] = "room = :room"
        asked["ExpressionAttributeValues"] |= {":room": {"S": room}}
    client, rows, units = aws.client("dynamodb"), [], 0.0
    while True:
        try:
            page = client("query" if room else "scan", **asked)
        except AwsRequestError as error:
            if error.code == "ResourceNotFoundException":
                raise LobbyError(
                    f"The stack has a table {table}, but it does not exist in {aws.region}: it was deleted by other means. "
                    "`lobby destroy` and then `lobby deploy` create it again."
                ) from None
            raise
        rows += [presence_of(item) for item in page["Items"]]
        units += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
        if not page.get("LastEvaluatedKey"):
            return Presences(tuple(rows), not room, units)
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_figures(aws: Aws, it: Lobby, minutes: int, end_s: float) -> Figures:
    """The values of :data:`QUERIES` in the ``minutes`` before ``end_s``, which is the start of a minute in seconds since
    1970."""
    queries = [
        {
            "Id": key,
            "MetricStat": {
                "Metric": {
                    "Namespace": query.namespace,
                    "MetricName": query.name,
                    "Dimensions": it.dimensions(query.of),
                },
                # The percentile of an hour cannot be calculated from the percentiles of its minutes.
                "Period": minutes * 60 if query.stat in PERCENTILES else 60,
                "Stat": query.stat,
            },
        }
        for key, query in QUERIES.items()
    ]
    results = aws.client("cloudwatch").each(
        "get_metric_data",
        "MetricDataResults",
        MetricDataQueries=queries,
        StartTime=datetime.fromtimestamp(end_s - minutes * 60, UTC),
        EndTime=datetime.fromtimestamp(end_s, UTC),
    )
    values: dict[str, list[float]] = {key: [] for key in QUERIES}
    for result in results:  # a page may contain only a part of the values
        values[result["Id"]] += result["Values"]
    return {key: _combined(QUERIES[key].stat, some) for key, some in values.items()}


def _combined(stat: str, values: list[float]) -> float | None:
    if not values:
        return None
    return sum(values) if stat == "Sum" else max(values)


def estimate(it: Lobby, found: Figures, connections: int, minutes: int) -> Bill:
    """The bill at list prices for these ``minutes``, and at the same rate. ``connections`` is the number of open ones now."""

    def value(key: str) -> float:
        return found[key] or 0.0

    usage = Usage(
        messages_in=value("messages_billed"),
        connection_ms=connections * minutes * 60_000,
        invocations=value("invocations"),
        gb_ms=value("duration_ms") * it.memory_mb / 1024,
        write_units=value("write_units"),
        read_units=value("read_units"),
        log_bytes=value("log_bytes"),
        hours=minutes / 60,
    )
    custom = {query.name for key, query in QUERIES.items() if query.namespace == "Lobby" and found[key] is not None}
    return bill(usage, dashboards=it.dashboards, alarms=it.alarms, metrics=len(custom))


# ── report ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Report:
    """The state of a lobby. ``end_s`` is the end of the measured ``minutes``, in seconds since 1970."""

    account: str
    region: str
    lobby: Lobby
    room: str
    presences: Presences
    minutes: int
    end_s: float
    figures: Figures
    bill: Bill

    @property
    def has_metrics(self) -> bool:
        """Whether CloudWatch has a value of any metric."""
        return any(value is not None for value in self.figures.values())


def read_report(
    aws: Aws, it: Lobby, *, room: str = "", minutes: int = 60, late_s: float = LATE_S, now: float | None = None
) -> Report:
    """Reads presences and metrics. ``late_s`` is the time after which CloudWatch has the metrics of a minute; ``now`` is in
    seconds since 1970. Raises :class:`LobbyError`."""
    now = time.time() if now is None else now
    end_s = math.floor((now - late_s) / 60) * 60.0 if late_s else math.ceil(now / 60) * 60.0
    presences = read_presences(aws, it.table, room, now)
    found = read_figures(aws, it, minutes, end_s)
    bill_ = estimate(it, found, len(presences.rows), minutes)
    return Report(aws.account, aws.region, it, room, presences, minutes, end_s, found, bill_)


def publish(aws: Aws, it: Lobby, presences: Presences) -> dict[str, int]:
    """Writes :data:`PUBLISHED` to CloudWatch with the current time. Returns the values."""
    values = {"players_total": presences.players, "rooms": len(presences.rooms)}
    data: Iterable[dict[str, Any]] = [
        {"MetricName": name, "Dimensions": it.dimensions("Stage"), "Value": float(value), "Unit": "Count"}
        for name, value in values.items()
    ]
    aws.client("cloudwatch")("put_metric_data", Namespace="Lobby", MetricData=data)
    return values
