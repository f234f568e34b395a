"""Numbers in, decision out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby import limits
from lobby.errors import Refused
from lobby.limits import Bucket
from lobby.presence import Position, Presence
from lobby.settings import Settings


def heard(times: list[int], per_s: float = 10, burst: int = 20) -> tuple[int, Bucket]:
    """How many messages at these times are heard."""
    bucket, passed = Bucket(), 0
    for now in times:
        after = bucket.take(now, per_s, burst)
        passed += after.flood_ms == bucket.flood_ms
        bucket = after
    return passed, bucket


def test_a_burst_passes_and_the_message_after_it_does_not() -> None:
    assert heard([0] * 20)[0] == 20
    assert heard([0] * 21)[0] == 20


def test_who_is_a_little_too_fast_is_heard_at_the_rate_and_never_cut() -> None:
    passed, bucket = heard(list(range(0, 60_000, 80)))  # 12.5 a second
    assert passed == pytest.approx(600, abs=25)
    assert not bucket.is_flood(60_000)


def test_a_thousand_messages_a_second_are_a_flood() -> None:
    assert heard(list(range(1000)))[1].is_flood(1000)


def test_a_clock_that_steps_back_gives_nothing_and_silences_nobody() -> None:
    assert heard([10_000_000] * 20 + [0])[0] == 20
    assert heard([10_000_000] * 20 + [0, 100, 200, 300])[0] == 23


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=200).map(sorted))
def test_nobody_is_heard_more_often_than_the_rate_allows(times: list[int]) -> None:
    assert heard(times)[0] <= 20 + (times[-1] - times[0]) * 10 / 1000


@pytest.mark.parametrize(("x", "y"), [(1_000_001, 0), (0, -1_000_001), (1e14, 1e14)])
def test_positions_outside_of_the_world_are_refused(x: float, y: float) -> None:
    with pytest.raises(Refused, match="out_of_bounds"):
        limits.in_bounds(Position(x, y), Settings())
    limits.in_bounds(Position(-1_000_000, 1_000_000), Settings())


FAST = Settings(max_speed=10)


def walk(steps: list[tuple[int, float]]) -> float:
    """Moves along x by steps of (ms, units) and returns how far it got; a refused step is not taken."""
    row = Presence("lobby", "c", "p", moved_ms=1_000, allowance=0)
    now = 1_000
    for ms, units in steps:
        now += ms
        at = Position(row.at.x + units)
        try:
            row = row._replace(allowance=limits.travel(row, at, now, FAST), at=at, moved_ms=now)
        except Refused:
            pass
    return row.at.x


def test_a_teleport_is_refused_and_the_player_told_where_it_stands() -> None:
    row = Presence("lobby", "c", "p", at=Position(3, 4), moved_ms=1_000)
    with pytest.raises(Refused) as caught:
        limits.travel(row, Position(500, 4), 1_200, FAST)
    assert (caught.value.code, caught.value.fields) == ("too_fast", {"x": 3, "y": 4})


def test_claiming_an_impossible_velocity_is_refused_too() -> None:
    with pytest.raises(Refused, match="too_fast"):
        limits.travel(Presence("lobby", "c", "p", moved_ms=1_000), Position(0, 0, vx=50), 1_200, FAST)


def test_the_first_position_of_a_player_is_free() -> None:
    limits.travel(Presence("lobby", "c", "p"), Position(99_999, 0), 1_000, FAST)


def test_without_a_top_speed_everything_is_near() -> None:
    limits.travel(Presence("lobby", "c", "p", moved_ms=1_000), Position(99_999, 0), 1_001, Settings())


def test_positions_that_were_held_back_and_arrive_at_once_are_no_teleport() -> None:
    assert walk([(1_000, 2.0)] + [(0, 2.0)] * 4) == pytest.approx(10)


def test_who_speaks_seldom_may_have_gone_far() -> None:
    assert walk([(30_000, 300.0)]) == 300


@given(st.lists(st.tuples(st.integers(0, 2_000), st.floats(0, 30)), max_size=60))
def test_nobody_gets_anywhere_faster_than_the_top_speed(steps: list[tuple[int, float]]) -> None:
    seconds = sum(ms for ms, _ in steps) / 1000
    assert walk(steps) <= 10 * limits.SPEED_TOLERANCE * seconds + 1e-6
