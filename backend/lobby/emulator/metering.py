"""A meter that counts what AWS would charge for.

The sources of the rules are in ``lobby.billing``. A function takes longer on AWS than here, because Lambda gives it only a
share of a core: its memory divided by :data:`CORE_MB`. The extra time is calculated from the processor time that it used here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from lobby.billing import Usage, steps

CORE_MB = 1769
"""The memory with which a function has one full core (Lambda Developer Guide, "Configure Lambda function memory")."""

FRAME_BYTES = 4
"""Header of a frame of up to 64 KB from server to client (RFC 6455, section 5.2)."""


def cpu_factor(memory_mb: float) -> float:
    """The factor by which work takes longer with so much memory than on a full core."""
    return max(1.0, CORE_MB / memory_mb)


class Metering:
    """Adds up a :class:`lobby.billing.Usage`, and writes each event as a line of JSON to ``log``, if there is one.

    ``clock()`` returns seconds. ``open_s()`` returns the sum of the seconds for which the open connections have been open.
    """

    def __init__(self, clock: Callable[[], float], log: TextIO | None = None) -> None:
        self._clock, self._log = clock, log
        self._began_s = clock()
        self._usage = Usage()
        self.open_s: Callable[[], float] = lambda: 0.0
        self.counts: dict[str, int] = {}

    def __call__(self, kind: str, /, **facts: float | str) -> None:
        """Counts an event and adds its usage."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self._log is not None:
            self._log.write(json.dumps({"t": round(self._clock(), 6), "kind": kind, **facts}) + "\n")
        rule = _RULES.get(kind)
        if rule is not None:
            self._usage = self._usage + rule(facts)

    @property
    def usage(self) -> Usage:
        """The usage until now."""
        hours = (self._clock() - self._began_s) / 3600
        return self._usage + Usage(connection_ms=self.open_s() * 1000, hours=hours)


def running_ms(facts: Mapping[str, Any], memory_mb: float | None = None) -> float:
    """How long an invocation would have run on AWS in ms, without a cold start, with its own memory or with ``memory_mb``.
    ``facts`` are those of the event ``invocation``."""
    return float(facts["ms"] + facts["cpu_ms"] * (cpu_factor(memory_mb or facts["memory_mb"]) - 1))


def _invocation(facts: dict[str, Any]) -> Usage:
    """Cold start and run time in whole ms, as Lambda bills them. Cold starts are billed since August 2025."""
    billed_ms = math.ceil(running_ms(facts) + facts["init_ms"])
    return Usage(invocations=1, gb_ms=billed_ms * facts["memory_mb"] / 1024)


_RULES: dict[str, Callable[[dict[str, Any]], Usage]] = {
    "message_in": lambda facts: Usage(messages_in=steps(int(facts["bytes"]))),
    "message_out": lambda facts: Usage(messages_out=steps(int(facts["bytes"])), egress_bytes=facts["bytes"] + FRAME_BYTES),
    "connection_closed": lambda facts: Usage(connection_ms=facts["seconds"] * 1000),
    "invocation": _invocation,
    "table": lambda facts: Usage(read_units=facts["reads"], write_units=facts["writes"]),
    "log": lambda facts: Usage(log_bytes=facts["bytes"]),
}
