"""Counts what requests to tables consume: asks an engine, and finds out the sizes of the items that a request touched.

An answer of DynamoDB does not contain them all. So a write asks for the item that it replaces, and a read that returns parts of
items is asked a second time for whole ones. The handler gets only what it asked for. ``capacity`` has the rules.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from lobby.emulator.capacity import (
    TRANSACTION,
    Charge,
    Item,
    Shape,
    Units,
    read,
    refused,
    searched,
    shape,
    written,
)

READS = frozenset({"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"})
COUNTED = READS | {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
"""The operations that are counted. Statements of PartiQL are not."""

_PARTIAL = frozenset(
    {"AttributesToGet", "ConditionalOperator", "FilterExpression", "ProjectionExpression", "QueryFilter", "ScanFilter"}
)
"""What makes an answer contain less than was read."""

_REMEMBERED = 20_000
"""The number of items that are remembered, so that the item before an update is known."""

_ABSENT: Item = {}
_WRONG_FORM = "com.amazon.coral.service#SerializationException"

Ask = Callable[[str, Mapping[str, Any]], Awaitable[tuple[int, dict[str, Any]]]]
"""Asks the engine: operation and request; status and answer."""


class Counted(NamedTuple):
    """The answer for a handler, and what the request consumed by tables."""

    status: int
    answer: dict[str, Any]
    charges: Mapping[str, Charge]

    @property
    def units(self) -> Units:
        """The sum of all tables."""
        parts = [charge.units for charge in self.charges.values()]
        return Units(sum(part.reads for part in parts), sum(part.writes for part in parts))


class Counter:
    """Asks an engine on behalf of handlers, and counts."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._shapes: dict[str, Shape] = {}
        self._items: OrderedDict[tuple[str, bytes], Item] = OrderedDict()

    def created(self, description: Mapping[str, Any]) -> None:
        """A table was created with these arguments of CreateTable."""
        self._shapes[description["TableName"]] = shape(description)

    def deleted(self, table: str, key: Item) -> None:
        """An item was deleted in another way."""
        self._remember(table, key, None)

    def forget(self, table: str) -> None:
        """A table has changed."""
        self._shapes.pop(table, None)
        for key in [key for key in self._items if key[0] == table]:
            del self._items[key]

    async def answer(self, operation: str, asked: Mapping[str, Any]) -> Counted:
        """Answers one of the operations in :data:`COUNTED`. A request that the engine refuses consumes nothing, except one
        whose condition was not met."""
        more = {name: value for name, value in asked.items() if name != "ReturnConsumedCapacity"}
        if not _has_form(operation, more):
            return Counted(400, {"__type": _WRONG_FORM, "message": "The request does not have the form of its operation."}, {})
        if operation in ("PutItem", "UpdateItem", "DeleteItem"):
            counted = await self._write(operation, more)
        elif operation == "BatchWriteItem":
            counted = await self._write_batch(more)
        elif operation == "TransactWriteItems":
            counted = await self._write_transaction(more)
        elif operation == "GetItem":
            counted = await self._get(more)
        elif operation == "BatchGetItem":
            counted = await self._get_batch(more)
        elif operation == "TransactGetItems":
            counted = await self._get_transaction(more)
        else:
            counted = await self._search(operation, more)
        counted.answer.pop("ConsumedCapacity", None)  # what the engine counts
        level = asked.get("ReturnConsumedCapacity", "NONE")
        if counted.status == 200 and level in ("TOTAL", "INDEXES"):
            consumed = [_described(table, charge, operation, level) for table, charge in counted.charges.items()]
            is_list = operation.startswith(("Batch", "Transact"))
            if consumed:
                counted.answer["ConsumedCapacity"] = consumed if is_list else consumed[0]
        return counted

    # ── writes ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _write(self, operation: str, asked: Mapping[str, Any]) -> Counted:
        table = str(asked.get("TableName", ""))
        form = await self._shape(table)
        wanted = asked.get("ReturnValues", "NONE")
        key = form.key(asked.get("Item" if operation == "PutItem" else "Key") or {})
        request = dict(asked)
        if "ConditionExpression" in asked:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        old: Item | None = None
        if operation != "UpdateItem":
            request["ReturnValues"] = "ALL_OLD"
        else:
            old = await self._item(table, key) if wanted != "ALL_OLD" else None
            request["ReturnValues"] = "ALL_NEW" if wanted == "NONE" else wanted
        status, answer = await self._ask(operation, request)
        if status != 200:
            return self._refused(asked, table, key, status, answer)
        attributes = answer.get("Attributes")
        if operation == "UpdateItem":
            old = attributes if wanted == "ALL_OLD" else old
            new = attributes if request["ReturnValues"] == "ALL_NEW" else await self._fresh(table, key)
        else:
            old, new = attributes, asked["Item"] if operation == "PutItem" else None
        self._remember(table, key, new)
        if wanted == "NONE":
            answer.pop("Attributes", None)
        return Counted(status, answer, {table: written(form, old or None, new)})

    def _refused(self, asked: Mapping[str, Any], table: str, key: Item, status: int, answer: dict[str, Any]) -> Counted:
        """A write that the engine refused: if its condition was not met, it consumes like a write of the item that is there."""
        if _code(answer) != "ConditionalCheckFailedException":
            return Counted(status, answer, {table: Charge()})
        existing = answer.get("Item")
        if "ConditionExpression" not in asked:  # the old form of a condition, whose answer has no item
            existing = self._items.get((table, _packed(key)))
        else:
            self._remember(table, key, existing)
        if asked.get("ReturnValuesOnConditionCheckFailure") != "ALL_OLD":
            answer.pop("Item", None)
        return Counted(status, answer, {table: refused(existing)})

    async def _write_batch(self, asked: Mapping[str, Any]) -> Counted:
        writes = [
            (table, *_put_or_delete(one)) for table, requests in (asked.get("RequestItems") or {}).items() for one in requests
        ]
        forms = {table: await self._shape(table) for table, _, _ in writes}
        keys = [forms[table].key(new if new is not None else key) for table, key, new in writes]
        await self._learn([(table, key) for (table, _, _), key in zip(writes, keys, strict=True)])
        status, answer = await self._ask("BatchWriteItem", asked)
        charges = {table: Charge() for table in forms}
        if status == 200:
            undone = [
                (table, _packed(forms[table].key(new if new is not None else key)))
                for table, requests in (answer.get("UnprocessedItems") or {}).items()
                for key, new in map(_put_or_delete, requests)
            ]
            for (table, _, new), key in zip(writes, keys, strict=True):
                if (table, _packed(key)) not in undone:
                    charges[table].add(written(forms[table], self._known(table, key), new))
                    self._remember(table, key, new)
        return Counted(status, answer, charges)

    async def _write_transaction(self, asked: Mapping[str, Any]) -> Counted:
        actions = [(operation, one) for item in asked.get("TransactItems") or () for operation, one in item.items()]
        forms = {str(one.get("TableName", "")): await self._shape(str(one.get("TableName", ""))) for _, one in actions}
        touched = []
        for operation, one in actions:
            table = str(one.get("TableName", ""))
            touched.append((table, forms[table].key(one.get("Item" if operation == "Put" else "Key") or {})))
        await self._learn(touched)
        status, answer = await self._ask("TransactWriteItems", asked)
        charges = {table: Charge() for table in forms}
        if status != 200 and _code(answer) != "TransactionCanceledException":
            return Counted(status, answer, charges)
        for (operation, one), (table, key) in zip(actions, touched, strict=True):
            old = self._known(table, key)
            if status != 200 or operation == "ConditionCheck":
                charges[table].add(refused(old), TRANSACTION)
                continue
            new = one["Item"] if operation == "Put" else None if operation == "Delete" else await self._fresh(table, key)
            charges[table].add(written(forms[table], old, new), TRANSACTION)
            self._remember(table, key, new)
        return Counted(status, answer, charges)

    # ── reads ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _get(self, asked: Mapping[str, Any]) -> Counted:
        table = str(asked.get("TableName", ""))
        status, answer = await self._ask("GetItem", asked)
        if status != 200:
            return Counted(status, answer, {table: Charge()})
        item = answer.get("Item")
        if item is not None and _PARTIAL & set(asked):
            item = await self._fresh(table, asked["Key"])
        return Counted(status, answer, {table: Charge(read([item], _is_true(asked.get("ConsistentRead"))))})

    async def _get_batch(self, asked: Mapping[str, Any]) -> Counted:
        status, answer = await self._ask("BatchGetItem", asked)
        wanted: Mapping[str, Any] = asked.get("RequestItems") or {}
        charges = {table: Charge() for table in wanted}
        if status == 200:
            for table, one in wanted.items():
                undone = [_packed(key) for key in ((answer.get("UnprocessedKeys") or {}).get(table) or {}).get("Keys", ())]
                keys = [key for key in one["Keys"] if _packed(key) not in undone]
                items: list[Item | None] = list((answer.get("Responses") or {}).get(table, ()))
                if _PARTIAL & set(one):
                    items = [await self._fresh(table, key) for key in keys]
                items += [None] * (len(keys) - len(items))
                charges[table].add(Charge(read(items, _is_true(one.get("ConsistentRead")))))
        return Counted(status, answer, charges)

    async def _get_transaction(self, asked: Mapping[str, Any]) -> Counted:
        status, answer = await self._ask("TransactGetItems", asked)
        gets = [item.get("Get", {}) for item in asked.get("TransactItems") or ()]
        charges = {str(one.get("TableName", "")): Charge() for one in gets}
        if status == 200:
            for one, found in zip(gets, answer.get("Responses") or (), strict=False):
                item = (found or {}).get("Item")
                if item is not None and _PARTIAL & set(one):
                    item = await self._fresh(one["TableName"], one["Key"])
                charges[one["TableName"]].add(Charge(read([item], True)), TRANSACTION)
        return Counted(status, answer, charges)

    async def _search(self, operation: str, asked: Mapping[str, Any]) -> Counted:
        table = str(asked.get("TableName", ""))
        status, answer = await self._ask(operation, asked)
        if status != 200:
            return Counted(status, answer, {table: Charge()})
        items: Iterable[Item] = answer.get("Items") or ()
        if _PARTIAL & set(asked) or asked.get("Select") in ("COUNT", "SPECIFIC_ATTRIBUTES"):
            again, whole = await self._ask(operation, _whole(asked))
            items = whole.get("Items") or () if again == 200 else items
        units = searched(items, _is_true(asked.get("ConsistentRead")))
        index = asked.get("IndexName")
        return Counted(status, answer, {table: Charge(indexes={index: units}) if index else Charge(units)})

    # ── what is known ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _shape(self, table: str) -> Shape:
        if table not in self._shapes:
            status, answer = await self._ask("DescribeTable", {"TableName": table})
            if status != 200:
                return Shape(())
            self._shapes[table] = shape(answer["Table"])
        return self._shapes[table]

    async def _learn(self, keys: Iterable[tuple[str, Item]]) -> None:
        """Reads the items that are not known."""
        for table, key in keys:
            await self._item(table, key)

    async def _item(self, table: str, key: Item) -> Item | None:
        """An item as it is now; None if there is none."""
        if (table, _packed(key)) not in self._items:
            await self._fresh(table, key)
        return self._known(table, key)

    async def _fresh(self, table: str, key: Item) -> Item | None:
        """An item as the engine has it."""
        status, answer = await self._ask("GetItem", {"TableName": table, "Key": key, "ConsistentRead": True})
        item = answer.get("Item") if status == 200 else None
        self._remember(table, key, item)
        return item

    def _known(self, table: str, key: Item) -> Item | None:
        return self._items.get((table, _packed(key))) or None

    def _remember(self, table: str, key: Item, item: Item | None) -> None:
        at = (table, _packed(key))
        self._items[at] = item or _ABSENT
        self._items.move_to_end(at)
        if len(self._items) > _REMEMBERED:
            self._items.popitem(last=False)


def _has_form(operation: str, asked: Mapping[str, Any]) -> bool:
    """Whether a request has the form of its operation, so far as it is read here."""
    match operation:
        case "PutItem":
            return isinstance(asked.get("Item"), dict)
        case "UpdateItem" | "DeleteItem" | "GetItem":
            return isinstance(asked.get("Key"), dict)
        case "BatchWriteItem":
            lists = asked.get("RequestItems")
            return isinstance(lists, dict) and all(
                isinstance(ones, list) and all(map(_is_put_or_delete, ones)) for ones in lists.values()
            )
        case "BatchGetItem":
            tables = asked.get("RequestItems")
            return isinstance(tables, dict) and all(
                isinstance(one, dict) and isinstance(one.get("Keys"), list) for one in tables.values()
            )
        case "TransactWriteItems" | "TransactGetItems":
            items = asked.get("TransactItems")
            return isinstance(items, list) and all(
                isinstance(item, dict) and all(map(_is_action, item.items())) for item in items
            )
    return True


def _is_put_or_delete(request: Any) -> bool:
    if not isinstance(request, dict) or not all(isinstance(one, dict) for one in request.values()):
        return False
    put, delete = request.get("PutRequest", {}), request.get("DeleteRequest", {})
    return isinstance(put.get("Item", delete.get("Key")), dict)


def _is_action(action: tuple[str, Any]) -> bool:
    operation, one = action
    return isinstance(one, dict) and isinstance(one.get("Item" if operation == "Put" else "Key"), dict)


def _put_or_delete(request: Mapping[str, Any]) -> tuple[Item, Item | None]:
    """The key and the new item of one request of a batch."""
    if "PutRequest" in request:
        item: Item = request["PutRequest"]["Item"]
        return item, item
    key: Item = request["DeleteRequest"]["Key"]
    return key, None


def _whole(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The same search for whole items, without a filter. Names and values that are not used any more are left out."""
    request = {name: value for name, value in asked.items() if name not in _PARTIAL and name != "Select"}
    used = set(re.findall(r"[#:]\w+", str(asked.get("KeyConditionExpression", ""))))
    for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        kept = {key: value for key, value in request.pop(name, {}).items() if key in used}
        if kept:
            request[name] = kept
    return request


def _described(table: str, charge: Charge, operation: str, level: str) -> dict[str, Any]:
    """A charge in the form of an answer."""
    total = charge.units
    found: dict[str, Any] = {"TableName": table, "CapacityUnits": total.reads + total.writes}
    if operation.startswith("Transact"):
        found["ReadCapacityUnits" if operation in READS else "WriteCapacityUnits"] = total.reads + total.writes
    if level == "INDEXES":
        found["Table"] = {"CapacityUnits": charge.table.reads + charge.table.writes}
        if charge.indexes:
            found["GlobalSecondaryIndexes"] = {
                name: {"CapacityUnits": units.reads + units.writes} for name, units in charge.indexes.items()
            }
    return found


def _code(answer: Mapping[str, Any]) -> str:
    return str(answer.get("__type", "")).rpartition("#")[2]


def _is_true(value: Any) -> bool:
    return value is True


def _packed(key: Item) -> bytes:
    return orjson.dumps(key, option=orjson.OPT_SORT_KEYS)
