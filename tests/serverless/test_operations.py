"""What the bill in docs/cost.md is made of is what the function does: operation by operation."""

from __future__ import annotations

import asyncio

import pytest

from bench import cost, operations
from tests.serverless.emulated_lobby import emulated_lobby

PLAYERS = 4


@pytest.fixture(scope="module")
def counted() -> dict[str, operations.Counted]:
    """One player does everything there is to do, among a few."""
    ledger = operations.Ledger(quiet_s=0.4)

    async def test() -> dict[str, operations.Counted]:
        async with asyncio.timeout(60), emulated_lobby(ledger) as there:
            return await operations.count(there.desk, PLAYERS, ledger, starting_s=0.6)

    return asyncio.run(test())


@pytest.mark.parametrize("name", cost.deeds(PLAYERS))
def test_a_deed_costs_what_the_model_says(name: str, counted: dict[str, operations.Counted]) -> None:
    it, deed = counted[name], cost.deeds(PLAYERS)[name]
    assert (it["messages in"], it["messages out"]) == (deed.messages_in, deed.messages_out)
    assert (it["invocations"], it["writes"], it["failed"]) == (deed.invocations, deed.rows + deed.floors, 0)
    assert (it["gets"], it["queries"]) == (deed.gets, deed.queries)
    used = cost.usage(deed, PLAYERS)
    assert (it["write units"], it["read units"]) == (used.write_units, used.read_units)


def test_nothing_else_was_counted(counted: dict[str, operations.Counted]) -> None:
    assert set(counted) == set(cost.deeds(PLAYERS))
