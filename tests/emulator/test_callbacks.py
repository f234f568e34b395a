"""`@connections`, as the unmodified boto3 sees it."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lobby.emulator import ApiGateway, Limits
from tests.emulator.worlds import KEYS, Clock, Handler, api, boto, closed_with, heard, joined, only_connection

GONE = "AAAAAAAAAAAAAAA="


async def code_of(call: Any, **arguments: Any) -> tuple[str, int, type[Exception]]:
    """The code, status and class of what boto3 raises."""
    with pytest.raises(ClientError) as raised:
        await asyncio.to_thread(call, **arguments)
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], type(raised.value)


def status_of(request: urllib.request.Request) -> int:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


async def test_boto3_posts_gets_and_deletes() -> None:
    handler, clock = Handler(), Clock()
    async with ApiGateway(api(), handler, credentials=KEYS, clock=clock) as gateway:
        async with joined(gateway, user_agent_header="Game/1") as client:
            began = clock.now
            clock.now += 7
            one = {"ConnectionId": await only_connection(gateway)}
            with boto(gateway.endpoint) as aws:
                posted = await asyncio.to_thread(aws.post_to_connection, **one, Data="grüße".encode())
                assert posted["ResponseMetadata"]["HTTPStatusCode"] == 200
                assert await heard(client) == "grüße"

                got = await asyncio.to_thread(aws.get_connection, **one)
                assert got.pop("ResponseMetadata")["HTTPStatusCode"] == 200
                assert got["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "Game/1"}
                assert abs((got["ConnectedAt"] - datetime.fromtimestamp(began, UTC)).total_seconds()) < 0.01
                assert (got["LastActiveAt"] - got["ConnectedAt"]).total_seconds() == pytest.approx(7, abs=0.01)

                deleted = await asyncio.to_thread(aws.delete_connection, **one)
                assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
                assert (await code_of(aws.post_to_connection, **one, Data=b"x"))[0] == "GoneException"
            assert await closed_with(client) == 1000
        await handler.told("DISCONNECT")


async def test_a_post_to_a_closed_connection_raises_the_gone_exception_of_boto3() -> None:
    async with ApiGateway(api(), Handler(), credentials=KEYS) as gateway:
        with boto(gateway.endpoint) as aws:
            expected = ("GoneException", 410, aws.exceptions.GoneException)
            assert await code_of(aws.post_to_connection, ConnectionId=GONE, Data=b"x") == expected
            assert await code_of(aws.get_connection, ConnectionId=GONE) == expected
            assert await code_of(aws.delete_connection, ConnectionId=GONE) == expected


@pytest.mark.parametrize("connection_id", ["x", "AAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA!", "00000000-0000-4000-8000-000000000000"])
async def test_an_id_that_is_none_is_a_bad_request(connection_id: str) -> None:
    async with ApiGateway(api(), Handler(), credentials=KEYS) as gateway:
        with boto(gateway.endpoint) as aws:
            assert (await code_of(aws.get_connection, ConnectionId=connection_id))[:2] == ("BadRequestException", 400)


@pytest.mark.parametrize(("size", "fits"), [(128 * 1024, True), (128 * 1024 + 1, False), (2_000_000, False)])
async def test_a_post_of_more_than_128_kb_is_too_large(size: int, fits: bool) -> None:
    async with ApiGateway(api(), Handler(), credentials=KEYS) as gateway:
        async with joined(gateway) as client:
            one = {"ConnectionId": await only_connection(gateway), "Data": b"x" * size}
            with boto(gateway.endpoint) as aws:
                if fits:
                    await asyncio.to_thread(aws.post_to_connection, **one)
                    assert len(await heard(client)) == size
                else:
                    expected = ("PayloadTooLargeException", 413, aws.exceptions.PayloadTooLargeException)
                    assert await code_of(aws.post_to_connection, **one) == expected


async def test_more_calls_than_allowed_are_limited_until_time_has_passed() -> None:
    clock = Clock()
    limits = Limits(callback_rate=1, callback_burst=2)
    async with ApiGateway(api(limits=limits), Handler(), credentials=KEYS, clock=clock) as gateway, joined(gateway):
        one = {"ConnectionId": await only_connection(gateway)}
        with boto(gateway.endpoint) as aws:
            for _ in range(2):
                await asyncio.to_thread(aws.get_connection, **one)
            expected = ("LimitExceededException", 429, aws.exceptions.LimitExceededException)
            assert await code_of(aws.get_connection, **one) == expected
            clock.now += 1
            await asyncio.to_thread(aws.get_connection, **one)


async def test_a_client_that_does_not_read_is_limited_and_delays_no_other() -> None:
    async with ApiGateway(api(), Handler(), credentials=KEYS) as gateway, joined(gateway) as slow:
        slow.transport.pause_reading()
        one = {"ConnectionId": await only_connection(gateway)}
        with boto(gateway.endpoint) as aws:

            def flood() -> int:
                for count in range(200):
                    try:
                        aws.post_to_connection(**one, Data=b"x" * 128 * 1024)
                    except aws.exceptions.LimitExceededException:
                        return count
                return -1

            assert 0 < await asyncio.to_thread(flood) < 200
        slow.transport.abort()


async def test_a_client_that_does_not_read_does_not_hold_up_the_end() -> None:
    handler = Handler()
    async with ApiGateway(api(), handler) as gateway, joined(gateway) as slow:
        slow.transport.pause_reading()
        one = {"ConnectionId": await only_connection(gateway), "Data": b"x" * 128 * 1024}
        with boto(gateway.endpoint) as aws:
            for _ in range(60):
                try:
                    await asyncio.to_thread(aws.post_to_connection, **one)
                except aws.exceptions.LimitExceededException:
                    break
        await gateway.stop()
        assert len(handler.of("DISCONNECT")) == 1
        slow.transport.abort()


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        ({"secret": "wrong"}, "InvalidSignatureException"),
        ({"key": "SOMEBODYELSE"}, "UnrecognizedClientException"),
        ({"region": "eu-central-1"}, "InvalidSignatureException"),
    ],
)
async def test_a_wrong_signature_is_forbidden(credentials: dict[str, str], code: str) -> None:
    async with ApiGateway(api(), Handler(), credentials=KEYS) as gateway:
        with boto(gateway.endpoint, **credentials) as aws:
            assert (await code_of(aws.get_connection, ConnectionId=GONE))[:2] == (code, 403)


async def test_a_missing_signature_is_forbidden_if_signatures_are_checked() -> None:
    for credentials, status in ((KEYS, 403), (None, 410)):
        async with ApiGateway(api(), Handler(), credentials=credentials) as gateway:
            request = urllib.request.Request(f"{gateway.endpoint}/@connections/AAAAAAAAAAAAAAA%3D")
            assert await asyncio.to_thread(status_of, request) == status


async def test_a_request_without_upgrade_is_answered_with_426() -> None:
    async with ApiGateway(api(), Handler()) as gateway:
        assert await asyncio.to_thread(status_of, urllib.request.Request(gateway.endpoint)) == 426
