"""One invocation at a time: when it waits and for how long, what it posts, and what it measures.

``tests/scenarios/test_interleavings.py`` tests many invocations at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest

from lobby import messages as m
from lobby.budget import UNBOUND
from lobby.client.constants import CONFIRM_MS
from lobby.errors import Refused, StoreError
from lobby.ports import Unreached
from lobby.presence import Presence
from lobby.serverless.broadcast import NOT_YET_MS, WINDOW_GRACE_MS
from lobby.serverless.invocation import CLOSE_DELAY_MS, NEWCOMER_RETRIES_MS, RETRY_MS, Invocation
from lobby.serverless.lock import LEASE_MS, SKEW_MS
from lobby.serverless.posts import POST_S
from lobby.settings import Settings
from tests.shared_memory import SharedMemory

LIVES_MS = 6_000
SETTINGS = Settings(window_ms=60)


class World:
    """A table, a gateway and a clock. ``log`` lists waits, posts and closes in their order."""

    def __init__(self) -> None:
        self.store, self.now, self.log = SharedMemory(), 1_000_000, list[str]()
        self.gone: set[str] = set()
        self.missed: set[str] = set()

    def invocation(self, **changes: Any) -> Invocation:
        options: dict[str, Any] = {"holder": "one", "clock": lambda: self.now, "wait": self.wait, "lives_ms": LIVES_MS}
        return Invocation(self.store, self, changes.pop("settings", SETTINGS), **options | changes)

    def wait(self, ms: int) -> None:
        self.log.append(f"wait {ms}")
        self.now += ms

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        message = m.decode(frame)
        assert message is not None
        self.log += [f"{m.TYPES[type(message)]} to {connection}" for connection in connections]
        return Unreached(frozenset(self.gone & set(connections)), frozenset(self.missed & set(connections)))

    def close(self, connection: str, code: int, reason: str) -> None:
        self.log.append(f"close {connection} with {code}")

    def enter(self, *players: str) -> None:
        """Connects players; each has its welcome."""
        for player in players:
            self.invocation().connected(m.Handshake(player, v=2), player, self.now)
            self.invocation().announce(self.store.take_changes())
        self.now += NOT_YET_MS
        self.log.clear()

    def receive(self, player: str, text: str, **changes: Any) -> Invocation:
        """Starts an invocation with a message of ``player``, whose connection has the same name."""
        invocation = self.invocation(**changes)
        invocation.received(Presence("lobby", player, player, v=2), text.encode(), self.now, order=self.now)
        return invocation


POS = '{"action":"pos","x":1,"y":2}'


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_position_opens_a_window_and_is_broadcast_after_its_length(world: World) -> None:
    world.enter("ann", "bea")
    world.receive("ann", POS)
    assert world.log == ["wait 60", "moves to bea"]
    assert not world.store.lock_state("lobby").is_locked(world.now)
    assert not world.store.lock_state("lobby").is_open(world.now)


def test_a_position_in_an_open_window_is_stored_and_left_to_the_leader(world: World) -> None:
    world.enter("ann", "bea")
    world.store.open_window("lobby", "another", world.now, world.now + 1_000)
    world.receive("ann", POS)
    assert world.log == []
    row = world.store.get("lobby", "ann")
    assert row is not None
    assert (row.at.x, row.at.order) == (1, world.now)


def test_a_window_is_a_lease_that_is_longer_than_the_window(world: World) -> None:
    world.enter("ann", "bea")
    leases: list[int] = []

    def wait(ms: int) -> None:
        leases.append(world.store.lock_state("lobby").open_until_ms - world.now)
        world.now += ms

    world.receive("ann", POS, wait=wait)
    assert leases == [60 + WINDOW_GRACE_MS]


def test_a_leader_that_lost_its_window_broadcasts_nothing(world: World) -> None:
    world.enter("ann", "bea")

    def wait(ms: int) -> None:
        world.now += ms + WINDOW_GRACE_MS
        assert world.store.open_window("lobby", "another", world.now, world.now + 1_000)

    world.receive("ann", POS, wait=wait)
    assert world.log == []


def test_a_leader_retries_a_connection_that_missed_a_post_with_growing_delays(world: World) -> None:
    world.enter("ann", "bea")
    world.missed = {"bea"}
    invocation = world.receive("ann", POS)
    waits = [line for line in world.log if line.startswith("wait")]
    assert waits == ["wait 60", *(f"wait {ms}" for ms in RETRY_MS)]
    assert world.log[2:4] == ["wait 200", "welcome to bea"]
    assert dict(invocation.measured)["throttled"] == 1
    assert set(world.store.rows("lobby").needs_welcome_ms) == {"bea"}


def test_a_leader_near_its_end_does_not_retry(world: World) -> None:
    world.enter("ann", "bea")
    world.missed = {"bea"}
    world.receive("ann", POS, lives_ms=60 + SKEW_MS + RETRY_MS[0] - 1)
    assert world.log == ["wait 60", "moves to bea"]


def test_an_announcement_retries_until_a_new_connection_is_open_and_then_removes_it(world: World) -> None:
    world.gone = {"ann"}
    world.invocation().connected(m.Handshake("ann", v=2), "ann", world.now)
    began_ms = world.now
    world.invocation().announce(world.store.take_changes())
    assert world.now - began_ms == NEWCOMER_RETRIES_MS
    assert Counter(world.log) == {"wait 50": 50, "welcome to ann": 51}
    assert world.store.room("lobby") == []


def test_a_connection_is_closed_a_moment_after_its_closing_error(world: World) -> None:
    world.receive("ann", POS.replace("pos", "hello"))
    assert world.log == ["error to ann", f"wait {CLOSE_DELAY_MS}", "close ann with 4001"]


@pytest.mark.parametrize(
    ("text", "code"), [("no", "bad_json"), ("x" * 2_000, "too_large"), (POS.replace("1", "2e6"), "out_of_bounds")]
)
def test_a_wrong_message_gets_an_error_and_is_counted(text: str, code: str, world: World) -> None:
    world.enter("ann", "bea")
    invocation = world.receive("ann", text)
    assert world.log == ["error to ann"]
    assert invocation.counts["refused", code] == 1


def test_a_ping_is_answered_and_delivers_what_is_pending(world: World) -> None:
    world.enter("ann", "bea")
    world.receive("ann", '{"action":"ping","t":1}')
    assert world.log == ["pong to ann"]
    world.store.needs_welcome("lobby", "bea", world.now)
    world.receive("ann", '{"action":"ping","t":1}')
    assert world.log[1:] == ["welcome to bea", "config to bea", "pong to ann"]


class Died(BaseException):
    """The end of an invocation that nothing in it can handle."""


def test_the_ping_of_a_client_at_rest_delivers_what_a_leader_left_that_died_in_its_window(world: World) -> None:
    world.enter("ann", "bea")

    def wait(ms: int) -> None:
        raise Died

    with pytest.raises(Died):
        world.receive("ann", POS, wait=wait)
    world.now += CONFIRM_MS
    world.receive("ann", '{"action":"ping","t":1}')
    assert world.log == ["moves to bea", "pong to ann"]


def test_the_ping_of_a_client_at_rest_waits_for_the_lock_of_an_invocation_that_died(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enter("ann", "bea")

    def post(connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(world, "post", post)
        with pytest.raises(Died):
            world.receive("ann", POS)
    sent_ms = world.now
    world.log.clear()
    world.now += CONFIRM_MS
    world.receive("ann", '{"action":"ping","t":1}')
    assert world.log[-2:] == ["moves to bea", "pong to ann"]
    assert world.now - sent_ms <= 5_000


def test_a_ping_that_cannot_deliver_what_is_pending_gets_no_pong_so_the_client_asks_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enter("ann", "bea")
    world.store.needs_welcome("lobby", "bea", world.now)
    world.store.acquire("lobby", "another", world.now, world.now + 60_000)
    with pytest.raises(StoreError, match="has held the broadcast lock of lobby for too long"):
        world.receive("ann", '{"action":"ping","t":1}')
    assert "pong to ann" not in world.log


def test_a_broadcast_that_takes_long_renews_its_lock_and_stops_when_another_invocation_has_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enter("ann", "bea", "cem")
    post, renew, renewed = world.post, world.store.renew, []

    def slow_post(connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        world.now += round(POST_S * 1_000)
        return post(connections, frame, droppable=droppable)

    def counted(room: str, holder: str, until_ms: int) -> bool:
        renewed.append(until_ms - world.now)
        if len(renewed) == 2:
            world.store.acquire("lobby", "another", world.now + LEASE_MS, world.now + 2 * LEASE_MS)
        return renew(room, holder, until_ms)

    monkeypatch.setattr(world, "post", slow_post)
    monkeypatch.setattr(world.store, "renew", counted)
    for player in ("ann", "bea", "cem"):
        world.store.needs_welcome("lobby", player, world.now)
    with pytest.raises(StoreError, match="was too slow and has lost the broadcast lock of lobby"):
        world.receive("ann", POS.replace("pos", "hello"), lives_ms=60_000)
    assert renewed == [LEASE_MS, LEASE_MS]
    assert world.log == ["welcome to ann", "config to ann"]


def test_when_the_budget_is_spent_only_players_in_the_room_may_connect(world: World) -> None:
    world.enter("ann")
    invocation = world.invocation(budget=UNBOUND._replace(is_spent=True))
    with pytest.raises(Refused, match="over_budget"):
        invocation.connected(m.Handshake("bea", v=2), "c2", world.now)
    assert invocation.connected(m.Handshake("ann", v=2), "c3", world.now).n == 1


def test_an_invocation_measures_its_messages_broadcasts_and_players(world: World) -> None:
    world.enter("ann", "bea", "cem")
    world.gone = {"cem"}
    invocation = world.receive("ann", POS)
    assert dict(invocation.measured) == {"messages": 1, "fanout_ms": 0, "players": 3, "gone": 1}
    announcing = world.invocation()
    announcing.announce(world.store.take_changes())
    assert dict(announcing.measured)["leaves"] == 1
