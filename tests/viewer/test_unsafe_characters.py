"""The server refuses the characters that the clients replace: ``tests/unsafe_characters.json`` lists them for all."""

from __future__ import annotations

import json
from pathlib import Path

from lobby.errors import Refused
from lobby.messages import parse

RANGES: list[list[int]] = json.loads((Path(__file__).parent.parent / "unsafe_characters.json").read_text())["ranges"]


def is_unsafe(point: int) -> bool:
    return any(first <= point <= last for first, last in RANGES)


def is_refused(point: int) -> bool:
    try:
        parse(json.dumps({"action": "status", "status": f"a{chr(point)}b"}))
    except Refused:
        return True
    return False


def test_the_server_refuses_exactly_the_unsafe_characters() -> None:
    wrong = [f"U+{point:04X}" for point in range(0x10000) if is_refused(point) != is_unsafe(point)]
    assert wrong == []
