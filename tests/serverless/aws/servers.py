"""Servers on loopback that behave as a test wants, also wrongly, and a DynamoDB."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENCE_S = 5.0


class ReceivedRequest(NamedTuple):
    """A request, as the server received it. Names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class ServerSide:
    """The server's side of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._rest = b""

    def receive(self) -> ReceivedRequest:
        """The next complete request. Raises EOFError where there is none."""
        while b"\r\n\r\n" not in self._rest:
            self._more()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._rest) < length:
            self._more()
        body, self._rest = self._rest[:length], self._rest[length:]
        method, target, _ = first.split(" ")
        return ReceivedRequest(method, target, headers, body)

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.sendall(piece)

    def answer(self, body: bytes, status: int = 200) -> None:
        self.send(b"HTTP/1.1 %d Status\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    def wait(self) -> None:
        """Sends nothing more. Returns when the client has closed the connection, or at the end of the test."""
        while self.connection.recv(65_536):
            pass

    def _more(self) -> None:
        received = self.connection.recv(65_536)
        if not received:
            raise EOFError
        self._rest += received


Behaviour = Callable[[ServerSide], None]


def echoing(server_side: ServerSide) -> None:
    """Answers every request with its target, and keeps the connection open."""
    while True:
        server_side.answer(server_side.receive().target.encode())


def answering_with(*pieces: bytes) -> Behaviour:
    """Answers every request with these bytes."""

    def behaviour(server_side: ServerSide) -> None:
        while True:
            server_side.receive()
            server_side.send(*pieces)

    return behaviour


def ending(answer: bytes, requests: int = 1) -> Behaviour:
    """Answers this many requests. The answer to the last one is ``answer``, and then the connection ends."""

    def behaviour(server_side: ServerSide) -> None:
        for _ in range(requests - 1):
            server_side.answer(server_side.receive().target.encode())
        server_side.receive()
        server_side.send(answer)

    return behaviour


def silent(server_side: ServerSide) -> None:
    """Receives a request and never answers."""
    server_side.receive()
    server_side.wait()


class Server:
    """Handles each connection in a thread of its own: the first connection with the first behaviour, and so on. All further
    connections get the last behaviour."""

    def __init__(self, *behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self._behaviours, self._tls = behaviours, tls
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads = [threading.Thread(target=self._listen)]
        self._open: set[socket.socket] = set()
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        self.ended = threading.Semaphore(0)
        """Released for each connection that has ended."""

    @property
    def endpoint(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(PATIENCE_S)
        self._listening.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            behaviour = self._behaviours[min(self.connections, len(self._behaviours) - 1)]
            self.connections += 1
            connection.settimeout(PATIENCE_S)
            thread = threading.Thread(target=self._handle, args=(connection, behaviour))
            self._threads.append(thread)
            thread.start()

    def _handle(self, connection: socket.socket, behaviour: Behaviour) -> None:
        with suppress(EOFError, OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.add(connection)
            behaviour(ServerSide(connection))
        self._open.discard(connection)
        connection.close()
        self.ended.release()


@contextmanager
def dynamodb() -> Iterator[Server]:
    """DynamoDB on loopback, by moto. Within ``mock_aws`` it has the tables that boto3 sees."""
    stub = BotocoreStubber()

    def behaviour(server_side: ServerSide) -> None:
        while True:
            request = server_side.receive()
            headers = HTTPHeaders()
            for name, value in request.headers.items():
                headers[name] = value
            region = request.headers["authorization"].split("/")[2]
            url = f"https://dynamodb.{region}.amazonaws.com{request.target}"
            status, _, body = stub.process_request(AWSPreparedRequest("POST", url, headers, request.body, False))
            server_side.answer(body.encode() if isinstance(body, str) else body, status)

    with Server(behaviour) as server:
        yield server
