"""The gateway: sockets and HTTP on one port, by aiohttp. Its decisions are in the pure modules beside this one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http_websocket import WebSocketError

from lobby.addresses import in_url, listening, reachable
from lobby.emulator import events, signatures
from lobby.emulator.answers import connect_answer, response_body
from lobby.emulator.api import (
    CONNECT,
    DISCONNECT,
    Api,
    Pairs,
    Quota,
    Throttle,
    UsagePlan,
    has_identity,
    permitted,
    select_route,
)
from lobby.emulator.connections import CLOSE_S, EmulatedConnection, FilteredProtocol
from lobby.emulator.environments import Environments, HandlerError, Invoke, ThreadEnvironment
from lobby.emulator.frames import FrameFilter
from lobby.emulator.functions import LambdaFunction
from lobby.emulator.handshakes import address, refusal
from lobby.emulator.meters import Meter, no_meter
from lobby.logs import bounded_logger

T = TypeVar("T")

NO_CODE, LOST = 1005, 1006
"""Close codes that are never sent: for a close frame without a code, and for a connection without a close frame."""

REASONS = {NO_CODE: "Client-side close frame status not set", LOST: "Connection closed abnormally"}


PageLookup = Callable[[str], tuple[bytes, str] | None]
"""Takes the path of a request; returns body and content type of a page, or None if there is no such page."""

SWEEP_S = 1.0
"""Pause between two checks for connections that have been idle, or open, for too long."""

KEEP_ALIVE_S = 75.0
"""How long a TCP connection may wait for another HTTP request."""

BODY_S = 10.0
"""How long the body of a request may take."""

BACKLOG = 1024
"""How many clients may wait to be accepted."""

PAGE_HEADERS = {"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff"}
"""No other page may show a page of ours in a frame, where its visitor could be made to click in it."""

DATA_AND_PINGS = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG)

GRACE_S = 5.0
"""How long handlers may run on when the gateway stops."""


def no_page(path: str) -> tuple[bytes, str] | None:
    """Has no pages."""


@dataclass(frozen=True)
class GatewayFaults:
    """Delays and faults of a gateway. All functions are called in the event loop."""

    delay: Callable[[str], float] = lambda kind: 0.0
    """Seconds to wait before a step of this kind: ``connect``, ``message``, ``disconnect``, ``invoke``, ``post``."""
    lose_disconnect: Callable[[str], bool] = lambda connection: False
    """Whether ``$disconnect`` of this connection is never delivered. AWS does not guarantee it."""
    refuse_post: Callable[[str], bool] = lambda connection: False
    """Whether a post to this connection is answered with 429."""


@dataclass(frozen=True)
class FunctionOptions:
    """How a gateway runs a handler that is a plain callable. ``cold_start`` is called in the thread of each new environment
    before its first event."""

    name: str = "handler"
    memory_mb: int = 512
    concurrency: int = 1000
    cold_start: Callable[[], object] | None = None


class ApiGateway:
    """One stage of a WebSocket API, and the Lambda functions behind it. ``async with`` it, or call :meth:`start` and
    :meth:`stop`.

    ``invoke`` answers every route; ``authorize`` is the authorizer, if that is another function. Each is a handler, which runs
    in threads with the ``function`` options, or the Environments of a function. ``invoke`` may also map the names of functions,
    as in the routes of the ``api``, to Environments.

    ``meter(kind, **numbers)`` is called with ``message_in`` and ``message_out`` (bytes), ``connection_closed`` (seconds),
    ``invocation`` (ms, init_ms, memory_mb, cold) and ``post`` (status, bytes), which is enough for a bill. ``page`` returns
    pages that are served beside the stage; other paths get 403, as on AWS. ``credentials`` maps access keys to secret keys;
    None: signatures of posts are not checked.

    ``clock()`` returns seconds since 1970, for times in events, for the limits of idle time and duration, and for throttles.
    Without it limits and throttles use the monotonic clock, so a system clock that is set changes none of them.
    """

    def __init__(
        self,
        api: Api,
        invoke: Invoke | Environments | Mapping[str, Environments],
        *,
        authorize: Invoke | Environments | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        credentials: Mapping[str, str] | None = None,
        clock: Callable[[], float] | None = None,
        meter: Meter = no_meter,
        page: PageLookup = no_page,
        faults: GatewayFaults = GatewayFaults(),
        function: FunctionOptions = FunctionOptions(),
    ) -> None:
        self.api, self.host, self.port = api, host, port
        self._credentials, self._meter = credentials, meter
        self._clock, self._elapsed = clock or time.time, clock or time.monotonic
        self._page, self._faults = page, faults
        self._functions = invoke if isinstance(invoke, Mapping) else {"": self._environments(invoke, function, function.name)}
        self._authorizer = None if authorize is None else self._environments(authorize, function, f"{function.name}-authorizer")
        self._messages = Throttle(api.throttle_rate, api.throttle_burst)
        self._connects = Throttle(api.limits.connect_rate, api.limits.connect_burst)
        self._callbacks = Throttle(api.limits.callback_rate, api.limits.callback_burst)
        self._routes = {key: Throttle(*route.throttle) for key, route in api.routes.items() if route.throttle is not None}
        plans = api.keys.plans if api.keys is not None else {}
        self._plans = {value: (_plan_throttle(plan), Quota(plan)) for value, (_, plan) in plans.items()}
        self._connections: dict[str, EmulatedConnection] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._http: web.Server
        self._server: asyncio.Server

    def _environments(self, invoke: Invoke | Environments, options: FunctionOptions, name: str) -> Environments:
        if isinstance(invoke, Environments):
            return invoke
        arn = f"arn:aws:lambda:{self.api.region}:{self.api.account_id}:function:{name}"
        return Environments(
            lambda number: ThreadEnvironment(number, invoke, options.cold_start),
            LambdaFunction(
                name,
                arn,
                memory_mb=options.memory_mb,
                timeout_s=self.api.limits.integration_s,
                concurrency=options.concurrency,
            ),
            meter=self._meter,
        )

    @property
    def address(self) -> str:
        """Host and port as URLs contain them. An address that means every network becomes the one of this machine."""
        return f"{in_url(reachable(self.host))}:{self.port}"

    @property
    def url(self) -> str:
        """The WebSocket address of the stage."""
        return f"ws://{self.address}/{self.api.stage}"

    @property
    def endpoint(self) -> str:
        """The ``endpoint_url`` for boto3's client ``apigatewaymanagementapi``."""
        return f"http://{self.address}/{self.api.stage}"

    @property
    def connections(self) -> frozenset[str]:
        """The ids of all open connections."""
        return frozenset(self._connections)

    @property
    def open_s(self) -> float:
        """The sum of the times for which they have been open, in seconds."""
        return sum(self._elapsed() - one.opened_at for one in self._connections.values())

    # ── beginning and end ───────────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Starts listening. With port 0 the system chooses a port, which is then in :attr:`port`."""
        logger = bounded_logger(f"{__name__}.http")
        self._http = web.Server(
            self.handle, logger=logger, access_log=None, keepalive_timeout=KEEP_ALIVE_S, lingering_time=CLOSE_S
        )
        self._server = await asyncio.get_running_loop().create_server(
            lambda: FilteredProtocol(self._http), **listening(self.host, self.port, BACKLOG)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._sweeper = asyncio.create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Closes every connection with 1001, waits for handlers and ``$disconnect``, and stops."""
        self._is_stopping = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._connections.values()):
            self._cut(connection, WSCloseCode.GOING_AWAY, "Going away")
        try:
            async with asyncio.timeout(GRACE_S):
                while self._tasks:
                    await asyncio.wait(set(self._tasks))
        except TimeoutError:
            for task in self._tasks:
                task.cancel()
        self._server.close()
        self._http.pre_shutdown()  # does not wait for connections that are only kept alive
        await self._http.shutdown(CLOSE_S)
        await self._server.wait_closed()
        for pool in self._pools:
            await pool.finish(GRACE_S)

    @property
    def _pools(self) -> set[Environments]:
        return {*self._functions.values(), *(() if self._authorizer is None else [self._authorizer])}

    @property
    def environments(self) -> int:
        """The number of environments of all functions."""
        return sum(map(len, self._pools))

    def _function_of(self, route_key: str) -> Environments:
        """The environments of the function behind a route."""
        return self._functions[self.api.routes[route_key].function]

    def sweep(self) -> None:
        """Closes connections that have been idle, or open, for too long. It runs every :data:`SWEEP_S`; a test with its own
        clock may call it."""
        now, limits = self._elapsed(), self.api.limits
        for one in list(self._connections.values()):
            if now - one.active_at >= limits.idle_s or now - one.opened_at >= limits.duration_s:
                self._cut(one, WSCloseCode.GOING_AWAY, "Going away")

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _pause(self, kind: str) -> None:
        if (seconds := self._faults.delay(kind)) > 0:
            await asyncio.sleep(seconds)

    async def _invoke(self, pool: Environments, event: events.LambdaEvent, timeout_s: float | None = None) -> Any:
        async with asyncio.timeout(self.api.limits.integration_s if timeout_s is None else timeout_s):
            await self._pause("invoke")
            return await pool.call(event)

    # ── connecting ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers a request to the API, on a transport whose protocol is a FilteredProtocol."""
        path, query = address(request.raw_path)
        callbacks = f"/{self.api.stage}/@connections/"
        if path.startswith(callbacks):
            return await self._callback(request, path.removeprefix(callbacks))
        if path.rstrip("/") != f"/{self.api.stage}":
            page = self._page(path) if request.method in ("GET", "HEAD") and "Upgrade" not in request.headers else None
            if page is not None:
                return web.Response(body=page[0], content_type=page[1], charset="utf-8", headers=PAGE_HEADERS)
            return _last(_error(403, "ForbiddenException", "Forbidden"))
        # In a task of its own: a client that leaves while $connect is pending must not cancel the handler.
        return await asyncio.shield(self._spawn(self._connect(request, query)))

    async def _connect(self, request: web.BaseRequest, query: Pairs) -> web.StreamResponse:
        """Opens a connection and serves it to its end, or refuses it."""
        opened_at = self._elapsed()
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        protocol = request.transport.get_protocol() if request.transport is not None else None
        if self._is_stopping:
            return _last(_error(503, "ServiceUnavailableException", "Service Unavailable"))
        if (refused := refusal(request.method, request.version, headers)) is not None:
            response = _error(refused.status, "BadRequestException", refused.message)
            response.headers["Sec-WebSocket-Version"] = "13"
            return _last(response)
        if not isinstance(protocol, FilteredProtocol) or not protocol.is_handshake:
            return _last(_error(400, "BadRequestException", "A WebSocket needs a TCP connection of its own"))
        if not self._connects.take(opened_at):
            return _last(_error(429, "LimitExceededException", "Too Many Requests"))
        await self._pause("connect")
        upgrade = events.UpgradeRequest(headers=headers, query=query, trace_id=events.new_trace_id(self._clock()))
        info = events.ConnectionInfo(
            connection_id=events.new_id(),
            connected_ms=int(self._clock() * 1000),
            domain_name=self.api.domain_name or request.headers.get("Host", ""),
            source_ip=request.remote or "",
            user_agent=request.headers.get("User-Agent"),
        )
        if not self._is_within(CONNECT, opened_at):
            return _last(_error(429, "TooManyRequestsException", "Too Many Requests"))
        signed = self._signed(request, info)
        if isinstance(signed, web.Response):
            return _last(signed)
        authorized = await self._authorized(signed, upgrade)
        if not isinstance(authorized, web.Response):
            authorized = self._with_key(authorized, upgrade)
        if isinstance(authorized, web.Response):
            return _last(authorized)
        answer = await self._connect_route(authorized, upgrade)
        if isinstance(answer, web.Response):
            return _last(answer)
        socket_ = web.WebSocketResponse(
            timeout=CLOSE_S, autoclose=False, autoping=False, compress=False, max_msg_size=self.api.limits.message_bytes + 1
        )
        socket_.headers.extend(answer)
        await self._serve(request, socket_, authorized, opened_at)
        return socket_

    def _is_within(self, route_key: str, now: float) -> bool:
        """Whether the throttle of a route, if it has one, admits a request."""
        throttle = self._routes.get(route_key)
        return throttle is None or throttle.take(now)

    def _signed(self, request: web.BaseRequest, info: events.ConnectionInfo) -> events.ConnectionInfo | web.Response:
        """The connection with the caller that signed its request, or a refusal. Unchanged if no signature is required."""
        if not self.api.requires_signature:
            return info
        found = signatures.verify_handshake(request, secrets=self._credentials or {}, region=self.api.region)
        if isinstance(found, signatures.Refusal):
            return _error(403, found.type, found.message)
        account = self.api.account_id
        caller = {
            "accountId": account,
            "caller": found,
            "accessKey": found,
            "userArn": f"arn:aws:iam::{account}:user/emulator",
            "user": found,
        }
        return replace(info, caller=caller)

    def _with_key(self, info: events.ConnectionInfo, upgrade: events.UpgradeRequest) -> events.ConnectionInfo | web.Response:
        """The connection with its API key, or a refusal. Unchanged if no key is required."""
        if self.api.keys is None:
            return info
        if self.api.keys.is_from_authorizer:
            value = info.usage_key
        else:
            value = next((text for name, text in upgrade.headers if name.lower() == "x-api-key"), "")
        if value not in self.api.keys.plans:
            return _error(403, "ForbiddenException", "Forbidden")
        throttle, quota = self._plans[value]
        if not throttle.take(self._elapsed()):
            return _error(429, "TooManyRequestsException", "Too Many Requests")
        if not quota.take(self._clock()):
            return _error(429, "LimitExceededException", "Limit Exceeded")
        key = {"apiKey": value, "apiKeyId": self.api.keys.plans[value][0]}
        return replace(info, caller={**(info.caller or {}), **key})

    async def _connect_route(
        self, info: events.ConnectionInfo, upgrade: events.UpgradeRequest
    ) -> list[tuple[str, str]] | web.Response:
        """The headers of the answer of ``$connect``, or a refusal."""
        if CONNECT not in self.api.routes or not self.api.routes[CONNECT].integration:
            return []
        try:
            event = events.connect_event(self.api, info, upgrade, self._clock())
            timeout_s = self.api.routes[CONNECT].timeout_s
            status, headers = connect_answer(await self._invoke(self._function_of(CONNECT), event, timeout_s))
        except TimeoutError:
            return _error(504, "TimeoutException", "Endpoint request timed out")
        except (HandlerError, ValueError, RecursionError):
            return _error(502, "InternalServerErrorException", "Internal server error")
        return headers if 200 <= status < 300 else web.Response(status=status, headers=headers)

    async def _authorized(
        self, info: events.ConnectionInfo, upgrade: events.UpgradeRequest
    ) -> events.ConnectionInfo | web.Response:
        """The connection with the context of the authorizer's answer, or a refusal. Without an authorizer: unchanged."""
        if self.api.authorizer is None:
            return info
        if not has_identity(self.api.authorizer, upgrade.headers, upgrade.query):
            return _error(401, "UnauthorizedException", "Unauthorized")
        event = events.authorizer_event(self.api, info, upgrade, self._clock())
        began = time.perf_counter()
        try:
            pool = self._function_of(CONNECT) if self._authorizer is None else self._authorizer
            answer = await self._invoke(pool, event)
            context = permitted(answer, self.api.method_arn, self.api.limits.authorizer_bytes)
        except HandlerError as error:
            if str(error) == "Unauthorized":  # the one message by which an authorizer can refuse
                return _error(401, "UnauthorizedException", "Unauthorized")
            return _error(500, "AuthorizerFailureException", "Internal server error")
        except (TimeoutError, ValueError, RecursionError):
            return _error(500, "AuthorizerConfigurationException", "Internal server error")
        if context is None:
            return _error(403, "AccessDeniedException", "User is not authorized to access this resource")
        info = replace(info, usage_key=str(answer.get("usageIdentifierKey", "")))
        return info.authorized({**context, "integrationLatency": int((time.perf_counter() - began) * 1000)})

    # ── being connected ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _serve(
        self, request: web.BaseRequest, socket_: web.WebSocketResponse, info: events.ConnectionInfo, opened_at: float
    ) -> None:
        code, reason = LOST, REASONS[LOST]
        transport = request.transport
        if transport is not None:  # else the client has left while $connect was pending
            connection = EmulatedConnection(
                socket_, transport, info, opened_at, self._elapsed(), self.api.limits.messages_at_once
            )
            limits = self.api.limits
            small = Throttle(limits.small_frame_rate, limits.small_frame_burst)
            protocol = transport.get_protocol()
            assert isinstance(protocol, FilteredProtocol)
            protocol.watch(
                FrameFilter(limits.frame_bytes, limits.message_bytes, lambda: small.take(self._elapsed())),
                lambda violation: self._cut(connection, *violation, half=True),
            )
            try:
                await socket_.prepare(request)
                # Each post checks how much already waits for a slow reader; nothing here waits for the reader itself.
                connection.transport.set_write_buffer_limits(high=1 << 30)
                self._connections[info.connection_id] = connection
                code, reason = await self._listen(connection)
            except OSError:
                pass
            finally:
                self._connections.pop(info.connection_id, None)
        self._meter("connection_closed", seconds=self._elapsed() - opened_at)
        await self._disconnected(info, code, reason)

    async def _listen(self, connection: EmulatedConnection) -> tuple[int, str]:
        """Receives messages until the connection ends. Returns the close code and reason."""
        while True:
            message = await connection.socket.receive()
            if connection.cut is not None and message.type in DATA_AND_PINGS:
                pass  # the client sent it before it received our close frame
            elif message.type is WSMsgType.PING:
                if self._has_space(connection):  # else the client does not read; RFC 6455 lets us answer only the last ping
                    await connection.pong(message.data)
            elif message.type is WSMsgType.PONG:
                pass
            elif message.type is WSMsgType.TEXT:
                # A client that sends faster than handlers run waits; else its messages would take every environment.
                had_to_wait = connection.turns.locked()
                await connection.turns.acquire()
                if had_to_wait and connection.transport.is_closing():
                    break  # the client has left: the rest of its flood is discarded
                self._spawn(self._received(connection, message.data)).add_done_callback(lambda _: connection.turns.release())
            elif message.type is WSMsgType.BINARY:
                self._cut(connection, WSCloseCode.UNSUPPORTED_DATA, "Binary frames are not supported")
            else:
                break
        connection.over.set()
        if connection.cut is not None:
            connection.transport.close()
            return connection.cut
        if message.type is WSMsgType.CLOSE:
            code = message.data or NO_CODE
            await connection.socket.close(code=message.data or WSCloseCode.OK)
            return code, message.extra or REASONS.get(code, "")
        if isinstance(message.data, WebSocketError):
            return message.data.code, str(message.data)
        return LOST, REASONS[LOST]

    async def _received(self, connection: EmulatedConnection, text: str) -> None:
        info, now, request_id = connection.info, self._clock(), events.new_id()
        connection.active_at = self._elapsed()
        self._meter("message_in", bytes=len(text.encode()))

        def answer(message: str) -> None:
            body = {"message": message, "connectionId": info.connection_id, "requestId": request_id}
            self._send(connection, json.dumps(body))

        route_key = select_route(self.api.route_selection_expression, self.api.routes, text)
        if not self._messages.take(connection.active_at):
            answer("Too Many Requests")
        elif route_key is None:
            answer("Forbidden")
        elif not self._is_within(route_key, connection.active_at):
            answer("Too Many Requests")
        elif not self.api.routes[route_key].integration:
            answer("Internal server error")
        else:
            await self._pause("message")
            event = events.message_event(self.api, info, route_key, text, request_id, now)
            try:
                result = await self._invoke(self._function_of(route_key), event, self.api.routes[route_key].timeout_s)
                if self.api.routes[route_key].response and (body := response_body(result)) is not None:
                    self._send(connection, body)
            except TimeoutError:
                answer("Endpoint request timed out")
            except (HandlerError, ValueError, RecursionError):
                answer("Internal server error")

    async def _disconnected(self, info: events.ConnectionInfo, code: int, reason: str) -> None:
        route = self.api.routes.get(DISCONNECT)
        if route is None or not route.integration:
            return
        if self._faults.lose_disconnect(info.connection_id):
            return
        await self._pause("disconnect")
        event = events.disconnect_event(self.api, info, code, reason, self._clock())
        try:
            await self._invoke(self._function_of(DISCONNECT), event)
        except (TimeoutError, HandlerError):
            pass  # there is no client left that could get an error

    def _send(self, connection: EmulatedConnection, text: str) -> bool:
        """Sends a text frame. Returns False if the buffer of the client is full or the connection is closing."""
        if connection.cut is not None or not self._has_space(connection):
            return False
        connection.active_at = self._elapsed()
        self._meter("message_out", bytes=len(text.encode()))
        # send() never waits (see _serve), but it is a coroutine. Its errors appear as the end of the connection.
        self._spawn(connection.send(text))
        return True

    def _has_space(self, connection: EmulatedConnection) -> bool:
        """Whether the buffer of a client can take one more frame."""
        return connection.transport.get_write_buffer_size() <= self.api.limits.client_buffer_bytes

    def _cut(self, connection: EmulatedConnection, code: int, reason: str, *, half: bool = False) -> None:
        """Closes a connection from our side. From now on posts to it are answered with 410."""
        if connection.cut is None:
            self._connections.pop(connection.info.connection_id, None)
            connection.cut = int(code), reason
            self._spawn(connection.close(code, reason, half=half))

    # ── @connections ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _callback(self, request: web.BaseRequest, connection_id: str) -> web.Response:
        await self._pause("post")
        body = b""
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
            response = self._answered(request, connection_id, body)
        except TimeoutError:
            response = _last(_error(408, "RequestTimeoutException", "The body of the request is not complete"))
        except web.HTTPRequestEntityTooLarge:  # aiohttp stops reading a body that is this large
            response = _error(413, "PayloadTooLargeException", "Message too long")
        self._meter("post", method=request.method, status=response.status, bytes=len(body))
        return response

    def _answered(self, request: web.BaseRequest, connection_id: str, body: bytes) -> web.Response:
        if self._credentials is not None:
            refusal = signatures.verify_request(request, body, secrets=self._credentials, region=self.api.region)
            if refusal is not None:
                return _error(403, refusal.type, refusal.message)
        if not events.is_id(connection_id):
            return _error(400, "BadRequestException", f"Invalid connectionId: {connection_id}")
        if not self._callbacks.take(self._elapsed()):
            return _error(429, "LimitExceededException", "Rate exceeded")
        connection = self._connections.get(connection_id)
        if connection is None:
            return _error(410, "GoneException", "Gone")
        if request.method == "GET":
            return web.json_response(connection.described())
        if request.method == "DELETE":
            self._cut(connection, WSCloseCode.OK, "Connection closed normally")
            return web.Response(status=204)
        if request.method != "POST":
            return _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        if len(body) > self.api.limits.message_bytes:
            return _error(413, "PayloadTooLargeException", "Message too long")
        if self._faults.refuse_post(connection_id):
            return _error(429, "LimitExceededException", "Rate exceeded")
        if not self._send(connection, body.decode(errors="replace")):
            return _error(429, "LimitExceededException", "The buffer of the client is full")
        return web.Response(status=200)


def _plan_throttle(plan: UsagePlan) -> Throttle:
    """The throttle of a key. A plan without one has the throttle of the account."""
    rate = 10_000.0 if plan.rate is None else plan.rate
    return Throttle(rate, 5_000 if plan.burst is None else plan.burst)


def _last(response: web.Response) -> web.Response:
    """The same response; the server closes the TCP connection after it."""
    response.force_close()
    return response


def _error(status: int, kind: str, message: str) -> web.Response:
    """An error in the form of AWS: the header makes boto3 raise the matching exception."""
    return web.json_response({"message": message}, status=status, headers={"x-amzn-ErrorType": kind})
