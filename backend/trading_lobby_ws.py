"""The Lambda: an event in, one call of the service, an answer out.

One function for everything: the authorizer, the routes (``$connect``, ``$disconnect``, ``pos``, ``hello``, ``ping``,
``status``, ``$default``) and the table's stream. What is decided is decided in ``lobby.rules``.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from lobby.billing import Usage, bill, steps
from lobby.budget import BudgetState, budget_state
from lobby.errors import CODES, LobbyError, Refused, StoreError
from lobby.messages import Handshake
from lobby.presence import Presence
from lobby.serverless.aws import Client, DynamoDB, dynamodb_endpoint
from lobby.serverless.dynamodb import DynamoStore, changes
from lobby.serverless.invocation import SKEW_MS, WINDOW_GRACE_MS, ServerlessService
from lobby.serverless.posts import PostGateway
from lobby.settings import Settings
from lobby.telemetry import Metrics, log

Event = dict[str, Any]

SETTLE_MS = 10_000
"""How often an environment puts on the lobby's account what it used, and learns what all the others did."""

_log = logging.getLogger("lobby")


def handler(event: Event, context: Any) -> Event:
    """What AWS calls. Never raises because of a client; raises where the store fails, so that AWS counts it."""
    began_s, service = time.perf_counter(), None
    environment = _environment(context)
    try:
        service = environment.service(context)
        return _answer(event, service, context)
    except Exception as error:
        if str(error) != "Unauthorized":
            environment.metrics.measured("errors", 1)
        raise
    finally:
        if service is not None:
            environment.measure(service, event, (time.perf_counter() - began_s) * 1000)


def _answer(event: Event, service: ServerlessService, context: Any) -> Event:
    now = _now()
    if "Records" in event:
        service.announce(changes(event["Records"]), now)
        return {}
    if event.get("type") == "REQUEST":
        return authorize(event, service, context.aws_request_id, now)
    request = event["requestContext"]
    kind, connection = request["eventType"], request["connectionId"]
    known = request.get("authorizer") or {}
    if kind == "CONNECT":
        return connect(known, connection, service, now)
    sender = _sender(known, connection)
    if kind == "DISCONNECT":
        service.disconnected(sender.room, connection, now)
    elif kind == "MESSAGE":
        service.received(sender, event.get("body") or "", now, order=request["requestTimeEpoch"])
    return {"statusCode": 200}


def authorize(event: Event, service: ServerlessService, request_id: str, now: int) -> Event:
    """Answers API Gateway's REQUEST authorizer: who it is goes into every later event of the connection."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    query, fallback = event.get("queryStringParameters") or {}, f"player_{request_id.replace('-', '')[:8]}"
    try:
        who = service.admit(query, headers.get("origin"), headers.get("host", ""), fallback, now)
    except Refused as refused:
        log("refused", code=refused.code, detail=refused.detail)
        if CODES[refused.code].http == 401:
            raise Exception("Unauthorized") from None  # the one word that API Gateway makes a 401 of
        return _policy("refused", "Deny", event["methodArn"], {"code": refused.code})
    known = {"player_id": who.player, "room": who.room, "v": str(who.v), "name": who.name}
    return _policy(who.player, "Allow", event["methodArn"], known)


def connect(known: Event, connection: str, service: ServerlessService, now: int) -> Event:
    """Writes the row of a connection; the table's stream announces it."""
    handshake = Handshake(known.get("player_id", ""), known.get("room", "lobby"), known.get("name", ""), int(known.get("v", 1)))
    if not handshake.player:
        return {"statusCode": 403}  # nobody gets here past the authorizer
    try:
        service.connected(handshake, connection, now)
    except Refused as refused:
        log("refused", code=refused.code, detail=refused.detail, connection=connection)
        return {"statusCode": CODES[refused.code].http or 403}
    return {"statusCode": 200}


def _sender(known: Event, connection: str) -> Presence:
    player, room = known.get("player_id", ""), known.get("room", "lobby")
    return Presence(room, connection, player, v=int(known.get("v", 1)), name=known.get("name", ""))


def _policy(principal: str, effect: str, arn: str, context: Event) -> Event:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}
    return {"principalId": principal, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, "context": context}


class _Environment:
    """What one environment keeps from event to event: warm connections, settings, what it measured."""

    def __init__(self, context: Any) -> None:
        variables = os.environ
        missing = [name for name in ("LOBBY_TABLE", "LOBBY_ENDPOINT") if not variables.get(name)]
        if missing:
            raise LobbyError(f"The function has no {' and no '.join(missing)}; the template sets both.")
        self.settings = Settings.from_environment(variables)
        longest_ms, lives_ms = self.settings.window_ms + WINDOW_GRACE_MS + SKEW_MS, context.get_remaining_time_in_millis()
        if longest_ms > lives_ms:
            raise LobbyError(
                f"A window of {self.settings.window_ms} ms needs a timeout of {longest_ms / 1000:.1f} s or more (TimeoutS "
                f"in the template); this function has {lives_ms / 1000:.1f} s left when it begins."
            )
        self.clients = Client("dynamodb", dynamodb_endpoint(variables)), Client("execute-api", variables["LOBBY_ENDPOINT"])
        self.store = DynamoStore(DynamoDB(self.clients[0]), variables["LOBBY_TABLE"])
        self.gateway = PostGateway(self.clients[1])
        self.metrics = Metrics(variables.get("LOBBY_STAGE", "dev"))
        self.account = _Account(self.store, _dollars(variables))
        if "AWS_LAMBDA_FUNCTION_NAME" in variables and not _log.handlers:
            _log.addHandler(logging.StreamHandler(sys.stdout))  # lines as they are: Lambda would wrap JSON into JSON
            _log.setLevel(logging.INFO)
            _log.propagate = False

    def service(self, context: Any) -> ServerlessService:
        """The service of one invocation."""
        thrift = self.account.settled(_now())
        return ServerlessService(
            self.store,
            self.gateway,
            self.settings,
            holder=context.aws_request_id,
            clock=_now,
            wait=lambda ms: time.sleep(ms / 1000),
            lives_ms=context.get_remaining_time_in_millis(),
            thrift=thrift,
        )

    def measure(self, service: ServerlessService, event: Event, handler_ms: float) -> None:
        """Notes what an invocation did and used, and writes it now and then."""
        self.account.note(service, event, handler_ms)
        self.metrics.measured("handler_ms", round(handler_ms, 1))
        for name, value in service.measured:
            self.metrics.measured(name, value)
        line = self.metrics.line(_now())
        if line is not None:
            print(line, flush=True)


class _Account:
    """What this environment used and has not put on the lobby's account yet. ``daily`` is what all may spend a day, in dollars;
    0 for as much as it takes."""

    def __init__(self, store: DynamoStore, daily: float) -> None:
        self._store, self._daily = store, daily
        self._usage, self._thrift = Usage(), BudgetState()
        self._settled_ms = 0

    def note(self, service: ServerlessService, event: Event, handler_ms: float) -> None:
        """An invocation has ended. Connection time, logs and traffic are not counted: a thirtieth, together."""
        memory_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"))
        is_message = event.get("requestContext", {}).get("eventType") == "MESSAGE"
        self._usage += Usage(
            messages_in=steps(len(event.get("body") or "")) if is_message else 0,
            messages_out=sum(times for (counted, _), times in service.counts.items() if counted == "frames"),
            invocations=1,
            gb_ms=handler_ms * memory_mb / 1024,
        )

    def settled(self, now: int) -> BudgetState:
        """What is known of the budget."""
        if not self._daily:
            return BudgetState(as_of_ms=now)
        if now - self._settled_ms >= SETTLE_MS:
            usage, self._settled_ms = self._usage + self._store.used, now
            try:
                spent = self._store.spend(bill(usage).total, now)
            except StoreError as error:  # it stays on this account, and nobody has to wait for it
                log("not_settled", logging.WARNING, detail=str(error))
                return self._thrift
            self._usage, self._store.used = Usage(), Usage()
            self._thrift = budget_state(spent, self._daily, now)
        return self._thrift


def _dollars(variables: Mapping[str, str]) -> float:
    text = variables.get("LOBBY_DAILY_BUDGET") or "0"
    try:
        daily = float(text)
    except ValueError:
        daily = -1.0
    if not 0 <= daily < math.inf:
        raise LobbyError(f"LOBBY_DAILY_BUDGET is {text!r}; it must be dollars a day, 0 for as much as it takes.")
    return daily


# By thread: on AWS an environment has one; a local API Gateway may have many environments in one process.
_kept: dict[int, _Environment] = {}


def _environment(context: Any) -> _Environment:
    thread = threading.get_ident()
    if thread not in _kept:
        _kept[thread] = _Environment(context)
    return _kept[thread]


def _now() -> int:
    return time.time_ns() // 1_000_000
