"""Presences in a DynamoDB table: the store of the serverless host.

One item a connection: partition key ``room``, sort key ``connectionId``, so that one strongly consistent query reads a room,
and no scan or index is on the way of a position. Items whose sort key begins with ``#`` are the room's own (``#numbers``,
``#window``). The table notices what came and went by its stream; :func:`changes` reads the stream's records.

Works with any object that has the methods of boto3's low-level ``dynamodb`` client.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lobby.errors import StoreError
from lobby.presence import Position, Presence
from lobby.rules import Change, Tracked, Untracked

Item = dict[str, dict[str, str]]

NUMBERS = "#numbers"
"""Sort key of the item that counts a room's players."""

WINDOW = "#window"
"""Sort key of the item that is a room's window."""

KEEP_S = 3600
"""How long after its owner was last heard of an item is collected as garbage (``ttl``); leaving is noticed long before that."""

_TEXTS = {"room": "room", "connectionId": "connection", "player_id": "player", "name": "name", "status": "status"}
_WHOLE = {"n": "n", "v": "v", "joined_ms": "joined_ms", "moved_ms": "moved_ms", "seen_ms": "seen_ms"}


class DynamoStore:
    """The presences in one table. Each method is one request, ``add`` of a new player two."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def add(self, presence: Presence) -> Presence:
        """See :class:`lobby.stores.Store`. Numbers are never used again, also when the room has been empty."""
        if not presence.n:
            counted = self._call(
                "update_item",
                Key=_key(presence.room, NUMBERS),
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": _number(1)},
                ReturnValues="UPDATED_NEW",
            )
            presence = presence._replace(n=int(counted["Attributes"]["n"]["N"]))
        self._call("put_item", Item=item_of(presence))
        return presence

    def get(self, room: str, connection: str) -> Presence | None:
        """See :class:`lobby.stores.Store`."""
        found = self._call("get_item", Key=_key(room, connection), ConsistentRead=True).get("Item")
        return presence_of(found) if found else None

    def room(self, room: str) -> list[Presence]:
        """See :class:`lobby.stores.Store`."""
        rows: list[Presence] = []
        further: dict[str, Any] = {}
        while True:
            page = self._call(
                "query",
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

    def place(self, room: str, connection: str, at: Position, now: int, allowance: float) -> Presence | None:
        """See :class:`lobby.stores.Store`."""
        values = {f":{name}": _number(value) for name, value in at._asdict().items()}
        values |= {":now": _number(now), ":allowance": _number(allowance), ":ttl": _ttl(now)}
        # Who does not count (0) is taken in order of arrival, as `rules.is_newer` has it.
        newer = " AND #seq < :seq" if at.seq else ""
        return self._update(
            room,
            connection,
            "SET x = :x, y = :y, vx = :vx, vy = :vy, h = :h, #seq = :seq, #t = :t, allowance = :allowance, "
            "moved_ms = :now, seen_ms = :now, #ttl = :ttl",
            values,
            names={"#ttl": "ttl", "#seq": "seq", "#t": "t"},
            condition=f"attribute_exists(connectionId){newer}",
        )

    def set_status(self, room: str, connection: str, status: str, now: int) -> Presence | None:
        """See :class:`lobby.stores.Store`."""
        values = {":status": {"S": status}, ":now": _number(now), ":ttl": _ttl(now)}
        names = {"#status": "status", "#ttl": "ttl"}
        return self._update(room, connection, "SET #status = :status, seen_ms = :now, #ttl = :ttl", values, names)

    def seen(self, room: str, connection: str, now: int) -> None:
        """See :class:`lobby.stores.Store`."""
        values = {":now": _number(now), ":ttl": _ttl(now)}
        self._update(room, connection, "SET seen_ms = :now, #ttl = :ttl", values, {"#ttl": "ttl"})

    def remove(self, room: str, connection: str) -> Presence | None:
        """See :class:`lobby.stores.Store`."""
        was = self._call("delete_item", Key=_key(room, connection), ReturnValues="ALL_OLD").get("Attributes")
        return presence_of(was) if was else None

    # ── windows: one item a room, see `lobby.stores.SharedWindows` ──────────────────────────────────────────────────

    def open_window(self, room: str, holder: str, now: int, lease_ms: int) -> bool:
        """See :class:`lobby.stores.SharedWindows`."""
        values: Item = {":holder": {"S": holder}, ":until": _number(now + lease_ms), ":now": _number(now)}
        return self._write_window(
            room,
            "SET holder = :holder, open_until_ms = :until",
            values,
            "attribute_not_exists(open_until_ms) OR open_until_ms < :now",
        )

    def is_being_told(self, room: str, now: int) -> bool:
        """See :class:`lobby.stores.SharedWindows`."""
        return _is_being_told(self._window(room), now)

    def shut_window(self, room: str, holder: str, now: int, lease_ms: int) -> int | None:
        """See :class:`lobby.stores.SharedWindows`."""
        values: Item = {":holder": {"S": holder}, ":until": _number(now + lease_ms), ":now": _number(now)}
        shut = self._write_window(
            room,
            "SET teller = :holder, told_until_ms = :until, shut_ms = :now REMOVE holder, open_until_ms",
            values,
            "holder = :holder",
        )
        # Nobody but the teller changes `told_ms`, and that is this holder now.
        return _ms(self._window(room), "told_ms") if shut else None

    def settle_window(self, room: str, holder: str) -> None:
        """See :class:`lobby.stores.SharedWindows`."""
        values: Item = {":holder": {"S": holder}}
        self._write_window(room, "SET told_ms = shut_ms REMOVE teller, told_until_ms", values, "teller = :holder")

    def peek_window(self, room: str, now: int) -> int | None:
        """See :class:`lobby.stores.SharedWindows`."""
        window = self._window(room)
        return None if _ms(window, "open_until_ms") >= now or _is_being_told(window, now) else _ms(window, "told_ms")

    def _window(self, room: str) -> Item:
        found: Item = self._call("get_item", Key=_key(room, WINDOW), ConsistentRead=True).get("Item", {})
        return found

    def _write_window(self, room: str, expression: str, values: Item, condition: str) -> bool:
        """Writes the room's window; False where the condition does not hold."""
        written = self._write(
            Key=_key(room, WINDOW),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )
        return written is not None

    def take_changes(self) -> list[Change]:
        """Nothing: the table's stream brings them, to whoever listens to it (:func:`changes`)."""
        return []

    def _update(
        self,
        room: str,
        connection: str,
        expression: str,
        values: Item,
        names: dict[str, str],
        condition: str = "attribute_exists(connectionId)",
    ) -> Presence | None:
        written = self._write(
            Key=_key(room, connection),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
            ExpressionAttributeNames=names,
            ReturnValues="ALL_NEW",
        )
        return None if written is None else presence_of(written["Attributes"])

    def _write(self, **arguments: Any) -> dict[str, Any] | None:
        """A conditional write; None where its condition does not hold."""
        try:
            return self._call("update_item", **arguments)
        except StoreError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            raise

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(TableName=self._table, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise self._failed(operation, error) from error
        return answer

    def _failed(self, operation: str, error: Exception) -> StoreError:
        return StoreError(f"The table {self._table} did not take a {operation}: {error}")


def item_of(presence: Presence) -> Item:
    """The item that keeps ``presence``."""
    item = {name: {"S": getattr(presence, field)} for name, field in _TEXTS.items()}
    item |= {name: _number(getattr(presence, field)) for name, field in _WHOLE.items()}
    item |= {name: _number(value) for name, value in presence.at._asdict().items()}
    return item | {"allowance": _number(presence.allowance), "ttl": _ttl(presence.seen_ms)}


def presence_of(item: Item) -> Presence:
    """The presence that ``item`` keeps."""
    texts = {field: item[name]["S"] for name, field in _TEXTS.items()}
    whole = {field: int(item[name]["N"]) for name, field in _WHOLE.items()}
    x, y, vx, vy, h = (float(item[name]["N"]) for name in ("x", "y", "vx", "vy", "h"))
    at = Position(x, y, vx, vy, h, int(item["seq"]["N"]), int(item["t"]["N"]))
    return Presence(**texts, **whole, at=at, allowance=float(item["allowance"]["N"]))  # type: ignore[arg-type]


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


def _ms(window: Item, name: str) -> int:
    return int(window[name]["N"]) if name in window else 0


def _is_being_told(window: Item, now: int) -> bool:
    return "teller" in window and _ms(window, "told_until_ms") >= now


def _key(room: str, connection: str) -> Item:
    return {"room": {"S": room}, "connectionId": {"S": connection}}


def _number(value: float) -> dict[str, str]:
    return {"N": repr(value)}


def _ttl(now: int) -> dict[str, str]:
    return _number(now // 1000 + KEEP_S)
