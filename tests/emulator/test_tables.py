"""A DynamoDB endpoint that the unmodified boto3 believes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lobby.emulator import Moto
from lobby.emulator.tables import Endpoint, TableServer
from lobby.errors import LobbyError
from tests.dynamo import DEFINITION
from tests.emulator.worlds import KEYS, Meter

TABLE = "Things"


def boto(endpoint: str, secret: str = "secret") -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


@asynccontextmanager
async def tables(**options: Any) -> AsyncIterator[tuple[TableServer, Any]]:
    async with TableServer(Moto(), credentials=KEYS, **options) as server:
        await server.create(TableName=TABLE, **DEFINITION)
        client = boto(server.endpoint)
        try:
            yield server, client
        finally:
            client.close()


def item(key: str, **more: Any) -> dict[str, Any]:
    return {"room": {"S": "r"}, "connectionId": {"S": key}, **more}


async def test_boto3_writes_and_reads_and_the_consumed_units_are_metered() -> None:
    meter = Meter()
    async with tables(meter=meter) as (_, client):
        await asyncio.to_thread(client.put_item, TableName=TABLE, Item=item("a"))
        for consistent in (True, False):
            read = {"TableName": TABLE, "Key": item("a"), "ConsistentRead": consistent}
            answer = await asyncio.to_thread(client.get_item, **read)
            assert answer["Item"] == item("a")
            assert "ConsumedCapacity" not in answer, "it was not requested"
            answer = await asyncio.to_thread(client.get_item, **read, ReturnConsumedCapacity="TOTAL")
            assert answer["ConsumedCapacity"]["CapacityUnits"] == (1 if consistent else 0.5)
        assert [(one["operation"], one["reads"], one["writes"]) for one in meter.of("table")] == [
            ("PutItem", 0, 1),
            *[("GetItem", 1, 0)] * 2,
            *[("GetItem", 0.5, 0)] * 2,
        ]


async def test_a_failed_condition_is_metered_and_its_answer_has_only_the_requested_parts() -> None:
    meter = Meter()
    async with tables(meter=meter) as (_, client):
        await asyncio.to_thread(client.put_item, TableName=TABLE, Item=item("a", text={"S": "x" * 1500}))
        write = {"TableName": TABLE, "Item": item("a"), "ConditionExpression": "attribute_not_exists(room)"}
        with pytest.raises(client.exceptions.ConditionalCheckFailedException) as failed:
            await asyncio.to_thread(client.put_item, **write)
        assert "Item" not in failed.value.response
        assert meter.of("table")[-1]["writes"] == 2


async def test_a_request_may_be_throttled_as_aws_does_it() -> None:
    async with tables(throttles=lambda: True) as (_, client):
        with pytest.raises(client.exceptions.ProvisionedThroughputExceededException):
            await asyncio.to_thread(client.get_item, TableName=TABLE, Key=item("a"))


async def test_a_wrong_signature_is_refused() -> None:
    async with tables() as (server, _):
        stranger = boto(server.endpoint, secret="guessed")
        with pytest.raises(ClientError, match="signature we calculated"):
            await asyncio.to_thread(stranger.get_item, TableName=TABLE, Key=item("a"))
        stranger.close()


async def test_the_stream_contains_each_write_once() -> None:
    async with tables() as (server, client):
        await asyncio.to_thread(client.put_item, TableName=TABLE, Item=item("a"))
        await asyncio.to_thread(client.delete_item, TableName=TABLE, Key=item("a"))
        records = await server.engine.records(TABLE)
        assert [one["eventName"] for one in records] == ["INSERT", "REMOVE"]
        assert records[0]["dynamodb"]["NewImage"] == item("a")
        assert await server.engine.records(TABLE) == []


async def test_tables_may_be_at_another_endpoint() -> None:
    """The engine behind one endpoint is another endpoint."""

    async with TableServer(Moto()) as there, TableServer(Endpoint(there.endpoint), credentials=KEYS) as here:
        await here.create(TableName=TABLE, **DEFINITION)
        client = boto(here.endpoint)
        await asyncio.to_thread(client.put_item, TableName=TABLE, Item=item("a"))
        assert (await asyncio.to_thread(client.get_item, TableName=TABLE, Key=item("a")))["Item"] == item("a")
        client.close()


async def test_an_endpoint_without_an_answer_is_an_error() -> None:
    with pytest.raises(LobbyError, match=r"No DynamoDB answers at http://127\.0\.0\.1:1"):
        await Endpoint("http://127.0.0.1:1").start()


async def test_a_table_that_cannot_be_created_is_an_error() -> None:
    async with TableServer(Moto()) as server:
        with pytest.raises(LobbyError, match="The table Things cannot be created"):
            await server.create(TableName=TABLE, KeySchema=[], AttributeDefinitions=[])
