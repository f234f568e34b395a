"""The two values that everything else is about: where somebody stands, and who is here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Position(NamedTuple):
    """Where a player stands and how it moves, as its player said; the others are told hundredths.

    ``x``, ``y`` in units; ``vx``, ``vy`` in units per second; ``h`` in radians. ``seq`` rises with every position of
    one player, 0 when the player does not count. ``t`` is the player's own clock in ms, modulo 65,536.
    """

    x: float = 0.0
    y: float = 0.0
    vx: float = 0.0
    vy: float = 0.0
    h: float = 0.0
    seq: int = 0
    t: int = 0


class Presence(NamedTuple):
    """One connection of one player in one room: a row of the store.

    A player (who) may for moments have two connections (how): the newest one speaks for the player.
    ``n`` numbers players within a room and outlives a takeover. Times are milliseconds since 1970.
    ``allowance`` is the distance in units that the player may still cover at ``moved_ms`` (see ``limits``).

    The last four matter only where presences are shared by invocations: when the status was set, since when this connection is
    owed a ``welcome`` (0: it knows all), and its :class:`~lobby.limits.Bucket`.
    """

    room: str
    connection: str
    player: str
    n: int = 0
    v: int = 1
    name: str = ""
    status: str = ""
    at: Position = Position()
    joined_ms: int = 0
    moved_ms: int = 0
    seen_ms: int = 0
    allowance: float = 0.0
    status_ms: int = 0
    behind_ms: int = 0
    due_ms: float = 0.0
    flood_ms: float = 0.0


def newest(roster: list[Presence]) -> list[Presence]:
    """The connections that speak for their players: of each player the one that joined last."""
    speaking: dict[str, Presence] = {}
    for row in roster:
        other = speaking.get(row.player)
        if other is None or joined_before(other, row):
            speaking[row.player] = row
    return list(speaking.values())


def joined_before(one: Presence, other: Presence) -> bool:
    """Whether ``one`` is the older connection; of two that joined in the same millisecond their ids decide, everywhere
    alike."""
    return (one.joined_ms, one.connection) < (other.joined_ms, other.connection)


def others(one: Presence, rows: Iterable[Presence]) -> list[Presence]:
    """The rows of everybody but the player of ``one``, whichever connection speaks for it."""
    return [row for row in rows if row.player != one.player]
