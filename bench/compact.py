"""How many bytes a position takes, as JSON (version 2) and compact (version 3): python bench/compact.py

The players are bots in a world of 1,000 units in each direction. They send five positions a second, or only those that other
clients could not predict (the send policy of `lobby bots`). The head of a frame is not counted: all positions of a window share
it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from statistics import mean

from lobby.client.bots import SendPolicy, Walker
from lobby.compact import HEADER_BYTES, Encoder, as_text, whole_frame
from lobby.messages import encode_moves
from lobby.presence import Position

PLAYERS, SECONDS, STEP_MS = 50, 60, 50
START_MS = 1_795_426_800_000
DELAY_MS = (5, 65)
"""Between the clock of the sender and the broadcast: the network and the window."""

WORLD = 1_000.0
KINDS = ("five a second", "send policy")


def history(number: int, kind: str, *, has_all: bool) -> Iterator[tuple[int, Position]]:
    """The time of broadcast and the position of each message that one bot sends. It moves on from a place of its own."""
    numbers = random.Random(number)
    walker, policy = Walker(random.Random(1_000 + number)), SendPolicy()
    left, down = numbers.uniform(-WORLD, WORLD), numbers.uniform(-WORLD, WORLD)
    phase_ms, rests, seq = numbers.uniform(0, 200), False, 0
    for step in range(SECONDS * 1000 // STEP_MS):
        at, now = walker.step(STEP_MS / 1000), step * STEP_MS + phase_ms
        moves = bool(at.vx or at.vy)
        if not (policy.due(now, at) if kind == "send policy" else step % 4 == 0 and (moves or not rests)):
            continue
        rests, seq = not moves, seq + 1
        at = at._replace(x=at.x + left, y=at.y + down, seq=seq, t=int(now) % 65_536)
        yield START_MS + int(now + numbers.uniform(*DELAY_MS)), at if has_all else Position(at.x, at.y)


def sizes(kind: str, *, has_all: bool) -> dict[str, float]:
    """The mean size of an entry in bytes: as JSON, compact, and compact on a host without memory, as text."""
    found: dict[str, list[int]] = {"JSON": [], "compact": [], "without memory": []}
    empty = len(encode_moves(START_MS, []))
    for number in range(PLAYERS):
        encoder, n = Encoder(), number + 1
        for ms, at in history(number, kind, has_all=has_all):
            found["JSON"].append(len(encode_moves(ms, [(n, at)])) + 1 - empty)  # and a comma
            found["compact"].append(len(encoder.encode(ms, [(n, "", at)])) - HEADER_BYTES)
            whole = whole_frame(ms, [(n, at)])
            found["without memory"].append(len(as_text(whole * 3)) / 3 - len(as_text(bytes(HEADER_BYTES) * 3)) / 3)
    return {name: mean(values) for name, values in found.items()}


def main() -> None:
    """Prints the table of docs/performance.md."""
    print("| positions | fields | JSON | compact | compact without memory, as text |\n|---|---|---|---|---|")
    for kind in KINDS:
        for has_all, fields in ((True, "all but height"), (False, "`x`, `y`")):
            size = sizes(kind, has_all=has_all)
            print(f"| {kind} | {fields} | {size['JSON']:.1f} | {size['compact']:.1f} | {size['without memory']:.1f} |")


if __name__ == "__main__":
    main()
