"""The row of a connection."""

from __future__ import annotations

from lobby.presence import Position, Presence


def test_a_row_that_moved_differs_in_position_times_and_allowance_only() -> None:
    row = Presence(*range(7), Position(1, 2), *range(8, len(Presence._fields)))  # type: ignore[call-arg]
    at = Position(3, 4)
    assert row.moved(at, 99, 0.5) == row._replace(at=at, moved_ms=99, seen_ms=99, allowance=0.5)
    assert type(row.moved(at, 99, 0.5)) is Presence
