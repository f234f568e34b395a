"""The function behind the local API Gateway, with its table in moto: as much of AWS as fits on a desk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

import trading_lobby_ws
from lobby.gateways.emulator import Api, ApiGateway, Authorizer, Route
from tests.hosts import Player, joined

REGION, TABLE = "eu-central-1", "LobbyConnections-test"
ROUTES = ("$connect", "$disconnect", "$default", "pos", "hello", "ping", "status")
KEYS = {"room": "HASH", "connectionId": "RANGE"}
ELSEWHERE = {"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}


class Cloud:
    """A lobby without a server, on loopback."""

    def __init__(self, gateway: ApiGateway, players: AsyncExitStack) -> None:
        self.gateway, self._players = gateway, players

    async def enter(self, **query: str | int) -> Player:
        """Somebody connects."""
        parameters = "&".join(f"{name}={value}" for name, value in query.items())
        return await self._players.enter_async_context(joined(f"{self.gateway.url}?{parameters}"))


@contextmanager
def table(**variables: str) -> Iterator[None]:
    """The function's environment and its table, in moto."""
    environment = {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    environment |= {"LOBBY_TABLE": TABLE, "LOBBY_ENDPOINT": "http://127.0.0.1:1/", "LOBBY_WINDOW_MS": "60", **variables}
    with patch.dict(os.environ, environment), mock_aws(config=ELSEWHERE):
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in KEYS.items()],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        trading_lobby_ws._parts.cache_clear()
        yield
    trading_lobby_ws._parts.cache_clear()


@asynccontextmanager
async def cloud(**variables: str) -> AsyncIterator[Cloud]:
    """The whole of it: gateway, function, table and stream."""
    with table(**variables):
        api = Api(
            routes={key: Route() for key in ROUTES},
            route_selection_expression="$request.body.action",
            authorizer=Authorizer(("route.request.header.Host",)),
            region=REGION,
        )
        handler = trading_lobby_ws.handler
        async with ApiGateway(api, handler, authorize=handler) as gateway:
            os.environ["LOBBY_ENDPOINT"] = gateway.endpoint
            trading_lobby_ws._parts.cache_clear()
            stream = asyncio.create_task(_stream())
            async with AsyncExitStack() as players:
                yield Cloud(gateway, players)
            stream.cancel()
            with suppress(asyncio.CancelledError):
                await stream


async def _stream() -> None:
    """Brings what came and went to the function, a batch at a time and in order, as the event source mapping does."""
    read = 0
    while True:
        table = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][REGION].tables[TABLE]
        records: list[dict[str, Any]] = [item.record for item in table.stream_shard.items]
        fresh, read = records[read:], len(records)
        wanted = [record for record in fresh if record["eventName"] != "MODIFY"]
        if wanted:
            context = SimpleNamespace(aws_request_id=f"stream-{read}")
            await asyncio.to_thread(trading_lobby_ws.handler, {"Records": wanted}, context)
        await asyncio.sleep(0.01)
