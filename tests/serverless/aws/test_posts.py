"""Posts to the connections of the local API Gateway, which verifies every signature."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lobby.emulator import ApiGateway, Limits
from lobby.serverless.aws import Answer, Request, ServiceClient, connection_path
from tests.emulator.worlds import Clock, Handler, api, closed_with, heard, joined, only_connection
from tests.serverless.aws.servers import KEYS

SECRETS = {KEYS["AWS_ACCESS_KEY_ID"]: KEYS["AWS_SECRET_ACCESS_KEY"]}
GONE = "AAAAAAAAAAAAAAA="


def client(gateway: ApiGateway, **environment: str) -> ServiceClient:
    return ServiceClient("execute-api", gateway.endpoint, environment=KEYS | environment)


async def sent(aws: ServiceClient, *requests: Request) -> list[Any]:
    """Of each outcome: the status and the type of the exception, or the reason why there is no answer."""
    outcomes = await asyncio.to_thread(aws.send, requests)
    return [
        (one.status, one.headers.get("x-amzn-errortype", "")) if isinstance(one, Answer) else one.reason for one in outcomes
    ]


async def test_a_connection_receives_a_post_is_described_and_is_closed() -> None:
    async with ApiGateway(api(), Handler(), credentials=SECRETS) as gateway, joined(gateway) as player:
        path = connection_path(await only_connection(gateway))
        with client(gateway, AWS_SESSION_TOKEN="token") as aws:
            assert await sent(aws, Request("POST", path, "grüße".encode())) == [(200, "")]
            assert await heard(player) == "grüße"
            [found] = await asyncio.to_thread(aws.send, [Request("GET", path)])
            assert isinstance(found, Answer)
            assert json.loads(found.body)["identity"]["sourceIp"] == "127.0.0.1"
            assert await sent(aws, Request("DELETE", path)) == [(204, "")]
            assert await closed_with(player) == 1000


async def test_a_broadcast_reaches_all_open_connections_and_names_those_that_are_gone() -> None:
    async with ApiGateway(api(), Handler(), credentials=SECRETS) as gateway:
        async with joined(gateway) as ann, joined(gateway) as bea:
            while len(gateway.connections) < 2:
                await asyncio.sleep(0.002)
            one, other = gateway.connections
            with client(gateway) as aws:
                posts = [Request("POST", connection_path(connection), b"hi") for connection in (one, GONE, other)]
                assert await sent(aws, *posts) == [(200, ""), (410, "GoneException"), (200, "")]
            assert [await heard(ann), await heard(bea)] == ["hi", "hi"]


async def test_posts_that_are_too_large_or_too_many_are_refused() -> None:
    limits = Limits(callback_rate=1, callback_burst=2)
    async with ApiGateway(api(limits=limits), Handler(), credentials=SECRETS, clock=Clock()) as gateway:
        async with joined(gateway):
            path = connection_path(await only_connection(gateway))
            with client(gateway) as aws:
                for body in (b"x" * (128 * 1024 + 1), b"x" * 3_000_000):
                    assert await sent(aws, Request("POST", path, body)) == [(413, "PayloadTooLargeException")]
                posts = [Request("POST", path, b"x")] * 4
                assert sorted(await sent(aws, *posts))[-3:] == [(429, "LimitExceededException")] * 3


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "InvalidSignatureException"),
        ({"AWS_ACCESS_KEY_ID": "UNKNOWN"}, "UnrecognizedClientException"),
        ({"AWS_REGION": "eu-central-1"}, "InvalidSignatureException"),
    ],
)
async def test_a_wrong_signature_is_forbidden(environment: dict[str, str], code: str) -> None:
    async with ApiGateway(api(), Handler(), credentials=SECRETS) as gateway:
        with client(gateway, **environment) as aws:
            assert await sent(aws, Request("GET", connection_path(GONE))) == [(403, code)]
