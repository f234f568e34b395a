"""What a handler is given: the events of API Gateway, key for key as in AWS's own samples. No I/O.

Their peculiarities are kept: MESSAGE has no ``headers``, CONNECT no query where there is none, the authorizer sees
``Connection`` and ``Upgrade`` and the integration does not, DISCONNECT has four headers of which three are empty.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lobby.emulator.api import CONNECT, DISCONNECT, Api, Pairs

Event = dict[str, Any]

_ID = re.compile(r"[A-Za-z0-9_-]{15}=")
_HOP_BY_HOP = {"connection", "upgrade", "content-length", "keep-alive", "proxy-connection", "te", "transfer-encoding"}


def new_id() -> str:
    """An id as API Gateway gives them to connections, requests and messages: 16 characters, the last of them ``=``."""
    return secrets.token_urlsafe(11) + "="


def is_id(text: str) -> bool:
    """Whether this could be the id of a connection."""
    return _ID.fullmatch(text) is not None


def new_trace_id(now: float) -> str:
    """The value of ``X-Amzn-Trace-Id``."""
    return f"Root=1-{int(now):08x}-{secrets.token_hex(12)}"


def kind_of(event: Event) -> str:
    """What an event is, for whoever counts: the key of its route, ``authorizer`` or ``stream``."""
    if event.get("type") == "REQUEST":
        return "authorizer"
    return "stream" if "Records" in event else str(event.get("requestContext", {}).get("routeKey", ""))


@dataclass(frozen=True)
class Caller:
    """One connection as its events show it."""

    connection_id: str
    connected_ms: int
    domain_name: str
    source_ip: str
    user_agent: str | None = None
    authorizer: Event | None = None

    @property
    def identity(self) -> dict[str, str]:
        """Who calls, as far as API Gateway knows."""
        return {**({} if self.user_agent is None else {"userAgent": self.user_agent}), "sourceIp": self.source_ip}

    def authorized(self, context: Event) -> Caller:
        """The same, with what the authorizer said."""
        return replace(self, authorizer=context)


@dataclass(frozen=True)
class Handshake:
    """The HTTP request that wants to become a WebSocket."""

    headers: Pairs
    query: Pairs
    trace_id: str


def authorizer_event(api: Api, caller: Caller, handshake: Handshake, now: float) -> Event:
    """What the authorizer is asked."""
    passed = [(name, value) for name, value in handshake.headers if name.lower() not in _HOP_BY_HOP]
    headers = [
        *passed,
        ("Connection", "upgrade"),
        ("content-length", "0"),
        ("Upgrade", "websocket"),
        *_forwarded(caller, handshake),
    ]
    return {
        "type": "REQUEST",
        "methodArn": api.method_arn,
        "headers": {name: value for name, value in headers if name.lower() != "sec-websocket-key"},
        "multiValueHeaders": _many(headers),
        "queryStringParameters": dict(handshake.query),
        "multiValueQueryStringParameters": _many(handshake.query),
        "stageVariables": dict(api.stage_variables),
        "requestContext": _context(api, caller, CONNECT, "CONNECT", new_id(), now),
    }


def connect_event(api: Api, caller: Caller, handshake: Handshake, now: float) -> Event:
    """``$connect``."""
    passed = [(name, value) for name, value in handshake.headers if name.lower() not in _HOP_BY_HOP]
    headers = [*passed, *_forwarded(caller, handshake)]
    query = {"queryStringParameters": dict(handshake.query), "multiValueQueryStringParameters": _many(handshake.query)}
    return {
        "headers": dict(headers),
        "multiValueHeaders": _many(headers),
        **(query if handshake.query else {}),
        **_stage_variables(api),
        "requestContext": _context(api, caller, CONNECT, "CONNECT", new_id(), now),
        "isBase64Encoded": False,
    }


def message_event(api: Api, caller: Caller, route_key: str, text: str, request_id: str, now: float) -> Event:
    """A message on its route."""
    context = _context(api, caller, route_key, "MESSAGE", request_id, now)
    return {
        **_stage_variables(api),
        "requestContext": {**context, "messageId": new_id()},
        "body": text,
        "isBase64Encoded": False,
    }


def disconnect_event(api: Api, caller: Caller, code: int, reason: str, now: float) -> Event:
    """``$disconnect``, after the fact."""
    headers = (("Host", caller.domain_name), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", ""))
    context = _context(api, caller, DISCONNECT, "DISCONNECT", new_id(), now)
    return {
        "headers": dict(headers),
        "multiValueHeaders": _many(headers),
        **_stage_variables(api),
        "requestContext": {**context, "disconnectStatusCode": code, "disconnectReason": reason},
        "isBase64Encoded": False,
    }


def _context(api: Api, caller: Caller, route_key: str, event_type: str, request_id: str, now: float) -> Event:
    return {
        "routeKey": route_key,
        **({} if caller.authorizer is None else {"authorizer": dict(caller.authorizer)}),
        "eventType": event_type,
        "extendedRequestId": request_id,
        "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "messageDirection": "IN",
        "stage": api.stage,
        "connectedAt": caller.connected_ms,
        "requestTimeEpoch": int(now * 1000),
        "identity": caller.identity,
        "requestId": request_id,
        "domainName": caller.domain_name,
        "connectionId": caller.connection_id,
        "apiId": api.api_id,
    }


def _forwarded(caller: Caller, handshake: Handshake) -> Pairs:
    # On AWS everybody comes by TLS on 443; a handler that looks at this should find what it will find there.
    return (
        ("X-Amzn-Trace-Id", handshake.trace_id),
        ("X-Forwarded-For", caller.source_ip),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    )


def _stage_variables(api: Api) -> Event:
    return {"stageVariables": dict(api.stage_variables)} if api.stage_variables else {}


def _many(pairs: Pairs | list[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
