"""What is counted, measured and logged: counters by name and label, metrics of a function, one JSON line for each event worth
one."""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from typing import Any

Counts = Counter[tuple[str, str]]
"""How often something happened since the start: ``counts["refused", "bad_json"]``. The label is empty where there is none."""

COUNTED: dict[str, tuple[str, str]] = {
    "messages": ("action", "Messages received and understood."),
    "refused": ("code", "Messages and connections refused."),
    "joins": ("", "Players that came."),
    "leaves": ("", "Players that went."),
    "takeovers": ("", "Connections that took over a player from an older one."),
    "windows": ("", "Windows of positions told."),
    "frames": ("type", "Frames handed to connections."),
    "frame_bytes": ("", "Bytes of those frames, without framing."),
    "skipped": ("", "Frames of positions that a slow reader was spared."),
    "closed": ("code", "Connections closed by the lobby."),
}
"""Every counter: the name of its label and its meaning. ``/metrics`` and the docs are made from this table."""

METRICS: dict[str, tuple[str, str]] = {
    "players": ("Count", "Players in a room, whenever it is told something."),
    "joins": ("Count", "Players that came."),
    "leaves": ("Count", "Players that went."),
    "messages": ("Count", "Messages received and understood."),
    "handler_ms": ("Milliseconds", "How long an invocation took, a window's wait included."),
    "fanout_ms": (
        "Milliseconds",
        "How long it took to tell a room all that it was owed, from the floor taken to the last post.",
    ),
    "gone": ("Count", "Posts to connections that are no more."),
    "throttled": ("Count", "Posts that were not taken: a reader too slow, a quota, no answer."),
    "errors": ("Count", "Invocations that failed."),
}
"""Every metric of the function, in CloudWatch's namespace ``Lobby``: its unit and its meaning. The stage is the only dimension:
one for each player would cost $0.30 a month each."""

FLUSH_MS = 10_000
"""How long metrics are gathered before a line of the log carries them: a line an invocation would cost a quarter of the
message."""

PROMPT = ("joins", "leaves", "errors")
"""These do not wait: they are few, and in a quiet lobby the environment may not be asked again for a long time, or never."""

VALUES = 100
"""CloudWatch takes so many values of a metric in one line (Embedded Metric Format specification, "Values and counts")."""

_log = logging.getLogger("lobby")


def log(event: str, level: int = logging.INFO, **fields: object) -> None:
    """One line about ``event``: JSON, with the fields that matter (connection and player where there are)."""
    if _log.isEnabledFor(level):
        _log.log(level, json.dumps({"event": event, "level": logging.getLevelName(level), **fields}, default=str))


class Metrics:
    """What one environment of the function measured and has not written yet."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._values: defaultdict[str, list[float]] = defaultdict(list)
        self._since_ms: int | None = None

    def measured(self, name: str, value: float) -> None:
        """One value of a metric in :data:`METRICS`. Counts are added up, times are kept one by one."""
        values = self._values[name]
        if name.endswith("_ms") or name == "players" or not values:
            values.append(value)
        else:
            values[0] += value

    def line(self, now: int) -> str | None:
        """The log line that carries what was measured, where it is time for one (Embedded Metric Format); else None."""
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
