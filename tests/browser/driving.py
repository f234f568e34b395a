"""Drives a real lobby, real bots and a real browser. Everything is on loopback, and each wait is bounded."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from playwright.sync_api import Page

BACKEND = Path(__file__).parents[2] / "backend"
PATIENCE_S = 30.0
"""Longest wait on a slow machine, in seconds. A test that passes waits much less."""

SNAPSHOT = "window.lobby.snapshot()"


def until(true: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Calls ``true`` until it returns a truthy value, and returns that."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = true()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s:g} s for: {what}")
        time.sleep(0.05)


def free_port() -> int:
    """A port that is not in use now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(*arguments: str) -> subprocess.Popen[bytes]:
    # Settings of the environment must not reach a test's lobby.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOBBY_")}
    environment["PYTHONPATH"] = str(BACKEND)
    return subprocess.Popen(
        [sys.executable, "-m", "lobby", *arguments],
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class Lobby:
    """`lobby serve` in its own process. A test can kill and restart it."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._bots: list[subprocess.Popen[bytes]] = []

    def start(self) -> Lobby:
        self._process = _run("serve", "--port", str(self.port), "--quiet", *self.options)
        until(self._healthy, "the lobby's /healthz")
        return self

    def _healthy(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the lobby ended by itself"
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def bots(self, players: int, room: str) -> None:
        self._bots.append(_run("bots", "--url", self.socket(), "--room", room, "--players", str(players)))

    def kill(self) -> None:
        """Kills the process. It closes no connection."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def stop(self) -> None:
        for process in self._bots:
            process.kill()
            process.wait(timeout=10)
        self._bots.clear()
        self.kill()

    def page(self, **query: str) -> str:
        return f"http://127.0.0.1:{self.port}/?{urlencode(query)}"

    def socket(self, **query: str) -> str:
        return f"ws://127.0.0.1:{self.port}/?{urlencode(query)}"


class Emulated(Lobby):
    """`lobby emulate` in its own process."""

    def start(self) -> Emulated:
        self._process = _run("emulate", "--port", str(self.port), "--table", "moto", *self.options)
        until(self._answers, "the page beside the gateway")
        return self

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def page(self, **query: str) -> str:
        return f"http://127.0.0.1:{self.port}/lobby/?{urlencode({'url': f'ws://127.0.0.1:{self.port}/dev', **query})}"


class Viewer:
    """One page, as its user sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)

    def open(self, url: str) -> Viewer:
        self.page.goto(url)
        return self

    def connected(self) -> Viewer:
        until(lambda: self.page.evaluate("!!window.lobby") and self.state() == "connected", "the page to be connected")
        return self

    def snapshot(self) -> dict[str, Any]:
        snapshot = self.page.evaluate(SNAPSHOT)
        assert isinstance(snapshot, dict)
        return snapshot

    def state(self) -> str:
        return str(self.snapshot()["state"]["kind"])

    def me(self) -> dict[str, Any]:
        me = self.snapshot()["me"]
        assert isinstance(me, dict)
        return me

    def player(self, name: str) -> dict[str, Any] | None:
        """What this page knows of another player."""
        return next((player for player in self.snapshot()["players"] if player["name"] == name), None)

    def listed(self) -> list[str]:
        """The names in the list, in order."""
        return self.page.locator("#roster > li:visible .name").all_inner_texts()

    def sees(self, *names: str) -> None:
        until(lambda: sorted(self.listed()) == sorted(names), f"a list of {names}, not {self.listed()}")

    def shows(self, selector: str, text: str) -> None:
        def there() -> bool:
            return text.lower() in (self.page.locator(selector).text_content() or "").lower()

        until(there, f"{text!r} in {selector}")

    def rest(self) -> dict[str, Any]:
        """Waits until the own ship is at rest."""

        def still() -> dict[str, Any] | None:
            me = self.me()
            return me if me["vx"] == 0 and me["vy"] == 0 else None

        me: dict[str, Any] = until(still, "the own ship to come to rest")
        return me

    def colour_at(self, x: int, y: int) -> tuple[int, int, int]:
        """The colour of the field at a point in CSS pixels."""
        red, green, blue, _ = self.page.evaluate(
            """([x, y]) => {
                const field = document.getElementById("field");
                const k = field.width / field.clientWidth;
                return [...field.getContext("2d").getImageData(x * k, y * k, 1, 1).data];
            }""",
            [x, y],
        )
        return red, green, blue


def message(**fields: object) -> str:
    """A message of a client, as text."""
    return json.dumps(fields)
