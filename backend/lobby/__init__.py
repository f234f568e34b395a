"""Lobby: real-time presence for games. Which players are in a room, and where are they?

The folders are the architecture: the core (``rules``, ``messages``, ``fanout``, ``limits``) decides, and one folder per host
(``server``, ``serverless``) carries its effects out. ``client`` is the other side of the wire. ``docs/architecture.md`` has the
complete list.
"""

__version__ = "0.1.0"
