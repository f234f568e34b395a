"""DynamoDB for handlers: an endpoint in front of an engine, which is a program or library of others.

The endpoint adds what engines lack and what tests control: latency, throttling, and metering of consumed capacity.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, Self

import orjson
from aiohttp import ClientError, ClientSession, TCPConnector, web

from lobby.addresses import in_url, listening, reachable
from lobby.emulator import signatures
from lobby.emulator.capacity import Charge
from lobby.emulator.counting import COUNTED, Counter
from lobby.emulator.meters import Meter, no_meter
from lobby.emulator.streams import StreamRecord
from lobby.errors import LobbyError
from lobby.logs import bounded_logger

TARGET, STREAMS = "DynamoDB_20120810", "DynamoDBStreams_20120810"
CONTENT_TYPE = "application/x-amz-json-1.0"


class Engine(Protocol):
    """Stores tables, with their streams."""

    async def start(self) -> None:
        """Is called once, before all other methods. Raises LobbyError if the engine cannot start."""

    async def stop(self) -> None:
        """Is called once, at the end."""

    async def answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        """Answers a request in DynamoDB's protocol, JSON 1.0: returns status and body."""

    async def records(self, table: str) -> list[StreamRecord]:
        """The records of a table's stream since the last call."""


class Moto:
    """Tables in this process, by moto: needs only moto, and handles about a hundred requests a second."""

    def __init__(self, region: str = "us-east-1") -> None:
        self._region = region
        # One thread: no other request may run between the check of a condition and its write.
        self._worker = ThreadPoolExecutor(1, "moto")

    async def start(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._worker, self.reset)

    async def stop(self) -> None:
        self._worker.shutdown()

    async def answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self.ask, target, body)

    async def records(self, table: str) -> list[StreamRecord]:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self.take_records, table)

    # The same methods without an event loop, for the thread.

    def reset(self) -> None:
        """Deletes all tables."""
        from moto.dynamodb.models import dynamodb_backends

        dynamodb_backends.reset()

    def ask(self, target: str, body: bytes) -> tuple[int, bytes]:
        """The blocking form of :meth:`answer`."""
        from moto.core.request import Request
        from moto.dynamodb.responses import DynamoHandler

        scope = f"moto/20260101/{self._region}/dynamodb/aws4_request"
        headers = {
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Target": target,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        }
        request = Request.from_primitives("POST", f"https://dynamodb.{self._region}.amazonaws.com/", headers, body)
        status, _, text = DynamoHandler.dispatch(request, request.raw_url, request.headers)
        return status, text.encode() if isinstance(text, str) else text

    def take_records(self, table: str) -> list[StreamRecord]:
        """The blocking form of :meth:`records`. It empties moto's own list, which would grow without limit."""
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.dynamodb.models import dynamodb_backends

        shard = dynamodb_backends[DEFAULT_ACCOUNT_ID][self._region].tables[table].stream_shard
        items, shard.items = shard.items, []
        return [_plain(item.record) for item in items]


class Endpoint:
    """Tables of another program, which answers DynamoDB's protocol with streams at ``url``."""

    def __init__(self, url: str, region: str = "us-east-1") -> None:
        self.url, self._region = url, region
        self._iterators: dict[str, str] = {}
        self._session: ClientSession

    async def start(self) -> None:
        self._session = ClientSession(connector=TCPConnector(limit=64))
        try:
            await self.answer(f"{TARGET}.ListTables", b"{}")
        except (ClientError, OSError) as error:
            await self._session.close()
            raise LobbyError(f"No DynamoDB answers at {self.url} ({error}). Start it, or omit --table.") from None

    async def stop(self) -> None:
        await self._session.close()

    async def answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        day = time.strftime("%Y%m%d", time.gmtime())
        scope = f"local/{day}/{self._region}/dynamodb/aws4_request"
        headers = {
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Target": target,
            "X-Amz-Date": f"{day}T000000Z",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature=0",
        }
        async with self._session.post(self.url, data=body, headers=headers) as response:
            return response.status, await response.read()

    async def records(self, table: str) -> list[StreamRecord]:
        # Reads the stream's first shard: small engines have only one.
        if table not in self._iterators:
            described = await self._ask(f"{TARGET}.DescribeTable", {"TableName": table})
            stream = {"StreamArn": described["Table"]["LatestStreamArn"]}
            [shard] = (await self._ask(f"{STREAMS}.DescribeStream", stream))["StreamDescription"]["Shards"][:1]
            wanted = {**stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            self._iterators[table] = (await self._ask(f"{STREAMS}.GetShardIterator", wanted))["ShardIterator"]
        read = await self._ask(f"{STREAMS}.GetRecords", {"ShardIterator": self._iterators[table]})
        self._iterators[table] = read["NextShardIterator"]
        records: list[StreamRecord] = read["Records"]
        return records

    async def _ask(self, target: str, request: Mapping[str, Any]) -> dict[str, Any]:
        status, body = await self.answer(target, json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(body)
        if status != 200:
            raise LobbyError(f"{self.url} refused {target}: {answer.get('message') or answer}")
        return answer


class Dynoxide(Endpoint):
    """Tables in a process of dynoxide (https://github.com/nubo-db/dynoxide): handles thousands of requests a second."""

    def __init__(self, program: Path, region: str = "us-east-1") -> None:
        super().__init__("", region)
        self._program = program
        self._process: asyncio.subprocess.Process

    @staticmethod
    def find() -> Path | None:
        """The path of the program: from the variable ``DYNOXIDE``, the PATH, or ``node_modules`` in this folder. None if it is
        not installed."""
        for named in (os.environ.get("DYNOXIDE"), shutil.which("dynoxide")):
            if named:
                return Path(named)
        return next(iter(sorted(Path("node_modules").glob("@dynoxide/*/dynoxide*"))), None)

    async def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        quiet = asyncio.subprocess.DEVNULL
        try:
            self._process = await asyncio.create_subprocess_exec(
                self._program,
                "--port",
                str(port),
                stdout=quiet,
                stderr=quiet,
                start_new_session=True,  # Ctrl-C must not end it: functions still write then
            )
        except OSError as error:
            raise LobbyError(f"Cannot run {self._program}: {error.strerror}.") from None
        for _ in range(100):
            try:
                return await super().start()
            except LobbyError:
                await asyncio.sleep(0.02)
        raise LobbyError(f"{self._program} does not answer at {self.url}.")

    async def stop(self) -> None:
        await super().stop()
        self._process.terminate()
        await self._process.wait()


class TableServer:
    """The endpoint for handlers. ``async with`` it.

    ``delay()`` returns the latency of a request in seconds, of which the time of the engine is a part. ``throttles()`` decides
    whether it is refused as if it exceeded the capacity. ``others`` answers requests to services other than DynamoDB.
    ``credentials`` maps access keys to secret keys; None: signatures are not checked. ``answered`` is called for each request
    with its session token, its beginning and end (``time.monotonic()``), and its latency in seconds.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        host: str = "127.0.0.1",
        region: str = "us-east-1",
        credentials: Mapping[str, str] | None = None,
        meter: Meter = no_meter,
        delay: Callable[[], float] = lambda: 0.0,
        throttles: Callable[[], bool] = lambda: False,
        others: Callable[[web.BaseRequest, bytes], Awaitable[web.Response]] | None = None,
        answered: Callable[[str, float, float, float], None] = lambda token, began, ended, latency_s: None,
    ) -> None:
        self.engine, self.host, self.port = engine, host, 0
        self._region, self._credentials = region, credentials
        self._meter, self._delay, self._throttles, self._others = meter, delay, throttles, others
        self._answered = answered
        self._counter = Counter(self._ask)
        self._http: web.Server
        self._server: asyncio.Server

    @property
    def endpoint(self) -> str:
        """The value for ``AWS_ENDPOINT_URL_DYNAMODB``."""
        return f"http://{in_url(reachable(self.host))}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.engine.start()
        self._http = web.Server(self.handle, logger=bounded_logger(f"{__name__}.http"), access_log=None)
        self._server = await asyncio.get_running_loop().create_server(self._http, **listening(self.host, self.port))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._http.pre_shutdown()
        await self._http.shutdown(1.0)
        await self._server.wait_closed()
        await self.engine.stop()

    async def create(self, **definition: Any) -> None:
        """Creates a table from the properties that CloudFormation and CreateTable share. Raises LobbyError."""
        status, body = await self.engine.answer(f"{TARGET}.CreateTable", json.dumps(definition).encode())
        if status != 200:
            raise LobbyError(f"The table {definition.get('TableName')} cannot be created: {body.decode(errors='replace')}")
        self._counter.created(definition)

    async def expire(self, table: str, key: Mapping[str, Any]) -> None:
        """Deletes an item whose time is over. DynamoDB charges nothing for that."""
        await self._ask("DeleteItem", {"TableName": table, "Key": key})
        self._counter.deleted(table, key)

    async def _ask(self, operation: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            sent = orjson.dumps(request)
        except TypeError:  # it is nested too deeply
            code = "com.amazon.coral.validate#ValidationException"
            return 400, {"__type": code, "message": "Nesting Levels have exceeded supported limits"}
        status, body = await self.engine.answer(f"{TARGET}.{operation}", sent)
        answer: dict[str, Any] = orjson.loads(body)
        return status, answer

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers a request to DynamoDB, or to one of the other services."""
        body = await request.read()
        target = request.headers.get("X-Amz-Target", "")
        if self._others is not None and not target.startswith(TARGET):
            return await self._others(request, body)
        if self._credentials is not None:
            refusal = signatures.verify_request(
                request, body, secrets=self._credentials, region=self._region, service="dynamodb"
            )
            if refusal is not None:
                return _json(400, {"__type": f"com.amazon.coral.service#{refusal.type}", "message": refusal.message})
        began, latency_s = time.monotonic(), self._delay()
        try:
            response = await self._answer(target, body)
        except NotImplementedError:  # moto does not have this operation
            return await self._missing(request, body)
        if (left_s := began + latency_s - time.monotonic()) > 0:  # the time of the engine is a part of the latency
            await asyncio.sleep(left_s)
        self._answered(request.headers.get("X-Amz-Security-Token", ""), began, time.monotonic(), latency_s)
        return response

    async def _missing(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Refuses an operation that the engine does not have. A client would repeat a request that fails with 500."""
        if self._others is not None:
            return await self._others(request, body)
        return _json(400, {"__type": "com.amazon.coral.service#UnknownOperationException", "message": "not emulated"})

    async def _answer(self, target: str, body: bytes) -> web.Response:
        operation = target.rpartition(".")[2]
        if operation not in COUNTED:
            status, content = await self.engine.answer(target, body)
            return web.Response(status=status, body=content, content_type=CONTENT_TYPE)
        try:
            asked = orjson.loads(body)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return _json(
                400, {"__type": "com.amazon.coral.service#SerializationException", "message": "The body is no object."}
            )
        if self._throttles():
            self._meter(
                "table", table=str(asked.get("TableName", "")), operation=operation, reads=0.0, writes=0.0, status="throttled"
            )
            code = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
            return _json(400, {"__type": code, "message": "Throughput exceeds the current capacity of your table or index."})
        counted = await self._counter.answer(operation, asked)
        for table, charge in (counted.charges or {str(asked.get("TableName", "")): Charge()}).items():
            reads, writes = charge.units
            self._meter("table", table=table, operation=operation, reads=reads, writes=writes, status=str(counted.status))
        return _json(counted.status, counted.answer)


def _json(status: int, answer: Mapping[str, Any]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(answer), content_type=CONTENT_TYPE)


def _plain(record: StreamRecord) -> StreamRecord:
    """A record in JSON types: moto keeps times as objects."""
    plain: StreamRecord = json.loads(json.dumps(record, default=lambda value: value.timestamp()))
    return plain
