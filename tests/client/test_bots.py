"""Walkers and pilots, over many seeds; and bots in a real lobby."""

from __future__ import annotations

import asyncio
import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby.client import LobbyClient
from lobby.client.bots import ARENA, STEP_S, Pilot, Walker, bot_name, run_bots
from lobby.errors import LobbyError, LobbyRefused
from lobby.presence import Position
from tests.hosts import joined, run, serving

SURPRISE, LONGEST_S = 0.1, 1.0
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
        assert (after.x, after.y) == pytest.approx((before.x + after.vx * STEP_S, before.y + after.vy * STEP_S))


@given(seeds)
def test_a_walker_goes_flies_turns_and_rests(seed: int) -> None:
    steps = path(seed, 4000)
    assert max(map(speed, steps)) >= 9
    assert any(speed(at) == 0 for at in steps)
    turns = [abs(math.remainder(b.h - a.h, math.tau)) / STEP_S for a, b in pairwise(steps)]
    assert max(turns) >= math.radians(45) - 1e-9
    assert path(seed, 4000) == steps


@given(seeds)
def test_what_the_others_think_is_never_off_by_more_than_a_surprise_and_a_step(seed: int) -> None:
    pilot, said, said_s, spoken = Pilot(SURPRISE, LONGEST_S), Position(), 0.0, 0
    last_moving_word_s = 0.0
    before = Position()
    for number, at in enumerate(path(seed)):
        now_s = number * STEP_S
        # Before it hears this step, everybody else goes on in a straight line.
        off = math.hypot(said.x + said.vx * (now_s - said_s) - at.x, said.y + said.vy * (now_s - said_s) - at.y)
        if number:
            one_step = (speed(at) + speed(said)) * STEP_S
            assert off <= SURPRISE + one_step
        if pilot.speaks(at, now_s):
            said, said_s, spoken = at, now_s, spoken + 1
            last_moving_word_s = now_s
        elif speed(at):
            assert now_s - last_moving_word_s <= LONGEST_S
            assert off < SURPRISE
        else:
            assert said[:4] == at[:4]  # at rest it is shown exactly where it stands
        if speed(before) and not speed(at):
            assert said_s == now_s
        before = at
    assert spoken


def test_a_pilot_at_rest_is_silent_and_speaks_of_the_smallest_step() -> None:
    pilot, here = Pilot(SURPRISE, LONGEST_S), Position(1, 2)
    assert pilot.speaks(here, 0)
    assert not any(pilot.speaks(here, second) for second in range(1, 100))
    assert pilot.speaks(here._replace(x=1.01), 100)


def test_a_pilot_says_less_than_five_messages_a_second() -> None:
    spoken = moving = 0
    for seed in range(40):
        pilot = Pilot()
        for number, at in enumerate(path(seed)):
            spoken += pilot.speaks(at, number * STEP_S)
            moving += bool(speed(at))
    rate = spoken / (moving * STEP_S)
    print(f"\n{rate:.2f} messages for each second of moving, {1 - rate / 5:.0%} less than at fixed 5 Hz")
    assert rate < 5


def test_the_first_221_names_are_different() -> None:
    assert len({bot_name(number) for number in range(221)}) == 221
    assert bot_name(221) == bot_name(0)


def test_bots_walk_each_in_its_own_time_and_leave() -> None:
    async def test() -> None:
        async with serving() as lobby, joined(lobby.at(pid="left", v=2)) as left:
            connected: list[int] = []
            walking = asyncio.create_task(run_bots(lobby.url, 20, 0.6, on_connected=connected.append))
            await left.hear("join")
            async with asyncio.timeout(5):
                while len(lobby.server.store.room("lobby")) < 21:
                    await asyncio.sleep(0.01)
            moved: set[int] = set()
            times: set[int] = set()
            while len(moved) < 10:
                message = await left.hear("moves")
                moved |= {entry[0] for entry in message["m"]}
                times |= {entry[7] % 50 // 5 for entry in message["m"] if len(entry) > 7}
            assert len(times) > 3  # not all in the same twentieth of a second
            await walking
            assert connected == list(range(1, 21))
            assert [row.player for row in lobby.server.store.room("lobby")] == ["left"]

    run(test())


def test_bots_whom_somebody_else_took_over_end_with_a_sentence() -> None:
    async def test() -> None:
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

    run(test())


def test_bots_whom_nobody_takes_in_say_why_once_each_and_leave_nothing_open() -> None:
    async def test() -> None:
        async with serving(room_size=3) as lobby:
            with pytest.raises(ExceptionGroup) as failed:
                await run_bots(lobby.url, 5)
            assert failed.group_contains(LobbyError, match="4004")
            await asyncio.sleep(0.05)
            assert not lobby.server.connections

    run(test())
