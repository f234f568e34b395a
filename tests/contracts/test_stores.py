"""What every store must do. A new store is one more line in ``STORES``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lobby.budget import DAY_MS, BudgetState
from lobby.errors import Refused, StoreError
from lobby.limits import Pace
from lobby.presence import Position, Presence
from lobby.rules import Tracked, Untracked
from lobby.server.memory import MemoryStore
from lobby.serverless.dynamodb import DynamoStore
from lobby.serverless.lock import Floor, SharedStore, Told, WindowLost
from tests.dynamo import MotoCaller, Streamed

STORES: dict[str, Callable[[], SharedStore]] = {"memory": MemoryStore, "dynamodb": Streamed}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> SharedStore:
    return STORES[request.param]()


def presence(connection: str, player: str = "", room: str = "lobby", n: int = 0) -> Presence:
    return Presence(room, connection, player or connection, n, joined_ms=5)


def test_a_row_that_was_added_is_there(store: SharedStore) -> None:
    row = store.add(presence("c1", "ann"))
    assert row == presence("c1", "ann", n=row.n)
    assert store.get("lobby", "c1") == row
    assert store.room("lobby") == [row]


def test_rooms_know_nothing_of_each_other(store: SharedStore) -> None:
    store.add(presence("c1"))
    row = store.add(presence("c2", room="other"))
    assert store.room("other") == [row]
    assert store.get("lobby", "c2") is None


def test_every_player_of_a_room_gets_a_number_that_nobody_had_before(store: SharedStore) -> None:
    numbers = [store.add(presence(f"c{i}")).n for i in range(3)]
    store.remove("lobby", "c2")
    numbers.append(store.add(presence("c4")).n)
    assert min(numbers) > 0
    assert len(set(numbers)) == 4


def test_a_number_that_a_player_brings_along_is_kept(store: SharedStore) -> None:
    n = store.add(presence("c1", "ann")).n
    assert store.add(presence("c2", "ann", n=n)).n == n


def test_a_position_is_written_with_the_time(store: SharedStore) -> None:
    store.add(presence("c1"))
    row = store.place("lobby", "c1", Position(1.25, -2.5, 1, 2, 3, 4, 5), now=70, allowance=2.5)
    assert row is not None
    assert (row.at, row.moved_ms, row.seen_ms, row.allowance) == (Position(1.25, -2.5, 1, 2, 3, 4, 5), 70, 70, 2.5)
    assert store.get("lobby", "c1") == row


def test_an_older_position_never_overwrites_a_newer_one(store: SharedStore) -> None:
    store.add(presence("c1"))
    newer = store.place("lobby", "c1", Position(2, 0, seq=9), now=70, allowance=0)
    assert store.place("lobby", "c1", Position(1, 0, seq=8), now=71, allowance=0) is None
    assert store.place("lobby", "c1", Position(1, 0, seq=9), now=72, allowance=0) is None
    assert store.get("lobby", "c1") == newer


def test_who_does_not_count_is_taken_in_order_of_arrival(store: SharedStore) -> None:
    store.add(presence("c1"))
    for x in (1, 2, 3):
        assert store.place("lobby", "c1", Position(x), now=70, allowance=0) is not None
    row = store.get("lobby", "c1")
    assert row is not None
    assert row.at == Position(3)


def test_nothing_is_written_to_a_row_that_is_gone(store: SharedStore) -> None:
    store.add(presence("c1"))
    store.remove("lobby", "c1")
    assert store.place("lobby", "c1", Position(1), now=70, allowance=0) is None
    assert store.set_status("lobby", "c1", "trading", now=70) is None
    assert store.seen("lobby", "c1", now=70) is None
    assert store.fall_behind("lobby", "c1", now=70) is None
    assert store.room("lobby") == []


def test_a_status_is_written(store: SharedStore) -> None:
    store.add(presence("c1"))
    row = store.set_status("lobby", "c1", "trading", now=70)
    assert row is not None
    assert (row.status, row.status_ms, row.seen_ms) == ("trading", 70, 70)
    assert store.get("lobby", "c1") == row


def test_being_heard_of_is_written(store: SharedStore) -> None:
    store.add(presence("c1"))
    store.seen("lobby", "c1", now=90)
    row = store.get("lobby", "c1")
    assert row is not None
    assert row.seen_ms == 90


def test_a_row_is_removed_once(store: SharedStore) -> None:
    row = store.add(presence("c1"))
    assert store.remove("lobby", "c1") == row
    assert store.remove("lobby", "c1") is None
    assert store.remove("nowhere", "c1") is None


def test_the_store_notices_what_came_and_went_and_nothing_else(store: SharedStore) -> None:
    row = store.add(presence("c1"))
    store.place("lobby", "c1", Position(1), now=70, allowance=0)
    store.remove("lobby", "c1")
    store.remove("lobby", "c1")
    changes = store.take_changes()
    assert changes == [Tracked(row), Untracked(row._replace(at=Position(1), moved_ms=70, seen_ms=70))]
    assert store.take_changes() == []


def test_everything_a_row_holds_comes_back_as_it_was(store: SharedStore) -> None:
    at = Position(-0.1, 1e-7, 999_999.99, -3.5, 3.14, 1_795_426_800_123, 65_535)
    row = Presence("r-2", "c1", "ann", 7, 2, "Änn 🚀", "trading", at, 1, 2, 3, 4.25, 5, 6, 7.5, 8.5)
    assert store.add(row) == row
    assert store.get("r-2", "c1") == row


def test_a_room_of_many_is_read_whole(store: SharedStore) -> None:
    rows = [store.add(presence(f"c{i:02}", n=i + 1)) for i in range(60)]
    assert sorted(store.room("lobby")) == rows


def test_a_position_is_not_written_where_another_one_came_in_between(store: SharedStore) -> None:
    store.add(presence("c1"))
    assert store.place("lobby", "c1", Position(1, seq=1), now=70, allowance=0, since_ms=0) is not None
    assert store.place("lobby", "c1", Position(2, seq=2), now=80, allowance=0, since_ms=0) is None
    assert store.place("lobby", "c1", Position(2, seq=2), now=80, allowance=0, since_ms=70) is not None
    assert store.place("lobby", "c1", Position(1, seq=1), now=90, allowance=0, since_ms=80) is None, "nor an older one"


# ── how often one connection may write ──────────────────────────────────────────────────────────────────────────────


def test_writes_spend_what_a_connection_may_send(store: SharedStore) -> None:
    store.add(presence("c1"))
    pace = Pace(per_s=10, burst=3)
    for seq in (1, 2):
        assert store.place("lobby", "c1", Position(seq, seq=seq), now=1_000, allowance=0, pace=pace) is not None
    assert store.seen("lobby", "c1", now=1_000, pace=pace) is not None
    with pytest.raises(Refused, match="rate_limited") as refused:
        store.place("lobby", "c1", Position(9, seq=9), now=1_000, allowance=0, pace=pace)
    assert not refused.value.is_repeated
    with pytest.raises(Refused, match="rate_limited") as refused:
        store.set_status("lobby", "c1", "no", now=1_000, pace=pace)
    assert refused.value.is_repeated
    row = store.get("lobby", "c1")
    assert row is not None
    assert (row.at.x, row.status) == (2, ""), "what was one too many wrote nothing"
    assert store.place("lobby", "c1", Position(9, seq=9), now=1_101, allowance=0, pace=pace) is not None


def test_who_pauses_may_send_a_whole_burst_again(store: SharedStore) -> None:
    store.add(presence("c1"))
    pace = Pace(per_s=10, burst=3)
    for now in (1_000, 5_000):
        for _ in range(3):
            assert store.seen("lobby", "c1", now=now, pace=pace) is not None
            now += 1  # two in one millisecond may count as one


def test_a_position_that_is_older_spends_nothing(store: SharedStore) -> None:
    store.add(presence("c1"))
    pace = Pace(per_s=10, burst=1)
    assert store.place("lobby", "c1", Position(2, seq=2), now=1_000, allowance=0, pace=pace) is not None
    assert store.place("lobby", "c1", Position(1, seq=1), now=1_050, allowance=0, pace=pace) is None


# ── what invocations share ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_room_of_which_nothing_is_known_has_told_nothing(store: SharedStore) -> None:
    assert store.look("lobby") == Floor()


def test_one_window_is_open_at_a_time(store: SharedStore) -> None:
    assert store.open_window("lobby", "a", now=1_000, until_ms=1_100)
    assert not store.open_window("lobby", "b", now=1_099, until_ms=1_200)
    assert store.open_window("other", "b", now=1_000, until_ms=1_100)
    assert store.look("lobby").is_open(1_099)
    assert not store.look("lobby").is_open(1_100)


def test_a_window_whose_time_ran_out_can_be_taken_over(store: SharedStore) -> None:
    store.open_window("lobby", "a", now=1_000, until_ms=1_100)
    assert store.open_window("lobby", "b", now=1_100, until_ms=1_200)
    with pytest.raises(WindowLost):
        store.take_floor("lobby", "a", now=1_150, until_ms=2_000, shut=True)
    assert store.take_floor("lobby", "b", now=1_150, until_ms=2_000, shut=True) == Told()


def test_one_has_the_floor_at_a_time(store: SharedStore) -> None:
    assert store.take_floor("lobby", "a", now=1_000, until_ms=2_000) == Told()
    assert store.take_floor("lobby", "b", now=1_999, until_ms=3_000) is None
    assert store.look("lobby").is_taken(1_999)
    assert store.take_floor("other", "b", now=1_000, until_ms=2_000) == Told()
    assert store.take_floor("lobby", "b", now=2_000, until_ms=3_000) == Told(), "who speaks for so long is dead"


def test_what_was_told_is_handed_on_with_the_floor(store: SharedStore) -> None:
    told = Told(1_050, {4: (18, "trading"), 7: (1_795_426_800_123, 'Änn "x"')}, BudgetState(4, as_of_ms=1_040))
    store.take_floor("lobby", "a", now=1_000, until_ms=2_000)
    store.leave_floor("lobby", "a", told)
    assert store.look("lobby") == Floor(told=told)
    assert store.take_floor("lobby", "b", now=1_100, until_ms=2_000) == told


def test_only_who_has_the_floor_can_leave_it(store: SharedStore) -> None:
    store.take_floor("lobby", "a", now=1_000, until_ms=1_100)
    store.take_floor("lobby", "b", now=1_100, until_ms=2_000)
    store.leave_floor("lobby", "a", Told(1_000, {}))
    assert store.look("lobby").is_taken(1_500)
    assert store.look("lobby").told == Told()


def test_a_window_is_shut_as_the_floor_is_taken_and_not_before(store: SharedStore) -> None:
    store.open_window("lobby", "a", now=1_000, until_ms=3_000)
    store.take_floor("lobby", "b", now=1_000, until_ms=2_000)
    assert store.take_floor("lobby", "a", now=1_100, until_ms=2_000, shut=True) is None
    assert store.look("lobby").is_open(1_100)
    store.leave_floor("lobby", "b", Told())
    assert store.take_floor("lobby", "a", now=1_200, until_ms=2_000, shut=True) == Told()
    assert not store.look("lobby").is_open(1_200)
    assert store.open_window("lobby", "c", now=1_200, until_ms=3_000), "while one is told, the next one opens"


def test_who_is_behind_is_so_until_it_caught_up_with_what_it_was_behind(store: SharedStore) -> None:
    store.add(presence("c1"))
    row = store.fall_behind("lobby", "c1", now=70)
    assert row is not None
    assert row.behind_ms == 70
    store.fall_behind("lobby", "c1", now=80)
    store.caught_up("lobby", "c1", 70)
    assert [row.behind_ms for row in store.room("lobby")] == [80]
    store.caught_up("lobby", "c1", 80)
    assert [row.behind_ms for row in store.room("lobby")] == [0]
    store.caught_up("lobby", "c2", 80)


def test_what_invocations_share_is_nobodys_presence(store: SharedStore) -> None:
    store.open_window("lobby", "a", now=1_000, until_ms=2_000)
    store.take_floor("lobby", "a", now=1_000, until_ms=2_000)
    assert store.room("lobby") == []
    assert store.take_changes() == []


def test_what_is_spent_adds_up_until_the_day_is_over(store: SharedStore) -> None:
    noon = 20_000 * DAY_MS + DAY_MS // 2
    assert store.spend(0.25, noon) == pytest.approx(0.25)
    assert store.spend(0.000_001_5, noon + 1) == pytest.approx(0.250_001_5)
    assert store.spend(0, noon + DAY_MS) == 0
    assert store.room("lobby") == []
    assert store.take_changes() == []


# ── the table alone ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_position_at_a_decent_pace_is_one_request() -> None:
    store = Streamed()
    store.add(presence("c1"))
    before = store.caller.calls
    for seq in (1, 2, 3):
        store.place("lobby", "c1", Position(seq, seq=seq), now=1_000 + 200 * seq, allowance=0, pace=Pace(10, 20))
    assert store.caller.calls - before == 3


def test_a_write_whose_answer_was_lost_and_that_is_repeated_counts_as_written() -> None:
    store = Streamed()
    store.add(presence("c1"))
    store.caller.twice = True
    pace = Pace(per_s=10, burst=1)
    assert store.place("lobby", "c1", Position(1, seq=1), now=1_000, allowance=0, pace=pace) is not None
    assert store.open_window("lobby", "a", now=1_000, until_ms=1_100)
    assert store.take_floor("lobby", "a", now=1_050, until_ms=2_000, shut=True) == Told()
    store.leave_floor("lobby", "a", Told(1_050, {1: (1, "")}))
    assert store.look("lobby") == Floor(told=Told(1_050, {1: (1, "")}))


def test_a_table_that_does_not_answer_is_our_failure_and_says_so() -> None:
    store = DynamoStore(MotoCaller(), "Missing")
    for call in (
        lambda: store.room("lobby"),
        lambda: store.add(presence("c1")),
        lambda: store.place("lobby", "c1", Position(1), now=70, allowance=0),
    ):
        with pytest.raises(StoreError, match="The table Missing did not take a"):
            call()
