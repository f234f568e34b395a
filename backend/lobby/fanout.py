"""Who hears which positions, and when. Pure: rows and times in, shares out.

Telling everybody everything is N x N, and it is what breaks every relay (`docs/performance.md`). Three rules tame it:

1.  **A window** collects what moved; each receiver gets one message a window, however many moved.
2.  **A share** is what a group of receivers hears alike: it is encoded once, and the same bytes go to all of them.
3.  **Tiers**: in a big room the players near to a receiver are heard every window, the others every ``far_ms``.

The latest position of everybody who moved is told to everybody, sooner (near) or later (far): the last is never lost.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from lobby.presence import Presence
from lobby.settings import Settings

QUIET_CONNECTIONS = 16
"""Up to so many connections a window is not worth its delay: positions leave at the end of the event loop's turn."""

WINDOW_MS_PER_CONNECTION = 0.2
"""Above that the window grows with the crowd, so that a server sends at most 5,000 frames a second until the window is at
its longest (at 300 connections), and 1,000 / ``window_ms`` a connection from there on."""


def window_ms(connections: int, longest_ms: int) -> int:
    """How long a position waits for others, in ms, with so many connections on the host; 0: not at all."""
    if connections <= QUIET_CONNECTIONS:
        return 0
    return min(longest_ms, round(connections * WINDOW_MS_PER_CONNECTION))


class Share(NamedTuple):
    """``movers`` are told to ``receivers``. A receiver may be among the movers, and ignores itself."""

    receivers: list[Presence]
    movers: list[Presence]


@dataclass
class Window:
    """Who moved in one room and was not told yet: ``near`` to be told in this window, ``far`` at ``far_due_ms``.

    Players, not connections: one may take over from another while the window is open, and where the player stands is
    still to be told.
    """

    near: set[str] = field(default_factory=set)
    far: set[str] = field(default_factory=set)
    far_due_ms: int = 0

    def moved(self, player: str) -> None:
        """Remembers that somebody moved; where to is in the store."""
        self.near.add(player)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing left to tell, near or far."""
        return not self.near and not self.far

    def close(self, roster: list[Presence], now: int, settings: Settings) -> list[Share]:
        """Ends the window: what is told to whom now. What only the far ones have not heard stays in the window."""
        near, self.near = self.near, set()
        big = 0 < settings.near_players < len(roster)
        if not big:
            near |= self.far
            self.far.clear()
            return share_for_all([row for row in roster if row.player in near], roster)
        self.far |= near
        if now >= self.far_due_ms:
            self.far_due_ms = now + settings.far_ms
            far, self.far = self.far, set()
            return share_for_all([row for row in roster if row.player in far], roster)
        return _by_neighbourhood([row for row in roster if row.player in near], roster, settings.near_players)


def share_for_all(movers: list[Presence], roster: list[Presence]) -> list[Share]:
    """What a small room hears: everybody of everybody who moved; nothing where there is nobody to tell."""
    if len(movers) == 1:  # nobody is told of nobody but himself
        return [Share([row for row in roster if row is not movers[0]], movers)] if len(roster) > 1 else []
    return [Share(roster, movers)] if movers else []


def _by_neighbourhood(movers: list[Presence], roster: list[Presence], near_players: int) -> list[Share]:
    """Shares by squares of a grid: all receivers in one square hear the movers in it and in the eight around it.

    The squares are so large that nine of them hold ``near_players``, were the players spread evenly; that needs no notion
    of how large the units of a game are. Where they crowd together more are near, never fewer.
    """
    xs, ys = [row.at.x for row in roster], [row.at.y for row in roster]
    left, bottom = min(xs), min(ys)
    width, height = max(xs) - left, max(ys) - bottom
    squares_wanted = max(1.0, 9 * len(roster) / near_players)
    side = max(math.sqrt(width * height / squares_wanted), max(width, height) / squares_wanted) or 1.0

    def square(row: Presence) -> tuple[int, int]:
        return int((row.at.x - left) // side), int((row.at.y - bottom) // side)

    moved: dict[tuple[int, int], list[Presence]] = defaultdict(list)
    for row in movers:
        moved[square(row)].append(row)
    receivers: dict[tuple[int, int], list[Presence]] = defaultdict(list)
    for row in roster:
        receivers[square(row)].append(row)
    return [
        Share(group, heard)
        for (i, j), group in receivers.items()
        if (heard := [row for di in (-1, 0, 1) for dj in (-1, 0, 1) for row in moved.get((i + di, j + dj), ())])
    ]
