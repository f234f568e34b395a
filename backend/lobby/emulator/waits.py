"""How long functions wait for tables that are slower than AWS's. Pure.

An engine on this machine may need a hundred times as long as DynamoDB. Lambda charges for the time of a function, waiting
included, so that such waiting would be on the bill. Each request states its environment, by the session token of its
credentials. What it takes longer than a request on AWS is noted, and is subtracted from the time of the invocation.
"""

from __future__ import annotations

from lobby.emulator.conditions import LATENCIES

TYPICAL_S = LATENCIES["aws"]["table"].median / 1000
"""What a request to a table takes on AWS, if no latency is emulated."""


class Waits:
    """The waiting of all environments. Times are those of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._spans: dict[str, list[tuple[float, float]]] = {}

    def answered(self, token: str, began: float, ended: float, latency_s: float) -> None:
        """A request was answered; ``latency_s`` is the latency that was emulated for it."""
        from_ = began + max(latency_s, TYPICAL_S)
        if token and ended > from_:
            self._spans.setdefault(token, []).append((from_, ended))

    def take(self, token: str) -> float:
        """The seconds that an environment has waited too long since the last call. Requests at the same time count once."""
        total, reached = 0.0, 0.0
        for began, ended in sorted(self._spans.pop(token, ())):
            total += max(0.0, ended - max(began, reached))
            reached = max(reached, ended)
        return total
