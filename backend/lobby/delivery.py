"""From messages to frames to connections: encodes each message once per protocol version, posts it, counts it.

All hosts share this class, and none overrides it. The rules decide what is sent to whom (``rules``, ``fanout``); the driver of
a host (``server.resident``, ``serverless.invocation``) decides when.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from logging import WARNING
from operator import attrgetter

from lobby.compact import Encoder
from lobby.errors import CODES, Refused
from lobby.fanout import Share
from lobby.messages import CODECS, TYPES, Entry, Memory, Welcome
from lobby.ports import ALL_REACHED, Gateway, Unreached
from lobby.presence import Presence, newest, others
from lobby.rules import Change, Post, RowAdded, closing_error
from lobby.telemetry import Counts, log

DROPPABLE = frozenset({"moves", "pos"})
"""Kinds of frames that a slow reader may miss: the next broadcast carries newer positions."""

REASON_BYTES = 123
"""The longest reason of a close frame (RFC 6455, section 5.5)."""

_number = attrgetter("n")
_NEWEST_FIRST = sorted(CODECS, reverse=True)


class Delivery:
    """Sends messages through ``gateway``; ``counts`` counts frames, bytes, refusals, joins and leaves."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.counts: Counts = Counts()
        self.frames = 0
        """How many frames were sent, of all kinds."""
        self._entries: dict[str, Entry] = {}
        """What a welcome says of each connection's player, as long as its row does not change."""

    def post(self, post: Post) -> Unreached:
        """Sends a message to each receiver in the receiver's version. Returns the connections that it did not reach."""
        unreached = ALL_REACHED
        for v, receivers in _by_version(post.receivers):
            frame = CODECS[v].encode(post.message)
            if frame is not None:
                unreached |= self._post([row.connection for row in receivers], frame, TYPES[type(post.message)])
        return unreached

    def welcome(self, newcomer: Presence, roster: Iterable[Presence], now: int) -> Unreached:
        """Sends a connection its ``welcome`` with the other players of ``roster``, which are encoded already if they have not
        changed since the last one. ``rules.welcomed`` states what a ``welcome`` contains."""
        rows = sorted(others(newcomer, newest(roster)), key=_number)
        frame = CODECS[newcomer.v].welcome(newcomer, map(self._entry, rows), now)
        return self._post([newcomer.connection], frame, TYPES[Welcome])

    def _entry(self, row: Presence) -> Entry:
        entry = self._entries.get(row.connection)
        if entry is None or entry.row is not row:
            entry = self._entries[row.connection] = Entry.of(row)
        return entry

    def broadcast(self, shares: Iterable[Share], now: int, compact: Encoder | None = None) -> Unreached:
        """Sends the movers of each share to its receivers. Returns the connections that a frame did not reach.

        ``compact`` is what the room was sent before, on a host that remembers it and can send binary frames.
        """
        unreached = ALL_REACHED
        for share in shares:
            memory = Memory(compact, share.reach) if compact is not None else None
            for v, receivers in _by_version(share.receivers):
                for frame, kind, skip, binary in CODECS[v].positions(now, share.movers, memory):
                    to = [row.connection for row in receivers if not skip or row.player != skip]
                    if to:
                        unreached |= self._post(to, frame, kind, binary=binary)
        return unreached

    def closing_error(self, row: Presence, code: str, detail: str = "") -> None:
        """Sends a connection the reason for which it is about to be closed. Call :meth:`close` next."""
        self.counts["closed", code] += 1
        log("closed", WARNING, room=row.room, player=row.player, connection=row.connection, code=code)
        self.post(Post((row,), closing_error(code, detail)))

    def close(self, connection: str, code: str, detail: str = "") -> None:
        """Closes a connection with the close code of ``code``."""
        reason = f"{code}: {detail or CODES[code].meaning}".encode()[:REASON_BYTES].decode(errors="ignore")
        self._gateway.close(connection, CODES[code].close or 1000, reason)

    def count_refused(self, error: Refused) -> None:
        """Counts a message or a connection that was refused."""
        self.counts["refused", error.code] += 1

    def count_change(self, change: Change, roster: Iterable[Presence]) -> str:
        """Counts and logs a row that was added or removed. ``roster`` is the room after the change.

        Returns ``join`` or ``leave`` where a player has joined or left, else nothing.
        """
        row, is_added = change.presence, isinstance(change, RowAdded)
        self._entries.pop(row.connection, None)
        if row.watch:
            log("watches" if is_added else "watched", room=row.room, connection=row.connection)
            return ""
        if not any(other.player == row.player and other.connection != row.connection for other in roster):
            self.counts["joins" if is_added else "leaves", ""] += 1
            log("joined" if is_added else "left", room=row.room, player=row.player, connection=row.connection)
            return "join" if is_added else "leave"
        if is_added:
            self.counts["takeovers", ""] += 1
            log("took_over", room=row.room, player=row.player, connection=row.connection)
        return ""

    def _post(self, connections: Collection[str], frame: bytes, kind: str, *, binary: bool = False) -> Unreached:
        self.frames += len(connections)
        self.counts["frames", kind] += len(connections)
        self.counts["frame_bytes", ""] += len(connections) * len(frame)
        return self._gateway.post(connections, frame, droppable=kind in DROPPABLE, binary=binary)


def _by_version(receivers: Iterable[Presence]) -> Iterable[tuple[int, list[Presence]]]:
    """The receivers of each protocol version. The newest version comes first: nearly all receivers have it."""
    remaining = list(receivers)
    for v in _NEWEST_FIRST:
        if remaining:
            group = [row for row in remaining if row.v == v]
            if group:
                yield v, group
            if len(group) < len(remaining):
                remaining = [row for row in remaining if row.v != v]
            else:
                return
