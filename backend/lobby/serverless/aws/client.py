"""A service of AWS at one endpoint: signs requests, sends many at the same time, and returns an outcome for each."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Self
from urllib.parse import quote, urlsplit

from lobby.errors import LobbyError
from lobby.serverless.aws.pool import ConnectionPool, Outcome, ServiceAddress
from lobby.serverless.aws.signing import Credentials, region_of, sign

CONNECTIONS = 32
"""How many requests are sent at the same time. Each new connection costs a TLS handshake, so a much higher number would make
a cold start slower."""

CONNECT_S, ANSWER_S = 1.0, 2.0
"""Timeouts in seconds: until a connection is open, and until an answer is complete."""

PORTS = {"http": 80, "https": 443}


class Request(NamedTuple):
    """One request. ``path`` is relative to the path of the endpoint, percent-encoded, with a query if there is one. ``headers``
    are the ones that neither HTTP nor the signature adds."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})


def connection_path(connection: str) -> str:
    """The path of a WebSocket connection at API Gateway, relative to the stage.

    POST sends it a frame, GET describes it, DELETE closes it.
    """
    return f"/@connections/{quote(connection, safe='')}"


class ServiceClient:
    """A client of one service at one endpoint. Threads may share it, and do not wait for each other.

    ``service`` is the name of the service in signatures: ``dynamodb``, ``execute-api``. ``endpoint`` is an http or https
    address like ``https://abc.execute-api.eu-central-1.amazonaws.com/prod``. ``environment`` has the credentials and the
    region; it is read at each :meth:`send`. At most ``connections`` are open, each for one request at a time. ``connect_s`` and
    ``answer_s`` are timeouts; ``clock`` gives seconds since 1970. Raises LobbyError where ``endpoint`` is not such an address.

    Connections stay open from one ``send`` to the next. A process that no longer needs the client closes it, or uses it in a
    ``with``.
    """

    def __init__(
        self,
        service: str,
        endpoint: str,
        *,
        environment: Mapping[str, str] = os.environ,
        connections: int = CONNECTIONS,
        connect_s: float = CONNECT_S,
        answer_s: float = ANSWER_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._service, self._environment, self._clock = service, environment, clock
        self.endpoint, self._base_path = _parse_endpoint(endpoint)
        self._limits = connections, connect_s, answer_s
        self._idle_pools: list[ConnectionPool] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, requests: Sequence[Request], within_s: float = math.inf) -> list[Outcome]:
        """Sends all requests, as many at the same time as there are connections. Returns their outcomes in the same order.

        Requests without an answer after ``within_s`` seconds are given up, and their connections closed. Only the lookup of a
        host name may take longer.

        A request may be carried out twice: it is sent again if a connection that had stayed open ends before the first byte of
        the answer. Raises LobbyError where the environment has no credentials or no region.
        """
        ends_s = time.monotonic() + within_s
        credentials, region = Credentials.of(self._environment), region_of(self._environment)
        signed = (self.signed_bytes(request, credentials, region) for request in requests)
        try:
            pool = self._idle_pools.pop()
        except IndexError:
            pool = ConnectionPool(self.endpoint, *self._limits, self._clock)
        try:
            return pool.send(signed, len(requests), ends_s)
        finally:
            self._idle_pools.append(pool)

    def close(self) -> None:
        """Closes every connection that is not in use. The next ``send`` opens new ones."""
        while self._idle_pools:
            self._idle_pools.pop().close()

    def signed_bytes(self, request: Request, credentials: Credentials, region: str) -> bytes:
        """The bytes of a request, with its signature, as a connection sends them."""
        target = self._base_path + request.path
        path, _, query = target.partition("?")
        headers = sign(
            request.method,
            self.endpoint.authority,
            path,
            query,
            request.headers,
            request.body,
            credentials=credentials,
            region=region,
            service=self._service,
            now=self._clock(),
        )
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{request.method} {target} HTTP/1.1\r\n{lines}Content-Length: {len(request.body)}\r\n\r\n"
        return head.encode() + request.body


def _parse_endpoint(address: str) -> tuple[ServiceAddress, str]:
    """The server of an address, and the path with which all paths there begin."""
    try:
        parts = urlsplit(address)
        host, port, standard = parts.hostname, parts.port, PORTS[parts.scheme]
    except (KeyError, ValueError):
        host = None
    if not host:
        raise LobbyError(f"{address!r} is not an endpoint; an endpoint looks like https://HOST/STAGE or http://127.0.0.1:8000.")
    authority = f"[{host}]" if ":" in host else host
    if port not in (None, standard):
        authority = f"{authority}:{port}"
    return ServiceAddress(host, port or standard, authority, parts.scheme == "https"), parts.path.rstrip("/")
