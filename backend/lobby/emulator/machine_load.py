"""Notices when this machine is too slow for what it emulates, and says so. The figures are measured; the rule is pure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

PAUSE_S = 0.25
"""Pause between two looks at the event loop."""

WINDOW_S = 5.0
"""How long the figures are collected before they are judged."""

AGAIN_S = 60.0
"""Pause between two warnings."""

LATE_S, SLOW_TABLE_S, WAITING_S = 0.05, 0.05, 0.05
"""From here on a figure is reported: an event loop that is late, and the mean time of a request to a table or of an event in
a queue. On AWS each of them is a few ms."""


class Load(NamedTuple):
    """What was measured in a window: how late the event loop was on average, the mean time of a request to a table, and the
    mean time for which an event waited for a process."""

    late_s: float
    table_s: float
    waiting_s: float


def warning(load: Load, engine: str) -> str:
    """One sentence about a machine that cannot keep up; empty if it can."""
    parts = []
    if load.late_s > LATE_S:
        parts.append(f"its event loop is {load.late_s:.2f} s late")
    if load.table_s > SLOW_TABLE_S:
        parts.append(f"a request to the table ({engine}) takes {load.table_s:.2f} s")
    if load.waiting_s > WAITING_S:
        parts.append(f"an event waits {load.waiting_s:.2f} s for a process")
    if not parts:
        return ""
    return f"This machine cannot keep up: {', '.join(parts)}. Latencies are longer than on AWS."


class Mean:
    """The mean of what is added between two calls of :meth:`take`."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        """Adds a value."""
        self._sum += value
        self._count += 1

    def take(self) -> float:
        """The mean since the last call; 0 without values."""
        mean = self._sum / self._count if self._count else 0.0
        self._sum, self._count = 0.0, 0
        return mean


class MachineLoad:
    """Collects the figures, and calls ``warn`` with a sentence when the machine cannot keep up."""

    def __init__(self, engine: str, warn: Callable[[str], None]) -> None:
        self._engine, self._warn = engine, warn
        self.tables, self.waiting, self._late = Mean(), Mean(), Mean()
        self._warned_at: float | None = None

    async def watch(self) -> None:
        """Looks until it is cancelled."""
        while True:
            for _ in range(int(WINDOW_S / PAUSE_S)):
                began = time.monotonic()
                await asyncio.sleep(PAUSE_S)
                self._late.add(max(0.0, time.monotonic() - began - PAUSE_S))
            self.judge(time.monotonic())

    def judge(self, now: float) -> None:
        """Judges the figures since the last call, at ``now`` in seconds."""
        text = warning(Load(self._late.take(), self.tables.take(), self.waiting.take()), self._engine)
        if text and (self._warned_at is None or now - self._warned_at >= AGAIN_S):
            self._warned_at = now
            self._warn(text)
