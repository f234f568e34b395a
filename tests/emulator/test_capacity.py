"""What requests to a table consume: each operation that AWS's documentation describes, with every table engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from lobby.emulator.capacity import Index, Shape, Units, read_units, size, write_units, written
from lobby.emulator.counting import Counter
from lobby.emulator.tables import TARGET, Dynoxide, Engine, Moto

TABLE, PLAIN = "Things", "Plain"
DEFINITION = {
    "TableName": TABLE,
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "at", "owner")],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "all",
            "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        },
        {
            "IndexName": "keys",
            "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
    ],
}
WITHOUT_INDEX = {
    "TableName": PLAIN,
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "S"}],
    "KeySchema": DEFINITION["KeySchema"],
}


@pytest.mark.parametrize(
    ("item", "count"),
    [
        ({"a": {"S": "xyz"}}, 4),
        ({"ä": {"S": "ü"}}, 4),
        ({"n": {"N": "12345"}}, 4),
        ({"n": {"N": "-12345"}}, 5),
        ({"n": {"N": "1.2345E+20"}}, 4),
        ({"n": {"N": "0"}}, 2),
        ({"b": {"BOOL": True}, "c": {"NULL": True}}, 4),
        ({"l": {"L": [{"S": "ab"}, {"S": "c"}]}}, 1 + 3 + 3 + 2),
        ({"m": {"M": {"k": {"S": "v"}}}}, 1 + 3 + 3),
        ({"s": {"SS": ["ab", "c"]}, "t": {"NS": ["1", "22"]}}, 1 + 3 + 1 + 1 + 2),
        ({"b": {"B": "AAAA"}, "c": {"BS": ["AAA="]}}, 1 + 3 + 1 + 2),
    ],
)
def test_an_item_is_as_large_as_its_names_and_values(item: dict[str, Any], count: int) -> None:
    assert size(item) == count


def test_units_are_counted_by_the_kilobyte_and_begun_ones_count_whole() -> None:
    assert [write_units(n) for n in (0, 1, 1024, 1025)] == [1, 1, 1, 2]
    assert [read_units(n, True) for n in (0, 4096, 4097)] == [1, 1, 2]
    assert read_units(4097, False) == 1


def thing(key: str, kb: float = 0, **more: str) -> dict[str, Any]:
    """An item of so many KB with this sort key."""
    item: dict[str, Any] = {"id": {"S": "a"}, "at": {"S": key}, **{name: {"S": value} for name, value in more.items()}}
    room = int(kb * 1024) - size(item) - len("text")
    return {**item, "text": {"S": "x" * room}} if kb else item


def key(name: str) -> dict[str, Any]:
    return {"id": {"S": "a"}, "at": {"S": name}}


@asynccontextmanager
async def counter(engine: Engine) -> AsyncIterator[Counter]:
    async def ask(operation: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        status, body = await engine.answer(f"{TARGET}.{operation}", orjson.dumps(request))
        return status, orjson.loads(body)

    await engine.start()
    try:
        counting = Counter(ask)
        for definition in (DEFINITION, WITHOUT_INDEX):
            assert (await ask("CreateTable", definition))[0] == 200
            counting.created(definition)
        yield counting
    finally:
        await engine.stop()


def engines() -> list[Any]:
    """Moto, and dynoxide where it is installed."""
    program = Dynoxide.find()
    more = [] if program is None else [pytest.param(lambda: Dynoxide(program), id="dynoxide")]
    return [pytest.param(Moto, id="moto"), *more]


def put(item: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    return "PutItem", {"TableName": PLAIN, "Item": item, **more}


def update(name: str, text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    values = {":text": {"S": text}}
    request = {"Key": key(name), "UpdateExpression": "SET #t = :text", "ExpressionAttributeNames": {"#t": "text"}}
    return "UpdateItem", {"TableName": PLAIN, **request, "ExpressionAttributeValues": values, **more}


def batch(*requests: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "BatchWriteItem", {"RequestItems": {PLAIN: list(requests)}}


def get(**more: Any) -> tuple[str, dict[str, Any]]:
    return "GetItem", {"TableName": PLAIN, "Key": key("1"), **more}


def query(**more: Any) -> tuple[str, dict[str, Any]]:
    values = {":id": {"S": "a"}, **more.pop("values", {})}
    return "Query", {"TableName": PLAIN, "KeyConditionExpression": "id = :id", "ExpressionAttributeValues": values, **more}


MISSING = {"ConditionExpression": "attribute_not_exists(id)"}

DOCUMENTED: dict[str, tuple[list[tuple[str, dict[str, Any]]], tuple[str, dict[str, Any]], float]] = {
    "PutItem of 9.9 KB": ([], put(thing("1", 9.9)), 10),
    "PutItem of one byte": ([], put(thing("1")), 1),
    "PutItem in place of a larger item": ([put(thing("1", 3.5))], put(thing("1", 0.5)), 4),
    "PutItem in place of a smaller item": ([put(thing("1", 0.5))], put(thing("1", 3.5)), 4),
    "PutItem whose condition fails, of an item that is there": ([put(thing("1", 2.5))], put(thing("1"), **MISSING), 3),
    "PutItem whose condition fails, without an item": ([], put(thing("1", 5), ConditionExpression="attribute_exists(id)"), 1),
    "UpdateItem of a large item": ([put({**thing("1", 2.5), "more": {"S": "y" * 2000}})], update("1", "z"), 5),
    "UpdateItem that makes an item larger": ([put(thing("1"))], update("1", "z" * 3000), 3),
    "UpdateItem that makes an item smaller": ([put(thing("1", 2.5))], update("1", "z"), 3),
    "UpdateItem that returns what was": ([put(thing("1", 2.5))], update("1", "z", ReturnValues="UPDATED_OLD"), 3),
    "UpdateItem that returns the old item": ([put(thing("1", 2.5))], update("1", "z", ReturnValues="ALL_OLD"), 3),
    "UpdateItem of no item": ([], update("1", "z"), 1),
    "UpdateItem whose condition fails": (
        [put(thing("1", 3.5))], update("1", "z", ConditionExpression="attribute_not_exists(id)"), 4,
    ),
    "DeleteItem": ([put(thing("1", 1.5))], ("DeleteItem", {"TableName": PLAIN, "Key": key("1")}), 2),
    "DeleteItem of no item": ([], ("DeleteItem", {"TableName": PLAIN, "Key": key("1")}), 1),
    "BatchWriteItem of 25 small items": ([], batch(*({"PutRequest": {"Item": thing(str(n))}} for n in range(25))), 25),
    "BatchWriteItem of 500 bytes and 3.5 KB": (
        [],
        batch({"PutRequest": {"Item": thing("1", 0.49)}}, {"PutRequest": {"Item": thing("2", 3.5)}}),
        5,
    ),
    "BatchWriteItem that deletes": (
        [put(thing("1", 2.5))],
        batch({"DeleteRequest": {"Key": key("1")}}, {"DeleteRequest": {"Key": key("2")}}),
        4,
    ),
    "TransactWriteItems": (
        [put(thing("2", 2.5)), put(thing("3")), put(thing("4", 1.5))],
        ("TransactWriteItems", {"TransactItems": [
            {"Put": {"TableName": PLAIN, "Item": thing("1", 1.5)}},
            {"Update": update("2", "z")[1]},
            {"Delete": {"TableName": PLAIN, "Key": key("3")}},
            {"ConditionCheck": {"TableName": PLAIN, "Key": key("4"), "ConditionExpression": "attribute_exists(id)"}},
        ]}),
        2 * (2 + 3 + 1 + 2),
    ),
    "TransactWriteItems whose condition fails": (
        [put(thing("1", 1.5))],
        ("TransactWriteItems", {"TransactItems": [
            {"Put": {"TableName": PLAIN, "Item": thing("1"), **MISSING}}, {"Put": {"TableName": PLAIN, "Item": thing("2", 5)}},
        ]}),
        2 * (2 + 1),
    ),
    "GetItem, consistent": ([put(thing("1", 3.5))], get(ConsistentRead=True), 1),
    "GetItem": ([put(thing("1", 3.5))], get(), 0.5),
    "GetItem of 8 KB": ([put(thing("1", 8))], get(), 1),
    "GetItem of a part": ([put(thing("1", 8))], get(ProjectionExpression="id"), 1),
    "GetItem of no item": ([], get(), 0.5),
    "BatchGetItem of 1.5 and 6.5 KB": (
        [put(thing("1", 1.5)), put(thing("2", 6.5))],
        ("BatchGetItem", {"RequestItems": {PLAIN: {"Keys": [key("1"), key("2")], "ConsistentRead": True}}}),
        3,
    ),
    "BatchGetItem of an item that is not there": (
        [put(thing("1"))], ("BatchGetItem", {"RequestItems": {PLAIN: {"Keys": [key("1"), key("2")]}}}), 1,
    ),
    "BatchGetItem of a part": (
        [put(thing("1", 6.5))],
        ("BatchGetItem", {"RequestItems": {PLAIN: {"Keys": [key("1")], "ProjectionExpression": "id"}}}),
        1,
    ),
    "TransactGetItems": (
        [put(thing("1", 3.5))],
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": PLAIN, "Key": key(name)}} for name in ("1", "2")]}),
        2 * (1 + 1),
    ),
    "Query of 40.8 KB": ([put(thing(str(n), 4.08)) for n in range(10)], query(ConsistentRead=True), 11),
    "Query, eventually consistent": ([put(thing(str(n), 4.08)) for n in range(10)], query(), 5.5),
    "Query with a filter": (
        [put(thing(str(n), 4.08)) for n in range(10)],
        query(FilterExpression="#t = :t", ExpressionAttributeNames={"#t": "text"}, values={":t": {"S": "y"}}),
        5.5,
    ),
    "Query of parts": ([put(thing(str(n), 4.08)) for n in range(10)], query(ProjectionExpression="id"), 5.5),
    "Query that counts": ([put(thing(str(n), 4.08)) for n in range(10)], query(Select="COUNT"), 5.5),
    "Query with a limit": ([put(thing(str(n), 4.08)) for n in range(10)], query(Limit=2), 1.5),
    "Query without a result": ([], query(), 0.5),
    "Scan": ([put(thing(str(n), 4.08)) for n in range(10)], ("Scan", {"TableName": PLAIN, "ConsistentRead": True}), 11),
    "Scan with a filter": (
        [put(thing(str(n), 4.08)) for n in range(10)],
        ("Scan", {"TableName": PLAIN, "FilterExpression": "attribute_exists(nothing)"}),
        5.5,
    ),
}  # fmt: skip
"""Requests before, the request, and the units that it consumes. Source: the DynamoDB Developer Guide, "DynamoDB read and write
operations", whose examples these are or follow."""


@pytest.mark.parametrize("name", DOCUMENTED)
@pytest.mark.parametrize("engine", engines())
async def test_an_operation_consumes_what_aws_documents(name: str, engine: Any) -> None:
    before, (operation, request), units = DOCUMENTED[name]
    async with counter(engine()) as counting:
        for one in before:
            assert (await counting.answer(*one)).status == 200
        counted = await counting.answer(operation, {**request, "ReturnConsumedCapacity": "TOTAL"})
        assert sum(counted.units) == units
        fails = "fails" in name
        assert (counted.status == 200) is not fails
        if not fails:
            consumed = counted.answer["ConsumedCapacity"]
            assert sum(one["CapacityUnits"] for one in (consumed if isinstance(consumed, list) else [consumed])) == units


@pytest.mark.parametrize("name", DOCUMENTED)
async def test_a_handler_gets_the_answer_that_it_would_get_without_counting(name: str) -> None:
    before, (operation, request), _ = DOCUMENTED[name]
    answers = []
    for counts in (True, False):
        engine = Moto()
        async with counter(engine) as counting:
            for one in before:
                await counting.answer(*one)
            if counts:
                answers.append((await counting.answer(operation, request))[:2])
            else:
                status, body = await engine.answer(f"{TARGET}.{operation}", orjson.dumps(request))
                answers.append((status, orjson.loads(body)))
    counted, plain = answers
    plain[1].pop("ConsumedCapacity", None)
    assert counted == plain


WRITES: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None, float, float]] = {
    "an item without the key of an index": (None, thing("1", 2.5), 0, 0),
    "a new item": (None, thing("1", 2.5, owner="ann"), 3, 1),
    "an item that is deleted": (thing("1", 2.5, owner="ann"), None, 3, 1),
    "an item that leaves an index": (thing("1", 2.5, owner="ann"), thing("1", 0.5), 3, 1),
    "another key of the index": (thing("1", 2.5, owner="ann"), thing("1", 1.5, owner="bea"), 3 + 2, 1 + 1),
    "another attribute": (thing("1", 2.5, owner="ann"), thing("1", 1.5, owner="ann"), 3, 0),
    "nothing changes": (thing("1", 2.5, owner="ann"), thing("1", 2.5, owner="ann"), 0, 0),
}


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_consumes_units_of_each_index_that_changes(name: str) -> None:
    old, new, in_all, in_keys = WRITES[name]
    async with counter(Moto()) as counting:
        if old is not None:
            await counting.answer("PutItem", {"TableName": TABLE, "Item": old})
        if new is None:
            counted = await counting.answer("DeleteItem", {"TableName": TABLE, "Key": key("1")})
        else:
            counted = await counting.answer("PutItem", {"TableName": TABLE, "Item": new})
        charge = counted.charges[TABLE]
    assert charge.indexes.get("all", Units()).writes == in_all
    assert charge.indexes.get("keys", Units()).writes == in_keys
    assert charge.units.writes == charge.table.writes + in_all + in_keys


async def test_the_index_of_a_query_is_charged_by_what_it_contains() -> None:
    async with counter(Moto()) as counting:
        for number in range(10):
            await counting.answer("PutItem", {"TableName": TABLE, "Item": thing(str(number), 4, owner="ann")})
        request = {
            "TableName": TABLE,
            "KeyConditionExpression": "owner = :owner",
            "ExpressionAttributeValues": {":owner": {"S": "ann"}},
            "ReturnConsumedCapacity": "INDEXES",
        }
        whole = await counting.answer("Query", {**request, "IndexName": "all"})
        keys = await counting.answer("Query", {**request, "IndexName": "keys"})
    assert (whole.units, keys.units) == (Units(reads=5), Units(reads=0.5))
    assert keys.answer["ConsumedCapacity"]["GlobalSecondaryIndexes"] == {"keys": {"CapacityUnits": 0.5}}


async def test_a_request_that_is_refused_consumes_nothing() -> None:
    async with counter(Moto()) as counting:
        for operation, request in (
            ("PutItem", {"TableName": PLAIN, "Item": {"id": {"S": "a"}}}),
            ("PutItem", {"TableName": PLAIN, "Item": [1]}),
            ("Query", {"TableName": PLAIN}),
            ("UpdateItem", {"TableName": PLAIN}),
            ("UpdateItem", {"TableName": PLAIN, "Key": key("1"), "UpdateExpression": "SOT a = b"}),
            ("BatchWriteItem", {"RequestItems": {PLAIN: [{"Put": {}}]}}),
            ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": PLAIN}}]}),
            ("GetItem", {"TableName": "other", "Key": key("1")}),
        ):
            counted = await counting.answer(operation, request)
            assert (counted.status == 200, counted.units) == (False, Units()), operation


async def test_items_that_were_changed_in_another_way_are_read_again() -> None:
    engine = Moto()
    async with counter(engine) as counting:
        await counting.answer(*put(thing("1")))
        await engine.answer(f"{TARGET}.PutItem", orjson.dumps(put(thing("1", 3.5))[1]))
        counting.forget(PLAIN)
        assert (await counting.answer(*update("1", "z"))).units.writes == 4
        await counting.answer(*put(thing("1", 3.5)))
        counting.deleted(PLAIN, key("1"))
        assert (await counting.answer(*update("1", "z"))).units.writes == 1


def test_an_index_contains_items_that_have_its_keys() -> None:
    index = Index("i", ("owner",), frozenset({"id", "owner"}))
    assert index.entry({"id": {"S": "a"}}) is None
    assert index.entry({"id": {"S": "a"}, "owner": {"S": "b"}, "c": {"S": "d"}}) == {"id": {"S": "a"}, "owner": {"S": "b"}}
    assert written(Shape(("id",), (index,)), None, {"id": {"S": "a"}}).units == Units(writes=1)
