"""The demo game against a lobby on this machine, with bots for company: `make game`. Whichever ends first ends all.

python scripts/play.py [--bots N] [what the game itself understands, such as --zone=lobby --autopilot]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "backend"))

from lobby.client.bots import run_bots
from lobby.settings import Settings
from lobby.tools.demo import demo

GAME = Path(__file__).parents[1] / "game"
STROLLERS = 4
"""So many bots fly outside of the station."""


def missing() -> str:
    """What there is not, and what to do, in a sentence; nothing where all is there."""
    if engine() is None:
        return "The Godot engine is not here: `make godot` installs it on Debian; elsewhere get 4.6, and set GODOT to it."
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no screen here to play on. Play where there is one; `make game-pictures` draws what you would see."
    return ""


def engine() -> str | None:
    """Where the engine is."""
    return shutil.which(os.environ.get("GODOT") or "godot") or shutil.which(Path.home() / ".local/bin/godot")


async def play(bots: int, words: Sequence[str]) -> int:
    """Serves, lets bots fly, and plays; the game's exit status."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[int] = loop.create_future()
    lobby = asyncio.create_task(demo(Settings(list_rooms=True), bots, ready.set_result))
    first: set[asyncio.Future[Any]] = {lobby, ready}
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if lobby.done():
        await lobby
    url = f"ws://127.0.0.1:{ready.result()}/"
    strollers = asyncio.create_task(run_bots(url, STROLLERS, room="lobby.space", seed=1))
    command = [str(engine()), "--path", str(GAME), "--", f"--lobby={url}", *words]
    game = await asyncio.create_subprocess_exec(*command)
    over = asyncio.create_task(game.wait())
    try:
        await asyncio.wait({lobby, over}, return_when=asyncio.FIRST_COMPLETED)
        if lobby.done():  # by Ctrl-C, if nothing is wrong
            await lobby
            return 0
        return over.result()
    finally:
        if game.returncode is None:
            game.terminate()
        for task in (strollers, lobby):
            task.cancel()
        await asyncio.gather(over, strollers, lobby, return_exceptions=True)


def main() -> None:
    """Plays, or says what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bots", type=int, default=16, help="how many fly in the lobby")
    wanted, words = parser.parse_known_args()
    if sentence := missing():
        raise SystemExit(sentence)
    print("Getting the game ready ...", file=sys.stderr)
    ready = subprocess.run([str(engine()), "--headless", "--path", str(GAME), "--import"], capture_output=True, text=True)
    if "SCRIPT ERROR" in ready.stderr:
        raise SystemExit(ready.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        raise SystemExit(asyncio.run(play(wanted.bots, words)))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
