"""What an operator can do, wherever the lobby runs. The answers are those of the admin API, as JSON values."""

from __future__ import annotations

from typing import Any, Protocol

from lobby.data import Data

Answer = dict[str, Any]


class Actions(Protocol):
    """The actions on one lobby. All raise LobbyError: there is no such room or player, or the lobby cannot be reached."""

    def rooms(self, limit: int, after: str) -> Answer:
        """A page of rooms."""

    def players(self, room: str, limit: int, after: str) -> Answer:
        """A page of the players of a room."""

    def kick(self, room: str, player: str, reason: str) -> Answer:
        """Removes a player from a room."""

    def ban(self, room: str, player: str, seconds: int, reason: str) -> Answer:
        """Bans a player from all rooms."""

    def bans(self) -> Answer:
        """The bans that have not expired."""

    def unban(self, player: str) -> Answer:
        """Removes the ban of a player; of all players where ``player`` is empty."""

    def send(self, room: str, event: str, data: Data) -> Answer:
        """Sends an event to a room; to all rooms where ``room`` is empty."""

    def close(self, room: str) -> Answer:
        """Removes all players and watchers from a room."""

    def drain(self, seconds: float) -> Answer:
        """Asks all players to come back later, and stops the lobby."""
