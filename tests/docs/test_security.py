"""The figures of the page about attacks are those of the limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobby import limits
from lobby.errors import CODES

PAGE = (Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        f"At most {limits.HALF_OPEN:,} remain. Each has {limits.HANDSHAKE_S:g} s, ",
        f"and at least {limits.HALF_OPEN_MS / 1000:g} s while others open",
        f"more than {limits.HEAD_BYTES // 1024} KB or {limits.HEADERS} lines",
        f"more than {limits.FRAME_BYTES // 1024} KiB or {limits.FRAGMENTS} fragments | Close code 1009",
        f"when {('', 'one', 'two', 'three', 'four')[limits.HOPELESS_OUTBOXES]} times `outbox_bytes` wait",
        f"break RFC 6455 | Close code {CODES['bad_frame'].close}",
        f"the others receive close code {CODES['too_many_connections'].close}",
        f"a flood is closed with {CODES['flood'].close}",
    ],
)
def test_a_figure_of_the_page_is_that_of_the_code(words: str) -> None:
    assert words in PAGE


def test_the_pace_of_reconnects_is_that_of_the_code() -> None:
    assert (limits.VISITS.burst, 1 / limits.VISITS.per_s) == (10, 2)
    assert "Ten connections at once, then one every two seconds" in PAGE
