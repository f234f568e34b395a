"""The driver of the host on AWS: one invocation for each event. What invocations share is in the table.

An invocation stores what its event changes, and then either leaves the broadcast to another invocation or does it itself
(``serverless.broadcast``). The path of a position: :meth:`Invocation.received`, the table, and for one invocation per window
``Broadcaster.deliver``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import assert_never

from lobby import limits, rules
from lobby.budget import UNBOUND, BudgetState
from lobby.data import Data
from lobby.delivery import Delivery
from lobby.errors import Refused, StoreError
from lobby.limits import RateLimited, Verdict
from lobby.messages import ACTIONS, Handshake, Pos, Send, parse
from lobby.ports import ALL_REACHED, Gateway
from lobby.presence import Presence
from lobby.rules import (
    Change,
    Close,
    MessageEffect,
    Post,
    RowAdded,
    SendEvent,
    SendPong,
    SendWelcome,
    SetData,
    SetName,
    SetPosition,
    SetStatus,
)
from lobby.serverless.broadcast import WINDOW_GRACE_MS, Broadcaster
from lobby.serverless.lock import SKEW_MS, BroadcastLock, LockedGateway
from lobby.serverless.shared import SharedStore, WindowLost
from lobby.settings import Settings
from lobby.telemetry import Counts

NEWCOMER_RETRY_MS, NEWCOMER_RETRIES_MS = 50, 2_500
"""How often, and for how long, posts to a new connection are retried while its ``$connect`` has not returned."""

RETRY_MS = (200, 400, 800)
"""The delays before a leader retries connections that a post did not reach. After the last one, the next broadcast does."""

CLOSE_DELAY_MS = 250
"""How long a client has to read its closing error before the connection is closed."""

EVENT_ORDER_MS, EVENT_POLL_MS = 1_000, 20
"""How long an event waits for the one before it, and how often it looks: that one's invocation may have died."""

TRIES = 5
"""How often a position is decided again because another one of the same player came first."""


class Invocation:
    """The lobby of one invocation. ``now`` is always milliseconds since 1970.

    ``clock()`` is the same clock, ``wait(ms)`` lets time pass, ``holder`` names the invocation. ``lives_ms`` is how long it may
    still run: the function's timeout, when it has just begun. ``budget`` is what it knows of the budget.
    """

    def __init__(
        self,
        store: SharedStore,
        gateway: Gateway,
        settings: Settings,
        *,
        holder: str,
        clock: Callable[[], int],
        wait: Callable[[int], None],
        lives_ms: int,
        budget: BudgetState = UNBOUND,
    ) -> None:
        self.store, self.settings = store, settings
        self._lock = BroadcastLock(store, holder=holder, clock=clock, wait=wait, ends_ms=clock() + lives_ms)
        self._delivery = Delivery(LockedGateway(gateway, self._lock))
        self._pace, self._event_pace = limits.pace(settings), limits.event_pace(settings)
        self._budget = budget
        self._holder, self._clock, self._wait = holder, clock, wait
        self._broadcaster = Broadcaster(
            store, self._delivery, settings, self._lock, clock=clock, lives_ms=lives_ms, budget=budget
        )

    @property
    def counts(self) -> Counts:
        """What this invocation did; ``telemetry.COUNTED`` lists the names."""
        return self._delivery.counts

    @property
    def measured(self) -> Iterable[tuple[str, float]]:
        """What this invocation did, as values of ``telemetry.METRICS``."""
        for name in ("joins", "leaves", "messages"):
            if count := sum(times for (counted, _), times in self.counts.items() if counted == name):
                yield name, count
        for took_ms, players in self._broadcaster.broadcasts:
            yield from (("fanout_ms", took_ms), ("players", players))
        unreached = self._broadcaster.unreached
        for name, connections in (("gone", unreached.gone), ("throttled", unreached.missed)):
            if connections:
                yield name, len(connections)

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def connected(self, handshake: Handshake, connection: str, now: int) -> Presence:
        """Adds the row of a connection; the stream of the table reports it to another invocation.

        Raises Refused for a banned player, where the room has no place, and for a new player where the budget is spent.
        """
        ban = self.store.ban(handshake.player)
        if ban is not None and ban.until_ms > now:
            raise Refused("banned", ban.detail)
        roster = self.store.room(handshake.room)
        is_here = not handshake.watch and any(row.player == handshake.player for row in roster)
        if self._budget.is_spent and not is_here:
            raise Refused("over_budget")
        row = rules.connected(handshake, connection, roster, now, self.settings)
        return self.store.add(row, needs_welcome_ms=now)

    def disconnected(self, room: str, connection: str) -> None:
        """Removes the row of a connection; the stream of the table reports it to another invocation."""
        self.store.remove(room, connection)

    def received(self, sender: Presence, message: bytes, now: int, order: int) -> None:
        """Handles one message. ``sender`` needs no more than what identifies the connection.

        ``order`` is the time (ms) at which API Gateway received the message. It orders the positions of a player that does not
        number them, because messages may overtake each other on the way to the function.
        """
        try:
            limits.check_size(message, self.settings)
            parsed = parse(message)
            if isinstance(parsed, Pos) and not parsed.at.seq:
                parsed = Pos(parsed.at._replace(order=order))
            self.counts["messages", ACTIONS[type(parsed)]] += 1
            self._carry_out(rules.received(parsed, sender, now, self.settings), sender, now)
        except RateLimited as limited:
            self._slow_down(sender, limited)
        except Refused as refused:
            self._refuse(sender, refused, now)
        self._close_connections()

    def announce(self, changes: Iterable[Change]) -> None:
        """Delivers what rows that were added and removed lead to, and a ``welcome`` to each new connection."""
        for room, group in groupby(changes, key=lambda change: change.presence.room):
            batch = list(group)
            newcomers = {change.presence.connection for change in batch if isinstance(change, RowAdded)}
            absent = self._broadcaster.deliver(room, batch).gone & newcomers
            waited_ms = 0
            # The stream may be faster than the `$connect` that added the row, and no other invocation may ever come.
            while absent and waited_ms < NEWCOMER_RETRIES_MS:
                self._wait(NEWCOMER_RETRY_MS)
                waited_ms += NEWCOMER_RETRY_MS
                absent &= self._broadcaster.deliver(room).gone
            for connection in absent:  # its `$connect` failed, or its client is gone
                self.store.remove(room, connection)
        self._close_connections()

    # ── effects ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self, effect: MessageEffect, sender: Presence, now: int) -> None:
        """Stores what a message changes, which takes it from the sender's rate limit, and broadcasts it."""
        room, connection = sender.room, sender.connection
        match effect:
            case SetPosition():
                self._set_position(effect, sender, now)
            case SetStatus(_, status):
                row = self.store.set_status(room, connection, status, now, pace=self._pace)
                self._deliver_for(row, sender)
            case SetName(_, name):
                row = self.store.set_name(room, connection, name, now, pace=self._pace)
                self._deliver_for(row, sender)
            case SetData(_, patch):
                self._deliver_for(self._set_data(sender, patch, now), sender)
            case SendEvent(_, sent):
                self._send_event(sender, sent, now)
            case SendWelcome(_, patch):
                if patch:
                    self._set_data(sender, patch, now, is_charged=False)
                row = self.store.needs_welcome(room, connection, now, pace=self._pace)
                self._deliver_for(row, sender)
            case SendPong(_, pong):
                row = self.store.seen(room, connection, now, pace=self._pace)
                if row is None:
                    self._close_unknown(sender)
                else:
                    # The pong confirms the position, so the other clients receive it first: if this invocation dies meanwhile,
                    # the client asks again.
                    if self._broadcaster.is_pending(room):
                        self._broadcaster.deliver(room)
                    # The sender of an invocation is not the stored row: only the write returns the stored position.
                    self._delivery.post(Post((row,), pong._replace(seq=row.at.seq)))
            case _:
                assert_never(effect)

    def _set_position(self, effect: SetPosition, sender: Presence, now: int) -> None:
        room, connection, at = sender.room, effect.connection, effect.at
        has_top_speed = bool(self.settings.for_room(room).max_speed)
        for _ in range(TRIES):
            allowance, since_ms = effect.allowance, None
            if has_top_speed:
                known = self.store.get(room, connection)
                if known is None:
                    return self._close_unknown(sender)
                if not rules.is_newer(at, known.at):
                    return None
                allowance, since_ms = limits.travel(known, at, now, self.settings), known.moved_ms
            row = self.store.set_position(room, connection, at, now, allowance, pace=self._pace, since_ms=since_ms)
            if row is not None:
                return self._join_window(room, now)
            if not has_top_speed:
                # Usually a newer position was stored first; else the row is gone.
                return None if self.store.get(room, connection) else self._close_unknown(sender)
        raise StoreError(f"A position of {connection} was not stored: {TRIES} times another one came first.")

    def _set_data(self, sender: Presence, patch: Data, now: int, *, is_charged: bool = True) -> Presence | None:
        """Merges ``patch`` into the data of the sender. Returns its row, None where that is gone. Raises Refused."""
        room, connection, pace = sender.room, sender.connection, self._pace if is_charged else None
        for _ in range(TRIES):
            known = self.store.get(room, connection)
            if known is None:
                return None
            after = rules.with_data(known, patch, self.settings)
            if after == known.data:
                return self.store.seen(room, connection, now, pace=pace)
            changed_ms = max(now, known.data_ms + 1)
            row = self.store.set_data(room, connection, after, changed_ms, since_ms=known.data_ms, pace=pace)
            if row is not None:
                return row
        raise StoreError(f"The data of {connection} was not stored: {TRIES} times another change came first.")

    def _send_event(self, sender: Presence, sent: Send, now: int) -> None:
        """Sends an event, after those of the same connection that have lower numbers."""
        room, connection = sender.room, sender.connection
        if self._budget.is_spent:
            raise Refused("bad_event", "the lobby has spent its budget for today; until tomorrow players send no events")
        try:
            row = self.store.event(room, connection, now, pace=self._event_pace)
            if row is None:
                return self._close_unknown(sender)
            waited_ms = 0
            while row is not None and row.event_seq < sent.seq - 1 and waited_ms < EVENT_ORDER_MS:
                self._wait(EVENT_POLL_MS)
                waited_ms += EVENT_POLL_MS
                row = self.store.get(room, connection)
            if row is not None:
                self._delivery.post(rules.event(row, sent, self.store.room(room)))
        finally:
            if sent.seq:
                self.store.event_sent(room, connection, sent.seq)

    def _join_window(self, room: str, now: int) -> None:
        """A position was stored: leaves its broadcast to the leader of the open window, or becomes the leader of a new one."""
        lock = self.store.lock_state(room)
        if lock.is_open(now):
            return
        window_ms = self._broadcaster.settings_now(lock.delivered).window_ms
        if not self.store.open_window(room, self._holder, now, now + window_ms + WINDOW_GRACE_MS):
            return
        self._wait(window_ms)
        try:
            absent = self._broadcaster.deliver(room, close_window=True)
        except WindowLost:
            return
        for pause_ms in RETRY_MS:
            if absent == ALL_REACHED or self._clock() + pause_ms > self._lock.ends_ms - SKEW_MS:
                return
            self._wait(pause_ms)
            absent = self._broadcaster.deliver(room)

    def _deliver_for(self, row: Presence | None, sender: Presence) -> None:
        if row is None:
            self._close_unknown(sender)
        else:
            self._broadcaster.deliver(sender.room)

    # ── refusals and closes ─────────────────────────────────────────────────────────────────────────────────────────

    def _refuse(self, sender: Presence, refused: Refused, now: int) -> None:
        """A refused message has stored nothing yet, so it is charged to the rate limit here."""
        try:
            self.store.seen(sender.room, sender.connection, now, pace=self._pace)
        except RateLimited as limited:
            self._slow_down(sender, limited)
        else:
            self._delivery.count_refused(refused)
            self._delivery.post(rules.refused(sender, refused))

    def _slow_down(self, sender: Presence, limited: RateLimited) -> None:
        self._delivery.count_refused(limited)
        if limited.verdict is Verdict.FLOOD:
            self._broadcaster.close(Close(sender, "flood"))
            self.store.remove(sender.room, sender.connection)
        elif limited.verdict is Verdict.REFUSED:
            self._delivery.post(rules.refused(sender, limited))

    def _close_unknown(self, sender: Presence) -> None:
        """The row of the sender is gone: it was closed a moment ago, or taken for dead. A client that is alive comes back."""
        self._broadcaster.close(Close(sender, "silent"))

    def _close_connections(self) -> None:
        """Closes the connections that got their closing error, a moment later.

        API Gateway cannot close with a code, so the client must read the closing error first, and some clients read nothing
        after a close. If the invocation dies before this, the clients close by themselves; their rows are removed already.
        """
        if self._broadcaster.closing:
            self._wait(CLOSE_DELAY_MS)
            for connection, code in self._broadcaster.closing:
                self._delivery.close(connection, code)
            self._broadcaster.closing.clear()
