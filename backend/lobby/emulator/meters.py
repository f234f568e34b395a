"""Who hears of everything that costs money."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Hears of everything that costs money."""

    def __call__(self, kind: str, /, **facts: float | str) -> None:
        """One thing of this kind has happened."""


def nobody(kind: str, /, **facts: float | str) -> None:
    """Nobody counts."""
