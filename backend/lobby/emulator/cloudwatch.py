"""Metrics as CloudWatch keeps them: from the logs of functions, from the meter, and from requests. No I/O.

Functions write metrics in the Embedded Metric Format. AWS's own metrics are derived from the meter, with the names and
dimensions that AWS publishes ("CloudWatch metrics" in the guides of API Gateway, Lambda, DynamoDB and CloudWatch Logs).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from lobby.emulator.counting import READS
from lobby.emulator.metering import running_ms

MINUTE_S = 60
KEEP_S = 3 * 3600
"""How long values are kept. A limit, so that a long run does not fill the memory. CloudWatch keeps them for 15 days."""


class Metric(NamedTuple):
    """The identity of a metric. The same name with other dimensions is another metric."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    @property
    def is_custom(self) -> bool:
        """Whether AWS charges for it."""
        return not self.namespace.startswith("AWS/")


class CloudWatch:
    """Values of metrics, collected by the minute. ``clock()`` returns seconds since 1970; ``api`` holds the dimensions of API
    Gateway's metrics."""

    def __init__(self, clock: Callable[[], float], api: Mapping[str, str]) -> None:
        self._clock, self._api = clock, api
        self._values: dict[Metric, dict[int, Counter[float]]] = {}

    @property
    def metrics(self) -> list[Metric]:
        """Every metric that has a value."""
        return sorted(self._values, key=lambda metric: (metric.namespace, metric.name, sorted(metric.dimensions)))

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        times: int = 1,
        at_s: float | None = None,
    ) -> None:
        """Adds ``times`` measurements of ``value`` at ``at_s``, in seconds since 1970. Default: now."""
        now = self._clock()
        minutes = self._values.setdefault(Metric(namespace, name, frozenset(dimensions.items())), {})
        minute = int((now if at_s is None else at_s) // MINUTE_S)
        if minute not in minutes:
            minutes[minute] = Counter()
            for old in [one for one in minutes if one * MINUTE_S < now - KEEP_S]:
                del minutes[old]
        if minute in minutes:
            minutes[minute][value] += times

    def read_log(self, line: str) -> None:
        """Takes the metrics from a log line of a function. A line that is not in the Embedded Metric Format is ignored."""
        try:
            entry = json.loads(line)
            at_s, directives = entry["_aws"]["Timestamp"] / 1000, entry["_aws"]["CloudWatchMetrics"]
        except (ValueError, TypeError, KeyError):
            return
        for directive in directives:
            for names in directive["Dimensions"]:
                dimensions = {name: str(entry[name]) for name in names}
                for metric in directive["Metrics"]:
                    values = entry[metric["Name"]]
                    for value in values if isinstance(values, list) else [values]:
                        self.put(directive["Namespace"], metric["Name"], dimensions, float(value), at_s=at_s)

    def meter(self, kind: str, /, **facts: Any) -> None:
        """Is a :class:`lobby.emulator.meters.Meter`: counts AWS's own metrics."""
        for namespace, name, dimensions, value in self._counted(kind, facts):
            self.put(namespace, name, dimensions, value)

    def _counted(self, kind: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, str], float]]:
        match kind:
            case "message_in" | "message_out":
                yield "AWS/ApiGateway", "MessageCount", self._api, 1
            case "invocation":
                function = {"FunctionName": facts["function"]}
                yield "AWS/Lambda", "Invocations", function, 1
                yield "AWS/Lambda", "Errors", function, facts["failed"]
                yield "AWS/Lambda", "Duration", function, math.ceil(running_ms(facts))
            case "throttled":
                yield "AWS/Lambda", "Throttles", {"FunctionName": facts["function"]}, 1
            case "table":
                table = {"TableName": facts["table"]}
                does = "Read" if facts["operation"] in READS else "Write"
                if facts["status"] == "throttled":
                    yield "AWS/DynamoDB", f"{does}ThrottleEvents", table, 1
                else:
                    units = facts["reads"] if does == "Read" else facts["writes"]
                    yield "AWS/DynamoDB", f"Consumed{does}CapacityUnits", table, units
            case "log":
                yield "AWS/Logs", "IncomingBytes", {"LogGroupName": f"/aws/lambda/{facts['function']}"}, facts["bytes"]

    def statistic(self, metric: Metric, stat: str, start_s: float, end_s: float, period_s: float) -> list[tuple[float, float]]:
        """Pairs (start of the period, value of the statistic) for each period from ``start_s`` on that has measurements. Times
        are in seconds since 1970.

        Raises ValueError for a statistic that is not supported here.
        """
        minutes = self._values.get(metric, {})
        found = []
        for number in range(math.ceil((end_s - start_s) / period_s)):
            begins_s = start_s + number * period_s
            values: Counter[float] = Counter()
            for minute, measured in minutes.items():
                if begins_s <= minute * MINUTE_S < min(begins_s + period_s, end_s):
                    values += measured
            if values:
                found.append((begins_s, _statistic(stat, values)))
        return found


def _statistic(stat: str, values: Counter[float]) -> float:
    count, total = values.total(), sum(value * times for value, times in values.items())
    match stat:
        case "Sum":
            return total
        case "SampleCount":
            return count
        case "Average":
            return total / count
        case "Minimum":
            return min(values)
        case "Maximum":
            return max(values)
    if not stat.startswith("p"):
        raise ValueError(f"The statistic {stat} is not supported here.")
    wanted, seen = float(stat[1:]) / 100 * count, 0
    for value in sorted(values):
        seen += values[value]
        if seen >= wanted:
            break
    return value
