"""A player's connection to a lobby, for asyncio.

    async with LobbyClient("ws://127.0.0.1:8765/", player="ann") as me:
        me.move(12.5, 8.3)
        async for event in me:
            print(event)

The client keeps its promise of one player through everything a network does: it comes back by itself after a pause, takes
over its own player from a connection that is about to be cut, and tells its user differences only. What it knows of the
others is ``me.roster``; what changes arrives as events: ``Connected``, ``Joined``, ``Left``, ``Moved``, ``StatusSet``,
``Refused``, ``Disconnected``.

Nobody has to read the events. Those that wait are bounded: of the moves of one player only the newest waits, and of more than
:data:`EVENTS_KEPT` events the oldest are forgotten. ``me.roster`` is always the truth.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

from lobby.client.backoff import STEADY_MS, pause_ms
from lobby.client.roster import Joined, Left, Moved, Roster, StatusSet
from lobby.client.sockets import Socket, address, ending, why
from lobby.errors import LobbyError, LobbyRefused
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
    is_id,
)
from lobby.presence import Position

HELLO_S = 1.0
"""How long the welcome may take before the client asks for it, in seconds."""

GOODBYE_S = 1.0
"""How long a lobby that has said goodbye may take to close the connection, in seconds."""

CONNECT_S = 10.0
"""How long a connection and its welcome may take."""

TAKEOVER_S = 110 * 60.0
"""API Gateway cuts every connection after two hours; a new one takes over ten minutes before."""

FIRST_PING_S = 0.2
"""The first ping is sent soon, so that the round trip is known before the first heartbeat."""

PONG_S = 10.0
"""A connection on which nothing was heard for so long after a ping counts as dead."""

SLOW_DOWN_S = 1.0
"""How long nothing is sent after the lobby has said ``rate_limited``."""

EVENTS_KEPT = 20_000
"""So many events wait to be read: the welcome of the largest room, twice."""

CONFIG_MS = 3_600_000
"""No duration in a ``config`` is longer; one that is was not meant for us."""

HEARTBEAT_MS = 100
"""The shortest heartbeat that is obeyed: a server that says 0 must not make a client spin."""

_OF_OTHERS = tuple(f'{{"type":"{kind}"' for kind in ("moves", "pos", "join", "leave", "status"))


class Connected(NamedTuple):
    """The lobby welcomed you, for the first time or after a ``Disconnected``; the differences follow."""

    player: str


class Disconnected(NamedTuple):
    """The connection is gone; the next try is in ``again_s`` seconds."""

    reason: str
    again_s: float


class Refused(NamedTuple):
    """The lobby said no: to one message, or (``final``) to you, and then there will be no further try.

    ``x`` and ``y``: where you stand instead, for ``too_fast``.
    """

    code: str
    message: str
    final: bool = False
    x: float | None = None
    y: float | None = None


Event = Connected | Disconnected | Refused | Joined | Left | Moved | StatusSet


class _Inbox:
    """Events that wait to be read, bounded so that nobody has to read them.

    A move that waits is replaced, where it stands, by the same player's next one: every player gets its turn, however slow
    the reader is. When the player leaves it is dropped, so that it does not come back in the place of a later one.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str | int, Event] = OrderedDict()
        self._number = itertools.count()
        self._news = asyncio.Event()
        self._is_closed = False

    def put(self, event: Event) -> None:
        """Adds an event, at the cost of the oldest where too many wait."""
        if isinstance(event, Left):
            self._waiting.pop(event.player.id, None)
        self._waiting[event.player.id if isinstance(event, Moved) else next(self._number)] = event
        if len(self._waiting) > EVENTS_KEPT:
            self._waiting.popitem(last=False)
        self._news.set()

    def close(self) -> None:
        """There will be no more."""
        self._is_closed = True
        self._news.set()

    async def get(self) -> Event | None:
        """The next event; None when there will be no more, however often it is asked."""
        while not self._waiting:
            if self._is_closed:
                return None
            self._news.clear()
            await self._news.wait()
        return self._waiting.popitem(last=False)[1]


class LobbyClient:
    """One player in one room of one lobby.

    ``url``: ``ws[s]://host[:port]/[stage]``; ``player``, ``room``, ``name``, ``token``, ``v`` go into its query.
    ``follow=False`` takes no notice of the others, for load and for bots: no roster, no events of them. ``seed`` makes pauses
    repeatable; ``pause_ms`` (from failures in a row and a random number to milliseconds) and the limits in seconds serve tests.
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
        connect_s: float = CONNECT_S,
        pong_s: float = PONG_S,
        pause_ms: Callable[[int, float], float] = pause_ms,
        seed: int | None = None,
    ) -> None:
        self.url = address(url, pid=player, room=room, name=name, v=v if v != 1 else "", token=token)
        self.v, self.follow = v, follow
        self.roster = Roster()
        self.config = Config(send_ms=100, window_ms=60, far_ms=500, heartbeat_ms=20_000)
        self.round_trip_ms: float | None = None
        """How long the last ping took; None before the first."""
        self.refused: LobbyRefused | None = None
        """Why the lobby does not take this player any more; None as long as it does."""
        self.received = self.received_bytes = self.sent = 0
        self._tls, self._takeover_s, self._connect_s, self._pong_s = tls, takeover_s, connect_s, pong_s
        self._pause_ms, self._random = pause_ms, random.Random(seed)
        self._inbox = _Inbox()
        self._socket: Socket | None = None
        self._runner: asyncio.Task[None] | None = None
        self._at: Position | None = None
        self._status: str | None = None
        self._seq = 0
        self._free_s = 0.0
        """When the next position may be sent."""
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._pinged_s = 0.0

    async def __aenter__(self) -> Self:
        """Connects; raises :class:`LobbyError` where that fails the first time, in one sentence."""
        try:
            await self._connect()
            self._runner = asyncio.create_task(self._run())
        except OSError as error:
            where = urlunsplit(urlsplit(self.url)._replace(query=""))  # a token has no business in an error message
            raise LobbyError(f"Cannot connect to the lobby at {where}: {why(error)}.") from None
        finally:
            if self._runner is None and self._socket is not None:  # its welcome came in the very moment of giving up
                self._socket.abort()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the lobby. Events that wait can still be read."""
        for timer in (self._timer, self._beat):
            if timer is not None:
                timer.cancel()
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait([self._runner])
        last, self._socket = self._socket, None
        self._inbox.close()
        if last is not None:
            await last.close()
        if self._runner is not None and not self._runner.cancelled():
            self._runner.result()  # raises what should not have happened

    # ── what a player does ──────────────────────────────────────────────────────────────────────────────────────────

    def move(self, x: float, y: float, vx: float = 0.0, vy: float = 0.0, h: float = 0.0) -> None:
        """Stands there now. Call it as often as you like: it sends no sooner than the lobby wishes, and the last one always.

        Raises ValueError for what is no place.
        """
        if not all(map(math.isfinite, (x, y, vx, vy, h))):
            raise ValueError(f"not a place: {x}, {y} (vx {vx}, vy {vy}, h {h})")
        # The time is taken here: the others draw the path by it, and the message may have to wait.
        self._at = Position(x, y, vx, vy, h, t=round(time.monotonic() * 1000))
        if self._timer is None and self.is_connected:
            self._send_position_in(self._free_s - time.monotonic())

    def set_status(self, status: str) -> None:
        """Shows a word over the player's head; "" takes it away. Version 2."""
        self._status = status
        self._send_status()

    def say(self, text: str) -> None:
        """Sends a text as it is, for tools that check what a lobby makes of it."""
        if self._socket is not None and self.is_connected:
            self.sent += 1
            self._socket.send(text)

    def hello(self) -> None:
        """Asks for the whole truth again."""
        self.say(encode_client(Hello()))

    async def __aiter__(self) -> AsyncIterator[Event]:
        """The events until the client is closed or refused."""
        while (event := await self._inbox.get()) is not None:
            yield event

    async def next_event(self, timeout_s: float = 5.0) -> Event:
        """The next event. Raises TimeoutError, and LobbyError when there will be no more."""
        async with asyncio.timeout(timeout_s):
            event = await self._inbox.get()
        if event is None:
            raise self.refused or LobbyError("The connection to the lobby has ended for good.")
        return event

    @property
    def is_connected(self) -> bool:
        """Whether the lobby can be spoken to right now."""
        return self._socket is not None and not self._socket.ended.is_set()

    def _send_position_in(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait_s > 0:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._send_position)
        else:
            self._send_position()

    def _send_position(self) -> None:
        self._timer = None
        if self._at is not None and self.is_connected:
            self._seq += 1
            self._free_s = time.monotonic() + self.config.send_ms / 1000
            at = self._at._replace(seq=self._seq) if self.v >= 2 else Position(*self._at[:2])
            self.say(encode_client(Pos(at)))

    def _send_status(self) -> None:
        if self._status is not None and self.v >= 2:
            self.say(encode_client(Status(self._status)))

    def _say_all(self) -> None:
        """Says again what the lobby may not know: it was dropped, or said while there was no connection."""
        self._send_status()
        self._send_position_in(self._free_s - time.monotonic())

    # ── what the lobby says ─────────────────────────────────────────────────────────────────────────────────────────

    def _decode(self, text: str) -> ServerMessage | None:
        self.received += 1
        self.received_bytes += len(text)
        if not self.follow and text.startswith(_OF_OTHERS):
            return None
        with suppress(ValueError, OverflowError):  # a server that talks nonsense is ignored, not believed
            return decode(text)
        return None

    def _take(self, message: ServerMessage) -> None:
        match message:
            case Config():
                if all(isinstance(ms, int | float) and 0 <= ms <= CONFIG_MS for ms in message):
                    self.config = message
            case Pong():
                self.round_trip_ms = (time.monotonic() - self._pinged_s) * 1000
            case Error(code, text, x, y):
                self._inbox.put(Refused(str(code), str(text), False, x, y))
                if code == "rate_limited":
                    # What was refused for its haste may have been where the player came to rest. Nothing is sent until
                    # then: whatever follows a refused message is dropped as well, without another word.
                    self._free_s = time.monotonic() + SLOW_DOWN_S
                    if self._timer is not None:
                        self._timer.cancel()
                    self._timer = asyncio.get_running_loop().call_later(SLOW_DOWN_S, self._say_all)
            case Welcome():
                # Positions count on from where the lobby has counted this player, or it would take them for old ones.
                self._seq = max(self._seq, message.at.seq)
                self._hear_of_others(message if self.follow else message._replace(players=()))
            case _:
                if self.follow:
                    self._hear_of_others(message)

    def _hear_of_others(self, message: ServerMessage) -> None:
        for event in self.roster.hear(message):
            self._inbox.put(event)

    # ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _connect(self) -> None:
        """Opens a socket whose welcome makes it the one in use. Raises LobbyRefused or OSError; then nothing has changed."""
        answered, loop = asyncio.Event(), asyncio.get_running_loop()

        def hear(socket: Socket, text: str) -> None:
            message = self._decode(text)
            if isinstance(message, Welcome) and not answered.is_set() and is_id(message.your_id):
                answered.set()
                self._adopt(socket, message)
            elif isinstance(message, Error) and message.close is not None:
                socket.goodbye = socket.goodbye or (message.close, f"{message.code}: {message.message}")
                loop.call_later(GOODBYE_S, socket.leave)  # if the lobby dies over it
            elif message is not None and socket is self._socket:
                # A value of a type that nobody expects gets as far as here.
                with suppress(TypeError, ValueError, AttributeError):
                    self._take(message)

        opened: Socket | None = None
        try:
            async with asyncio.timeout(self._connect_s):
                opened = await Socket.open(self.url, hear, self._tls, answered.set)
                asking = loop.call_later(HELLO_S, opened.send, encode_client(Hello()))
                try:
                    await answered.wait()
                finally:
                    asking.cancel()
        except BaseException:
            if opened is not None and opened is not self._socket:
                opened.abort()
            raise
        if opened is not self._socket:
            raise ending(opened)

    def _adopt(self, socket: Socket, welcome: Welcome) -> None:
        """From its welcome on a socket is the one in use, whatever else arrives together with it."""
        before, self._socket = self._socket, socket
        if before is None:
            self._inbox.put(Connected(welcome.your_id))
        else:
            before.leave()
        # Who came without a name keeps the one it was given, or it would come back as somebody else.
        self.url = address(self.url, pid=welcome.your_id)
        with suppress(TypeError, ValueError, AttributeError):
            self._take(welcome)
        self._ping_in(FIRST_PING_S)
        self._say_all()

    async def _run(self) -> None:
        """Stays connected until cancelled or refused for good."""
        tries = 0
        try:
            while True:
                ended = await self._stay()
                self._socket = None
                error: OSError = ending(ended)
                tries = 0 if time.monotonic() - ended.opened_s > STEADY_MS / 1000 else tries + 1
                while self._socket is None:
                    again_s = self._pause_ms(tries, self._random.random()) / 1000
                    self._inbox.put(Disconnected(why(error), again_s))
                    await asyncio.sleep(again_s)
                    try:
                        await self._connect()
                    except OSError as failed:
                        tries, error = tries + 1, failed
        except LobbyRefused as refused:
            self.refused = refused
            self._inbox.put(Refused(refused.code, str(refused), final=True))
        finally:
            self._inbox.close()

    async def _stay(self) -> Socket:
        """Until the connection has ended, and returns it; before its time is over a new one takes its place."""
        tries, due_s = 0, 0.0
        while True:
            assert self._socket is not None
            current = self._socket
            due_s = due_s or current.opened_s + self._takeover_s
            if await current.ends_within(due_s - time.monotonic()):
                return current
            try:
                await self._connect()
                tries, due_s = 0, 0.0
            except (OSError, LobbyRefused):
                # All is well as long as the old one lives: no reason to tell anybody, nor to hurry.
                tries += 1
                due_s = time.monotonic() + self._pause_ms(tries, self._random.random()) / 1000
                # The lobby may have taken the new one in although its welcome never came: no stranger then took over.
                current.may_be_own_takeover = True

    def _ping_in(self, wait_s: float) -> None:
        """Pings the socket in use after ``wait_s``, and every heartbeat from then on."""
        if self._beat is not None:
            self._beat.cancel()
        self._beat = asyncio.get_running_loop().call_later(wait_s, self._ping)

    def _ping(self) -> None:
        pinged = self._socket
        if pinged is None or pinged.ended.is_set():
            return
        self._pinged_s = time.monotonic()
        if self.v >= 2:
            self.say(encode_client(Ping(round(self._pinged_s * 1000))))
        else:
            pinged.ping()
        asyncio.get_running_loop().call_later(self._pong_s, _cut_if_silent, pinged, self._pinged_s)
        self._ping_in(max(HEARTBEAT_MS, self.config.heartbeat_ms) / 1000)


def _cut_if_silent(pinged: Socket, since_s: float) -> None:
    if pinged.heard_s < since_s:
        pinged.abort("nothing was heard of it any more")
