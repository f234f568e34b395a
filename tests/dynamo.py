"""A lobby's table in moto, in this process and without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from typing import Any

from lobby.emulator.tables import TARGET, Moto
from lobby.rules import Change
from lobby.serverless.aws import CallFailed
from lobby.serverless.dynamodb import DynamoStore, changes

KEYS = {"room": "HASH", "connectionId": "RANGE"}
DEFINITION = {
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
    "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in KEYS.items()],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}

_moto = Moto()
_names = count(1)


class MotoCaller:
    """Calls of DynamoDB, answered by moto. With ``twice`` each write is carried out a second time, as after a lost answer."""

    def __init__(self) -> None:
        self.twice = False
        self.calls = 0

    def call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self.calls += 1
        if self.twice and operation in ("UpdateItem", "PutItem", "DeleteItem"):
            _moto.ask(f"{TARGET}.{operation}", json.dumps(arguments).encode())
        status, body = _moto.ask(f"{TARGET}.{operation}", json.dumps(arguments).encode())
        answer: dict[str, Any] = json.loads(body)
        if status != 200:
            code = str(answer.get("__type", "")).rpartition("#")[2]
            raise CallFailed(operation, code, str(answer.get("message", "")), status, answer)
        return answer


class MotoStore(DynamoStore):
    """The store of the serverless host on a table in moto, with the stream of the table."""

    def __init__(self) -> None:
        self.caller = MotoCaller()
        self.table = f"LobbyConnections-{next(_names)}"
        super().__init__(self.caller, self.table)
        self.caller.call("CreateTable", {"TableName": self.table, **DEFINITION})

    def take_changes(self) -> list[Change]:
        return changes(_moto.take_records(self.table))
