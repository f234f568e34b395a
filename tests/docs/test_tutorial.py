"""The programs of the tutorial run against a lobby like the reader's."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from lobby.client.bots import run_bots
from lobby.settings import variable
from tests.hosts import joined, serving

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", TUTORIAL, re.S)
SECRET = "a secret of thirty-two characters"


async def output_of(program: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "backend"), variable("secret"): SECRET}
    # In a thread and not by asyncio, which may leave a pipe of the process open when its loop ends first.
    run_it = partial(
        subprocess.run, [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=20
    )
    done = await asyncio.to_thread(run_it)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.mark.parametrize(("number", "printed"), [(0, ["Connected(player='ann')", "Moved("]), (1, ['"welcome"', "'pos'"])])
async def test_the_clients_join_and_see_a_player_move(number: int, printed: list[str]) -> None:
    async with serving() as lobby:
        walking = asyncio.create_task(run_bots(lobby.url, 2))
        output = await output_of(PROGRAMS[number].replace("ws://127.0.0.1:8765/", lobby.url))
        walking.cancel()
        assert all(text in output for text in printed), output


async def test_the_token_of_the_backend_is_accepted() -> None:
    token = (await output_of(PROGRAMS[2])).strip()
    async with serving(secret=SECRET) as lobby, joined(lobby.at(token=token)) as ann:
        assert (await ann.receive("welcome"))["your_id"] == "ann"


def test_every_program_is_tested() -> None:
    assert len(PROGRAMS) == 3
