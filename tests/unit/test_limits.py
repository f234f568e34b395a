"""Rate limits, and the limits of a position: where it may be, and how fast a player may get there."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
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


def sent_by_the_config(settings: Settings, seconds: int) -> list[float]:
    """When a client sends that follows ``config`` exactly: positions, pings and hellos, all from the same moment on."""
    end_ms = seconds * 1000
    every = (settings.send_ms, settings.heartbeat_ms, limits.HELLO_S * 1000)
    return sorted(float(ms) for step in every for ms in itertools.islice(itertools.count(0, step), int(end_ms / step) + 1))


@given(
    send_ms=st.integers(10, 60_000),
    heartbeat_ms=st.integers(100, 540_000),
    per_s=st.floats(0.1, 1_000),
    burst=st.integers(1, 10_000),
)
@settings(deadline=None, max_examples=50)
def test_a_client_that_follows_the_config_is_never_limited(send_ms: int, heartbeat_ms: int, per_s: float, burst: int) -> None:
    lobby = Settings(send_ms=send_ms, heartbeat_ms=heartbeat_ms, messages_per_s=per_s, messages_burst=burst)
    pace, bucket = limits.pace(lobby), limits.Bucket()
    for now in sent_by_the_config(lobby, 100)[:5_000]:
        bucket, verdict = pace.spend(bucket, round(now))
        assert verdict is limits.Verdict.ALLOWED


def test_a_client_that_follows_the_config_is_not_limited_after_an_hour_either() -> None:
    pace, bucket = limits.pace(Settings()), limits.Bucket()
    for now in sent_by_the_config(Settings(), 3_600):
        bucket, verdict = pace.spend(bucket, round(now))
        assert verdict is limits.Verdict.ALLOWED


def test_a_lower_limit_of_messages_counts_as_far_as_the_config_allows() -> None:
    assert limits.pace(Settings(messages_per_s=4)).per_s == pytest.approx(10 + 0.05 + 0.1)
    assert limits.pace(Settings(messages_per_s=4, send_ms=500)).per_s == pytest.approx(4 + 0.05 + 0.1)


def test_clients_spread_their_return_over_a_time_that_grows_with_the_lobby() -> None:
    assert [limits.return_ms(n) for n in (0, 64, 65, 1_000, 5_000, 100_000)] == [0, 0, 128, 1_024, 8_192, 30_000]
