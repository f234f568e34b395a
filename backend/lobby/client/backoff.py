"""When to try again: full jitter, as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015)."""

from __future__ import annotations

from lobby.client.constants import BACKOFF_BASE_MS, BACKOFF_LONGEST_MS, BACKOFF_STEADY_MS


class Backoff:
    """The pauses before retries: they grow, and start again after a steady connection.

    The whole range is drawn from, so that a thousand clients of a lobby that restarts do not come back in the same moment.
    """

    def __init__(self) -> None:
        self._tries = 0

    def pause_ms(self, lived_ms: float, random: float) -> float:
        """The pause after a connection that lasted ``lived_ms`` (0: it was never established). ``random`` is from 0 to 1."""
        if lived_ms >= BACKOFF_STEADY_MS:
            self._tries = 0
        longest_ms = min(BACKOFF_LONGEST_MS, BACKOFF_BASE_MS << min(self._tries, 16))
        self._tries += 1
        return random * longest_ms

    def reset(self) -> None:
        """Starts again at the shortest pause."""
        self._tries = 0
