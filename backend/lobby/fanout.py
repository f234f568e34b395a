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

from lobby.compact import Reach
from lobby.messages import CODECS
from lobby.presence import Presence
from lobby.settings import Settings

QUIET_CONNECTIONS = 16
"""With up to this many receivers on the host a window is not worth its delay: its length is 0."""

FRAME_MS = 0.012
"""What a frame costs, in ms of CPU time, before it is measured. ``docs/performance.md`` has the measurements."""

GOOD_SHARE = 0.06
"""The share of a core that a host gives to broadcasts for short windows: at 0.012 ms a frame, 5,000 frames a second. So a room
of 50 has windows of 10 ms, and 300 players have windows of the full length."""

MOST_SHARE = 0.5
"""The share of a core that broadcasts may take. The rest is for what players send. A host that needs more has longer windows
than the setting says, in all rooms alike."""

ACTIVE_MS = 1_000
"""A room in which no window has ended for this long takes nothing from the frame budget."""

BUDGET_MS = 100
"""How often a host sums up how many receivers its active rooms have."""

MEASURED_FRAMES = 2_000
"""After so many frames a new cost of a frame counts for two thirds."""


@dataclass
class FrameBudget:
    """How many frames a host can send, and how long windows must be for that. Windows of all active rooms have the same length.

    ``frame_ms`` is what a frame costs in ms of CPU time, as measured. ``receivers`` is how many connections receive something
    when each active room broadcasts once.
    """

    frame_ms: float = FRAME_MS
    receivers: int = 0
    summed_ms: int = 0
    """When ``receivers`` was summed up, in ms."""

    def measured(self, frames: int, took_ms: float) -> None:
        """Notes that ``frames`` took so much CPU time."""
        if frames > 0 and took_ms >= 0:
            weight = 1 - math.exp(-frames / MEASURED_FRAMES)
            # The clock of a process may be coarse, and a frame is never free.
            self.frame_ms += weight * (max(took_ms / frames, FRAME_MS / 10) - self.frame_ms)

    def window_ms(self, longest_ms: int) -> int:
        """The length of a window in ms; 0: positions are broadcast at once."""
        if self.receivers <= QUIET_CONNECTIONS:
            return 0
        busy_ms = self.receivers * self.frame_ms  # what it takes to broadcast once in each active room
        return round(max(min(longest_ms, busy_ms / GOOD_SHARE), busy_ms / MOST_SHARE))


OLDER_MS = 50
"""So long joins and leaves that wait for clients of versions 1 and 2 wait at least, in ms."""

OLDER_FRAMES = 2_000
"""How many frames about joins and leaves a room sends to clients of versions 1 and 2 in one window. Each of these frames is
about one player; a thousand players that enter at once would otherwise block positions for seconds."""


class Share(NamedTuple):
    """``movers`` are sent to ``receivers``. A receiver may be among the movers; its client ignores its own position.

    ``reach``: whether the receivers are all players of the room, some, or others. In what goes to all, the mover itself may be
    missing: its client knows its position.
    """

    receivers: Sequence[Presence]
    movers: Sequence[Presence]
    reach: Reach = Reach.ALL


class Closed(NamedTuple):
    """What a window that was closed leads to: ``shares`` to broadcast now, and when to close the next one (``due_ms``).

    ``due_ms`` is None when nothing is left to broadcast. ``changed`` are the players that entered, left or changed their names,
    for clients that receive all of them in one message; ``single`` those for clients that receive a message about each.
    """

    shares: list[Share]
    due_ms: int | None
    changed: Sequence[str] = ()
    single: Sequence[str] = ()


@dataclass
class Window:
    """The players of one room that moved and are not broadcast yet: ``near`` in this window, ``far`` at ``far_due_ms``.

    The window holds players, not connections: another connection may take over while the window is open, and the player's
    position must still be broadcast. All times are milliseconds of the same clock.
    """

    near: set[str] = field(default_factory=set)
    far: set[str] = field(default_factory=set)
    changed: dict[str, None] = field(default_factory=dict)
    """Players that entered, left or changed their names, in that order."""
    single: dict[str, None] = field(default_factory=dict)
    """The same for clients of versions 1 and 2, which receive a message about each."""
    single_frames: int = 0
    """How many such messages were sent since the last window ended."""
    receivers: int = 0
    """How many connections the room had when the last window ended."""
    far_due_ms: int = 0
    due_ms: int = 0
    """When this window is due, or when the last one was."""

    def moved(self, player: str, now: int, length_ms: int) -> int:
        """Notes that ``player`` has a new position in the store. Returns the time at which to call :meth:`close`.

        The first mover after a quiet time makes the window due at once: at the end of the host's current turn, together with
        what arrived in the same turn. Otherwise it is due ``length_ms`` after the last window was due. So a room never receives
        positions more often than once per window, and a late host does not make windows longer.
        """
        self._open(now, length_ms)
        self.near.add(player)
        return self.due_ms

    def entered_or_left(self, player: str, now: int, length_ms: int) -> int:
        """Notes that a player entered, left, or changed its name. Returns the time at which to call :meth:`close`."""
        self._open(now, length_ms)
        self.changed[player] = None
        return self.due_ms

    def may_send_single(self, receivers: int) -> bool:
        """Whether clients of versions 1 and 2 receive a join or a leave at once. Otherwise it waits (:meth:`wait_single`)."""
        if self.single or self.single_frames > OLDER_FRAMES:
            return False
        self.single_frames += receivers
        return True

    def wait_single(self, player: str, now: int, length_ms: int) -> int:
        """Notes a join or leave for clients of versions 1 and 2. Returns the time at which to call :meth:`close`."""
        self._open(now, length_ms)
        self.single[player] = None
        return self.due_ms

    def take_changed(self) -> list[str]:
        """The players that entered, left or changed their names; they count as broadcast."""
        changed, self.changed = list(self.changed), {}
        return changed

    def _open(self, now: int, length_ms: int) -> None:
        if not self.near and not self.changed and not self.single:
            self.due_ms = max(now, self.due_ms + length_ms)

    def close(
        self,
        roster: list[Presence],
        now: int,
        settings: Settings,
        watchers: Sequence[Presence] = (),
        length_ms: int = 0,
    ) -> Closed:
        """Ends the window. ``roster`` holds the newest connection of each player of the room. ``watchers`` receive all movers.
        ``length_ms`` is the length of the next window.

        Movers that only near players receive now stay in the window for the far tier.
        """
        near, self.near = self.near, set()
        changed = self.take_changed()
        single = list(self.single)[: _at_once(watchers, roster)]
        for player in single:
            del self.single[player]
        self.receivers, self.single_frames = len(roster) + len(watchers), 0
        if not near and not changed and not single:
            self.due_ms = self.far_due_ms
        watched = [Share(watchers, [row for row in roster if row.player in near], Reach.APART)] if watchers and near else []
        shares = self._shares(near, roster, now, settings) + watched
        due_ms = max(now, self.far_due_ms) if self.far else None
        if self.single:
            self.due_ms = due_ms = max(now, self.due_ms + max(length_ms, OLDER_MS))
        return Closed(shares, due_ms, changed, single)

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


def _at_once(watchers: Sequence[Presence], roster: Sequence[Presence]) -> int:
    """How many joins and leaves clients of versions 1 and 2 receive in one window."""
    older = sum(not CODECS[row.v].has_changes for rows in (roster, watchers) for row in rows)
    return max(1, OLDER_FRAMES // older) if older else len(roster) + OLDER_FRAMES


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
        Share(group, near, Reach.SOME)
        for (i, j), group in receivers.items()
        if (near := [row for di in (-1, 0, 1) for dj in (-1, 0, 1) for row in moved.get((i + di, j + dj), ())])
    ]
