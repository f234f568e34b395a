"""The gateway itself: sockets and HTTP on one port, by aiohttp. What is decided is decided in the modules beside this one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Self, TypeVar, cast

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http_websocket import WebSocketError

from lobby.emulator import events, signatures
from lobby.emulator.answers import connect_answer, response_body
from lobby.emulator.api import CONNECT, DISCONNECT, Api, Bucket, has_identity, permitted, select_route
from lobby.emulator.connections import CLOSE_S, Connection, Wire
from lobby.emulator.environments import Environments, HandlerError, Invoke, ThreadEnvironment
from lobby.emulator.frames import FrameFilter
from lobby.emulator.meters import Meter, nobody

T = TypeVar("T")

NO_CODE, LOST = 1005, 1006
"""Close codes that nobody sends: a close frame without a code, and no close frame at all."""

REASONS = {NO_CODE: "Client-side close frame status not set", LOST: "Connection closed abnormally"}


class ApiGateway:
    """One stage of one WebSocket API, and the Lambda behind it. ``async with`` it, or :meth:`start` and :meth:`stop`.

    ``invoke`` answers every route; ``authorize`` is the authorizer where that is another function. Either is a handler, to be
    run in threads, or Environments that run one. The hooks, all called in
    the event loop but ``cold_start``, which runs in the thread of a new environment before its first event:

    ``meter(kind, **numbers)``  ``message_in`` and ``message_out`` (bytes), ``connection_closed`` (seconds), ``invocation``
                                (ms, init_ms, memory_mb, cold), ``post`` (status, bytes): enough for a bill
    ``delay(kind)``             seconds to wait before ``connect``, ``message``, ``disconnect``, ``invoke`` and ``post``
    ``lose_disconnect(id)``     whether ``$disconnect`` of this connection is never delivered; AWS promises nothing
    ``refuse_post(id)``         whether a post to this connection is answered with 429
    ``page(path)``              body and content type of a page that is served beside the stage, none: 403, as on AWS
    ``clock()``                 seconds since 1970, for the idle and duration cuts, the throttles and the times in events
    ``credentials``             access keys and their secrets; None: signatures are not looked at
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
        clock: Callable[[], float] = time.time,
        meter: Meter = nobody,
        delay: Callable[[str], float] | None = None,
        lose_disconnect: Callable[[str], bool] | None = None,
        refuse_post: Callable[[str], bool] | None = None,
        page: Callable[[str], tuple[bytes, str] | None] | None = None,
        cold_start: Callable[[], object] | None = None,
        function_name: str = "handler",
        memory_mb: int = 512,
        concurrency: int = 1000,
        sweep_s: float = 1.0,
        grace_s: float = 5.0,
    ) -> None:
        self.api, self.host, self.port = api, host, port
        self._credentials, self._clock, self._meter = credentials, clock, meter
        self._delay, self._lose_disconnect = delay, lose_disconnect
        self._refuse_post, self._page = refuse_post, page
        self._sweep_s, self._grace_s = sweep_s, grace_s

        def environments(function: Invoke | Environments, name: str) -> Environments:
            if isinstance(function, Environments):
                return function
            return Environments(
                lambda number: ThreadEnvironment(number, function, cold_start),
                name=name,
                arn=f"arn:aws:lambda:{api.region}:{api.account_id}:function:{name}",
                memory_mb=memory_mb,
                timeout_s=api.limits.integration_s,
                concurrency=concurrency,
                meter=meter,
            )

        self._functions = invoke if isinstance(invoke, Mapping) else {"": environments(invoke, function_name)}
        self._authorizer = None if authorize is None else environments(authorize, f"{function_name}-authorizer")
        self._messages = Bucket(api.throttle_rate, api.throttle_burst)
        self._connects = Bucket(api.limits.connect_rate, api.limits.connect_burst)
        self._callbacks = Bucket(api.limits.callback_rate, api.limits.callback_burst)
        self._connections: dict[str, Connection] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._http: web.Server
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"ws://{self.host}:{self.port}/{self.api.stage}"

    @property
    def endpoint(self) -> str:
        """``endpoint_url`` of boto3's client ``apigatewaymanagementapi``."""
        return f"http://{self.host}:{self.port}/{self.api.stage}"

    @property
    def connections(self) -> frozenset[str]:
        """The ids of everybody who is connected."""
        return frozenset(self._connections)

    @property
    def open_s(self) -> float:
        """For how long those have been connected, added up, in seconds."""
        return sum(self._clock() - one.opened_at for one in self._connections.values())

    # ── beginning and end ───────────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listens. With port 0 the system chooses one; :attr:`port` says which."""
        self._http = web.Server(self._handle)
        self._server = await asyncio.get_running_loop().create_server(lambda: Wire(self._http()), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._sweeper = asyncio.create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Closes every connection with 1001, lets handlers and ``$disconnect`` come to their ends, and stops."""
        self._is_stopping = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._connections.values()):
            self._cut(connection, WSCloseCode.GOING_AWAY, "Going away")
        try:
            async with asyncio.timeout(self._grace_s):
                while self._tasks:
                    await asyncio.wait(set(self._tasks))
        except TimeoutError:
            for task in self._tasks:
                task.cancel()
        self._server.close()
        self._http.pre_shutdown()  # whoever only keeps a connection alive is not waited for
        await self._http.shutdown(CLOSE_S)
        await self._server.wait_closed()
        for pool in self._pools:
            await pool.finish(self._grace_s)

    @property
    def _pools(self) -> set[Environments]:
        return {*self._functions.values(), *(() if self._authorizer is None else [self._authorizer])}

    @property
    def environments(self) -> int:
        """How many environments there are, of all functions."""
        return sum(map(len, self._pools))

    def _behind(self, route_key: str) -> Environments:
        """Who answers a route."""
        return self._functions[self.api.routes[route_key].function]

    def sweep(self) -> None:
        """Cuts who was idle, or connected, for too long. Done every ``sweep_s`` seconds; a test with its own clock calls it."""
        now, limits = self._clock(), self.api.limits
        for one in list(self._connections.values()):
            if now - one.active_at >= limits.idle_s or now - one.opened_at >= limits.duration_s:
                self._cut(one, WSCloseCode.GOING_AWAY, "Going away")

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(self._sweep_s)
            self.sweep()

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _pause(self, kind: str) -> None:
        if self._delay is not None and (seconds := self._delay(kind)) > 0:
            await asyncio.sleep(seconds)

    async def _invoke(self, pool: Environments, event: events.Event) -> Any:
        async with asyncio.timeout(self.api.limits.integration_s):
            await self._pause("invoke")
            return await pool.call(event)

    # ── connecting ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        callbacks = f"/{self.api.stage}/@connections/"
        if request.path.startswith(callbacks):
            return await self._callback(request, request.path.removeprefix(callbacks))
        if request.path.rstrip("/") != f"/{self.api.stage}":
            page = self._page if "Upgrade" not in request.headers else None  # who wants a socket here has a wrong address
            if page is not None and (found := page(request.path)) is not None:
                return web.Response(body=found[0], content_type=found[1], charset="utf-8")
            return _error(403, "ForbiddenException", "Forbidden")
        # A task of its own: who leaves while $connect is pending does not take the handler along.
        return await asyncio.shield(self._spawn(self._connect(request)))

    async def _connect(self, request: web.BaseRequest) -> web.StreamResponse:
        opened_at = self._clock()
        socket_ = web.WebSocketResponse(autoclose=False, compress=False, max_msg_size=0)
        if self._is_stopping:
            return _error(503, "ServiceUnavailableException", "Service Unavailable")
        if not socket_.can_prepare(request):
            return _error(426, "BadRequestException", "Upgrade Required")
        if not self._connects.take(opened_at):
            return _error(429, "LimitExceededException", "Too Many Requests")
        await self._pause("connect")
        handshake = events.Handshake(
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers),
            query=tuple(request.query.items()),
            trace_id=events.new_trace_id(opened_at),
        )
        caller = events.Caller(
            connection_id=events.new_id(),
            connected_ms=int(opened_at * 1000),
            domain_name=self.api.domain_name or request.host,
            source_ip=request.remote or "",
            user_agent=request.headers.get("User-Agent"),
        )
        if self.api.authorizer is not None:
            if not has_identity(self.api.authorizer, handshake.headers, handshake.query):
                return _error(401, "UnauthorizedException", "Unauthorized")
            answer = await self._authorized(caller, handshake)
            if isinstance(answer, web.Response):
                return answer
            caller = answer
        if CONNECT in self.api.routes and self.api.routes[CONNECT].integration:
            try:
                event = events.connect_event(self.api, caller, handshake, self._clock())
                status, headers = connect_answer(await self._invoke(self._behind(CONNECT), event))
            except TimeoutError:
                return _error(504, "TimeoutException", "Endpoint request timed out")
            except (HandlerError, ValueError):
                return _error(502, "InternalServerErrorException", "Internal server error")
            if not 200 <= status < 300:
                return web.Response(status=status, headers=headers)
            socket_.headers.extend(headers)
        await self._serve(request, socket_, caller, opened_at)
        return socket_

    async def _authorized(self, caller: events.Caller, handshake: events.Handshake) -> events.Caller | web.Response:
        event = events.authorizer_event(self.api, caller, handshake, self._clock())
        began = time.perf_counter()
        try:
            pool = self._behind(CONNECT) if self._authorizer is None else self._authorizer
            answer = await self._invoke(pool, event)
            context = permitted(answer, self.api.method_arn, self.api.limits.authorizer_bytes)
        except HandlerError as error:
            if str(error) == "Unauthorized":  # the one message that an authorizer can refuse with
                return _error(401, "UnauthorizedException", "Unauthorized")
            return _error(500, "AuthorizerFailureException", "Internal server error")
        except (TimeoutError, ValueError):
            return _error(500, "AuthorizerConfigurationException", "Internal server error")
        if context is None:
            return _error(403, "AccessDeniedException", "User is not authorized to access this resource")
        return caller.authorized({**context, "integrationLatency": int((time.perf_counter() - began) * 1000)})

    # ── being connected ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _serve(
        self, request: web.BaseRequest, socket_: web.WebSocketResponse, caller: events.Caller, opened_at: float
    ) -> None:
        code, reason = LOST, REASONS[LOST]
        transport = request.transport
        if transport is not None:  # else its client has gone while $connect was pending
            connection = Connection(socket_, cast(asyncio.WriteTransport, transport), caller, opened_at, self._clock())
            limits = self.api.limits
            wire = transport.get_protocol()
            assert isinstance(wire, Wire)
            wire.watch(
                FrameFilter(limits.frame_bytes, limits.message_bytes),
                lambda: self._cut(connection, WSCloseCode.MESSAGE_TOO_BIG, "Message too big"),
            )
            try:
                await socket_.prepare(request)
                # How much may wait for a slow reader is decided post by post; nothing here ever waits for it.
                connection.transport.set_write_buffer_limits(high=1 << 30)
                self._connections[caller.connection_id] = connection
                code, reason = await self._listen(connection)
            except ConnectionError:
                pass
            finally:
                self._connections.pop(caller.connection_id, None)
        self._meter("connection_closed", seconds=max(0.0, self._clock() - opened_at))
        await self._disconnected(caller, code, reason)

    async def _listen(self, connection: Connection) -> tuple[int, str]:
        """Every message until the end; then how it ended."""
        while True:
            message = await connection.socket.receive()
            if connection.cut is not None and message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                pass  # sent before its sender read that it is over
            elif message.type is WSMsgType.TEXT:
                self._spawn(self._received(connection, message.data))
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

    async def _received(self, connection: Connection, text: str) -> None:
        caller, now, request_id = connection.caller, self._clock(), events.new_id()
        connection.active_at = now
        self._meter("message_in", bytes=len(text.encode()))

        def answer(message: str) -> None:
            said = {"message": message, "connectionId": caller.connection_id, "requestId": request_id}
            self._send(connection, json.dumps(said))

        route_key = select_route(self.api.route_selection_expression, self.api.routes, text)
        if not self._messages.take(now):
            answer("Too Many Requests")
        elif route_key is None:
            answer("Forbidden")
        elif not self.api.routes[route_key].integration:
            answer("Internal server error")
        else:
            await self._pause("message")
            event = events.message_event(self.api, caller, route_key, text, request_id, now)
            try:
                result = await self._invoke(self._behind(route_key), event)
                if self.api.routes[route_key].response and (body := response_body(result)) is not None:
                    self._send(connection, body)
            except TimeoutError:
                answer("Endpoint request timed out")
            except (HandlerError, ValueError):
                answer("Internal server error")

    async def _disconnected(self, caller: events.Caller, code: int, reason: str) -> None:
        route = self.api.routes.get(DISCONNECT)
        if route is None or not route.integration:
            return
        if self._lose_disconnect is not None and self._lose_disconnect(caller.connection_id):
            return
        await self._pause("disconnect")
        event = events.disconnect_event(self.api, caller, code, reason, self._clock())
        try:
            await self._invoke(self._behind(DISCONNECT), event)
        except (TimeoutError, HandlerError):
            pass  # it was told, and nobody is there any more to hear of it

    def _send(self, connection: Connection, text: str) -> bool:
        """Whether there was room for it."""
        if connection.cut is not None or connection.transport.get_write_buffer_size() > self.api.limits.client_buffer_bytes:
            return False
        connection.active_at = self._clock()
        self._meter("message_out", bytes=len(text.encode()))
        # Nothing in it waits (see _serve), but it is a coroutine; what goes wrong in it shows as the end of the connection.
        self._spawn(connection.send(text))
        return True

    def _cut(self, connection: Connection, code: int, reason: str) -> None:
        """Ends a connection from our side; it is gone at once, for whoever posts."""
        if connection.cut is None:
            self._connections.pop(connection.caller.connection_id, None)
            connection.cut = int(code), reason
            self._spawn(connection.close(code, reason))

    # ── @connections ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _callback(self, request: web.BaseRequest, connection_id: str) -> web.Response:
        await self._pause("post")
        try:
            body = await request.read()
            response = self._answered(request, connection_id, body)
        except web.HTTPRequestEntityTooLarge:  # so large that nobody reads it to the end
            body, response = b"", _error(413, "PayloadTooLargeException", "Message too long")
        self._meter("post", method=request.method, status=response.status, bytes=len(body))
        return response

    def _answered(self, request: web.BaseRequest, connection_id: str, body: bytes) -> web.Response:
        if self._credentials is not None:
            refusal = signatures.arrived(request, body, secrets=self._credentials, region=self.api.region)
            if refusal is not None:
                return _error(403, refusal.type, refusal.message)
        if not events.is_id(connection_id):
            return _error(400, "BadRequestException", f"Invalid connectionId: {connection_id}")
        if not self._callbacks.take(self._clock()):
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
        if self._refuse_post is not None and self._refuse_post(connection_id):
            return _error(429, "LimitExceededException", "Rate exceeded")
        if not self._send(connection, body.decode(errors="replace")):
            return _error(429, "LimitExceededException", "The buffer of the client is full")
        return web.Response(status=200)


def _error(status: int, kind: str, message: str) -> web.Response:
    """A refusal as AWS writes it: the header makes a client raise its own exception."""
    return web.json_response({"message": message}, status=status, headers={"x-amzn-ErrorType": kind})
