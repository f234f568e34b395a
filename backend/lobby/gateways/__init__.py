"""How messages reach connections: the port, and one module for each gateway.

A gateway holds the connections of one host. It never decides anything: it is told whom to send what.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Gateway(Protocol):
    """The connections of a host. Raises GatewayError where the gateway itself fails, never for a single connection."""

    def post(self, connections: Collection[str], text: str, *, droppable: bool = False) -> Collection[str]:
        """Sends one text frame to each of ``connections`` and returns those that turned out to be gone.

        One that is slow delays nobody. ``droppable`` says that a slow reader may be skipped: a newer position will follow.
        """

    def close(self, connection: str, code: int, reason: str) -> None:
        """Ends a connection with a close code and a reason of at most 123 bytes. Nothing happens where it has ended."""
