"""Every limit of a lobby: sizes, counts, rates, bounds, speed. Numbers in, decision out; nothing here keeps state.

The configurable limits are settings (``settings.py``); the fixed ones are constants of this module. Each function raises
:class:`Refused` with the code of its limit.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import NamedTuple, NoReturn

from lobby.data import Data, size
from lobby.errors import Refused
from lobby.presence import Position, Presence
from lobby.settings import Settings

FRAME_BYTES = 32 * 1024
"""A larger frame ends the connection with 1009, as API Gateway does (its WebSocket quota: 32 KB per frame)."""

FRAGMENTS = 128
"""A message of more fragments ends the connection with 1009. Clients send a message of a lobby in one."""

SMALL_BYTES = 64
"""Fragments that are smaller cost more to read than their data is worth. They count like control frames, each connection may
send as many as messages. The last one of a message may have any size."""

FLOOD_S = 10.0
"""A connection is cut when this many seconds' worth of its messages were refused in a row."""

SPEED_TOLERANCE = 1.1
"""Games exceed their own top speed a little: boosts, slopes, the rounding of a physics step."""

SPEED_SLACK_S = 1.0
"""Movement that a player may save up, in seconds at top speed. Positions that a network holds back for a second and delivers at
once are no teleport."""

HOPELESS_OUTBOXES = 4
"""A connection is cut when its outbox holds this many times ``outbox_bytes``: it reads too slowly to catch up."""

HOPELESS_MS = 30_000
"""On AWS a connection is cut when it has needed a welcome for this long: it reads too slowly, or not at all."""

HELLO_S = 10.0
"""A client may send ``hello`` once in so many seconds, when it has missed something (docs/protocol.md, "Entries of moves")."""

AT_ONCE = 4
"""A position, a ``ping``, a ``hello`` and a ``status`` may fall on the same moment, whatever ``messages_burst`` is."""

HANDSHAKE_S = 5.0
"""A socket that has not completed its WebSocket handshake after this time is closed."""


HEAD_BYTES = 16 * 1024
"""The longest head of an HTTP request; a longer one is answered with 431. API Gateway allows 10,240 for all headers."""

HEADERS = 100
"""The largest number of header lines of a request. Browsers and proxies send about 20."""

HALF_OPEN = 1_000
"""How many sockets may be open that have sent no complete request. A new one then closes the oldest."""

HALF_OPEN_MS = 500
"""A half-open socket has this time, however many others open: the crowd that reconnects after a restart is not cut."""

DESCRIPTORS_LEFT = 32
"""Accepting pauses when only this many file descriptors are left, for what else the process opens."""


class Verdict(Enum):
    """What happens to one message of a connection that has a rate limit."""

    ALLOWED = auto()
    REFUSED = auto()
    """One too many: it is dropped, and its sender gets one error."""
    REPEATED = auto()
    """Another one too many: it is dropped without an answer, so that errors do not become a flood of their own."""
    FLOOD = auto()
    """:data:`FLOOD_S` seconds' worth of messages were refused without a pause: the connection is cut."""


class Bucket(NamedTuple):
    """The state of one connection's rate limit: a token bucket, kept as two times (the "generic cell rate algorithm").

    ``due_ms`` is when the bucket will be full again; ``flood_ms`` is the same for a second bucket that refused messages fill.
    """

    due_ms: float = 0.0
    flood_ms: float = 0.0

    def is_full(self, now: int) -> bool:
        """Whether nothing is used up at ``now``: a new bucket would be the same."""
        return self.due_ms <= now and self.flood_ms <= now


class Pace(NamedTuple):
    """How often one connection may send: ``per_s`` messages a second on average, ``burst`` messages at once."""

    per_s: float
    burst: int

    def spend(self, before: Bucket, now: int) -> tuple[Bucket, Verdict]:
        """The bucket after one message at ``now``, and what happens to that message."""
        interval = 1000 / self.per_s
        due = before.due_ms if before.due_ms > now else now
        if due - now <= (self.burst - 1) * interval:
            return Bucket(due + interval, before.flood_ms), Verdict.ALLOWED
        # A refused message costs nothing: a client that is a little too fast gets the full rate. After a clock that stepped
        # back, a connection waits for one burst at most.
        flood_ms = max(before.flood_ms, now) + interval
        after = Bucket(min(due, now + self.burst * interval), flood_ms)
        if flood_ms - now > FLOOD_S * 1000:
            return after, Verdict.FLOOD
        return after, Verdict.REPEATED if before.flood_ms > now else Verdict.REFUSED


class RateLimited(Refused):
    """A message above a rate limit. ``verdict`` says what to do with its sender; it is never ALLOWED."""

    def __init__(self, pace: Pace, verdict: Verdict, code: str = "rate_limited", what: str = "messages") -> None:
        self.verdict = verdict
        super().__init__(code, f"more than {round(pace.per_s, 0 if pace.per_s >= 10 else 1):g} {what} a second; slow down")


def events_limited(pace: Pace, verdict: Verdict) -> RateLimited:
    """An event above the rate limit of events."""
    return RateLimited(pace, verdict, "too_many_events", "events")


def pace(settings: Settings) -> Pace:
    """How often each connection of this lobby may send.

    A client that follows ``config`` is never limited: it may send a position every ``send_ms``, however low ``messages_per_s``
    is, a ``ping`` every ``heartbeat_ms`` and a ``hello`` every :data:`HELLO_S`, and one of each at the same moment.
    """
    per_s = max(settings.messages_per_s, 1000 / settings.send_ms) + 1000 / settings.heartbeat_ms + 1 / HELLO_S
    return Pace(per_s, max(settings.messages_burst, AT_ONCE))


def event_pace(settings: Settings) -> Pace:
    """How often each player of this lobby may send an event."""
    return Pace(settings.events_per_s, max(1, round(2 * settings.events_per_s)))


def socket_pace(settings: Settings) -> Pace:
    """How often one address may open a socket, for whatever purpose: four times its connections at once, then half
    of them a second."""
    limit = settings.connections_per_address
    return Pace(max(20.0, limit / 2), max(100, 4 * limit))


def connect_pace(settings: Settings) -> Pace:
    """How often one address may connect: all its connections at once, then a sixteenth of them a second.

    All players of a room receive a join and a leave for each connect.
    """
    limit = settings.connections_per_address
    return Pace(max(4.0, limit / 16), max(20, limit))


RETURN_CONNECTIONS = 64
"""So many clients may return at once after a lobby has closed all connections."""

RETURN_MS_PER_CONNECTION = 1
"""More clients spread their return: a lobby welcomes a thousand clients a second (``docs/performance.md``)."""

RETURN_MS = 30_000
"""The longest time over which clients spread their return."""


def return_ms(connections: int) -> int:
    """Over which time the clients of a lobby with so many connections spread their return, in ms: a power of two, so that it
    changes seldom. 0: they may return at once."""
    if connections <= RETURN_CONNECTIONS:
        return 0
    return min(RETURN_MS, 1 << (connections * RETURN_MS_PER_CONNECTION - 1).bit_length())


def check_size(message: bytes, settings: Settings) -> None:
    """Raises :class:`Refused` (``too_large``) for a message that has too many bytes."""
    if len(message) > settings.message_bytes:
        raise Refused("too_large", f"a message has at most {settings.message_bytes:,} bytes")


def check_room(players: int, room: str, settings: Settings) -> None:
    """Raises :class:`Refused` (``room_full``) where a room with this many players has no place for one more."""
    if players >= settings.room_size:
        raise Refused(
            "room_full",
            f"all {settings.room_size} places in {room} are taken; `lobby serve --room-size N` sets how many there are, "
            "on AWS the parameter RoomSize",
        )


def check_watchers(watching: int, room: str, settings: Settings) -> None:
    """Raises :class:`Refused` (``room_full``) where a room with this many watchers has no place for one more."""
    if watching >= settings.watchers:
        raise Refused("room_full", f"{room} has {watching} watchers; the setting watchers of the lobby allows no more")


def check_data(data: Data, settings: Settings) -> None:
    """Raises :class:`Refused` (``bad_data``) where the data of a player is too large."""
    if data and size(data) > settings.data_bytes:
        raise Refused("bad_data", f"the data of a player has at most {settings.data_bytes:,} bytes as JSON")


def check_event(event: str, data: Data, settings: Settings) -> None:
    """Raises :class:`Refused` (``bad_event``) where players may not send ``event``, or its data is too large."""
    allowed = [name for part in settings.events.split(",") if (name := part.strip()) not in ("", "none")]
    if "*" not in allowed and event not in allowed:
        known = f"the events here are {', '.join(allowed)}" if allowed else "players send no events in this lobby"
        raise Refused("bad_event", f"{event} is not allowed; {known}")
    if data and size(data) > settings.event_bytes:
        raise Refused("bad_event", f"the data of an event has at most {settings.event_bytes:,} bytes as JSON")


def check_address(connections: int, settings: Settings) -> None:
    """Raises :class:`Refused` (``too_many_connections``) where an address with this many connections may not open one more."""
    limit = settings.connections_per_address
    if limit and connections >= limit:
        raise Refused("too_many_connections", f"at most {limit} connections from one address")


VISITS = Pace(0.5, 10)
"""How often one player may connect to a room: ten times at once, then every two seconds. Each connection makes a ``join`` and a
``leave`` for all other players. Clients wait longer than that between attempts, and takeovers are hours apart."""


def check_visit(visits: Bucket, now: int) -> Bucket:
    """The ``visits`` of a player after one more at ``now``. Raises :class:`Refused` (``too_many_connections``) for one that
    connects too often."""
    after, verdict = VISITS.spend(visits, now)
    if verdict is not Verdict.ALLOWED:
        raise Refused("too_many_connections", "this player connects too often; wait for some seconds")
    return after


def refuse_connect(pace: Pace) -> NoReturn:
    """Raises :class:`Refused` (``too_many_connections``) for an address that connects more often than ``pace``."""
    raise Refused("too_many_connections", f"at most {pace.per_s:g} connects a second from one address; wait a moment")


def check_bounds(at: Position, settings: Settings) -> None:
    """Raises :class:`Refused` (``out_of_bounds``) where ``at`` lies outside the world."""
    bound = settings.world_bound
    if not (-bound <= at.x <= bound and -bound <= at.y <= bound and -bound <= at.z <= bound):
        raise Refused("out_of_bounds", f"x, y and z must lie within ±{bound:,.0f}")


def travel(known: Presence, at: Position, now: int, settings: Settings) -> float:
    """The distance that ``known`` may still cover after moving to ``at``. Raises :class:`Refused` (``too_fast``).

    The allowance grows with the time since the last position and is spent by moving, so many small steps get a player no
    farther than one large one. An unused allowance is kept up to :data:`SPEED_SLACK_S` at top speed. The first position of a
    player is free, because a player has to appear somewhere.
    """
    settings = settings.for_room(known.room)
    if not settings.max_speed:
        return 0.0
    top = settings.max_speed * SPEED_TOLERANCE
    if not known.moved_ms:
        return top * SPEED_SLACK_S
    reach = known.allowance + top * max(0, now - known.moved_ms) / 1000
    left = reach - math.dist((at.x, at.y, at.z), (known.at.x, known.at.y, known.at.z))
    if left < 0 or math.hypot(at.vx, at.vy, at.vz) > top:
        raise Refused(
            "too_fast",
            f"top speed here is {settings.max_speed:g} units a second; you are at {known.at.x:g}, {known.at.y:g}"
            + (f", {known.at.z:g}" if known.at.z else ""),
            x=known.at.x,
            y=known.at.y,
            **({"z": known.at.z} if known.at.z else {}),
        )
    return min(left, top * SPEED_SLACK_S)
