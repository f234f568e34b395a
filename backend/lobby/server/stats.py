"""The last hour of a lobby, one point every ten seconds. No I/O, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from lobby.billing import STEP_BYTES, Usage, bill
from lobby.server.http import Health
from lobby.telemetry import Counts

INTERVAL_S = 10
"""The time between two points."""

POINTS = 3_600 // INTERVAL_S
"""How many points are kept: an hour."""

SLACK_MS = 1_000
"""How much later than after a heartbeat a pong may arrive. Without it, points that are due at that time have no latency."""

MEASURED = 1_000
"""How many latencies are kept. With more, the oldest are left out."""


@dataclass(frozen=True)
class Point:
    """The state of a lobby at ``at_ms`` (since 1970), and what happened in the seconds before.

    ``messages_per_s`` were received, ``frames_per_s`` and ``bytes_per_s`` sent. ``latency_ms`` is the time from a ping to its
    pong: the median of all connections in the last heartbeat, and what 95 of 100 do not exceed. It is null without a pong.
    ``late_ms``: how much later than due a window of positions closed at most; above 20 the machine has too much to do.

    ``aws_dollars_per_hour``: what API Gateway would charge for an hour of such seconds, at the list prices of ``billing``: each
    message and frame as one message of up to 32 KB, connection minutes and traffic. Lambda and the table are not included;
    ``docs/cost.md`` states their part. A machine at a flat price costs the same with any traffic.
    """

    at_ms: int
    players: int
    rooms: int
    connections: int
    messages_per_s: float
    frames_per_s: float
    bytes_per_s: float
    latency_ms: float | None
    latency_p95_ms: float | None
    late_ms: float
    aws_dollars_per_hour: float


class Stats:
    """Collects what happens, and makes a point of it at each :meth:`sample`."""

    def __init__(self, heartbeat_ms: int) -> None:
        """``heartbeat_ms``: the time between two pings of a connection."""
        self.points: deque[Point] = deque(maxlen=POINTS)
        self._keep_ms = max(heartbeat_ms, INTERVAL_S * 1000) + SLACK_MS
        self._latencies: deque[tuple[int, int]] = deque(maxlen=MEASURED)
        """When a connection answered, and after how many ms."""
        self._late_ms = 0
        self._before_ms = 0
        self._before: list[int] = []
        """When the last point was made, and the counters at that time."""

    def answered(self, ms: int, now: int) -> None:
        """A connection has answered a ping after ``ms``."""
        self._latencies.append((now, ms))

    def closed(self, late_ms: int) -> None:
        """A window closed so much later than it was due."""
        self._late_ms = max(self._late_ms, late_ms)

    def sample(self, now: int, counts: Counts, health: Health) -> None:
        """Adds a point. The first call only notes where the counters begin."""
        sums = [_sum(counts, name) for name in ("messages", "frames", "frame_bytes")]
        seconds, before = (now - self._before_ms) / 1000, self._before
        found, late_ms = sorted(ms for at, ms in self._latencies if at > now - self._keep_ms), self._late_ms
        self._before_ms, self._before, self._late_ms = now, sums, 0
        if not before or seconds <= 0:
            return
        received, frames, sent = (round((one - other) / seconds, 2) for one, other in zip(sums, before, strict=True))
        median, p95 = (found[len(found) * part // 100] if found else None for part in (50, 95))
        here = health.players, health.rooms, health.connections
        dollars = aws_dollars_per_hour(received, frames, sent, health.connections)
        self.points.append(Point(now, *here, received, frames, sent, median, p95, late_ms, dollars))

    def after(self, at_ms: int) -> list[Point]:
        """The points that are newer than ``at_ms``, the oldest first."""
        return [point for point in self.points if point.at_ms > at_ms]


def aws_dollars_per_hour(messages_per_s: float, frames_per_s: float, bytes_per_s: float, connections: int) -> float:
    """What API Gateway would charge for an hour with these rates, in dollars; see :class:`Point`."""
    hour = Usage(
        messages_in=3_600 * messages_per_s,
        messages_out=3_600 * max(frames_per_s, bytes_per_s / STEP_BYTES),
        connection_ms=3_600_000 * connections,
        egress_bytes=3_600 * bytes_per_s,
        hours=1,
    )
    return round(bill(hour).per_hour or 0.0, 6)


def _sum(counts: Counts, name: str) -> int:
    return sum(times for (counted, _), times in counts.items() if counted == name)
