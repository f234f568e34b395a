"""The function keeps count of what it costs, and within what it may cost."""

from __future__ import annotations

import asyncio
import time
from unittest.mock import patch

import pytest
from websockets.exceptions import InvalidStatus

import trading_lobby_ws
from lobby.budget import Usage
from lobby.emulator.metering import Metering
from tests.hosts import joined
from tests.serverless.cloud import cloud


async def test_a_lobby_that_runs_out_of_money_becomes_slow_and_then_takes_nobody_new() -> None:
    with patch.object(trading_lobby_ws, "SETTLE_MS", 0):
        async with cloud(DailyBudget=0.0001, WindowMs=0, MessagesPerS=1000, MessagesBurst=1000) as lobby:
            ann = await lobby.enter(pid="ann", v=2)
            config = await ann.hear("config")
            assert config["send_ms"] == 200
            for number in range(300):
                await ann.say(action="pos", x=number, y=0, seq=number + 1)
                await ann.say(action="hello")
                config = await ann.hear("config")
                if config["send_ms"] == 32 * 200:
                    break
            assert config["send_ms"] == 32 * 200
            for _ in range(300):
                await ann.say(action="ping", t=1)
                await ann.hear("pong")
                try:
                    async with joined(lobby.at(pid="bea", v=2)) as bea:
                        await bea.hear("welcome")
                except InvalidStatus as refused:
                    assert refused.response.status_code == 503
                    break
            else:
                raise AssertionError("it never ran out of money")
            await ann.say(action="ping", t=2)
            assert (await ann.hear("pong"))["t"] == 2, "who is inside may stay"


async def test_what_the_function_counts_is_what_aws_would() -> None:
    metering = Metering(time.time)
    async with cloud(metering) as lobby:
        ann = await lobby.enter(pid="ann", v=2)
        await ann.hear("config")
        bea = await lobby.enter(pid="bea", v=2)
        await bea.hear("config")
        await ann.hear("join")
        for number in range(20):
            await bea.say(action="pos", x=number, y=0, seq=number + 1)
            await ann.hear("moves")
        await asyncio.sleep(0.5)  # who told the last one still gives back the floor
        environments = trading_lobby_ws._kept.values()
        counted = sum((one.account._usage + one.store.used for one in environments), Usage())
        metered = metering.usage
        assert counted.invocations == metered.invocations
        assert (counted.messages_in, counted.messages_out) == (metered.messages_in, metered.messages_out)
        assert counted.write_units == pytest.approx(metered.write_units, rel=0.02)
        assert counted.read_units == pytest.approx(metered.read_units, rel=0.02)
