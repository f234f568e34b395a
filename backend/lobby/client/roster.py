"""What a client knows of the other players: messages in, events out. Pure; the time is in the messages.

After a reconnect the new ``welcome`` is right. It is compared with what was known, and only the differences become events:
after a short break of the network no player leaves and joins again. When the lobby restarts, the players reconnect one after
the other: a player that the first ``welcome`` after a lost connection does not list is kept for :data:`GRACE_MS`.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from lobby.client.constants import GRACE_MS, ROSTER_MOST
from lobby.data import Data
from lobby.messages import (
    Changes,
    Config,
    DataChanged,
    Error,
    Event,
    Join,
    Leave,
    Moves,
    Player,
    PlayerPos,
    Pong,
    ServerMessage,
    StatusChanged,
    Welcome,
)
from lobby.presence import Position


class Joined(NamedTuple):
    """A player came, or was here already when you came."""

    player: Player


class Left(NamedTuple):
    """A player left. ``player`` is its last known state."""

    player: Player


class Moved(NamedTuple):
    """A player has a new position. ``t`` is the server's clock in ms since 1970; 0 if the message had none."""

    player: Player
    t: int = 0


class StatusSet(NamedTuple):
    """The status of a player changed; yours too."""

    player: Player


class DataSet(NamedTuple):
    """The data of a player changed; yours too."""

    player: Player


class Renamed(NamedTuple):
    """A player has another name."""

    player: Player


class EventReceived(NamedTuple):
    """An event arrived. ``sender`` is the id of the player that sent it; empty: an operator of the lobby."""

    sender: str
    event: str
    data: Data


RosterEvent = Joined | Left | Moved | StatusSet | DataSet | Renamed | EventReceived


class Roster:
    """The other players of the room, by id, and you."""

    def __init__(self) -> None:
        self.you = Player("")
        self.players: dict[str, Player] = {}
        self._ids: dict[int, str] = {}
        self._was_cut = False
        self._missing: dict[str, float] = {}
        """When players that a welcome did not list are removed, by id, in ms."""

    def cut(self) -> None:
        """The connection was lost, so players may be missing in the next welcome."""
        self._was_cut = bool(self.you.id)

    def expire(self, now: float) -> list[RosterEvent]:
        """Removes the players that were missing for too long. ``now`` is in ms, on the clock of :meth:`apply`."""
        gone = [id for id, until in self._missing.items() if now >= until]
        return [event for id in gone for event in self.apply(Leave(id), now)]

    def apply(self, message: ServerMessage, now: float = 0.0) -> list[RosterEvent]:
        """Applies one message at ``now`` (ms, by any clock that does not jump) and returns what it changed."""
        match message:
            case Welcome():
                return self._replace(message, now)
            case Join(player):
                if player.id == self.you.id:
                    return []
                known = self.players.get(player.id)
                was_missing = self._missing.pop(player.id, None) is not None
                if known is not None:
                    self._forget_number(known)
                    is_older = known.n == player.n and known.at.seq > player.at.seq and not was_missing
                    # A player that has just reconnected has not sent a position yet.
                    if is_older or (was_missing and player.at == Position()):
                        player = player._replace(at=known.at)
                elif len(self.players) >= ROSTER_MOST:
                    return []
                self._know(player)  # a repeated join is right as well, even with another number
                return [Joined(player)] if known is None else _differences(known, player, 0)
            case Leave(id):
                left = self.players.pop(id, None)
                self._missing.pop(id, None)
                if left is None:
                    return []
                self._forget_number(left)
                return [Left(left)]
            case Changes(leaves, joins):
                gone = [event for id in leaves for event in self.apply(Leave(id), now)]
                return gone + [event for player in joins for event in self.apply(Join(player), now)]
            case PlayerPos(id, at):
                return self._move(id, at, 0)
            case Moves(t, entries):
                return [event for n, at in entries for event in self._move(self._ids.get(n, ""), at, t)]
            case StatusChanged(id, status):
                if id == self.you.id:
                    self.you = self.you._replace(status=status)
                    return [StatusSet(self.you)]
                known = self.players.get(id)
                if known is None:
                    return []
                player = self.players[id] = known._replace(status=status)
                return [StatusSet(player)]
            case DataChanged(id, data):
                if id == self.you.id:
                    self.you = self.you._replace(data=data)
                    return [DataSet(self.you)]
                known = self.players.get(id)
                if known is None:
                    return []
                player = self.players[id] = known._replace(data=data)
                return [DataSet(player)]
            case Event(id, event, data):
                return [EventReceived(id, event, data)]
            case Config() | Pong() | Error():
                return []  # not about players
            case _:
                assert_never(message)

    def _know(self, player: Player) -> None:
        self.players[player.id] = player
        self._ids[player.n] = player.id

    def _forget_number(self, player: Player) -> None:
        """After a restart of the lobby another player may have the number."""
        if self._ids.get(player.n) == player.id:
            del self._ids[player.n]

    def _move(self, id: str, at: Position, t: int) -> list[RosterEvent]:
        known = self.players.get(id)
        if known is None or (at.seq != 0 and at.seq <= known.at.seq):
            return []
        player = self.players[id] = known._replace(at=at)
        return [Moved(player, t)]

    def _replace(self, welcome: Welcome, now: float) -> list[RosterEvent]:
        before, self.players, self._ids = self.players, {}, {}
        you, self.you = (
            self.you,
            Player(welcome.your_id, welcome.at, welcome.n, self.you.name, welcome.status, data=welcome.data),
        )
        for player in welcome.players:
            self._know(player)
        missing, self._missing = self._missing, {}
        events: list[RosterEvent] = []
        for id, player in before.items():
            if id in self.players or id == welcome.your_id:
                continue
            if len(self.players) >= ROSTER_MOST:
                events.append(Left(player))
                continue
            until = missing.get(id, now + GRACE_MS if self._was_cut else None)
            if until is None:
                events.append(Left(player))
            else:
                self.players[id], self._missing[id] = player, until
        self._was_cut = False
        for player in welcome.players:
            known = before.get(player.id)
            events += [Joined(player)] if known is None else _differences(known, player, welcome.t)
        if you.id == welcome.your_id:
            events += [StatusSet(self.you)] if you.status != welcome.status else []
            events += [DataSet(self.you)] if you.data != welcome.data else []
        return events


def _place(player: Player) -> tuple[float, float, float]:
    return player.at.x, player.at.y, player.at.z


def _differences(known: Player, player: Player, t: int) -> list[RosterEvent]:
    """The events of a player that was known before."""
    events: list[RosterEvent] = [Moved(player, t)] if _place(known) != _place(player) else []
    events += [StatusSet(player)] if known.status != player.status else []
    events += [DataSet(player)] if known.data != player.data else []
    return [*events, Renamed(player)] if known.name != player.name else events
