"""Attacks on the emulator's gateway, and its answers to all that is wrong."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect

import lobby.emulator
from lobby.emulator import ApiGateway, Authorizer, FunctionOptions, Limits, Route
from lobby.emulator.answers import connect_answer, response_body
from lobby.emulator.api import permitted, select_route
from lobby.emulator.cloudwatch import CloudWatch
from lobby.emulator.frames import FrameFilter
from lobby.emulator.handshakes import address, head_size, prepared, refusal
from lobby.emulator.services import Services
from lobby.emulator.tables import Moto, TableServer
from tests.emulator.worlds import KEYS as SIGNERS
from tests.emulator.worlds import Handler, api, boto, heard, heard_json, joined, only_connection, until
from tests.hostile import attacks
from tests.hostile.attacks import close_code, flood, half_open, quick_frame, websocket
from tests.hostile.rfc6455 import CONTINUATION, PING, PONG, TEXT, Request, frame
from tests.hosts import run

ROUTES = {"$connect": Route(), "$disconnect": Route(), "$default": Route(response=True)}
DEEP = "[" * 100_000
BACKEND = Path(lobby.emulator.__file__).parents[2]
TARGET = "/dev?pid=attacker"


def echo(**on: Any) -> Handler:
    return Handler(**{"default": lambda event: {"statusCode": 200, "body": event["body"]}, **on})


def allow(event: dict[str, Any], **more: Any) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
    return {"principalId": "ann", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, **more}


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def raw_handshake(port: int, target: bytes, *lines: str) -> bytes:
    head = Request(more=lines).encoded("{t}", f"127.0.0.1:{port}")
    return head.replace(b"{t}", target)


async def status_of(port: int, request: bytes) -> int:
    async with asyncio.timeout(5), attacks.connection(port) as (reader, writer):
        writer.write(request)
        return int((await reader.readline()).split()[1])


@pytest.fixture(autouse=True)
def no_stack_traces(caplog: pytest.LogCaptureFixture) -> Any:
    yield
    libraries = [record for record in caplog.records if not record.name.endswith("environments")]
    assert [record.getMessage() for record in libraries if record.exc_info] == []
    assert len(libraries) <= 20


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_broken_request_is_refused_and_never_a_server_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobby.emulator.connections.HANDSHAKE_S", 1.0)
    async with ApiGateway(api(routes=ROUTES), echo()) as gateway:
        assert await attacks.wrong_answers(gateway.port, TARGET) == {}
        async with joined(gateway) as client:
            await client.send("still there")
            assert await heard(client) == "still there"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=Zoë".encode(), {"name": "Zoë"}),
        (b"name=Zo%C3%AB", {"name": "Zoë"}),
        ("name=🚀+1".encode(), {"name": "🚀 1"}),
        ("näme=x".encode(), {"näme": "x"}),
        (b"name=Zo\xeb", {"name": "Zo\ufffd"}),
        (b"name=Zo%EB", {"name": "Zo\ufffd"}),
        (b"name=%zz&b=%", {"name": "%zz", "b": "%"}),
        (b"a=1&a=2&b=&c", {"a": "2", "b": "", "c": ""}),
        (b"a=1;b=2", {"a": "1;b=2"}),
        (b"?a=1#x", {"?a": "1"}),
    ],
)
async def test_parameters_are_decoded_as_utf_8_whether_they_are_encoded_or_not(query: bytes, expected: dict[str, str]) -> None:
    handler = Handler()
    async with ApiGateway(api(), handler) as gateway:
        assert await status_of(gateway.port, raw_handshake(gateway.port, b"/dev?" + query)) == 101
        assert (await handler.told("CONNECT"))["queryStringParameters"] == expected


@pytest.mark.parametrize(
    "target", [b"http://127.0.0.1/dev?a=1", b"/dev/?a=1", b"/dev//?a=1", b"/%64ev?a=1", b"ws://x:y/dev?a=1"]
)
async def test_the_stage_is_found_in_all_forms_of_an_address(target: bytes) -> None:
    handler = Handler()
    async with ApiGateway(api(), handler) as gateway:
        assert await status_of(gateway.port, raw_handshake(gateway.port, target)) in (101, 400)
        assert await status_of(gateway.port, raw_handshake(gateway.port, b"/dev?a=1")) == 101


async def test_a_handshake_behind_another_request_is_refused() -> None:
    async with ApiGateway(api(), Handler()) as gateway:
        async with attacks.connection(gateway.port) as (reader, writer):
            writer.write(b"GET /dev/@connections/x HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"400" in await reader.readline()
            writer.write(raw_handshake(gateway.port, b"/dev"))
            assert b"HTTP/1.1 400" in await asyncio.wait_for(reader.read(), 5)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Split": "a\r\nSet-Cookie: b"},
        {"X\r\nY": "a"},
        {"X Y": "a"},
        {"": "a"},
        {"X": "\ud800"},
        {"X": "a\x00b"},
    ],
)
@pytest.mark.parametrize("status", [200, 403])
async def test_a_handler_cannot_answer_with_headers_that_http_does_not_allow(headers: dict[str, str], status: int) -> None:
    handler = Handler(connect=lambda _: {"statusCode": status, "headers": headers})
    async with ApiGateway(api(), handler) as gateway:
        assert await status_of(gateway.port, raw_handshake(gateway.port, b"/dev")) == 502


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobby.emulator.gateway.BODY_S", 0.05)
    async with ApiGateway(api(), Handler()) as gateway:
        request = b"POST /dev/@connections/AAAAAAAAAAAAAAA%3D HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
        assert await status_of(gateway.port, request) == 408


async def test_the_tables_and_services_refuse_broken_requests_too() -> None:
    services = Services(CloudWatch(time.time, {}), dict, account="1", region="us-east-1", credentials=SIGNERS)
    async with TableServer(Moto(), credentials=SIGNERS, others=services.answer) as server:
        requests = [one for one in attacks.BROKEN if one.name != "an empty line"]  # the library waits for more
        scope = b"Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/%s/aws4_request\r\n"
        for service in (b"sts", b"monitoring", b"cloudformation", b"dynamodb"):
            for target in (b"", b"X-Amz-Target: DynamoDB_20120810.PutItem\r\n", b"X-Amz-Target: x\r\n"):
                request = (
                    b"POST /?x=%zz HTTP/1.1\r\nHost: [x\r\nContent-Length: 5\r\n" + scope % service + target + b"\r\n[[[[["
                )
                requests.append(attacks.Broken(f"{service!r} {target!r}", request))
        assert await attacks.wrong_answers(server.port, "/", requests) == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"a":' * 50_000, b"\xff", b"1" * 5_000])
async def test_a_table_request_that_is_no_json_object_is_a_serialization_exception(body: bytes) -> None:
    async with TableServer(Moto()) as server, attacks.connection(server.port) as (reader, writer):
        head = f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == b"400"
        assert b"SerializationException" in await asyncio.wait_for(reader.readuntil(b"}"), 5)


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text", [DEEP[:30_000], '{"action":' * 3_000, '{"action":"' + "9" * 5_000 + '"}', "1" * 5_000, '{"action":1e999}']
)
async def test_a_message_that_cannot_be_parsed_goes_to_the_default_route(text: str) -> None:
    handler = echo()
    async with ApiGateway(api(routes=ROUTES), handler) as gateway, joined(gateway) as client:
        await client.send(text)
        assert await heard(client) == text
        assert handler.of("MESSAGE")[0]["requestContext"]["routeKey"] == "$default"


async def test_a_post_that_is_nested_deeply_arrives() -> None:
    async with ApiGateway(api(), Handler()) as gateway, joined(gateway) as client:
        with boto(gateway.endpoint) as aws:
            one = {"ConnectionId": await only_connection(gateway), "Data": DEEP.encode()}
            await asyncio.to_thread(aws.post_to_connection, **one)
        assert await heard(client) == DEEP


@pytest.mark.parametrize("depth", [500, 900, 980, 5_000])
async def test_a_handler_that_answers_with_deep_json_affects_no_other_message(depth: int) -> None:
    answers = iter([nested(depth), {"body": "fine"}])
    async with ApiGateway(api(routes=ROUTES), Handler(default=lambda _: next(answers))) as gateway, joined(gateway) as client:
        await client.send("x")
        if depth > 1_000:
            assert (await heard_json(client))["message"] == "Internal server error"
        await until(lambda: len(gateway._tasks) <= 1)
        await client.send("x")
        while (message := await heard(client)) != "fine":
            assert json.loads(message)["message"] == "Internal server error"


@pytest.mark.parametrize("depth", [500, 900, 980, 5_000])
async def test_an_authorizer_that_answers_with_deep_json_is_refused(depth: int) -> None:
    handler = Handler(authorizer=lambda event: allow(event, context={"deep": nested(depth)}))
    async with ApiGateway(api(authorizer=Authorizer()), handler) as gateway:
        assert await status_of(gateway.port, raw_handshake(gateway.port, b"/dev")) == 500


async def test_an_answer_with_half_of_a_surrogate_pair_is_an_internal_server_error() -> None:
    async with (
        ApiGateway(api(routes=ROUTES), Handler(default=lambda _: {"body": "\ud83d"})) as gateway,
        joined(gateway) as client,
    ):
        await client.send("x")
        assert (await heard_json(client))["message"] == "Internal server error"


# ── floods ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

FLOODS = {
    "pongs": quick_frame(PONG) * 5_000,
    "pings": quick_frame(PING, b"x" * 125) * 500,
    "empty fragments": quick_frame(CONTINUATION, fin=False) * 5_000,
    "fragments of one byte": quick_frame(CONTINUATION, b"x", fin=False) * 5_000,
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_is_cut_and_delays_no_other_client(kind: str, longer: int) -> None:
    async with ApiGateway(api(routes=ROUTES), echo()) as gateway, joined(gateway) as client:
        for _ in range(longer):
            async with websocket(gateway.port, TARGET) as (reader, writer):
                writer.write(quick_frame(TEXT, b"x", fin=False))
                flooding = asyncio.create_task(flood(writer, FLOODS[kind], 5))
                for i in range(10):
                    await client.send(str(i))
                    assert await heard(client) == str(i)
                assert await close_code(reader) == 1008
                await flooding
        await until(lambda: len(gateway.connections) == 1)


async def test_the_largest_message_in_fragments_of_64_bytes_is_answered() -> None:
    async with ApiGateway(api(routes=ROUTES), echo()) as gateway:
        async with websocket(gateway.port, TARGET) as (reader, writer):
            first = frame(TEXT, b"x", fin=False)
            writer.write(first + quick_frame(CONTINUATION, b"x" * 64, fin=False) * 2_047 + quick_frame(CONTINUATION, b"x" * 63))
            async with asyncio.timeout(10):
                assert (await reader.readexactly(10)) == b"\x81\x7f" + (128 * 1024).to_bytes(8, "big")


async def test_pings_of_a_client_that_does_not_read_are_not_answered_without_limit() -> None:
    limits = Limits(small_frame_burst=100_000, client_buffer_bytes=1_000)
    handler = Handler()
    async with ApiGateway(api(limits=limits), handler) as gateway:
        async with websocket(gateway.port, TARGET) as (_, writer):
            connection = gateway._connections[await only_connection(gateway)]
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(40):
                writer.write(quick_frame(PING, b"x" * 125) * 1_000)
                await writer.drain()
                await asyncio.sleep(0.002)
            writer.write(quick_frame(TEXT, b"last"))
            await handler.told("MESSAGE")
            assert 0 < connection.transport.get_write_buffer_size() <= 1_000 + 127


async def test_sockets_without_a_request_are_closed_and_delay_no_other_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobby.emulator.connections.HANDSHAKE_S", 0.3)
    async with ApiGateway(api(routes=ROUTES), echo()) as gateway, half_open(gateway.port, 200) as readers:
        async with joined(gateway) as client:
            await client.send("x")
            assert await heard(client) == "x"
            for reader in readers:
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await asyncio.wait_for(reader.readexactly(1), 5)
            await client.send("y")
            assert await heard(client) == "y"


async def test_messages_for_a_handler_that_hangs_are_answered_and_bounded() -> None:
    go = threading.Event()
    limits = Limits(integration_s=0.3)
    function = FunctionOptions(concurrency=5)
    handler = Handler(default=lambda _: go.wait(10))
    try:
        async with (
            ApiGateway(api(routes=ROUTES, limits=limits), handler, function=function) as gateway,
            joined(gateway) as client,
        ):
            for _ in range(50):
                await client.send("x")
            answers = [(await heard_json(client))["message"] for _ in range(50)]
            assert answers.count("Internal server error") == 45
            assert answers.count("Endpoint request timed out") == 5
            go.set()
    finally:
        go.set()


async def test_a_client_that_sends_more_than_handlers_can_take_waits_and_others_do_not() -> None:
    go, running = threading.Event(), []

    def work(event: dict[str, Any]) -> dict[str, Any]:
        if event["body"] == "slow":
            running.append(1)
            go.wait(10)
        return {"body": event["body"]}

    it = api(routes=ROUTES, limits=Limits(messages_at_once=3))
    function = FunctionOptions(concurrency=5)
    try:
        async with ApiGateway(it, Handler(default=work), function=function) as gateway, joined(gateway) as client:
            async with joined(gateway) as flooder:
                for _ in range(20):
                    await flooder.send("slow")
                await until(lambda: len(running) == 3)
                for i in range(3):
                    await client.send(str(i))
                    assert await heard(client) == str(i)
                assert len(running) == 3
                go.set()
                assert [await heard(flooder) for _ in range(20)] == ["slow"] * 20
    finally:
        go.set()


async def test_a_system_clock_that_is_set_changes_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ApiGateway(api(routes=ROUTES), echo()) as gateway, joined(gateway) as client:
        real = time.time
        for jump_s in (3 * 3600, -3 * 3600):
            monkeypatch.setattr("time.time", lambda jump_s=jump_s: real() + jump_s)
            gateway._clock = time.time
            gateway.sweep()
            await client.send("x")
            assert await heard(client) == "x"
        assert 0 <= gateway.open_s < 60


EXHAUSTED = """
import asyncio, logging, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
import lobby.emulator
from lobby.emulator import Api, ApiGateway, Route
from lobby.logs import bound_libraries
logging.basicConfig(format="%(name)s %(message)s")
bound_libraries()
async def main():
    api = Api(routes={"$default": Route(response=True)})
    async with ApiGateway(api, lambda event, context: {"body": event["body"]}) as gateway:
        print(gateway.port, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
loop = None
if sys.argv[1] == "uvloop":
    import uvloop
    loop = uvloop.new_event_loop
with asyncio.Runner(loop_factory=loop) as runner:
    runner.run(main())
import time
print(time.process_time(), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_without_file_descriptors_it_writes_one_line_and_connected_clients_continue(loop: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", EXHAUSTED, loop,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PYTHONPATH": str(BACKEND)},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        address = f"ws://127.0.0.1:{int(await process.stdout.readline())}/dev"
        port = int(address.split(":")[2].removesuffix("/dev"))
        async with connect(address, proxy=None, close_timeout=1) as client:
            async with half_open(port, 100):
                for i in range(20):
                    await client.send(str(i))
                    assert await heard(client) == str(i)
                    await asyncio.sleep(0.05)
            await asyncio.sleep(1.2)  # asyncio accepts again after a second
            async with connect(address, proxy=None, close_timeout=1) as other:
                await other.send("again")
                assert await heard(other) == "again"
    finally:
        output, errors = await process.communicate(b"\n")
    assert len(errors.decode().splitlines()) <= 1, errors
    assert float(output.split()[-1]) < 2.5, "it was busy while it could not accept"


# ── random input ────────────────────────────────────────────────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
KEYS = st.sampled_from(
    [
        "statusCode",
        "headers",
        "multiValueHeaders",
        "body",
        "isBase64Encoded",
        "principalId",
        "policyDocument",
        "Statement",
        "Effect",
        "Action",
        "Resource",
        "context",
        "Allow",
    ]
)
ANSWERS = st.recursive(JSON | KEYS, lambda inner: st.dictionaries(KEYS, inner | st.lists(inner, max_size=3)))


@given(ANSWERS)
def test_any_answer_of_a_handler_is_read_or_refused(answer: Any) -> None:
    for read in (connect_answer, response_body, lambda it: permitted(it, "arn", 8192)):
        try:
            read(answer)
        except ValueError:
            pass


@given(JSON, st.text())
def test_any_message_has_a_route(value: Any, text: str) -> None:
    routes = {"$default", "chat"}
    assert select_route("$request.body.action", routes, json.dumps({"action": value})) in routes
    assert select_route("${request.body.a}/${request.body.b}", routes, text) == "$default"


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_are_frames_or_a_violation_however_they_are_cut(data: bytes, size: int) -> None:
    whole, cut = FrameFilter(1000, 2000), FrameFilter(1000, 2000)
    passed = whole.feed(data)
    assert b"".join(cut.feed(data[i : i + size]) for i in range(0, len(data), size)) == passed
    assert cut.violation == whole.violation
    assert data.startswith(passed)


@given(st.binary(max_size=200), st.text(max_size=50))
def test_any_bytes_are_a_head_that_is_read_or_refused(data: bytes, text: str) -> None:
    size = head_size(data)
    assert size is None or 0 < size <= len(data)
    prepared(data)
    address(text)
    refusal("GET", (1, 1), [("Upgrade", text), ("Sec-WebSocket-Key", text), ("Connection", text)])


PARTS = [
    *(
        b"GET ",
        b"POST ",
        b"/dev",
        b"/dev/@connections/",
        b"AAAAAAAAAAAAAAA%3D",
        b"?a=%",
        b" HTTP/1.1\r\n",
        b"Host: x\r\n",
        b"\r\n",
    ),
    *(
        b"Upgrade: websocket\r\n",
        b"Connection: Upgrade\r\n",
        b"Sec-WebSocket-Version: 13\r\n",
        b"http://",
        b"[",
        b"//",
        b"\xff",
    ),
    *(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"0\r\n\r\n", b"Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/execute-api/aws4_request\r\n"),
    b"Expect: 100-continue\r\n",
]
REQUESTS = st.lists(st.sampled_from(PARTS) | st.binary(max_size=5), max_size=16)
FRAMES = st.lists(
    st.builds(
        frame,
        st.integers(0, 15) | st.sampled_from([0, 1, 8, 9]),
        st.binary(max_size=130) | st.text(max_size=30).map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()),
        fin=st.booleans(),
        reserved=st.integers(0, 1).map(lambda bit: bit * 4),
        masked=st.integers(0, 9).map(bool),
    )
    | st.binary(max_size=10),
    max_size=8,
)


@given(REQUESTS, FRAMES)
def test_any_request_and_any_frames_leave_the_gateway_alive(request_: list[bytes], frames: list[bytes]) -> None:
    async def play() -> None:
        async with ApiGateway(api(routes=ROUTES), echo(), credentials={"a": "b"}) as gateway:
            async with attacks.connection(gateway.port) as (reader, writer):
                writer.write(b"".join(request_))
                writer.write_eof()
                answer = await asyncio.wait_for(_rest(reader), 5)
                assert not answer.startswith((b"HTTP/1.1 5", b"HTTP/1.0 5")), answer
            async with websocket(gateway.port, TARGET) as (reader, writer):
                for one in frames:
                    writer.write(one)
                writer.write_eof()
                await asyncio.wait_for(_rest(reader), 5)
            async with joined(gateway) as client:
                await client.send("x")
                assert await heard(client) == "x"

    run(play())


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""
