"""The browser and the lobbies of these tests. ``CHROMIUM=/path`` chooses a browser that is not on PATH."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.driving import Lobby, Viewer

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail("These tests need Chromium. On Debian: sudo apt-get install chromium; elsewhere: CHROMIUM=/path")
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def lobby() -> Iterator[Lobby]:
    """One lobby for all tests without special needs. Each test has its own room."""
    shared = Lobby("--room-size", "250")
    try:
        yield shared.start()
    finally:
        shared.stop()


@pytest.fixture
def new_lobby() -> Iterator[Callable[..., Lobby]]:
    """A lobby for one test, with other settings, or one that the test kills."""
    started: list[Lobby] = []

    def start(*options: str) -> Lobby:
        started.append(Lobby(*options))
        return started[-1].start()

    try:
        yield start
    finally:
        for one in started:
            one.stop()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Viewer]]:
    """Opens the page in a new browser context. The options are those of Playwright's ``new_context``."""
    viewers: list[Viewer] = []

    def open_page(url: str, **options: Any) -> Viewer:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(15_000)
        viewers.append(Viewer(context.new_page()))
        return viewers[-1].open(url)

    yield open_page
    for viewer in viewers:
        viewer.page.context.close()


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room that only this test uses."""
    name: str = request.node.name
    return "".join(letter if letter.isalnum() else "_" for letter in name)[:64]
