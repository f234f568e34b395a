"""A player's connection to a lobby, for asyncio.

    async with LobbyClient("ws://127.0.0.1:8765/", player="ann") as me:
        me.move(12.5, 8.3)
        async for event in me:
            print(event)

The client keeps its promise of one player through everything a network does: it comes back by itself after a pause, takes
over its own player from a connection that is about to be cut, and tells its user differences only. What it knows of the
others is ``me.roster``; what changes arrives as events: ``Connected``, ``Joined``, ``Left``, ``Moved``, ``StatusSet``,
``Refused``, ``Disconnected``.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from picows import WSCloseCode, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from lobby.backoff import STEADY_MS, pause_ms
from lobby.errors import CODES, LobbyError
from lobby.messages import (
    Config,
    Error,
    Hello,
    Ping,
    Pong,
    Pos,
    ServerMessage,
    Status,
    Welcome,
    decode,
    encode_client,
)
from lobby.presence import Position
from lobby.roster import Joined, Left, Moved, Roster, StatusSet

CONNECT_S = 10.0
"""How long a connection and its welcome may take."""

TAKEOVER_S = 110 * 60.0
"""API Gateway cuts every connection after two hours; a new one takes over ten minutes before."""

PONG_S = 10.0
"""How long a ``pong`` may take before the connection counts as dead."""


class Connected(NamedTuple):
    """The lobby welcomed you. After a reconnect the differences follow."""

    player: str


class Disconnected(NamedTuple):
    """The connection is gone; the next try is in ``again_s`` seconds."""

    reason: str
    again_s: float


class Refused(NamedTuple):
    """The lobby said no: to one message, or (``final``) to you, and then there will be no further try."""

    code: str
    message: str
    final: bool = False


Event = Connected | Disconnected | Refused | Joined | Left | Moved | StatusSet


class LobbyRefused(LobbyError):
    """The lobby will not take this player until somebody changes something."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"The lobby refused the connection: {message} ({code}).")


def address(url: str, **parameters: str | int) -> str:
    """``url`` with the handshake's parameters in its query; empty ones are left out, those in ``url`` stay.

    Raises :class:`LobbyError` for what is no WebSocket address.
    """
    parts = urlsplit(url if "//" in url else f"ws://{url}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise LobbyError(f"{url!r} is no address of a lobby; one looks like ws://127.0.0.1:8765/ or wss://example.com/prod")
    query = {name: str(value) for name, value in parameters.items() if value not in ("", None)}
    query |= dict(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit((scheme, parts.netloc, parts.path or "/", urlencode(query, safe=":"), ""))


class Socket(WSListener):
    """One WebSocket: whole text messages to ``hear``, its end to ``closed``."""

    def __init__(self, hear: Callable[[Socket, str], None]) -> None:
        self._hear = hear
        self._parts: list[bytes] = []
        self._transport: WSTransport | None = None
        self.code, self.reason = 1006, ""
        self.ended = asyncio.Event()
        self.opened_s = time.monotonic()

    @classmethod
    async def open(cls, url: str, hear: Callable[[Socket, str], None], tls: ssl.SSLContext | None = None) -> Socket:
        """Connects. Raises LobbyRefused, OSError or TimeoutError."""
        try:
            _, socket = await ws_connect(
                lambda: cls(hear), url, ssl_context=tls, websocket_handshake_timeout=CONNECT_S, max_frame_size=1 << 20
            )
        except WSHandshakeError as error:
            status = error.response.status if error.response else 0
            if status in (400, 401, 403, 404):
                code = {400: "bad_handshake", 401: "unauthorized", 403: "forbidden"}.get(status, "bad_handshake")
                raise LobbyRefused(code, f"HTTP {int(status)}, {CODES[code].meaning}") from None
            raise ConnectionError(f"no lobby answers there (HTTP status {int(status) or 'missing'})") from None
        assert isinstance(socket, Socket)
        return socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by picows."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Called by picows."""
        if frame.msg_type == WSMsgType.CLOSE:
            self.code, self.reason = int(frame.get_close_code()), frame.get_close_reason() or ""  # type: ignore[call-overload]
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            if not frame.fin or self._parts:
                self._parts.append(frame.get_payload_as_bytes())
                if not frame.fin:
                    return
                text, self._parts = b"".join(self._parts).decode("utf-8", "replace"), []
            else:
                text = frame.get_payload_as_utf8_text()
            self._hear(self, text)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called by picows."""
        self.ended.set()

    def send(self, text: str) -> None:
        """Sends a text, unless the connection has ended."""
        if self._transport is not None and not self.ended.is_set():
            self._transport.send(WSMsgType.TEXT, text.encode())

    async def close(self) -> None:
        """Says goodbye, and waits a second for the answer."""
        if self._transport is not None and not self.ended.is_set():
            self._transport.send_close(WSCloseCode.OK)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), 1.0)
            self._transport.disconnect(False)

    def abort(self) -> None:
        """Cuts the connection without a word."""
        if self._transport is not None:
            self._transport.disconnect(False)


class LobbyClient:
    """One player in one room of one lobby.

    ``url``: ``ws[s]://host[:port]/[stage]``; ``player``, ``room``, ``name``, ``token``, ``v`` go into its query.
    ``follow=False`` leaves positions of the others unread, for load and for bots. ``seed`` makes pauses repeatable.
    """

    def __init__(
        self,
        url: str,
        player: str = "",
        *,
        room: str = "",
        name: str = "",
        token: str = "",
        v: int = 2,
        follow: bool = True,
        tls: ssl.SSLContext | None = None,
        takeover_s: float = TAKEOVER_S,
        seed: int | None = None,
    ) -> None:
        self.url = address(url, pid=player, room=room, name=name, v=v if v != 1 else "", token=token)
        self.v, self.follow = v, follow
        self.roster = Roster()
        self.config = Config(send_ms=100, window_ms=50, far_ms=500, heartbeat_ms=20_000)
        self.round_trip_ms: float | None = None
        """How long the last ping took; None before the first."""
        self.received = self.received_bytes = self.sent = 0
        self._tls, self._takeover_s, self._random = tls, takeover_s, random.Random(seed)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._socket: Socket | None = None
        self._welcomes: dict[Socket, asyncio.Future[Welcome]] = {}
        self._runner: asyncio.Task[None] | None = None
        self._at = Position()
        self._seq = 0
        self._sent_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._pinged_s: float | None = None
        self._status = ""

    async def __aenter__(self) -> Self:
        """Connects; raises :class:`LobbyError` where that fails the first time, in one sentence."""
        try:
            await self._connect()
        except (OSError, TimeoutError) as error:
            raise LobbyError(f"No lobby answers at {self._shown_url()}: {error or 'it took too long'}.") from None
        self._runner = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the lobby."""
        if self._runner:
            self._runner.cancel()
            with suppress(asyncio.CancelledError):
                await self._runner
        if self._timer:
            self._timer.cancel()
        if self._socket:
            await self._socket.close()

    def _shown_url(self) -> str:
        return urlunsplit(urlsplit(self.url)._replace(query=""))  # a token has no business in an error message

    # ── what a player does ──────────────────────────────────────────────────────────────────────────────────────────

    def move(self, x: float, y: float, vx: float = 0.0, vy: float = 0.0, h: float = 0.0) -> None:
        """Stands there now. Call it as often as you like: it sends no sooner than the lobby wishes, and the last one always."""
        self._at = Position(x, y, vx, vy, h)
        wait_s = self._sent_s + self.config.send_ms / 1000 - time.monotonic()
        if wait_s <= 0 and self._timer is None:
            self._send_position()
        else:
            self._send_position_in(wait_s)

    def set_status(self, status: str) -> None:
        """Shows a word over the player's head; "" takes it away. Version 2."""
        self._status = status
        self._send(encode_client(Status(status)))

    def say(self, text: str) -> None:
        """Sends a text as it is, for tools that check what a lobby makes of it."""
        self._send(text)

    def hello(self) -> None:
        """Asks for the whole truth again."""
        self._send(encode_client(Hello()))

    def __aiter__(self) -> AsyncIterator[Event]:
        """The events until the client is closed or refused."""
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event

    async def next_event(self, timeout_s: float = 5.0) -> Event:
        """The next event. Raises TimeoutError."""
        event = await asyncio.wait_for(self._events.get(), timeout_s)
        if event is None:
            raise LobbyError("The connection has ended for good.")
        return event

    @property
    def is_connected(self) -> bool:
        """Whether the lobby can be spoken to right now."""
        return self._socket is not None and not self._socket.ended.is_set()

    def _send_position_in(self, wait_s: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._send_position)

    def _send_position(self) -> None:
        self._timer = None
        if self.is_connected:
            self._seq += 1
            self._sent_s = time.monotonic()
            clock = round(self._sent_s * 1000)
            self._send(encode_client(Pos(self._at._replace(seq=self._seq, t=clock) if self.v >= 2 else self._at)))

    def _send(self, text: str) -> None:
        if self._socket is not None:
            self.sent += 1
            self._socket.send(text)

    # ── what the lobby says ─────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, socket: Socket, text: str) -> None:
        self.received += 1
        self.received_bytes += len(text)
        if not self.follow and text.startswith(('{"type":"moves"', '{"type":"pos"')):
            return
        try:
            message = decode(text)
        except ValueError:
            return  # a server that talks nonsense is ignored, not believed
        if isinstance(message, Welcome) and (waiting := self._welcomes.pop(socket, None)) and not waiting.done():
            waiting.set_result(message)
        if socket is self._socket or isinstance(message, Welcome):
            self._take(message)

    def _take(self, message: ServerMessage | None) -> None:
        match message:
            case None:
                return
            case Config():
                self.config = message
            case Pong():
                if self._pinged_s is not None:
                    self.round_trip_ms, self._pinged_s = (time.monotonic() - self._pinged_s) * 1000, None
            case Error():
                self._events.put_nowait(Refused(message.code, message.message))
                if message.code == "rate_limited":
                    self._send_position_in(1.0)  # what was refused for its haste may have been where the player came to rest
            case Welcome():
                # Positions count on from where the lobby has counted this player, or it would take them for old ones.
                self._seq = max(self._seq, message.at.seq)
                self._events.put_nowait(Connected(message.your_id))
                for event in self.roster.hear(message):
                    self._events.put_nowait(event)
            case _:
                for event in self.roster.hear(message):
                    self._events.put_nowait(event)

    # ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _connect(self) -> None:
        """Opens a socket, waits for its welcome and only then lets go of the one before."""
        welcome: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()

        def hear(socket: Socket, text: str) -> None:
            if socket is not self._socket and not welcome.done():
                self._welcomes[socket] = welcome
            self._hear(socket, text)

        async with asyncio.timeout(CONNECT_S):
            socket = await Socket.open(self.url, hear, self._tls)
            try:
                ended = asyncio.create_task(socket.ended.wait())
                await asyncio.wait((welcome, ended), return_when=asyncio.FIRST_COMPLETED)
                ended.cancel()
            except BaseException:
                socket.abort()
                raise
        if not welcome.done():
            self._refuse_if_final(socket)
            raise ConnectionError(f"it closed with {socket.code} {socket.reason}")
        old, self._socket = self._socket, socket
        if old is not None:
            await old.close()
        if self._status and self.v >= 2:
            self.set_status(self._status)

    def _refuse_if_final(self, socket: Socket) -> None:
        if 4500 <= socket.code < 5000:
            code = next((name for name, code in CODES.items() if code.close == socket.code), "refused")
            raise LobbyRefused(code, socket.reason.partition(": ")[2] or socket.reason or CODES[code].meaning)

    async def _run(self) -> None:
        """Stays connected until cancelled or refused for good."""
        tries, reason = 0, ""
        try:
            while True:
                socket = self._socket
                if socket is not None:
                    await self._stay(socket)
                    if not socket.ended.is_set():  # two hours are nearly over: take over while all is well
                        with suppress(OSError, TimeoutError):
                            await self._connect()
                        continue
                    self._refuse_if_final(socket)
                    tries = 0 if time.monotonic() - socket.opened_s > STEADY_MS / 1000 else tries + 1
                    self._socket, reason = None, f"closed with {socket.code} {socket.reason}".strip()
                again_s = pause_ms(tries, self._random.random()) / 1000
                self._events.put_nowait(Disconnected(reason, again_s))
                await asyncio.sleep(again_s)
                try:
                    await self._connect()
                except (OSError, TimeoutError) as error:
                    tries, reason = tries + 1, str(error) or "it took too long"
        except LobbyRefused as refused:
            self._events.put_nowait(Refused(refused.code, str(refused), final=True))
            self._events.put_nowait(None)

    async def _stay(self, socket: Socket) -> None:
        """Returns when ``socket`` has ended, or when it is time to take over from it."""
        takeover_s = socket.opened_s + self._takeover_s
        while not socket.ended.is_set() and time.monotonic() < takeover_s:
            beat_s = min(self.config.heartbeat_ms / 1000, max(0.05, takeover_s - time.monotonic()))
            with suppress(TimeoutError):
                await asyncio.wait_for(socket.ended.wait(), beat_s if self._pinged_s is None else min(PONG_S, beat_s))
                return
            if self.v < 2:
                continue
            if self._pinged_s is None:
                self._pinged_s = time.monotonic()
                self._send(encode_client(Ping(round(self._pinged_s * 1000))))
            elif time.monotonic() - self._pinged_s > PONG_S:
                self._pinged_s = None
                socket.abort()
