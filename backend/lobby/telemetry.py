"""Telemetry: counters by name and label, metrics of the function, and log lines in JSON."""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

Counts = Counter[tuple[str, str]]
"""Counters since the start, by name and label: ``counts["refused", "bad_json"]``. A counter without a label has an empty
one."""

COUNTED: dict[str, tuple[str, str]] = {
    "messages": ("action", "Valid messages received."),
    "refused": ("code", "Messages and connections refused."),
    "joins": ("", "Players that joined."),
    "leaves": ("", "Players that left."),
    "takeovers": ("", "Connections that replaced an older connection of the same player."),
    "windows": ("", "Windows of positions broadcast."),
    "frames": ("type", "Frames sent to connections."),
    "frame_bytes": ("", "Bytes of these frames, without WebSocket headers."),
    "skipped": ("", "Frames of positions that were skipped for a slow reader."),
    "closed": ("code", "Connections closed by the lobby."),
    "turned_away": ("reason", "Sockets and HTTP requests refused before they became a connection: an HTTP status, or a limit."),
    "webhooks": ("outcome", "Joins and leaves reported to the webhook: sent, retried, failed, or dropped from a full queue."),
}
"""All counters: the name of the label, and the meaning. ``/metrics`` and the docs are generated from this table."""

METRICS: dict[str, tuple[str, str]] = {
    "players": ("Count", "Players in a room, at each broadcast."),
    "joins": ("Count", "Players that joined."),
    "leaves": ("Count", "Players that left."),
    "messages": ("Count", "Valid messages received."),
    "handler_ms": ("Milliseconds", "Duration of an invocation, including the wait for a window."),
    "fanout_ms": (
        "Milliseconds",
        "Duration of a broadcast, from acquiring the broadcast lock to the last post.",
    ),
    "gone": ("Count", "Posts to closed connections."),
    "throttled": ("Count", "Posts that failed: the reader is too slow, a quota is used up, or there is no answer."),
    "errors": ("Count", "Invocations that failed."),
}
"""All metrics of the function in CloudWatch's namespace ``Lobby``: unit and meaning. The stage is the only dimension, because a
dimension for players would cost $0.30 a month for each player."""

FLUSH_MS = 10_000
"""How long metrics are collected before they are written to the log. A line for each invocation would cost a quarter of the
price of its message."""

PROMPT = ("joins", "leaves", "errors")
"""These are written at once. They are few, and in a quiet lobby the environment may not be called again for a long time."""

VALUES = 100
"""The largest number of values of a metric in one line (Embedded Metric Format specification, "Values and counts")."""

_log = logging.getLogger("lobby")


def log(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Writes a JSON line about ``event``: the time (ISO 8601, UTC), the level, the event and its fields, such as connection."""
    if _log.isEnabledFor(level):
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": logging.getLevelName(level), "event": event, **fields}
        _log.log(level, json.dumps(line, default=str))


class Metrics:
    """The measurements of one environment of the function that are not written yet."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._values: defaultdict[str, list[float]] = defaultdict(list)
        self._since_ms: int | None = None

    def measured(self, name: str, value: float) -> None:
        """Adds a value of a metric in :data:`METRICS`. Counts are summed; times are kept one by one."""
        values = self._values[name]
        if name.endswith("_ms") or name == "players" or not values:
            values.append(value)
        else:
            values[0] += value

    def line(self, now: int) -> str | None:
        """The log line with the measurements (Embedded Metric Format) if it is due; else None. ``now`` is in ms since 1970."""
        if self._since_ms is None:
            self._since_ms = now
        is_due = now - self._since_ms >= FLUSH_MS or any(name in self._values for name in PROMPT)
        is_full = any(len(values) >= VALUES for values in self._values.values())
        if not self._values or not (is_due or is_full):
            return None
        values: dict[str, Any] = {name: some[0] if len(some) == 1 else some for name, some in self._values.items()}
        metrics = [{"Name": name, "Unit": METRICS[name][0]} for name in values]
        directive = {"Namespace": "Lobby", "Dimensions": [["Stage"]], "Metrics": metrics}
        self._values.clear()
        self._since_ms = now
        return json.dumps({"_aws": {"Timestamp": now, "CloudWatchMetrics": [directive]}, "Stage": self._stage, **values})
