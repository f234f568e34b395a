"""The function counts what it costs, and stays within its daily budget."""

from __future__ import annotations

import asyncio
import time
from unittest.mock import patch

import pytest
from websockets.exceptions import InvalidStatus

import trading_lobby_ws
from lobby.billing import Usage
from lobby.emulator.metering import Metering
from tests.hosts import joined
from tests.serverless.emulated_lobby import emulated_lobby


async def test_a_lobby_that_spends_its_budget_becomes_slow_and_then_refuses_new_players() -> None:
    with patch.object(trading_lobby_ws, "SETTLE_MS", 0):
        async with emulated_lobby(DailyBudget=0.0001, WindowMs=0, MessagesPerS=1000, MessagesBurst=1000) as lobby:
            ann = await lobby.enter(pid="ann", v=2)
            config = await ann.receive("config")
            assert config["send_ms"] == 200
            for number in range(300):
                await ann.send(action="pos", x=number, y=0, seq=number + 1)
                await ann.send(action="hello")
                config = await ann.receive("config")
                if config["send_ms"] == 32 * 200:
                    break
            assert config["send_ms"] == 32 * 200
            for _ in range(300):
                await ann.send(action="ping", t=1)
                await ann.receive("pong")
                try:
                    async with joined(lobby.at(pid="bea", v=2)) as bea:
                        await bea.receive("welcome")
                except InvalidStatus as refused:
                    assert refused.response.status_code == 503
                    break
            else:
                raise AssertionError("the budget was never spent")
            await ann.send(action="ping", t=2)
            assert (await ann.receive("pong"))["t"] == 2, "a player in the room may stay"


async def test_the_function_counts_what_the_meters_of_the_emulator_count() -> None:
    metering = Metering(time.time)
    async with emulated_lobby(metering) as lobby:
        ann = await lobby.enter(pid="ann", v=2)
        await ann.receive("config")
        bea = await lobby.enter(pid="bea", v=2)
        await bea.receive("config")
        await ann.receive("join")
        for number in range(20):
            await bea.send(action="pos", x=number, y=0, seq=number + 1)
            await ann.receive("moves")

        def count() -> Usage:
            return sum((one.unsettled for one in trading_lobby_ws.environments.values()), Usage())

        async with asyncio.timeout(10):  # the last leader still releases the broadcast lock
            while lobby.is_busy() or count().invocations < metering.usage.invocations:
                await asyncio.sleep(0.01)
        counted, metered = count(), metering.usage
        assert counted.invocations == metered.invocations
        assert (counted.messages_in, counted.messages_out) == (metered.messages_in, metered.messages_out)
        assert counted.write_units == pytest.approx(metered.write_units, rel=0.02)
        assert counted.read_units == pytest.approx(metered.read_units, rel=0.02)
