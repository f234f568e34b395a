"""What there is to know of a WebSocket API, and what follows from it: routes, identity, permission, throttles. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"

Pairs = tuple[tuple[str, str], ...]
"""Names and values in the order in which they came; a name may come twice."""

_VARIABLE = re.compile(r"\$\{request\.body\.([\w.\-]+)\}|\$request\.body\.([\w\-]+(?:\.[\w\-]+)*)")
_IDENTITY = re.compile(r"route\.request\.(querystring|header)\.(.+)", re.I)


@dataclass(frozen=True)
class Route:
    """One route: whether a handler stands behind it, and whether what the handler returns goes back to the client.

    ``function`` names the handler where the API has several.
    """

    integration: bool = True
    response: bool = False
    function: str = ""


@dataclass(frozen=True)
class Authorizer:
    """A Lambda REQUEST authorizer on ``$connect``. Where a source is missing, nobody is asked: 401."""

    identity_sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for source in self.identity_sources:
            if not _IDENTITY.fullmatch(source):
                raise ValueError(f"{source!r} is neither route.request.header.NAME nor route.request.querystring.NAME")


@dataclass(frozen=True)
class Limits:
    """What API Gateway puts an end to. The defaults are its quotas; :attr:`client_buffer_bytes` is published nowhere."""

    frame_bytes: int = 32 * 1024
    message_bytes: int = 128 * 1024
    idle_s: float = 600.0
    duration_s: float = 7200.0
    integration_s: float = 29.0
    authorizer_bytes: int = 8 * 1024
    connect_rate: float = 500.0
    connect_burst: int = 500
    callback_rate: float = 10_000.0
    callback_burst: int = 5_000
    client_buffer_bytes: int = 128 * 1024


@dataclass(frozen=True)
class Api:
    """A deployed WebSocket API: what a CloudFormation template says of it."""

    routes: Mapping[str, Route]
    route_selection_expression: str = "$request.body.action"
    authorizer: Authorizer | None = None
    stage: str = "dev"
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    throttle_rate: float = 10_000.0
    throttle_burst: int = 5_000
    api_id: str = "a1b2c3d4e5"
    account_id: str = "123456789012"
    region: str = "us-east-1"
    domain_name: str = ""
    """``domainName`` of the events. Empty: the Host that the client asked for, so that a handler's answers find their way."""
    limits: Limits = Limits()

    @property
    def method_arn(self) -> str:
        """What an authorizer is asked to allow."""
        return f"arn:aws:execute-api:{self.region}:{self.account_id}:{self.api_id}/{self.stage}/{CONNECT}"


def select_route(expression: str, routes: Collection[str], text: str) -> str | None:
    """The key of the route that a message takes: what the expression makes of it, else ``$default``, else none."""
    key = _evaluate(expression, text)
    if key in routes and key not in (CONNECT, DISCONNECT):  # a message cannot pretend to be a connect
        return key
    return DEFAULT if DEFAULT in routes else None


def _evaluate(expression: str, text: str) -> str | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    values = {match[0]: _scalar(body, (match[1] or match[2]).split(".")) for match in _VARIABLE.finditer(expression)}
    if not values or None in values.values():
        return None
    return _VARIABLE.sub(lambda match: str(values[match[0]]), expression)


def _scalar(value: Any, path: Iterable[str]) -> str | None:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return None if value is None or isinstance(value, dict | list) else _stringified(value)


def _stringified(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def has_identity(authorizer: Authorizer, headers: Pairs, query: Pairs) -> bool:
    """Whether every identity source came with the request, and none of them empty."""
    sent = {("header", name.lower()) for name, value in headers if value} | {
        ("querystring", name) for name, value in query if value
    }
    wanted = (_IDENTITY.sub(r"\1 \2", source).split(" ", 1) for source in authorizer.identity_sources)
    return all((where.lower(), name.lower() if where.lower() == "header" else name) in sent for where, name in wanted)


def permitted(result: Any, arn: str, limit_bytes: int) -> dict[str, Any] | None:
    """What an authorizer's answer puts into every later event; none where it denies. ValueError where it is no answer.

    A policy allows what a statement of it allows and none denies, and everything else it denies.
    """
    if not isinstance(result, dict) or not isinstance(result.get("principalId"), str):
        raise ValueError("an authorizer answers with principalId and policyDocument")
    if len(json.dumps(result)) > limit_bytes:
        raise ValueError(f"an authorizer's answer has at most {limit_bytes} bytes")
    context = result.get("context") or {}
    if not isinstance(context, dict) or any(isinstance(value, dict | list) for value in context.values()):
        raise ValueError("the values of an authorizer's context are strings, numbers and booleans")
    policy = result.get("policyDocument")
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    effects = {one["Effect"] for one in _listed(statements) if _speaks_of(one, arn)}
    if effects != {"Allow"}:
        return None
    said = {name: _stringified(value) for name, value in context.items() if value is not None}
    return {"principalId": result["principalId"], **said}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _speaks_of(statement: Any, arn: str) -> bool:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise ValueError("a statement of a policy has an Effect, Allow or Deny")
    return any(_matches(action, "execute-api:Invoke", re.I) for action in _listed(statement.get("Action"))) and any(
        _matches(resource, arn) for resource in _listed(statement.get("Resource"))
    )


def _matches(pattern: Any, text: str, flags: int = 0) -> bool:
    if not isinstance(pattern, str):
        raise ValueError("Action and Resource of a statement are strings")
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, flags) is not None


class Bucket:
    """A token bucket: ``burst`` at once, ``rate`` a second from then on."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._filled_at = float(burst), 0.0

    def take(self, now: float) -> bool:
        """Takes one token at ``now`` (seconds), if there is one."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
