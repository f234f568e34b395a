"""`make game`: one command starts the demo game, a lobby and bots."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.godot.engine import HERE, ROOT, command, environment
from tests.godot.playing import running

PLAY = [sys.executable, str(ROOT / "scripts/play.py")]


@pytest.fixture
def engine_without_screen(tmp_path: Path) -> str:
    """An engine that needs no screen, with the demo game under the control of the test."""
    engine, *_ = command(project=ROOT)
    script = tmp_path / "godot"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *--import*) exec "{engine}" "$@" ;; esac\n'
        f'exec "{engine}" --headless --no-header --max-fps 60 --script "{HERE / "remote_control_game.gd"}" "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


async def test_one_command_starts_the_game_with_bots_and_ends_with_it(
    home: Path, game: Path, engine_without_screen: str
) -> None:
    there = environment(home, GODOT=engine_without_screen, DISPLAY=":0")
    async with running([*PLAY, "--bots", "3", "--autopilot", "--zone=lobby"], there) as ann:
        await ann.wait_until(lambda view: view.connection == "connected" and len(view.others) == 3 and view.passage_ms > 0)
        await ann.send(call="go", args=["main"], on="/root/Game")
        await ann.wait_until(lambda view: view.zone == "main" and len(view.others) == 4)


async def test_ctrl_c_ends_all_processes(home: Path, game: Path, engine_without_screen: str) -> None:
    there = environment(home, GODOT=engine_without_screen, DISPLAY=":0")
    async with running([*PLAY, "--bots", "1", "--zone=lobby"], there) as ann:
        await ann.wait_until(lambda view: view.connection == "connected")
        ann.process.send_signal(signal.SIGINT)
        assert await ann.process.wait() == 0


def test_without_an_engine_or_a_screen_the_error_names_the_remedy() -> None:
    def error(**variables: str) -> str:
        clean = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        done = subprocess.run(PLAY, env={**clean, **variables}, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        return done.stderr.strip()

    assert error(GODOT="/nowhere/godot", HOME="/nowhere", DISPLAY=":0").startswith("The Godot engine is not here: `make godot`")
    if sys.platform.startswith("linux"):
        assert error(GODOT=sys.executable).startswith("There is no screen here to play on.")
