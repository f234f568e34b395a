"""The events of API Gateway, with exactly the keys of AWS's own samples. No I/O.

Peculiarities of AWS are kept: MESSAGE has no ``headers``; CONNECT has no query keys if the request has no query; only the
authorizer gets ``Connection`` and ``Upgrade``; DISCONNECT has four headers, three of them empty.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lobby.emulator.api import CONNECT, DISCONNECT, Api, Pairs

LambdaEvent = dict[str, Any]
"""An event as a handler gets it."""

_ID = re.compile(r"[A-Za-z0-9_-]{15}=")
_HOP_BY_HOP = {"connection", "upgrade", "content-length", "keep-alive", "proxy-connection", "te", "transfer-encoding"}


def new_id() -> str:
    """An id in the form of API Gateway's ids of connections, requests and messages: 16 characters, the last is ``=``."""
    return secrets.token_urlsafe(11) + "="


def is_id(text: str) -> bool:
    """Whether ``text`` has the form of a connection id."""
    return _ID.fullmatch(text) is not None


def new_trace_id(now: float) -> str:
    """A value for ``X-Amzn-Trace-Id``; ``now`` is in seconds since 1970."""
    return f"Root=1-{int(now):08x}-{secrets.token_hex(12)}"


def kind_of(event: LambdaEvent) -> str:
    """The kind of an event, for the meter: the key of its route, ``authorizer`` or ``stream``."""
    if event.get("type") == "REQUEST":
        return "authorizer"
    return "stream" if "Records" in event else str(event.get("requestContext", {}).get("routeKey", ""))


@dataclass(frozen=True)
class ConnectionInfo:
    """What the events of a connection contain about it. ``authorizer`` is the context of the authorizer's answer."""

    connection_id: str
    connected_ms: int
    domain_name: str
    source_ip: str
    user_agent: str | None = None
    authorizer: LambdaEvent | None = None
    caller: LambdaEvent | None = None
    """What ``identity`` contains beside address and agent: of a signed request, or of one with an API key."""
    usage_key: str = ""
    """The API key in the answer of the authorizer. It is in no event."""

    @property
    def identity(self) -> LambdaEvent:
        """The ``identity`` in events."""
        agent = {} if self.user_agent is None else {"userAgent": self.user_agent}
        return {**(self.caller or {}), **agent, "sourceIp": self.source_ip}

    def authorized(self, context: LambdaEvent) -> ConnectionInfo:
        """The same with the context of the authorizer's answer."""
        return replace(self, authorizer=context)


@dataclass(frozen=True)
class UpgradeRequest:
    """The HTTP request that opens a WebSocket."""

    headers: Pairs
    query: Pairs
    trace_id: str


def authorizer_event(api: Api, connection: ConnectionInfo, request: UpgradeRequest, now: float) -> LambdaEvent:
    """The event for the authorizer."""
    passed = [(name, value) for name, value in request.headers if name.lower() not in _HOP_BY_HOP]
    headers = [
        *passed,
        ("Connection", "upgrade"),
        ("content-length", "0"),
        ("Upgrade", "websocket"),
        *_forwarded(connection, request),
    ]
    return {
        "type": "REQUEST",
        "methodArn": api.method_arn,
        "headers": {name: value for name, value in headers if name.lower() != "sec-websocket-key"},
        "multiValueHeaders": _many(headers),
        "queryStringParameters": dict(request.query),
        "multiValueQueryStringParameters": _many(request.query),
        "stageVariables": dict(api.stage_variables),
        "requestContext": _context(api, connection, CONNECT, "CONNECT", new_id(), now),
    }


def connect_event(api: Api, connection: ConnectionInfo, request: UpgradeRequest, now: float) -> LambdaEvent:
    """The event of ``$connect``."""
    passed = [(name, value) for name, value in request.headers if name.lower() not in _HOP_BY_HOP]
    headers = [*passed, *_forwarded(connection, request)]
    query = {"queryStringParameters": dict(request.query), "multiValueQueryStringParameters": _many(request.query)}
    return {
        "headers": dict(headers),
        "multiValueHeaders": _many(headers),
        **(query if request.query else {}),
        **_stage_variables(api),
        "requestContext": _context(api, connection, CONNECT, "CONNECT", new_id(), now),
        "isBase64Encoded": False,
    }


def message_event(api: Api, connection: ConnectionInfo, route_key: str, text: str, request_id: str, now: float) -> LambdaEvent:
    """The event of a message on its route."""
    context = _context(api, connection, route_key, "MESSAGE", request_id, now)
    return {
        **_stage_variables(api),
        "requestContext": {**context, "messageId": new_id()},
        "body": text,
        "isBase64Encoded": False,
    }


def disconnect_event(api: Api, connection: ConnectionInfo, code: int, reason: str, now: float) -> LambdaEvent:
    """The event of ``$disconnect``, after the connection has ended."""
    headers = (("Host", connection.domain_name), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", ""))
    context = _context(api, connection, DISCONNECT, "DISCONNECT", new_id(), now)
    return {
        "headers": dict(headers),
        "multiValueHeaders": _many(headers),
        **_stage_variables(api),
        "requestContext": {**context, "disconnectStatusCode": code, "disconnectReason": reason},
        "isBase64Encoded": False,
    }


def _context(api: Api, connection: ConnectionInfo, route_key: str, event_type: str, request_id: str, now: float) -> LambdaEvent:
    return {
        "routeKey": route_key,
        **({} if connection.authorizer is None else {"authorizer": dict(connection.authorizer)}),
        "eventType": event_type,
        "extendedRequestId": request_id,
        "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "messageDirection": "IN",
        "stage": api.stage,
        "connectedAt": connection.connected_ms,
        "requestTimeEpoch": int(now * 1000),
        "identity": connection.identity,
        "requestId": request_id,
        "domainName": connection.domain_name,
        "connectionId": connection.connection_id,
        "apiId": api.api_id,
    }


def _forwarded(connection: ConnectionInfo, request: UpgradeRequest) -> Pairs:
    # On AWS all clients come by TLS on port 443. A handler that reads these headers gets the same values here.
    return (
        ("X-Amzn-Trace-Id", request.trace_id),
        ("X-Forwarded-For", connection.source_ip),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    )


def _stage_variables(api: Api) -> LambdaEvent:
    return {"stageVariables": dict(api.stage_variables)} if api.stage_variables else {}


def _many(pairs: Pairs | list[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
