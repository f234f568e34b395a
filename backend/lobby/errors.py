"""The table of all error codes: meaning, close code, whether a client should come back.

There are two kinds of errors. A client broke a rule: :class:`Refused`, which is answered on the wire with its code and needs
no operator. The software could not do its part: :class:`LobbyError`, one sentence for a person, with what to do.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """One reason to refuse a message or a connection.

    ``close``: the WebSocket close code, or None where the connection stays open. A client should not come back after 4500 to
    4999; after every other close code it should. 1003 and 1009 are what API Gateway closes with for the same mistakes.
    ``http``: the status where a host has to refuse before the upgrade (API Gateway's authorizer), else None.
    """

    meaning: str
    close: int | None = None
    http: int | None = None

    @property
    def retry(self) -> bool:
        """Whether a client should try again by itself, after a pause. False where the connection stays open."""
        return self.close is not None and not 4500 <= self.close < 5000


CODES: dict[str, Code] = {
    # A wrong message: the connection stays open, nothing has changed.
    "bad_json": Code("the message is not JSON"),
    "bad_message": Code("the message is JSON, but not what its action needs; the text says which field"),
    "unknown_action": Code("no such action"),
    "bad_position": Code("x, y, z, vx, vy, vz or h is not a finite number, or seq or t not a whole one"),
    "out_of_bounds": Code("the position lies outside the world"),
    "too_fast": Code("the move is faster than the top speed; the answer gives your current position"),
    "bad_data": Code("data is not an object that the lobby can store; the text says why"),
    "bad_event": Code("the event is not valid, too large, or not allowed in this lobby; the text says why"),
    "no_player": Code("no player of the room has the id in `to`; the event was not sent"),
    "too_many_events": Code("too many events; this one and those after it were dropped until you slow down"),
    "watching": Code("a watcher can only send hello and ping"),
    "rate_limited": Code("too many messages; this one and those after it were dropped until you slow down"),
    "too_large": Code("the message is larger than the limit and was dropped"),
    # A connection that ends. Come back after a pause:
    "restarting": Code("the server is restarting", 4000),
    "silent": Code("nothing was received from you for two heartbeats", 4001),
    "slow_reader": Code("you read too slowly; too many messages were waiting for you", 4002),
    "flood": Code("you kept sending far above the limit", 4003),
    "room_full": Code("the room is full", 4004, 503),
    "too_many_connections": Code("too many connections from your address, or of this player", 4005),
    "over_budget": Code("the lobby has spent its budget for today; connected players may stay", 4006, 503),
    # Do not come back until the player, the token or the address has changed:
    "taken_over": Code("the same player connected again; the newer connection stays", 4500),
    "unauthorized": Code("a token is needed, or this one is not valid", 4501, 401),
    "token_expired": Code("the token has expired; fetch a new one", 4502, 401),
    "forbidden": Code("the token is for another player or another room", 4503, 403),
    "origin_not_allowed": Code("pages from this origin may not connect", 4504, 403),
    "bad_handshake": Code("pid, room, name or v in the address is not valid; the text says which", 4505, 400),
    "kicked": Code("an operator of the lobby removed you", 4506),
    "banned": Code("an operator of the lobby has banned you; the text says until when", 4507),
    "room_closed": Code("an operator of the lobby closed this room", 4508),
    "invitation_needed": Code("this room needs a token that names it: a token for any room is not enough", 4509, 403),
    # A frame that is not text ends the connection; come back after a pause:
    "binary": Code("the lobby does not accept binary frames", 1003),
    "bad_text": Code("the text is not UTF-8", 1007),
    "too_large_frame": Code("a frame or a message of over 32 KiB, or a message of over 128 fragments", 1009),
    "bad_frame": Code("a frame breaks the WebSocket protocol (RFC 6455)", 1002),
}


class Refused(Exception):
    """A client broke a rule: ``code`` is a key of :data:`CODES`, ``detail`` a sentence for the client's developer.

    ``fields`` go into the error message beside code and text (``x``, ``y`` and ``z`` for ``too_fast``).
    """

    def __init__(self, code: str, detail: str = "", **fields: float) -> None:
        self.code = code
        self.detail = detail or CODES[code].meaning
        self.fields = fields
        super().__init__(f"{code}: {self.detail}")


class LobbyError(Exception):
    """One sentence for a person: what was wrong, where, and what to do. A command that raises it ends with exit code 1."""


class StoreError(LobbyError):
    """The store failed. A host may then drop positions, but no join and no leave."""


class LobbyRefused(LobbyError):
    """The lobby refuses this player until its settings, token or address change."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"The lobby refused the connection: {message} ({code}).")
