"""The capacity units that a request to DynamoDB consumes, as its on-demand prices count them. Pure.

Sources: the DynamoDB Developer Guide, "DynamoDB item sizes and formats" and "Read and write operations".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

WRITE_BYTES, READ_BYTES = 1024, 4096

READS = frozenset({"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"})


class Units(NamedTuple):
    """Read and write request units."""

    reads: float = 0.0
    writes: float = 0.0


def consumed(operation: str, status: int, answer: Mapping[str, Any]) -> Units:
    """The units in the ``ConsumedCapacity`` of ``answer``. A failed condition consumes like a write of the item.

    The request must have asked for ``ConsumedCapacity``, and for the ``Item`` that failed its condition.
    """
    if status != 200:
        code = str(answer.get("__type", "")).rpartition("#")[2]
        if code != "ConditionalCheckFailedException":
            return Units()
        return Units(writes=write_units(size(answer.get("Item", {}))))
    entries = answer.get("ConsumedCapacity") or []
    total = sum(one["CapacityUnits"] for one in ([entries] if isinstance(entries, Mapping) else entries))
    return Units(reads=total) if operation in READS else Units(writes=total)


def counted(operation: str, request: Mapping[str, Any], status: int, answer: Mapping[str, Any]) -> Units:
    """The units for an engine that does not count them: by the size of the items that a read returned; one unit for a write."""
    if status != 200:
        return consumed(operation, status, answer)
    if operation not in READS:
        return Units(writes=1.0)
    items: Iterable[Mapping[str, Any]] = answer.get("Items", [answer["Item"]] if "Item" in answer else [])
    return Units(reads=read_units(sum(map(size, items)), bool(request.get("ConsistentRead"))))


def write_units(item_bytes: int) -> float:
    """Write units of an item: one for each KB, begun or full; at least one."""
    return float(max(1, math.ceil(item_bytes / WRITE_BYTES)))


def read_units(item_bytes: int, is_consistent: bool) -> float:
    """Read units of so many bytes: one for each 4 KB, begun or full; at least one. An eventually consistent read costs half."""
    return max(1, math.ceil(item_bytes / READ_BYTES)) * (1.0 if is_consistent else 0.5)


def size(item: Mapping[str, Any]) -> int:
    """The size of an item in bytes: names and values."""
    return sum(len(name.encode()) + _value(value) for name, value in item.items())


def _value(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    text = str(content)
    match kind:
        case "S":
            return len(text.encode())
        case "N":
            return len(text.strip("-").replace(".", "").strip("0")) // 2 + 1 + text.startswith("-")
        case "B":
            return len(text) * 3 // 4
        case "SS":
            return sum(len(one.encode()) for one in content)
        case "NS":
            return sum(_value({"N": one}) for one in content)
        case "BS":
            return sum(_value({"B": one}) for one in content)
        case "L":
            return 3 + sum(1 + _value(one) for one in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value(one) for name, one in content.items())
    return 1  # NULL and BOOL
