"""What operators do with a lobby on AWS: they read its table, and close connections through its API."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from lobby.admin.actions import Answer
from lobby.data import Data
from lobby.delivery import Delivery
from lobby.deploy.aws import Aws, AwsRequestError
from lobby.errors import CODES, LobbyError
from lobby.messages import is_id
from lobby.monitor.reading import Lobby, read_presences
from lobby.operators import BAN_S, Ban, RoomPage, check_reason, event_of_operator, page, player_page, room_view
from lobby.ports import Unreached
from lobby.presence import Presence
from lobby.rules import Post, closing_error
from lobby.serverless.dynamodb import BANS, ban_of, item_of_ban
from lobby.settings import Settings

AT_ONCE = 16
"""How many connections receive a post at the same time."""

NO_DRAIN = "A lobby on AWS has no process that could be drained. `lobby admin close` closes a room."


class CallbackGateway:
    """The connections of a lobby on AWS, through ``@connections`` of its API: a :class:`lobby.ports.Gateway`."""

    def __init__(self, aws: Aws, endpoint: str) -> None:
        self._client = aws.client("apigatewaymanagementapi", endpoint)

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        """One post for each connection."""

        def post(connection: str) -> str:
            try:
                self._client("post_to_connection", ConnectionId=connection, Data=frame)
            except AwsRequestError as error:
                if error.code == "GoneException":
                    return "gone"
                if error.code in ("LimitExceededException", "PayloadTooLargeException"):  # a slow reader
                    return "missed"
                raise
            return ""

        with ThreadPoolExecutor(AT_ONCE) as threads:
            outcomes = dict(zip(connections, threads.map(post, connections), strict=True))
        gone, missed = (frozenset(one for one, it in outcomes.items() if it == kind) for kind in ("gone", "missed"))
        return Unreached(gone, missed)

    def close(self, connection: str, code: int, reason: str) -> None:
        """API Gateway closes with 1000, whatever ``code`` is."""
        try:
            self._client("delete_connection", ConnectionId=connection)
        except AwsRequestError as error:
            if error.code != "GoneException":
                raise


class Stage:
    """The lobby of one stage."""

    def __init__(self, aws: Aws, lobby: Lobby) -> None:
        self._aws, self._lobby = aws, lobby
        self._gateway = CallbackGateway(aws, lobby.callback)
        self._delivery = Delivery(self._gateway)

    def rooms(self, limit: int, after: str) -> Answer:
        rows = self._rows()
        names = {row.room for row in rows}
        found, following = page(names, limit, after)
        views = [room_view(name, [row for row in rows if row.room == name], self._lobby.room_size) for name in found]
        return asdict(RoomPage(views, len(names), following))

    def players(self, room: str, limit: int, after: str) -> Answer:
        rows, now = self._rows(room), time.time_ns() // 1_000_000
        return asdict(player_page(room, rows, self._lobby.room_size, now, lambda connection: "", limit, after))

    def kick(self, room: str, player: str, reason: str) -> Answer:
        reason = _reason(reason)
        rows = [row for row in self._rows(room) if row.player == player]
        if not rows:
            raise LobbyError(f"{player} is not in the room {room}.")
        return self._end(rows, "kicked", f"{CODES['kicked'].meaning}: {reason}" if reason else "")

    def ban(self, room: str, player: str, seconds: int, reason: str) -> Answer:
        if not is_id(player):
            raise LobbyError(f"{player} is not the id of a player.")
        if seconds > BAN_S:
            raise LobbyError(f"A ban lasts at most {BAN_S:,} seconds.")
        ban = Ban(player, time.time_ns() // 1_000_000 + seconds * 1_000, _reason(reason))
        self._table("put_item", Item=item_of_ban(ban))
        rows = [row for row in self._rows() if row.player == player]
        return {**asdict(ban), **self._end(rows, "banned", ban.detail)}

    def bans(self) -> Answer:
        now = time.time_ns() // 1_000_000
        return {"bans": [asdict(ban) for ban in self._bans() if ban.until_ms > now]}

    def unban(self, player: str) -> Answer:
        found = [ban for ban in self._bans() if not player or ban.player == player]
        if player and not found:
            raise LobbyError(f"{player} is not banned.")
        for ban in found:
            item = item_of_ban(ban)
            self._table("delete_item", Key={name: item[name] for name in ("room", "connectionId")})
        return {"removed": len(found)}

    def send(self, room: str, event: str, data: Data) -> Answer:
        message = event_of_operator(event, dict(data), Settings())
        receivers = [row for row in self._rows(room) if row.v >= 2]
        unreached = self._delivery.post(Post(tuple(receivers), message))
        return {"connections": len(receivers) - len(unreached.gone) - len(unreached.missed)}

    def close(self, room: str) -> Answer:
        return self._end(self._rows(room), "room_closed", "")

    def drain(self, seconds: float) -> Answer:
        raise LobbyError(NO_DRAIN)

    def _table(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self._aws.client("dynamodb")(operation, TableName=self._lobby.table, **arguments)

    def _bans(self) -> list[Ban]:
        asked: dict[str, Any] = {"KeyConditionExpression": "room = :room", "ExpressionAttributeValues": {":room": {"S": BANS}}}
        found: list[Ban] = []
        while True:
            answer = self._table("query", **asked)
            found += [ban_of(item) for item in answer["Items"]]
            if not answer.get("LastEvaluatedKey"):
                return found
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _rows(self, room: str = "") -> list[Presence]:
        rows = list(read_presences(self._aws, self._lobby.table, room).rows)
        if room and not rows:
            raise LobbyError(f"There is no room {room}.")
        return rows

    def _end(self, rows: Collection[Presence], code: str, detail: str) -> Answer:
        """Closes connections and removes their rows. The stream of the table then announces the leaves."""
        # First all errors: a leave that the stream announces must not arrive before them.
        self._delivery.post(Post(tuple(rows), closing_error(code, detail)))
        for row in rows:
            self._delivery.close(row.connection, code, detail)
        for row in rows:
            key = {"room": {"S": row.room}, "connectionId": {"S": row.connection}}
            self._table("delete_item", Key=key)
        return {"closed": len(rows)}


def _reason(text: str) -> str:
    try:
        return check_reason(text)
    except ValueError as error:
        raise LobbyError(f"reason: {error}.") from None
