"""A player's connection to a lobby, for asyncio.

    async with LobbyClient("ws://127.0.0.1:8765/", player="ann") as me:
        me.move(12.5, 8.3)
        async for event in me:
            print(event)

The client stays the same player through everything a network does: it comes back by itself after a pause, takes over its own
player before a connection is cut, and reports differences only. ``me.roster`` holds the other players; changes arrive as
events: ``Connected``, ``Joined``, ``Left``, ``Moved``, ``StatusSet``, ``DataSet``, ``Renamed``, ``EventReceived``,
``MessageRefused``, ``Disconnected``, ``PlayerRefused``.

Reading the events is optional. Those that wait are bounded: only the newest move of each player waits, and of more than
:data:`EVENTS_KEPT` events the oldest are dropped. ``me.roster`` is always up to date.

This file sends positions and carries events; :mod:`lobby.client.connection` decides when to connect, ping and take over.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random as random_numbers
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

from lobby import messages as wire
from lobby.client.attempt import Socket
from lobby.client.connection import Connection, ConnectionState, Listener
from lobby.client.constants import SLOW_DOWN_MS, TAKEOVER_MS
from lobby.client.roster import DataSet, EventReceived, Joined, Left, Moved, Renamed, Roster, StatusSet
from lobby.client.sockets import LobbySocket, address, renamed
from lobby.compact import TEXT_PREFIX
from lobby.data import NO_DATA, Data, combine, merge
from lobby.errors import LobbyError, LobbyRefused
from lobby.messages import (
    CODECS,
    ChangeData,
    ClientMessage,
    Config,
    Error,
    Hello,
    Pos,
    Rename,
    Send,
    ServerMessage,
    Status,
    Welcome,
    is_id,
)
from lobby.presence import Position

EVENTS_KEPT = 20_000
"""So many events wait to be read: the welcome of the largest room, twice."""

POLL_MS = 50
"""The state machine is polled so often, beside each time that something arrives."""

_KINDS_OF_OTHERS = ("moves", "pos", "join", "leave", "changes", "status", "data")
_OF_OTHERS = (TEXT_PREFIX, *(f'{{"type":"{kind}"' for kind in _KINDS_OF_OTHERS))


class Connected(NamedTuple):
    """The lobby welcomed you, for the first time or after a ``Disconnected``; the differences follow as events."""

    player: str


class Disconnected(NamedTuple):
    """The connection is gone, or an attempt failed. The next attempt follows in ``retry_in_s`` seconds."""

    reason: str
    retry_in_s: float


class MessageRefused(NamedTuple):
    """The lobby refused one message of yours and changed nothing. You are still connected.

    ``code`` is a key of :data:`lobby.errors.CODES`. ``x``, ``y`` and ``z``: where you stand instead, for ``too_fast``.
    """

    code: str
    message: str
    x: float | None = None
    y: float | None = None
    z: float | None = None


class PlayerRefused(NamedTuple):
    """The lobby does not take you, and there is no further attempt: this is the last event."""

    code: str
    message: str


Event = (
    Connected
    | Disconnected
    | MessageRefused
    | PlayerRefused
    | Joined
    | Left
    | Moved
    | StatusSet
    | DataSet
    | Renamed
    | EventReceived
)


class _Inbox:
    """Events that wait to be read, bounded, so that reading them is optional.

    A move that waits is replaced, where it stands, by the same player's next one: every player gets its turn, however slow
    the reader is. When the player leaves it is dropped, so that it does not come back in the place of a later one.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str | int, Event] = OrderedDict()
        self._number = itertools.count()
        self._changed = asyncio.Event()
        self._is_closed = False

    def put(self, event: Event) -> None:
        """Adds an event. If too many wait, the oldest is dropped."""
        if isinstance(event, Left):
            self._waiting.pop(event.player.id, None)
        self._waiting[event.player.id if isinstance(event, Moved) else next(self._number)] = event
        if len(self._waiting) > EVENTS_KEPT:
            self._waiting.popitem(last=False)
        self._changed.set()

    def close(self) -> None:
        """There will be no more."""
        self._is_closed = True
        self._changed.set()

    async def get(self) -> Event | None:
        """The next event; None when there will be no more, each time it is called."""
        while not self._waiting:
            if self._is_closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popitem(last=False)[1]


class LobbyClient:
    """One player in one room of one lobby.

    ``url``: ``ws[s]://host[:port]/[stage]``; ``player``, ``room``, ``name``, ``token``, ``v`` go into its query.
    ``data`` is the player's own JSON object, which the others receive. ``watch=True`` makes a watcher: it receives everything,
    no client knows it, and it can send nothing. ``follow=False`` ignores the other players, for load and for bots: no roster,
    no events about them. ``tls`` replaces the default context of ``wss://``. ``takeover_ms``: a new connection takes over after
    so long, or up to 5 % earlier. ``random`` returns numbers from 0 to 1, for pauses and takeovers.
    """

    def __init__(
        self,
        url: str,
        player: str = "",
        *,
        room: str = "",
        name: str = "",
        token: str = "",
        data: Data = NO_DATA,
        watch: bool = False,
        v: int = 3,
        follow: bool = True,
        tls: ssl.SSLContext | None = None,
        takeover_ms: float = TAKEOVER_MS,
        random: Callable[[], float] = random_numbers.random,
    ) -> None:
        self.url = address(url, pid=player, room=room, name=name, v=v, token=token, watch="1" if watch else "")
        self.v, self.follow = v, follow
        self.roster = Roster()
        self.refused: LobbyRefused | None = None
        """Why the lobby does not take this player any more; None as long as it does."""
        self.received = self.received_bytes = self.sent = 0
        self._tls = tls
        listener = Listener(self._on_connected, self._on_disconnected, self._on_refused, self._on_message)
        self._connection = Connection(self._new_socket, random, listener)
        self._connection.takeover_ms = takeover_ms
        self._inbox = _Inbox()
        self._entered: asyncio.Future[None] | None = None  # the first attempt, which may raise
        self._left = asyncio.Event()
        self._welcomed: Socket | None = None
        self._is_new = False
        self._at: Position | None = None
        self._status: str | None = None
        self._patch = data  # all changes of the own data, as one
        self._event_seq = 0
        self._seq = 0
        self._free_ms = 0.0  # when the next position may be sent
        self._is_woken = False
        self._poll_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        """Connects. If the first attempt fails, raises :class:`LobbyError` with one sentence and makes no further attempt."""
        self._entered = asyncio.get_running_loop().create_future()
        self._connection.open(self.url, _now_ms())
        self._poll_regularly()
        try:
            await self._entered
        except BaseException:
            self._connection.close(_now_ms())
            self._stop_timers()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the lobby, and waits for its answer, for two seconds at the most. Events that wait can still be read."""
        self._connection.close(_now_ms())
        self._inbox.close()
        try:
            self._poll()
            if self._connection.is_leaving:
                self._poll_regularly()
                await self._left.wait()
        finally:
            self._stop_timers()

    # ── what a player does ──────────────────────────────────────────────────────────────────────────────────────────

    def move(
        self, x: float, y: float, vx: float = 0.0, vy: float = 0.0, h: float = 0.0, *, z: float = 0.0, vz: float = 0.0
    ) -> None:
        """Sets your position. Call it as often as you like: it sends no sooner than the lobby wishes, and always the last one.

        ``x``, ``y`` and the height ``z`` in units, ``vx``, ``vy`` and ``vz`` in units per second, ``h`` in radians. Raises
        ValueError for a number that is not finite.
        """
        if not all(map(math.isfinite, (x, y, vx, vy, h, z, vz))):
            raise ValueError(f"not a position: {x}, {y}, {z} (vx {vx}, vy {vy}, vz {vz}, h {h})")
        # The time is taken here: the others draw the movement by it, and the message may have to wait.
        self._at = Position(x, y, vx, vy, h, t=round(_now_ms()), z=z, vz=vz)
        if self._send_timer is None and self.is_connected:
            self._send_position_when_free()

    def set_status(self, status: str) -> None:
        """Shows a word over the player's head; "" takes it away. Version 2."""
        self._status = status
        self._send_status()

    def set_name(self, name: str) -> None:
        """Changes the player's name; "" shows its id instead. Version 2."""
        self.url = self._connection.url = renamed(self.url, name)
        self._send(Rename(name))

    def set_data(self, patch: Data) -> None:
        """Changes the player's data, which the other players receive: a JSON merge patch (RFC 7396). None removes a key.

        ``me.set_data({"team": "red", "hat": None})``. The own data is ``me.roster.you.data``. Version 2. The lobby answers with
        ``DataSet``, or with ``MessageRefused`` (``bad_data``) if the data becomes too large.
        """
        self._patch = combine(self._patch, patch)
        self._send(ChangeData(patch))

    def send(self, event: str, data: Data = NO_DATA, to: str = "") -> bool:
        """Sends an event to the player ``to``, or to all others in the room. Returns whether it was sent.

        ``event`` is 1 to 32 of ``A-Z a-z 0-9 _ . : -``; ``data`` is an object of JSON. It is stored nowhere: a player that
        comes later does not receive it, and without a connection it is lost. Version 2.
        """
        if not self.is_connected:
            return False
        self._event_seq += 1
        self._send(Send(event, data, to, self._event_seq))
        return True

    def send_text(self, text: str) -> None:
        """Sends a text as it is, for tools that check what a lobby makes of it. Sends nothing without a connection."""
        if self._connection.send(text):
            self.sent += 1

    def hello(self) -> None:
        """Asks for a new welcome: all players and their positions."""
        self._send(Hello())

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
        """Whether messages can be sent right now."""
        return self._connection.socket is not None

    @property
    def config(self) -> Config:
        """How often the lobby wishes to receive positions, and what it sends; see :class:`lobby.messages.Config`."""
        return self._connection.config

    @property
    def round_trip_ms(self) -> float | None:
        """How long the last ping took, in ms; None before the first answer."""
        return None if math.isnan(self._connection.round_trip_ms) else self._connection.round_trip_ms

    def _send_position_when_free(self) -> None:
        self._cancel_send_timer()
        wait_ms = self._free_ms - _now_ms()
        if wait_ms > 0:
            self._send_timer = asyncio.get_running_loop().call_later(wait_ms / 1000, self._send_position)
        else:
            self._send_position()

    def _send_position(self) -> None:
        self._send_timer = None
        if self._at is not None and self.is_connected:
            self._seq += 1
            self._free_ms = _now_ms() + self.config.send_ms
            text = self._encode(Pos(self._at._replace(seq=self._seq)))
            if text is not None and self._connection.send_position(text, self._seq, _now_ms()):
                self.sent += 1

    def _send_status(self) -> None:
        if self._status is not None:
            self._send(Status(self._status))

    def _send(self, message: ClientMessage) -> None:
        """Sends a message, if both sides have a version that knows it."""
        text = self._encode(message)
        if text is not None:
            self.send_text(text)

    def _encode(self, message: ClientMessage) -> str | None:
        return CODECS[min(self.v, self._connection.version)].encode_client(message)

    def _send_all(self) -> None:
        """Sends again what the lobby may not know: it dropped the message, or there was no connection."""
        self._send_status()
        if self._patch and merge(self.roster.you.data, self._patch) != self.roster.you.data:
            self._send(ChangeData(self._patch))
        self._send_position_when_free()

    # ── what the connection reports ─────────────────────────────────────────────────────────────────────────────────

    def _on_connected(self) -> None:
        self._is_new = True  # the welcome follows, and names the player
        if self._entered is not None and not self._entered.done():
            self._entered.set_result(None)

    def _on_disconnected(self, reason: str, retry_ms: float) -> None:
        if self._entered is not None and not self._entered.done():
            self._connection.close(_now_ms())
            where = urlunsplit(urlsplit(self.url)._replace(query=""))  # without the token
            self._entered.set_exception(LobbyError(f"Cannot connect to the lobby at {where}: {reason}."))
        else:
            self.roster.cut()
            self._inbox.put(Disconnected(reason, retry_ms / 1000))

    def _on_refused(self, code: str, message: str) -> None:
        self.refused = LobbyRefused(code or "unknown", message)
        if self._entered is not None and not self._entered.done():
            self._entered.set_exception(self.refused)
        self._inbox.put(PlayerRefused(code, message))
        self._inbox.close()

    def _on_message(self, message: ServerMessage, is_busy: bool) -> None:
        match message:
            case Error(code, text, x, y, _, z):
                self._inbox.put(MessageRefused(code, text, x, y, z))
                if code == "rate_limited":
                    self._slow_down()
                elif code in ("bad_data", "too_large") and self.follow:
                    self._patch = self.roster.you.data  # what was refused is not sent again
            case Welcome():
                self._on_welcome(message)
            case _ if self.follow or isinstance(message, wire.Event):
                self._apply(message)
                you = self.roster.you
                if isinstance(message, wire.DataChanged) and message.id == you.id and merge(you.data, self._patch) == you.data:
                    self._patch = you.data  # the lobby has it all, and keys that are gone need no None any more

    def _on_welcome(self, welcome: Welcome) -> None:
        if self._is_new:
            self._is_new = False
            self._inbox.put(Connected(welcome.your_id))
        if is_id(welcome.your_id):
            # A player that came without an id keeps the one it was given, or it would come back as another player.
            self.url = self._connection.url = address(self.url, pid=welcome.your_id)
        # Positions count on from where the lobby has counted, or it would take them for old ones.
        self._seq = max(self._seq, welcome.at.seq)
        self._apply(welcome if self.follow else welcome._replace(players=()))
        if self._welcomed is not self._connection.socket:
            self._welcomed, self._event_seq = self._connection.socket, 0
            self._send_all()

    def _apply(self, message: ServerMessage) -> None:
        for event in self.roster.apply(message, _now_ms()):
            self._inbox.put(event)

    def _slow_down(self) -> None:
        """Sends nothing for a while, then everything again: the refused message may have been the position at rest.

        Until then the lobby drops every further message as well, without another error.
        """
        self._free_ms = _now_ms() + SLOW_DOWN_MS
        self._cancel_send_timer()
        self._send_timer = asyncio.get_running_loop().call_later(SLOW_DOWN_MS / 1000, self._send_all)

    # ── the shell of the state machine ──────────────────────────────────────────────────────────────────────────────

    def _new_socket(self, url: str) -> LobbySocket:
        return LobbySocket(url, self._wake, tls=self._tls, pings=not CODECS[self.v].can_ping, accepts=self._accepts)

    def _accepts(self, message: str | bytes) -> bool:
        self.received += 1
        if isinstance(message, bytes):
            self.received_bytes += len(message)
            return self.follow
        self.received_bytes += len(message) if message.isascii() else len(message.encode())
        return self.follow or not message.startswith(_OF_OTHERS)

    def _wake(self) -> None:
        """Polls soon, once for all that has arrived by then."""
        if not self._is_woken:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._poll)

    def _poll(self) -> None:
        self._is_woken = False
        self._connection.poll(_now_ms())
        for event in self.roster.expire(_now_ms()):
            self._inbox.put(event)
        if self._connection.state == ConnectionState.CLOSED and not self._connection.is_leaving:
            self._left.set()

    def _poll_regularly(self) -> None:
        if self._poll_timer is not None:
            self._poll_timer.cancel()
        self._poll_timer = asyncio.get_running_loop().call_later(POLL_MS / 1000, self._poll_regularly)
        self._poll()
        if self._connection.state in (ConnectionState.CLOSED, ConnectionState.REFUSED) and not self._connection.is_leaving:
            self._poll_timer.cancel()

    def _cancel_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def _stop_timers(self) -> None:
        self._cancel_send_timer()
        if self._poll_timer is not None:
            self._poll_timer.cancel()
            self._poll_timer = None


def _now_ms() -> float:
    return time.monotonic() * 1000
