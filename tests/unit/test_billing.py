"""What AWS charges for."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import cost
from lobby.billing import MONTH_HOURS, PRICES, REQUEST_MS, STEP_BYTES, Bill, Usage, bill, flood_dollars, steps

METERS = [item.name for item in dataclasses.fields(Usage)]


def usages(largest: float) -> st.SearchStrategy[Usage]:
    amount = st.integers(0, int(largest))
    return st.builds(Usage, **dict.fromkeys(METERS, amount))


def dollars(it: Bill) -> dict[str, float]:
    return {line.name: line.dollars for line in it.lines}


@given(usages(1e8), usages(1e8))
def test_below_the_tiers_the_bill_for_two_usages_is_the_sum_of_their_bills(one: Usage, other: Usage) -> None:
    assert bill(one + other).total == pytest.approx(bill(one).total + bill(other).total)


@given(usages(1e13), usages(1e13), st.booleans())
def test_a_larger_usage_never_costs_less(less: Usage, more: Usage, free: bool) -> None:
    before, after = bill(less, always_free=free), bill(less + more, always_free=free)
    for one, other in zip(before.lines, after.lines, strict=True):
        assert one.dollars <= other.dollars * (1 + 1e-12)


@given(usages(1e13), st.booleans(), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_no_line_is_negative_and_the_lines_make_the_total(
    usage: Usage, free: bool, dashboards: int, alarms: int, metrics: int
) -> None:
    it = bill(usage, always_free=free, dashboards=dashboards, alarms=alarms, metrics=metrics)
    assert all(line.dollars >= 0 for line in it.lines)
    assert it.total == pytest.approx(sum(line.dollars for line in it.lines))
    assert it.per_month is None or it.per_month >= 0


@given(usages(1e13))
def test_the_always_free_tier_never_raises_a_bill(usage: Usage) -> None:
    assert bill(usage, always_free=True).total <= bill(usage).total


@pytest.mark.parametrize("name", [name for name in METERS if name != "hours"])
def test_every_meter_adds_to_the_bill(name: str) -> None:
    assert bill(Usage(**{name: 1e15})).total > 0


def test_every_line_has_a_price_and_every_price_has_a_line() -> None:
    assert [line.name for line in bill(Usage()).lines] == [price.name for price in PRICES.values()]
    assert all(price.source and price.date >= "2026" for price in PRICES.values())


@pytest.mark.parametrize(
    ("size", "count"), [(0, 1), (1, 1), (STEP_BYTES, 1), (STEP_BYTES + 1, 2), (2 * STEP_BYTES, 2), (131_072, 4)]
)
def test_a_message_is_charged_for_each_32_kb_of_it(size: int, count: int) -> None:
    assert steps(size) == count


def test_a_negative_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="-1 bytes"):
        steps(-1)


def test_messages_are_cheaper_beyond_a_thousand_million() -> None:
    assert bill(Usage(messages_in=4e8, messages_out=6e8)).total == pytest.approx(1_000)
    assert bill(Usage(messages_in=5e8, messages_out=6e8)).total == pytest.approx(1_080)


def test_received_and_sent_messages_cost_the_same() -> None:
    assert bill(Usage(messages_in=7e6)).total == bill(Usage(messages_out=7e6)).total == pytest.approx(7)


def test_the_first_hundred_gigabytes_of_traffic_are_free() -> None:
    assert bill(Usage(egress_bytes=100e9)).total == 0
    assert bill(Usage(egress_bytes=300e9)).total == pytest.approx(18)


def test_the_units_are_a_minute_a_gigabyte_second_and_a_gigabyte() -> None:
    it = bill(Usage(connection_ms=60_000e6, gb_ms=1_000e6, log_bytes=2e9))
    assert dollars(it)["connection time"] == pytest.approx(0.25)
    assert dollars(it)["Lambda time, arm64"] == pytest.approx(13.3334)
    assert dollars(it)["logs written"] == pytest.approx(1)


def test_an_hour_is_extrapolated_to_a_month_and_its_tiers() -> None:
    it = bill(Usage(messages_out=1e7, egress_bytes=1e9, hours=1))
    assert it.total == pytest.approx(10)
    assert it.per_month == pytest.approx(1_000 + 0.8 * (7_300 - 1_000) + 0.09 * (MONTH_HOURS - 100))
    assert it.per_month is not None
    assert it.per_hour == pytest.approx(it.per_month / MONTH_HOURS)


def test_without_metered_time_there_is_no_price_per_hour_or_month() -> None:
    it = bill(Usage(messages_in=1))
    assert it.per_hour is it.per_month is None
    with pytest.raises(ValueError, match="no time was metered"):
        Usage(messages_in=1).over(1)


def test_dashboards_alarms_and_metrics_cost_for_the_metered_time_and_the_first_ones_are_free() -> None:
    hour = Usage(hours=1)
    assert bill(hour, dashboards=1, alarms=4, metrics=9).per_month == pytest.approx(3.40 + 2.70)
    assert bill(hour, dashboards=1, alarms=4, metrics=9, always_free=True).per_month == 0
    assert bill(hour, metrics=9 / 3).per_month == pytest.approx(0.90)


@given(usages(1e9))
def test_usage_is_added_meter_by_meter(usage: Usage) -> None:
    assert sum([usage, usage, usage], Usage()) == usage * 3
    assert usage + Usage() == usage


def test_the_design_of_the_plan_costs_nine_thousand_dollars_a_month() -> None:
    it = cost.month(cost.naive(50, 1.0), hours=8)
    assert it.total == pytest.approx(9_300, rel=0.01)
    for name, expected in {
        "WebSocket messages": 8_842,
        "Lambda requests": 43.2,
        "logs written": 38,
        "connection time": 0.18,
    }.items():
        assert dollars(it)[name] == pytest.approx(expected, rel=0.01)
    assert dollars(it)["DynamoDB writes"] + dollars(it)["DynamoDB reads"] == pytest.approx(162, rel=0.01)


@pytest.mark.parametrize(
    ("players", "hours", "moving", "expected"), [(50, 8, 0.15, 1_567), (10, 8, 0.15, 73), (200, 24, 1.0, 429_185)]
)
def test_the_design_of_the_plan_at_other_sizes(players: int, hours: float, moving: float, expected: float) -> None:
    assert cost.month(cost.naive(players, moving), hours).total == pytest.approx(expected, rel=0.01)


def test_with_windows_a_receiver_gets_at_most_one_message_a_window_and_fewer_than_without() -> None:
    count = cost.simulate(players=20, moving=1.0, window_ms=200, send_ms=100, seconds=10)
    assert count.received == count.received_steps
    assert 20 < count.received <= 20 * 5
    assert 1 < count.per_moving_second < 10
    assert cost.windowed(count).messages_out < cost.naive(20, 1.0).messages_out


def test_a_lone_player_receives_nothing() -> None:
    assert cost.simulate(players=1, moving=1.0, window_ms=200, send_ms=100, seconds=5).received == 0


def test_players_move_for_the_share_of_time_that_they_should() -> None:
    count = cost.simulate(players=100, moving=0.15, window_ms=200, send_ms=100, seconds=60)
    assert count.positions / count.per_moving_second / 100 == pytest.approx(0.15, abs=0.04)


def test_billing_and_budget_import_the_standard_library_only() -> None:
    loads = "import sys; old = set(sys.modules); import lobby.billing, lobby.budget"
    code = f"{loads}; print(*{{m.split('.')[0] for m in set(sys.modules) - old}})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert set(loaded) <= {*sys.stdlib_module_names, "lobby"}


def test_a_flood_is_priced_by_what_the_api_accepts_and_the_budget_bounds_what_it_sends() -> None:
    each = 1e-6 * (1.00 + 0.20 + 0.625 + 0.125) + REQUEST_MS / 1000 * 0.5 * 0.0000133334
    assert flood_dollars(10, 512, 3.0) == pytest.approx(10 * 86_400 * each + 3.0)
    assert flood_dollars(10, 512, 3.0, are_refused=True) == pytest.approx(10 * 86_400 * (each - 1.75e-6))


def test_a_flood_without_a_budget_is_bounded_by_the_quota_of_the_account() -> None:
    posts = flood_dollars(1000, 512, 0) - flood_dollars(1000, 512, 1e-9)
    assert posts == pytest.approx(9_000 * 86_400 / 1e6, rel=0.01)
    assert flood_dollars(20_000, 512, 0) == pytest.approx(flood_dollars(20_000, 512, 1e-9))


def test_the_guide_states_what_a_flood_costs_with_the_defaults() -> None:
    page = " ".join((Path(__file__).parents[2] / "docs/deploy.md").read_text(encoding="utf-8").split())
    assert f"With the defaults and without a secret it is ${flood_dollars(1000, 512, 0):,.0f} a day." in page
    assert f"cost ${flood_dollars(1000, 512, 0, are_refused=True):,.0f} a day at most" in page
