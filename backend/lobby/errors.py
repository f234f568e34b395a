"""What can go wrong, in one table: code, what is said, whether to come back.

Two kinds of errors. *They* broke the rules: :class:`Refused`, answered on the wire with its code, never a log line worth
waking up for. *We* could not do our part: :class:`LobbyError`, one sentence for a person, with what to do.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """One way of being told no.

    ``close``: the WebSocket close code, or None where the connection stays open. 4000 to 4499 mean come back, 4500 to
    4999 do not; 1003 and 1009 are what API Gateway closes with for the same mistakes.
    ``http``: the status where a host has to refuse before the upgrade (API Gateway's authorizer), else None.
    """

    meaning: str
    close: int | None = None
    http: int | None = None

    @property
    def retry(self) -> bool:
        """Whether a client should try again by itself, after a pause."""
        return self.close is not None and 4000 <= self.close < 4500


CODES: dict[str, Code] = {
    # A wrong message: the connection stays, nothing changed.
    "bad_json": Code("the message is not JSON"),
    "bad_message": Code("the message is JSON, but not what its action needs; the text says which field"),
    "unknown_action": Code("no such action"),
    "bad_position": Code("x, y, vx, vy or h is not a finite number, or seq or t not a whole one"),
    "out_of_bounds": Code("the position lies outside of the world"),
    "too_fast": Code("nobody gets there that fast; the answer says where you stand"),
    "rate_limited": Code("too many messages; this one and those after it were dropped until you slow down"),
    "too_large": Code("the message is larger than the limit and was dropped"),
    # A connection that ends. Come back after a pause:
    "restarting": Code("the server is restarting", 4000),
    "silent": Code("nothing was heard of you for two heartbeats", 4001),
    "slow_reader": Code("you read too slowly, too much was waiting for you", 4002),
    "flood": Code("you went on sending far over the limit", 4003),
    "room_full": Code("the room is full", 4004, 503),
    "too_many_connections": Code("too many connections from your address", 4005),
    "over_budget": Code("the lobby has spent its budget for today; who is inside may stay", 4006, 503),
    # Do not come back until somebody has changed something:
    "taken_over": Code("the same player connected again; that connection goes on", 4500),
    "unauthorized": Code("a token is needed, or this one is not valid", 4501, 401),
    "token_expired": Code("the token has expired; fetch a new one", 4502, 401),
    "forbidden": Code("the token is for another player or another room", 4503, 403),
    "origin_not_allowed": Code("pages from this origin may not connect", 4504, 403),
    "bad_handshake": Code("pid, room, name or v in the address is not valid; the text says which", 4505, 400),
    # What no text protocol can go on from:
    "binary": Code("binary frames are not spoken here", 1003),
    "bad_text": Code("the text is not UTF-8", 1007),
    "too_large_frame": Code("a frame of over 32 KiB", 1009),
}


class Refused(Exception):
    """They broke a rule: ``code`` is a key of :data:`CODES`, ``detail`` the sentence for their developer.

    ``fields`` go into the error message beside code and text (``x`` and ``y`` for ``too_fast``).
    """

    def __init__(self, code: str, detail: str = "", **fields: float) -> None:
        self.code = code
        self.detail = detail or CODES[code].meaning
        self.fields = fields
        self.is_repeated = False
        """Whether its sender was told the same just now and need not be told again."""
        self.is_flood = False
        """Whether its sender goes on and on, and is to be cut."""
        super().__init__(f"{code}: {self.detail}")


class LobbyError(Exception):
    """We could not do it: one sentence that says what was wrong, where, and what to do. Ends the command with 1."""


class StoreError(LobbyError):
    """The store failed. Positions may be dropped, joins and leaves may not."""


class LobbyRefused(LobbyError):
    """The lobby will not take this player until somebody changes something."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"The lobby refused the connection: {message} ({code}).")
