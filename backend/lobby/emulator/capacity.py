"""The capacity units that requests to DynamoDB consume, as its on-demand prices count them. Pure.

Everything follows from the sizes of items, so the units are the same with every table engine.

Sources: the DynamoDB Developer Guide, "DynamoDB item sizes and formats", "DynamoDB read and write operations" (capacity unit
consumption), "Write capacity units for global secondary indexes" and "DynamoDB transactions: how it works" (capacity
management). One rule is assumed: a transaction that is cancelled consumes like one that succeeds with the items that exist.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

WRITE_BYTES, READ_BYTES = 1024, 4096
TRANSACTION = 2.0
"""A transaction reads or writes each item twice: to prepare and to commit."""

Item = Mapping[str, Any]
"""Attributes in DynamoDB's JSON: ``{"name": {"S": "Ann"}}``."""


class Units(NamedTuple):
    """Read and write request units."""

    reads: float = 0.0
    writes: float = 0.0


@dataclass(frozen=True)
class Index:
    """A secondary index: its key attributes, and the other attributes in it (None: all)."""

    name: str
    keys: tuple[str, ...]
    attributes: frozenset[str] | None = None
    is_local: bool = False

    def entry(self, item: Item | None) -> Item | None:
        """What the index contains of an item; None if the item lacks one of the keys."""
        if item is None or any(key not in item for key in self.keys):
            return None
        return item if self.attributes is None else {name: item[name] for name in item if name in self.attributes}


@dataclass(frozen=True)
class Shape:
    """A table: its key attributes and its secondary indexes."""

    keys: tuple[str, ...]
    indexes: tuple[Index, ...] = ()

    def key(self, item: Item) -> Item:
        """The key of an item."""
        return {name: item[name] for name in self.keys if name in item}


@dataclass
class Charge:
    """What one table and its indexes have consumed."""

    table: Units = field(default_factory=Units)
    indexes: dict[str, Units] = field(default_factory=dict)

    @property
    def units(self) -> Units:
        """The sum."""
        parts = [self.table, *self.indexes.values()]
        return Units(sum(part.reads for part in parts), sum(part.writes for part in parts))

    def add(self, other: Charge, times: float = 1.0) -> None:
        """Adds ``times`` another charge."""
        self.table = _sum(self.table, other.table, times)
        for name, units in other.indexes.items():
            self.indexes[name] = _sum(self.indexes.get(name, Units()), units, times)


def shape(description: Mapping[str, Any]) -> Shape:
    """The shape of a table from the arguments of CreateTable or the answer of DescribeTable."""
    keys = _keys(description)
    found = []
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        for one in description.get(kind) or ():
            projection = one.get("Projection", {})
            own = _keys(one)
            only = None
            if projection.get("ProjectionType", "ALL") != "ALL":
                only = frozenset({*keys, *own, *projection.get("NonKeyAttributes", ())})
            found.append(Index(one["IndexName"], own, only, is_local=kind.startswith("Local")))
    return Shape(keys, tuple(found))


def written(table: Shape, old: Item | None, new: Item | None) -> Charge:
    """The charge of a write that replaces ``old`` by ``new``; None: there is no such item.

    The larger of the two sizes counts. An index costs nothing if its entry stays as it is, one write if an entry is added,
    removed or changed, and two if its key changes.
    """
    charge = Charge(Units(writes=write_units(max(size(old or {}), size(new or {})))))
    for index in table.indexes:
        before, after = index.entry(old), index.entry(new)
        if before == after:
            continue
        if before is not None and after is not None and any(before[key] != after[key] for key in index.keys):
            writes = write_units(size(before)) + write_units(size(after))
        else:
            writes = write_units(max(size(before or {}), size(after or {})))
        charge.indexes[index.name] = Units(writes=writes)
    return charge


def refused(existing: Item | None) -> Charge:
    """The charge of a write whose condition was not met: as much as a write of the item that is there, without indexes."""
    return Charge(Units(writes=write_units(size(existing or {}))))


def read(items: Iterable[Item | None], is_consistent: bool) -> Units:
    """The units of reads of single items, each rounded up on its own. None: there is no such item, which costs a unit too."""
    return Units(reads=sum(read_units(size(item or {}), is_consistent) for item in items))


def searched(items: Iterable[Item], is_consistent: bool) -> Units:
    """The units of a Query or a Scan: the sum of all items that it looked at, rounded up once."""
    return Units(reads=read_units(sum(map(size, items)), is_consistent))


def write_units(item_bytes: int) -> float:
    """Write units of an item: one for each KB, begun or full; at least one."""
    return float(max(1, math.ceil(item_bytes / WRITE_BYTES)))


def read_units(item_bytes: int, is_consistent: bool) -> float:
    """Read units of so many bytes: one for each 4 KB, begun or full; at least one. An eventually consistent read costs half."""
    return max(1, math.ceil(item_bytes / READ_BYTES)) * (1.0 if is_consistent else 0.5)


def size(item: Item) -> int:
    """The size of an item in bytes: names and values."""
    return sum(_text(name) + _value(value) for name, value in item.items())


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _value(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return _text(content)
        case "N":
            return _number(content)
        case "B":
            return _binary(content)
        case "SS":
            return sum(map(_text, content))
        case "NS":
            return sum(map(_number, content))
        case "BS":
            return sum(map(_binary, content))
        case "L":
            return 3 + sum(1 + _value(one) for one in content)
        case "M":
            return 3 + sum(1 + _text(name) + _value(one) for name, one in content.items())
    return 1  # NULL and BOOL


def _number(text: str) -> int:
    """About one byte for two significant digits, and one more. Zeros before and after them do not count."""
    digits = text.lower().partition("e")[0].lstrip("+-").replace(".", "").strip("0")
    return len(digits) // 2 + 1 + text.startswith("-")


def _binary(text: str) -> int:
    return len(text) * 3 // 4 - text.count("=", -2)


def _keys(description: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(key["AttributeName"] for key in description.get("KeySchema", ()))


def _sum(one: Units, other: Units, times: float) -> Units:
    return Units(one.reads + other.reads * times, one.writes + other.writes * times)
