"""What AWS knows of a lobby: the stack it is, the rows of its table, the metrics of all that it is made of, and so its bill.

AWS publishes no metric of connection time and none of traffic. The former is reckoned from those who are here now; the latter
is left out of the bill.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lobby.billing import Bill, Usage, bill
from lobby.cloudformation.reading import stack_name
from lobby.deploy.aws import Aws, AwsError
from lobby.deploy.stack import Stack
from lobby.errors import LobbyError
from lobby.presence import Presence, newest
from lobby.serverless.dynamodb import presence_of
from lobby.telemetry import METRICS

LATE_S = 180
"""CloudWatch has a minute's metrics whole about three minutes after its end."""

ALARMS = 5
"""So many alarms has the template when it is told where to send them."""

ASKING = 0.01 / 1_000
"""Dollars for each metric that GetMetricData is asked for, up to five statistics of it (aws.amazon.com/cloudwatch/pricing,
2026-09). It is in no free tier."""

PUBLISHED = {
    "players_total": "Players in all rooms.",
    "rooms": "Rooms with somebody in them.",
}
"""Metrics that :func:`publish` writes beside the function's own, which knows only the room that it is telling something."""

PERCENTILES = ("p50", "p95", "p99")


class Wanted(NamedTuple):
    """One series of CloudWatch's; ``of`` is what of the lobby it belongs to."""

    namespace: str
    name: str
    stat: str
    of: str = "Stage"


def _own() -> Iterator[tuple[str, Wanted]]:
    """The function's own metrics: percentiles of times, the fullest room, sums of the rest."""
    for name, (unit, _) in METRICS.items():
        stats = PERCENTILES if unit == "Milliseconds" else ("Maximum",) if name == "players" else ("Sum",)
        for stat in stats:
            yield (f"{name}_{stat}" if len(stats) > 1 else name), Wanted("Lobby", name, stat)


WANTED: Mapping[str, Wanted] = dict(_own()) | {
    "messages_billed": Wanted("AWS/ApiGateway", "MessageCount", "Sum", "Api"),
    "gateway_errors": Wanted("AWS/ApiGateway", "ExecutionError", "Sum", "Api"),
    "invocations": Wanted("AWS/Lambda", "Invocations", "Sum", "Function"),
    "duration_ms": Wanted("AWS/Lambda", "Duration", "Sum", "Function"),
    "function_errors": Wanted("AWS/Lambda", "Errors", "Sum", "Function"),
    "function_throttles": Wanted("AWS/Lambda", "Throttles", "Sum", "Function"),
    "stream_late_ms": Wanted("AWS/Lambda", "IteratorAge", "Maximum", "Function"),
    "write_units": Wanted("AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", "Table"),
    "read_units": Wanted("AWS/DynamoDB", "ConsumedReadCapacityUnits", "Sum", "Table"),
    "throttled_writes": Wanted("AWS/DynamoDB", "WriteThrottleEvents", "Sum", "Table"),
    "throttled_reads": Wanted("AWS/DynamoDB", "ReadThrottleEvents", "Sum", "Table"),
    "log_bytes": Wanted("AWS/Logs", "IncomingBytes", "Sum", "LogGroup"),
}
"""What is asked of CloudWatch, by the names that ``--json`` gives it."""

Figures = Mapping[str, float | None]
"""The values of :data:`WANTED`; None where CloudWatch has none."""


@dataclass(frozen=True)
class Lobby:
    """The lobby of one stage: what AWS calls its parts, and what of its settings the bill depends on."""

    stage: str
    table: str
    function: str
    api: str
    log_group: str
    memory_mb: int
    dashboards: int
    alarms: int

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


def lobby(aws: Aws, stage: str) -> Lobby:
    """The lobby of a stage, by what its stack says of itself. Raises :class:`LobbyError` where there is none."""
    name = stack_name(stage)
    state = Stack(aws.client("cloudformation"), name).state()
    if state is None:
        raise LobbyError(
            f"There is no stack {name} in {aws.region}, so there is no lobby. `lobby deploy --stage {stage}` makes one; "
            "another --stage or --region may have one."
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
        )
    except KeyError as missing:
        raise LobbyError(
            f"The stack {name} is {state.status} and says no {missing.args[0]}, so it is no lobby, or none yet."
        ) from None


# ── who is here ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Who:
    """The rows of a table: one for each connection. ``read_units`` is what it cost to read them."""

    rows: tuple[Presence, ...]
    scanned: bool
    read_units: float

    @property
    def rooms(self) -> dict[str, list[Presence]]:
        """The players of each room, the fullest first; of a player who is here twice, the newest connection."""
        names = {row.room for row in self.rows}
        rooms = {name: newest([row for row in self.rows if row.room == name]) for name in names}
        return dict(sorted(rooms.items(), key=lambda room: (-len(room[1]), room[0])))

    @property
    def players(self) -> int:
        """Players in all rooms."""
        return sum(map(len, self.rooms.values()))


def who(aws: Aws, table: str, room: str = "", now: float | None = None) -> Who:
    """Who is in ``room``, by a Query; or in any, by a Scan of the whole table. Expired rows count as gone."""
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
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                raise LobbyError(
                    f"There is no table {table} in {aws.region}, though the stack says so: somebody has deleted it. "
                    "`lobby destroy` and `lobby deploy` make it anew."
                ) from None
            raise
        rows += [presence_of(item) for item in page["Items"]]
        units += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
        if not page.get("LastEvaluatedKey"):
            return Who(tuple(rows), not room, units)
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


# ── how it went ─────────────────────────────────────────────────────────────────────────────────────────────────────


def figures(aws: Aws, it: Lobby, minutes: int, end_s: float) -> Figures:
    """What was measured in the ``minutes`` before ``end_s``, which is the beginning of a minute."""
    queries = [
        {
            "Id": key,
            "MetricStat": {
                "Metric": {
                    "Namespace": wanted.namespace,
                    "MetricName": wanted.name,
                    "Dimensions": it.dimensions(wanted.of),
                },
                # A percentile of many minutes is not to be had from those of each.
                "Period": minutes * 60 if wanted.stat in PERCENTILES else 60,
                "Stat": wanted.stat,
            },
        }
        for key, wanted in WANTED.items()
    ]
    results = aws.client("cloudwatch").each(
        "get_metric_data",
        "MetricDataResults",
        MetricDataQueries=queries,
        StartTime=datetime.fromtimestamp(end_s - minutes * 60, UTC),
        EndTime=datetime.fromtimestamp(end_s, UTC),
    )
    values: dict[str, list[float]] = {key: [] for key in WANTED}
    for result in results:  # a page may have a part of the values only
        values[result["Id"]] += result["Values"]
    return {key: _together(WANTED[key].stat, some) for key, some in values.items()}


def _together(stat: str, values: list[float]) -> float | None:
    if not values:
        return None
    return sum(values) if stat == "Sum" else max(values)


def priced(it: Lobby, found: Figures, connections: int, minutes: int) -> Bill:
    """The bill at list prices, if it went on as in these ``minutes``. ``connections`` are those that are open now."""

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
    custom = {wanted.name for key, wanted in WANTED.items() if wanted.namespace == "Lobby" and found[key] is not None}
    return bill(usage, dashboards=it.dashboards, alarms=it.alarms, metrics=len(custom))


# ── together ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Report:
    """One look at a lobby. ``end_s`` is the end of the ``minutes`` in which was measured, in seconds since 1970."""

    account: str
    region: str
    lobby: Lobby
    room: str
    who: Who
    minutes: int
    end_s: float
    figures: Figures
    bill: Bill

    @property
    def has_metrics(self) -> bool:
        """Whether CloudWatch had anything."""
        return any(value is not None for value in self.figures.values())


def look(aws: Aws, it: Lobby, *, room: str = "", minutes: int = 60, late_s: float = LATE_S, now: float | None = None) -> Report:
    """Everything at once. ``late_s`` is how long after its end a minute is in CloudWatch."""
    now = time.time() if now is None else now
    end_s = math.floor((now - late_s) / 60) * 60.0 if late_s else math.ceil(now / 60) * 60.0
    here = who(aws, it.table, room, now)
    found = figures(aws, it, minutes, end_s)
    return Report(aws.account, aws.region, it, room, here, minutes, end_s, found, priced(it, found, len(here.rows), minutes))


def publish(aws: Aws, it: Lobby, here: Who) -> dict[str, int]:
    """Writes :data:`PUBLISHED` into CloudWatch, as of now. Returns what was written."""
    values = {"players_total": here.players, "rooms": len(here.rooms)}
    data: Iterable[dict[str, Any]] = [
        {"MetricName": name, "Dimensions": it.dimensions("Stage"), "Value": float(value), "Unit": "Count"}
        for name, value in values.items()
    ]
    aws.client("cloudwatch")("put_metric_data", Namespace="Lobby", MetricData=data)
    return values
