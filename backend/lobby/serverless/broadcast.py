"""How invocations broadcast in a room: one at a time, and all that is pending.

The theory, which ``tests/scenarios/test_interleavings.py`` searches for holes:

*   **One invocation broadcasts at a time.** It acquires the *broadcast lock* of the room (a conditional write), reads the room,
    delivers all that is pending, and releases the lock. So old news never follows new news: no leave is followed by a
    ``welcome`` that was read before it, and no position by an older one.
*   **What is pending can be read from the table**, so it does not matter which invocation delivers it. A position or a status
    is pending until it is among what the room has received (``Delivered``), which is written when the lock is released. A
    connection needs a ``welcome`` after it joined, after it sent ``hello``, and after a post did not reach it; its row says so
    until the welcome is posted. An invocation that crashes leaves everything pending; a post that fails makes something
    pending. Joins and leaves come from the stream of the table, which repeats a batch that failed.
*   **A window** collects many positions into one broadcast. An invocation first stores its position, then looks at the window.
    *Open*: its leader will read the room later than now, so the invocation is done. *Closed*: the invocation opens the window
    (a conditional write, so only one invocation can), waits, and acquires the lock and closes the window in one write, before
    it reads. The leader reads every position that was stored before that write; an invocation that stores one later finds the
    window closed.
*   **A crashed invocation holds nothing for long.** The broadcast lock is a short lease, which its holder renews
    (``serverless.lock``). The window is a lease a little longer than the window; when it expires, the next invocation opens
    the window again, and a leader that was only slow notices that it has lost it (``WindowLost``).
*   When no player moves any more, no invocation may come to deliver what is pending. So each **ping** looks for pending
    deliveries, and waits for the broadcast lock if it is held: its holder may be dead. Its pong follows the delivery. Clients
    ping every ``heartbeat_ms``, and ``CONFIRM_MS`` after a position that the lobby has not confirmed. So a position that was
    stored is delivered within 5 seconds although one invocation died: ``CONFIRM_MS``, and ``LEASE_MS`` of the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import assert_never

from lobby import rules
from lobby.budget import BudgetState
from lobby.data import merge
from lobby.delivery import Delivery
from lobby.fanout import Share, share_for_all
from lobby.limits import HOPELESS_MS
from lobby.messages import CODECS, Join
from lobby.ports import ALL_REACHED, Unreached
from lobby.presence import Position, Presence, newest, watchers
from lobby.rules import Change, Close, Post, RowRemoved, SendWelcome
from lobby.serverless.lock import SKEW_MS, BroadcastLock
from lobby.serverless.shared import Delivered, Latest, RoomRows, SharedStore
from lobby.settings import Settings

WINDOW_GRACE_MS = 1_000
"""How much longer than a window its lease is; then another invocation may open the window again.

It ends before a client at rest asks for its position (``CONFIRM_MS``), so that ping delivers what a dead leader left.
"""

NOT_YET_MS = 5_000
"""A connection younger than this that is reported as gone (410) may not be open yet: its ``$connect`` has not returned."""

LONGEST_WINDOW_MS, LONGEST_SEND_MS = 5_000, 60_000
"""The upper bounds of the settings; a budget that runs short stretches no interval beyond them."""


class Broadcaster:
    """The right and the duty of one invocation to broadcast.

    ``clock()`` is milliseconds since 1970, ``lives_ms`` the function's timeout. ``budget`` is what the invocation knows of the
    budget.
    """

    def __init__(
        self,
        store: SharedStore,
        delivery: Delivery,
        settings: Settings,
        lock: BroadcastLock,
        *,
        clock: Callable[[], int],
        lives_ms: int,
        budget: BudgetState,
    ) -> None:
        self._store, self._delivery, self._settings, self._lock = store, delivery, settings, lock
        self._clock, self._budget = clock, budget
        self._recent_ms = lives_ms + SKEW_MS
        """A position is stored at most this long after the time that it bears."""
        self.broadcasts: list[tuple[float, int]] = []
        """For each broadcast: how long it took (ms), and how many players the room had."""
        self.unreached = ALL_REACHED
        """The connections that posts of this invocation did not reach."""
        self.closing: list[tuple[str, str]] = []
        """Connections that got their closing error and are not closed yet, with the code."""

    # ── the broadcast lock ──────────────────────────────────────────────────────────────────────────────────────────

    def deliver(self, room: str, changes: Iterable[Change] = (), *, close_window: bool = False) -> Unreached:
        """Acquires the broadcast lock and delivers ``changes`` and all else that is pending.

        Returns the connections that still need something; those that are ``gone`` are so young that they may not be open yet.
        Raises WindowLost where ``close_window`` is set and the window belongs to another invocation, and StoreError where the
        lock cannot be acquired in time.
        """
        before = self._lock.acquire(room, close_window=close_window)
        try:
            after, absent = self._deliver_pending(room, changes, before)
        except Exception:
            self._lock.release(room, before)  # the room has received nothing, and no invocation has to wait
            raise
        self._lock.release(room, after)
        return absent

    # ── what is pending ─────────────────────────────────────────────────────────────────────────────────────────────

    def is_pending(self, room: str) -> bool:
        """Whether an invocation died, or gave up, before it had delivered everything."""
        now, lock = self._clock(), self._store.lock_state(room)
        if lock.is_open(now):
            return False  # its leader reads the room later than now; the holder of the lock may be dead, and delivers nothing
        rows = self._store.rows(room)
        here = newest(rows.roster)
        return (
            any(row.connection in rows.needs_welcome_ms for row in [*here, *watchers(rows.roster)])
            or any(self._has_new_position(row, lock.delivered) for row in here)
            or any(self._has_new_profile(row, lock.delivered) for row in here)
            or any(self._is_silent(row, now) for row in [*here, *watchers(rows.roster)])
        )

    def _has_new_position(self, row: Presence, delivered: Delivered) -> bool:
        is_recent = bool(row.moved_ms) and row.moved_ms >= delivered.ms - self._recent_ms
        return is_recent and _is_newer(_order(row.at), _latest(row, delivered).order)

    def _has_new_status(self, row: Presence, delivered: Delivered) -> bool:
        return self._is_recent(row.status_ms, delivered) and row.status != _latest(row, delivered).status

    def _has_new_data(self, row: Presence, delivered: Delivered) -> bool:
        return self._is_recent(row.data_ms, delivered) and row.data_ms != _latest(row, delivered).data_ms

    def _has_new_name(self, row: Presence, delivered: Delivered) -> bool:
        return self._is_recent(row.name_ms, delivered) and row.name_ms != _latest(row, delivered).name_ms

    def _has_new_profile(self, row: Presence, delivered: Delivered) -> bool:
        return self._has_new_status(row, delivered) or self._has_new_data(row, delivered) or self._has_new_name(row, delivered)

    def _is_recent(self, changed_ms: int, delivered: Delivered) -> bool:
        return bool(changed_ms) and changed_ms >= delivered.ms - self._recent_ms

    def _is_silent(self, row: Presence, now: int) -> bool:
        """Version 1 cannot ping, and API Gateway sends no pings; it ends an idle connection by itself."""
        return CODECS[row.v].can_ping and rules.is_silent(row, now, self._settings)

    # ── the budget ──────────────────────────────────────────────────────────────────────────────────────────────────

    def settings_now(self, delivered: Delivered) -> Settings:
        """The settings, with intervals stretched as the budget demands."""
        return self._stretched(self._latest_budget(delivered))

    def _latest_budget(self, delivered: Delivered) -> BudgetState:
        """The newer budget state: the one of this invocation, or the one that the room has received."""
        return max(self._budget, delivered.budget, key=lambda budget: budget.as_of_ms)

    def _stretched(self, budget: BudgetState) -> Settings:
        """A window ends early enough to deliver what it collected."""
        if budget.stretch == 1:
            return self._settings
        window_ms, longest_ms = self._settings.window_ms, self._lock.ends_ms - self._clock() - WINDOW_GRACE_MS - SKEW_MS
        return replace(
            self._settings,
            window_ms=max(window_ms, min(window_ms * budget.stretch, longest_ms, LONGEST_WINDOW_MS)),
            send_ms=min(self._settings.send_ms * budget.stretch, LONGEST_SEND_MS),
        )

    # ── with the lock held ──────────────────────────────────────────────────────────────────────────────────────────

    def _deliver_pending(self, room: str, changes: Iterable[Change], delivered: Delivered) -> tuple[Delivered, Unreached]:
        now = self._clock()  # before the room is read: what was stored until now is delivered
        rows = self._store.rows(room)
        roster = rows.roster
        ready = {row.connection for row in roster if row.connection not in rows.needs_welcome_ms}
        unreached = ALL_REACHED
        budget = self._latest_budget(delivered)
        settings = self._stretched(budget)
        if budget.stretch != delivered.budget.stretch:
            unreached |= self._delivery.post(_only(ready, rules.configured(roster, settings)))
        for change in changes:
            roster, delivered, missed = self._deliver_change(change, roster, ready, delivered)
            unreached |= missed
        here = newest(roster)
        for row in here:
            if self._has_new_name(row, delivered):
                unreached |= self._delivery.post(_only(ready, rules.renamed(row, roster)))
            if self._has_new_status(row, delivered):
                unreached |= self._delivery.post(_only(ready, rules.status_changed(row, roster)))
            if self._has_new_data(row, delivered):
                unreached |= self._delivery.post(_only(ready, rules.data_changed(row, roster)))
        movers = [row for row in here if self._has_new_position(row, delivered)]
        for receivers, moved, _ in share_for_all(movers, roster):
            share = Share([row for row in receivers if row.connection in ready], moved)
            unreached |= self._delivery.broadcast([share], now)
        unreached |= self._send_welcomes(RoomRows(roster, rows.needs_welcome_ms), now, settings)
        self.broadcasts.append((self._clock() - now, len(here)))
        self.unreached |= unreached
        absent = self._handle_unreached(unreached, RoomRows(roster, rows.needs_welcome_ms), now)
        changed_ms = {row.n: max(row.moved_ms, row.status_ms, row.data_ms, row.name_ms) for row in here}
        latest = {row.n: _latest_of(row) for row in here if changed_ms[row.n] >= now - self._recent_ms}
        return Delivered(max(now, delivered.ms), latest, budget), absent

    def _deliver_change(
        self, change: Change, roster: list[Presence], ready: Collection[str], delivered: Delivered
    ) -> tuple[list[Presence], Delivered, Unreached]:
        """Carries out what a row that was added or removed leads to. Returns the roster and what the room has received then."""
        unreached = ALL_REACHED
        self._delivery.count_change(change, roster)
        for effect in rules.changed(change, roster):
            match effect:
                case Post():
                    unreached |= self._delivery.post(_only(ready, effect))
                    if isinstance(effect.message, Join):  # it carries all that is known of the player
                        player = effect.message.player
                        [row] = newest(row for row in roster if row.player == player.id)
                        # What the row has inherited meanwhile is not in the join.
                        data_ms = row.data_ms if row.data == player.data else 0
                        name_ms = row.name_ms if row.name in (player.name, "") else 0
                        carried = Latest(_order(player.at), player.status, data_ms, name_ms)
                        latest = {**delivered.latest, player.n: carried}
                        delivered = delivered._replace(latest=latest)
                case Close():
                    roster = self._hand_over(effect, roster)
                case SendWelcome():
                    pass  # the row of a new connection says that it needs a welcome
                case _:
                    assert_never(effect)
        if isinstance(change, RowRemoved):  # perhaps the newest connection of a player whose older connection stays
            roster = self._inherit(change.presence, roster)
        return roster, delivered, unreached

    def _hand_over(self, close: Close, roster: list[Presence]) -> list[Presence]:
        """Closes a connection that was taken over. Returns the roster after that."""
        self.close(close)
        # If its `$disconnect` came first, the row that was read, and perhaps broadcast, is all there is.
        was = self._store.remove(close.presence.room, close.presence.connection) or close.presence
        return self._inherit(was, [row for row in roster if row.connection != was.connection])

    def close(self, close: Close) -> None:
        """Sends a connection its closing error; the invocation closes it later (``Invocation.close_connections``)."""
        self._delivery.closing_error(close.presence, close.code)
        self.closing.append((close.presence.connection, close.code))

    def _inherit(self, was: Presence, roster: list[Presence]) -> list[Presence]:
        """What was stored in a row until its end goes to the connection that now represents the player.

        Returns the roster after that.
        """
        own = [row for row in roster if row.player == was.player]
        for heir in newest(own):
            if heir.n != was.n:
                continue  # it joined without having seen the other one, and the room has received its own position
            after = heir
            if _is_later(was, heir):
                after = self._store.set_position(heir.room, heir.connection, was.at, self._clock(), was.allowance) or after
            if was.status_ms > heir.status_ms:
                after = self._store.set_status(heir.room, heir.connection, was.status, self._clock()) or after
            if was.name_ms > heir.name_ms:
                after = self._store.set_name(heir.room, heir.connection, was.name, self._clock()) or after
            if was.data_ms > heir.data_ms:
                changed_ms, since_ms = max(self._clock(), was.data_ms), heir.data_ms
                data = merge(was.data, heir.granted)
                after = self._store.set_data(heir.room, heir.connection, data, changed_ms, since_ms=since_ms) or after
            roster = [after if row is heir else row for row in roster]
        return roster

    def _send_welcomes(self, rows: RoomRows, now: int, settings: Settings) -> Unreached:
        unreached = ALL_REACHED
        for row in rows.roster:
            since_ms = rows.needs_welcome_ms.get(row.connection)
            if since_ms:
                missed = ALL_REACHED
                for post in rules.welcomed(row, rows.roster, now, settings):
                    # A connection may open between two posts, and must not receive the second one first.
                    if missed == ALL_REACHED:
                        missed = self._delivery.post(post)
                unreached |= missed
                if missed == ALL_REACHED:
                    self._store.welcomed(row.room, row.connection, since_ms)
        return unreached

    def _handle_unreached(self, unreached: Unreached, rows: RoomRows, now: int) -> Unreached:
        """Removes connections that are gone. Notes, and returns, those that need a welcome now."""
        absent = set()
        for row in rows.roster:
            since_ms = rows.needs_welcome_ms.get(row.connection, 0)
            is_young = now - row.joined_ms < NOT_YET_MS
            if row.connection in unreached.gone and not is_young:
                self._store.remove(row.room, row.connection)
            elif since_ms and now - since_ms > HOPELESS_MS:
                self._close_and_remove(Close(row, "slow_reader"))
            elif self._is_silent(row, now):
                self._close_and_remove(Close(row, "silent"))
            elif row.connection in unreached.gone | unreached.missed:
                absent.add(row.connection)
                if not since_ms:
                    self._store.needs_welcome(row.room, row.connection, now)
        return Unreached(unreached.gone & absent, unreached.missed & absent)

    def _close_and_remove(self, close: Close) -> None:
        self.close(close)
        self._store.remove(close.presence.room, close.presence.connection)


def _latest(row: Presence, delivered: Delivered) -> Latest:
    return delivered.latest.get(row.n, Latest())  # no row has these values


def _latest_of(row: Presence) -> Latest:
    return Latest(_order(row.at), row.status, row.data_ms, row.name_ms)


def _order(at: Position) -> int:
    """The ``order`` of a position; negative where it is a time, because times and numbers of a player cannot be compared."""
    return at.order if at.seq else -at.order


def _is_newer(order: int, received: int) -> bool:
    """Whether a room that has received ``received`` needs the position with ``order``. The newer of two connections may be gone
    before the older one has inherited its position."""
    return abs(order) > abs(received) if (order < 0) == (received < 0) else order != received


def _is_later(was: Presence, heir: Presence) -> bool:
    """Whether ``was`` has the later position of the two. Numbers of a player and times of a host cannot be compared."""
    if bool(was.at.seq) == bool(heir.at.seq):
        return was.at.order > heir.at.order
    return was.moved_ms > heir.moved_ms


def _only(connections: Collection[str], post: Post) -> Post:
    return post._replace(receivers=tuple(row for row in post.receivers if row.connection in connections))
