"""When to try again: full jitter, as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015)."""

from __future__ import annotations

BASE_MS = 500
LONGEST_MS = 30_000
STEADY_MS = 5_000
"""A connection that lived this long was a good one: the next pause begins small again."""


def pause_ms(tries: int, chance: float) -> int:
    """How long to wait after ``tries`` failures in a row, in ms; ``chance`` is random, from 0 to 1.

    The whole range is drawn from, so that a thousand clients of a server that went away do not come back in step.
    """
    return round(chance * min(LONGEST_MS, BASE_MS << min(tries, 16)))
