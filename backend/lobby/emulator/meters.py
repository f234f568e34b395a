"""The interface of a meter."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Is called for each thing that AWS would charge for or count."""

    def __call__(self, kind: str, /, **facts: float | str) -> None:
        """A thing of this kind has happened; ``facts`` are its quantities."""


def no_meter(kind: str, /, **facts: float | str) -> None:
    """Ignores everything."""
