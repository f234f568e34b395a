"""Sizes, rates, bounds and speed: numbers in, decision out. Nothing here remembers anything."""

from __future__ import annotations

import math
from typing import NamedTuple

from lobby.errors import Refused
from lobby.presence import Position, Presence
from lobby.settings import Settings

FRAME_BYTES = 32 * 1024
"""A larger frame ends the connection with 1009, as API Gateway does (its WebSocket quota: 32 KB a frame)."""

FLOOD_S = 10.0
"""So many seconds' worth of messages may be refused in a row, then the connection is cut: nobody reads the errors."""

SPEED_TOLERANCE = 1.1
"""Games overshoot their own top speed a little: boosts, slopes, the rounding of a physics step."""

SPEED_SLACK_S = 1.0
"""Movement that may be saved up: positions held back by a network for a second and delivered at once are no teleport."""


class Bucket(NamedTuple):
    """Who may send how often: a token bucket, kept as two times instead of a count (the "generic cell rate algorithm").

    ``due_ms`` is when the bucket will be full again, ``flood_ms`` the same for a second bucket that refused messages fill.
    """

    due_ms: float = 0.0
    flood_ms: float = 0.0

    def take(self, now: int, per_s: float, burst: int) -> Bucket:
        """The bucket after one message at ``now``. The message was one too many if ``flood_ms`` has risen."""
        interval = 1000 / per_s
        due = self.due_ms if self.due_ms > now else now
        if due - now <= (burst - 1) * interval:
            return Bucket(due + interval, self.flood_ms)
        # A refused message costs nothing, so whoever is a little too fast is heard at the rate, not silenced. And a clock
        # that stepped back owes nobody more than a whole burst.
        return Bucket(min(due, now + burst * interval), max(self.flood_ms, now) + interval)

    def is_flood(self, now: int) -> bool:
        """Whether :data:`FLOOD_S` seconds' worth of messages were refused without a pause."""
        return self.flood_ms - now > FLOOD_S * 1000


class Pace(NamedTuple):
    """How often one connection may send: so many messages a second for long, so many at once."""

    per_s: float
    burst: int

    def spend(self, before: Bucket, now: int) -> tuple[Bucket, Refused | None]:
        """The bucket after one message at ``now``, and what is said to that message if it was one too many."""
        after = before.take(now, self.per_s, self.burst)
        if after.flood_ms == before.flood_ms:
            return after, None
        error = Refused("rate_limited", f"more than {self.per_s:g} messages a second; slow down")
        # One answer to the first message over the limit, not one to each: errors must not become a flood of their own.
        error.is_repeated, error.is_flood = before.flood_ms > now, after.is_flood(now)
        return after, error


def pace(settings: Settings) -> Pace:
    """How often a connection of this lobby may send."""
    return Pace(settings.messages_per_s, settings.messages_burst)


def in_bounds(at: Position, settings: Settings) -> None:
    """Raises :class:`Refused` where ``at`` lies outside of the world."""
    bound = settings.world_bound
    if not (-bound <= at.x <= bound and -bound <= at.y <= bound):
        raise Refused("out_of_bounds", f"x and y must lie within ±{bound:,.0f}")


def travel(known: Presence, at: Position, now: int, settings: Settings) -> float:
    """The distance that is left to ``known`` after going to ``at``; raises :class:`Refused` when it is too far.

    Distance grows with the time since the last position and is spent by moving, so many small steps get nobody
    farther than one large one; what was not spent is kept up to :data:`SPEED_SLACK_S` at top speed. The first position of
    a player is free: it has to appear somewhere.
    """
    if not settings.max_speed:
        return 0.0
    top = settings.max_speed * SPEED_TOLERANCE
    if not known.moved_ms:
        return top * SPEED_SLACK_S
    reach = known.allowance + top * max(0, now - known.moved_ms) / 1000
    left = reach - math.hypot(at.x - known.at.x, at.y - known.at.y)
    if left < 0 or math.hypot(at.vx, at.vy) > top:
        raise Refused(
            "too_fast",
            f"top speed here is {settings.max_speed:g} units a second; you stand at {known.at.x:g}, {known.at.y:g}",
            x=known.at.x,
            y=known.at.y,
        )
    return min(left, top * SPEED_SLACK_S)
