"""What operators see, pages, bans, and the last hour. Time is a number."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby.billing import PRICES
from lobby.errors import LobbyError, Refused
from lobby.messages import Event
from lobby.operators import (
    BANS,
    Ban,
    Bans,
    beginning_with,
    check_reason,
    event_of_operator,
    page,
    player_page,
    room_view,
)
from lobby.presence import Position, Presence
from lobby.server.http import Health
from lobby.server.stats import POINTS, Stats, aws_dollars_per_hour
from lobby.settings import Settings


def row(player: str, connection: str = "", **rest: object) -> Presence:
    return Presence("hub", connection or f"of-{player}", player)._replace(**rest)  # type: ignore[arg-type]


def test_pages_of_100_000_names_contain_each_name_once_in_order() -> None:
    names = [f"room-{number * 7_919 % 100_000}" for number in range(100_000)]
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        names_here, after = page(names, 5_000, after)
        assert len(names_here) <= 5_000
        found += names_here
    assert found == sorted(names)


def test_the_last_page_says_that_there_is_no_other() -> None:
    assert page(["b", "a"], 2, "") == (["a", "b"], None)
    assert page(["b", "a", "c"], 2, "") == (["a", "b"], "b")
    assert page(["b", "a", "c"], 2, "b") == (["c"], None)
    assert page([], 2, "") == ([], None)


def test_a_player_with_two_connections_is_one_player() -> None:
    rows = [row("ann", "old", joined_ms=1), row("ann", "new", joined_ms=2), row("bea"), row("#c", "c", watch=True)]
    view = room_view("hub", rows, 8)
    assert (view.players, view.watchers, view.connections, view.size) == (2, 1, 4, 8)
    ann = player_page("hub", rows, 8, 1_000, {"new": "192.0.2.1"}.get, limit=1).players[0]  # type: ignore[arg-type]
    assert (ann.id, ann.connections, ann.address) == ("ann", 2, "192.0.2.1")


def test_a_player_that_has_not_moved_has_no_position_and_ages_are_in_seconds() -> None:
    rows = [
        row("ann", joined_ms=1_000, seen_ms=4_000),
        row("bea", at=Position(1, 2, 3, 4, 5), moved_ms=1, joined_ms=9_000, name="Bea"),
    ]
    ann, bea = player_page("hub", rows, 8, 5_000, lambda connection: "").players
    assert (ann.position, ann.age_s, ann.seen_s, ann.name) == (None, 4, 1, "ann")
    assert bea.position is not None
    assert (bea.position.y, bea.position.h, bea.name) == (2, 5, "Bea")
    assert bea.age_s == 0, "the clock of another host may be ahead"


def test_a_ban_ends_by_itself() -> None:
    bans = Bans()
    bans.add(Ban("ann", 2_000, "spam"), 1_000)
    with pytest.raises(Refused, match=r"banned until 1970-01-01 00:00 UTC: spam"):
        bans.check("ann", 1_999)
    bans.check("ann", 2_000)
    bans.check("bea", 1_999)
    assert [ban.player for ban in bans.active(1_999)] == ["ann"]
    assert bans.active(2_000) == []


def test_a_ban_can_be_removed_and_replaced() -> None:
    bans = Bans()
    bans.add(Ban("ann", 2_000), 0)
    bans.add(Ban("ann", 9_000), 0)
    assert [ban.until_ms for ban in bans.active(0)] == [9_000]
    assert bans.remove("ann")
    assert not bans.remove("ann")
    bans.add(Ban("ann", 2_000), 0)
    assert bans.clear() == 1
    bans.check("ann", 0)


def test_bans_are_bounded_and_expired_ones_make_room() -> None:
    bans = Bans()
    for number in range(BANS):
        bans.add(Ban(f"p{number}", 1_000 if number else 9_000), 0)
    with pytest.raises(LobbyError, match="10,000 bans already"):
        bans.add(Ban("one-more", 9_000), 0)
    bans.add(Ban("p5", 9_000), 0)
    bans.add(Ban("one-more", 9_000), 1_000)
    assert [ban.player for ban in bans.active(1_000)] == ["one-more", "p0", "p5"]


@pytest.mark.parametrize("reason", ["x" * 101, "two\nlines", "\x1b[31m", "\u202eback", "\0"])
def test_a_reason_that_players_cannot_be_shown_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match="a reason has"):
        check_reason(reason)


def test_a_reason_may_have_any_letters() -> None:
    assert check_reason(" <b>später</b> 宇宙 ") == "<b>später</b> 宇宙"


def test_an_event_of_an_operator_has_no_sender_and_any_name() -> None:
    assert event_of_operator("wave", {"a": [1]}, Settings(events="")) == Event("", "wave", {"a": [1]})


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("", {}),
        ("a b", {}),
        ("x" * 33, {}),
        ("x", {"a": float("nan")}),
        ("x", {"a": "\ud800"}),
        ("x", {"a": "\x1b"}),
        ("x", {"__proto__": 1}),
        ("x", {"a": "y" * 600}),
        ("x", {"a": [[[[[[[[[]]]]]]]]]}),
    ],
)
def test_an_event_of_an_operator_obeys_the_rules_of_events(name: str, data: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        event_of_operator(name, data, Settings())


# ── the last hour ───────────────────────────────────────────────────────────────────────────────────────────────────

HEALTH = Health(players=3, rooms=1, connections=4, window_ms=60, uptime_s=1)


def test_a_point_has_rates_of_its_interval_and_the_latencies_in_it() -> None:
    stats, counts = Stats(heartbeat_ms=20_000), Counter({("messages", "pos"): 5})
    stats.sample(1_000, counts, HEALTH)
    assert not stats.points
    counts["messages", "pos"] += 40
    counts["messages", "status"] += 10
    counts["frames", "moves"] += 20
    counts["frame_bytes", ""] += 1_000
    for ms in range(100):
        stats.answered(ms, 5_000)
    stats.closed(3)
    stats.closed(1)
    stats.sample(11_000, counts, HEALTH)
    [point] = stats.points
    assert (point.at_ms, point.players, point.rooms, point.connections) == (11_000, 3, 1, 4)
    assert (point.messages_per_s, point.frames_per_s, point.bytes_per_s) == (5, 2, 100)
    assert (point.latency_ms, point.latency_p95_ms, point.late_ms) == (50, 95, 3)
    for now in (21_000, 31_000):
        stats.sample(now, counts, HEALTH)
    assert [point.latency_ms for point in stats.points] == [50, 50, None], "each connection is asked every twenty seconds"
    assert (stats.points[1].messages_per_s, stats.points[1].late_ms) == (0, 0)


def test_a_point_has_a_latency_while_the_next_pong_is_a_little_late() -> None:
    stats = Stats(heartbeat_ms=20_000)
    stats.sample(1_000, Counter(), HEALTH)
    stats.answered(7, 1_001)
    for now in (11_000, 21_000):
        stats.sample(now, Counter(), HEALTH)
    stats.answered(8, 21_050)
    stats.sample(41_040, Counter(), HEALTH)
    assert [point.latency_ms for point in stats.points] == [7, 7, 8]
    stats.sample(41_900, Counter(), HEALTH)
    assert stats.points[-1].latency_ms == 8


def test_a_point_states_what_api_gateway_would_charge_for_an_hour_of_it() -> None:
    assert aws_dollars_per_hour(0, 0, 0, 0) == 0
    messages = PRICES["messages"].tiers[0][1] / 1e6
    minutes = PRICES["connection"].tiers[0][1] / 1e6
    assert aws_dollars_per_hour(10, 90, 1_000, 5) == pytest.approx(100 * 3_600 * messages + 5 * 60 * minutes, abs=1e-6)
    large = aws_dollars_per_hour(0, 1, 2 * 32_768, 0)
    assert large == pytest.approx(2 * 3_600 * messages + month_of_traffic(2 * 32_768) / 730, abs=1e-6), "two messages of 32 KB"


def month_of_traffic(bytes_per_s: float) -> float:
    """Dollars for a month of this traffic."""
    return PRICES["egress"].dollars(bytes_per_s * 3_600 * 730 / 1e9)


def test_the_points_after_a_time_are_those_that_are_newer() -> None:
    stats = Stats(heartbeat_ms=20_000)
    for number in range(4):
        stats.sample(10_000 * (number + 1), Counter(), HEALTH)
    assert [point.at_ms for point in stats.after(20_000)] == [30_000, 40_000]
    assert stats.after(0) == list(stats.points)


@given(st.sets(st.text("ab", min_size=1, max_size=3)), st.text("ab", max_size=2), st.text("ab", max_size=3))
def test_names_with_a_prefix_are_those_of_the_whole_list(names: set[str], prefix: str, after: str) -> None:
    listed = sorted(names)
    found = beginning_with(prefix, after, names.__contains__, lambda behind: (name for name in listed if name > behind))
    assert list(found) == [name for name in listed if name.startswith(prefix) and name > after]


def test_the_points_of_one_hour_are_kept() -> None:
    stats = Stats(heartbeat_ms=20_000)
    for number in range(2 * POINTS):
        stats.sample(10_000 * number + 1, Counter(), HEALTH)
    assert len(stats.points) == POINTS
    assert stats.points[-1].at_ms - stats.points[0].at_ms == (POINTS - 1) * 10_000
