"""Which connections receive which positions, and when. Pure: rows and times in, shares and due times out.

Sending each position to each player at once costs N x N frames, which is what overloads a relay (``docs/performance.md``).
Three rules reduce it:

1.  **A window** collects the players of a room that moved. Each receiver gets one message per window.
2.  **A share** is one group of receivers with the same movers: it is encoded once, and all of them get the same bytes.
3.  **Tiers**: in a large room a receiver gets the players near it every window, and the others every ``far_ms``.

The newest position of each player that moved reaches each receiver, in this window (near) or a later one (far). So the last
position is never lost.

When a window closes is a rule of this module, too: a window's length after the last one *was due*, or at once after a quiet
time (``docs/decisions/0002-windows-follow-the-last-one.md``). A host only sleeps until the time that :meth:`Window.moved` or
:meth:`Window.close` returned.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lobby.presence import Presence
from lobby.settings import Settings

QUIET_CONNECTIONS = 16
"""With up to this many connections on the host a window is not worth its delay: its length is 0."""

WINDOW_MS_PER_CONNECTION = 0.2
"""With more connections the window grows by this much for each. So a server sends at most 5,000 frames a second until the
window has its full length (at 300 connections), and from there on 1,000 / ``window_ms`` frames per connection and second."""


def window_ms(connections: int, longest_ms: int) -> int:
    """The length of a window in ms on a host with this many connections; 0: positions are broadcast at once."""
    if connections <= QUIET_CONNECTIONS:
        return 0
    return min(longest_ms, round(connections * WINDOW_MS_PER_CONNECTION))


class Share(NamedTuple):
    """``movers`` are sent to ``receivers``. A receiver may be among the movers; its client ignores its own position."""

    receivers: Sequence[Presence]
    movers: Sequence[Presence]


class Closed(NamedTuple):
    """What a window that was closed leads to: ``shares`` to broadcast now, and when to close the next one (``due_ms``).

    ``due_ms`` is None when nothing is left to broadcast.
    """

    shares: list[Share]
    due_ms: int | None


@dataclass
class Window:
    """The players of one room that moved and are not broadcast yet: ``near`` in this window, ``far`` at ``far_due_ms``.

    The window holds players, not connections: another connection may take over while the window is open, and the player's
    position must still be broadcast. All times are milliseconds of the same clock.
    """

    near: set[str] = field(default_factory=set)
    far: set[str] = field(default_factory=set)
    far_due_ms: int = 0
    due_ms: int = 0
    """When this window is due, or when the last one was."""

    def moved(self, player: str, now: int, length_ms: int) -> int:
        """Notes that ``player`` has a new position in the store. Returns the time at which to call :meth:`close`.

        The first mover after a quiet time makes the window due at once: at the end of the host's current turn, together with
        what arrived in the same turn. Otherwise it is due ``length_ms`` after the last window was due. So a room never receives
        positions more often than once per window, and a late host does not make windows longer.
        """
        if not self.near:
            self.due_ms = max(now, self.due_ms + length_ms)
        self.near.add(player)
        return self.due_ms

    def close(self, roster: list[Presence], now: int, settings: Settings, watchers: Sequence[Presence] = ()) -> Closed:
        """Ends the window. ``roster`` holds the newest connection of each player of the room. ``watchers`` receive all movers.

        Movers that only near players receive now stay in the window for the far tier.
        """
        near, self.near = self.near, set()
        if not near:
            self.due_ms = self.far_due_ms
        watched = [Share(watchers, [row for row in roster if row.player in near])] if watchers and near else []
        shares = self._shares(near, roster, now, settings) + watched
        return Closed(shares, max(now, self.far_due_ms) if self.far else None)

    def _shares(self, near: set[str], roster: list[Presence], now: int, settings: Settings) -> list[Share]:
        if not 0 < settings.near_players < len(roster):
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
    """What a small room receives: every mover goes to every player. Empty where no player would receive anything."""
    if len(movers) == 1:  # a player does not need its own position back
        return [Share([row for row in roster if row is not movers[0]], movers)] if len(roster) > 1 else []
    return [Share(roster, movers)] if movers else []


def _by_neighbourhood(movers: list[Presence], roster: list[Presence], near_players: int) -> list[Share]:
    """Shares by squares of a grid: all receivers in one square get the movers in it and in the eight squares around it.

    Nine squares hold ``near_players`` if the players are spread evenly; this needs no knowledge of the game's units. Where
    players stand closer together, more of them are near, never fewer.
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
        Share(group, near)
        for (i, j), group in receivers.items()
        if (near := [row for di in (-1, 0, 1) for dj in (-1, 0, 1) for row in moved.get((i + di, j + dj), ())])
    ]
