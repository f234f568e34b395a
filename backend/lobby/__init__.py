"""Lobby: real-time presence for games. Who is here, and where do they stand?

The folder is the architecture: ``rules`` decides (events in, effects out), ``messages`` knows the wire, ``fanout``
decides who hears what, ``service`` carries effects out through two ports, a store (``stores``) and a gateway
(``gateways``). ``client`` and ``bots`` are the other side of the wire; ``cli`` is the command line.
"""

__version__ = "0.1.0"
