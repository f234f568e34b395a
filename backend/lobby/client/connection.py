"""A player's connection to a lobby, as a state machine: it comes back by itself, takes over in time, and notices dead sockets.

Pure: time, random numbers and sockets are arguments. :meth:`Connection.poll` moves everything on; call it at least every
:data:`lobby.client.constants.BUSY_MS`. The listener decides what the messages mean. The JavaScript client (``connection.js``)
and the Godot addon (``internal/connection.gd``) have the same machine; ``tests/playbooks`` holds all three to the same
behaviour.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from lobby.client.attempt import Attempt, Socket
from lobby.client.backoff import Backoff
from lobby.client.constants import (
    BUSY_MS,
    CLOSE_MS,
    CLOSING_ERROR_MS,
    CONFIG_LONGEST_MS,
    CONFIRM_LONGEST_MS,
    CONFIRM_MS,
    CONFIRM_WINDOW_MS,
    CONNECT_MS,
    FAR_MS,
    FIRST_PING_MS,
    HEARTBEAT_LEAST_MS,
    HEARTBEAT_MS,
    MESSAGES_PER_POLL,
    PONG_MS,
    SEND_MS,
    TAKEOVER_MS,
    TAKEOVER_RETRY_MS,
    TAKEOVER_SPREAD,
    WINDOW_MS,
)
from lobby.client.endings import Ending
from lobby.compact import TEXT_PREFIX, Decoder
from lobby.messages import CODECS, VERSION, Config, Error, Moves, Ping, Pong, ServerMessage, Welcome, decode, encode_client
from lobby.presence import Position

BAD_ADDRESS = "this is no address of a lobby; one looks like ws://127.0.0.1:8765/"
NO_WELCOME = "no lobby answered within ten seconds"
NO_PONG = "the lobby stopped answering"


class ConnectionState(StrEnum):
    """Closed: no connection is wanted. Waiting: for the next retry. Refused: there will be none."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"
    REFUSED = "refused"


class Listener(NamedTuple):
    """What a connection calls. Each of these may call :meth:`Connection.close` and :meth:`Connection.open`."""

    on_connected: Callable[[], None]
    """The lobby sent its welcome: for the first time, or again after a disconnect."""
    on_disconnected: Callable[[str, float], None]
    """The connection is gone, or an attempt failed: the reason, and the pause before the next attempt in ms."""
    on_refused: Callable[[str, str], None]
    """The lobby does not take this player, and there is no further attempt: code (may be empty) and message."""
    on_message: Callable[[ServerMessage, bool], None]
    """A message arrived. True: it may have waited for this client, not for the network."""


def decode_safely(frame: str | bytes, compact: Decoder) -> ServerMessage | None:
    """The message in ``frame``; None for what is no message of this protocol, and for a ``config`` out of bounds.

    ``compact`` has received the earlier compact positions of the connection."""
    try:
        if isinstance(frame, bytes):
            return _moves(compact.decode(frame))
        if frame.startswith(TEXT_PREFIX):
            return _moves(compact.decode_text(frame))
        message = decode(frame)
    except (ValueError, OverflowError):
        return None
    if isinstance(message, Config) and not all(0 <= ms <= CONFIG_LONGEST_MS for ms in message):
        return None
    return message


def _moves(read: tuple[int, list[tuple[int, Position]]] | None) -> Moves | None:
    return Moves(read[0], tuple(read[1])) if read is not None else None


class Connection:
    """One player's connection, made of one attempt after the other; during a takeover there are two.

    ``new_socket`` begins to connect to an address, and raises ValueError if it is none. ``random`` returns numbers from 0 to 1.
    All times are in ms on one clock that never goes back.
    """

    def __init__(self, new_socket: Callable[[str], Socket], random: Callable[[], float], listener: Listener) -> None:
        self.url = ""
        """The address of the next attempt, with the player in its query."""
        self.state = ConnectionState.CLOSED
        self.retry_at_ms = math.nan
        """When the next attempt begins, in state ``waiting``."""
        self.version = VERSION
        """The version that the lobby speaks."""
        self.config = Config(SEND_MS, WINDOW_MS, FAR_MS, HEARTBEAT_MS)
        self.round_trip_ms = math.nan
        """How long the last ping took; NaN before the first pong."""
        self.takeover_ms: float = TAKEOVER_MS
        """When a new connection takes over, after a welcome."""
        self._new_socket, self._random, self._on = new_socket, random, listener
        self._current: Attempt | None = None  # in use, or on its way
        self._next: Attempt | None = None  # takes over
        self._leaving: list[Attempt] = []
        self._backoff = Backoff()
        self._polled_ms = math.nan
        self._ping_at_ms = math.inf
        self._pinged_ms = math.nan
        self._ping_t = -1  # what the newest ping carried
        self._unanswered_ms = math.nan  # when the first ping was sent after which nothing was received
        self._takeover_at_ms = math.inf
        self._own_n = 0
        self._position, self._position_seq, self._position_ms = "", 0, -math.inf  # the last one, and when it was sent
        self._confirm_at_ms = math.inf  # when to ask for it; never, once the lobby has it
        self._confirm_pause_ms: float = CONFIRM_MS
        self._is_confirming = False  # whether the lobby's pongs carry a seq; those of an old lobby do not

    def open(self, url: str, now_ms: float) -> None:
        """Connects, and stays connected until :meth:`close`."""
        self.close(now_ms)
        self.url = url
        self._backoff.reset()
        self._confirm_at_ms, self._is_confirming = math.inf, False
        self._connect(now_ms)

    def close(self, now_ms: float) -> None:
        """Closes. Go on calling :meth:`poll` until :attr:`is_leaving` is false."""
        for attempt in (self._current, self._next):
            if attempt is not None:
                self._release(attempt, now_ms)
        self._current = self._next = None
        self.state = ConnectionState.CLOSED

    @property
    def is_leaving(self) -> bool:
        """Whether a socket that was closed here still waits for the lobby's close, for at most ``CLOSE_MS``."""
        return bool(self._leaving)

    @property
    def socket(self) -> Socket | None:
        """The socket to send by; None without a connection. After a takeover it is another one."""
        current = self._current
        return (
            current.socket
            if self.state == ConnectionState.CONNECTED and current is not None and current.socket.is_open
            else None
        )

    def nudge(self, now_ms: float) -> None:
        """Does not wait any longer: a person asked for it, or the machine woke up."""
        self.retry_at_ms = self._ping_at_ms = now_ms

    def send(self, text: str) -> bool:
        """Sends a text; False if there is no connection."""
        if (socket := self.socket) is None:
            return False
        socket.send(text)
        return True

    def send_position(self, text: str, seq: int, now_ms: float) -> bool:
        """Sends a position with the sequence number ``seq``; False if there is no connection.

        If it is the last one, the machine repeats it until the lobby has confirmed that it is stored.
        """
        if not self.send(text):
            return False
        self._position, self._position_seq, self._position_ms = text, seq, now_ms
        self._confirm_pause_ms = max(CONFIRM_MS, self.config.window_ms + CONFIRM_WINDOW_MS)
        self._confirm_at_ms = now_ms + self._confirm_pause_ms
        return True

    def poll(self, now_ms: float) -> None:
        """Moves everything on."""
        away_ms = now_ms - self._polled_ms
        self._polled_ms = now_ms
        self._leaving = [a for a in self._leaving if not a.socket.is_closed and now_ms - a.began_ms <= CLOSE_MS]
        for attempt in (self._next, self._current):
            if attempt is not None and self._is_ours(attempt):
                if away_ms > BUSY_MS:
                    attempt.began_ms += away_ms - BUSY_MS  # without a poll no answer could be seen
                self._poll(attempt, now_ms, away_ms > BUSY_MS)
        if self.state == ConnectionState.WAITING and now_ms >= self.retry_at_ms:
            self._connect(now_ms)
        if self.state == ConnectionState.CONNECTED and self._current is not None:
            self._keep_alive(self._current, now_ms)

    def _connect(self, now_ms: float) -> None:
        self.state = ConnectionState.CONNECTING
        self._current = self._attempt(now_ms)
        if self._current is None:
            self.state = ConnectionState.REFUSED
            self._on.on_refused("bad_address", BAD_ADDRESS)

    def _attempt(self, now_ms: float) -> Attempt | None:
        try:
            return Attempt(self._new_socket(self.url), now_ms)
        except ValueError:
            return None

    def _poll(self, attempt: Attempt, now_ms: float, is_busy: bool) -> None:
        frames = attempt.socket.take(MESSAGES_PER_POLL)
        for frame in frames:
            self._receive(attempt, decode_safely(frame, attempt.compact), now_ms, is_busy)
            if not self._is_ours(attempt):
                return  # the listener has closed
        if attempt.socket.is_open and not attempt.is_welcomed:
            attempt.ask_for_welcome(now_ms)
        if attempt.socket.is_closed and len(frames) < MESSAGES_PER_POLL:  # otherwise more may wait
            self._ended(attempt, attempt.ending(now_ms), now_ms)
        elif attempt.closing_error is not None and now_ms - attempt.error_ms > CLOSING_ERROR_MS:
            self._release(attempt, now_ms)
            self._ended(attempt, attempt.ending(now_ms), now_ms)
        elif not attempt.is_welcomed and now_ms - attempt.began_ms > CONNECT_MS:
            self._release(attempt, now_ms)
            self._ended(attempt, Ending("", NO_WELCOME), now_ms)

    def _receive(self, attempt: Attempt, message: ServerMessage | None, now_ms: float, is_busy: bool) -> None:
        attempt.received_ms = now_ms
        if attempt.closing_error is not None:
            return  # the first closing error counts, and nothing after it
        if isinstance(message, Error):
            attempt.error, attempt.error_ms = message, now_ms
            if message.close:
                attempt.closing_error = message
                return
        if isinstance(message, Welcome) and not attempt.is_welcomed:
            self._welcomed(attempt, message, now_ms)
        if message is None or attempt is not self._current or not attempt.is_welcomed:
            return
        if isinstance(message, Config):
            self.config = message
            self._ping_at_ms = min(self._ping_at_ms, now_ms + self._heartbeat_ms)
        if isinstance(message, Pong) and not is_busy and message.t == self._ping_t:
            self.round_trip_ms = now_ms - self._pinged_ms
        self._confirm(message, now_ms)
        self._on.on_message(message, is_busy)

    def _confirm(self, message: ServerMessage, now_ms: float) -> None:
        """Compares what the lobby has stored with the last position that was sent."""
        match message:
            case Welcome():
                self._own_n = message.n
                self._stored(message.at.seq)
            case Moves(_, entries):
                for n, at in entries:
                    if n == self._own_n:
                        self._stored(at.seq)
            case Pong(t, _, seq):
                self._is_confirming = seq is not None
                self._stored(seq or 0)
                if t == self._ping_t:
                    self._repeat_position(now_ms)

    def _stored(self, seq: int) -> None:
        if seq >= self._position_seq:
            self._confirm_at_ms = math.inf

    def _repeat_position(self, now_ms: float) -> None:
        is_too_early = now_ms - self._position_ms < max(CONFIRM_MS, self.config.send_ms)
        if self._confirm_at_ms == math.inf or is_too_early:
            return
        self.send(self._position)
        self._position_ms = now_ms
        if not self._is_confirming:
            self._confirm_at_ms = math.inf  # an old lobby confirms nothing: once is enough

    def _welcomed(self, attempt: Attempt, welcome: Welcome, now_ms: float) -> None:
        """From its welcome on an attempt is the one in use."""
        attempt.is_welcomed, attempt.welcomed_ms = True, now_ms
        if attempt is self._next:
            if self._current is not None:
                self._release(self._current, now_ms)
            self._current, self._next = attempt, None
        self.version = max(1, min(welcome.v, VERSION))
        self._unanswered_ms = math.nan
        self._ping_t = -1
        self._ping_at_ms = now_ms + FIRST_PING_MS
        self._takeover_at_ms = now_ms + self.takeover_ms * (1 - TAKEOVER_SPREAD * self._random())
        if self.state != ConnectionState.CONNECTED:
            self.state = ConnectionState.CONNECTED
            self._on.on_connected()

    def _keep_alive(self, current: Attempt, now_ms: float) -> None:
        if current.received_ms < self._unanswered_ms and now_ms - self._unanswered_ms > PONG_MS:
            self._release(current, now_ms)
            self._ended(current, Ending("", NO_PONG), now_ms)
            return
        if now_ms >= self._confirm_at_ms:
            self._confirm_pause_ms = min(2 * self._confirm_pause_ms, CONFIRM_LONGEST_MS)
            self._confirm_at_ms = now_ms + self._confirm_pause_ms
            self._ping_at_ms = now_ms
        if now_ms >= self._ping_at_ms and CODECS[self.version].can_ping:
            if not current.received_ms < self._unanswered_ms:
                self._unanswered_ms = now_ms
            self._pinged_ms, self._ping_t = now_ms, math.floor(now_ms)
            self._ping_at_ms = now_ms + self._heartbeat_ms
            self.send(encode_client(Ping(self._ping_t)))
        if now_ms >= self._takeover_at_ms:
            self._takeover_at_ms = now_ms + TAKEOVER_RETRY_MS * (0.5 + self._random())
            if self._next is None:
                self._next = self._attempt(now_ms)

    def _ended(self, attempt: Attempt, ending: Ending, now_ms: float) -> None:
        if attempt is self._next:
            self._next = None
            if self._current is not None:
                # The old connection still works. The lobby may have taken the new one in although its welcome never came.
                self._current.may_be_own_takeover = True
                return
        else:
            self._current = None
            if self._next is not None:
                return  # it has taken over, or its own end will say why not
        if ending.is_final and not (ending.code == "taken_over" and attempt.may_be_own_takeover):
            self.state = ConnectionState.REFUSED
            self._on.on_refused(ending.code, ending.text)
            return
        lived_ms = 0.0 if ending.is_unexplained else attempt.lived_ms(now_ms)
        random = self._random()
        pause_ms = self._backoff.pause_ms(lived_ms, random)
        if attempt.is_welcomed and ending.code in ("", "restarting"):  # all clients of the lobby may come back now
            pause_ms = max(pause_ms, random * self.config.return_ms)
        self.state = ConnectionState.WAITING
        self.retry_at_ms = now_ms + pause_ms
        self._on.on_disconnected(ending.text, pause_ms)

    def _is_ours(self, attempt: Attempt) -> bool:
        return attempt is self._current or attempt is self._next

    def _release(self, attempt: Attempt, now_ms: float) -> None:
        attempt.socket.close()
        attempt.began_ms = now_ms
        self._leaving.append(attempt)

    @property
    def _heartbeat_ms(self) -> float:
        return max(HEARTBEAT_LEAST_MS, self.config.heartbeat_ms)
