"""Connections that stay open, and many exchanges over them at once: in one thread, in bounded time, without signatures.

Each connection, a *line*, is worked by a generator: it takes one request after the other, and yields where it would have to
wait. :meth:`Lines.send` waits for all of them at once and goes on with whichever can. Who waits for too long is told so by an
exception, thrown in where it waits. Why not asyncio: docs/decisions/0006-aws-without-boto3.md.
"""

from __future__ import annotations

import math
import os
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from errno import EINPROGRESS, EWOULDBLOCK
from functools import cache, partial
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import Any, NamedTuple, TypeVar

from lobby.serverless.aws.answers import Answer, reading

T = TypeVar("T")
Steps = Generator[None, None, T]

IDLE_S = 300.0
"""How long a connection that nobody uses is trusted. What lies between a function and AWS may forget it after 350 s without a
word (https://aws.amazon.com/premiumsupport/knowledge-center/lambda-vpc-timeout/); what is sent then is not answered. Nothing
keeps it alive while the function is frozen."""

RECEIVE_BYTES = 65_536


class Unreachable(NamedTuple):
    """There is no answer, and why: refused, cut off, too late, not HTTP. The request may have been carried out or not."""

    reason: str


Outcome = Answer | Unreachable
GIVEN_UP = Unreachable("given up at the deadline")


class Server(NamedTuple):
    """Where to connect; ``name`` is host and port as a request's ``Host`` has them."""

    host: str
    port: int
    name: str
    is_tls: bool


class _TooLate(OSError):
    """Thrown into a line that has waited for too long."""


class Lines:
    """Connections to one server, ``most`` at the most; for one thread. ``clock`` gives seconds since 1970."""

    def __init__(
        self, server: Server, most: int, connect_s: float, answer_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self.server, self.connect_s, self.answer_s, self.clock = server, connect_s, answer_s, clock
        self.selector = DefaultSelector()
        self._most = most
        self._lines: list[_Line] = []
        self._addresses: list[tuple[Any, Any]] | OSError | None = None

    def send(self, requests: Iterable[bytes], count: int, ends_s: float) -> list[Outcome]:
        """Sends ``count`` requests as they are, and returns what became of each; until ``ends_s`` (monotonic) at the latest."""
        self._hang_up()
        self._addresses = None
        outcomes: dict[int, Outcome] = {}
        numbered = enumerate(requests)
        working = {line: line.work(numbered, outcomes) for line in self._chosen(count)}
        try:
            ready = list(working)
            now = time.monotonic()
            while True:
                for line in ready:
                    if line not in working:
                        line.close()  # it speaks unasked
                    elif _has_ended(working[line]):
                        del working[line]
                for line in [line for line in working if line.until_s <= now]:
                    if _has_ended(working[line], _TooLate(line.lacking)):
                        del working[line]
                if not working or now >= ends_s:
                    break
                until_s = min(ends_s, *(line.until_s for line in working))
                ready = [key.data for key, _ in self.selector.select(max(0.0, until_s - now))]
                now = time.monotonic()
        finally:
            for line in working:
                line.close()
        return [outcomes.get(index, GIVEN_UP) for index in range(count)]

    def close(self) -> None:
        """Closes every connection, for good."""
        for line in self._lines:
            line.close()
        self.selector.close()

    def addresses(self) -> list[tuple[Any, Any]]:
        """Family and address of every way to the server, looked up once a send, also when it fails. OSError where it does."""
        if self._addresses is None:
            try:
                found = socket.getaddrinfo(self.server.host, self.server.port, type=socket.SOCK_STREAM)
                self._addresses = [(family, address) for family, _, _, _, address in found]
            except OSError as error:
                self._addresses = error
        if isinstance(self._addresses, OSError):
            raise self._addresses
        return self._addresses

    def _hang_up(self) -> None:
        """Closes what has ended meanwhile, or was idle for too long."""
        for key, _ in self.selector.select(0):
            key.data.close()
        oldest_s = self.clock() - IDLE_S
        for line in self._lines:
            if line.used_s < oldest_s:
                line.close()

    def _chosen(self, count: int) -> list[_Line]:
        """Lines for so many requests, the open ones first."""
        while len(self._lines) < min(self._most, count):
            self._lines.append(_Line(self))
        return sorted(self._lines, key=lambda line: not line.is_open)[:count]


class _Line:
    """One connection, opened when it is needed."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._socket: socket.socket | None = None
        self._awaited = 0
        self._is_heard = False
        self.until_s, self.lacking = math.inf, ""
        """When waiting has been too long (monotonic), and what there is none of then."""
        self.used_s = 0.0
        """When it last brought an answer, by the clock that goes on while a function is frozen."""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection. It may have ended without a word."""
        return self._socket is not None

    def close(self) -> None:
        """Ends the connection where there is one."""
        if self._socket is not None:
            self._await(0)
            self._socket.close()
            self._socket = None

    def work(self, requests: Iterator[tuple[int, bytes]], outcomes: dict[int, Outcome]) -> Steps[None]:
        """Takes requests until there are no more, and writes down what became of each."""
        for index, request in requests:
            try:
                outcomes[index] = yield from self._asked(request)
            except (OSError, ValueError) as error:
                self.close()
                outcomes[index] = Unreachable(str(error) or type(error).__name__)

    def _asked(self, request: bytes) -> Steps[Answer]:
        """The answer to a request, over the connection that is there, or over a new one where that has ended."""
        if self._socket is not None:
            try:
                return (yield from self._answered(self._socket, request))
            except _TooLate:
                raise
            except OSError:
                if self._is_heard:
                    raise
                self.close()
        return (yield from self._answered((yield from self._opened()), request))

    def _answered(self, connection: socket.socket, request: bytes) -> Steps[Answer]:
        self._be_patient(self._lines.answer_s, "no answer")
        self._is_heard = False
        unsent = memoryview(request)
        try:
            while unsent:
                unsent = unsent[(yield from self._retried(partial(connection.send, unsent), EVENT_WRITE)) :]
        except ConnectionError:
            pass  # who refuses a long request may answer before it has read it
        self._await(EVENT_READ)
        yield
        answer, is_reusable = yield from self._heard(connection)
        self.used_s = self._lines.clock()
        if unsent or not is_reusable:
            self.close()
        return answer

    def _heard(self, connection: socket.socket) -> Steps[tuple[Answer, bool]]:
        """An answer, and whether the connection can carry another one."""
        answer = reading()
        next(answer)
        while True:
            received = yield from self._retried(partial(connection.recv, RECEIVE_BYTES), EVENT_READ)
            if not received and not self._is_heard:
                raise ConnectionResetError("the connection ended before an answer")
            self._is_heard = True
            try:
                answer.send(received)
            except StopIteration as over:
                found: tuple[Answer, bool] = over.value
                return found

    def _opened(self) -> Steps[socket.socket]:
        """A new connection, by the first address that works."""
        server = self._lines.server
        self._be_patient(self._lines.connect_s, f"no connection to {server.name}")
        for family, address in self._lines.addresses():
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = self._socket.connect_ex(address)
            if code in (EINPROGRESS, EWOULDBLOCK):
                self._await(EVENT_WRITE)
                yield
                code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                break
            self.close()
        else:
            raise OSError(code, f"{os.strerror(code)}: {server.name}")
        if server.is_tls:
            connection = _tls().wrap_socket(self._socket, server_hostname=server.host, do_handshake_on_connect=False)
            self._socket = connection
            yield from self._retried(connection.do_handshake, EVENT_READ)
        return self._socket

    def _be_patient(self, limit_s: float, lacking: str) -> None:
        self.until_s, self.lacking = time.monotonic() + limit_s, f"{lacking} within {limit_s:g} s"

    def _retried(self, attempt: Callable[[], T], event: int) -> Steps[T]:
        """What an attempt returns, once it need not wait for ``event``, or for what TLS has to send or to hear before."""
        while True:
            try:
                return attempt()
            except ssl.SSLWantReadError:
                self._await(EVENT_READ)
            except ssl.SSLWantWriteError:
                self._await(EVENT_WRITE)
            except BlockingIOError:
                self._await(event)
            yield

    def _await(self, event: int) -> None:
        """Says what the connection waits for from now on; 0 is nothing."""
        if self._socket is None or event == self._awaited:
            return
        selector, number = self._lines.selector, self._socket.fileno()
        if not self._awaited:
            selector.register(number, event, self)
        elif event:
            selector.modify(number, event, self)
        else:
            selector.unregister(number)
        self._awaited = event


def _has_ended(work: Steps[None], error: OSError | None = None) -> bool:
    """Goes on with a line's work, or throws an error into it, until it waits again or has ended."""
    try:
        if error:
            work.throw(error)
        else:
            next(work)
    except StopIteration:
        return True
    return False


@cache
def _tls() -> ssl.SSLContext:
    """Made once, and not before it is needed: reading the system's certificates takes a while."""
    return ssl.create_default_context()
