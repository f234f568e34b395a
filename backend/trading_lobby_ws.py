"""The Lambda: an event in, one call of the driver (``lobby.serverless.invocation``), an answer out.

One function handles everything: the authorizer, the routes (``$connect``, ``$disconnect``, ``pos``, ``hello``, ``ping``,
``status``, ``$default``) and the stream of the table. The decisions are in ``lobby.rules``.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lobby.admission import admit
from lobby.billing import Usage, bill, steps
from lobby.budget import BudgetState, budget_state
from lobby.errors import CODES, LobbyError, Refused, StoreError
from lobby.messages import Handshake
from lobby.presence import Presence
from lobby.roomfile import IN_ZIP, with_rooms
from lobby.serverless.aws import DynamoDB, ServiceClient, dynamodb_endpoint
from lobby.serverless.broadcast import WINDOW_GRACE_MS
from lobby.serverless.dynamodb import DynamoStore, changes
from lobby.serverless.invocation import Invocation
from lobby.serverless.lock import SKEW_MS
from lobby.serverless.posts import PostGateway
from lobby.settings import Settings, unknown_variables
from lobby.telemetry import Metrics, log

Event = dict[str, Any]

SETTLE_MS = 10_000
"""How often an environment adds what it used to the account of the lobby, and reads what all environments have used."""

_log = logging.getLogger("lobby")


def handler(event: Event, context: Any) -> Event:
    """What AWS calls. Never raises because of a client; raises where the store fails, so that AWS counts it."""
    began_s, invocation = time.perf_counter(), None
    environment = _environment(context)
    try:
        invocation = environment.invocation(context)
        return _answer(event, environment, invocation, context)
    except Exception as error:
        if str(error) != "Unauthorized":
            environment.metrics.measured("errors", 1)
        raise
    finally:
        if invocation is not None:
            environment.measure(invocation, event, (time.perf_counter() - began_s) * 1000)


def _answer(event: Event, environment: FunctionEnvironment, invocation: Invocation, context: Any) -> Event:
    now = clock_ms()
    if "Records" in event:
        invocation.announce(changes(event["Records"]))
        return {}
    if event.get("type") == "REQUEST":
        return authorize(event, environment.settings, context.aws_request_id, now)
    request = event["requestContext"]
    kind, connection = request["eventType"], request["connectionId"]
    known = request.get("authorizer") or {}
    if kind == "CONNECT":
        return {**connect(known, connection, invocation, now), **_subprotocol(event)}
    sender = _sender(known, connection)
    if kind == "DISCONNECT":
        invocation.disconnected(sender.room, connection)
    elif kind == "MESSAGE":
        body: str = event.get("body") or ""
        invocation.received(sender, body.encode(errors="surrogatepass"), now, order=request["requestTimeEpoch"])
    return {"statusCode": 200}


def authorize(event: Event, settings: Settings, request_id: str, now: int) -> Event:
    """Answers API Gateway's REQUEST authorizer. The player and its room go into every later event of the connection."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    query, fallback = event.get("queryStringParameters") or {}, f"player_{request_id.replace('-', '')[:8]}"
    try:
        player = admit(query, headers.get("origin"), headers.get("host", ""), fallback, settings, now)
    except Refused as refused:
        log("refused", code=refused.code, detail=refused.detail)
        if CODES[refused.code].http == 401:
            raise Exception("Unauthorized") from None  # API Gateway answers 401 to exactly this word
        return _policy("refused", "Deny", event["methodArn"], {"code": refused.code})
    known = {"player_id": player.player, "room": player.room, "v": str(player.v), "name": player.name}
    # API Gateway passes texts only, and charges nothing for them.
    known |= {"watch": "1"} if player.watch else {}
    known |= {"is_named": "1"} if player.is_named else {}
    known |= {"granted": json.dumps(player.granted, ensure_ascii=False)} if player.granted else {}
    return _policy(player.player, "Allow", event["methodArn"], known)


def connect(known: Event, connection: str, invocation: Invocation, now: int) -> Event:
    """Adds the row of a connection; the stream of the table reports it to another invocation."""
    handshake = Handshake(
        known.get("player_id", ""),
        known.get("room", "lobby"),
        known.get("name", ""),
        int(known.get("v", 1)),
        watch=bool(known.get("watch")),
        granted=json.loads(known.get("granted", "{}")),
        is_named=bool(known.get("is_named")),
    )
    if not handshake.player:
        return {"statusCode": 403}  # the authorizer lets no such event through
    try:
        invocation.connected(handshake, connection, now)
    except Refused as refused:
        log("refused", code=refused.code, detail=refused.detail, connection=connection)
        return {"statusCode": CODES[refused.code].http or 403}
    return {"statusCode": 200}


def _subprotocol(event: Event) -> Event:
    """The headers that select the first subprotocol of a client that offers some. A browser ends a connection without one."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    offered = [one.strip() for one in headers.get("sec-websocket-protocol", "").split(",")]
    return {"headers": {"Sec-WebSocket-Protocol": offered[0]}} if offered[0] else {}


def _sender(known: Event, connection: str) -> Presence:
    room, is_named, watch = known.get("room", "lobby"), bool(known.get("is_named")), bool(known.get("watch"))
    player = f"#{connection}" if watch else known.get("player_id", "")
    name, v = known.get("name", ""), int(known.get("v", 1))
    return Presence(room, connection, player, v=v, name=name, is_named=is_named, watch=watch)


def _policy(principal: str, effect: str, arn: str, context: Event) -> Event:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}
    return {"principalId": principal, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}, "context": context}


class FunctionEnvironment:
    """What one environment of the function keeps between events: open connections, settings, what it measured."""

    def __init__(self, context: Any) -> None:
        variables = os.environ
        missing = [name for name in ("LOBBY_TABLE", "LOBBY_ENDPOINT") if not variables.get(name)]
        if missing:
            raise LobbyError(f"The function's environment lacks {' and '.join(missing)}. The template sets both.")
        own_rooms = Path(__file__).with_name(IN_ZIP)
        self.settings = with_rooms(Settings.from_environment(variables), own_rooms if own_rooms.exists() else None)
        longest_ms, lives_ms = self.settings.window_ms + WINDOW_GRACE_MS + SKEW_MS, context.get_remaining_time_in_millis()
        if longest_ms > lives_ms:
            raise LobbyError(
                f"A window of {self.settings.window_ms} ms needs a timeout of {longest_ms / 1000:.1f} s or more (TimeoutS "
                f"in the template); this function has {lives_ms / 1000:.1f} s left when it begins."
            )
        self.clients = (
            ServiceClient("dynamodb", dynamodb_endpoint(variables)),
            ServiceClient("execute-api", variables["LOBBY_ENDPOINT"]),
        )
        self.store = DynamoStore(DynamoDB(self.clients[0]), variables["LOBBY_TABLE"])
        self.gateway = PostGateway(self.clients[1])
        self.metrics = Metrics(variables.get("LOBBY_STAGE", "dev"))
        self.account = _Account(self.store, _dollars(variables))
        if "AWS_LAMBDA_FUNCTION_NAME" in variables and not _log.handlers:
            _log.addHandler(logging.StreamHandler(sys.stdout))  # lines as they are: Lambda would wrap JSON into JSON
            _log.setLevel(logging.INFO)
            _log.propagate = False
        for name, meant in unknown_variables(variables).items():
            log("unknown_variable", logging.WARNING, name=name, meant=meant)

    def invocation(self, context: Any) -> Invocation:
        """The driver of one invocation."""
        budget = self.account.settled(clock_ms())
        return Invocation(
            self.store,
            self.gateway,
            self.settings,
            holder=context.aws_request_id,
            clock=clock_ms,
            wait=wait,
            lives_ms=context.get_remaining_time_in_millis(),
            budget=budget,
        )

    @property
    def unsettled(self) -> Usage:
        """What this environment used and has not added to the account of the lobby yet."""
        return self.account.usage + self.store.used

    def close(self) -> None:
        """Closes the connections to AWS."""
        for client in self.clients:
            client.close()

    def measure(self, invocation: Invocation, event: Event, handler_ms: float) -> None:
        """Notes what an invocation did and used, and writes it to the log now and then."""
        self.account.note(invocation, event, handler_ms)
        self.metrics.measured("handler_ms", round(handler_ms, 1))
        for name, value in invocation.measured:
            self.metrics.measured(name, value)
        line = self.metrics.line(clock_ms())
        if line is not None:
            print(line, flush=True)


class _Account:
    """What this environment used and has not added to the account of the lobby yet.

    ``daily`` is what all environments together may spend a day, in dollars; 0: no limit.
    """

    def __init__(self, store: DynamoStore, daily: float) -> None:
        self._store, self._daily = store, daily
        self._usage, self._budget = Usage(), BudgetState()
        self._settled_ms = 0

    @property
    def usage(self) -> Usage:
        """What invocations used, without the table."""
        return self._usage

    def note(self, invocation: Invocation, event: Event, handler_ms: float) -> None:
        """An invocation has ended. Connection time, logs and traffic are not counted: together they are a thirtieth."""
        memory_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"))
        is_message = event.get("requestContext", {}).get("eventType") == "MESSAGE"
        self._usage += Usage(
            messages_in=steps(len(event.get("body") or "")) if is_message else 0,
            messages_out=sum(times for (counted, _), times in invocation.counts.items() if counted == "frames"),
            invocations=1,
            gb_ms=handler_ms * memory_mb / 1024,
        )

    def settled(self, now: int) -> BudgetState:
        """The budget state that this environment knows."""
        if not self._daily:
            return BudgetState(as_of_ms=now)
        if now - self._settled_ms >= SETTLE_MS:
            usage, self._settled_ms = self._usage + self._store.used, now
            try:
                spent = self._store.spend(bill(usage).total, now)
            except StoreError as error:  # it stays on this account until the next try; no invocation has to wait
                log("not_settled", logging.WARNING, detail=str(error))
                return self._budget
            self._usage, self._store.used = Usage(), Usage()
            self._budget = budget_state(spent, self._daily, now)
        return self._budget


def _dollars(variables: Mapping[str, str]) -> float:
    text = variables.get("LOBBY_DAILY_BUDGET") or "0"
    try:
        daily = float(text)
    except ValueError:
        daily = -1.0
    if not 0 <= daily < math.inf:
        raise LobbyError(f"LOBBY_DAILY_BUDGET is {text!r}; it must be dollars a day; 0 means no limit.")
    return daily


environments: dict[int, FunctionEnvironment] = {}
"""The environments of this process by thread (``threading.get_ident``). An environment on AWS has one thread; a local API
Gateway may have many environments in one process."""


def _environment(context: Any) -> FunctionEnvironment:
    thread = threading.get_ident()
    if thread not in environments:
        environments[thread] = FunctionEnvironment(context)
    return environments[thread]


def wait(ms: int) -> None:
    """Lets an invocation wait for this many ms."""
    time.sleep(ms / 1000)


def clock_ms() -> int:
    """Milliseconds since 1970, for all invocations."""
    return time.time_ns() // 1_000_000
