"""Presences in a DynamoDB table: the store of the serverless host.

One item a connection: partition key ``room``, sort key ``connectionId``, so that one strongly consistent query reads a room,
and no scan or index is on the way of a position. Items whose sort key begins with ``#`` are the room's own (``#numbers``,
``#floor``); in a room that nobody can enter (``#budget``) there is one for each day. The table notices what came and went by
its stream; :func:`changes` reads the stream's records.

What an item does not say is 0 or empty: a room that is read for every window is billed by its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from lobby.billing import Usage
from lobby.budget import DAY_MS, BudgetState
from lobby.errors import StoreError
from lobby.limits import Bucket, Pace
from lobby.presence import Position, Presence
from lobby.rules import Change, Tracked, Untracked, is_newer
from lobby.serverless.aws import AwsError
from lobby.serverless.lock import Floor, Told, WindowLost

Item = dict[str, dict[str, str]]

NUMBERS = "#numbers"
"""Sort key of the item that counts a room's players."""

FLOOR = "#floor"
"""Sort key of the item that says who speaks in a room, and what was told."""

BUDGET = "#budget"
"""The room of the items that say what was spent on a day, by the number of the day since 1970."""

KEEP_S = 9_000
"""How long after its owner was last heard of an item is collected as garbage (``ttl``): longer than the two hours that API
Gateway lets a connection live, since version 1 may stand still and say nothing. Leaving is noticed long before that."""

KEEP_ROOM_S = 7 * 86_400
"""The same for a room's own items, after the last time that somebody came in or was told something."""

READS = frozenset({"GetItem", "Query"})

TRIES = 5
"""How often a write is tried anew that others of the same connection overtook."""

_TEXTS = {"room": "room", "connectionId": "connection", "player_id": "player", "name": "name", "status": "status"}
_WHOLE = ("n", "v", "joined_ms", "moved_ms", "seen_ms", "status_ms", "behind_ms")
_NUMBERS = ("allowance", "due_ms", "flood_ms")
_POSITION = ("x", "y", "vx", "vy", "h", "seq", "t")
_ALWAYS = frozenset({"room", "connectionId", "player_id", "x", "y"})


class Caller(Protocol):
    """What this store needs of AWS: :class:`lobby.serverless.aws.DynamoDB`."""

    def call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Carries out one operation of DynamoDB, perhaps twice. Raises AwsError."""


class DynamoStore:
    """The presences in one table. Each method is one request, ``add`` of a new player two; ``used`` adds up what they consume.

    A request may be carried out twice, where the first answer was lost. So every condition lets pass who has met it before.
    """

    def __init__(self, caller: Caller, table: str) -> None:
        self._caller, self._table = caller, table
        self.used = Usage()

    # ── rows: see `lobby.serverless.lock.Store` ──────────────────────────────────────────────────────────────────────────────

    def add(self, presence: Presence) -> Presence:
        """See :class:`lobby.serverless.lock.Store`."""
        if not presence.n:
            counted = self._call(
                "UpdateItem",
                Key=_key(presence.room, NUMBERS),
                UpdateExpression="SET #ttl = :ttl ADD n :one",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={":one": _number(1), ":ttl": _ttl(presence.seen_ms, KEEP_ROOM_S)},
                ReturnValues="UPDATED_NEW",
            )
            presence = presence._replace(n=int(counted["Attributes"]["n"]["N"]))
        self._call("PutItem", Item=item_of(presence))
        return presence

    def get(self, room: str, connection: str) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        found = self._get(room, connection)
        return presence_of(found) if found else None

    def room(self, room: str) -> list[Presence]:
        """See :class:`lobby.serverless.lock.Store`."""
        rows: list[Presence] = []
        further: dict[str, Any] = {}
        while True:
            page = self._call(
                "Query",
                # The room's own items begin with "#"; every character of a connection's id sorts behind it.
                KeyConditionExpression="room = :room AND connectionId > :own",
                ExpressionAttributeValues={":room": {"S": room}, ":own": {"S": "$"}},
                ConsistentRead=True,
                **further,
            )
            rows += [presence_of(item) for item in page["Items"]]
            if not (last := page.get("LastEvaluatedKey")):
                return rows
            further = {"ExclusiveStartKey": last}

    def place(
        self,
        room: str,
        connection: str,
        at: Position,
        now: int,
        allowance: float,
        *,
        pace: Pace | None = None,
        since_ms: int | None = None,
    ) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        values = {**at._asdict(), "moved_ms": now, "seen_ms": now, "allowance": allowance}
        return self._write_row(room, connection, values, now, pace, _Newer(at, since_ms))

    def set_status(self, room: str, connection: str, status: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        return self._write_row(room, connection, {"status": status, "status_ms": now, "seen_ms": now}, now, pace)

    def seen(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        return self._write_row(room, connection, {"seen_ms": now}, now, pace)

    def remove(self, room: str, connection: str) -> Presence | None:
        """See :class:`lobby.serverless.lock.Store`."""
        was = self._call("DeleteItem", Key=_key(room, connection), ReturnValues="ALL_OLD").get("Attributes")
        return presence_of(was) if was else None

    def take_changes(self) -> list[Change]:
        """Nothing: the table's stream brings them, to whoever listens to it (:func:`changes`)."""
        return []

    def _write_row(
        self,
        room: str,
        connection: str,
        values: Mapping[str, float | str],
        now: int,
        pace: Pace | None = None,
        newer: _Newer | None = None,
    ) -> Presence | None:
        """One conditional write. None where the row is gone, or has a newer position. Raises Refused by ``pace``.

        Who sends at a decent pace has an empty bucket, and one write takes a message of it. Only where that is not so does the
        bucket matter; a failed condition brings it along, and the next write holds on to it.
        """
        conditions = ["attribute_exists(connectionId)", *(newer.conditions if newer else ())]
        used: Item = dict(newer.values) if newer else {}
        spent: dict[str, float] = {}
        if pace:
            spent = {"due_ms": pace.spend(Bucket(), now)[0].due_ms}
            conditions.append("(attribute_not_exists(due_ms) OR due_ms <= :now)")
            used[":now"] = _number(now)
        for _ in range(TRIES):
            written, was = self._set(room, connection, {**values, **spent}, conditions, used, now)
            if written is not None or was is None:
                return written
            if newer and not newer.holds(was):
                return was if newer.is_this(was, now) else None
            if pace:
                after, refused = pace.spend(Bucket(was.due_ms, was.flood_ms), now)
                if refused is not None:
                    self._set(room, connection, {"flood_ms": after.flood_ms}, conditions[:1], {}, now)
                    raise refused
                spent = {"due_ms": after.due_ms}
                conditions[-1] = "due_ms = :was" if was.due_ms else "attribute_not_exists(due_ms)"
                used = (dict(newer.values) if newer else {}) | ({":was": _number(was.due_ms)} if was.due_ms else {})
        raise StoreError(f"The row of {connection} was overtaken {TRIES} times.")

    def _set(
        self, room: str, connection: str, values: Mapping[str, float | str], conditions: Iterable[str], used: Item, now: int
    ) -> tuple[Presence | None, Presence | None]:
        """The row as it was written; or, where a condition did not hold, as it is."""
        written, was = self._write(
            room,
            connection,
            "SET " + ", ".join(f"#{name} = :{name}" for name in (*values, "ttl")),
            {f":{name}": _value(value) for name, value in values.items()} | {":ttl": _ttl(now, KEEP_S)} | used,
            " AND ".join(conditions),
            names=[*values, "ttl"],
        )
        return (presence_of(written) if written is not None else None), (presence_of(was) if was else None)

    # ── what invocations share: see `lobby.serverless.lock.SharedStore` ──────────────────────────────────────────────────────

    def look(self, room: str) -> Floor:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        return _floor_of(self._get(room, FLOOR))

    def open_window(self, room: str, holder: str, now: int, until_ms: int) -> bool:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        opened, _ = self._write(
            room,
            FLOOR,
            "SET holder = :holder, open_until_ms = :until",
            {":holder": {"S": holder}, ":until": _number(until_ms), ":now": _number(now)},
            "attribute_not_exists(open_until_ms) OR open_until_ms <= :now OR (holder = :holder AND open_until_ms = :until)",
        )
        return opened is not None

    def take_floor(self, room: str, holder: str, now: int, until_ms: int, *, shut: bool = False) -> Told | None:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        is_free = "attribute_not_exists(spoken_until_ms) OR spoken_until_ms <= :now"
        taken, was = self._write(
            room,
            FLOOR,
            "SET speaker = :holder, spoken_until_ms = :until" + (" REMOVE holder, open_until_ms" if shut else ""),
            {":holder": {"S": holder}, ":until": _number(until_ms), ":now": _number(now)},
            f"{f'(({is_free}) AND holder = :holder)' if shut else is_free} OR (speaker = :holder AND spoken_until_ms = :until)",
        )
        if taken is not None:
            return _floor_of(taken).told
        if shut and (was or {}).get("holder") != {"S": holder}:
            raise WindowLost
        return None

    def leave_floor(self, room: str, holder: str, told: Told) -> None:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        stamps = json.dumps({str(n): stamp for n, stamp in told.stamps.items()}, ensure_ascii=False, separators=(",", ":"))
        self._write(
            room,
            FLOOR,
            "SET told_ms = :ms, told = :told, stretch = :stretch, thrift_ms = :thrift, #ttl = :ttl"
            " REMOVE speaker, spoken_until_ms",
            {
                ":holder": {"S": holder},
                ":ms": _number(told.ms),
                ":told": {"S": stamps},
                ":stretch": _number(told.thrift.stretch),
                ":thrift": _number(told.thrift.as_of_ms),
                ":ttl": _ttl(told.ms, KEEP_ROOM_S),
            },
            "speaker = :holder",
            names=["ttl"],
        )

    def fall_behind(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        return self._write_row(room, connection, {"behind_ms": now}, now, pace)

    def spend(self, dollars: float, now: int) -> float:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        spent = self._call(
            "UpdateItem",
            Key=_key(BUDGET, f"#{now // DAY_MS}"),
            UpdateExpression="SET #ttl = :ttl ADD nanodollars :more",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":more": _number(round(dollars * 1e9)), ":ttl": _ttl(now, KEEP_ROOM_S)},
            ReturnValues="ALL_NEW",
        )
        return int(spent["Attributes"]["nanodollars"]["N"]) / 1e9

    def caught_up(self, room: str, connection: str, behind_ms: int) -> None:
        """See :class:`lobby.serverless.lock.SharedStore`."""
        self._write(room, connection, "REMOVE behind_ms", {":behind": _number(behind_ms)}, "behind_ms = :behind")

    # ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _get(self, room: str, key: str) -> Item | None:
        found: Item | None = self._call("GetItem", Key=_key(room, key), ConsistentRead=True).get("Item")
        return found

    def _write(
        self, room: str, key: str, expression: str, values: Item, condition: str, names: Iterable[str] = ()
    ) -> tuple[Item | None, Item | None]:
        """A conditional write: the item as it is then; or None, and the item that did not meet the condition."""
        request: dict[str, Any] = {
            "Key": _key(room, key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        used = {name for name in names if f"#{name}" in expression + condition}
        if used:
            request["ExpressionAttributeNames"] = {f"#{name}": name for name in used}
        try:
            return self._call("UpdateItem", **request)["Attributes"], None
        except StoreError as error:
            cause = error.__cause__
            if isinstance(cause, AwsError) and cause.code == "ConditionalCheckFailedException":
                return None, cause.body.get("Item")
            raise

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        units = 1.0  # what a failed condition costs, at least
        try:
            answer = self._caller.call(operation, {"TableName": self._table, "ReturnConsumedCapacity": "TOTAL", **request})
            units = answer.get("ConsumedCapacity", {}).get("CapacityUnits", units)
            return answer
        except AwsError as error:
            raise StoreError(f"The table {self._table} did not take a {operation}: {error}") from error
        finally:
            self.used += Usage(read_units=units) if operation in READS else Usage(write_units=units)


class _Newer(NamedTuple):
    """That a row has no newer position than ``at``, nor another one than at ``since_ms``."""

    at: Position
    since_ms: int | None

    @property
    def conditions(self) -> list[str]:
        """What must hold, in DynamoDB's words. Who does not count (0) is taken in order of arrival: ``rules.is_newer``."""
        newer = ["(attribute_not_exists(#seq) OR #seq < :seq)"] if self.at.seq else []
        if self.since_ms is None:
            return newer
        return [*newer, "moved_ms = :since" if self.since_ms else "attribute_not_exists(moved_ms)"]

    @property
    def values(self) -> Item:
        """The values in these conditions that are not written anyway."""
        return {":since": _number(self.since_ms)} if self.since_ms else {}

    def holds(self, row: Presence) -> bool:
        """Whether they hold for ``row``."""
        return is_newer(self.at, row.at) and self.since_ms in (None, row.moved_ms)

    def is_this(self, row: Presence, now: int) -> bool:
        """Whether ``row`` has this very position: the answer of the write was lost, and it was carried out twice."""
        return (row.at, row.moved_ms) == (self.at, now)


def item_of(presence: Presence) -> Item:
    """The item that keeps ``presence``."""
    values: dict[str, float | str] = {name: getattr(presence, field) for name, field in _TEXTS.items()}
    values |= {name: getattr(presence, name) for name in (*_WHOLE, *_NUMBERS)} | presence.at._asdict()
    item = {name: _value(value) for name, value in values.items() if value or name in _ALWAYS}
    return item | {"ttl": _ttl(presence.seen_ms, KEEP_S)}


def presence_of(item: Item) -> Presence:
    """The presence that ``item`` keeps."""

    def number(name: str) -> str:
        return item[name]["N"] if name in item else "0"

    texts = {field: item[name]["S"] if name in item else "" for name, field in _TEXTS.items()}
    x, y, vx, vy, h = (float(number(name)) for name in _POSITION[:5])
    at = Position(x, y, vx, vy, h, int(number("seq")), int(number("t")))
    whole = {name: int(number(name)) for name in _WHOLE}
    return Presence(**texts, **whole, at=at, **{name: float(number(name)) for name in _NUMBERS})  # type: ignore[arg-type]


def changes(records: Iterable[dict[str, Any]]) -> list[Change]:
    """What a stream's records say of connections that came and went; moves and the rooms' own items are left out."""
    found: list[Change] = []
    for record in records:
        images = record["dynamodb"]
        if images["Keys"]["connectionId"]["S"].startswith("#"):
            continue
        if record["eventName"] == "INSERT":
            found.append(Tracked(presence_of(images["NewImage"])))
        elif record["eventName"] == "REMOVE":
            found.append(Untracked(presence_of(images["OldImage"])))
    return found


def _floor_of(item: Item | None) -> Floor:
    if not item:
        return Floor()
    stamps = json.loads(item["told"]["S"]) if "told" in item else {}
    thrift = BudgetState(_ms(item, "stretch") or 1, as_of_ms=_ms(item, "thrift_ms"))
    told = Told(_ms(item, "told_ms"), {int(n): (seq, status) for n, (seq, status) in stamps.items()}, thrift)
    return Floor(_ms(item, "open_until_ms"), _ms(item, "spoken_until_ms"), told)


def _ms(item: Item, name: str) -> int:
    return int(item[name]["N"]) if name in item else 0


def _key(room: str, connection: str) -> Item:
    return {"room": {"S": room}, "connectionId": {"S": connection}}


def _value(value: float | str) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else _number(value)


def _number(value: float) -> dict[str, str]:
    return {"N": repr(value)}


def _ttl(now: int, keep_s: int) -> dict[str, str]:
    return _number(now // 1000 + keep_s)
