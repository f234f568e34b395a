"""The Python client: one player in one room of one lobby, for asyncio. :class:`LobbyClient` is the place to begin."""

from lobby.client.client import Connected, Disconnected, Event, LobbyClient, MessageRefused, PlayerRefused
from lobby.client.roster import Joined, Left, Moved, Roster, StatusSet

__all__ = [
    "Connected",
    "Disconnected",
    "Event",
    "Joined",
    "Left",
    "LobbyClient",
    "MessageRefused",
    "Moved",
    "PlayerRefused",
    "Roster",
    "StatusSet",
]
