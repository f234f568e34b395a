"""How fast and how well things go: latency and faults, drawn from one seed, so that a run can be had again."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import NamedTuple


class Takes(NamedTuple):
    """How long something takes, in ms: half of the time less than ``median``, once in a hundred more than ``p99``."""

    median: float
    p99: float


LATENCIES: dict[str, dict[str, Takes]] = {
    "none": {},
    # No figure of these is published by AWS, and none was measured there: they are what people report of one Region, in good
    # order. What the internet adds between a player and the Region is not in them.
    "aws": {
        "connect": Takes(12, 60),
        "message": Takes(5, 25),
        "disconnect": Takes(20, 200),
        "invoke": Takes(4, 20),
        "cold": Takes(170, 600),
        "post": Takes(10, 45),
        "table": Takes(4, 18),
    },
}
"""What takes how long. ``cold`` is added to what the start of a process takes here, ``post`` and ``table`` to each request."""

POLL_S = {"none": 0.02, "aws": 0.25}
"""How often a stream is looked at. Lambda looks four times a second (Lambda Developer Guide, "Polling and batching
streams")."""

FAULTS: dict[str, tuple[float, str]] = {
    "lost-disconnects": (0.3, "A connection ends and its $disconnect is never sent."),
    "throttled-posts": (0.05, "A post to a connection is answered with 429."),
    "cold-starts": (0.05, "A warm environment is thrown away before an event."),
    "dead-lambdas": (0.01, "An environment is killed in the middle of an event."),
    "throttled-table": (0.02, "A request to the table is refused for having been too much."),
    "repeated-batches": (0.1, "A batch of the stream that went well comes once more."),
}
"""Every fault: how likely it is each time when it is turned on without a number, and what it is."""

DEATH_S = 0.1
"""A Lambda that dies does so within this time of its event's arrival."""


class Conditions:
    """What hooks ask. ``latency`` is a key of :data:`LATENCIES`, ``faults`` maps names of :data:`FAULTS` to chances from 0 to
    1."""

    def __init__(self, latency: str = "none", faults: Mapping[str, float] | None = None, seed: int = 0) -> None:
        self._takes, self.poll_s = LATENCIES[latency], POLL_S[latency]
        self.faults: Mapping[str, float] = faults or {}
        self._chance = random.Random(seed)

    def delay(self, kind: str) -> float:
        """How long something of this kind takes, in seconds."""
        takes = self._takes.get(kind)
        if takes is None:
            return 0.0
        spread = math.log(takes.p99 / takes.median) / 2.326  # the 99th percentile of a standard normal distribution
        return takes.median / 1000 * math.exp(self._chance.gauss(0, spread))

    def happens(self, fault: str) -> bool:
        """Whether this fault happens now."""
        likely = self.faults.get(fault, 0.0)
        return likely > 0 and self._chance.random() < likely

    def dies_after(self) -> float | None:
        """After how many seconds the environment of an event dies; None where it does not."""
        return self._chance.uniform(0, DEATH_S) if self.happens("dead-lambdas") else None
