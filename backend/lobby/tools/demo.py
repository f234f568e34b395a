"""`lobby demo`: a lobby, walking bots and a page to see them, in one process that one Ctrl-C ends."""

from __future__ import annotations

import asyncio
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from lobby.client.bots import run_bots
from lobby.server.host import Server
from lobby.server.memory import MemoryStore
from lobby.settings import Settings

TOP_SPEED = 15.0
"""No bot and no visitor of the viewer is faster; the demo shows that a lobby holds them to it."""


async def demo(settings: Settings, bots: int, on_ready: Callable[[int], None], *, seed: int = 0) -> None:
    """Serves, lets ``bots`` walk, and shows the page, until a signal to stop. Raises :class:`lobby.errors.LobbyError`."""
    settings = replace(settings, max_speed=settings.max_speed or TOP_SPEED)
    if not _is_free(settings.host, settings.port):
        settings = replace(settings, port=0)  # somebody's other lobby is no reason not to see this one
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(Server(settings, MemoryStore()).run(ready.set_result))
    waited: set[asyncio.Future[int] | asyncio.Future[None]] = {server, ready}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if server.done():
        return server.result()
    port = ready.result()
    url = f"ws://{settings.host}:{port}/"
    walking = asyncio.create_task(run_bots(url, bots, seed=seed) if bots else asyncio.Event().wait())
    on_ready(port)
    try:
        # Whichever ends first ends the demo: the server at Ctrl-C, the bots only when something is wrong.
        await asyncio.wait({server, walking}, return_when=asyncio.FIRST_COMPLETED)
        if walking.done():
            await walking
    finally:
        for task in (walking, server):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def show(url: str) -> bool:
    """Opens ``url`` in a browser; False where there is none (a text-mode one does not count)."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if type(browser) is webbrowser.GenericBrowser:  # lynx, w3m: they would take the terminal and show no canvas
        return False
    return browser.open(url)


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
