"""The tutorial, walked by a reader that has only what the tutorial asked for."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.reader import ROOT, Reader, blocks, lines_until
from tests.hosts import free_port, joined

TUTORIAL = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
PROGRAMS = blocks(TUTORIAL, "python")
COMMANDS = blocks(TUTORIAL, "sh")
NOT_RUN = ("git clone", "pipx install")
"""Beginnings of blocks that other tests run: a fresh clone in CI, and the wheel below."""


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.fixture
def port() -> str:
    return str(free_port())


def on_port(text: str, port: str) -> str:
    """A command or program of the tutorial with another port, because 8765 may be in use here."""
    return text.replace("8765", port)


def last_line(block: str) -> str:
    return block.strip().splitlines()[-1]


def test_the_tutorial_can_be_walked_from_the_server_to_the_reconnect(reader: Reader, port: str) -> None:
    activate, serve = COMMANDS[2].strip().splitlines()
    assert reader.run(f"{activate} && command -v lobby").strip() == str(reader.bin / "lobby")
    (reader.folder / "ann.py").write_text(on_port(PROGRAMS[0], port))
    (reader.folder / "bea.py").write_text(on_port(PROGRAMS[1], port))
    with reader.running(serve, LOBBY_PORT=port) as lobby:
        lines_until(lobby, "is running")
        with reader.running(f"{COMMANDS[3].strip()} --url ws://127.0.0.1:{port}/") as bots:
            lines_until(bots, "bots connected")  # a bot that cannot connect at first gives up
            with reader.running("python ann.py") as ann:
                lines_until(ann, r"^Connected\(player='ann'\)")
                lines_until(ann, r"^Joined\(")
                lobby.send_signal(signal.SIGINT)
                lines_until(ann, r"^Disconnected\(")
                with reader.running(serve, LOBBY_PORT=port) as again:
                    lines_until(again, "is running")
                    lines_until(ann, r"^Connected\(player='ann'\)")
                    assert COMMANDS[4].strip() == "python -m pip install websockets"
                    reader.install(["websockets"])
                    assert re.search("welcome.*'pos'", reader.run("python bea.py"), re.S)
                    ann.send_signal(signal.SIGINT)
                    assert ann.wait(20) == 0


async def test_a_player_that_receives_a_wave_changes_its_colour_and_waves_back(reader: Reader, port: str) -> None:
    (reader.folder / "cem.py").write_text(on_port(PROGRAMS[2], port))
    with reader.running("lobby serve", LOBBY_PORT=port) as lobby:
        await asyncio.to_thread(lines_until, lobby, "is running")
        async with joined(f"ws://127.0.0.1:{port}/?pid=ann&v=2") as ann:
            await ann.receive("welcome")
            with reader.running("python cem.py") as cem:
                assert (await ann.receive("data"))["data"] == {"color": "#ff6b5e"}
                await ann.send(action="send", event="wave", to="cem")
                assert (await ann.receive("data"))["data"] == {"color": "#52e07b"}
                assert (await ann.receive("event"))["event"] == "wave"
                await asyncio.to_thread(lines_until, cem, "^my data is .*#52e07b")
                cem.send_signal(signal.SIGINT)
                assert await asyncio.to_thread(cem.wait, 20) == 0


def test_the_demo_can_be_opened_to_a_phone(reader: Reader, port: str) -> None:
    with reader.running(f"{last_line(COMMANDS[1])} --no-browser --port {port}") as demo:
        lines_until(demo, "From other machines")


async def test_the_token_of_the_backend_is_accepted(reader: Reader, port: str) -> None:
    export, serve = COMMANDS[5].strip().splitlines()
    secret = (await asyncio.to_thread(reader.run, f"{export} && echo $LOBBY_SECRET")).strip()
    token = (await asyncio.to_thread(reader.run, f"python - <<'END'\n{PROGRAMS[3]}\nEND", LOBBY_SECRET=secret)).strip()
    with reader.running(serve, LOBBY_PORT=port, LOBBY_SECRET=secret) as lobby:
        await asyncio.to_thread(lines_until, lobby, "is running")
        async with joined(f"ws://127.0.0.1:{port}/?token={token}") as ann:
            assert (await ann.receive("welcome"))["your_id"] == "ann"


def test_the_limits_of_a_game_can_be_set(reader: Reader, port: str) -> None:
    with reader.running(COMMANDS[6].strip(), LOBBY_PORT=port) as lobby:
        lines_until(lobby, "is running")


def test_the_wheel_shows_the_demo_without_make(tmp_path: Path, port: str) -> None:
    build, install = COMMANDS[7], COMMANDS[8]
    assert build.startswith("python3 -m pip wheel --no-deps ")
    reader = Reader(tmp_path, project=False)
    wheel = wheel_of(tmp_path / "dist")
    assert f"dist/{wheel.name}" in install
    reader.install_wheel(wheel)
    with reader.running(f"lobby demo --no-browser --port {port}") as demo:
        lines_until(demo, "bots are moving")


def wheel_of(folder: Path) -> Path:
    """Builds the wheel of the project, with the build tool that the tests have: nothing is fetched."""
    words = ("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    subprocess.run([sys.executable, *words], check=True, cwd=ROOT, capture_output=True, timeout=60)
    return next(folder.glob("*.whl"))


def test_each_block_of_the_tutorial_is_run() -> None:
    assert len(PROGRAMS) == 4
    assert len(COMMANDS) == 9
    assert [block for block in COMMANDS if block.startswith(NOT_RUN)] == [COMMANDS[0], COMMANDS[8]]
