"""What AWS charges: a table of prices, what AWS meters, and the bill. Pure.

:class:`Usage` holds what AWS meters, :func:`bill` multiplies it by :data:`PRICES`. ``docs/cost.md`` shows what follows.

Left out, because they cost fractions of a cent here: the storage of the table (25 GB are free) and of logs ($0.03 per GB and
month). Taxes are left out, too. A GB is 10^9 bytes here; a KB of a frame is 1,024 bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import NamedTuple

STEP_BYTES = 32 * 1024
"""AWS charges one WebSocket message for each 32 KB, begun or full."""

MONTH_HOURS = 730.0
"""A month as AWS counts it: 365 days x 24 hours / 12."""

DASHBOARDS, ALARMS, METRICS = "dashboards", "alarms", "metrics"

_APIGATEWAY = "aws.amazon.com/api-gateway/pricing"
_LAMBDA = "aws.amazon.com/lambda/pricing"
_DYNAMODB = "aws.amazon.com/dynamodb/pricing"
_CLOUDWATCH = "aws.amazon.com/cloudwatch/pricing"
_EGRESS = "aws.amazon.com/ec2/pricing/on-demand"


class Price(NamedTuple):
    """One line of the price list. Quantities are counted in ``unit``.

    ``tiers`` are (first quantity of the tier in a month, dollars for each ``per`` units), rising. ``free`` is the quantity that
    the always-free tier gives to an account every month. ``source`` and ``date`` name the page and the day on which the price
    was read.
    """

    name: str
    unit: str
    per: float
    tiers: tuple[tuple[float, float], ...]
    source: str
    date: str
    free: float = 0.0

    def dollars(self, quantity: float) -> float:
        """The price of ``quantity`` units, if they are all units of a month."""
        ends = [start for start, _ in self.tiers[1:]] + [math.inf]
        return sum(
            max(0.0, min(quantity, end) - start) / self.per * rate for (start, rate), end in zip(self.tiers, ends, strict=True)
        )


PRICES: Mapping[str, Price] = MappingProxyType(
    {
        # Received and sent messages cost the same. Protocol pings are not messages.
        "messages": Price("WebSocket messages", "of 32 KB", 1e6, ((0, 1.00), (1e9, 0.80)), _APIGATEWAY, "2026-09-21"),
        "connection": Price("connection time", "minutes", 1e6, ((0, 0.25),), _APIGATEWAY, "2026-09-21"),
        "invocations": Price("Lambda requests", "requests", 1e6, ((0, 0.20),), _LAMBDA, "2026-09", free=1e6),
        # arm64. Since 1 August 2025 AWS also charges for the time of a cold start.
        "compute": Price("Lambda time, arm64", "GB-s", 1.0, ((0, 0.0000133334),), _LAMBDA, "2026-09", free=400_000),
        # On demand, after the price cut of 1 November 2024. The always-free 25 units a second are for provisioned tables only.
        "writes": Price("DynamoDB writes", "units of 1 KB", 1e6, ((0, 0.625),), _DYNAMODB, "2026-09"),
        # Lambda reads the table's stream for free (DynamoDB Developer Guide, "Evaluate your Streams usage"), so there is no
        # price for stream reads here. The invocations that follow are charged like all others.
        "reads": Price("DynamoDB reads", "units of 4 KB", 1e6, ((0, 0.125),), _DYNAMODB, "2026-09"),
        "logs": Price("logs written", "GB", 1.0, ((0, 0.50),), _CLOUDWATCH, "2026-09", free=5),
        # The first 100 GB a month are free, counted over all services of an account.
        "egress": Price("traffic to the internet", "GB", 1.0, ((0, 0.0), (100, 0.09)), _EGRESS, "2026-09"),
        DASHBOARDS: Price("dashboards", "months", 1.0, ((0, 3.00),), _CLOUDWATCH, "2026-09", free=3),
        ALARMS: Price("alarms", "months", 1.0, ((0, 0.10),), _CLOUDWATCH, "2026-09", free=10),
        # A name with a set of dimensions is one metric. AWS charges for the hours in which it is written, and nothing for its
        # own metrics.
        METRICS: Price("custom metrics", "months", 1.0, ((0, 0.30),), _CLOUDWATCH, "2026-09", free=10),
    }
)
"""List prices in us-east-1 in dollars, before tax. The dates are those on which they were last read."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What AWS meters. ``+`` adds two usages that followed each other, hours included; ``*`` multiplies every meter."""

    messages_in: float = 0
    """Messages received, in :func:`steps`."""
    messages_out: float = 0
    """Messages sent, in :func:`steps`; one for each connection that receives it."""
    connection_ms: float = 0
    """The sum of the times for which connections were open, in ms."""
    invocations: float = 0
    """Invocations of the Lambda, including those by the authorizer and the stream."""
    gb_ms: float = 0
    """Duration in ms times memory in GB (512 MB is 0.5). AWS charges for sleeping as for working."""
    write_units: float = 0
    """DynamoDB write request units: one for each KB of an item, begun or full. A failed condition costs the same."""
    read_units: float = 0
    """DynamoDB read request units: one for each 4 KB of a consistent read, half of one for an eventually consistent read."""
    log_bytes: float = 0
    """Bytes written to CloudWatch Logs, including Lambda's own START, END and REPORT."""
    egress_bytes: float = 0
    """Bytes sent to the internet."""
    hours: float = 0
    """The length of the metered time, in hours of the wall clock."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in _METERS))

    def __mul__(self, times: float) -> Usage:
        return Usage(*(getattr(self, name) * times for name in _METERS))

    def over(self, hours: float) -> Usage:
        """The usage of ``hours`` at the metered rate. Raises ValueError if no time was metered."""
        if not self.hours > 0:
            raise ValueError("no time was metered, so there is no rate")
        return self * (hours / self.hours)

    def quantities(self) -> dict[str, float]:
        """The quantities that AWS charges for. The keys are keys of :data:`PRICES`, the units are the units of its lines."""
        return {
            "messages": self.messages_in + self.messages_out,
            "connection": self.connection_ms / 60_000,
            "invocations": self.invocations,
            "compute": self.gb_ms / 1_000,
            "writes": self.write_units,
            "reads": self.read_units,
            "logs": self.log_bytes / 1e9,
            "egress": self.egress_bytes / 1e9,
        }


_METERS = tuple(item.name for item in fields(Usage))


class BillLine(NamedTuple):
    """One line of a bill: ``quantity`` in ``unit`` for ``dollars``. ``price`` is the price of the first unit that is not free.

    ``per_month`` is the line's part of :attr:`Bill.per_month`, None if no time was metered.
    """

    name: str
    quantity: float
    unit: str
    price: float
    dollars: float
    per_month: float | None = None


class Bill(NamedTuple):
    """The price of a usage, in dollars. ``per_hour`` and ``per_month`` assume the metered rate; they are None if no time was
    metered.

    ``total`` is the price of the usage if it is all of a month's usage. Tiers count by the month, so ``per_month`` may differ
    from ``total`` times the hours. ``per_hour`` is one hour's part of ``per_month``.
    """

    lines: tuple[BillLine, ...]
    total: float
    per_hour: float | None
    per_month: float | None


def steps(size: int) -> int:
    """The number of messages that AWS charges for a message of ``size`` bytes: one for each 32 KB, begun or full; at least
    one. Raises ValueError for a negative size."""
    if size < 0:
        raise ValueError(f"a message of {size} bytes")
    return max(1, -(-size // STEP_BYTES))


def bill(
    usage: Usage,
    prices: Mapping[str, Price] = PRICES,
    *,
    dashboards: float = 0,
    alarms: float = 0,
    metrics: float = 0,
    always_free: bool = False,
) -> Bill:
    """The bill for ``usage`` at list prices. ``always_free`` subtracts the quantities that AWS gives to each account every
    month; other uses of the same account share them.

    ``dashboards``, ``alarms`` and ``metrics`` (custom metrics) are numbers of them. They are charged for the metered time; one
    that existed for a part of that time counts as a fraction.
    """
    standing = {DASHBOARDS: dashboards, ALARMS: alarms, METRICS: metrics}
    lines = _lines(usage, prices, standing, always_free)
    per_hour = per_month = None
    if usage.hours > 0:
        month = _lines(usage.over(MONTH_HOURS), prices, standing, always_free)
        lines = tuple(line._replace(per_month=then.dollars) for line, then in zip(lines, month, strict=True))
        per_month = sum(line.dollars for line in month)
        per_hour = per_month / MONTH_HOURS
    return Bill(lines, sum(line.dollars for line in lines), per_hour, per_month)


def _lines(usage: Usage, prices: Mapping[str, Price], standing: Mapping[str, float], always_free: bool) -> tuple[BillLine, ...]:
    months = usage.hours / MONTH_HOURS
    quantities = usage.quantities() | {key: count * months for key, count in standing.items()}
    lines = []
    for key, quantity in quantities.items():
        price = prices[key]
        charged = max(0.0, quantity - price.free) if always_free else quantity
        first = next((rate for _, rate in price.tiers if rate), 0.0) / price.per
        lines.append(BillLine(price.name, quantity, price.unit, first, price.dollars(charged)))
    return tuple(lines)


REQUEST_MS = 20
"""How long the function runs for one position on AWS, in ms; docs/deploy.md, "When AWS throttles the lobby"."""

ACCOUNT_REQUESTS_PER_S = 10_000
"""Requests per second that API Gateway accepts from all APIs of an account in a Region, posts to players included (Amazon API
Gateway quotas, "Throttle quota per account, per Region")."""


def flood_dollars(requests_per_s: float, memory_mb: float, daily_budget: float, *, are_refused: bool = False) -> float:
    """What a day of a flood costs at most, in dollars at list prices, while it lasts all day.

    ``requests_per_s`` are the messages and connects that the API accepts from all clients together (``ThrottleRate``). Each of
    them is one invocation with one write and one read. Posts to players are bounded by ``daily_budget`` (dollars; 0: none), or
    else by the quota of the account. If all connects ``are_refused``, as without a token, nothing is stored or sent.
    """
    requests = requests_per_s * 86_400
    usage = Usage(invocations=requests, gb_ms=requests * REQUEST_MS * memory_mb / 1024)
    if are_refused:
        return bill(usage).total
    posts = 0.0 if daily_budget else max(0.0, ACCOUNT_REQUESTS_PER_S - requests_per_s) * 86_400
    received = Usage(messages_in=requests, messages_out=posts, write_units=requests, read_units=requests)
    return bill(usage + received).total + daily_budget
