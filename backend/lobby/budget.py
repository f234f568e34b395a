"""What AWS charges: a table of prices, what is metered, the bill, and how a lobby keeps within what it may spend. Pure.

:class:`Usage` holds what AWS meters, :func:`bill` multiplies it with :data:`PRICES`, :func:`thrift` says how slow a lobby must
become. ``docs/cost.md`` says what follows.

Left out, since a lobby never gets there or pays fractions of a cent: storage of the table (first 25 GB free) and of logs ($0.03
per GB and month), and of course taxes. A GB is 10^9 bytes here, a KB of a frame 1,024.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import NamedTuple

STEP_BYTES = 32 * 1024
"""A WebSocket message is charged once for each 32 KB of it, begun or full."""

MONTH_HOURS = 730.0
"""A month as AWS counts it: 365 days x 24 hours / 12."""

DAY_MS = 86_400_000

LONGEST_STRETCH = 32
"""Windows of 60 ms become two seconds, send intervals of 200 ms become 6.4: still a lobby, at a thirtieth of the price."""

DASHBOARDS, ALARMS = "dashboards", "alarms"

_APIGATEWAY = "aws.amazon.com/api-gateway/pricing"
_LAMBDA = "aws.amazon.com/lambda/pricing"
_DYNAMODB = "aws.amazon.com/dynamodb/pricing"
_CLOUDWATCH = "aws.amazon.com/cloudwatch/pricing"
_EGRESS = "aws.amazon.com/ec2/pricing/on-demand"


class Price(NamedTuple):
    """One line of the price list. Quantities are counted in ``unit``.

    ``tiers`` are (from this quantity a month, dollars for each ``per`` units), rising. ``free`` is what the always-free tier
    gives away every month. ``source`` and ``date`` say where the price was read, and as of when.
    """

    name: str
    unit: str
    per: float
    tiers: tuple[tuple[float, float], ...]
    source: str
    date: str
    free: float = 0.0

    def dollars(self, quantity: float) -> float:
        """What ``quantity`` units cost, were they all of a month's."""
        ends = [start for start, _ in self.tiers[1:]] + [math.inf]
        return sum(
            max(0.0, min(quantity, end) - start) / self.per * rate for (start, rate), end in zip(self.tiers, ends, strict=True)
        )


PRICES: Mapping[str, Price] = MappingProxyType(
    {
        # Received and sent alike. Protocol pings are no messages.
        "messages": Price("WebSocket messages", "of 32 KB", 1e6, ((0, 1.00), (1e9, 0.80)), _APIGATEWAY, "2026-09-21"),
        "connection": Price("connection time", "minutes", 1e6, ((0, 0.25),), _APIGATEWAY, "2026-09-21"),
        "invocations": Price("Lambda requests", "requests", 1e6, ((0, 0.20),), _LAMBDA, "2026-09", free=1e6),
        # arm64. Since 1 August 2025 the time of a cold start is charged as well.
        "compute": Price("Lambda time, arm64", "GB-s", 1.0, ((0, 0.0000133334),), _LAMBDA, "2026-09", free=400_000),
        # On demand, as of the price cut of 1 November 2024. The always-free 25 units a second are for provisioned tables only.
        "writes": Price("DynamoDB writes", "units of 1 KB", 1e6, ((0, 0.625),), _DYNAMODB, "2026-09"),
        "reads": Price("DynamoDB reads", "units of 4 KB", 1e6, ((0, 0.125),), _DYNAMODB, "2026-09"),
        # Only readers other than Lambda: what Lambda itself reads of the stream is free, says the DynamoDB Developer Guide in
        # "Evaluate your Streams usage". The invocations that come of it are charged like all others.
        "stream_reads": Price(
            "stream reads, not by Lambda", "requests", 1e5, ((0, 0.02),), _DYNAMODB, "2026-09", free=2_500_000
        ),
        "logs": Price("logs written", "GB", 1.0, ((0, 0.50),), _CLOUDWATCH, "2026-09", free=5),
        # 100 GB a month are free for everybody, over all of an account's services.
        "egress": Price("traffic to the internet", "GB", 1.0, ((0, 0.0), (100, 0.09)), _EGRESS, "2026-09"),
        DASHBOARDS: Price("dashboards", "months", 1.0, ((0, 3.00),), _CLOUDWATCH, "2026-09", free=3),
        ALARMS: Price("alarms", "months", 1.0, ((0, 0.10),), _CLOUDWATCH, "2026-09", free=10),
    }
)
"""List prices in us-east-1, dollars before tax. The dates are those at which they were last read."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What AWS meters. ``+`` adds what came after one another, hours included; ``*`` is as much for longer."""

    messages_in: float = 0
    """Messages received, in :func:`steps`."""
    messages_out: float = 0
    """Messages sent, in :func:`steps`; one for each connection that is told."""
    connection_ms: float = 0
    """How long connections were open, added up, in ms."""
    invocations: float = 0
    """Invocations of the Lambda, those by the authorizer and the stream included."""
    gb_ms: float = 0
    """Duration in ms times memory in GB (512 MB is 0.5). Sleeping is charged like working."""
    write_units: float = 0
    """DynamoDB write request units: one for each KB of an item begun; a failed condition costs the same."""
    read_units: float = 0
    """DynamoDB read request units: one for each 4 KB read consistently, half eventually."""
    stream_reads: float = 0
    """GetRecords by readers other than Lambda."""
    log_bytes: float = 0
    """Bytes written to CloudWatch Logs, Lambda's own START, END and REPORT included."""
    egress_bytes: float = 0
    """Bytes sent to the internet."""
    hours: float = 0
    """The time on the wall in which all this was metered."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in _METERS))

    def __mul__(self, times: float) -> Usage:
        return Usage(*(getattr(self, name) * times for name in _METERS))

    def over(self, hours: float) -> Usage:
        """As much for ``hours``, had it gone on as in those metered. Raises ValueError where no time was metered."""
        if not self.hours > 0:
            raise ValueError("no time was metered, so nothing can be said of other times")
        return self * (hours / self.hours)

    def quantities(self) -> dict[str, float]:
        """How much of what is charged: the keys are those of :data:`PRICES`, the units those of its lines."""
        return {
            "messages": self.messages_in + self.messages_out,
            "connection": self.connection_ms / 60_000,
            "invocations": self.invocations,
            "compute": self.gb_ms / 1_000,
            "writes": self.write_units,
            "reads": self.read_units,
            "stream_reads": self.stream_reads,
            "logs": self.log_bytes / 1e9,
            "egress": self.egress_bytes / 1e9,
        }


_METERS = tuple(item.name for item in fields(Usage))


class Line(NamedTuple):
    """One line of a bill: ``quantity`` in ``unit`` for ``dollars``; ``price`` is of the first unit that costs anything.

    ``per_month`` is its share of the bill's, None where no time was metered.
    """

    name: str
    quantity: float
    unit: str
    price: float
    dollars: float
    per_month: float | None = None


class Bill(NamedTuple):
    """What a usage costs, in dollars; ``per_hour`` and ``per_month`` if it went on like that, None where no time was metered.

    ``total`` is what the usage would cost if nothing else came in that month. Tiers and what is free count by the month, so
    ``per_month`` may be more, or less, than ``total`` times the hours; ``per_hour`` is the month's share.
    """

    lines: tuple[Line, ...]
    total: float
    per_hour: float | None
    per_month: float | None

    def text(self) -> list[str]:
        """The bill in plain words, a line each, without those that cost nothing because nothing was used."""
        rows = [
            f"{line.name}: {_count(line.quantity)} {line.unit}, ${line.dollars:,.4f}" for line in self.lines if line.quantity
        ]
        rows.append(f"total: ${self.total:,.4f}")
        if self.per_hour is not None and self.per_month is not None:
            rows.append(f"per hour: ${self.per_hour:,.4f}")
            rows.append(f"per month of {MONTH_HOURS:.0f} hours: ${self.per_month:,.2f}")
        return rows


def steps(size: int) -> int:
    """How many messages a message of ``size`` bytes is charged as: one for each 32 KB, begun or full, and one if empty."""
    if size < 0:
        raise ValueError(f"a message of {size} bytes")
    return max(1, -(-size // STEP_BYTES))


def bill(
    usage: Usage,
    prices: Mapping[str, Price] = PRICES,
    *,
    dashboards: int = 0,
    alarms: int = 0,
    always_free: bool = False,
) -> Bill:
    """The bill for ``usage``. Dashboards and alarms are charged for as long as the usage was metered.

    ``always_free`` takes off what AWS gives every account every month; the account's other uses share it.
    """
    lines = _lines(usage, prices, dashboards, alarms, always_free)
    per_hour = per_month = None
    if usage.hours > 0:
        month = _lines(usage.over(MONTH_HOURS), prices, dashboards, alarms, always_free)
        lines = tuple(line._replace(per_month=then.dollars) for line, then in zip(lines, month, strict=True))
        per_month = sum(line.dollars for line in month)
        per_hour = per_month / MONTH_HOURS
    return Bill(lines, sum(line.dollars for line in lines), per_hour, per_month)


class Thrift(NamedTuple):
    """How a lobby keeps within its budget: windows and send intervals are ``stretch`` times as long as they are set, and when
    the day's budget ``is_spent`` nobody new comes in. It was known at ``as_of_ms``; who knew later knows better."""

    stretch: int = 1
    is_spent: bool = False
    as_of_ms: int = 0


UNBOUND = Thrift()
"""Nothing is known, so all is as it is set."""


def thrift(spent: float, daily: float, now: int) -> Thrift:
    """What follows from having ``spent`` so much of the ``daily`` budget, both in dollars, since midnight (UTC).

    Money comes in evenly over the day; what is not spent stays for later that day. Some is there in advance: an hour's worth at
    midnight, less and less as the day goes by. Who needs more takes twice as long for everything, who needs twice the advance
    four times, and so on to :data:`LONGEST_STRETCH`. At one of these steps spending meets income, unless those who are inside
    cost more even then.
    """
    day = now % DAY_MS / DAY_MS
    advance = daily / 24 * (1 - day)
    steps_ahead = math.ceil((spent - daily * day) / advance - 1)
    stretch = 2 ** min(max(0, steps_ahead), LONGEST_STRETCH.bit_length() - 1)
    return Thrift(stretch, spent >= daily, now)


def _lines(usage: Usage, prices: Mapping[str, Price], dashboards: int, alarms: int, always_free: bool) -> tuple[Line, ...]:
    months = usage.hours / MONTH_HOURS
    quantities = usage.quantities() | {DASHBOARDS: dashboards * months, ALARMS: alarms * months}
    lines = []
    for key, quantity in quantities.items():
        price = prices[key]
        charged = max(0.0, quantity - price.free) if always_free else quantity
        first = next((rate for _, rate in price.tiers if rate), 0.0) / price.per
        lines.append(Line(price.name, quantity, price.unit, first, price.dollars(charged)))
    return tuple(lines)


def _count(quantity: float) -> str:
    """``quantity`` with three digits after the point where it is small, none where it is large."""
    return f"{quantity:,.0f}" if quantity >= 1_000 or quantity == int(quantity) else f"{quantity:,.3f}"
