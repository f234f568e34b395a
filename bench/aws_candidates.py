"""One way to call AWS from a function, in a fresh process: python bench/aws_candidates.py NAME POSTS TABLE COUNT TURNS

Imports the modules that the runtime of Lambda imports before a handler, and starts a clock. Then the candidate is imported and
created, and makes one call of DynamoDB and one post. After that, TURNS times, it makes a call, and a post to each of COUNT
connections. Prints figures as JSON. ``bench/aws_clients.py`` starts this program and the servers, and shows the figures.

The three candidates that are neither boto3 nor ours use our signatures over another transport. They have no timeouts and no
retries, and understand only the HTTP that the servers of this benchmark send.
"""

from __future__ import annotations

import json
import logging  # noqa: F401
import os
import resource
import sys
import time
from functools import cache, partial

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "backend"))

TYPE_CHECKING = False  # a function has not imported `typing` at its start
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Ways = tuple[Callable[[], object], Callable[[Sequence[str]], list[int]]]

BODY = b'{"type":"moves","t":1795426800000,"m":[[12,1250,830,310,-40,157,18,4711],[13,-2210,75,0,0,90,240,65001]]}'
UPDATE = {
    "TableName": "LobbyConnections",
    "Key": {"room": {"S": "lobby"}, "connectionId": {"S": "d0vtKecBjoECH-A="}},
    "UpdateExpression": "SET x = :x, y = :y",
    "ExpressionAttributeValues": {":x": {"N": "12.5"}, ":y": {"N": "8.3"}},
}


def by_ours(posts: str, table: str) -> Ways:
    """`lobby.serverless.aws`."""
    from lobby.serverless.aws import Answer, DynamoDB, Request, ServiceClient, connection_path

    dynamodb, gateway = DynamoDB(ServiceClient("dynamodb", table)), ServiceClient("execute-api", posts)

    def post(ids: Sequence[str]) -> list[int]:
        outcomes = gateway.send([Request("POST", connection_path(id_), BODY) for id_ in ids])
        return [one.status if isinstance(one, Answer) else 0 for one in outcomes]

    return partial(dynamodb.call, "UpdateItem", UPDATE), post


def by_boto3(posts: str, table: str, threads: int = 32) -> Ways:
    """boto3, with a pool of threads."""
    from concurrent.futures import ThreadPoolExecutor

    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1}, max_pool_connections=threads, tcp_keepalive=True
    )
    dynamodb = boto3.client("dynamodb", endpoint_url=table, config=config)
    gateway = boto3.client("apigatewaymanagementapi", endpoint_url=posts, config=config)
    pool = ThreadPoolExecutor(threads)

    def one(id_: str) -> int:
        status: int = gateway.post_to_connection(ConnectionId=id_, Data=BODY)["ResponseMetadata"]["HTTPStatusCode"]
        return status

    return partial(dynamodb.update_item, **UPDATE), lambda ids: list(pool.map(one, ids))


def by_http_client(posts: str, table: str, threads: int = 32) -> Ways:
    """http.client in threads."""
    import http.client
    import socket
    import ssl
    import threading
    from concurrent.futures import ThreadPoolExecutor

    host, ports, call, post = _signed(posts, table)
    tls = ssl.create_default_context()

    @cache
    def opened(port: int, thread: int) -> socket.socket:
        plain = socket.create_connection((host, port), 2)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return tls.wrap_socket(plain, server_hostname=host)

    def ask(port: int, request: bytes) -> int:
        connection = opened(port, threading.get_ident())
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection, method="POST")
        answer.begin()
        answer.read()
        return answer.status

    pool = ThreadPoolExecutor(threads)
    return lambda: ask(ports[1], call()), lambda ids: list(pool.map(lambda id_: ask(ports[0], post(id_)), ids))


def by_asyncio(posts: str, table: str, connections: int = 32, streams: bool = True) -> Ways:
    """asyncio, by its streams or by a protocol."""
    import asyncio
    import ssl

    host, ports, call, post = _signed(posts, table)
    loop, tls = asyncio.new_event_loop(), ssl.create_default_context()

    class Stream:
        async def open(self, port: int) -> None:
            self.reader, self.writer = await asyncio.open_connection(host, port, ssl=tls)

        async def ask(self, request: bytes) -> int:
            self.writer.write(request)
            first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            await self.reader.readexactly(int(headers["content-length"]))
            return int(first.split(" ")[1])

    class Protocol(asyncio.Protocol):
        async def open(self, port: int) -> None:
            self.transport, _ = await loop.create_connection(lambda: self, host, port, ssl=tls)

        async def ask(self, request: bytes) -> int:
            from lobby.serverless.aws.answers import answer_reader

            self.answer, self.status = answer_reader(), loop.create_future()
            next(self.answer)
            self.transport.write(request)
            status: int = await self.status
            return status

        def data_received(self, data: bytes) -> None:
            try:
                self.answer.send(data)
            except StopIteration as over:
                self.status.set_result(over.value[0].status)

    kind: Any = Stream if streams else Protocol
    idle: dict[int, list[Any]] = {port: [] for port in ports}

    async def work(port: int, requests: Any, statuses: dict[int, int]) -> None:
        if idle[port]:
            connection = idle[port].pop()
        else:
            connection = kind()
            await connection.open(port)
        for index, request in requests:
            statuses[index] = await connection.ask(request)
        idle[port].append(connection)

    async def many(ids: Sequence[str]) -> list[int]:
        statuses: dict[int, int] = {}
        requests = enumerate(map(post, ids))
        await asyncio.gather(*(work(ports[0], requests, statuses) for _ in range(min(connections, len(ids)))))
        return [statuses[index] for index in range(len(ids))]

    return (
        lambda: loop.run_until_complete(work(ports[1], enumerate([call()]), {})),
        lambda ids: loop.run_until_complete(many(ids)),
    )


def _signed(posts: str, table: str) -> Any:
    """The host, its ports for posts and for the table, and two functions that sign a call of DynamoDB and a post."""
    from lobby.serverless.aws import Credentials, Request, ServiceClient, connection_path

    credentials, region = Credentials.of(os.environ), os.environ["AWS_REGION"]
    gateway, dynamodb = ServiceClient("execute-api", posts), ServiceClient("dynamodb", table)
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.UpdateItem"}

    def call() -> bytes:
        return dynamodb.signed_bytes(Request("POST", "/", json.dumps(UPDATE).encode(), headers), credentials, region)

    def post(id_: str) -> bytes:
        return gateway.signed_bytes(Request("POST", connection_path(id_), BODY), credentials, region)

    return gateway.endpoint.host, (gateway.endpoint.port, dynamodb.endpoint.port), call, post


CANDIDATES: dict[str, Callable[[str, str], Ways]] = {
    "boto3, 16 threads": partial(by_boto3, threads=16),
    "boto3, 32 threads": by_boto3,
    "http.client, 32 threads": by_http_client,
    "asyncio protocol": partial(by_asyncio, streams=False),
    "asyncio streams": by_asyncio,
    "ours": by_ours,
}


def taken(work: Callable[[], object]) -> tuple[float, float]:
    """Elapsed time and CPU time of ``work``, in ms."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    work()
    return 1e3 * (time.perf_counter() - began_s), 1e3 * (time.process_time() - began_cpu_s)


def medians(figures: list[tuple[float, float]]) -> tuple[float, float]:
    """The median of each column."""
    first, second = (sorted(column)[len(column) // 2] for column in zip(*figures, strict=True))
    return first, second


def main() -> None:
    """Measures one candidate."""
    name, posts, table, count, turns = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    ways: list[Any] = []

    def start() -> None:
        ways[:] = CANDIDATES[name](posts, table)
        ways[0]()
        ways[1](["d0vtKecBjoECH-A="])

    found = dict(zip(("cold_ms", "cold_cpu_ms"), taken(start), strict=True))
    found["cold_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    call, post = ways
    ids = [f"{number:015}=" for number in range(count)]
    assert post(ids) == [200] * count  # opens the connections
    found["call_ms"], found["call_cpu_ms"] = medians([taken(call) for _ in range(turns)])
    found["all_ms"], cpu_ms = medians([taken(partial(post, ids)) for _ in range(turns)])
    print(json.dumps({**found, "post_cpu_ms": cpu_ms / count}), flush=True)
    os._exit(0)  # without closing anything


if __name__ == "__main__":
    main()
