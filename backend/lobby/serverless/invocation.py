"""The lobby where no process lives on: each event is an invocation, and what they share is a table.

The theory, which ``tests/scenarios/test_interleavings.py`` searches for holes:

*   **One speaks at a time.** Whoever tells a room something takes its *floor* first (a conditional write), reads the room,
    tells everybody all that is owed, and gives the floor back. So nobody tells yesterday's news after today's: no leave is
    followed by a welcome that was read before it, no position by an older one.
*   **What is owed can be read in the table**, so it does not matter who pays. A position or a status is owed until it is among
    what was *told*, which is written when the floor is given back. A connection is owed a welcome while its row is *behind*:
    since it joined, since it said hello, since a post did not reach it. A crash anywhere leaves the debt standing; a post that
    fails makes one. Joins and leaves are told from the table's stream, which repeats a batch that failed.
*   **A window** makes one telling of many positions. A writer first writes its position, then looks. *Open*: somebody will read
    the room later than now, so the writer is done. *Closed*: the writer opens it (a conditional write, so only one can), waits,
    and takes the floor and shuts the window in one write, before it reads. Whoever wrote before that is read; whoever
    writes after it finds the window closed.
*   **The dead hold nothing for long.** The floor is lent for as long as an invocation can live. A window is lent a little
    longer than its length: who finds it run out opens it again, and the one who was only slow finds that it has lost it.
*   When nobody moves any more there may be nobody to pay. So a **ping** looks, and pays. Clients ping every ``heartbeat_ms``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from itertools import groupby

from lobby import limits, rules
from lobby.budget import UNBOUND, BudgetState
from lobby.errors import Refused, StoreError
from lobby.fanout import Share, share_for_all
from lobby.messages import Handshake, Join, Pong, Welcome
from lobby.ports import NOBODY, Gateway, Unreached
from lobby.presence import Position, Presence, newest
from lobby.rules import Change, Close, Effect, Place, Post, SetStatus, Show, Tracked, Untracked
from lobby.serverless.lock import SharedStore, Told, WindowLost
from lobby.service import Service
from lobby.settings import Settings

SKEW_MS = 1_000
"""How far the clocks of two invocations may be apart."""

WINDOW_GRACE_MS = 2_000
"""How much longer than its length a window is lent, before somebody else may open it."""

NOT_YET_MS = 5_000
"""A connection so young that is said to be gone (410) may only not be there yet: its ``$connect`` has not returned."""

KNOCK_MS, KNOCKING_MS = 50, 2_500
"""How often, and for how long, a newcomer is tried whose ``$connect`` has not returned."""

PATIENCE_MS = 10
"""How often somebody tries to take the floor while another speaks."""

RETRY_MS = (200, 400, 800)
"""When those are tried again whom a post did not reach, by whoever spoke: after that, whoever speaks next does."""

GOODBYE_MS = 250
"""How long somebody has to read why, before the connection ends."""

HOPELESS_MS = 30_000
"""Who has been behind for so long is cut: it reads too slowly, or not at all."""

LONGEST_WINDOW_MS, LONGEST_SEND_MS = 5_000, 60_000
"""However little there is to spend: the bounds of the settings."""

COUNTED_BY_CLOCK = 10**12
"""A ``seq`` from here on is a time in ms since 1970: API Gateway's, of a position that its player did not count."""

TRIES = 5
"""How often a position is decided anew because another one of the same player came in between."""


class ServerlessService(Service):
    """The service of one invocation."""

    store: SharedStore

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
        thrift: BudgetState = UNBOUND,
    ) -> None:
        """``clock()`` is milliseconds since 1970, ``wait(ms)`` lets time pass, ``holder`` names the invocation, ``lives_ms`` is
        how long it may still run: the function's timeout, when it has just begun. ``thrift`` is what it knows of the budget."""
        super().__init__(store, gateway, settings)
        self._known = thrift
        self._holder, self._clock, self._wait = holder, clock, wait
        self._ends_ms = clock() + lives_ms
        self._recent_ms = lives_ms + SKEW_MS
        """A position is written at most so long after the time that it bears."""
        self.fanouts: list[tuple[float, int]] = []
        """How long each telling took (ms), and to how many players."""
        self._leaving: list[tuple[str, str]] = []
        self.unreached = NOBODY
        """Whom posts did not reach, so far."""

    @property
    def measured(self) -> Iterable[tuple[str, float]]:
        """What this invocation did, as values of ``telemetry.METRICS``."""
        for name in ("joins", "leaves", "messages"):
            if count := sum(times for (counted, _), times in self.counts.items() if counted == name):
                yield name, count
        for took_ms, players in self.fanouts:
            yield from (("fanout_ms", took_ms), ("players", players))
        for name, connections in (("gone", self.unreached.gone), ("throttled", self.unreached.missed)):
            if connections:
                yield name, len(connections)

    # ── what happens to one connection ──────────────────────────────────────────────────────────────────────────────

    def received(self, sender: Presence, text: str, now: int, order: int = 0) -> None:
        """See :meth:`lobby.service.Service.received`."""
        super().received(sender, text, now, order)
        self._see_out()

    def connected(self, handshake: Handshake, connection: str, now: int) -> Presence:
        """Writes the row of a connection; the table's stream announces it. Raises Refused where there is no place, and none for
        who is not inside already where the budget is spent."""
        roster = self.store.room(handshake.room)
        if self._known.is_spent and not any(row.player == handshake.player for row in roster):
            raise Refused("over_budget")
        row = rules.connected(handshake, connection, roster, now, self.settings)
        return self.store.add(row._replace(behind_ms=now))

    def disconnected(self, room: str, connection: str, now: int) -> None:
        """Removes the row of a connection; the table's stream announces it."""
        self.store.remove(room, connection)

    def refuse(self, sender: Presence, error: Refused, now: int) -> None:
        """Tells ``sender`` what was wrong. A message that wrote nothing else is paid for here."""
        if error.code != "rate_limited":
            try:
                self.store.seen(sender.room, sender.connection, now, pace=self.pace)
            except Refused as limited:
                error = limited
        super().refuse(sender, error, now)

    def _spend(self, connection: str, now: int) -> None:
        """Nothing: what a message writes spends, since this invocation knows nothing of the last one."""

    def _carry_out(self, effect: Effect, room: str, now: int) -> None:
        match effect:
            case Place():
                self._place(effect, room, now)
            case SetStatus(connection, status):
                row = self.store.set_status(room, connection, status, now, pace=self.pace)
                self._speak_for(row, room, connection)
            case Show(connection):
                row = self.store.fall_behind(room, connection, now, pace=self.pace)
                self._speak_for(row, room, connection)
            case Post((sender,), Pong() as pong):
                if self.store.seen(room, sender.connection, now, pace=self.pace) is None:
                    self._lost(sender.connection)
                else:
                    self._deliver(Post((sender,), pong))
                    if self._is_owed(room):
                        self._speak(room)
            case Post(receivers, message):
                self._deliver(Post(receivers, message))
            case Close(row, code):
                self._close(row, code)
                self.store.remove(room, row.connection)

    def _place(self, place: Place, room: str, now: int) -> None:
        known = None
        for _ in range(TRIES):
            allowance, since_ms = place.allowance, None
            if self.settings.max_speed:
                known = self.store.get(room, place.connection)
                if known is None:
                    return self._lost(place.connection)
                if not rules.is_newer(place.at, known.at):
                    return None
                allowance, since_ms = limits.travel(known, place.at, now, self.settings), known.moved_ms
            row = self.store.place(room, place.connection, place.at, now, allowance, pace=self.pace, since_ms=since_ms)
            if row is not None:
                return self._lead(room, now)
            if not self.settings.max_speed:
                # Overtaken by a newer one, mostly.
                return None if self.store.get(room, place.connection) else self._lost(place.connection)
        raise StoreError(f"A position of {place.connection} was overtaken {TRIES} times.")

    def _lost(self, connection: str) -> None:
        """Somebody speaks whose row is gone: closed a moment ago, or thought dead. If it is alive it comes back."""
        self._close(Presence("", connection, ""), "silent")

    def _hang_up(self, connection: str, code: str) -> None:
        """Not now: API Gateway cannot say why, so the goodbye has to be read first, and some clients read nothing any more once
        the connection has ended."""
        self._leaving.append((connection, code))

    def _see_out(self) -> None:
        """Ends the connections that were told so. If this never happens, they have no row, and end it themselves."""
        if self._leaving:
            self._wait(GOODBYE_MS)
            for connection, code in self._leaving:
                super()._hang_up(connection, code)
            self._leaving.clear()

    # ── what a room is told ─────────────────────────────────────────────────────────────────────────────────────────

    def announce(self, changes: Iterable[Change], now: int) -> None:
        """Tells each room of the rows that came and went, and those who came what there is."""
        for room, group in groupby(changes, key=lambda change: change.presence.room):
            came_and_went = list(group)
            newcomers = {change.presence.connection for change in came_and_went if isinstance(change, Tracked)}
            absent = self._speak(room, came_and_went).gone & newcomers
            knocked_ms = 0
            # The stream may be faster than the `$connect` that wrote the row, and nobody else may ever speak here.
            while absent and knocked_ms < KNOCKING_MS:
                self._wait(KNOCK_MS)
                knocked_ms += KNOCK_MS
                absent &= self._speak(room).gone
            for connection in absent:  # its `$connect` died, or its client did
                self.store.remove(room, connection)
        self._see_out()

    def _lead(self, room: str, now: int) -> None:
        """A position was written: leaves it to the leader of the window that is open, or leads one."""
        floor = self.store.look(room)
        if floor.is_open(now):
            return
        window_ms = self._stretched(self._latest(floor.told)).window_ms
        if not self.store.open_window(room, self._holder, now, now + window_ms + WINDOW_GRACE_MS):
            return
        self._wait(window_ms)
        try:
            absent = self._speak(room, shut=True)
        except WindowLost:
            return
        for pause_ms in RETRY_MS:
            if absent == NOBODY or self._clock() + pause_ms > self._ends_ms - SKEW_MS:
                return
            self._wait(pause_ms)
            absent = self._speak(room)

    def _latest(self, told: Told) -> BudgetState:
        """What is known of the budget: by this invocation, or, if that was later, by whoever told the room of it."""
        return max(self._known, told.thrift, key=lambda thrift: thrift.as_of_ms)

    def _stretched(self, thrift: BudgetState) -> Settings:
        """The settings that hold now. A window ends while there is time left to tell what it brought."""
        if thrift.stretch == 1:
            return self.settings
        window_ms, longest_ms = self.settings.window_ms, self._ends_ms - self._clock() - WINDOW_GRACE_MS - SKEW_MS
        return replace(
            self.settings,
            window_ms=max(window_ms, min(window_ms * thrift.stretch, longest_ms, LONGEST_WINDOW_MS)),
            send_ms=min(self.settings.send_ms * thrift.stretch, LONGEST_SEND_MS),
        )

    def _speak_for(self, row: Presence | None, room: str, connection: str) -> None:
        if row is None:
            self._lost(connection)
        else:
            self._speak(room)

    def _is_owed(self, room: str) -> bool:
        """Whether somebody died, or gave up, before all was told."""
        now, floor = self._clock(), self.store.look(room)
        if floor.is_open(now) or floor.is_taken(now):
            return False
        roster = newest(self.store.room(room))
        return (
            any(row.behind_ms for row in roster)
            or any(self._owes_position(row, floor.told) or self._owes_status(row, floor.told) for row in roster)
            or any(self._is_silent(row, now) for row in roster)
        )

    def _owes_position(self, row: Presence, told: Told) -> bool:
        return bool(row.moved_ms) and row.moved_ms >= told.ms - self._recent_ms and _stamp(row, told)[0] < row.at.seq

    def _owes_status(self, row: Presence, told: Told) -> bool:
        return bool(row.status_ms) and row.status_ms >= told.ms - self._recent_ms and _stamp(row, told)[1] != row.status

    def _is_silent(self, row: Presence, now: int) -> bool:
        """Version 1 cannot ping, and API Gateway does not: it ends such a connection by itself when it is idle."""
        return row.v >= 2 and rules.is_silent(row, now, self.settings)

    def _speak(self, room: str, changes: Iterable[Change] = (), *, shut: bool = False) -> Unreached:
        """Takes the floor and tells the room ``changes`` and all else that is owed. Returns who is still owed something; said
        to be gone are only those who are so young that they may not be there yet.

        Raises WindowLost where ``shut`` is asked for and the window is not ours any more, StoreError where the floor is not to
        be had.
        """
        told = self._take_floor(room, shut)
        try:
            now_told, absent = self._tell_what_is_owed(room, changes, told)
        except Exception:
            self.store.leave_floor(room, self._holder, told)  # nothing more is told than was, and nobody has to wait
            raise
        self.store.leave_floor(room, self._holder, now_told)
        return absent

    def _take_floor(self, room: str, shut: bool) -> Told:
        while (told := self.store.take_floor(room, self._holder, self._clock(), self._ends_ms + SKEW_MS, shut=shut)) is None:
            while self.store.look(room).is_taken(self._clock()):  # to look costs a fifth of what it costs to try
                if self._clock() > self._ends_ms - SKEW_MS:
                    raise StoreError(f"Somebody else has been speaking in {room} for too long.")
                self._wait(PATIENCE_MS)
        return told

    def _tell(self, shares: Iterable[Share], now: int) -> Unreached:
        return super()._tell([Share(who, [row._replace(at=_shown(row.at)) for row in movers]) for who, movers in shares], now)

    def _deliver(self, post: Post) -> Unreached:
        match post.message:
            case Join(player):
                post = post._replace(message=Join(player._replace(at=_shown(player.at))))
            case Welcome():
                players = tuple(player._replace(at=_shown(player.at)) for player in post.message.players)
                post = post._replace(message=post.message._replace(players=players))
        return super()._deliver(post)

    def _tell_what_is_owed(self, room: str, changes: Iterable[Change], told: Told) -> tuple[Told, Unreached]:
        now = self._clock()  # before the room is read: told is what was written until now
        roster = self.store.room(room)
        awake = {row.connection for row in roster if not row.behind_ms}
        unreached = NOBODY
        thrift = self._latest(told)
        settings = self._stretched(thrift)
        if thrift.stretch != told.thrift.stretch:
            unreached |= self._deliver(_to(awake, rules.configured(roster, settings)))
        for change in changes:
            self._note(change, roster)
            for effect in rules.changed(change, roster):
                if isinstance(effect, Post):
                    unreached |= self._deliver(_to(awake, effect))
                    if isinstance(effect.message, Join):  # which says where the player stands, and its status
                        player = effect.message.player
                        told = told._replace(stamps={**told.stamps, player.n: (player.at.seq, player.status)})
                elif isinstance(effect, Close):
                    roster = self._hand_over(effect, roster)
            if isinstance(change, Untracked):  # it may have been the newest, of a player whose older connection goes on
                roster = self._inherit(change.presence, roster)
        here = newest(roster)
        for row in here:
            if self._owes_status(row, told):
                unreached |= self._deliver(_to(awake, rules.status_changed(row, roster)))
        movers = [row for row in here if self._owes_position(row, told)]
        for receivers, heard in share_for_all(movers, roster):
            unreached |= self._tell([Share([row for row in receivers if row.connection in awake], heard)], now)
        unreached |= self._welcome_those_behind(roster, now, settings)
        self.fanouts.append((self._clock() - now, len(here)))
        self.unreached |= unreached
        absent = self._see_to(unreached, roster, now)
        recent = [row for row in here if max(row.moved_ms, row.status_ms) >= now - self._recent_ms]
        stamps = {row.n: (row.at.seq, row.status) for row in recent}
        return Told(max(now, told.ms), stamps, thrift), absent

    def _hand_over(self, close: Close, roster: list[Presence]) -> list[Presence]:
        """Ends a connection that was taken over. Returns the roster after that."""
        self._close(close.presence, close.code)
        # Its `$disconnect` may have been faster; then what was read, and may have been told, is all there is.
        was = self.store.remove(close.presence.room, close.presence.connection) or close.presence
        return self._inherit(was, [row for row in roster if row.connection != was.connection])

    def _inherit(self, was: Presence, roster: list[Presence]) -> list[Presence]:
        """What was written to a row until its end, and was told of its player, goes to the connection that goes on for the
        player. Returns the roster after that."""
        own = [row for row in roster if row.player == was.player]
        for heir in newest(own):
            if heir.n != was.n:
                continue  # it came without having seen the other, and the others have been told where it stands
            after = heir
            if was.at.seq > heir.at.seq:
                after = self.store.place(heir.room, heir.connection, was.at, self._clock(), was.allowance) or after
            if was.status_ms > heir.status_ms:
                after = self.store.set_status(heir.room, heir.connection, was.status, self._clock()) or after
            roster = [after if row is heir else row for row in roster]
        return roster

    def _welcome_those_behind(self, roster: list[Presence], now: int, settings: Settings) -> Unreached:
        unreached = NOBODY
        for row in roster:
            if row.behind_ms:
                missed = NOBODY
                for post in rules.welcomed(row, roster, now, settings):
                    if missed == NOBODY:  # a connection may open in between, and must not begin with the second
                        missed = self._deliver(post)
                unreached |= missed
                if missed == NOBODY:
                    self.store.caught_up(row.room, row.connection, row.behind_ms)
        return unreached

    def _see_to(self, unreached: Unreached, roster: list[Presence], now: int) -> Unreached:
        """Removes who is gone, and notes who is owed a welcome now: those are returned."""
        absent = set()
        for row in roster:
            is_young = now - row.joined_ms < NOT_YET_MS
            if row.connection in unreached.gone and not is_young:
                self.store.remove(row.room, row.connection)
            elif row.behind_ms and now - row.behind_ms > HOPELESS_MS:
                self._carry_out(Close(row, "slow_reader"), row.room, now)
            elif self._is_silent(row, now):
                self._carry_out(Close(row, "silent"), row.room, now)
            elif row.connection in unreached.gone | unreached.missed:
                absent.add(row.connection)
                if not row.behind_ms:
                    self.store.fall_behind(row.room, row.connection, now)
        return Unreached(unreached.gone & absent, unreached.missed & absent)


def _shown(at: Position) -> Position:
    """A position as others are told of it. Positions that their players do not count are counted by API Gateway's clock."""
    return at if at.seq < COUNTED_BY_CLOCK else at._replace(seq=0)


def _stamp(row: Presence, told: Told) -> tuple[int, str]:
    return told.stamps.get(row.n, (-1, "\0"))  # neither is ever told


def _to(connections: Collection[str], post: Post) -> Post:
    return post._replace(receivers=tuple(row for row in post.receivers if row.connection in connections))
