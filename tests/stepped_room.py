"""One room on AWS, without AWS: a table with its stream, an API Gateway, and invocations that run step by step.

The test decides everything: a history is a list of its choices (``tests/scenarios/test_interleavings.py``). Each peer keeps
what it received, as a client does, so that a test can compare it with the table.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from lobby import messages as m
from lobby.budget import UNBOUND, BudgetState
from lobby.client.roster import Joined, Left, Roster
from lobby.errors import Refused, StoreError
from lobby.ports import Unreached
from lobby.presence import Presence, newest
from lobby.rules import Change, RowAdded
from lobby.serverless.broadcast import NOT_YET_MS
from lobby.serverless.invocation import Invocation
from lobby.serverless.lock import SKEW_MS
from lobby.serverless.shared import SharedStore
from lobby.settings import Settings
from tests.scheduler import Crash, Steps, Stepwise
from tests.shared_memory import SharedMemory

LIVES_MS = 6_000
"""The function's timeout."""


def room_settings(**changes: Any) -> Settings:
    """Settings in which a history of some seconds fits."""
    return Settings(**{"window_ms": 200, "heartbeat_ms": 60_000, "messages_per_s": 1_000, "messages_burst": 1_000, **changes})


SETTINGS = room_settings()


@dataclass
class Peer:
    """One connection, and what its client knows of the room."""

    id: str
    player: str
    v: int
    watch: bool = False
    state: str = "connecting"
    send_ms: int = 0
    roster: Roster = field(default_factory=Roster)
    received: list[m.ServerMessage] = field(default_factory=list)
    far: dict[str, float] = field(default_factory=dict)

    def receive(self, frame: bytes) -> list[object]:
        message = m.decode(frame)
        assert message is not None
        self.received.append(message)
        if isinstance(message, m.Config):
            self.send_ms = message.send_ms
        before = {(id, player.n): player.at.seq for id, player in self.roster.players.items()}
        may_go_back = isinstance(message, m.Welcome)  # the newer of two connections may be gone, and the older one continues
        events = self.roster.apply(message)
        if self.v == 1 and isinstance(message, m.PlayerPos) and message.id in self.roster.players:
            # Version 1 does not number positions, so the test compares x, which grows with each position.
            assert message.at.x >= self.far.get(message.id, 0), (
                f"{self.id} received an old position of {message.id} after a new one"
            )
            self.far[message.id] = message.at.x
        for id, player in self.roster.players.items():
            seq = before.get((id, player.n), 0)
            assert player.at.seq >= seq or may_go_back or self.v == 1, f"{self.id} knows an older position of {id} than before"
        return list(events)


@dataclass
class Faults:
    """The chance of each fault: a post that is lost, a store that fails, a ``$disconnect`` that API Gateway never sends, a
    batch of the stream that is repeated."""

    chance: random.Random
    post: float = 0.0
    store: float = 0.0
    disconnect: float = 0.0
    repeat: float = 0.0

    def __call__(self, kind: str) -> bool:
        return bool(self.chance.random() < getattr(self, kind))


class StreamedStore(SharedStore, Protocol):
    """A table with its stream."""

    def take_changes(self) -> list[Change]:
        """The rows that were added and removed since the last call, oldest first."""


class SteppedRoom:
    """One room on AWS. Nothing happens until the test takes a step."""

    def __init__(self, store: StreamedStore | None = None, faults: Faults | None = None, settings: Settings = SETTINGS) -> None:
        self.store: StreamedStore = store or SharedMemory()
        self.settings = settings
        self.faults = faults or Faults(random.Random(0))
        self.now = 1_000_000
        self.peers: dict[str, Peer] = {}
        self.running: list[Steps] = []
        self.batch: list[Change] = []
        """The changes that the stream holds and that no invocation has announced yet."""
        self.announcing: Steps | None = None
        self._ids, self._names, self._x = count(1), count(1), count(1)
        self._present: Counter[str] = Counter()
        self._absent: dict[str, int] = {}
        self._tick = self._order = 0
        self.known = [UNBOUND]
        """Budget states, oldest first. Each invocation knows one of the last three."""
        self._known_since: dict[tuple[str, str], int] = {}

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def connect(self, player: str, v: int = 2, *, watch: bool = False) -> Peer:
        connection = f"c{next(self._ids):03}"
        peer = Peer(connection, f"#{connection}" if watch else player, v, watch)
        self.peers[peer.id] = peer

        def work(invocation: Invocation, now: int) -> None:
            try:
                invocation.connected(m.Handshake(player, "lobby", v=v, watch=watch), peer.id, now)
            except Refused:
                peer.state = "dead"
            if peer.state == "connecting":
                peer.state = "open"

        self._invoke(f"connect {peer.id}", work)
        return peer

    def disconnect(self, peer: Peer) -> None:
        """The client is gone. The gateway may never report it."""
        if peer.state != "dead":
            peer.state = "dead"
            if not self.faults("disconnect"):
                self._invoke(f"disconnect {peer.id}", lambda invocation, now: invocation.disconnected("lobby", peer.id))

    def send(self, peer: Peer, **message: object) -> None:
        """The client of ``peer`` sends a message."""
        self.send_text(peer, json.dumps(message))

    def send_text(self, peer: Peer, text: str) -> None:
        # The clock of API Gateway: no two messages arrive in the same millisecond.
        self._order = order = max(self.now, self._order + 1)
        sender = Presence("lobby", peer.id, peer.player, v=peer.v, watch=peer.watch)
        frame = text.encode()
        self._invoke(f"{text} of {peer.id}", lambda invocation, now: invocation.received(sender, frame, now, order=order))

    def move(self, peer: Peer) -> None:
        # Each position has a larger x than all before it, so that a test recognizes an old one.
        self.send(peer, action="pos", x=next(self._x), y=0)

    def deliver_stream(self) -> None:
        """Starts an invocation with the pending batch of the stream, unless one still works on the batch before."""
        if self.batch and (self.announcing is None or self.announcing.done):
            batch = list(self.batch)

            def work(invocation: Invocation, now: int) -> None:
                invocation.announce(batch)
                if not self.faults("repeat"):
                    del self.batch[: len(batch)]

            self.announcing = self._invoke("stream", work)

    def change_budget(self, stretch: int, *, is_spent: bool = False) -> None:
        """Adds a budget state that the next invocations may know."""
        self.known.append(BudgetState(stretch, is_spent, self.now))

    def _invoke(self, name: str, work: Callable[[Invocation, int], None]) -> Steps:
        holder = f"{name} #{next(self._names)}"
        budget = self.faults.chance.choice(self.known[-3:]) if len(self.known) > 1 else self.known[0]

        def run(steps: Steps) -> None:
            def wait(ms: int) -> None:
                steps.ready_ms = self.now + ms
                steps.pause("wait")

            def fails(when: str) -> None:
                if self.faults("store"):
                    raise StoreError(f"throttled, {when}")

            invocation = Invocation(
                Stepwise(self.store, steps, fails),
                _Gateway(self, steps),
                self.settings,
                holder=holder,
                clock=lambda: self.now,
                wait=wait,
                lives_ms=LIVES_MS,
                budget=budget,
            )
            try:
                work(invocation, self.now)
            except StoreError:
                pass  # AWS counts it; a batch of the stream is repeated
            finally:
                peer = self.peers.get(name.removeprefix("connect "))
                if peer is not None and peer.state == "connecting":
                    peer.state = "dead"  # 502

        steps = Steps(holder, run, self.now)
        self.running.append(steps)
        return steps

    # ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def step(self, index: int = 0, ms: int = 0, *, crash: bool = False) -> None:
        """Lets time pass, and one invocation make one call."""
        self.now += ms
        for invocation in self.running:
            if not invocation.done and self.now - invocation.started_ms > LIVES_MS:
                invocation.step(crash=True)
        self._clear()
        if self.running:
            self.now = max(self.now, min(invocation.ready_ms for invocation in self.running))
            ready = [invocation for invocation in self.running if invocation.ready_ms <= self.now]
            ready[index % len(ready)].step(crash=crash)
            self._clear()
        self._tick += 1
        for change in self.store.take_changes():
            self.batch.append(change)
            self._present[change.presence.player] += 1 if isinstance(change, RowAdded) else -1
        for player, connections in self._present.items():
            if not connections:
                self._absent[player] = self._tick

    def _clear(self) -> None:
        for invocation in self.running:
            if invocation.done and invocation.failed is not None and not isinstance(invocation.failed, Crash):
                raise invocation.failed
        self.running = [invocation for invocation in self.running if not invocation.done]

    def until(self, invocation: Steps, call: str) -> None:
        """Runs one invocation until it is about to make this call."""
        while invocation.next_call != call:
            self.now = max(self.now, invocation.ready_ms)
            invocation.step()
            self._clear()

    def crash(self, invocation: Steps) -> None:
        invocation.step(crash=True)
        self._clear()

    def finish(self) -> None:
        """Runs all invocations to their end, and those of the stream, too."""
        for turn in range(50_000):
            if not self.running:
                self.deliver_stream()
                if not self.running:
                    return
            self.step(turn, 3)
        raise AssertionError("invocations never end: " + ", ".join(f"{one.name} ({one.next_call})" for one in self.running))

    def settle(self) -> None:
        """Ends all faults, lets leases expire, and lets every peer move and ping. Then nothing may be pending any more."""
        self.faults = Faults(self.faults.chance)
        self.finish()
        self.now += 2 * (LIVES_MS + SKEW_MS) + NOT_YET_MS
        if len(self.known) > 1:
            self.known = [BudgetState(8, as_of_ms=self.now)]
        for _ in range(2):
            for peer in self.open:
                if not peer.watch:
                    self.move(peer)
                    self.finish()
            for peer in self.open:
                if peer.v >= 2:
                    self.send(peer, action="ping")
                    self.finish()

    # ── what clients know ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def open(self) -> list[Peer]:
        return [peer for peer in self.peers.values() if peer.state == "open"]

    def deliver(self, peer: Peer, frame: bytes) -> None:
        for event in peer.receive(frame):
            if isinstance(event, Joined):
                self._known_since[peer.id, event.player.id] = self._tick
            elif isinstance(event, Left):
                since = self._known_since.get((peer.id, event.player.id), 0)
                assert self._absent.get(event.player.id, -1) >= since - 1, f"{peer.id} received a leave of {event.player.id}"

    def check(self) -> None:
        """Checks that every open connection knows the other players of the room, and their last positions and statuses."""
        rows = {row.player: row for row in newest(self.store.room("lobby"))}
        send_ms = self.settings.send_ms * self.store.lock_state("lobby").delivered.budget.stretch
        for peer in self.open:
            others = {player: row for player, row in rows.items() if player != peer.player}
            known = peer.roster.players
            assert set(known) == set(others), f"{peer.id} knows {sorted(known)}, the room has {sorted(others)}"
            if peer.v >= 2:
                assert peer.send_ms == send_ms, f"{peer.id} sends every {peer.send_ms} ms, not {send_ms}"
            for player, row in others.items():
                received = known[player]
                assert (received.at.x, received.at.y) == (row.at.x, row.at.y), f"{peer.id} has lost a position of {player}"
                if peer.v >= 2:
                    assert received.n == row.n, f"{peer.id} knows {player} by another number"
                    assert received.status == row.status, f"{peer.id} has lost a status of {player}"
                    assert received.data == row.data, f"{peer.id} has lost data of {player}"
                    assert received.name == (row.name or player), f"{peer.id} has lost a name of {player}"
        for row in (
            rows.values() if any(not peer.watch for peer in self.open) else ()
        ):  # in an empty room no client can see a ghost
            assert self.peers[row.connection].state == "open", f"a ghost: {row.connection}"


class _Gateway:
    """API Gateway, as one invocation sees it."""

    def __init__(self, room: SteppedRoom, steps: Steps) -> None:
        self._room, self._steps = room, steps

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        gone, missed = set(), set()
        for connection in connections:
            self._steps.pause("post")
            peer = self._room.peers[connection]
            if peer.state != "open":
                gone.add(connection)
            elif self._room.faults("post"):
                missed.add(connection)
                if self._room.faults.chance.random() < 0.3:  # the post arrived, but its answer did not
                    self._room.deliver(peer, frame)
            else:
                self._room.deliver(peer, frame)
        return Unreached(frozenset(gone), frozenset(missed))

    def close(self, connection: str, code: int, reason: str) -> None:
        self._steps.pause("close")
        self._room.disconnect(self._room.peers[connection])
