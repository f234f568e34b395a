"""Rate limits, and the limits of a position: where it may be, and how fast a player may get there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby import limits
from lobby.errors import Refused
from lobby.limits import Bucket, Pace, Verdict
from lobby.presence import Position, Presence
from lobby.settings import Settings


def allowed(times: list[int], per_s: float = 10, burst: int = 20) -> tuple[int, Verdict]:
    """How many messages at these times are allowed, and what happened to the last one."""
    bucket, passed, verdict = Bucket(), 0, Verdict.ALLOWED
    for now in times:
        bucket, verdict = Pace(per_s, burst).spend(bucket, now)
        passed += verdict is Verdict.ALLOWED
    return passed, verdict


def test_a_burst_passes_and_the_message_after_it_does_not() -> None:
    assert allowed([0] * 20)[0] == 20
    assert allowed([0] * 21)[0] == 20


def test_a_client_that_is_a_little_too_fast_gets_the_full_rate_and_is_never_closed() -> None:
    times = list(range(0, 60_000, 80))  # 12.5 a second
    assert allowed(times)[0] == pytest.approx(600, abs=25)
    assert all(allowed(times[:n])[1] is not Verdict.FLOOD for n in range(1, len(times), 50))


def test_a_thousand_messages_a_second_are_a_flood() -> None:
    assert allowed(list(range(1000)))[1] is Verdict.FLOOD


def test_the_first_message_over_the_limit_is_answered_and_those_after_it_are_not() -> None:
    assert [allowed([0] * n)[1] for n in (20, 21, 22, 23)] == [
        Verdict.ALLOWED,
        Verdict.REFUSED,
        Verdict.REPEATED,
        Verdict.REPEATED,
    ]


def test_a_clock_that_steps_back_gives_no_extra_messages_and_blocks_no_client() -> None:
    assert allowed([10_000_000] * 20 + [0])[0] == 20
    assert allowed([10_000_000] * 20 + [0, 100, 200, 300])[0] == 23


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=200).map(sorted))
def test_no_client_gets_more_messages_through_than_the_rate_allows(times: list[int]) -> None:
    assert allowed(times)[0] <= 20 + (times[-1] - times[0]) * 10 / 1000


@pytest.mark.parametrize(("x", "y"), [(1_000_001, 0), (0, -1_000_001), (1e14, 1e14)])
def test_positions_outside_of_the_world_are_refused(x: float, y: float) -> None:
    with pytest.raises(Refused, match="out_of_bounds"):
        limits.check_bounds(Position(x, y), Settings())
    limits.check_bounds(Position(-1_000_000, 1_000_000), Settings())


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


def test_a_teleport_is_refused_with_the_current_position() -> None:
    row = Presence("lobby", "c", "p", at=Position(3, 4), moved_ms=1_000)
    with pytest.raises(Refused) as caught:
        limits.travel(row, Position(500, 4), 1_200, FAST)
    assert (caught.value.code, caught.value.fields) == ("too_fast", {"x": 3, "y": 4})


def test_claiming_an_impossible_velocity_is_refused_too() -> None:
    with pytest.raises(Refused, match="too_fast"):
        limits.travel(Presence("lobby", "c", "p", moved_ms=1_000), Position(0, 0, vx=50), 1_200, FAST)


def test_the_first_position_of_a_player_is_free() -> None:
    left = limits.travel(Presence("lobby", "c", "p"), Position(99_999, 0), 1_000, FAST)
    assert left == pytest.approx(FAST.max_speed * limits.SPEED_TOLERANCE * limits.SPEED_SLACK_S)


def test_without_a_top_speed_no_distance_is_too_far() -> None:
    assert limits.travel(Presence("lobby", "c", "p", moved_ms=1_000), Position(99_999, 0), 1_001, Settings()) == 0


def test_positions_that_were_delayed_and_arrive_together_are_not_a_teleport() -> None:
    assert walk([(1_000, 2.0)] + [(0, 2.0)] * 4) == pytest.approx(10)


def test_a_client_that_sends_rarely_may_have_moved_far() -> None:
    assert walk([(30_000, 300.0)]) == 300


@given(st.lists(st.tuples(st.integers(0, 2_000), st.floats(0, 30)), max_size=60))
def test_no_player_moves_faster_than_the_top_speed(steps: list[tuple[int, float]]) -> None:
    seconds = sum(ms for ms, _ in steps) / 1000
    assert walk(steps) <= 10 * limits.SPEED_TOLERANCE * seconds + 1e-6
