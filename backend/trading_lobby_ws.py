"""The Lambda: an event in, one call of the service, an answer out.

One function for everything: the authorizer, the routes (``$connect``, ``$disconnect``, ``pos``, ``hello``, ``ping``,
``status``, ``$default``) and the table's stream. What is decided is decided in ``lobby.rules``.
"""

from __future__ import annotations

import logging
import os
import time
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from lobby.errors import CODES, LobbyError, Refused
from lobby.gateways.apigateway import THREADS, PostGateway
from lobby.messages import Handshake
from lobby.presence import Presence
from lobby.serverless import ServerlessService
from lobby.settings import Settings
from lobby.stores.dynamodb import DynamoStore, changes
from lobby.telemetry import log

logging.getLogger("lobby").setLevel(logging.INFO)

Event = dict[str, Any]


def handler(event: Event, context: Any) -> Event:
    """What AWS calls. Never raises because of a client; raises where the store fails, so that AWS counts it."""
    now = _now()
    if "Records" in event:
        _service(context).announce(changes(event["Records"]), now)
        return {}
    if event.get("type") == "REQUEST":
        return authorize(event, context, now)
    request = event["requestContext"]
    kind, connection = request["eventType"], request["connectionId"]
    known = request.get("authorizer") or {}
    if kind == "CONNECT":
        return connect(known, connection, context, now)
    sender = _sender(known, connection)
    if kind == "DISCONNECT":
        _service(context).disconnected(sender.room, connection, now)
    elif kind == "MESSAGE":
        _service(context).received(sender, event.get("body") or "", now, order=request["requestTimeEpoch"])
    return {"statusCode": 200}


def authorize(event: Event, context: Any, now: int) -> Event:
    """Answers API Gateway's REQUEST authorizer: who it is goes into every later event of the connection."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    query, fallback = event.get("queryStringParameters") or {}, f"player_{context.aws_request_id.replace('-', '')[:8]}"
    try:
        who = _service(context).admit(query, headers.get("origin"), headers.get("host", ""), fallback, now)
    except Refused as refused:
        log("refused", code=refused.code, detail=refused.detail)
        if CODES[refused.code].http == 401:
            raise Exception("Unauthorized") from None  # the one word that API Gateway makes a 401 of
        return _policy("refused", "Deny", event["methodArn"], {"code": refused.code})
    known = {"player_id": who.player, "room": who.room, "v": str(who.v), "name": who.name}
    return _policy(who.player, "Allow", event["methodArn"], known)


def connect(known: Event, connection: str, context: Any, now: int) -> Event:
    """Writes the row of a connection; the table's stream announces it."""
    handshake = Handshake(known.get("player_id", ""), known.get("room", "lobby"), known.get("name", ""), int(known.get("v", 1)))
    if not handshake.player:
        return {"statusCode": 403}  # nobody gets here past the authorizer
    try:
        _service(context).connected(handshake, connection, now)
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


@cache
def _parts() -> tuple[DynamoStore, PostGateway, Settings]:
    """What one environment keeps from event to event."""
    missing = [name for name in ("LOBBY_TABLE", "LOBBY_ENDPOINT") if not os.environ.get(name)]
    if missing:
        raise LobbyError(f"The function has no {' and no '.join(missing)}; the template sets both.")
    config = Config(
        connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1}, max_pool_connections=THREADS, tcp_keepalive=True
    )
    store = DynamoStore(boto3.client("dynamodb", config=config), os.environ["LOBBY_TABLE"])
    posts = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["LOBBY_ENDPOINT"], config=config)
    return store, PostGateway(posts), Settings.from_environment(os.environ)


def _service(context: Any) -> ServerlessService:
    store, gateway, settings = _parts()
    return ServerlessService(store, gateway, settings, store, holder=context.aws_request_id, wait=_wait)


def _wait(ms: int) -> int:
    time.sleep(ms / 1000)
    return _now()


def _now() -> int:
    return time.time_ns() // 1_000_000
