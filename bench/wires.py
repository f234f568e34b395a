"""The protocols that the load generator speaks: that of the lobby, and that of Colyseus 0.18.

A wire encodes positions and decodes frames; it does no input or output. A new version of the lobby's protocol is one more
entry of ``WIRES``.
"""

import json
import math
import struct
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from lobby.compact import KIND, Decoder

STEPS = 31  # of a player's circle; at 5 Hz it takes about six seconds
JOIN_ROOM, ROOM_DATA, ROOM_STATE, ROOM_STATE_PATCH = 10, 13, 14, 15  # Protocol in @colyseus/shared-types
STRUCTURE, ADD = 255, 128  # SWITCH_TO_STRUCTURE and OPERATION.ADD in @colyseus/schema
PLAYERS = 1  # the reference of the map of players in bench/colyseus/server.mjs: the first after the state itself


class Wire(Protocol):
    """What one player sends, and what its frames mean."""

    binary: bool
    """Whether its frames are binary."""

    def greeting(self, payload: bytes) -> bytes | None:
        """The answer to the frame that makes this player a member of its room, perhaps empty; None for other frames."""

    def position(self, index: int, seq: int) -> tuple[bytes, Hashable]:
        """The ``seq``-th position of a player as a frame, and the key under which receivers find it again."""

    def moves(self, payload: bytes) -> Iterator[Hashable]:
        """The keys of all positions in a frame."""

    def others(self, payload: bytes) -> int:
        """How many more players of the room are known after this frame."""


def circle(index: int, seq: int) -> tuple[float, float, float, float, float]:
    """Place, velocity (units and units a second) and heading (radians) of a player after so many steps."""
    turned = math.tau * (seq % STEPS) / STEPS
    cos, sin = math.cos(turned), math.sin(turned)
    return index % 32 * 5.0 + 5 * cos, index // 32 * 5.0 + 5 * sin, -5 * sin, 5 * cos, turned


@dataclass(slots=True)
class LobbyWire:
    """Version 2 of the lobby's protocol: JSON."""

    n: int = -1
    prefixes: list[bytes] = field(default_factory=list)
    binary: bool = False

    def greeting(self, payload: bytes) -> bytes | None:
        """A ``welcome`` needs no answer. It has the player's ``n``."""
        if not payload.startswith(b'{"type":"welcome"'):
            return None
        self.n = json.loads(payload)["n"]
        return b""

    def position(self, index: int, seq: int) -> tuple[bytes, Hashable]:
        """Everything but ``seq`` is encoded once for each step of the circle."""
        if not self.prefixes:
            self.prefixes = [
                '{{"action":"pos","x":{:.2f},"y":{:.2f},"vx":{:.2f},"vy":{:.2f},"h":{:.2f},"seq":'.format(
                    *circle(index, n)
                ).encode()
                for n in range(STEPS)
            ]
        return self.prefixes[seq % STEPS] + b"%d}" % seq, (self.n, seq)

    def moves(self, payload: bytes) -> Iterator[Hashable]:
        """``n`` and ``seq`` of each entry of a ``moves``."""
        if payload.startswith(b'{"type":"moves"'):
            for entry in json.loads(payload)["m"]:
                yield entry[0], entry[6]

    def others(self, payload: bytes) -> int:
        """A ``welcome`` has all others, a ``join`` one more, and a ``leave`` one less."""
        if payload.startswith(b'{"type":"join"'):
            return 1
        if payload.startswith(b'{"type":"welcome"'):
            return payload.count(b'{"id":')
        return -1 if payload.startswith(b'{"type":"leave"') else 0


@dataclass(slots=True)
class Lobby3Wire(LobbyWire):
    """Version 3: one ``changes`` has all joins and leaves of a window. Its joins may name known players, and the receiver.

    Positions are compact. The differences to positions before the first frame that is read are not found, for a second at most.
    """

    me: str = ""
    ids: set[str] = field(default_factory=set)
    compact: Decoder = field(default_factory=Decoder)

    def moves(self, payload: bytes) -> Iterator[Hashable]:
        """``n`` and ``seq`` of each position in compact form, and of each entry of a ``moves`` of JSON."""
        if payload[0] == KIND and (read := self.compact.decode(payload)) is not None:
            for n, at in read[1]:
                yield n, at.seq
        yield from LobbyWire.moves(self, payload)

    def others(self, payload: bytes) -> int:
        """The players that a ``welcome`` or ``changes`` adds, less those that it removes."""
        before = len(self.ids)
        if payload.startswith(b'{"type":"welcome"'):
            message = json.loads(payload)
            self.me = message["your_id"]
            self.ids = {player["id"] for player in message["lobby_players"]}
        elif payload.startswith(b'{"type":"changes"'):
            message = json.loads(payload)
            self.ids.difference_update(message.get("leave", ()))
            self.ids.update(player["id"] for player in message.get("join", ()))
        self.ids.discard(self.me)
        return len(self.ids) - before


POSITION = struct.Struct(">c8sf3sf4sf4sf3sf")


@dataclass(slots=True)
class ColyseusWire:
    """Messages of Colyseus 0.18, and the binary patches of the state that bench/colyseus/server.mjs declares."""

    entries: set[int] = field(default_factory=set)  # of the map of players
    binary: bool = True

    def greeting(self, payload: bytes) -> bytes | None:
        """The client confirms JOIN_ROOM with the same code."""
        return bytes([JOIN_ROOM]) if payload[0] == JOIN_ROOM else None

    def position(self, index: int, seq: int) -> tuple[bytes, Hashable]:
        """A room message in MessagePack. The place is its own key, so each step is a little further than the last."""
        x, y, vx, vy, h = circle(index, seq)
        x, y = x + seq / 256, y + seq / 256
        code = bytes([ROOM_DATA])
        names = b"\xa3pos\x85\xa1x\xca", b"\xa1y\xca", b"\xa2vx\xca", b"\xa2vy\xca", b"\xa1h\xca"
        frame = POSITION.pack(code, names[0], x, names[1], y, names[2], vx, names[3], vy, names[4], h)
        return frame, struct.pack("<ff", x, y)

    def moves(self, payload: bytes) -> Iterator[Hashable]:
        """x and y, as they are encoded, of each player that a patch moves."""
        if payload[0] != ROOM_STATE_PATCH:
            return
        x = b""
        for reference, field_, value in changes(payload):
            if reference > PLAYERS and field_ == 0:
                x = value
            elif reference > PLAYERS and field_ == 1:
                yield x + value

    def others(self, payload: bytes) -> int:
        """The entries that a state or a patch adds to the map of players. The player's own entry is not counted."""
        if payload[0] not in (ROOM_STATE, ROOM_STATE_PATCH):
            return 0
        before = max(len(self.entries), 1)
        for reference, entry, key in changes(payload):
            if reference == PLAYERS and key:
                self.entries.add(entry)
            elif reference == PLAYERS:
                self.entries.discard(entry)
            elif reference > PLAYERS and payload[0] == ROOM_STATE:
                break  # a whole state has the map before its players; a patch has them in any order
        return max(len(self.entries), 1) - before


def changes(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each change in a state or patch: the reference of its structure, the field or entry, and the encoded value.

    For an entry of the map of players the value is its key, and empty if the entry is removed.
    """
    at, reference = 1, 0
    while at < len(payload):
        operation = payload[at]
        if operation == STRUCTURE:
            reference, at = number(payload, at + 1)
        elif reference == 0:
            _, at = number(payload, at + 1)
            yield 0, operation & 0x3F, b""
        elif reference == PLAYERS:
            entry, at = number(payload, at + 1)
            if operation & ADD:
                end = at + 1 + (payload[at] & 0x1F)
                key = payload[at + 1 : end]
                _, at = number(payload, end)
                yield reference, entry, key
            else:
                yield reference, entry, b""
        else:
            yield reference, operation & 0x3F, payload[at + 1 : at + 5]
            at += 5


def number(payload: bytes, at: int) -> tuple[int, int]:
    """A number as @colyseus/schema encodes it, and the place after it. Raises ValueError for numbers that are no reference."""
    first = payload[at]
    if first < 0x80:
        return first, at + 1
    if first not in NUMBERS:
        raise ValueError(f"byte {at} of the patch is {first:#x}, which begins no positive number")
    size = NUMBERS[first]
    return int.from_bytes(payload[at + 1 : at + 1 + size], "little"), at + 1 + size


NUMBERS = {0xCC: 1, 0xCD: 2, 0xCE: 4}  # bytes of an unsigned number after its first byte
WIRES: dict[str, Callable[[], Wire]] = {"2": LobbyWire, "3": Lobby3Wire, "colyseus": ColyseusWire}
