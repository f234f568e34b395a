"""Latency and faults, drawn from one seed, so that a run can be repeated."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import NamedTuple


class Latency(NamedTuple):
    """A distribution of delays, in ms: half of them are below ``median``, one in a hundred is above ``p99``."""

    median: float
    p99: float


LATENCIES: dict[str, dict[str, Latency]] = {
    "none": {},
    # AWS publishes none of these figures, and we measured none there. They are what people report of one Region without
    # problems. They do not contain the delay of the internet between a client and the Region.
    "aws": {
        "connect": Latency(12, 60),
        "message": Latency(5, 25),
        "disconnect": Latency(20, 200),
        "invoke": Latency(4, 20),
        "cold": Latency(170, 600),
        "post": Latency(10, 45),
        "table": Latency(4, 18),
    },
}
"""The delays of each kind of step. ``cold`` is added to the start of a process here, ``post`` and ``table`` to each request."""

POLL_S = {"none": 0.02, "aws": 0.25}
"""Pause between two reads of a stream, in seconds. Lambda reads four times a second (Lambda Developer Guide, "Polling and
batching streams")."""

FAULTS: dict[str, tuple[float, str]] = {
    "lost-disconnects": (0.3, "A connection ends, and its $disconnect is never sent."),
    "throttled-posts": (0.05, "A post to a connection is answered with 429."),
    "cold-starts": (0.05, "A warm environment is discarded before an event, so that the event gets a cold start."),
    "dead-lambdas": (0.01, "An environment is killed in the middle of an event."),
    "throttled-table": (0.02, "A request to the table is refused as if it exceeded the capacity."),
    "repeated-batches": (0.1, "A batch of the stream that succeeded is delivered again."),
}
"""Every fault: its default chance each time, and its meaning."""

DEATH_S = 0.1
"""A Lambda that dies does so within this time after its event arrives."""


class Conditions:
    """Draws latencies and faults. ``latency`` is a key of :data:`LATENCIES`, ``faults`` maps names of :data:`FAULTS` to
    chances from 0 to 1."""

    def __init__(self, latency: str = "none", faults: Mapping[str, float] | None = None, seed: int = 0) -> None:
        self._latencies, self.poll_s = LATENCIES[latency], POLL_S[latency]
        self.faults: Mapping[str, float] = faults or {}
        self._chance = random.Random(seed)

    def delay(self, kind: str) -> float:
        """A delay for a step of this kind, in seconds; 0 for a kind without a latency."""
        latency = self._latencies.get(kind)
        if latency is None:
            return 0.0
        spread = math.log(latency.p99 / latency.median) / 2.326  # the 99th percentile of a standard normal distribution
        return latency.median / 1000 * math.exp(self._chance.gauss(0, spread))

    def happens(self, fault: str) -> bool:
        """Whether this fault happens this time."""
        likely = self.faults.get(fault, 0.0)
        return likely > 0 and self._chance.random() < likely

    def dies_after(self) -> float | None:
        """The seconds after which the environment of an event dies; None if it does not die."""
        return self._chance.uniform(0, DEATH_S) if self.happens("dead-lambdas") else None
