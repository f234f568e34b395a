"""What requests to a table consume."""

from __future__ import annotations

from typing import Any

import pytest

from lobby.emulator.capacity import Units, consumed, counted, read_units, size, write_units

FAILED = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}


@pytest.mark.parametrize(
    ("item", "count"),
    [
        ({"a": {"S": "xyz"}}, 4),
        ({"ä": {"S": "ü"}}, 4),
        ({"n": {"N": "12345"}}, 4),
        ({"n": {"N": "-12345"}}, 5),
        ({"n": {"N": "0"}}, 2),
        ({"b": {"BOOL": True}, "c": {"NULL": True}}, 4),
        ({"l": {"L": [{"S": "ab"}, {"S": "c"}]}}, 1 + 3 + 3 + 2),
        ({"m": {"M": {"k": {"S": "v"}}}}, 1 + 3 + 3),
        ({"s": {"SS": ["ab", "c"]}, "t": {"NS": ["1", "22"]}}, 1 + 3 + 1 + 1 + 2),
        ({"b": {"B": "AAAA"}, "c": {"BS": ["AAAA"]}}, 1 + 3 + 1 + 3),
    ],
)
def test_an_item_is_as_large_as_its_names_and_values(item: dict[str, Any], count: int) -> None:
    assert size(item) == count


def test_units_are_counted_by_the_kilobyte_and_begun_ones_count_whole() -> None:
    assert [write_units(n) for n in (0, 1, 1024, 1025)] == [1, 1, 1, 2]
    assert [read_units(n, True) for n in (0, 4096, 4097)] == [1, 1, 2]
    assert read_units(4097, False) == 1


def test_the_capacity_units_of_an_engine_are_used() -> None:
    said = {"ConsumedCapacity": {"CapacityUnits": 2.5}}
    assert consumed("Query", 200, said) == Units(reads=2.5)
    assert consumed("PutItem", 200, said) == Units(writes=2.5)
    assert consumed("BatchWriteItem", 200, {"ConsumedCapacity": [{"CapacityUnits": 1}, {"CapacityUnits": 2}]}) == Units(
        writes=3
    )


def test_a_failed_condition_costs_as_much_as_a_write_and_other_failures_cost_nothing() -> None:
    assert consumed("UpdateItem", 400, FAILED) == Units(writes=1)
    assert consumed("UpdateItem", 400, {**FAILED, "Item": {"a": {"S": "x" * 2000}}}) == Units(writes=2)
    assert consumed("UpdateItem", 400, {"__type": "x#ValidationException"}) == Units()


def test_where_an_engine_does_not_count_its_items_are_counted() -> None:
    items = [{"a": {"S": "x" * 999}} for _ in range(9)]
    assert counted("Query", {"ConsistentRead": True}, 200, {"Items": items}) == Units(reads=3)
    assert counted("Query", {}, 200, {"Items": items}) == Units(reads=1.5)
    assert counted("GetItem", {"ConsistentRead": True}, 200, {}) == Units(reads=1)
    assert counted("UpdateItem", {}, 200, {}) == Units(writes=1)
    assert counted("UpdateItem", {}, 400, FAILED) == Units(writes=1)
