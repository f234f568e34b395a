"""What AWS would have metered, from what happened here.

Sources of the rules are in ``lobby.billing``. What a function's work takes longer on AWS than here is reckoned from the time
that the processor was busy with it: Lambda gives a function the share of a core that its memory is of :data:`CORE_MB`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from lobby.billing import Usage, steps

CORE_MB = 1769
"""With so much memory a function has one whole core (Lambda Developer Guide, "Configure Lambda function memory")."""

FRAME_BYTES = 4
"""What a frame of up to 64 KB adds to its text, server to client (RFC 6455, section 5.2)."""


def cpu_factor(memory_mb: float) -> float:
    """How much longer work takes with so much memory than on a core of its own, such as this machine's."""
    return max(1.0, CORE_MB / memory_mb)


class Metering:
    """A meter that adds up a :class:`lobby.billing.Usage`, and writes every event to ``log``, a line of JSON each, if there is
    one.

    ``clock()`` is seconds; ``open_s()`` how long the connections that are open now have been so, added up.
    """

    def __init__(self, clock: Callable[[], float], log: TextIO | None = None) -> None:
        self._clock, self._log = clock, log
        self._began_s = clock()
        self._usage = Usage()
        self.open_s: Callable[[], float] = lambda: 0.0
        self.counts: dict[str, int] = {}

    def __call__(self, kind: str, /, **facts: float | str) -> None:
        """See :class:`lobby.emulator.meters.Meter`."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self._log is not None:
            self._log.write(json.dumps({"t": round(self._clock(), 6), "kind": kind, **facts}) + "\n")
        rule = _RULES.get(kind)
        if rule is not None:
            self._usage = self._usage + rule(facts)

    @property
    def usage(self) -> Usage:
        """What was used until now."""
        hours = (self._clock() - self._began_s) / 3600
        return self._usage + Usage(connection_ms=self.open_s() * 1000, hours=hours)


def running_ms(facts: Mapping[str, Any], memory_mb: float | None = None) -> float:
    """How long an invocation would have run on AWS, without its start, with the memory it had or with ``memory_mb``. ``facts``
    are those of the event ``invocation``."""
    return float(facts["ms"] + facts["cpu_ms"] * (cpu_factor(memory_mb or facts["memory_mb"]) - 1))


def _invocation(facts: dict[str, Any]) -> Usage:
    """Start and work in whole ms, as Lambda bills them; a start is billed since August 2025."""
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
