"""What becomes of a frame."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from typing import Any

import pytest

from lobby.emulator import ApiGateway, FunctionOptions, Limits, Route
from tests.emulator.worlds import (
    ROUTES,
    Clock,
    Handler,
    Meter,
    api,
    boto,
    closed_with,
    heard,
    heard_json,
    joined,
    only_connection,
    until,
)

CHAT = {**ROUTES, "chat": Route()}
KB = 1024


def fail(event: Any) -> None:
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ('{"action":"chat"}', "chat"),
        ('{"action":"other"}', "$default"),
        ('{"action":"$connect"}', "$default"),
        ("hello", "$default"),
        ("[1]", "$default"),
        ("", "$default"),
    ],
)
async def test_a_message_takes_its_route_or_the_default_one(text: str, route: str) -> None:
    handler = Handler()
    async with ApiGateway(api(routes=CHAT), handler) as gateway, joined(gateway) as client:
        await client.send(text)
        event = await handler.told("MESSAGE")
        assert (event["requestContext"]["routeKey"], event["body"]) == (route, text)


@pytest.mark.parametrize("text", ["hello", '{"action":"other"}'])
async def test_without_a_route_for_it_a_message_is_forbidden_and_the_connection_stays(text: str) -> None:
    handler = Handler()
    async with ApiGateway(api(routes={"chat": Route()}), handler) as gateway, joined(gateway) as client:
        await client.send(text)
        answer = await heard_json(client)
        assert list(answer) == ["message", "connectionId", "requestId"]
        assert answer["message"] == "Forbidden"
        assert answer["connectionId"] == await only_connection(gateway)
        await client.send('{"action":"chat"}')
        await handler.told("MESSAGE")


async def test_a_handler_that_raises_is_an_internal_server_error_and_the_connection_stays() -> None:
    handler = Handler(default=fail)
    async with ApiGateway(api(routes=CHAT), handler) as gateway, joined(gateway) as client:
        await client.send("hello")
        answer = await heard_json(client)
        context = (await handler.told("MESSAGE"))["requestContext"]
        expected = {name: context[name] for name in ("connectionId", "requestId")}
        assert answer == {"message": "Internal server error", **expected}
        await client.send('{"action":"chat"}')
        await handler.told("MESSAGE", 2)


async def test_a_handler_that_takes_too_long_gets_a_timeout_answer_and_the_connection_stays() -> None:
    done = threading.Event()
    handler = Handler(default=lambda _: done.wait(5))
    async with ApiGateway(api(limits=Limits(integration_s=0.05)), handler) as gateway, joined(gateway) as client:
        await client.send("hello")
        assert (await heard_json(client))["message"] == "Endpoint request timed out"
        done.set()
        await only_connection(gateway)


@pytest.mark.parametrize("answer", [{"statusCode": 500, "body": "x"}, {"statusCode": 403}, None, "text"])
async def test_the_answer_of_a_message_route_is_ignored_without_a_route_response(answer: Any) -> None:
    handler = Handler(default=lambda _: answer)
    async with ApiGateway(api(), handler) as gateway, joined(gateway) as client:
        await client.send("hello")
        await handler.told("MESSAGE")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.03)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"statusCode": 200, "body": "pong"}, "pong"),
        ({"statusCode": 500, "body": "pong"}, "pong"),
        ({"body": base64.b64encode(b"pong").decode(), "isBase64Encoded": True}, "pong"),
    ],
)
async def test_a_route_response_sends_the_body_back(answer: Any, told: str) -> None:
    routes = {**ROUTES, "$default": Route(response=True)}
    async with ApiGateway(api(routes=routes), Handler(default=lambda _: answer)) as gateway, joined(gateway) as client:
        await client.send("ping")
        assert await heard(client) == told


async def test_a_binary_frame_closes_with_1003() -> None:
    handler = Handler()
    async with ApiGateway(api(), handler) as gateway, joined(gateway) as client:
        await client.send(b"\x00")
        assert await closed_with(client) == 1003
        assert (await handler.told("DISCONNECT"))["requestContext"]["disconnectStatusCode"] == 1003
        assert handler.of("MESSAGE") == []


@pytest.mark.parametrize(
    ("fragments", "is_heard"),
    [
        ([32 * KB], True),
        ([32 * KB + 1], False),
        ([140 * KB], False),
        ([3_000 * KB], False),
        ([32 * KB] * 4, True),
        ([32 * KB] * 4 + [1], False),
        ([10, 32 * KB + 1], False),
    ],
)
async def test_frames_over_32_kb_and_messages_over_128_kb_close_with_1009(fragments: list[int], is_heard: bool) -> None:
    handler = Handler()
    async with ApiGateway(api(), handler) as gateway, joined(gateway) as client:
        sent = ["x" * size for size in fragments]
        sending = asyncio.create_task(client.send(sent[0] if len(sent) == 1 else sent))
        if is_heard:
            await sending
            assert (await handler.told("MESSAGE"))["body"] == "".join(sent)
        else:
            assert await closed_with(client) == 1009
            await asyncio.wait([sending])
            sending.exception()
            assert (await handler.told("DISCONNECT"))["requestContext"]["disconnectStatusCode"] == 1009
            assert handler.of("MESSAGE") == []


async def test_messages_over_the_throttle_of_the_stage_are_refused_and_the_connection_stays() -> None:
    handler, clock = Handler(), Clock()
    async with (
        ApiGateway(api(throttle_rate=1, throttle_burst=2), handler, clock=clock) as gateway,
        joined(gateway) as client,
    ):
        for _ in range(3):
            await client.send("{}")
        assert (await heard_json(client))["message"] == "Too Many Requests"
        await handler.told("MESSAGE", 2)
        clock.now += 1
        await client.send("{}")
        await handler.told("MESSAGE", 3)


async def test_messages_of_one_client_run_at_once_each_in_an_environment_of_its_own() -> None:
    together = threading.Barrier(3)
    starts: list[str] = []

    def meet(event: Any) -> dict[str, Any]:
        together.wait(5)
        return {"statusCode": 200}

    handler, meter = Handler(default=meet), Meter()
    cold = lambda: starts.append(threading.current_thread().name)  # noqa: E731
    async with (
        ApiGateway(api(), handler, function=FunctionOptions(cold_start=cold), meter=meter) as gateway,
        joined(gateway) as client,
    ):
        for _ in range(2):
            for _ in range(3):
                await client.send("{}")
            await until(lambda: len(meter.of("invocation")) in (4, 7))
            await asyncio.sleep(0.01)
        await until(lambda: len(meter.of("invocation")) == 7)
        assert gateway.environments == 3
    assert len(set(starts)) == len(starts) == 3
    assert sum(one["cold"] for one in meter.of("invocation")) == 3


async def test_where_no_environment_is_left_a_message_is_an_internal_server_error() -> None:
    done = threading.Event()
    handler = Handler(default=lambda _: done.wait(5))
    async with ApiGateway(api(), handler, function=FunctionOptions(concurrency=1)) as gateway, joined(gateway) as client:
        await client.send("1")
        await handler.told("MESSAGE")
        await client.send("2")
        assert (await heard_json(client))["message"] == "Internal server error"
        done.set()


async def test_a_handler_gets_the_context_of_lambda() -> None:
    contexts: list[Any] = []

    def handler(event: Any, context: Any) -> dict[str, Any]:
        contexts.append((context, context.get_remaining_time_in_millis()))
        return {"statusCode": 200}

    async with ApiGateway(api(), handler, function=FunctionOptions("game", 256)) as gateway, joined(gateway):
        context, remaining = contexts[0]
        assert (context.function_name, context.memory_limit_in_mb) == ("game", "256")
        assert context.invoked_function_arn.endswith(":function:game")
        assert 28_000 < remaining <= 29_000


async def test_everything_that_costs_money_is_metered() -> None:
    handler, meter, clock = Handler(), Meter(), Clock()
    async with ApiGateway(api(), handler, meter=meter, clock=clock, function=FunctionOptions(memory_mb=256)) as gateway:
        async with joined(gateway) as client:
            await client.send("grüße")
            await handler.told("MESSAGE")
            with boto(gateway.endpoint) as posts:
                data = {"ConnectionId": await only_connection(gateway), "Data": b"hello"}
                await asyncio.to_thread(posts.post_to_connection, **data)
            assert await heard(client) == "hello"
            clock.now += 90
        await handler.told("DISCONNECT")
    assert meter.of("message_in") == [{"bytes": 7}]
    assert meter.of("message_out") == [{"bytes": 5}]
    assert meter.of("post") == [{"method": "POST", "status": 200, "bytes": 5}]
    assert meter.of("connection_closed") == [{"seconds": pytest.approx(90)}]
    assert len(meter.of("invocation")) == 3
    assert all(one["memory_mb"] == 256 and one["ms"] >= 0 for one in meter.of("invocation"))


async def test_handlers_share_no_objects() -> None:
    shared: dict[str, Any] = {"statusCode": 200, "body": "{}"}

    def spoil(event: dict[str, Any]) -> Any:
        event["requestContext"]["authorizer"] = "spoilt"
        return shared

    handler = Handler(connect=spoil)
    async with ApiGateway(api(), handler) as gateway, joined(gateway) as client:
        await client.send("{}")
        assert "authorizer" not in (await handler.told("MESSAGE"))["requestContext"]
        assert json.dumps(shared)
