"""The Python client: one player in one room of one lobby, for asyncio. :class:`LobbyClient` is the place to begin."""

from lobby.client.client import Connected, Disconnected, Event, LobbyClient, MessageRefused, PlayerRefused
from lobby.client.rooms import Room, RoomList, rooms
from lobby.client.roster import DataSet, EventReceived, Joined, Left, Moved, Renamed, Roster, StatusSet

__all__ = [
    "Connected",
    "DataSet",
    "Disconnected",
    "Event",
    "EventReceived",
    "Joined",
    "Left",
    "LobbyClient",
    "MessageRefused",
    "Moved",
    "PlayerRefused",
    "Renamed",
    "Room",
    "RoomList",
    "Roster",
    "StatusSet",
    "rooms",
]
