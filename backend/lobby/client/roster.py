"""What a client knows of the others: messages in, events out. Pure; the time is in the messages.

The truth after a reconnect is the new ``welcome``. It is compared with what was known, and only the differences become events:
a short cut in the network makes nobody leave and join again.
"""

from __future__ import annotations

from typing import NamedTuple

from lobby.messages import Join, Leave, Moves, Player, PlayerPos, ServerMessage, StatusChanged, Welcome
from lobby.presence import Position


class Joined(NamedTuple):
    """Somebody came, or was here already when you came."""

    player: Player


class Left(NamedTuple):
    """Somebody went. ``player`` is how it was last known."""

    player: Player


class Moved(NamedTuple):
    """Somebody stands elsewhere now. ``t`` is the server's clock in ms, 0 where the message had none."""

    player: Player
    t: int = 0


class StatusSet(NamedTuple):
    """Somebody's status changed; yours too."""

    player: Player


RosterEvent = Joined | Left | Moved | StatusSet


class Roster:
    """Who is here besides you, by id."""

    def __init__(self) -> None:
        self.you = Player("")
        self.players: dict[str, Player] = {}
        self._ids: dict[int, str] = {}

    def hear(self, message: ServerMessage) -> list[RosterEvent]:
        """Takes in one message and returns what it changed."""
        match message:
            case Welcome():
                return self._replace(message)
            case Join(player):
                known = self.players.get(player.id)
                if known is not None and known.n == player.n and known.at.seq > player.at.seq:
                    player = player._replace(at=known.at)
                self._know(player)  # told again, under another number even, it is the truth all the same
                return [Joined(player)] if known is None else _differences(known, player, 0)
            case Leave(id):
                gone = self.players.pop(id, None)
                if gone is None:
                    return []
                self._ids.pop(gone.n, None)
                return [Left(gone)]
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
            case _:
                return []

    def _know(self, player: Player) -> None:
        self.players[player.id] = player
        self._ids[player.n] = player.id

    def _move(self, id: str, at: Position, t: int) -> list[RosterEvent]:
        known = self.players.get(id)
        if known is None or (at.seq != 0 and at.seq <= known.at.seq):
            return []
        player = self.players[id] = known._replace(at=at)
        return [Moved(player, t)]

    def _replace(self, welcome: Welcome) -> list[RosterEvent]:
        before, self.players, self._ids = self.players, {}, {}
        you, self.you = self.you, Player(welcome.your_id, welcome.at, welcome.n, self.you.name, welcome.status)
        for player in welcome.players:
            self._know(player)
        events: list[RosterEvent] = [Left(player) for id, player in before.items() if id not in self.players]
        for player in welcome.players:
            known = before.get(player.id)
            events += [Joined(player)] if known is None else _differences(known, player, welcome.t)
        return [*events, StatusSet(self.you)] if you.id == welcome.your_id and you.status != welcome.status else events


def _differences(known: Player, player: Player, t: int) -> list[RosterEvent]:
    """What is new of somebody who was here before."""
    events: list[RosterEvent] = [Moved(player, t)] if known.at[:2] != player.at[:2] else []
    return [*events, StatusSet(player)] if known.status != player.status else events
