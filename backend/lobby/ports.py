"""How messages reach connections: the port, and one module for each gateway.

A gateway holds the connections of one host. It never decides anything: it is told whom to send what.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol


class Unreached(NamedTuple):
    """Whom a post did not reach: connections that are ``gone``, and those that ``missed`` it but may well be there."""

    gone: frozenset[str] = frozenset()
    missed: frozenset[str] = frozenset()

    def __or__(self, other: Unreached) -> Unreached:
        return Unreached(self.gone | other.gone, self.missed | other.missed)


NOBODY = Unreached()


class Gateway(Protocol):
    """The connections of a host."""

    def post(self, connections: Collection[str], text: str, *, droppable: bool = False) -> Unreached:
        """Sends one text frame to each of ``connections`` and returns whom it did not reach.

        One that is slow delays nobody. ``droppable`` says that a slow reader may be skipped: a newer position will follow. A
        gateway that sees to it that who was skipped catches up names nobody as having missed something.
        """

    def close(self, connection: str, code: int, reason: str) -> None:
        """Ends a connection with a close code and a reason of at most 123 bytes. Nothing happens where it has ended."""
