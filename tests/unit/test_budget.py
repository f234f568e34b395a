"""How a lobby reacts to its budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby.budget import DAY_MS, LONGEST_STRETCH, BudgetState, budget_state

NOON = 20_000 * DAY_MS + DAY_MS // 2


@pytest.mark.parametrize(
    ("spent", "stretch"),
    [(0, 1), (12, 1), (12.49, 1), (12.51, 2), (12.99, 2), (13.01, 4), (13.51, 8), (14.01, 16), (14.51, 32), (23, 32)],
)
def test_a_lobby_that_has_used_up_its_advance_is_stretched(spent: float, stretch: int) -> None:
    assert budget_state(spent, 24, NOON) == BudgetState(stretch, False, NOON)


def test_what_is_not_spent_by_day_is_available_in_the_evening() -> None:
    assert budget_state(20, 24, NOON + DAY_MS * 3 // 8).stretch == 1


def test_a_spent_budget_stays_spent_until_midnight() -> None:
    assert budget_state(24, 24, NOON + DAY_MS // 2 - 1).is_spent
    assert not budget_state(0, 24, NOON + DAY_MS // 2).is_spent


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-6, 1e6), st.integers(0, 3 * DAY_MS))
def test_a_lobby_that_has_spent_more_is_never_faster(one: float, other: float, daily: float, now: int) -> None:
    less, more = (budget_state(spent, daily, now) for spent in sorted((one, other)))
    assert 1 <= less.stretch <= more.stretch <= LONGEST_STRETCH
    assert more.is_spent or not less.is_spent


def test_a_lobby_under_constant_demand_keeps_its_budget() -> None:
    """One day with a demand of six times the budget, settled every ten seconds."""
    spent, stretch, now = 0.0, 1, 20_000 * DAY_MS
    for second in range(0, 86_400, 10):
        spent += 6 * 24 / 8_640 / stretch
        stretch = budget_state(spent, 24, now + second * 1_000).stretch
    assert 23.9 < spent < 24.1
