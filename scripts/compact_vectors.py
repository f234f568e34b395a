"""Writes tests/vectors/compact.json: frames of compact positions, and what a client reads in them.

    python scripts/compact_vectors.py

The tests in Python, JavaScript and GDScript read this file. A stream is what one connection receives, in this order. A frame
has the bytes (``hex``) or the text message (``text``), and the result: ``t`` and ``entries``. An entry is ``[n, x, y, vx, vy,
h, seq, t, z, vz]`` in whole numbers. The result is null for what is no frame of a lobby.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lobby.client.bots import Walker
from lobby.compact import Decoder, Encoder, as_text, values_of, whole_frame
from lobby.presence import Position

FILE = Path(__file__).parents[1] / "tests/vectors/compact.json"
START_MS = 1_795_426_800_000
MANGLED = 120
"""How many frames are changed at random. All languages must read, or refuse, the same in them."""

Mover = tuple[int, str, Position]


def vectors() -> list[dict[str, Any]]:
    """All streams."""
    return [
        _stream("the example of the page on the protocol", _frames(_example())),
        _stream("three players walk, with velocity, heading, sequence number and clock", _frames(_walks(3, 12))),
        _stream("a player with x and y only", _frames(_walks(1, 12, "xy"))),
        _stream("a player with a height", _frames(_walks(1, 12, "z"))),
        _stream("two of three frames are lost", list(_frames(_walks(2, 24)))[::3]),
        _stream("a base of more than three seconds ago counts no more", _late()),
        _stream("large numbers", _frames(_large())),
        _stream(
            "frames that need no other frame, as text", [as_text(whole_frame(ms, _numbered(rows))) for ms, rows in _walks(2, 3)]
        ),
        _stream(
            "no frames of a lobby", ["", "00", "01", "010000000000", "0201a1b2c3d4e5f6", *_cut(), "~", "~A", "~????", "~AQAB"]
        ),
        _stream("frames that were changed at random", _mangled()),
    ]


def _stream(name: str, frames: Any) -> dict[str, Any]:
    decoder = Decoder()
    return {"name": name, "frames": [_read(decoder, frame) for frame in frames]}


def _read(decoder: Decoder, frame: bytes | str) -> dict[str, Any]:
    """``frame``: bytes, their hexadecimal form, or a text message."""
    is_text = isinstance(frame, str) and frame.startswith("~")
    shown = frame if isinstance(frame, str) else frame.hex()
    key = "text" if is_text else "hex"
    try:
        read = decoder.decode_text(shown) if is_text else decoder.decode(bytes.fromhex(shown))
    except ValueError:
        read = None
    if read is None:
        return {key: shown, "result": None}
    return {key: shown, "result": {"t": read[0], "entries": [[n, *values_of(at)] for n, at in read[1]]}}


def _frames(windows: Iterator[tuple[int, list[Mover]]]) -> Iterator[bytes]:
    encoder = Encoder()
    for ms, movers in windows:
        yield encoder.encode(ms, movers)


def _numbered(movers: list[Mover]) -> list[tuple[int, Position]]:
    return [(n, at) for n, _, at in movers]


def _example() -> Iterator[tuple[int, list[Mover]]]:
    yield START_MS + 50, [(4, "bea", Position(12.5, 8.3, 10, 0, 0.02, 18, 27_589))]
    yield START_MS + 250, [(4, "bea", Position(14.49, 8.31, 9.9, 0.3, 0.05, 19, 27_789)), (300, "cy", Position(-3.0, 0.25))]


def _walks(players: int, windows: int, kind: str = "all") -> Iterator[tuple[int, list[Mover]]]:
    """Bots at five positions a second, in a world of 1,000 units in each direction."""
    numbers = random.Random(players)
    walkers = [Walker(numbers) for _ in range(players)]
    for window in range(windows):
        movers: list[Mover] = []
        for n, walker in enumerate(walkers, start=1):
            for _ in range(4):
                at = walker.step(0.05)
            x, y = at.x + 900 * (-1) ** n, at.y - 800
            if kind == "xy":
                at = Position(x, y)
            else:
                t = (200 * window + 65_000 * n) % 65_536
                z, vz = (window**2, 10 * window) if kind == "z" else (0, 0)
                at = Position(x, y, at.vx, at.vy, at.h, 120 * n + window, t, z=z, vz=vz)
            movers.append((n, f"p{n}", at))
        yield START_MS + 200 * window + numbers.randrange(60), movers


def _late() -> Iterator[bytes]:
    """A difference that refers to a base of 2,999, 3,000 and 3,001 ms ago, as its time states."""
    first, second = list(_frames(_walks(1, 2)))
    yield first
    for age in (2_999, 3_000, 3_001):
        yield second[:1] + (int.from_bytes(first[1:7], "big") + age).to_bytes(6, "big") + second[7:]


def _large() -> Iterator[tuple[int, list[Mover]]]:
    for step, x in enumerate((1e6, -1e6, 1e9, -1e9, 1e12, 0.01, -0.01, 0.0)):
        at = Position(x, -x / 3, x / 7, -3 * x, (-1) ** step * 314.15 / (step + 1), 10**step, 65_535 - step, 0, -x, x / 9)
        yield START_MS + 1_000 * step, [(128 << step, "p", at), (1, "q", at._replace(vx=1, vy=-1, vz=0.5, h=step - 3.5))]
        at = at._replace(x=x + 0.5, vx=1.5, vy=-1, vz=0.5, seq=at.seq + 4095, h=step - 3)
        yield START_MS + 1_000 * step + 99, [(1, "q", at)]


def _cut() -> Iterator[bytes]:
    """A frame that ends too early, at each of its bytes."""
    frame = next(_frames(_example()))
    yield from (frame[:size] for size in range(7, len(frame)))


def _mangled() -> Iterator[bytes]:
    numbers = random.Random(12)
    frames = list(_frames(_walks(3, 20)))
    for number in range(MANGLED):
        frame = bytearray(frames[number % len(frames)])
        if number % 3:
            for _ in range(numbers.randrange(1, 4)):
                frame[numbers.randrange(7, len(frame))] ^= 1 << numbers.randrange(8)
        yield bytes(frame)


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    streams = ",\n".join(map(json.dumps, vectors()))
    for key in ("hex", "text"):
        streams = streams.replace(f'{{"{key}"', f'\n {{"{key}"')
    FILE.write_text(f"[\n{streams}\n]\n")
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes")
