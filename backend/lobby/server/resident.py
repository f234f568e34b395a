"""The driver of a host that lives on (`lobby serve`): it keeps windows and rate limits in memory.

The host (``server.host``) reports what happened and when; this driver reads what the rules need, asks them, and carries out
their effects. The path of a position: :meth:`Resident.received`, then :meth:`Resident.close_window`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import assert_never

from lobby import limits, rules
from lobby.compact import Encoder, Reach
from lobby.data import Data
from lobby.delivery import Delivery
from lobby.errors import Refused
from lobby.fanout import ACTIVE_MS, BUDGET_MS, FrameBudget, Share, Window
from lobby.limits import Bucket, RateLimited, Verdict
from lobby.messages import ACTIONS, CODECS, Handshake, Join, Leave, ServerMessage, parse
from lobby.operators import RoomTraffic
from lobby.ports import Gateway, Store, Unreached
from lobby.presence import Presence, newest, others, watchers
from lobby.rules import (
    Change,
    Close,
    Effect,
    Post,
    RowAdded,
    RowRemoved,
    SendEvent,
    SendPong,
    SendWelcome,
    SetData,
    SetName,
    SetPosition,
    SetStatus,
)
from lobby.settings import Settings
from lobby.telemetry import Counts

PlayerKey = tuple[str, str]
"""A room and the id of a player in it."""


class Resident:
    """The lobby of one host. ``now`` is in milliseconds since 1970, and never goes back.

    The host sets ``wake``. It is called with a room and the time at which the room's window is due; a later call replaces an
    earlier one. The host sleeps until then and calls :meth:`close_window`.
    """

    def __init__(self, store: Store, gateway: Gateway, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self._delivery = Delivery(gateway)
        self._pace = limits.pace(settings)
        self._windows: defaultdict[str, Window] = defaultdict(Window)
        self._compact: defaultdict[str, Encoder] = defaultdict(Encoder)
        """What each room was sent in compact positions."""
        self._players: dict[str, PlayerKey] = {}
        """The player of each connection that has a row."""
        self._buckets: dict[PlayerKey, Bucket] = {}
        """The rate limit of each player: a new connection goes on with it."""
        self._events: dict[PlayerKey, Bucket] = {}
        """The rate limit of each player's events."""
        self._event_pace = limits.event_pace(settings)
        self._visits: dict[PlayerKey, Bucket] = {}
        """The rate limit of each player's connections."""
        self.traffic: defaultdict[str, RoomTraffic] = defaultdict(RoomTraffic)
        """What each room has sent and received. A room without connections is forgotten."""
        self._return_ms = 0
        """What all clients know of :func:`limits.return_ms`; newer clients may know a newer value."""
        self.budget = FrameBudget()
        self.wake: Callable[[str, int], None] = lambda room, due_ms: None
        """Called with a room and the time at which its window is due."""
        self.report: Callable[[str, Presence, int], None] = lambda event, row, now: None
        """Called with ``join`` or ``leave``, a row of the player, and the time."""

    @property
    def counts(self) -> Counts:
        """What happened since the start; ``telemetry.COUNTED`` lists the names."""
        return self._delivery.counts

    @property
    def window_ms(self) -> int:
        """How long a position waits for others now, in ms."""
        return self.budget.window_ms(self.settings.window_ms)

    # ── the life of a connection ────────────────────────────────────────────────────────────────────────────────────

    def connected(self, handshake: Handshake, connection: str, now: int) -> Presence:
        """Adds the row of a new connection. Raises Refused where the room has no place, or the player connects too often."""
        player = handshake.room, handshake.player
        self._visits[player] = limits.check_visit(self._visits.get(player, Bucket()), now)
        roster = self.store.room(handshake.room)
        row = self.store.add(rules.connected(handshake, connection, roster, now, self.settings))
        self._players[connection] = player = row.room, row.player
        self._buckets.setdefault(player, Bucket())
        self._announce([RowAdded(row)], now)
        return row

    def received(self, room: str, connection: str, message: bytes, now: int) -> None:
        """Handles one text message of a connection.

        A wrong message changes nothing, and only its sender receives an error.
        """
        sender = self.store.get(room, connection)
        if sender is None:  # sent before its sender learned that the connection is closed
            return
        try:
            self._spend(connection, now)
            limits.check_size(message, self.settings)
            parsed = parse(message)
            self.counts["messages", ACTIONS[type(parsed)]] += 1
            self.traffic[room].messages += 1
            self._carry_out(rules.received(parsed, sender, now, self.settings), room, now)
        except RateLimited as limited:
            self._slow_down(sender, limited, now)
        except Refused as refused:
            self._delivery.count_refused(refused)
            self._carry_out(rules.refused(sender, refused), room, now)

    def refused(self, error: Refused) -> None:
        """Counts a connection that the host refused."""
        self._delivery.count_refused(error)

    def seen(self, room: str, connection: str, now: int) -> None:
        """Notes that a connection is alive."""
        self.store.seen(room, connection, now)

    def disconnected(self, room: str, connection: str, now: int) -> None:
        """Removes the row of a connection that has ended. A second call changes nothing."""
        self._remove(room, [connection], now)

    def end(self, room: str, rows: Collection[Presence], code: str, detail: str, now: int) -> None:
        """Closes connections of a room. ``detail`` is the text of their closing error; empty: the meaning of ``code``."""
        for row in rows:
            self._delivery.closing_error(row, code, detail)
            self._delivery.close(row.connection, code, detail)
        self.traffic[room].frames += len(rows)
        # The rows are removed at once: waiting for the network to confirm the close would leave ghosts.
        self._remove(room, [row.connection for row in rows], now)

    def send(self, receivers: Collection[Presence], message: ServerMessage, now: int) -> None:
        """Sends a message that comes from no player."""
        unreached = self._delivery.post(Post(tuple(receivers), message))
        for row in receivers:
            self.traffic[row.room].frames += 1
            if row.connection in unreached.gone:
                self._remove(row.room, [row.connection], now)

    def close_silent(self, now: int) -> None:
        """Closes the connections from which nothing was received for two heartbeats, and forgets what players used long ago."""
        self._configure(now)
        connected = set(self._players.values())
        for buckets in (self._buckets, self._events, self._visits):
            for player in [one for one, bucket in buckets.items() if bucket.is_full(now) and one not in connected]:
                del buckets[player]
        for room in self.store.rooms():
            for row in self.store.room(room):
                if rules.is_silent(row, now, self.settings):
                    self._carry_out(Close(row, "silent"), room, now)

    def _configure(self, now: int) -> None:
        """Sends all clients over which time they spread their return, where that has changed since the last time."""
        after = limits.return_ms(len(self._players))
        if after != self._return_ms:
            self._return_ms = after
            for room in self.store.rooms():
                receivers = [row for row in self.store.room(room) if CODECS[row.v].has_changes]
                self._post(rules.configured(receivers, self.settings, after), room, now)

    def _spend(self, connection: str, now: int) -> None:
        """Takes one message from the rate limit of a connection. Raises RateLimited."""
        player = self._players[connection]
        self._buckets[player], verdict = self._pace.spend(self._buckets[player], now)
        if verdict is not Verdict.ALLOWED:
            raise RateLimited(self._pace, verdict)

    def _slow_down(self, sender: Presence, limited: RateLimited, now: int) -> None:
        self._delivery.count_refused(limited)
        if limited.verdict is Verdict.FLOOD:
            self._carry_out(Close(sender, "flood"), sender.room, now)
        elif limited.verdict is Verdict.REFUSED:
            self._carry_out(rules.refused(sender, limited), sender.room, now)

    def _remove(self, room: str, connections: Iterable[str], now: int) -> None:
        """Removes all rows first, so that no leave is sent to a connection that is gone, too."""
        removed = []
        for connection in connections:
            self._players.pop(connection, None)
            if (row := self.store.remove(room, connection)) is not None:
                removed.append(RowRemoved(row))
        self._announce(removed, now)

    # ── what a room receives ────────────────────────────────────────────────────────────────────────────────────────

    def _announce(self, changes: Iterable[Change], now: int) -> None:
        """Carries out what rows that were added or removed lead to."""
        for change in changes:
            room, roster = change.presence.room, self.store.room(change.presence.room)
            if event := self._delivery.count_change(change, roster):
                self.report(event, change.presence, now)
            if not roster:
                self._windows.pop(room, None)
                self._compact.pop(room, None)
                self.traffic.pop(room, None)
            for effect in rules.changed(change, roster):
                if isinstance(effect, Post):
                    self._announce_player(change.presence.player, effect, room, now)
                else:
                    self._carry_out(effect, room, now)

    def _announce_player(self, player: str, post: Post, room: str, now: int) -> None:
        """Sends that a player has entered, left or changed its name: to clients of version 3 when the window ends, all at once;
        to older ones now, or when the window ends if there are too many."""
        window = self._windows[room]
        older = tuple([row for row in post.receivers if not CODECS[row.v].has_changes])
        if len(older) < len(post.receivers):
            self.wake(room, window.entered_or_left(player, now, self._length_ms(now)))
        if older and window.may_send_single(len(older)):
            self._post(post._replace(receivers=older), room, now)
        elif older:
            self.wake(room, window.wait_single(player, now, self._length_ms(now)))

    def _send_changed(self, room: str, changed: Sequence[str], now: int) -> None:
        """Sends clients of version 3 who has entered and left a room, in one message."""
        if changed:
            rows = self.store.room(room)
            only = changed[0] if len(changed) == 1 else ""  # a player does not need its own join
            receivers = tuple([row for row in rows if CODECS[row.v].has_changes and row.player != only])
            self._post(Post(receivers, rules.entered_and_left(changed, rows)), room, now)

    def _send_single(self, room: str, changed: Sequence[str], now: int) -> None:
        """Sends clients of versions 1 and 2 a message about each player that has entered or left."""
        rows = self.store.room(room)
        changes = rules.entered_and_left(changed, rows)
        older = [row for row in rows if not CODECS[row.v].has_changes]
        for player in changes.leaves:
            self._post(Post(tuple(older), Leave(player)), room, now)
        for joined in changes.joins:
            self._post(Post(tuple([row for row in older if row.player != joined.id]), Join(joined)), room, now)

    def _length_ms(self, now: int) -> int:
        """The length of windows now. How many receivers active rooms have is summed up now and then."""
        if now - self.budget.summed_ms >= BUDGET_MS:
            active = (window for window in self._windows.values() if now - window.due_ms < ACTIVE_MS)
            self.budget.receivers, self.budget.summed_ms = sum(window.receivers for window in active), now
        return self.window_ms

    def close_window(self, room: str, now: int) -> int:
        """Broadcasts what moved in a room, and the players that entered and left. Returns the number of frames."""
        window = self._windows.get(room)
        if window is None:
            return 0
        self.counts["windows", ""] += 1
        before = self._delivery.frames
        rows, compact = self.store.room(room), self._compact[room]
        roster = newest(rows)
        if unfinished := compact.unfinished(now):
            for row in roster:
                if row.n in unfinished:
                    window.moved(row.player, now, 0)
        if not window.receivers:
            self.budget.summed_ms = 0  # a room that was not active: it counts from the next window on
        closed = window.close(roster, now, self.settings.for_room(room), watchers(rows), self._length_ms(now))
        self._send_changed(room, closed.changed, now)
        if closed.single:
            self._send_single(room, closed.single, now)
        self._broadcast(room, closed.shares, now)
        due_ms = closed.due_ms if closed.due_ms is not None else compact.due_ms()
        if due_ms is not None:
            self.wake(room, due_ms)
        return self._delivery.frames - before

    def catch_up(self, room: str, connection: str, now: int) -> None:
        """Sends the current positions to a connection that missed frames because it was slow."""
        receiver = self.store.get(room, connection)
        if receiver is not None:
            self._send_changed(room, self._windows[room].take_changed(), now)  # no position of a player before its join
            movers = others(receiver, newest(self.store.room(room)))
            self._compact[room].renew()
            if movers:
                self._broadcast(room, [Share([receiver], movers, Reach.APART)], now)

    def _broadcast(self, room: str, shares: Iterable[Share], now: int) -> None:
        # Connections that are gone are removed after the whole broadcast: a leave in the middle of it would be followed by a
        # position of the player that left.
        before = self._delivery.frames
        unreached = self._delivery.broadcast(shares, now, self._compact[room])
        self._count_frames(room, before)
        self._remove_gone(room, unreached, now)

    def _remove_gone(self, room: str, unreached: Unreached, now: int) -> None:
        if unreached.gone:
            self._remove(room, unreached.gone, now)

    # ── effects ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self, effect: Effect, room: str, now: int) -> None:
        """Does what a rule decided."""
        match effect:
            case SetPosition(connection, at, allowance):
                row = self.store.set_position(room, connection, at, now, allowance)
                if row is not None:
                    window = self._windows[room]
                    if window.near:  # it is due already
                        window.near.add(row.player)
                    else:
                        self.wake(room, window.moved(row.player, now, self._length_ms(now)))
            case SetStatus(connection, status):
                row = self.store.set_status(room, connection, status, now)
                if row is not None:
                    self._post_about(row.player, rules.status_changed(row, self.store.room(room)), room, now)
            case SetName(connection, name):
                row = self.store.set_name(room, connection, name, now)
                if row is not None:
                    self._announce_player(row.player, rules.renamed(row, self.store.room(room)), room, now)
            case SetData(connection, patch):
                row = self._set_data(room, connection, patch, now)
                if row is not None:
                    self._post_about(row.player, rules.data_changed(row, self.store.room(room)), room, now)
            case SendEvent(connection, sent):
                row = self.store.get(room, connection)
                if row is not None:
                    self._spend_event(row, now)
                    if row.player in self._windows[room].changed:  # no event of a player before its join
                        self._send_changed(room, self._windows[room].take_changed(), now)
                    self._post(rules.event(row, sent, self.store.room(room)), room, now)
            case SendWelcome(connection, patch):
                changed = self._set_data(room, connection, patch, now) if patch else None
                if changed is not None:  # its own client receives the data with the welcome
                    self._post_about(
                        changed.player, rules.data_changed(changed, others(changed, self.store.room(room))), room, now
                    )
                row = self.store.get(room, connection)
                if row is not None:
                    self._compact[room].renew()
                    self._delivery.welcome(row, self.store.room(room), now)
                    self._post(rules.configured([row], self.settings, limits.return_ms(len(self._players))), room, now)
            case SendPong(sender, pong):
                self._post(Post((sender,), pong), room, now)
            case Post():
                self._post(effect, room, now)
            case Close(row, code, detail):
                self.end(room, [row], code, detail, now)
            case _:
                assert_never(effect)

    def _post_about(self, player: str, post: Post, room: str, now: int) -> None:
        """Sends a new status or new data of a player. Clients that will receive a join of the player receive it there."""
        window = self._windows[room]
        if player in window.changed or player in window.single:
            waits = {v: player in (window.changed if codec.has_changes else window.single) for v, codec in CODECS.items()}
            post = post._replace(receivers=tuple([row for row in post.receivers if row.player == player or not waits[row.v]]))
        self._post(post, room, now)

    def _set_data(self, room: str, connection: str, patch: Data, now: int) -> Presence | None:
        """Merges ``patch`` into the data of a row. Returns the row, None where nothing changed. Raises Refused."""
        row = self.store.get(room, connection)
        if row is None or (after := rules.with_data(row, patch, self.settings)) == row.data:
            return None
        return self.store.set_data(room, connection, after, now)

    def _spend_event(self, sender: Presence, now: int) -> None:
        """Takes one event from the rate limit of a player. Raises RateLimited."""
        player = sender.room, sender.player
        self._events[player], verdict = self._event_pace.spend(self._events.get(player, Bucket()), now)
        if verdict is not Verdict.ALLOWED:
            raise limits.events_limited(self._event_pace, verdict)

    def _post(self, post: Post, room: str, now: int) -> None:
        before = self._delivery.frames
        unreached = self._delivery.post(post)
        self._count_frames(room, before)
        self._remove_gone(room, unreached, now)

    def _count_frames(self, room: str, before: int) -> None:
        if sent := self._delivery.frames - before:  # a room that is empty and forgotten is sent nothing
            self.traffic[room].frames += sent
