"""The class of docs/protocol.md, "Drawing other players smoothly", on the paths of ``lobby bots``."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lobby.client import constants
from lobby.client.bots import SendPolicy, Walker
from lobby.presence import Position
from tests.docs.reader import blocks

ROOT = Path(__file__).parents[2]
FRAME_MS = 1000 / 60
OPENED_MS, UNTIL_MS = 10_000, 20_000


def smooth() -> Any:
    [program] = [block for block in blocks((ROOT / "docs/protocol.md").read_text(), "python") if "class Smooth" in block]
    names: dict[str, Any] = {}
    exec(program, names)
    return names["Smooth"]()


def drawn(seed: int) -> tuple[list[tuple[float, float]], list[float]]:
    """Where a bot is drawn in each frame after a page opens in the middle of its walk, and the errors in units."""
    numbers = random.Random(seed)
    walker, policy = Walker(numbers), SendPolicy()
    path = [walker.step(0.05) for _ in range(UNTIL_MS // 50 + 2)]
    due = [(ms, path[ms // 50]) for ms in range(0, UNTIL_MS, 50) if policy.due(ms, path[ms // 50])]
    sent = [(ms, at, ms + numbers.uniform(0, 60)) for ms, at in due]
    player, frames, errors = smooth(), [], []
    clock = 1 + 7_000 * seed
    first = [message for message in sent if message[2] <= OPENED_MS][-1]
    waiting = [message for message in sent if message[2] > OPENED_MS]
    player.receive(*first[1][:4], (clock + first[0]) % 65_536, OPENED_MS, age=OPENED_MS - first[2])
    for frame in range(600):
        now_ms = OPENED_MS + frame * FRAME_MS
        while waiting and waiting[0][2] <= now_ms:
            ms, at, arrival_ms = waiting.pop(0)
            player.receive(*at[:4], (clock + ms) % 65_536, arrival_ms)
        frames.append(player.draw(now_ms))
        errors.append(math.dist(frames[-1], _true(path, now_ms - 100)))
    return frames, errors


def _true(path: list[Position], ms: float) -> tuple[float, float]:
    before, share = int(ms // 50), ms % 50 / 50
    a, b = path[before], path[before + 1]
    return a.x + share * (b.x - a.x), a.y + share * (b.y - a.y)


@pytest.mark.parametrize("seed", range(24))
def test_a_player_is_drawn_without_leaps_and_near_its_path_from_the_first_frame(seed: int) -> None:
    frames, errors = drawn(seed)
    fastest = max(math.dist(a, b) for a, b in pairwise(frames)) / FRAME_MS * 1000
    assert fastest < 25, "units per second; the fastest bot reaches 15"
    assert max(errors) < 1.2
    assert sorted(errors)[len(errors) // 2] < 0.3


def test_the_class_has_the_constants_of_the_clients() -> None:
    player = smooth()
    player.receive(0, 0, 1, 0, 5, 0)
    ends_ms = constants.TRACK_DELAY_LEAST_MS + constants.TRACK_REACH_MS
    assert player.predict(ends_ms - 1)[0] < player.predict(ends_ms)[0] == player.predict(ends_ms + 1)[0] == 1.2
    most = constants.TRACK_CORRECTION_MOST_UNITS
    for distance, error in ((most - 0.1, most - 0.1), (most + 0.1, 0)):
        player = smooth()
        player.receive(0, 0, 0, 0, 5, 0)
        player.receive(distance, 0, 0, 0, 6, 1)
        assert math.hypot(*player.error) == pytest.approx(error)
        assert math.hypot(*player.error) / math.e == pytest.approx(distance - player.draw(1 + constants.TRACK_CORRECTION_MS)[0])
