"""Presences in a DynamoDB table: the store of the serverless host.

One item per connection: partition key ``room``, sort key ``connectionId``, so that one strongly consistent query reads a room,
and a position needs no scan or index. Items whose sort key begins with ``#`` belong to the room itself (``#numbers``,
``#lock``); the room ``#budget``, which no player can enter, has one item per day. Rows that are added and removed appear in the
stream of the table; :func:`changes` reads its records.

A new item leaves out attributes that are 0 or empty: a room is read for every window, and reads are billed by bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from lobby.billing import Usage
from lobby.budget import DAY_MS, BudgetState
from lobby.data import Data
from lobby.errors import StoreError
from lobby.jsons import dumps
from lobby.limits import Bucket, Pace, RateLimited, Verdict, events_limited
from lobby.operators import Ban
from lobby.presence import Position, Presence
from lobby.rules import Change, RowAdded, RowRemoved, is_newer
from lobby.serverless.aws import CallFailed
from lobby.serverless.shared import Delivered, Latest, RoomLock, RoomRows, WindowLost

Item = dict[str, dict[str, str]]

NUMBERS = "#numbers"
"""Sort key of the item that holds the last player number of a room."""

LOCK = "#lock"
"""Sort key of the item that holds the window, the broadcast lock and what a room has received."""

BANS = "#bans"
"""The partition of the bans, one item for each banned player. `lobby admin` writes them. No room has such a name."""

BUDGET = "#budget"
"""The room of the items that hold what was spent on a day, by the number of the day since 1970."""

KEEP_S = 9_000
"""How long after its connection was last seen the table deletes an item (``ttl``). Longer than the two hours that API Gateway
lets a connection live, because a version 1 client may stand still and send nothing. A leave is noticed long before that."""

KEEP_ROOM_S = 7 * 86_400
"""The same for the items of a room itself, after the last connect or broadcast in that room."""

READS = frozenset({"GetItem", "Query"})

TRIES = 5
"""How often a write is retried when other writes to the same row came first."""

_TEXTS = {"room": "room", "connectionId": "connection", "player_id": "player", "name": "name", "status": "status"}
_WHOLE = ("n", "v", "joined_ms", "moved_ms", "status_ms", "seen_ms", "data_ms", "name_ms", "event_seq")
_OBJECTS = ("data", "granted")
_FLAGS = ("is_named", "watch")
_ALWAYS = frozenset({"room", "connectionId", "player_id", "x", "y"})
_SELDOM = frozenset({"z", "vz"})
"""Attributes that a write removes when they are 0: most games have no height, and reads are billed by bytes."""


class _Limit(NamedTuple):
    """A rate limit in a row: the attributes of its bucket (``limits.Bucket``), and its error."""

    due: str
    flood: str
    error: Callable[[Pace, Verdict], RateLimited]


MESSAGES = _Limit("due_ms", "flood_ms", RateLimited)
EVENTS = _Limit("event_due_ms", "event_flood_ms", events_limited)


class Caller(Protocol):
    """What this store needs of AWS: :class:`lobby.serverless.aws.DynamoDB`."""

    def call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Carries out one operation of DynamoDB, perhaps twice. Raises CallFailed."""


class DynamoStore:
    """The presences in one table: a :class:`~lobby.serverless.shared.SharedStore`. ``used`` sums up what requests consume.

    Each method is one request; ``add`` of a new player is two. A request whose answer was lost is carried out twice. So every
    condition also accepts a row that this very request has already written.
    """

    def __init__(self, caller: Caller, table: str) -> None:
        self._caller, self._table = caller, table
        self.used = Usage()

    # ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def add(self, presence: Presence, *, needs_welcome_ms: int = 0) -> Presence:
        if not presence.n and not presence.watch:
            counted = self._call(
                "UpdateItem",
                Key=_key(presence.room, NUMBERS),
                UpdateExpression="SET #ttl = :ttl ADD n :one",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={":one": _number(1), ":ttl": _ttl(presence.seen_ms, KEEP_ROOM_S)},
                ReturnValues="UPDATED_NEW",
            )
            presence = presence._replace(n=int(counted["Attributes"]["n"]["N"]))
        pending = {"needs_welcome_ms": _number(needs_welcome_ms)} if needs_welcome_ms else {}
        self._call("PutItem", Item=item_of(presence) | pending)
        return presence

    def get(self, room: str, connection: str) -> Presence | None:
        found = self._get(room, connection)
        return presence_of(found) if found else None

    def room(self, room: str) -> list[Presence]:
        return self.rows(room).roster

    def rows(self, room: str) -> RoomRows:
        roster: list[Presence] = []
        needs_welcome: dict[str, int] = {}
        further: dict[str, Any] = {}
        while True:
            page = self._call(
                "Query",
                # The items of the room itself begin with "#"; every character of a connection id sorts after it.
                KeyConditionExpression="room = :room AND connectionId > :own",
                ExpressionAttributeValues={":room": {"S": room}, ":own": {"S": "$"}},
                ConsistentRead=True,
                **further,
            )
            for item in page["Items"]:
                roster.append(presence_of(item))
                if since_ms := _ms(item, "needs_welcome_ms"):
                    needs_welcome[roster[-1].connection] = since_ms
            if not (last := page.get("LastEvaluatedKey")):
                return RoomRows(roster, needs_welcome)
            further = {"ExclusiveStartKey": last}

    def set_position(
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
        values = {**at._asdict(), "moved_ms": now, "seen_ms": now, "allowance": allowance}
        return self._write_row(room, connection, values, now, pace, _Newer(at, since_ms))

    def set_status(self, room: str, connection: str, status: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        return self._write_row(room, connection, {"status": status, "status_ms": now, "seen_ms": now}, now, pace)

    def set_name(self, room: str, connection: str, name: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        return self._write_row(room, connection, {"name": name, "name_ms": now, "seen_ms": now}, now, pace)

    def set_data(
        self, room: str, connection: str, data: Data, now: int, *, since_ms: int, pace: Pace | None = None
    ) -> Presence | None:
        text = dumps(data).decode() if data else ""
        values: dict[str, float | str] = {"data": text, "data_ms": now, "seen_ms": now}
        return self._write_row(room, connection, values, now, pace, _Unchanged(data, since_ms))

    def event(self, room: str, connection: str, now: int, *, pace: Pace) -> Presence | None:
        return self._write_row(room, connection, {"seen_ms": now}, now, pace, limit=EVENTS)

    def event_sent(self, room: str, connection: str, seq: int) -> None:
        condition = "attribute_exists(connectionId) AND (attribute_not_exists(event_seq) OR event_seq < :seq)"
        self._write(room, connection, "SET event_seq = :seq", {":seq": _number(seq)}, condition)

    def seen(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        return self._write_row(room, connection, {"seen_ms": now}, now, pace)

    def remove(self, room: str, connection: str) -> Presence | None:
        was = self._call("DeleteItem", Key=_key(room, connection), ReturnValues="ALL_OLD").get("Attributes")
        return presence_of(was) if was else None

    def needs_welcome(self, room: str, connection: str, now: int, *, pace: Pace | None = None) -> Presence | None:
        return self._write_row(room, connection, {"needs_welcome_ms": now}, now, pace)

    def welcomed(self, room: str, connection: str, since_ms: int) -> None:
        self._write(room, connection, "REMOVE needs_welcome_ms", {":since": _number(since_ms)}, "needs_welcome_ms = :since")

    def _write_row(
        self,
        room: str,
        connection: str,
        values: Mapping[str, float | str],
        now: int,
        pace: Pace | None = None,
        newer: _Newer | _Unchanged | None = None,
        limit: _Limit = MESSAGES,
    ) -> Presence | None:
        """One conditional write. None where the row is gone, or has a newer position. Raises RateLimited by ``pace``.

        The first try assumes that the connection sends slowly, so that its bucket is full: one write takes a message from it.
        Where that is not so, the condition fails and returns the row with its bucket; the next try is conditional on it.
        """
        conditions = ["attribute_exists(connectionId)", *(newer.conditions if newer else ())]
        used: Item = dict(newer.values) if newer else {}
        spent: dict[str, float] = {}
        if pace:
            spent = {limit.due: pace.spend(Bucket(), now)[0].due_ms}
            conditions.append(f"(attribute_not_exists({limit.due}) OR {limit.due} <= :now)")
            used[":now"] = _number(now)
        for _ in range(TRIES):
            written, item = self._set(room, connection, {**values, **spent}, conditions, used, now)
            if written is not None or item is None:
                return written
            was = presence_of(item)
            if newer and not newer.holds(was):
                return was if newer.is_this(was, now) else None
            if pace:
                bucket = _bucket_of(item, limit)
                after, verdict = pace.spend(bucket, now)
                if verdict is not Verdict.ALLOWED:
                    self._set(room, connection, {limit.flood: after.flood_ms}, conditions[:1], {}, now)
                    raise limit.error(pace, verdict)
                spent = {limit.due: after.due_ms}
                conditions[-1] = f"{limit.due} = :was" if bucket.due_ms else f"attribute_not_exists({limit.due})"
                used = (dict(newer.values) if newer else {}) | ({":was": _number(bucket.due_ms)} if bucket.due_ms else {})
        raise StoreError(f"{TRIES} writes to the row of {connection} failed, because other writes came first.")

    def _set(
        self, room: str, connection: str, values: Mapping[str, float | str], conditions: Iterable[str], used: Item, now: int
    ) -> tuple[Presence | None, Item | None]:
        """The row as it was written; or, where a condition did not hold, the item as it is."""
        stored = {name: value for name, value in values.items() if value or name not in _SELDOM}
        absent = [name for name in values if name not in stored]
        written, was = self._write(
            room,
            connection,
            "SET "
            + ", ".join(f"#{name} = :{name}" for name in (*stored, "ttl"))
            + (" REMOVE " + ", ".join(f"#{name}" for name in absent) if absent else ""),
            {f":{name}": _value(value) for name, value in stored.items()} | {":ttl": _ttl(now, KEEP_S)} | used,
            " AND ".join(conditions),
            names=[*values, "ttl"],
        )
        return (presence_of(written) if written is not None else None), was

    # ── what invocations share ──────────────────────────────────────────────────────────────────────────────────────

    def lock_state(self, room: str) -> RoomLock:
        return _lock_of(self._get(room, LOCK))

    def open_window(self, room: str, holder: str, now: int, until_ms: int) -> bool:
        opened, _ = self._write(
            room,
            LOCK,
            "SET holder = :holder, open_until_ms = :until",
            {":holder": {"S": holder}, ":until": _number(until_ms), ":now": _number(now)},
            "attribute_not_exists(open_until_ms) OR open_until_ms <= :now OR (holder = :holder AND open_until_ms = :until)",
        )
        return opened is not None

    def acquire(self, room: str, holder: str, now: int, until_ms: int, *, close_window: bool = False) -> Delivered | None:
        is_free = "attribute_not_exists(locked_until_ms) OR locked_until_ms <= :now"
        condition = f"(({is_free}) AND holder = :holder)" if close_window else is_free
        taken, was = self._write(
            room,
            LOCK,
            "SET locked_by = :holder, locked_until_ms = :until" + (" REMOVE holder, open_until_ms" if close_window else ""),
            {":holder": {"S": holder}, ":until": _number(until_ms), ":now": _number(now)},
            f"{condition} OR (locked_by = :holder AND locked_until_ms = :until)",
        )
        if taken is not None:
            return _lock_of(taken).delivered
        if close_window and (was or {}).get("holder") != {"S": holder}:
            raise WindowLost
        return None

    def renew(self, room: str, holder: str, until_ms: int) -> bool:
        """See :class:`SharedStore`."""
        values = {":holder": {"S": holder}, ":until": _number(until_ms)}
        renewed, _ = self._write(room, LOCK, "SET locked_until_ms = :until", values, "locked_by = :holder")
        return renewed is not None

    def release(self, room: str, holder: str, delivered: Delivered) -> None:
        # Most entries have neither data nor a new name, and each write is charged by bytes.
        latest = {str(n): entry if entry[2:] != (0, 0) else entry[:2] for n, entry in delivered.latest.items()}
        self._write(
            room,
            LOCK,
            "SET delivered_ms = :ms, latest = :latest, stretch = :stretch, budget_ms = :budget, #ttl = :ttl"
            " REMOVE locked_by, locked_until_ms",
            {
                ":holder": {"S": holder},
                ":ms": _number(delivered.ms),
                ":latest": {"S": json.dumps(latest, ensure_ascii=False, separators=(",", ":"))},
                ":stretch": _number(delivered.budget.stretch),
                ":budget": _number(delivered.budget.as_of_ms),
                ":ttl": _ttl(delivered.ms, KEEP_ROOM_S),
            },
            "locked_by = :holder",
            names=["ttl"],
        )

    def ban(self, player: str) -> Ban | None:
        found = self._get(BANS, f"#{player}")
        return ban_of(found) if found else None

    def spend(self, dollars: float, now: int) -> float:
        spent = self._call(
            "UpdateItem",
            Key=_key(BUDGET, f"#{now // DAY_MS}"),
            UpdateExpression="SET #ttl = :ttl ADD nanodollars :more",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":more": _number(round(dollars * 1e9)), ":ttl": _ttl(now, KEEP_ROOM_S)},
            ReturnValues="ALL_NEW",
        )
        return int(spent["Attributes"]["nanodollars"]["N"]) / 1e9

    # ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _get(self, room: str, key: str) -> Item | None:
        found: Item | None = self._call("GetItem", Key=_key(room, key), ConsistentRead=True).get("Item")
        return found

    def _write(
        self, room: str, key: str, expression: str, values: Item, condition: str, names: Iterable[str] = ()
    ) -> tuple[Item | None, Item | None]:
        """A conditional write. Returns the item as it is then; or None, and the item that did not meet the condition."""
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
            if isinstance(cause, CallFailed) and cause.code == "ConditionalCheckFailedException":
                return None, cause.body.get("Item")
            raise

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        units = 1.0  # the least that a failed condition costs
        try:
            answer = self._caller.call(operation, {"TableName": self._table, "ReturnConsumedCapacity": "TOTAL", **request})
            units = answer.get("ConsumedCapacity", {}).get("CapacityUnits", units)
            return answer
        except CallFailed as error:
            raise StoreError(f"The table {self._table} did not take a {operation}: {error}") from error
        finally:
            self.used += Usage(read_units=units) if operation in READS else Usage(write_units=units)


class _Unchanged(NamedTuple):
    """The condition that the data of a row has not changed since ``since_ms``."""

    data: Data
    since_ms: int

    @property
    def conditions(self) -> list[str]:
        """The condition as DynamoDB's expression."""
        return ["data_ms = :since" if self.since_ms else "attribute_not_exists(data_ms)"]

    @property
    def values(self) -> Item:
        """The values in this expression that the write does not store anyway."""
        return {":since": _number(self.since_ms)} if self.since_ms else {}

    def holds(self, row: Presence) -> bool:
        """Whether the condition holds for ``row``."""
        return row.data_ms == self.since_ms

    def is_this(self, row: Presence, now: int) -> bool:
        """Whether this request has written ``row`` already: its first answer was lost."""
        return (row.data, row.data_ms) == (self.data, now)


class _Newer(NamedTuple):
    """The condition that a row has no newer position than ``at``, and ``since_ms`` as its ``moved_ms`` if that is not None."""

    at: Position
    since_ms: int | None

    @property
    def conditions(self) -> list[str]:
        """The condition as DynamoDB's expressions; the first one is ``rules.is_newer``."""
        newer = []
        if self.at.order:
            ordered_otherwise = "attribute_not_exists(#seq) OR #seq = :zero" if self.at.seq else "#seq > :zero"
            newer = [f"(attribute_not_exists(#order) OR #order < :order OR {ordered_otherwise})"]
        if self.since_ms is None:
            return newer
        return [*newer, "moved_ms = :since" if self.since_ms else "attribute_not_exists(moved_ms)"]

    @property
    def values(self) -> Item:
        """The values in these expressions that the write does not store anyway."""
        zero = {":zero": _number(0)} if self.at.order else {}
        return zero | ({":since": _number(self.since_ms)} if self.since_ms else {})

    def holds(self, row: Presence) -> bool:
        """Whether the condition holds for ``row``."""
        return is_newer(self.at, row.at) and self.since_ms in (None, row.moved_ms)

    def is_this(self, row: Presence, now: int) -> bool:
        """Whether this request has written ``row`` already: its first answer was lost."""
        return (row.at, row.moved_ms) == (self.at, now)


def item_of(presence: Presence) -> Item:
    """The item that stores ``presence``."""
    values: dict[str, float | str] = {name: getattr(presence, field) for name, field in _TEXTS.items()}
    values |= {name: getattr(presence, name) for name in (*_WHOLE, "allowance")} | presence.at._asdict()
    values |= {name: dumps(found).decode() for name in _OBJECTS if (found := getattr(presence, name))}
    values |= {name: int(getattr(presence, name)) for name in _FLAGS}
    item = {name: _value(value) for name, value in values.items() if value or name in _ALWAYS}
    return item | {"ttl": _ttl(presence.seen_ms, KEEP_S)}


def presence_of(item: Item) -> Presence:
    """The presence that ``item`` stores."""

    def number(name: str) -> str:
        return item[name]["N"] if name in item else "0"

    texts = {field: item[name]["S"] if name in item else "" for name, field in _TEXTS.items()}
    x, y, vx, vy, h, z, vz = (float(number(name)) for name in ("x", "y", "vx", "vy", "h", "z", "vz"))
    at = Position(x, y, vx, vy, h, int(number("seq")), int(number("t")), int(number("order")), z, vz)
    whole = {name: int(number(name)) for name in _WHOLE}
    flags = {name: name in item for name in _FLAGS}
    objects = {name: json.loads(item[name]["S"]) for name in _OBJECTS if name in item and item[name]["S"]}
    allowance = float(number("allowance"))
    return Presence(**texts, **whole, **flags, **objects, at=at, allowance=allowance)  # type: ignore[arg-type]


def item_of_ban(ban: Ban) -> Item:
    """The item of a ban. The table removes it some time after the ban has expired."""
    item: Item = _key(BANS, f"#{ban.player}") | {"until_ms": _number(ban.until_ms), "reason": _value(ban.reason)}
    return item | {"ttl": _number(ban.until_ms // 1_000 + 60)}


def ban_of(item: Item) -> Ban:
    """The ban in an item."""
    return Ban(item["connectionId"]["S"][1:], int(item["until_ms"]["N"]), item["reason"]["S"])


def changes(records: Iterable[dict[str, Any]]) -> list[Change]:
    """The rows that were added and removed, from the records of a stream. Other changes and the rooms' own items are left
    out."""
    found: list[Change] = []
    for record in records:
        images = record["dynamodb"]
        if images["Keys"]["connectionId"]["S"].startswith("#"):
            continue
        if record["eventName"] == "INSERT":
            found.append(RowAdded(presence_of(images["NewImage"])))
        elif record["eventName"] == "REMOVE":
            found.append(RowRemoved(presence_of(images["OldImage"])))
    return found


def _bucket_of(item: Item, limit: _Limit) -> Bucket:
    due_ms, flood_ms = (float(item[name]["N"]) if name in item else 0.0 for name in (limit.due, limit.flood))
    return Bucket(due_ms, flood_ms)


def _lock_of(item: Item | None) -> RoomLock:
    if not item:
        return RoomLock()
    latest = json.loads(item["latest"]["S"]) if "latest" in item else {}
    budget = BudgetState(_ms(item, "stretch") or 1, as_of_ms=_ms(item, "budget_ms"))
    delivered = Delivered(_ms(item, "delivered_ms"), {int(n): Latest(*entry) for n, entry in latest.items()}, budget)
    return RoomLock(_ms(item, "open_until_ms"), _ms(item, "locked_until_ms"), delivered)


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
