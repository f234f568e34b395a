"""A service of AWS at one endpoint: requests in, signed and sent many at once, an outcome for each out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Self
from urllib.parse import quote, urlsplit

from lobby.errors import LobbyError
from lobby.serverless.aws.lines import Lines, Outcome, Server
from lobby.serverless.aws.signing import Credentials, region_of, sign

CONNECTIONS = 32
"""Requests under way at once. Each new connection costs a TLS handshake, so many more would make a cold start dearer."""

CONNECT_S, ANSWER_S = 1.0, 2.0
"""How long a connection may take to be made, and an answer to be whole, in seconds."""

PORTS = {"http": 80, "https": 443}


class Request(NamedTuple):
    """What to ask for. ``path`` is below the endpoint's, percent-encoded, with its query if it has one; ``headers`` are those
    that neither HTTP nor the signature adds."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})


def connection_path(connection: str) -> str:
    """Where API Gateway takes posts to a connection (POST), tells of it (GET) and closes it (DELETE), below the stage."""
    return f"/@connections/{quote(connection, safe='')}"


class Client:
    """One service at one endpoint. Threads may share it, and do not wait for each other.

    ``service`` as signatures name it: ``dynamodb``, ``execute-api``. ``endpoint`` like
    ``https://abc.execute-api.eu-central-1.amazonaws.com/prod``, http or https; LobbyError where it is nothing like it.
    ``environment`` has credentials and region, and is read at each :meth:`send`. ``connections`` is how many are open at the
    most, each for one request at a time; ``clock`` gives seconds since 1970.

    Connections stay open from one ``send`` to the next. A process that goes on without the client closes it, or uses it in a
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
        self._server, self._base = _parsed(endpoint)
        self._limits = connections, connect_s, answer_s
        self._lines: list[Lines] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, requests: Sequence[Request], within_s: float = math.inf) -> list[Outcome]:
        """Sends all of them, as many at once as there are connections, and returns what became of each, in their order.

        After ``within_s`` seconds what is not answered is given up, and its connection closed; only looking up a name may take
        longer. A request may be carried out twice: once more it is sent where a connection that had stayed open turns out to
        have ended before it brought one byte of answer. LobbyError where the environment has no credentials or no region.
        """
        ends_s = time.monotonic() + within_s
        credentials, region = Credentials.of(self._environment), region_of(self._environment)
        written = (self._written(request, credentials, region) for request in requests)
        try:
            lines = self._lines.pop()
        except IndexError:
            lines = Lines(self._server, *self._limits, self._clock)
        try:
            return lines.send(written, len(requests), ends_s)
        finally:
            self._lines.append(lines)

    def close(self) -> None:
        """Closes every connection that is not in use. The next ``send`` opens new ones."""
        while self._lines:
            self._lines.pop().close()

    def _written(self, request: Request, credentials: Credentials, region: str) -> bytes:
        """The request as it goes over the wire."""
        target = self._base + request.path
        path, _, query = target.partition("?")
        headers = sign(
            request.method,
            self._server.name,
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


def _parsed(endpoint: str) -> tuple[Server, str]:
    """The server of an endpoint, and what all paths there begin with."""
    try:
        parts = urlsplit(endpoint)
        host, port, standard = parts.hostname, parts.port, PORTS[parts.scheme]
    except (KeyError, ValueError):
        host = None
    if not host:
        raise LobbyError(f"{endpoint!r} is no endpoint; one looks like https://HOST/STAGE or http://127.0.0.1:8000.")
    name = f"[{host}]" if ":" in host else host
    if port not in (None, standard):
        name = f"{name}:{port}"
    return Server(host, port or standard, name, parts.scheme == "https"), parts.path.rstrip("/")
