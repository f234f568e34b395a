"""Connections that stay open, with many exchanges over them at the same time. One thread, bounded time, no signatures.

A generator works for each connection: it takes one request after the other, and yields where it would have to wait.
:meth:`ConnectionPool.send` waits for all connections at once and continues each generator whose connection is ready. When a
connection exceeds its deadline, ``_TooLate`` is thrown into its generator. Why not asyncio:
docs/decisions/0006-aws-without-boto3.md.
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

from lobby.serverless.aws.answers import Answer, answer_reader

T = TypeVar("T")
Steps = Generator[None, None, T]

IDLE_S = 300.0
"""An idle connection is used again for at most this time, in seconds. A NAT between a function and AWS may drop a connection
after 350 s of silence (https://aws.amazon.com/premiumsupport/knowledge-center/lambda-vpc-timeout/); a request over it gets no
answer. Keepalive does not help, because a function is frozen between two invocations."""

RECEIVE_BYTES = 65_536


class Unreachable(NamedTuple):
    """There is no answer, for this reason: refused, cut off, too late, not HTTP. The request may have been carried out."""

    reason: str


Outcome = Answer | Unreachable
GIVEN_UP = Unreachable("given up at the deadline")


class ServiceAddress(NamedTuple):
    """A server to connect to. ``authority`` is host and port as the ``Host`` header of a request has them."""

    host: str
    port: int
    authority: str
    is_tls: bool


class _TooLate(OSError):
    """Thrown into the generator of a connection that exceeded its deadline."""


class ConnectionPool:
    """At most ``most`` connections to one endpoint, for one thread. ``clock`` gives seconds since 1970."""

    def __init__(
        self, endpoint: ServiceAddress, most: int, connect_s: float, answer_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self.endpoint, self.connect_s, self.answer_s, self.clock = endpoint, connect_s, answer_s, clock
        self.selector = DefaultSelector()
        self._most = most
        self._connections: list[_PooledConnection] = []
        self._addresses: list[tuple[Any, Any]] | OSError | None = None

    def send(self, requests: Iterable[bytes], count: int, ends_s: float) -> list[Outcome]:
        """Sends ``count`` requests as they are. Returns their outcomes at ``ends_s`` (monotonic seconds) at the latest."""
        self._close_unusable()
        self._addresses = None
        outcomes: dict[int, Outcome] = {}
        numbered = enumerate(requests)
        working = {connection: connection.work(numbered, outcomes) for connection in self._choose(count)}
        try:
            ready = list(working)
            now = time.monotonic()
            while True:
                for connection in ready:
                    if connection not in working:
                        connection.close()  # it received bytes that no request asked for, or its end
                    elif _has_ended(working[connection]):
                        del working[connection]
                for connection in [connection for connection in working if connection.deadline_s <= now]:
                    if _has_ended(working[connection], _TooLate(connection.late_reason)):
                        del working[connection]
                if not working or now >= ends_s:
                    break
                deadline_s = min(ends_s, *(connection.deadline_s for connection in working))
                ready = [key.data for key, _ in self.selector.select(max(0.0, deadline_s - now))]
                now = time.monotonic()
        finally:
            for connection in working:
                connection.close()
        return [outcomes.get(index, GIVEN_UP) for index in range(count)]

    def close(self) -> None:
        """Closes every connection. The pool cannot be used any more."""
        for connection in self._connections:
            connection.close()
        self.selector.close()

    def addresses(self) -> list[tuple[Any, Any]]:
        """Family and address of each way to the endpoint. One :meth:`send` looks them up once, even when the lookup fails.

        Raises OSError where the lookup fails.
        """
        if self._addresses is None:
            try:
                found = socket.getaddrinfo(self.endpoint.host, self.endpoint.port, type=socket.SOCK_STREAM)
                self._addresses = [(family, address) for family, _, _, _, address in found]
            except OSError as error:
                self._addresses = error
        if isinstance(self._addresses, OSError):
            raise self._addresses
        return self._addresses

    def _close_unusable(self) -> None:
        """Closes the connections that have ended since the last :meth:`send`, and those that were idle for too long."""
        for key, _ in self.selector.select(0):
            key.data.close()
        oldest_s = self.clock() - IDLE_S
        for connection in self._connections:
            if connection.used_s < oldest_s:
                connection.close()

    def _choose(self, count: int) -> list[_PooledConnection]:
        """The connections for ``count`` requests. Open ones come first."""
        while len(self._connections) < min(self._most, count):
            self._connections.append(_PooledConnection(self))
        return sorted(self._connections, key=lambda connection: not connection.is_open)[:count]


class _PooledConnection:
    """One connection. It is opened when it is needed, and opened again after it was closed."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._socket: socket.socket | None = None
        self._awaited = 0
        self._has_received = False
        """Whether any byte of the answer to the current request has arrived."""
        self.deadline_s, self.late_reason = math.inf, ""
        """When to stop waiting (monotonic seconds), and the error text for that case."""
        self.used_s = 0.0
        """When it last received an answer, by ``clock``, which also counts the time for which a function is frozen."""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection. The other side may have ended it already."""
        return self._socket is not None

    def close(self) -> None:
        """Closes the connection if there is one."""
        if self._socket is not None:
            self._await(0)
            self._socket.close()
            self._socket = None

    def work(self, requests: Iterator[tuple[int, bytes]], outcomes: dict[int, Outcome]) -> Steps[None]:
        """Takes requests until there are no more, and stores the outcome of each."""
        for index, request in requests:
            try:
                outcomes[index] = yield from self._exchange(request)
            except (OSError, ValueError) as error:
                self.close()
                outcomes[index] = Unreachable(str(error) or type(error).__name__)

    def _exchange(self, request: bytes) -> Steps[Answer]:
        """The answer to a request: over the open connection, or over a new one if the open one has ended."""
        if self._socket is not None:
            try:
                return (yield from self._send_and_receive(self._socket, request))
            except _TooLate:
                raise
            except OSError:
                if self._has_received:
                    raise
                self.close()
        return (yield from self._send_and_receive((yield from self._open()), request))

    def _send_and_receive(self, connection: socket.socket, request: bytes) -> Steps[Answer]:
        self._set_deadline(self._pool.answer_s, "no answer")
        self._has_received = False
        unsent = memoryview(request)
        try:
            while unsent:
                unsent = unsent[(yield from self._retry(partial(connection.send, unsent), EVENT_WRITE)) :]
        except ConnectionError:
            pass  # a server that refuses a long request may answer before it has read all of it
        self._await(EVENT_READ)
        yield
        answer, is_reusable = yield from self._receive(connection)
        self.used_s = self._pool.clock()
        if unsent or not is_reusable:
            self.close()
        return answer

    def _receive(self, connection: socket.socket) -> Steps[tuple[Answer, bool]]:
        """An answer, and whether the connection can carry another one."""
        reader = answer_reader()
        next(reader)
        while True:
            received = yield from self._retry(partial(connection.recv, RECEIVE_BYTES), EVENT_READ)
            if not received and not self._has_received:
                raise ConnectionResetError("the connection ended before an answer")
            self._has_received = True
            try:
                reader.send(received)
            except StopIteration as stop:
                result: tuple[Answer, bool] = stop.value
                return result

    def _open(self) -> Steps[socket.socket]:
        """A new connection, to the first address that works."""
        endpoint = self._pool.endpoint
        self._set_deadline(self._pool.connect_s, f"no connection to {endpoint.authority}")
        for family, address in self._pool.addresses():
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
            raise OSError(code, f"{os.strerror(code)}: {endpoint.authority}")
        if endpoint.is_tls:
            connection = tls_context().wrap_socket(self._socket, server_hostname=endpoint.host, do_handshake_on_connect=False)
            self._socket = connection
            yield from self._retry(connection.do_handshake, EVENT_READ)
        return self._socket

    def _set_deadline(self, limit_s: float, missing: str) -> None:
        self.deadline_s, self.late_reason = time.monotonic() + limit_s, f"{missing} within {limit_s:g} s"

    def _retry(self, attempt: Callable[[], T], event: int) -> Steps[T]:
        """The result of ``attempt``, which is called again after each wait for ``event``, or for what TLS must send or receive
        first."""
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
        """Sets the event for which the connection waits from now on; 0: none."""
        if self._socket is None or event == self._awaited:
            return
        selector, number = self._pool.selector, self._socket.fileno()
        if not self._awaited:
            selector.register(number, event, self)
        elif event:
            selector.modify(number, event, self)
        else:
            selector.unregister(number)
        self._awaited = event


def _has_ended(work: Steps[None], error: OSError | None = None) -> bool:
    """Continues the work of a connection, or throws an error into it. Returns whether the work has ended."""
    try:
        if error:
            work.throw(error)
        else:
            next(work)
    except StopIteration:
        return True
    return False


@cache
def tls_context() -> ssl.SSLContext:
    """The context of all TLS connections. It is made at the first use, because it takes a while to read the system's
    certificates. ``tls_context.cache_clear()`` makes the next use read them again."""
    return ssl.create_default_context()
