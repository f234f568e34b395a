"""What every store must do. To test another store for `lobby serve`, add it to ``STORES``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lobby.budget import DAY_MS, BudgetState
from lobby.errors import StoreError
from lobby.limits import Pace, RateLimited, Verdict
from lobby.ports import Store
from lobby.presence import Position, Presence
from lobby.rules import RowAdded, RowRemoved
from lobby.server.memory import MemoryStore
from lobby.serverless.dynamodb import DynamoStore
from lobby.serverless.shared import Delivered, Latest, RoomLock, RoomRows, WindowLost
from tests.dynamo import MotoCaller, MotoStore
from tests.shared_memory import SharedMemory
from tests.stepped_room import StreamedStore

STORES: dict[str, Callable[[], Store]] = {"memory": MemoryStore}
"""Stores for a host that lives on."""

SHARED: dict[str, Callable[[], StreamedStore]] = {"shared memory": SharedMemory, "dynamodb": MotoStore}
"""Stores for invocations. They do all that a store does, except that they cannot list the rooms."""


@pytest.fixture(params=[*STORES, *SHARED])
def store(request: pytest.FixtureRequest) -> Store | StreamedStore:
    return STORES[request.param]() if request.param in STORES else SHARED[request.param]()


@pytest.fixture(params=SHARED)
def shared(request: pytest.FixtureRequest) -> StreamedStore:
    return SHARED[request.param]()


def presence(connection: str, player: str = "", room: str = "lobby", n: int = 0) -> Presence:
    return Presence(room, connection, player or connection, n, joined_ms=5)


def numbered(x: float, y: float = 0, *, seq: int) -> Position:
    """A position that its player numbered."""
    return Position(x, y, seq=seq, order=seq)


def test_an_added_row_can_be_read(store: Store | StreamedStore) -> None:
    row = store.add(presence("c1", "ann"))
    assert row == presence("c1", "ann", n=row.n)
    assert store.get("lobby", "c1") == row
    assert store.room("lobby") == [row]


def test_rows_of_one_room_are_not_in_another_room(store: Store | StreamedStore) -> None:
    store.add(presence("c1"))
    row = store.add(presence("c2", room="other"))
    assert store.room("other") == [row]
    assert store.get("lobby", "c2") is None


def test_every_player_of_a_room_gets_a_number_that_no_other_player_had(store: Store | StreamedStore) -> None:
    numbers = [store.add(presence(f"c{i}")).n for i in range(3)]
    store.remove("lobby", "c2")
    numbers.append(store.add(presence("c4")).n)
    assert min(numbers) > 0
    assert len(set(numbers)) == 4


def test_a_player_that_has_a_number_keeps_it(store: Store | StreamedStore) -> None:
    n = store.add(presence("c1", "ann")).n
    assert store.add(presence("c2", "ann", n=n)).n == n


def test_a_position_is_stored_with_the_time(store: Store | StreamedStore) -> None:
    store.add(presence("c1"))
    row = store.set_position("lobby", "c1", Position(1.25, -2.5, 1, 2, 3, 4, 5), now=70, allowance=2.5)
    assert row is not None
    assert (row.at, row.moved_ms, row.seen_ms, row.allowance) == (Position(1.25, -2.5, 1, 2, 3, 4, 5), 70, 70, 2.5)
    assert store.get("lobby", "c1") == row


def test_an_older_position_never_overwrites_a_newer_one(store: Store | StreamedStore) -> None:
    store.add(presence("c1"))
    newer = store.set_position("lobby", "c1", numbered(2, 0, seq=9), now=70, allowance=0)
    assert store.set_position("lobby", "c1", numbered(1, 0, seq=8), now=71, allowance=0) is None
    assert store.set_position("lobby", "c1", numbered(1, 0, seq=9), now=72, allowance=0) is None
    assert store.get("lobby", "c1") == newer


def test_positions_without_an_order_are_stored_in_order_of_arrival(store: Store | StreamedStore) -> None:
    store.add(presence("c1"))
    for x in (1, 2, 3):
        assert store.set_position("lobby", "c1", Position(x), now=70, allowance=0) is not None
    row = store.get("lobby", "c1")
    assert row is not None
    assert row.at == Position(3)


def test_nothing_is_stored_for_a_row_that_is_gone(store: Store | StreamedStore) -> None:
    store.add(presence("c1"))
    store.remove("lobby", "c1")
    assert store.set_position("lobby", "c1", Position(1), now=70, allowance=0) is None
    assert store.set_status("lobby", "c1", "trading", now=70) is None
    assert store.seen("lobby", "c1", now=70) is None
    assert store.room("lobby") == []


def test_a_status_is_stored_with_the_time(store: Store | StreamedStore) -> None:
    store.add(presence("c1"))
    row = store.set_status("lobby", "c1", "trading", now=70)
    assert row is not None
    assert (row.status, row.status_ms, row.seen_ms) == ("trading", 70, 70)
    assert store.get("lobby", "c1") == row


def test_the_time_at_which_a_connection_was_seen_is_stored(store: Store | StreamedStore) -> None:
    store.add(presence("c1"))
    store.seen("lobby", "c1", now=90)
    row = store.get("lobby", "c1")
    assert row is not None
    assert row.seen_ms == 90


def test_a_row_is_removed_once(store: Store | StreamedStore) -> None:
    row = store.add(presence("c1"))
    assert store.remove("lobby", "c1") == row
    assert store.remove("lobby", "c1") is None
    assert store.remove("nowhere", "c1") is None


def test_all_values_of_a_row_are_read_as_they_were_stored(store: Store | StreamedStore) -> None:
    at = Position(-0.1, 1e-7, 999_999.99, -3.5, 3.14, 18, 65_535, 1_795_426_800_123)
    row = Presence("r-2", "c1", "ann", 7, 2, "Änn 🚀", "trading", at, 1, 2, 3, 4, 5.25)
    assert store.add(row) == row
    assert store.get("r-2", "c1") == row


def test_a_large_room_is_read_completely(store: Store | StreamedStore) -> None:
    rows = [store.add(presence(f"c{i:02}", n=i + 1)) for i in range(60)]
    assert sorted(store.room("lobby")) == rows


# ── stores for invocations ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_stream_brings_rows_that_were_added_and_removed_and_nothing_else(shared: StreamedStore) -> None:
    row = shared.add(presence("c1"))
    shared.set_position("lobby", "c1", Position(1), now=70, allowance=0)
    shared.remove("lobby", "c1")
    shared.remove("lobby", "c1")
    changes = shared.take_changes()
    assert changes == [RowAdded(row), RowRemoved(row._replace(at=Position(1), moved_ms=70, seen_ms=70))]
    assert shared.take_changes() == []


def test_a_position_is_not_stored_if_another_one_was_stored_in_between(shared: StreamedStore) -> None:
    shared.add(presence("c1"))
    assert shared.set_position("lobby", "c1", numbered(1, seq=1), now=70, allowance=0, since_ms=0) is not None
    assert shared.set_position("lobby", "c1", numbered(2, seq=2), now=80, allowance=0, since_ms=0) is None
    assert shared.set_position("lobby", "c1", numbered(2, seq=2), now=80, allowance=0, since_ms=70) is not None
    assert shared.set_position("lobby", "c1", numbered(1, seq=1), now=90, allowance=0, since_ms=80) is None, "older"


# ── rate limits ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_write_takes_one_message_from_the_rate_limit(shared: StreamedStore) -> None:
    shared.add(presence("c1"))
    pace = Pace(per_s=10, burst=3)
    for seq in (1, 2):
        assert shared.set_position("lobby", "c1", numbered(seq, seq=seq), now=1_000, allowance=0, pace=pace) is not None
    assert shared.seen("lobby", "c1", now=1_000, pace=pace) is not None
    with pytest.raises(RateLimited) as refused:
        shared.set_position("lobby", "c1", numbered(9, seq=9), now=1_000, allowance=0, pace=pace)
    assert refused.value.verdict is Verdict.REFUSED
    with pytest.raises(RateLimited) as refused:
        shared.set_status("lobby", "c1", "no", now=1_000, pace=pace)
    assert refused.value.verdict is Verdict.REPEATED
    row = shared.get("lobby", "c1")
    assert row is not None
    assert (row.at.x, row.status) == (2, ""), "refused writes stored nothing"
    assert shared.set_position("lobby", "c1", numbered(9, seq=9), now=1_101, allowance=0, pace=pace) is not None


def test_after_a_pause_a_connection_may_send_a_whole_burst_again(shared: StreamedStore) -> None:
    shared.add(presence("c1"))
    pace = Pace(per_s=10, burst=3)
    for now in (1_000, 5_000):
        for _ in range(3):
            assert shared.seen("lobby", "c1", now=now, pace=pace) is not None
            now += 1  # two writes in the same millisecond may count as one


def test_an_older_position_takes_nothing_from_the_rate_limit(shared: StreamedStore) -> None:
    shared.add(presence("c1"))
    pace = Pace(per_s=10, burst=1)
    assert shared.set_position("lobby", "c1", numbered(2, seq=2), now=1_000, allowance=0, pace=pace) is not None
    assert shared.set_position("lobby", "c1", numbered(1, seq=1), now=1_050, allowance=0, pace=pace) is None


# ── the state that invocations share ────────────────────────────────────────────────────────────────────────────────


def test_a_new_room_has_received_nothing(shared: StreamedStore) -> None:
    assert shared.lock_state("lobby") == RoomLock()


def test_one_window_is_open_at_a_time(shared: StreamedStore) -> None:
    assert shared.open_window("lobby", "a", now=1_000, until_ms=1_100)
    assert not shared.open_window("lobby", "b", now=1_099, until_ms=1_200)
    assert shared.open_window("other", "b", now=1_000, until_ms=1_100)
    assert shared.lock_state("lobby").is_open(1_099)
    assert not shared.lock_state("lobby").is_open(1_100)


def test_a_window_whose_lease_has_expired_can_be_opened_by_another_invocation(shared: StreamedStore) -> None:
    shared.open_window("lobby", "a", now=1_000, until_ms=1_100)
    assert shared.open_window("lobby", "b", now=1_100, until_ms=1_200)
    with pytest.raises(WindowLost):
        shared.acquire("lobby", "a", now=1_150, until_ms=2_000, close_window=True)
    assert shared.acquire("lobby", "b", now=1_150, until_ms=2_000, close_window=True) == Delivered()


def test_one_invocation_holds_the_broadcast_lock_at_a_time(shared: StreamedStore) -> None:
    assert shared.acquire("lobby", "a", now=1_000, until_ms=2_000) == Delivered()
    assert shared.acquire("lobby", "b", now=1_999, until_ms=3_000) is None
    assert shared.lock_state("lobby").is_locked(1_999)
    assert shared.acquire("other", "b", now=1_000, until_ms=2_000) == Delivered()
    assert shared.acquire("lobby", "b", now=2_000, until_ms=3_000) == Delivered(), "a lease that has expired is free"


def test_the_next_holder_of_the_lock_reads_what_the_room_has_received(shared: StreamedStore) -> None:
    delivered = Delivered(
        1_050, {4: Latest(18, "trading"), 7: Latest(1_795_426_800_123, 'Änn "x"', 5, 6)}, BudgetState(4, as_of_ms=1_040)
    )
    shared.acquire("lobby", "a", now=1_000, until_ms=2_000)
    shared.release("lobby", "a", delivered)
    assert shared.lock_state("lobby") == RoomLock(delivered=delivered)
    assert shared.acquire("lobby", "b", now=1_100, until_ms=2_000) == delivered


def test_only_the_holder_of_the_lock_can_release_it(shared: StreamedStore) -> None:
    shared.acquire("lobby", "a", now=1_000, until_ms=1_100)
    shared.acquire("lobby", "b", now=1_100, until_ms=2_000)
    shared.release("lobby", "a", Delivered(1_000, {}))
    assert shared.lock_state("lobby").is_locked(1_500)
    assert shared.lock_state("lobby").delivered == Delivered()


def test_data_name_and_height_are_stored_and_read(store: Store | StreamedStore) -> None:
    data = {"team": "röt", "ship": {"hull": 2.5, "parts": [1, None, "x"]}}
    store.add(presence("c1")._replace(data=data, granted={"team": "röt"}, is_named=True))
    row = store.get("lobby", "c1")
    assert row is not None
    assert (row.data, row.granted, row.is_named, row.watch) == (data, {"team": "röt"}, True, False)
    named = store.set_name("lobby", "c1", "Änn", now=50)
    assert named is not None
    assert (named.name, named.name_ms, named.seen_ms) == ("Änn", 50, 50)
    for z in (3.5, 0.0):
        moved = store.set_position("lobby", "c1", Position(1, 2, z=z, vz=-z), now=60, allowance=0)
        assert moved is not None
        assert (moved.at.z, moved.at.vz) == (z, -z)
        assert store.room("lobby") == [moved]
    assert store.set_name("lobby", "gone", "x", now=70) is None


def test_a_watcher_takes_no_number(store: Store | StreamedStore) -> None:
    watcher = store.add(presence("c1", "#c1")._replace(watch=True))
    assert (watcher.n, watcher.watch) == (0, True)
    assert store.get("lobby", "c1") == watcher
    assert store.add(presence("c2")).n == 1


def test_data_is_stored_only_where_it_has_not_changed_since_it_was_read(shared: StreamedStore) -> None:
    shared.add(presence("c1"))
    first = shared.set_data("lobby", "c1", {"a": 1}, now=100, since_ms=0)
    assert first is not None
    assert (first.data, first.data_ms) == ({"a": 1}, 100)
    assert shared.set_data("lobby", "c1", {"b": 1}, now=110, since_ms=0) is None
    last = shared.set_data("lobby", "c1", {}, now=120, since_ms=100)
    assert last is not None
    assert last.data == {}
    assert shared.get("lobby", "c1") == last
    assert shared.set_data("lobby", "gone", {"a": 1}, now=100, since_ms=0) is None


def test_events_have_a_rate_limit_and_an_order_of_their_own(shared: StreamedStore) -> None:
    shared.add(presence("c1"))
    pace = Pace(per_s=1, burst=2)
    for _ in range(2):
        row = shared.event("lobby", "c1", now=1_000, pace=pace)
        assert row is not None
        assert row.event_seq == 0
    with pytest.raises(RateLimited, match="too_many_events: more than 1 events a second"):
        shared.event("lobby", "c1", now=1_000, pace=pace)
    assert shared.seen("lobby", "c1", now=1_000, pace=pace) is not None, "messages have another limit"
    shared.event_sent("lobby", "c1", 2)
    shared.event_sent("lobby", "c1", 1)
    row = shared.get("lobby", "c1")
    assert row is not None
    assert row.event_seq == 2
    shared.event_sent("lobby", "gone", 1)
    assert shared.get("lobby", "gone") is None
    assert shared.event("lobby", "gone", now=2_000, pace=pace) is None


def test_the_holder_of_the_lock_can_extend_its_lease_and_no_other_invocation_can(shared: StreamedStore) -> None:
    shared.acquire("lobby", "a", now=1_000, until_ms=1_100)
    assert shared.renew("lobby", "a", 2_000)
    assert not shared.renew("lobby", "b", 9_000)
    assert shared.acquire("lobby", "b", now=1_999, until_ms=3_000) is None
    assert shared.acquire("lobby", "b", now=2_000, until_ms=3_000) == Delivered()
    assert not shared.renew("lobby", "a", 9_000), "another invocation holds the lock now"
    assert not shared.renew("other", "a", 9_000), "a room without a lock"


def test_a_window_is_closed_in_the_same_write_that_acquires_the_lock(shared: StreamedStore) -> None:
    shared.open_window("lobby", "a", now=1_000, until_ms=3_000)
    shared.acquire("lobby", "b", now=1_000, until_ms=2_000)
    assert shared.acquire("lobby", "a", now=1_100, until_ms=2_000, close_window=True) is None
    assert shared.lock_state("lobby").is_open(1_100)
    shared.release("lobby", "b", Delivered())
    assert shared.acquire("lobby", "a", now=1_200, until_ms=2_000, close_window=True) == Delivered()
    assert not shared.lock_state("lobby").is_open(1_200)
    assert shared.open_window("lobby", "c", now=1_200, until_ms=3_000), "the next window opens while this one is broadcast"


def test_a_connection_needs_a_welcome_until_it_got_one_for_its_last_request(shared: StreamedStore) -> None:
    row = shared.add(presence("c1"))
    assert shared.rows("lobby") == RoomRows([row], {})
    assert shared.needs_welcome("lobby", "c1", now=70) == row
    shared.needs_welcome("lobby", "c1", now=80)
    shared.welcomed("lobby", "c1", 70)
    assert shared.rows("lobby") == RoomRows([row], {"c1": 80})
    shared.welcomed("lobby", "c1", 80)
    assert shared.rows("lobby") == RoomRows([row], {})
    shared.welcomed("lobby", "c2", 80)


def test_an_added_row_may_need_a_welcome_from_the_start(shared: StreamedStore) -> None:
    row = shared.add(presence("c1"), needs_welcome_ms=60)
    assert shared.rows("lobby") == RoomRows([row], {"c1": 60})


def test_a_row_that_is_gone_cannot_need_a_welcome(shared: StreamedStore) -> None:
    shared.add(presence("c1"))
    shared.remove("lobby", "c1")
    assert shared.needs_welcome("lobby", "c1", now=70) is None
    assert shared.rows("lobby") == RoomRows([], {})


def test_the_shared_state_is_not_a_presence(shared: StreamedStore) -> None:
    shared.open_window("lobby", "a", now=1_000, until_ms=2_000)
    shared.acquire("lobby", "a", now=1_000, until_ms=2_000)
    assert shared.room("lobby") == []
    assert shared.take_changes() == []


def test_spending_adds_up_until_the_day_is_over(shared: StreamedStore) -> None:
    noon = 20_000 * DAY_MS + DAY_MS // 2
    assert shared.spend(0.25, noon) == pytest.approx(0.25)
    assert shared.spend(0.000_001_5, noon + 1) == pytest.approx(0.250_001_5)
    assert shared.spend(0, noon + DAY_MS) == 0
    assert shared.room("lobby") == []
    assert shared.take_changes() == []


# ── DynamoDB only ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_position_within_the_rate_limit_is_one_request() -> None:
    store = MotoStore()
    store.add(presence("c1"))
    before = store.caller.calls
    for seq in (1, 2, 3):
        store.set_position("lobby", "c1", numbered(seq, seq=seq), now=1_000 + 200 * seq, allowance=0, pace=Pace(10, 20))
    assert store.caller.calls - before == 3


def test_a_write_that_is_repeated_after_a_lost_answer_counts_as_written() -> None:
    store = MotoStore()
    store.add(presence("c1"))
    store.caller.twice = True
    pace = Pace(per_s=10, burst=1)
    assert store.set_position("lobby", "c1", numbered(1, seq=1), now=1_000, allowance=0, pace=pace) is not None
    assert store.open_window("lobby", "a", now=1_000, until_ms=1_100)
    assert store.acquire("lobby", "a", now=1_050, until_ms=2_000, close_window=True) == Delivered()
    store.release("lobby", "a", Delivered(1_050, {1: Latest(1, "")}))
    assert store.lock_state("lobby") == RoomLock(delivered=Delivered(1_050, {1: Latest(1, "")}))


def test_a_missing_table_raises_a_store_error_that_names_it() -> None:
    store = DynamoStore(MotoCaller(), "Missing")
    for call in (
        lambda: store.room("lobby"),
        lambda: store.add(presence("c1")),
        lambda: store.set_position("lobby", "c1", Position(1), now=70, allowance=0),
    ):
        with pytest.raises(StoreError, match="The table Missing did not take a"):
            call()
