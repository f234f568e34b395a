"""A deployed WebSocket API and its rules: routes, identity sources, permissions, throttles. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"

Pairs = tuple[tuple[str, str], ...]
"""Names and values in the order of the request. A name may occur twice."""

_VARIABLE = re.compile(r"\$\{request\.body\.([\w.\-]+)\}|\$request\.body\.([\w\-]+(?:\.[\w\-]+)*)")
_IDENTITY = re.compile(r"route\.request\.(querystring|header)\.(.+)", re.I)


class RouteThrottle(NamedTuple):
    """The throttle that a stage sets for one route, beside that of all routes: requests a second, and at once."""

    rate: float
    burst: int


@dataclass(frozen=True)
class Route:
    """One route: whether it has an integration with a handler, and whether the handler's answer is sent to the client.

    ``function`` names the handler if the API has several.
    """

    integration: bool = True
    response: bool = False
    function: str = ""
    timeout_s: float | None = None
    """The time that the integration has; None: that of :class:`Limits`."""
    throttle: RouteThrottle | None = None


@dataclass(frozen=True)
class Authorizer:
    """A Lambda REQUEST authorizer on ``$connect``. If an identity source is missing, the gateway answers 401 without calling
    it.

    Raises ValueError for a source that is not supported here.
    """

    identity_sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for source in self.identity_sources:
            if not _IDENTITY.fullmatch(source):
                raise ValueError(f"{source!r} is neither route.request.header.NAME nor route.request.querystring.NAME")


@dataclass(frozen=True)
class UsagePlan:
    """What the keys of a plan allow: requests a second and at once for each key, and a number of requests in each ``period``
    (``DAY``, ``WEEK`` or ``MONTH``, UTC) for each key. None: no limit. ``offset`` requests are missing in the first period."""

    rate: float | None = None
    burst: int | None = None
    quota: int | None = None
    offset: int = 0
    period: str = "DAY"


@dataclass(frozen=True)
class ApiKeys:
    """The keys that ``$connect`` requires: the id and the plan of each enabled key by its value. ``source`` is the API's
    expression: the header ``x-api-key``, or a value in the answer of the authorizer."""

    plans: Mapping[str, tuple[str, UsagePlan]]
    source: str = "$request.header.x-api-key"

    @property
    def is_from_authorizer(self) -> bool:
        """Whether the authorizer's answer contains the key, as ``usageIdentifierKey``."""
        return self.source != "$request.header.x-api-key"


@dataclass(frozen=True)
class Limits:
    """Limits of API Gateway. The defaults are its published quotas, with three exceptions that are assumed.

    They are :attr:`client_buffer_bytes`; how many control frames and small fragments one connection may send
    (:attr:`small_frame_rate` a second, :attr:`small_frame_burst` at once); and how many of its messages handlers have at the
    same time (:attr:`messages_at_once`).
    """

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
    messages_at_once: int = 32
    small_frame_rate: float = 100.0
    small_frame_burst: int = 500


@dataclass(frozen=True)
class Api:
    """A deployed WebSocket API, as a CloudFormation template describes it."""

    routes: Mapping[str, Route]
    route_selection_expression: str = "$request.body.action"
    authorizer: Authorizer | None = None
    requires_signature: bool = False
    """Whether ``$connect`` must be signed (``AWS_IAM``). Any signature with a known access key admits the client."""
    keys: ApiKeys | None = None
    """The API keys, if ``$connect`` requires one."""
    stage: str = "dev"
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    throttle_rate: float = 10_000.0
    throttle_burst: int = 5_000
    api_id: str = "a1b2c3d4e5"
    account_id: str = "123456789012"
    region: str = "us-east-1"
    domain_name: str = ""
    """``domainName`` in events. Empty: the Host of the client's request, so that a handler that builds its endpoint from the
    event reaches this gateway."""
    limits: Limits = Limits()

    @property
    def method_arn(self) -> str:
        """The ARN that an authorizer must allow."""
        return f"arn:aws:execute-api:{self.region}:{self.account_id}:{self.api_id}/{self.stage}/{CONNECT}"


def select_route(expression: str, routes: Collection[str], text: str) -> str | None:
    """The key of the route for a message: the value of the expression if there is such a route, else ``$default``, else
    None."""
    key = _evaluate(expression, text)
    if key in routes and key not in (CONNECT, DISCONNECT):  # a message cannot select these
        return key
    return DEFAULT if DEFAULT in routes else None


def _evaluate(expression: str, text: str) -> str | None:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: nested too deeply
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


def _size(value: Any) -> int:
    try:
        return len(json.dumps(value))
    except RecursionError:
        raise ValueError("an authorizer's answer is nested too deeply") from None


def _stringified(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def has_identity(authorizer: Authorizer, headers: Pairs, query: Pairs) -> bool:
    """Whether the request has every identity source, and none is empty."""
    sent = {("header", name.lower()) for name, value in headers if value} | {
        ("querystring", name) for name, value in query if value
    }
    wanted = (_IDENTITY.sub(r"\1 \2", source).split(" ", 1) for source in authorizer.identity_sources)
    return all((where.lower(), name.lower() if where.lower() == "header" else name) in sent for where, name in wanted)


def permitted(result: Any, arn: str, limit_bytes: int) -> dict[str, Any] | None:
    """The context that an authorizer's answer adds to every later event; None if the answer denies. Raises ValueError if the
    answer is invalid.

    A policy allows ``arn`` if at least one statement allows it and no statement denies it.
    """
    if not isinstance(result, dict) or not isinstance(result.get("principalId"), str):
        raise ValueError("an authorizer's answer needs principalId and policyDocument")
    if _size(result) > limit_bytes:
        raise ValueError(f"an authorizer's answer may have at most {limit_bytes} bytes")
    context = result.get("context") or {}
    if not isinstance(context, dict) or any(isinstance(value, dict | list) for value in context.values()):
        raise ValueError("the values of an authorizer's context must be strings, numbers or booleans")
    policy = result.get("policyDocument")
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    effects = {one["Effect"] for one in _listed(statements) if _concerns(one, arn)}
    if effects != {"Allow"}:
        return None
    strings = {name: _stringified(value) for name, value in context.items() if value is not None}
    return {"principalId": result["principalId"], **strings}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _concerns(statement: Any, arn: str) -> bool:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise ValueError("a statement of a policy needs the Effect Allow or Deny")
    return any(_matches(action, "execute-api:Invoke", re.I) for action in _listed(statement.get("Action"))) and any(
        _matches(resource, arn) for resource in _listed(statement.get("Resource"))
    )


def _matches(pattern: Any, text: str, flags: int = 0) -> bool:
    if not isinstance(pattern, str):
        raise ValueError("Action and Resource of a statement must be strings")
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, flags) is not None


class Throttle:
    """A token bucket with ``burst`` tokens, refilled with ``rate`` tokens a second."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._filled_at = float(burst), 0.0

    def take(self, now: float) -> bool:
        """Takes one token at ``now`` (seconds). Returns False if there is none."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Quota:
    """Counts the requests of one API key in the period of its plan."""

    def __init__(self, plan: UsagePlan) -> None:
        self._plan, self._used, self._period = plan, plan.offset, -1

    def take(self, now: float) -> bool:
        """Counts one request at ``now`` (seconds since 1970). Returns False if the quota is used up."""
        if self._plan.quota is None:
            return True
        at = datetime.fromtimestamp(now, UTC)
        days = int(now // 86_400)
        period = {"DAY": days, "WEEK": (days + 3) // 7, "MONTH": at.year * 12 + at.month}[self._plan.period]
        if period != self._period:
            self._used = self._plan.offset if self._period == -1 else 0
            self._period = period
        if self._used >= self._plan.quota:
            return False
        self._used += 1
        return True
