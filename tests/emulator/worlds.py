"""A gateway on loopback with a handler that stores its events, and clients for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import boto3
from botocore.config import Config
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lobby.emulator import Api, ApiGateway, Route

PATIENCE_S = 10.0
ROUTES = {key: Route() for key in ("$connect", "$disconnect", "$default")}
KEYS = {"AKIDEXAMPLE": "secret"}


def api(**changes: Any) -> Api:
    options: dict[str, Any] = {"routes": ROUTES, **changes}
    return Api(**options)


class Handler:
    """Stores every event, and calls the function in ``on`` for its route."""

    def __init__(self, **on: Callable[[dict[str, Any]], Any]) -> None:
        self.events: list[dict[str, Any]] = []
        self.on = on

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        self.events.append(event)
        key = "authorizer" if event.get("type") == "REQUEST" else event["requestContext"]["routeKey"].strip("$")
        return self.on[key](event) if key in self.on else {"statusCode": 200}

    def of(self, event_type: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["requestContext"]["eventType"] == event_type and "type" not in one]

    async def told(self, event_type: str, count: int = 1) -> dict[str, Any]:
        """The last event of a type, as soon as there are so many."""
        await until(lambda: len(self.of(event_type)) >= count)
        return self.of(event_type)[-1]


class Clock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Meter:
    """Stores all metered events."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, kind: str, /, **facts: float | str) -> None:
        self.heard.append((kind, facts))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [facts for heard, facts in self.heard if heard == kind]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def joined(gateway: ApiGateway, query: str = "", **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(gateway.url + query, **{"close_timeout": 1, "max_size": None, "proxy": None, **options}) as client:
        yield client


async def heard(client: ClientConnection) -> Any:
    """The next frame."""
    return await asyncio.wait_for(client.recv(), PATIENCE_S)


async def heard_json(client: ClientConnection) -> Any:
    """The next frame, from JSON."""
    return json.loads(await heard(client))


async def closed_with(client: ClientConnection) -> int:
    async with asyncio.timeout(PATIENCE_S):
        try:
            while True:
                await client.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


async def refused_with(gateway: ApiGateway, query: str = "", **options: Any) -> int:
    try:
        async with joined(gateway, query, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@contextmanager
def boto(endpoint: str, secret: str = "secret", key: str = "AKIDEXAMPLE", region: str = "us-east-1") -> Iterator[Any]:
    """The client that handlers use, unmodified."""
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    try:
        yield client
    finally:
        client.close()


async def only_connection(gateway: ApiGateway) -> str:
    await until(lambda: len(gateway.connections) == 1)
    return next(iter(gateway.connections))


def run(test: Coroutine[Any, Any, None]) -> None:
    """Runs one test, for twenty seconds at the most."""

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test

    asyncio.run(bounded())
