"""What every store must do. A new store is one more line in ``STORES``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, cast

import boto3
import pytest
from moto import mock_aws
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from lobby.errors import StoreError
from lobby.presence import Position, Presence
from lobby.rules import Change, Tracked, Untracked
from lobby.stores import SharedWindows, Store
from lobby.stores.dynamodb import DynamoStore, changes
from lobby.stores.memory import MemoryStore


class Streamed(DynamoStore):
    """A table with its stream, as the serverless host hears of it."""

    def __init__(self) -> None:
        client = boto3.client("dynamodb", "eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")
        keys = {"room": "HASH", "connectionId": "RANGE"}
        client.create_table(
            TableName="LobbyConnections",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        super().__init__(client, "LobbyConnections")
        self._read = 0

    def take_changes(self) -> list[Change]:
        # From moto's own table: boto3 speaks a protocol to streams that moto does not know yet.
        table = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["eu-central-1"].tables["LobbyConnections"]
        records = [item.record for item in table.stream_shard.items]
        fresh, self._read = records[self._read :], len(records)
        return changes(fresh)


STORES: dict[str, Callable[[], Store]] = {"memory": MemoryStore, "dynamodb": Streamed}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with mock_aws():
        yield STORES[request.param]()


def presence(connection: str, player: str = "", room: str = "lobby", n: int = 0) -> Presence:
    return Presence(room, connection, player or connection, n, joined_ms=5)


def test_a_row_that_was_added_is_there(store: Store) -> None:
    row = store.add(presence("c1", "ann"))
    assert row == presence("c1", "ann", n=row.n)
    assert store.get("lobby", "c1") == row
    assert store.room("lobby") == [row]


def test_rooms_know_nothing_of_each_other(store: Store) -> None:
    store.add(presence("c1"))
    row = store.add(presence("c2", room="other"))
    assert store.room("other") == [row]
    assert store.get("lobby", "c2") is None


def test_every_player_of_a_room_gets_a_number_that_nobody_had_before(store: Store) -> None:
    numbers = [store.add(presence(f"c{i}")).n for i in range(3)]
    store.remove("lobby", "c2")
    numbers.append(store.add(presence("c4")).n)
    assert min(numbers) > 0
    assert len(set(numbers)) == 4


def test_a_number_that_a_player_brings_along_is_kept(store: Store) -> None:
    n = store.add(presence("c1", "ann")).n
    assert store.add(presence("c2", "ann", n=n)).n == n


def test_a_position_is_written_with_the_time(store: Store) -> None:
    store.add(presence("c1"))
    row = store.place("lobby", "c1", Position(1.25, -2.5, 1, 2, 3, 4, 5), now=70, allowance=2.5)
    assert row is not None
    assert (row.at, row.moved_ms, row.seen_ms, row.allowance) == (Position(1.25, -2.5, 1, 2, 3, 4, 5), 70, 70, 2.5)
    assert store.get("lobby", "c1") == row


def test_an_older_position_never_overwrites_a_newer_one(store: Store) -> None:
    store.add(presence("c1"))
    newer = store.place("lobby", "c1", Position(2, 0, seq=9), now=70, allowance=0)
    assert store.place("lobby", "c1", Position(1, 0, seq=8), now=71, allowance=0) is None
    assert store.place("lobby", "c1", Position(1, 0, seq=9), now=72, allowance=0) is None
    assert store.get("lobby", "c1") == newer


def test_who_does_not_count_is_taken_in_order_of_arrival(store: Store) -> None:
    store.add(presence("c1"))
    for x in (1, 2, 3):
        assert store.place("lobby", "c1", Position(x), now=70, allowance=0) is not None
    row = store.get("lobby", "c1")
    assert row is not None
    assert row.at == Position(3)


def test_nothing_is_written_to_a_row_that_is_gone(store: Store) -> None:
    store.add(presence("c1"))
    store.remove("lobby", "c1")
    assert store.place("lobby", "c1", Position(1), now=70, allowance=0) is None
    assert store.set_status("lobby", "c1", "trading", now=70) is None
    store.seen("lobby", "c1", now=70)
    assert store.room("lobby") == []


def test_a_status_is_written(store: Store) -> None:
    store.add(presence("c1"))
    row = store.set_status("lobby", "c1", "trading", now=70)
    assert row is not None
    assert (row.status, row.seen_ms) == ("trading", 70)
    assert store.get("lobby", "c1") == row


def test_being_heard_of_is_written(store: Store) -> None:
    store.add(presence("c1"))
    store.seen("lobby", "c1", now=90)
    row = store.get("lobby", "c1")
    assert row is not None
    assert row.seen_ms == 90


def test_a_row_is_removed_once(store: Store) -> None:
    row = store.add(presence("c1"))
    assert store.remove("lobby", "c1") == row
    assert store.remove("lobby", "c1") is None
    assert store.remove("nowhere", "c1") is None


def test_the_store_notices_what_came_and_went_and_nothing_else(store: Store) -> None:
    row = store.add(presence("c1"))
    store.place("lobby", "c1", Position(1), now=70, allowance=0)
    store.remove("lobby", "c1")
    store.remove("lobby", "c1")
    changes = store.take_changes()
    assert changes == [Tracked(row), Untracked(row._replace(at=Position(1), moved_ms=70, seen_ms=70))]
    assert store.take_changes() == []


def test_everything_a_row_holds_comes_back_as_it_was(store: Store) -> None:
    at = Position(-0.1, 1e-7, 999_999.99, -3.5, 3.14, 1_795_426_800_123, 65_535)
    row = Presence("r-2", "c1", "ann", 7, 2, "Änn 🚀", "trading", at, 1, 2, 3, 4.25)
    assert store.add(row) == row
    assert store.get("r-2", "c1") == row


def test_a_room_of_many_is_read_whole(store: Store) -> None:
    rows = [store.add(presence(f"c{i:02}", n=i + 1)) for i in range(60)]
    assert sorted(store.room("lobby")) == rows


class Windowed(Store, SharedWindows, Protocol):
    """What the serverless host needs of its table."""


@pytest.fixture
def shared(store: Store) -> Windowed:
    return cast(Windowed, store)


def test_one_window_is_open_at_a_time(shared: Windowed) -> None:
    assert shared.open_window("lobby", "a", now=1_000, lease_ms=100)
    assert not shared.open_window("lobby", "b", now=1_100, lease_ms=100)
    assert shared.open_window("other", "b", now=1_000, lease_ms=100)


def test_a_window_whose_lease_ran_out_can_be_taken_over(shared: Windowed) -> None:
    shared.open_window("lobby", "a", now=1_000, lease_ms=100)
    assert shared.open_window("lobby", "b", now=1_101, lease_ms=100)
    assert shared.shut_window("lobby", "a", now=1_150, lease_ms=100) is None
    assert shared.shut_window("lobby", "b", now=1_150, lease_ms=100) == 0


def test_while_a_window_is_told_the_next_one_opens(shared: Windowed) -> None:
    shared.open_window("lobby", "a", now=1_000, lease_ms=100)
    assert not shared.is_being_told("lobby", now=1_050)
    shared.shut_window("lobby", "a", now=1_050, lease_ms=100)
    assert shared.is_being_told("lobby", now=1_150)
    assert shared.open_window("lobby", "b", now=1_060, lease_ms=100)
    assert not shared.is_being_told("lobby", now=1_151), "whoever tells for so long is dead"


def test_what_was_told_is_what_was_shut_before_the_telling(shared: Windowed) -> None:
    for holder, opened, was_told in (("a", 1_000, 0), ("b", 2_000, 1_050)):
        shared.open_window("lobby", holder, now=opened, lease_ms=100)
        assert shared.shut_window("lobby", holder, now=opened + 50, lease_ms=100) == was_told
        assert shared.peek_window("lobby", now=opened + 60) is None
        shared.settle_window("lobby", holder)
    assert shared.peek_window("lobby", now=3_000) == 2_050


def test_who_died_telling_leaves_it_untold(shared: Windowed) -> None:
    shared.open_window("lobby", "a", now=1_000, lease_ms=100)
    shared.shut_window("lobby", "a", now=1_050, lease_ms=100)
    assert shared.peek_window("lobby", now=1_100) is None
    assert shared.peek_window("lobby", now=1_151) == 0
    shared.open_window("lobby", "b", now=2_000, lease_ms=100)
    assert shared.shut_window("lobby", "b", now=2_050, lease_ms=100) == 0
    shared.settle_window("lobby", "a")
    assert shared.is_being_told("lobby", now=2_100), "only who tells can settle"
    shared.settle_window("lobby", "b")
    assert shared.peek_window("lobby", now=2_100) == 2_050


def test_a_room_without_a_window_has_told_nothing(shared: Windowed) -> None:
    assert shared.peek_window("lobby", now=1_000) == 0


def test_a_window_is_nobodys_presence(shared: Windowed) -> None:
    shared.open_window("lobby", "a", now=1_000, lease_ms=100)
    assert shared.room("lobby") == []
    assert shared.take_changes() == []


def test_a_table_that_does_not_answer_is_our_failure_and_says_so() -> None:
    with mock_aws():
        client = boto3.client("dynamodb", "eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")
        store = DynamoStore(client, "Missing")
        for call in (
            lambda: store.room("lobby"),
            lambda: store.add(presence("c1")),
            lambda: store.place("lobby", "c1", Position(1), now=70, allowance=0),
        ):
            with pytest.raises(StoreError, match="The table Missing did not take a"):
                call()
