"""Carries out what the rules decide, through two ports: a store and a gateway. One instance a host.

A host (``gateways/server.py``, the Lambda) tells the service what happened and when; the service reads what the rules need
to know, asks them, and does what they say. The way of a position: :meth:`Service.received`, then :meth:`Service.close_window`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from logging import WARNING

from lobby import limits, rules
from lobby.errors import CODES, Refused
from lobby.fanout import Share, Window
from lobby.limits import Bucket
from lobby.messages import (
    ACTIONS,
    TYPES,
    Handshake,
    PlayerPos,
    Pos,
    ServerMessage,
    encode,
    encode_moves,
    parse,
    parse_handshake,
)
from lobby.ports import NOBODY, Gateway, Unreached
from lobby.presence import Presence, newest, others
from lobby.rules import Change, Close, Effect, Place, Post, SetStatus, Show, Tracked
from lobby.serverless.lock import Store
from lobby.settings import Settings
from lobby.telemetry import Counts, log
from lobby.tokens import admit, check_origin


class Service:
    """The lobby of one host. ``now`` is always milliseconds since 1970, read by the host.

    ``open_window(room)`` is called when the first position after a quiet time came in: the host waits for as long as
    ``fanout.window_ms`` says and calls :meth:`close_window`.
    """

    def __init__(
        self, store: Store, gateway: Gateway, settings: Settings, open_window: Callable[[str], None] = lambda room: None
    ) -> None:
        self.store, self.gateway, self.settings, self.open_window = store, gateway, settings, open_window
        self.pace = limits.pace(settings)
        self.counts: Counts = Counts()
        self._windows: defaultdict[str, Window] = defaultdict(Window)
        self._buckets: dict[str, Bucket] = {}

    # ── a connection's life ─────────────────────────────────────────────────────────────────────────────────────────

    def admit(self, query: Mapping[str, str], origin: str | None, host: str, fallback: str, now: int) -> Handshake:
        """Who wants to come in, and that it may. ``fallback`` names a player that has no name. Raises Refused."""
        check_origin(origin, host, self.settings)
        handshake = admit(parse_handshake(query), self.settings.secret, now)
        return handshake if handshake.player else handshake._replace(player=fallback)

    def connected(self, handshake: Handshake, connection: str, now: int) -> Presence:
        """Takes a connection in. Raises Refused where there is no place."""
        roster = self.store.room(handshake.room)
        row = self.store.add(rules.connected(handshake, connection, roster, now, self.settings))
        self.announce(self.store.take_changes(), now)
        return row

    def received(self, sender: Presence, text: str, now: int, order: int = 0) -> None:
        """One text frame of ``sender``. A wrong one changes nothing, and only its sender hears of it.

        ``order`` counts for a position that does not count itself, on hosts where messages may overtake each other.
        """
        try:
            self._spend(sender.connection, now)
            if len(text) > self.settings.message_bytes or (
                not text.isascii() and len(text.encode()) > self.settings.message_bytes
            ):
                raise Refused("too_large", f"a message has at most {self.settings.message_bytes:,} bytes")
            message = parse(text)
            if order and isinstance(message, Pos) and not message.at.seq:
                message = Pos(message.at._replace(seq=order))
            self.counts["messages", ACTIONS[type(message)]] += 1
            self._carry_out(rules.received(message, sender, now, self.settings), sender.room, now)
        except Refused as error:
            self.refuse(sender, error, now)

    def refuse(self, sender: Presence, error: Refused, now: int) -> None:
        """Tells ``sender`` what was wrong; one that goes on flooding is cut instead."""
        self.counts["refused", error.code] += 1
        if error.is_flood:
            self._carry_out(Close(sender, "flood"), sender.room, now)
        elif not error.is_repeated:
            self._carry_out(rules.refused(sender, error), sender.room, now)

    def _spend(self, connection: str, now: int) -> None:
        self._buckets[connection], error = self.pace.spend(self._buckets.get(connection) or Bucket(), now)
        if error is not None:
            raise error

    def heard(self, room: str, connection: str, now: int) -> None:
        """A connection answered a ping."""
        self.store.seen(room, connection, now)

    def disconnected(self, room: str, connection: str, now: int) -> None:
        """A connection has ended, for whatever reason. Twice does no harm."""
        self._buckets.pop(connection, None)
        self.store.remove(room, connection)
        self.announce(self.store.take_changes(), now)

    def sweep(self, roster: Iterable[Presence], now: int) -> None:
        """Ends the connections in ``roster`` that were silent for too long."""
        for row in roster:
            if rules.is_silent(row, now, self.settings):
                self._carry_out(Close(row, "silent"), row.room, now)

    # ── what the others hear ────────────────────────────────────────────────────────────────────────────────────────

    def announce(self, changes: Iterable[Change], now: int) -> None:
        """Tells each room of the rows that came and went."""
        for change in changes:
            row, roster = change.presence, self.store.room(change.presence.room)
            self._note(change, roster)
            if not roster:
                self._windows.pop(row.room, None)
            for effect in rules.changed(change, roster):
                self._carry_out(effect, row.room, now)

    def _note(self, change: Change, roster: list[Presence]) -> None:
        """Counts and logs a row that came or went."""
        row, came = change.presence, isinstance(change, Tracked)
        if not any(other.player == row.player and other.connection != row.connection for other in roster):
            self.counts["joins" if came else "leaves", ""] += 1
            log("joined" if came else "left", room=row.room, player=row.player, connection=row.connection)
        elif came:
            self.counts["takeovers", ""] += 1
            log("took_over", room=row.room, player=row.player, connection=row.connection)

    def moved(self, row: Presence, now: int) -> None:
        """The position of ``row`` was written and is to be told."""
        window = self._windows[row.room]
        first = not window.near
        window.moved(row.player)
        if first:
            self.open_window(row.room)

    def close_window(self, room: str, now: int) -> int | None:
        """Tells what moved in ``room``. Returns when it wants to be called again (ms), None when all is told."""
        window = self._windows.get(room)
        if window is None:
            return None
        self.counts["windows", ""] += 1
        self.tell(room, window.close(newest(self.store.room(room)), now, self.settings), now)
        return None if window.is_empty else window.far_due_ms

    def tell(self, room: str, shares: Iterable[Share], now: int) -> None:
        """Posts each share: one frame for all receivers of version 2, one for each mover to those of version 1."""
        # Those who are gone are forgotten when all is told: a leave in between would be followed by a position of the one who
        # left.
        self._forget(room, self._tell(shares, now), now)

    def _tell(self, shares: Iterable[Share], now: int) -> Unreached:
        unreached = NOBODY
        for receivers, movers in shares:
            modern = [row.connection for row in receivers if row.v >= 2]
            if modern:
                unreached |= self._post(modern, encode_moves(now, [(row.n, row.at) for row in movers]), "moves")
            if len(modern) < len(receivers):
                plain = [row for row in receivers if row.v < 2]
                for mover in movers:
                    to = [row.connection for row in others(mover, plain)]
                    unreached |= self._post(to, encode(PlayerPos(mover.player, mover.at), 1), "pos")
        return unreached

    def catch_up(self, room: str, connection: str, now: int) -> None:
        """Tells a reader that was spared positions where everybody stands now."""
        receiver = self.store.get(room, connection)
        if receiver is not None:
            movers = others(receiver, newest(self.store.room(room)))
            if movers:
                self.tell(room, [Share([receiver], movers)], now)

    # ── effects ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self, effect: Effect, room: str, now: int) -> None:
        match effect:
            case Place(connection, at, allowance):
                row = self.store.place(room, connection, at, now, allowance)
                if row is not None:
                    self.moved(row, now)
            case Post(receivers, message):
                self._send(room, receivers, message, now)
            case Show(connection):
                row = self.store.get(room, connection)
                if row is not None:
                    for post in rules.welcomed(row, self.store.room(room), now, self.settings):
                        self._carry_out(post, room, now)
            case SetStatus(connection, status):
                row = self.store.set_status(room, connection, status, now)
                if row is not None:
                    self._carry_out(rules.status_changed(row, self.store.room(room)), room, now)
            case Close(row, code):
                self._close(row, code)
                # The row goes with the connection; waiting for the network to say so would leave a ghost.
                self.disconnected(room, row.connection, now)

    def _close(self, row: Presence, code: str) -> None:
        """Tells a connection why, and ends it."""
        self.counts["closed", code] += 1
        log("closed", WARNING, room=row.room, player=row.player, connection=row.connection, code=code)
        self._deliver(rules.farewell(row, code))
        self._hang_up(row.connection, code)

    def _hang_up(self, connection: str, code: str) -> None:
        self.gateway.close(connection, CODES[code].close or 1000, f"{code}: {CODES[code].meaning}")

    def _send(self, room: str, receivers: tuple[Presence, ...], message: ServerMessage, now: int) -> None:
        self._forget(room, self._deliver(Post(receivers, message)), now)

    def _deliver(self, post: Post) -> Unreached:
        """Sends a message to each receiver in its own version."""
        by_version: defaultdict[int, list[str]] = defaultdict(list)
        for row in post.receivers:
            by_version[row.v].append(row.connection)
        unreached = NOBODY
        for v, connections in by_version.items():
            unreached |= self._post(connections, encode(post.message, v), TYPES[type(post.message)])
        return unreached

    def _post(self, connections: Collection[str], text: str | None, kind: str) -> Unreached:
        if text is None or not connections:
            return NOBODY
        self.counts["frames", kind] += len(connections)
        self.counts["frame_bytes", ""] += len(connections) * len(text)
        return self.gateway.post(connections, text, droppable=kind in {"moves", "pos"})

    def _forget(self, room: str, unreached: Unreached, now: int) -> None:
        """Removes all rows of who is gone first, so that nobody is told of a leave who has left as well."""
        if gone := unreached.gone:
            for connection in gone:
                self._buckets.pop(connection, None)
                self.store.remove(room, connection)
            self.announce(self.store.take_changes(), now)
