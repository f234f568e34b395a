"""The lobby where no process lives on: each event is an invocation, and what they share is a table.

A room's window is an item of the table. The theory, which ``tests/scenarios/test_interleavings.py`` searches for holes:

*   A writer first writes its position, then looks at the window. **Open**: somebody will read the room later than now, so the
    writer is done. **Closed**: the writer opens it (a conditional write, so only one can) and leads.
*   The leader waits, **closes the window, then reads the room** and tells who moved since the close of the last window *that
    was told to its end*. Whoever wrote before the close is read; whoever writes after it finds the window closed, and leads
    the next one. What a leader that died has left untold, the next one tells.
*   A window is closed only when the one before has been told, so that nobody tells an old position after a new one. A lease is
    as long as an invocation can live: whoever finds it run out knows that the other is dead, and need not wait for it.
*   When nobody moves any more, there may be no next leader. So a ping looks: is there a position that may have been written
    after the close of the last window that was told? Then the ping leads. Clients ping every ``heartbeat_ms``; a position
    that is told needlessly once more is the price.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from lobby.fanout import share_for_all
from lobby.gateways import Gateway
from lobby.messages import Pong, ServerMessage
from lobby.presence import Presence, newest
from lobby.service import Service
from lobby.settings import Settings
from lobby.stores import SharedWindows, Store

LONGEST_MS = 5_000
"""How long an invocation lives at the most: the function's timeout, and a little for clocks that are not quite one. So a
position is at most so old when it is written, and a leader that has not been heard of for so long is dead."""

NOT_YET_MS = 5_000
"""A connection so young that is said to be gone (410) may only not be there yet: its ``$connect`` has not returned."""

KNOCK_MS = 50
"""How often a newcomer is tried whose ``$connect`` has not returned."""

PATIENCE_MS = 20
"""How often a leader looks whether the window before its own has been told."""


class ServerlessService(Service):
    """The service of one invocation."""

    def __init__(
        self,
        store: Store,
        gateway: Gateway,
        settings: Settings,
        windows: SharedWindows,
        holder: str,
        wait: Callable[[int], int],
    ) -> None:
        """``wait(ms)`` lets time pass and returns the time after it, in ms since 1970."""
        super().__init__(store, gateway, settings)
        self._shared, self._holder, self._wait = windows, holder, wait

    def _send(self, room: str, receivers: Iterable[Presence], message: ServerMessage, now: int) -> None:
        super()._send(room, receivers, message, now)
        if isinstance(message, Pong) and self._is_owed(room, now):  # a ping was answered, and settles what a dead leader owes
            self._lead(room, now)

    def _is_owed(self, room: str, now: int) -> bool:
        """Whether somebody died before a position in ``room`` was told."""
        told_ms = self._shared.peek_window(room, now)
        if told_ms is None:
            return False
        untold_ms, dead_ms = told_ms - LONGEST_MS, now - LONGEST_MS
        return any(untold_ms <= row.moved_ms < dead_ms for row in self.store.room(room) if row.moved_ms)

    def moved(self, row: Presence, now: int) -> None:
        """Tells the position, or leaves it to the leader of a window that is open."""
        self._lead(row.room, now)

    def _post(self, connections: Collection[str], text: str | None, kind: str) -> set[str]:
        gone = super()._post(connections, text, kind)
        waited_ms = 0
        while gone and kind == "welcome" and waited_ms < NOT_YET_MS // 2:
            # The table's stream may be faster than the `$connect` that wrote the row, and nobody else will welcome it.
            self._wait(KNOCK_MS)
            waited_ms += KNOCK_MS
            gone = super()._post(gone, text, kind)
        return gone

    def _forget(self, room: str, gone: set[str], now: int) -> None:
        young = {row.connection for row in self.store.room(room) if now - row.joined_ms < NOT_YET_MS} if gone else set()
        super()._forget(room, gone - young, now)

    def _lead(self, room: str, now: int) -> None:
        if not self._shared.open_window(room, self._holder, now, LONGEST_MS):
            return
        now = self._wait(self.settings.window_ms)
        while self._shared.is_being_told(room, now):
            now = self._wait(PATIENCE_MS)
        told_ms = self._shared.shut_window(room, self._holder, now, LONGEST_MS)
        if told_ms is None:
            return
        roster = newest(self.store.room(room))
        movers = [row for row in roster if row.moved_ms and row.moved_ms >= told_ms - LONGEST_MS]
        self.counts["windows", ""] += 1
        self.tell(room, share_for_all(movers, roster), now)
        self._shared.settle_window(room, self._holder)
