"""Compact positions of protocol version 3: one frame of bytes for all positions of a window. Pure.

``docs/protocol.md`` describes the frame bit by bit; ``docs/decisions/0020-compact-positions.md`` gives the reasons. In short:
an entry is either **whole**, or the **difference** to a whole entry of the same player that all receivers have received, its
**base**. A base has a number from 1 to 7. A receiver that does not have the base ignores the entry. A whole entry follows
within :data:`WHOLE_MS`, also at rest. So a receiver that missed frames is correct again within that time.

An :class:`Encoder` is what a host remembers for one room, a :class:`Decoder` what a client remembers for one connection. A host
without memory sends :func:`whole_frame`, which needs neither.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from lobby.presence import Position

KIND = 1
"""The first byte of a frame of positions. Receivers ignore frames of another kind."""

HEADER_BYTES = 7
"""The kind, and the time of the server in ms in six bytes."""

TEXT_PREFIX = "~"
"""A text message that begins with it is a frame in base64. No JSON text begins like that."""

WHOLE_MS = 1_000
"""While a player moves, all receivers get a whole entry at least this often; after its last movement, within this time."""

BASE_VALID_MS = 3_000
"""A receiver forgets a base that is older. So the number of a base never stands for an older base: see BASE_LEAST_MS."""

BASE_LEAST_MS = 450
"""The shortest time between two bases of one player. Seven of them last longer than BASE_VALID_MS, so a number that comes
again belongs to a base that receivers have forgotten."""

BASES = 7
ENTRIES_MOST = 10_000
"""A frame with more entries is no frame of a lobby: a room has no more players."""

WHOLE_SIZES = (0, 9, 12, 14, 16, 18, 28, 40)
"""Widths in bits of signed numbers in whole entries, chosen by three bits. 18 bits are ±1,310 units, 28 bits ±1,342,177."""

STEP_SIZES = (0, 4, 6, 8, 10, 11, 13, 24)
"""The same for the differences in the other entries."""

LAG_SIZES = (4, 6, 8, 16)
HEADING_NEAR_BITS, HEADING_BITS, HEADING_WIDE_BITS = 4, 10, 40
SEQ_BITS, SEQ_WIDE_BITS = 3, 12

LIMIT = (1 << 39) - 1
"""Larger numbers of hundredths are sent as this: 5 billion units, five times what any lobby allows."""

BASE_SPEED_LIMIT = 1 << 23
"""A whole entry with a velocity of so many hundredths, or more, is no base: predictions stay exact in 53 bits."""

NUMBER_GROUPS, SEQ_GROUPS = 4, 8
SEQ_LIMIT = 10**15
ENTRY_BYTES_MOST = 56
PRUNE_MS = 10_000

VELOCITY, HEADING, CLOCK, SEQ, HEIGHT = 16, 8, 4, 2, 1
"""The fields that an entry has, as a sum."""

PROFILES = (0, VELOCITY | HEADING | CLOCK | SEQ, VELOCITY | HEADING | CLOCK | SEQ | HEIGHT)
"""The usual sums, which two bits name. The fourth value of these bits is followed by the sum itself."""


Values = tuple[int, int, int, int, int, int, int, int, int]
"""A position in whole numbers: x, y, vx, vy, h, seq, t, z, vz. All are hundredths, except seq and t (ms, modulo 65,536)."""


class Base(NamedTuple):
    """A whole entry to which others refer: its number, the time of its frame (ms) and its values."""

    number: int
    ms: int
    values: Values


def values_of(at: Position) -> Values:
    """``at`` in whole numbers. Numbers beyond :data:`LIMIT` are cut to it."""
    x, y, vx, vy, h, seq, t, _, z, vz = at
    most = LIMIT / 100
    is_usual = -most < x < most and -most < y < most and -most < vx < most and -most < vy < most and -most < h < most
    if is_usual and not (z or vz):
        return round(x * 100), round(y * 100), round(vx * 100), round(vy * 100), round(h * 100), seq, t, 0, 0

    def cut(value: float) -> int:
        return max(-LIMIT, min(LIMIT, round(value * 100)))

    return cut(x), cut(y), cut(vx), cut(vy), cut(h), min(seq, SEQ_LIMIT - 1), t, cut(z), cut(vz)


def position_of(values: Values) -> Position:
    """``values`` in units."""
    x, y, vx, vy, h, seq, t, z, vz = values
    return Position(x / 100, y / 100, vx / 100, vy / 100, h / 100, seq, t, 0, z / 100, vz / 100)


def direction(vx: int, vy: int) -> int:
    """The direction of a velocity in hundredths of a radian; 0 for no velocity."""
    return math.floor(100 * math.atan2(vy, vx) + 0.5) if vx or vy else 0


def fields_of(values: Values) -> int:
    """The fields that an entry with these values has: those that are not 0."""
    _, _, vx, vy, h, seq, t, z, vz = values
    return (
        (VELOCITY if vx or vy else 0)
        | (HEADING if h else 0)
        | (CLOCK if t else 0)
        | (SEQ if seq else 0)
        | (HEIGHT if z or vz else 0)
    )


def predicted(base: int, old_speed: int, speed: int, ms: int) -> int:
    """Where a coordinate is ``ms`` after its base, if the velocity has changed evenly. All in hundredths."""
    return base + (old_speed + speed) * ms // 2000


def _rests(values: Values) -> bool:
    return not (values[2] or values[3] or values[8])


def _can_be_base(values: Values) -> bool:
    return max(abs(values[2]), abs(values[3]), abs(values[8])) < BASE_SPEED_LIMIT


# ── encoding ────────────────────────────────────────────────────────────────────────────────────────────────────────


Bits = tuple[int, int]
"""A number and how many bits of it are meant."""


def _fit(sizes: Sequence[int]) -> list[Bits | None]:
    """For each number of bits that a signed value needs: which of ``sizes`` to choose, and its width. None: none fits."""
    return [next(((i, size) for i, size in enumerate(sizes) if size >= needed), None) for needed in range(42)]


_WHOLE_FIT, _STEP_FIT, _LAG_FIT = _fit(WHOLE_SIZES), _fit(STEP_SIZES), _fit(LAG_SIZES)


def _head(fields: int) -> Bits:
    if fields in PROFILES:
        return PROFILES.index(fields), 2
    return 3 << 5 | fields, 7


_HEADS = [_head(fields) for fields in range(32)]


def _pair(fit: Sequence[Bits | None], a: int, b: int) -> Bits | None:
    """Two values in the same width, behind the three bits that choose it. None: they are too large."""
    # x ^ (x >> 63) is x, or for a negative number -x - 1: as many bits as the value needs without its sign.
    needed = ((a ^ (a >> 63)) | (b ^ (b >> 63))).bit_length() + 1 if a or b else 0
    if needed >= len(fit) or (found := fit[needed]) is None:
        return None
    selector, width = found
    mask = (1 << width) - 1
    return (selector << width | a & mask) << width | b & mask, 3 + 2 * width


def _single(fit: Sequence[Bits | None], value: int) -> Bits | None:
    needed = (value ^ (value >> 63)).bit_length() + 1 if value else 0
    if needed >= len(fit) or (found := fit[needed]) is None:
        return None
    selector, width = found
    return selector << width | value & (1 << width) - 1, 3 + width


def _grouped(value: int) -> Bits:
    """A number in groups of seven bits, the lowest first, each behind a bit that is 1 if another group follows."""
    bits = count = 0
    while value > 127:
        bits, count, value = bits << 8 | 128 | value & 127, count + 8, value >> 7
    return bits << 8 | value, count + 8


def _heading(h: int, vx: int, vy: int) -> Bits:
    ahead = h - direction(vx, vy)
    if ahead == 0:
        return 0, 2
    if -8 <= ahead < 8:
        return 1 << HEADING_NEAR_BITS | ahead & 15, 2 + HEADING_NEAR_BITS
    if -512 <= h < 512:
        return 2 << HEADING_BITS | h & 1023, 2 + HEADING_BITS
    return 3 << HEADING_WIDE_BITS | h & (1 << HEADING_WIDE_BITS) - 1, 2 + HEADING_WIDE_BITS


def _joined(*parts: Bits) -> Bits:
    bits = count = 0
    for value, width in parts:
        bits, count = bits << width | value, count + width
    return bits, count


def _whole(n: int, number: int, values: Values) -> bytes:
    x, y, vx, vy, h, seq, t, z, vz = values
    fields = fields_of(values)
    parts = [_grouped(n), (8 | number, 4), _HEADS[fields], _pair(_WHOLE_FIT, x, y)]
    if fields & VELOCITY:
        parts.append(_pair(_WHOLE_FIT, vx, vy))
    if fields & HEADING:
        parts.append(_heading(h, vx, vy))
    if fields & CLOCK:
        parts.append((t, 16))
    if fields & SEQ:
        parts.append(_grouped(seq))
    if fields & HEIGHT:
        parts += [_single(_WHOLE_FIT, z), _single(_WHOLE_FIT, vz)]
    bits, count = _joined(*[part for part in parts if part is not None])  # the widest size holds every value up to LIMIT
    return (bits << -count % 8).to_bytes((count + 7) // 8, "big")


def _difference(n: int, base: Base, values: Values, ms: int) -> bytes | None:
    """The entry as a difference to ``base``; None where it has no such form.

    A host calls this for nearly every position, so it is one piece: bits are shifted into one number, without helpers.
    """
    number, base_ms, (bx, by, bvx, bvy, _, bseq, bt, bz, bvz) = base
    x, y, vx, vy, h, seq, t, z, vz = values
    fields = fields_of(values)
    passed_ms = (t - bt if t else ms - base_ms) & 0xFFFF
    head, width = _HEADS[fields]
    bits, count = (n << 4 | number, 12) if n < 128 else _joined(_grouped(n), (number, 4))
    bits, count = bits << width | head, count + width

    dx, dy = x - bx - (bvx + vx) * passed_ms // 2000, y - by - (bvy + vy) * passed_ms // 2000
    # d ^ (d >> 63) is d, or for a negative number -d - 1: as many bits as d needs without its sign.
    fit = _STEP_FIT[min(((dx ^ (dx >> 63)) | (dy ^ (dy >> 63))).bit_length() + 1, 41) if dx or dy else 0]
    if fit is None:
        return None
    choice, width = fit
    mask = (1 << width) - 1
    bits, count = ((bits << 3 | choice) << width | dx & mask) << width | dy & mask, count + 3 + 2 * width

    if fields & VELOCITY:
        dx, dy = vx - bvx, vy - bvy
        fit = _STEP_FIT[min(((dx ^ (dx >> 63)) | (dy ^ (dy >> 63))).bit_length() + 1, 41) if dx or dy else 0]
        if fit is None:
            return None
        choice, width = fit
        mask = (1 << width) - 1
        bits, count = ((bits << 3 | choice) << width | dx & mask) << width | dy & mask, count + 3 + 2 * width
    if fields & HEADING:
        heading, width = _heading(h, vx, vy)
        bits, count = bits << width | heading, count + width
    if fields & CLOCK:
        later_ms = (ms - base_ms - t + bt + 0x8000 & 0xFFFF) - 0x8000
        fit = _LAG_FIT[(later_ms ^ (later_ms >> 63)).bit_length() + 1]
        assert fit is not None
        choice, width = fit
        bits, count = (bits << 2 | choice) << width | later_ms & (1 << width) - 1, count + 2 + width
    if fields & SEQ:
        since = seq - bseq
        if 0 <= since < 1 << SEQ_BITS:
            bits, count = bits << 1 + SEQ_BITS | since, count + 1 + SEQ_BITS
        elif 0 <= since < 1 << SEQ_WIDE_BITS:
            bits, count = bits << 1 + SEQ_WIDE_BITS | 1 << SEQ_WIDE_BITS | since, count + 1 + SEQ_WIDE_BITS
        else:
            return None
    if fields & HEIGHT:
        height, climb = _single(_STEP_FIT, z - predicted(bz, bvz, vz, passed_ms)), _single(_STEP_FIT, vz - bvz)
        if height is None or climb is None:
            return None
        bits, count = _joined((bits, count), height, climb)
    return (bits << -count % 8).to_bytes((count + 7) // 8, "big")


def _header(ms: int) -> bytes:
    return bytes((KIND,)) + (ms & (1 << 48) - 1).to_bytes(6, "big")


def whole_frame(ms: int, entries: Iterable[tuple[int, Position]]) -> bytes:
    """A frame at the server's time ``ms`` that needs no earlier frame, and to which no later one refers. An entry is the number
    of a player and its position."""
    parts = [_header(ms)]
    for n, at in entries:
        parts.append(_whole(n, 0, values_of(at)))
    return b"".join(parts)


def as_text(frame: bytes) -> str:
    """``frame`` as a text message, for hosts that carry text only."""
    return TEXT_PREFIX + base64.b64encode(frame).decode()


class _Track:
    """What the encoder knows of one player: ``base``, and what was sent last."""

    __slots__ = ("base", "base_ms", "is_whole", "made", "made_at", "made_for_all", "made_ms", "number", "player", "renewals")

    def __init__(self, player: str) -> None:
        self.player = player
        self.base: Base | None = None
        self.base_ms = -BASE_VALID_MS
        """When a base was made last; it stays where the base itself does not count any more."""
        self.number = self.renewals = 0
        self.is_whole = True
        """Whether the newest position that all receivers were sent was whole."""
        self.made = b""
        self.made_at: Position | None = None
        self.made_ms = -BASE_VALID_MS
        self.made_for_all = False


class Reach(Enum):
    """Which receivers of a room get a frame, and so what they have received before."""

    ALL = "all"
    """All players."""
    SOME = "some"
    """Some of the players. They have the bases that all were sent; the frame makes none."""
    APART = "apart"
    """Receivers of which nothing is known: those that are no players, or have just missed frames."""


class Encoder:
    """What a host remembers of the positions that it sent to one room. All times are those of the server, in ms.

    It assumes that all players of the room get the frames of :meth:`encode` for all. A receiver that missed some is correct
    again within :data:`WHOLE_MS`; after :meth:`renew` with the next entry of each player.
    """

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._renewals = 0
        self._pruned_ms = 0

    def renew(self) -> None:
        """A receiver has come that knows no bases: the next entry of each player is whole."""
        self._renewals += 1

    def encode(self, ms: int, movers: Iterable[tuple[int, str, Position]], reach: Reach = Reach.ALL) -> bytes:
        """The frame with the positions of ``movers``: number, id and position of each."""
        if reach is Reach.APART:
            return whole_frame(ms, [(n, at) for n, _, at in movers])
        to_all = reach is Reach.ALL
        if ms - self._pruned_ms > PRUNE_MS:
            self._prune(ms)
        parts = [_header(ms)]
        for n, player, at in movers:
            track = self._tracks.get(n)
            if track is None:
                track = self._tracks[n] = _Track(player)
            elif track.player != player:
                track.player, track.base = player, None
            if track.renewals != self._renewals:
                track.renewals, track.base, track.made_at = self._renewals, None, None
            if track.made_at is not at or track.made_ms != ms or track.made_for_all != to_all:
                track.made = self._entry(track, n, at, ms, to_all)
                track.made_at, track.made_ms, track.made_for_all = at, ms, to_all
            parts.append(track.made)
        return b"".join(parts)

    def unfinished(self, now: int) -> set[int]:
        """The numbers of players whose newest position was sent to all as a difference, and whose base is :data:`WHOLE_MS` old.
        Broadcast their positions again at ``now``: then they are whole. Each is named once."""
        found = {n for n, track in self._tracks.items() if not track.is_whole and now - track.base_ms >= WHOLE_MS}
        for n in found:
            self._tracks[n].is_whole = True
        return found

    def due_ms(self) -> int | None:
        """When :meth:`unfinished` names a player next, if nothing moves; None: never."""
        return min([track.base_ms + WHOLE_MS for track in self._tracks.values() if not track.is_whole], default=None)

    def _entry(self, track: _Track, n: int, at: Position, ms: int, to_all: bool) -> bytes:
        values = values_of(at)
        base = track.base
        comes_to_rest = base is not None and _rests(values) and not _rests(base.values)
        # A receiver that missed the base would miss a difference, too, and a player at rest sends nothing else.
        if base is not None and not comes_to_rest and 0 <= ms - base.ms < WHOLE_MS:
            entry = _difference(n, base, values, ms)
            if entry is not None:
                if to_all:
                    track.is_whole = False
                return entry
        if not to_all:
            return _whole(n, 0, values)
        track.is_whole, track.base = True, None
        if abs(ms - track.base_ms) < BASE_LEAST_MS or not _can_be_base(values):
            return _whole(n, 0, values)
        track.number = track.number % BASES + 1
        track.base, track.base_ms = Base(track.number, ms, values), ms
        return _whole(n, track.number, values)

    def _prune(self, ms: int) -> None:
        """Forgets players that rest: receivers have forgotten their bases, too."""
        self._tracks = {n: one for n, one in self._tracks.items() if not one.is_whole or abs(ms - one.made_ms) < PRUNE_MS}
        self._pruned_ms = ms


# ── decoding ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Bits:
    """Reads an entry bit by bit. Raises ValueError behind the end of the frame."""

    def __init__(self, frame: bytes, start: int) -> None:
        chunk = frame[start : start + ENTRY_BYTES_MOST]
        self._value, self._left, self._total = int.from_bytes(chunk, "big"), 8 * len(chunk), len(chunk)

    def take(self, width: int) -> int:
        self._left -= width
        if self._left < 0:
            raise ValueError("an entry of compact positions ends too early")
        return self._value >> self._left & (1 << width) - 1

    def signed(self, width: int) -> int:
        value = self.take(width)
        return value - (1 << width) if width and value >> (width - 1) else value

    def grouped(self, groups: int) -> int:
        value = 0
        for group in range(groups):
            more, low = self.take(1), self.take(7)
            value |= low << 7 * group
            if not more:
                return value
        raise ValueError("a number of compact positions is too long")

    @property
    def used_bytes(self) -> int:
        return self._total - self._left // 8


class Decoder:
    """What a client remembers of one connection: the bases of the players."""

    def __init__(self) -> None:
        self._bases: dict[int, list[Base | None]] = {}

    def decode(self, frame: bytes) -> tuple[int, list[tuple[int, Position]]] | None:
        """The server's time in ms, and the number and position of each entry whose base is known. None: a frame of another
        kind, which a newer lobby may send. Raises ValueError for a frame that no lobby sends; such a frame changes nothing."""
        if not frame or frame[0] != KIND:
            return None
        if len(frame) < HEADER_BYTES:
            raise ValueError("a frame of compact positions has no time")
        ms, start = int.from_bytes(frame[1:HEADER_BYTES], "big"), HEADER_BYTES
        found: list[tuple[int, Position]] = []
        bases: list[tuple[int, Base]] = []
        count = 0
        while start < len(frame):
            count += 1
            if count > ENTRIES_MOST:
                raise ValueError(f"a frame of compact positions has more than {ENTRIES_MOST} entries")
            bits = _Bits(frame, start)
            n, is_whole, number, fields = bits.grouped(NUMBER_GROUPS), bits.take(1), bits.take(3), bits.take(2)
            fields = PROFILES[fields] if fields < len(PROFILES) else bits.take(5)
            if is_whole:
                values = _read_whole(bits, fields)
                if number and _can_be_base(values):
                    bases.append((n, Base(number, ms, values)))
                found.append((n, position_of(values)))
            else:
                base = self._bases[n][number] if n in self._bases else None
                is_known = base is not None and abs(ms - base.ms) <= BASE_VALID_MS
                values = _read_difference(bits, fields, base if is_known and base else _NO_BASE, ms)
                if is_known:
                    found.append((n, position_of(values)))
            start += bits.used_bytes
        for n, base in bases:
            if n not in self._bases and len(self._bases) >= ENTRIES_MOST:
                self._bases.clear()  # a lobby numbers its players anew only after a long time; all bases return within a second
            self._bases.setdefault(n, [None] * (BASES + 1))[base.number] = base
        return ms, found

    def decode_text(self, text: str) -> tuple[int, list[tuple[int, Position]]] | None:
        """The same for a text message that begins with :data:`TEXT_PREFIX`."""
        try:
            frame = base64.b64decode(text.removeprefix(TEXT_PREFIX), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("a text of compact positions is not base64") from error
        return self.decode(frame)


_NO_BASE = Base(0, 0, (0, 0, 0, 0, 0, 0, 0, 0, 0))


def _read_pair(bits: _Bits, sizes: Sequence[int]) -> tuple[int, int]:
    width = sizes[bits.take(3)]
    return bits.signed(width), bits.signed(width)


def _read_heading(bits: _Bits, vx: int, vy: int) -> int:
    form = bits.take(2)
    if form < 2:
        return direction(vx, vy) + (bits.signed(HEADING_NEAR_BITS) if form else 0)
    return bits.signed(HEADING_BITS if form == 2 else HEADING_WIDE_BITS)


def _read_whole(bits: _Bits, fields: int) -> Values:
    vx = vy = h = seq = t = z = vz = 0
    x, y = _read_pair(bits, WHOLE_SIZES)
    if fields & VELOCITY:
        vx, vy = _read_pair(bits, WHOLE_SIZES)
    if fields & HEADING:
        h = _read_heading(bits, vx, vy)
    if fields & CLOCK:
        t = bits.take(16)
    if fields & SEQ and (seq := bits.grouped(SEQ_GROUPS)) >= SEQ_LIMIT:
        raise ValueError("a sequence number of compact positions is too large")
    if fields & HEIGHT:
        z, vz = bits.signed(WHOLE_SIZES[bits.take(3)]), bits.signed(WHOLE_SIZES[bits.take(3)])
    return x, y, vx, vy, h, seq, t, z, vz


def _read_difference(bits: _Bits, fields: int, base: Base, ms: int) -> Values:
    """A difference is read also where its base is not known: only so the start of the next entry is known."""
    _, base_ms, (bx, by, bvx, bvy, _, bseq, bt, bz, bvz) = base
    vx = vy = h = seq = t = z = vz = 0
    x, y = _read_pair(bits, STEP_SIZES)
    if fields & VELOCITY:
        vx, vy = _read_pair(bits, STEP_SIZES)
        vx, vy = vx + bvx, vy + bvy
    if fields & HEADING:
        h = _read_heading(bits, vx, vy)
    if fields & CLOCK:
        t = bt + ms - base_ms - bits.signed(LAG_SIZES[bits.take(2)]) & 0xFFFF
    if fields & SEQ:
        seq = bseq + bits.take(SEQ_WIDE_BITS if bits.take(1) else SEQ_BITS)
    passed_ms = (t - bt if fields & CLOCK else ms - base_ms) & 0xFFFF
    if fields & HEIGHT:
        z, vz = bits.signed(STEP_SIZES[bits.take(3)]), bits.signed(STEP_SIZES[bits.take(3)]) + bvz
        z += predicted(bz, bvz, vz, passed_ms)
    x, y = x + predicted(bx, bvx, vx, passed_ms), y + predicted(by, bvy, vy, passed_ms)
    return x, y, vx, vy, h, seq, t, z, vz
