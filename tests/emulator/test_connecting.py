"""From the handshake to the first message, and from the last to `$disconnect`."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lobby.emulator import ApiGateway, Authorizer, GatewayFaults, Limits, Route
from tests.emulator.worlds import (
    ROUTES,
    Clock,
    Handler,
    api,
    boto,
    closed_with,
    heard_json,
    joined,
    only_connection,
    refused_with,
)


def policy(effect: str, **more: Any) -> Any:
    def answer(event: dict[str, Any]) -> dict[str, Any]:
        statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
        return {"principalId": "ann", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, **more}

    return answer


def fail(event: Any) -> None:
    raise RuntimeError("broken")


async def test_connection_ids_have_16_characters_and_end_with_an_equals_sign() -> None:
    handler = Handler()
    async with ApiGateway(api(), handler) as gateway, joined(gateway), joined(gateway):
        ids = [one["requestContext"]["connectionId"] for one in handler.of("CONNECT")]
        assert len(set(ids)) == 2
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{15}=", one) for one in ids)
        assert gateway.connections == set(ids)


@pytest.mark.parametrize("host", ["::1", "::", "0.0.0.0", "127.0.0.1", "localhost"])
async def test_the_addresses_of_any_host_can_be_used_as_they_are(host: str) -> None:
    handler = Handler()
    async with ApiGateway(api(), handler, host=host) as gateway, joined(gateway):
        with boto(gateway.endpoint) as aws:
            one = {"ConnectionId": await only_connection(gateway)}
            got = await asyncio.to_thread(aws.get_connection, **one)
        assert got["Identity"]["SourceIp"] in ("127.0.0.1", "::1")


async def test_a_page_beside_the_stage_cannot_be_framed() -> None:
    async with ApiGateway(api(), Handler(), page=lambda path: (b"a page", "text/html")) as gateway:
        reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
        writer.write(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = (await asyncio.wait_for(reader.read(), 5)).decode()
        writer.close()
    assert answer.startswith("HTTP/1.1 200 ")
    assert "Content-Security-Policy: frame-ancestors 'none'\r\n" in answer
    assert answer.endswith("\r\n\r\n")


@pytest.mark.parametrize("path", ["/", "/other", "/dev/deeper"])
async def test_the_path_is_the_stage_and_everything_else_is_forbidden(path: str) -> None:
    handler = Handler()
    async with ApiGateway(api(), handler, page=lambda path: (b"a page", "text/html")) as gateway:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(gateway.url.removesuffix("/dev") + path, proxy=None):
                pass
        assert refused.value.response.status_code == 403
        assert handler.events == []


async def test_the_upgrade_waits_until_authorizer_and_connect_have_returned() -> None:
    steps: list[str] = []
    go = {"authorizer": threading.Event(), "connect": threading.Event()}

    def wait(step: str, answer: Any) -> Any:
        def waiting(event: Any) -> Any:
            assert go[step].wait(5)
            steps.append(step)
            return answer(event)

        return waiting

    handler = Handler(authorizer=wait("authorizer", policy("Allow")), connect=wait("connect", lambda _: {"statusCode": 200}))
    async with ApiGateway(api(authorizer=Authorizer()), handler) as gateway:

        async def client() -> None:
            async with joined(gateway):
                steps.append("open")

        task = asyncio.create_task(client())
        for step in go.values():
            await asyncio.sleep(0.03)
            assert not task.done()
            assert gateway.connections == frozenset()
            step.set()
        await task
    assert steps == ["authorizer", "connect", "open"]


@pytest.mark.parametrize("status", [400, 401, 403, 429, 501])
async def test_a_status_of_connect_that_is_not_2xx_passes_through(status: int) -> None:
    handler = Handler(connect=lambda _: {"statusCode": status})
    async with ApiGateway(api(), handler) as gateway:
        assert await refused_with(gateway) == status
        assert gateway.connections == frozenset()
    assert handler.of("DISCONNECT") == []


@pytest.mark.parametrize(
    "answer", [fail, lambda _: None, lambda _: {}, lambda _: {"statusCode": "yes"}, lambda _: {"statusCode": {1}}]
)
async def test_a_connect_that_raises_or_answers_nonsense_is_502(answer: Any) -> None:
    async with ApiGateway(api(), Handler(connect=answer)) as gateway:
        assert await refused_with(gateway) == 502


async def test_a_connect_that_takes_too_long_is_504() -> None:
    done = threading.Event()
    handler = Handler(connect=lambda _: done.wait(5) and {"statusCode": 200})
    async with ApiGateway(api(limits=Limits(integration_s=0.03)), handler) as gateway:
        assert await refused_with(gateway) == 504
        done.set()


async def test_without_a_connect_route_all_clients_are_admitted() -> None:
    handler = Handler()
    async with ApiGateway(api(routes={"$default": Route(response=True)}), handler) as gateway, joined(gateway):
        assert handler.events == []


async def test_a_missing_identity_source_is_401_without_calling_the_authorizer() -> None:
    handler = Handler(authorizer=policy("Allow"))
    sources = ("route.request.querystring.token", "route.request.header.X-Game")
    async with ApiGateway(api(authorizer=Authorizer(sources)), handler) as gateway:
        assert await refused_with(gateway) == 401
        assert await refused_with(gateway, "?token=a") == 401
        assert await refused_with(gateway, "?token=", additional_headers={"X-Game": "1"}) == 401
        assert handler.events == []
        assert await refused_with(gateway, "?token=a", additional_headers={"x-game": "1"}) == 101


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (policy("Allow"), 101),
        (policy("Deny"), 403),
        (fail, 500),
        (lambda _: {"isAuthorized": True}, 500),
        (policy("Allow", context={"nested": {"no": 1}}), 500),
        (policy("Allow", context={"large": "x" * 9000}), 500),
        (lambda _: {"principalId": "ann", "policyDocument": {"Statement": []}}, 403),
    ],
)
async def test_the_authorizer_decides_before_connect_is_invoked(answer: Any, status: int) -> None:
    handler = Handler(authorizer=answer)
    async with ApiGateway(api(authorizer=Authorizer()), handler) as gateway:
        assert await refused_with(gateway) == status
        assert len(handler.of("CONNECT")) == (1 if status == 101 else 0)


async def test_an_authorizer_that_raises_unauthorized_is_401() -> None:
    def refuse(event: Any, context: Any) -> None:
        raise Exception("Unauthorized")

    async with ApiGateway(api(authorizer=Authorizer()), Handler(), authorize=refuse) as gateway:
        assert await refused_with(gateway) == 401


async def test_the_context_of_the_authorizer_is_in_every_later_event_as_strings() -> None:
    handler = Handler(authorizer=policy("Allow", context={"room": "harbour", "level": 3, "admin": True}))
    async with ApiGateway(api(authorizer=Authorizer()), handler) as gateway:
        async with joined(gateway) as client:
            await client.send("{}")
            await handler.told("MESSAGE")
        await handler.told("DISCONNECT")
    for kind in ("CONNECT", "MESSAGE", "DISCONNECT"):
        said = handler.of(kind)[0]["requestContext"]["authorizer"]
        assert isinstance(said.pop("integrationLatency"), int)
        assert said == {"principalId": "ann", "room": "harbour", "level": "3", "admin": "true"}


async def test_a_post_to_ones_own_connection_inside_connect_is_gone() -> None:
    raised: list[str] = []

    def greet(event: dict[str, Any]) -> dict[str, Any]:
        with boto(gateway.endpoint) as client:
            try:
                client.post_to_connection(ConnectionId=event["requestContext"]["connectionId"], Data=b"hello")
            except client.exceptions.GoneException as gone:
                raised.append(type(gone).__name__)
        return {"statusCode": 200}

    async with ApiGateway(api(), Handler(connect=greet)) as gateway, joined(gateway):
        assert raised == ["GoneException"]


async def test_the_subprotocol_that_connect_chose_goes_back() -> None:
    handler = Handler(connect=lambda _: {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "b", "X-Seen": "yes"}})
    async with ApiGateway(api(), handler) as gateway:
        async with joined(gateway, subprotocols=["a", "b"]) as client:
            assert client.subprotocol == "b"
            assert client.response is not None
            assert client.response.headers["X-Seen"] == "yes"


@pytest.mark.parametrize(("code", "reason", "told"), [(1000, "bye", "bye"), (1001, "", ""), (4001, "later", "later")])
async def test_disconnect_has_the_code_and_the_reason_of_the_client(code: int, reason: str, told: str) -> None:
    handler = Handler()
    async with ApiGateway(api(), handler) as gateway:
        async with joined(gateway) as client:
            await client.close(code, reason)
        context = (await handler.told("DISCONNECT"))["requestContext"]
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (code, told)
        assert gateway.connections == frozenset()


async def test_a_client_that_vanishes_is_disconnected_with_1006() -> None:
    handler = Handler()
    async with ApiGateway(api(), handler) as gateway:
        async with joined(gateway) as client:
            client.transport.abort()
            context = (await handler.told("DISCONNECT"))["requestContext"]
            assert context["disconnectStatusCode"] == 1006


async def test_a_disconnect_can_be_lost() -> None:
    handler, lost = Handler(), []

    def lose(connection_id: str) -> bool:
        lost.append(connection_id)
        return len(lost) == 1

    async with ApiGateway(api(), handler, faults=GatewayFaults(lose_disconnect=lose)) as gateway:
        for _ in range(2):
            async with joined(gateway):
                pass
        await handler.told("DISCONNECT")
    assert [one["requestContext"]["connectionId"] for one in handler.of("DISCONNECT")] == lost[1:]


async def test_a_disconnect_handler_that_raises_affects_no_other_connection() -> None:
    handler = Handler(disconnect=fail)
    async with ApiGateway(api(), handler) as gateway:
        async with joined(gateway):
            pass
        await handler.told("DISCONNECT")
        async with joined(gateway):
            pass
        await handler.told("DISCONNECT", 2)


async def test_ten_idle_minutes_end_a_connection_and_a_message_restarts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobby.emulator.gateway.SWEEP_S", 0.005)

    handler, clock = Handler(), Clock()
    async with ApiGateway(api(), handler, clock=clock) as gateway, joined(gateway) as client:
        for count in (1, 2):
            clock.now += 599
            await client.send("{}")
            await handler.told("MESSAGE", count)
            await asyncio.sleep(0.02)
            assert len(gateway.connections) == 1
        clock.now += 600
        assert await closed_with(client) == 1001
        context = (await handler.told("DISCONNECT"))["requestContext"]
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (1001, "Going away")


async def test_after_two_hours_a_connection_is_closed() -> None:
    handler, clock = Handler(), Clock()
    async with ApiGateway(api(), handler, clock=clock) as gateway, joined(gateway) as client:
        for count in range(1, 16):
            clock.now += 479
            await client.send("{}")
            await handler.told("MESSAGE", count)
            gateway.sweep()
        await only_connection(gateway)
        clock.now += 15
        gateway.sweep()
        assert await closed_with(client) == 1001


async def test_stopping_closes_all_connections_with_1001_and_waits_for_disconnects() -> None:
    handler = Handler()
    async with ApiGateway(api(), handler) as gateway:
        async with joined(gateway) as one, joined(gateway) as other:
            await asyncio.gather(gateway.stop(), closed_with(one), closed_with(other))
            assert (one.close_code, other.close_code) == (1001, 1001)
            assert len(handler.of("DISCONNECT")) == 2


async def test_more_new_connections_than_allowed_are_429() -> None:
    async with ApiGateway(api(limits=Limits(connect_rate=1, connect_burst=2)), Handler(), clock=Clock()) as gateway:
        assert [await refused_with(gateway) for _ in range(3)] == [101, 101, 429]


async def test_delays_are_where_they_were_asked_for() -> None:
    asked: list[str] = []

    def delay(kind: str) -> float:
        asked.append(kind)
        return 0.05 if kind == "message" else 0.0

    handler = Handler(default=lambda _: {"statusCode": 200, "body": "{}"})
    routes = {**ROUTES, "$default": Route(response=True)}
    async with ApiGateway(api(routes=routes), handler, faults=GatewayFaults(delay=delay)) as gateway:
        async with joined(gateway) as client:
            began = asyncio.get_running_loop().time()
            await client.send("{}")
            await heard_json(client)
            assert asyncio.get_running_loop().time() - began >= 0.05
        await handler.told("DISCONNECT")
    assert asked == ["connect", "invoke", "message", "invoke", "disconnect", "invoke"]
