"""The bill in docs/cost.md is made of the operations that the function carries out, action by action."""

from __future__ import annotations

import asyncio

import pytest

from bench import cost, operations
from tests.serverless.emulated_lobby import emulated_lobby

PLAYERS = 4


@pytest.fixture(scope="module")
def counted() -> dict[str, operations.Counted]:
    """What each action of one player causes, in a room of a few players."""
    ledger = operations.Ledger(quiet_s=0.4)

    async def count() -> dict[str, operations.Counted]:
        async with asyncio.timeout(60), emulated_lobby(ledger) as lobby:
            ledger.is_busy = lobby.is_busy
            return await operations.count(lobby.stack, PLAYERS, ledger, starting_s=0.6, hold_windows=lobby.hold_windows)

    return asyncio.run(count())


@pytest.mark.parametrize("name", cost.actions(PLAYERS))
def test_an_action_costs_what_the_model_says(name: str, counted: dict[str, operations.Counted]) -> None:
    it, action = counted[name], cost.actions(PLAYERS)[name]
    assert (it["messages in"], it["messages out"]) == (action.messages_in, action.messages_out)
    assert (it["invocations"], it["writes"], it["failed"]) == (action.invocations, action.rows + action.lock_writes, 0)
    assert (it["gets"], it["queries"]) == (action.gets, action.queries)
    used = cost.usage(action, PLAYERS)
    assert (it["write units"], it["read units"]) == (used.write_units, used.read_units)


def test_every_action_of_the_model_was_counted(counted: dict[str, operations.Counted]) -> None:
    assert set(counted) == set(cost.actions(PLAYERS))
