"""Servers on loopback that behave as badly as a test wants, and a DynamoDB."""

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


class Heard(NamedTuple):
    """A request, as it came. Names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Talk:
    """One connection, the server's side."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._rest = b""

    def hear(self) -> Heard:
        """The next request, whole. EOFError where there is none."""
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
        return Heard(method, target, headers, body)

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.sendall(piece)

    def answer(self, body: bytes, status: int = 200) -> None:
        self.say(b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    def wait(self) -> None:
        """Says nothing more until the other side has gone, or the test is over."""
        while self.connection.recv(65_536):
            pass

    def _more(self) -> None:
        received = self.connection.recv(65_536)
        if not received:
            raise EOFError
        self._rest += received


Conversation = Callable[[Talk], None]


def polite(talk: Talk) -> None:
    """Answers every request with what it asked for, and keeps the connection."""
    while True:
        talk.answer(talk.hear().target.encode())


def saying(*pieces: bytes) -> Conversation:
    """Answers every request with these bytes, whatever they are."""

    def conversation(talk: Talk) -> None:
        while True:
            talk.hear()
            talk.say(*pieces)

    return conversation


def ending(said: bytes, requests: int = 1) -> Conversation:
    """Answers so many requests, the last one with ``said`` and the end of the connection."""

    def conversation(talk: Talk) -> None:
        for _ in range(requests - 1):
            talk.answer(talk.hear().target.encode())
        talk.hear()
        talk.say(said)

    return conversation


def silent(talk: Talk) -> None:
    """Takes a request and never answers."""
    talk.hear()
    talk.wait()


class Server:
    """Talks to each connection in a thread of its own: to the first one as the first conversation says, and so on, the last
    one being for all that follow."""

    def __init__(self, *conversations: Conversation, tls: ssl.SSLContext | None = None) -> None:
        self._conversations, self._tls = conversations, tls
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
            conversation = self._conversations[min(self.connections, len(self._conversations) - 1)]
            self.connections += 1
            connection.settimeout(PATIENCE_S)
            thread = threading.Thread(target=self._talk, args=(connection, conversation))
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket, conversation: Conversation) -> None:
        with suppress(EOFError, OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.add(connection)
            conversation(Talk(connection))
        self._open.discard(connection)
        connection.close()
        self.ended.release()


@contextmanager
def dynamodb() -> Iterator[Server]:
    """DynamoDB on loopback, by moto. Inside of ``mock_aws`` it has the tables that boto3 sees there."""
    stub = BotocoreStubber()

    def conversation(talk: Talk) -> None:
        while True:
            heard = talk.hear()
            headers = HTTPHeaders()
            for name, value in heard.headers.items():
                headers[name] = value
            region = heard.headers["authorization"].split("/")[2]
            url = f"https://dynamodb.{region}.amazonaws.com{heard.target}"
            status, _, body = stub.process_request(AWSPreparedRequest("POST", url, headers, heard.body, False))
            talk.answer(body.encode() if isinstance(body, str) else body, status)

    with Server(conversation) as server:
        yield server
