"""Lobby: real-time presence for games. Who is in the room, and where are they?

The core decides without input or output: ``rules`` (events in, effects out), ``messages`` (the wire format), ``fanout`` (which
connection receives which position, and when). Each host has a folder: ``server`` is `lobby serve`, ``serverless`` runs on AWS,
``emulator`` emulates AWS on this machine. ``client`` connects to a lobby; ``cli`` is the command line. ``docs/architecture.md``
describes all modules.
"""

__version__ = "0.1.0"
