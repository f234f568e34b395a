"""Walkers and send policies, over many seeds; and bots in a real lobby."""

from __future__ import annotations

import asyncio
import math
import random
import re
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby.client import LobbyClient
from lobby.client.bots import ARENA, PHASES, STEP_S, SendPolicy, Walker, _walk, bot_color, bot_name, run_bots
from lobby.errors import LobbyError, LobbyRefused
from lobby.presence import Position
from tests.hosts import joined, run, serving

SURPRISE_UNITS, LONGEST_S = 0.1, 1.0
TURNING_CIRCLE = 15 / math.radians(45)
"""The radius of the widest turn: the highest speed, the slowest turn."""

seeds = st.integers(0, 2**32)


def path(seed: int, steps: int = 1200, step_s: float = STEP_S) -> list[Position]:
    walker = Walker(random.Random(seed))
    return [walker.step(step_s) for _ in range(steps)]


def speed(at: Position) -> float:
    return math.hypot(at.vx, at.vy)


@given(seeds)
def test_a_walker_stays_near_the_arena_and_within_its_figures(seed: int) -> None:
    steps = path(seed)
    assert max(math.hypot(at.x, at.y) for at in steps) <= ARENA + 2 * TURNING_CIRCLE + 1
    assert max(map(speed, steps)) <= 15 + 1e-9
    for before, after in pairwise(steps):
        assert abs(speed(after) - speed(before)) <= 40 * STEP_S + 1e-9
        assert abs(math.remainder(after.h - before.h, math.tau)) <= math.radians(90) * STEP_S + 1e-9
        assert math.hypot(after.x - before.x, after.y - before.y) <= 15 * STEP_S + 1e-9
        assert abs(before.x + after.vx * STEP_S - after.x) + abs(before.y + after.vy * STEP_S - after.y) <= 1e-9


@given(seeds)
def test_a_walker_moves_fast_turns_and_rests(seed: int) -> None:
    steps = path(seed, 4000)
    assert max(map(speed, steps)) >= 9
    assert any(speed(at) == 0 for at in steps)
    turns = [abs(math.remainder(b.h - a.h, math.tau)) / STEP_S for a, b in pairwise(steps)]
    assert max(turns) >= math.radians(45) - 1e-9
    assert path(seed, 100) == steps[:100]


@given(seeds)
def test_what_the_others_draw_is_never_off_by_more_than_a_surprise_and_a_step(seed: int) -> None:
    policy, sent, sent_s, messages = SendPolicy(SURPRISE_UNITS, LONGEST_S * 1000), Position(), 0.0, 0
    last_moving_s = 0.0
    before = Position()
    for number, at in enumerate(path(seed)):
        now_s = number * STEP_S
        # Before they receive this step, the others draw the player straight on.
        off = math.hypot(sent.x + sent.vx * (now_s - sent_s) - at.x, sent.y + sent.vy * (now_s - sent_s) - at.y)
        if number:
            one_step = (speed(at) + speed(sent)) * STEP_S
            assert off <= SURPRISE_UNITS + one_step
        if policy.due(now_s * 1000, at):
            sent, sent_s, messages = at, now_s, messages + 1
            last_moving_s = now_s
        elif speed(at):
            assert now_s - last_moving_s <= LONGEST_S
            assert off < SURPRISE_UNITS
        else:
            assert sent[:4] == at[:4]  # at rest the others know the exact position
        if speed(before) and not speed(at):
            assert sent_s == now_s
        before = at
    assert messages


def test_at_rest_nothing_is_due_and_after_the_smallest_step_it_is() -> None:
    policy, here = SendPolicy(SURPRISE_UNITS, LONGEST_S * 1000), Position(1, 2)
    assert policy.due(0, here)
    assert not any(policy.due(second * 1000, here) for second in range(1, 100))
    assert policy.due(100_000, here._replace(x=1.01))


def test_a_send_policy_sends_less_than_five_messages_a_second() -> None:
    messages = moving = 0
    for seed in range(40):
        policy = SendPolicy()
        for number, at in enumerate(path(seed)):
            messages += policy.due(number * STEP_S * 1000, at)
            moving += bool(speed(at))
    rate = messages / (moving * STEP_S)
    print(f"\n{rate:.2f} messages for each second of moving, {1 - rate / 5:.0%} less than at fixed 5 Hz")
    assert rate < 5


def test_the_first_221_names_are_different() -> None:
    assert len({bot_name(number) for number in range(221)}) == 221
    assert bot_name(221) == bot_name(0)


class StillBot:
    """A bot that writes down when it is asked to step."""

    def __init__(self) -> None:
        self.client = SimpleNamespace(refused=None, set_status=lambda status: None)
        self.steps_s: list[float] = []

    def step(self, now_s: float) -> None:
        self.steps_s.append(now_s)


def test_bots_move_in_groups_one_after_the_other() -> None:
    bots: list[Any] = [StillBot() for _ in range(2 * PHASES)]
    run(_walk(bots, 3 * STEP_S, random.Random(1)))
    groups = [{tuple(bot.steps_s) for bot in bots[phase::PHASES]} for phase in range(PHASES)]
    assert all(len(group) == 1 for group in groups)  # a group moves at the same moments
    moments = sorted(moment for group in groups for steps in group for moment in steps)
    assert len(moments) == len(set(moments)) > PHASES  # no two groups do
    # However late a step was, the next one of the same group comes a whole step later.
    assert all(b - a >= STEP_S * 0.9 for group in groups for steps in group for a, b in pairwise(steps))


async def test_bots_walk_in_a_real_lobby_and_leave() -> None:
    async with serving() as lobby, joined(lobby.at(pid="left", v=2)) as left:
        connected: list[int] = []
        walking = asyncio.create_task(run_bots(lobby.url, 20, on_connected=connected.append))
        moved: set[int] = set()
        moments: set[int] = set()
        while len(moved) < 10 or len(moments) < 4:  # they do not all move in the same twentieth of a second
            message = await left.receive("moves")
            moved |= {entry[0] for entry in message["m"]}
            moments |= {entry[7] % 50 // 5 for entry in message["m"] if len(entry) > 7}
        assert connected == list(range(1, 21))
        assert len(lobby.server.store.room("lobby")) == 21
        walking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await walking
        assert [row.player for row in lobby.server.store.room("lobby")] == ["left"]


async def test_bots_leave_when_their_time_is_over() -> None:
    async with serving() as lobby:
        await run_bots(lobby.url, 3, 0.05)
        assert not lobby.server.store.room("lobby")


async def test_bots_end_with_a_sentence_when_other_clients_have_taken_over_all_of_them() -> None:
    async with serving() as lobby:
        walking = asyncio.create_task(run_bots(lobby.url, 2))
        async with asyncio.timeout(5):
            while len(lobby.server.store.room("lobby")) < 2:
                await asyncio.sleep(0.01)
        async with LobbyClient(lobby.url, "bot_0_0"):
            await asyncio.sleep(0.12)
            assert not walking.done()  # one of them is left
            async with LobbyClient(lobby.url, "bot_0_1"):
                with pytest.raises(LobbyRefused, match="taken_over"):
                    await asyncio.wait_for(walking, 2)


async def test_bots_that_are_refused_raise_one_error_each_and_leave_nothing_open() -> None:
    async with serving(room_size=3) as lobby:
        with pytest.raises(ExceptionGroup) as failed:
            await run_bots(lobby.url, 5)
        assert failed.group_contains(LobbyError, match="places in lobby are taken")
        await asyncio.sleep(0.05)
        assert not lobby.server.connections


def test_the_first_bots_have_different_colours() -> None:
    assert len({bot_color(number) for number in range(18)}) == 18
    assert all(re.fullmatch("#[0-9a-f]{6}", bot_color(number)) for number in range(100))
