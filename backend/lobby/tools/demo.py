"""`lobby demo`: a lobby, moving bots and a page that shows them, in one process that Ctrl-C ends."""

from __future__ import annotations

import asyncio
import errno
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from lobby.addresses import in_url, reachable
from lobby.client.bots import no_token, run_bots
from lobby.server.host import Server
from lobby.server.memory import MemoryStore
from lobby.settings import Settings

TOP_SPEED = 15.0
"""The top speed of bots and of the viewer's ship. The demo sets it as a limit, to show that the lobby enforces it."""


async def demo(
    settings: Settings, bots: int, on_ready: Callable[[int], None], *, token: Callable[[str], str] = no_token, seed: int = 0
) -> None:
    """Runs a lobby with ``bots`` until a signal to stop. ``on_ready`` is called with the port once the lobby listens.
    ``token`` returns the token of a bot, empty if the lobby requires none. Raises :class:`lobby.errors.LobbyError`."""
    settings = replace(settings, max_speed=settings.max_speed or TOP_SPEED)
    if not _is_free(settings.host, settings.port):
        settings = replace(settings, port=0)  # another lobby may use the port
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(Server(settings, MemoryStore()).run(ready.set_result))
    waited: set[asyncio.Future[int] | asyncio.Future[None]] = {server, ready}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if server.done():
        return server.result()
    port = ready.result()
    url = f"{'wss' if settings.tls_cert else 'ws'}://{in_url(reachable(settings.host))}:{port}/"
    walking = asyncio.create_task(run_bots(url, bots, token=token, seed=seed) if bots else asyncio.Event().wait())
    on_ready(port)
    try:
        # The first to end ends the demo: the server at Ctrl-C, the bots only after an error.
        await asyncio.wait({server, walking}, return_when=asyncio.FIRST_COMPLETED)
        if walking.done() and not server.done():  # a lobby that stops also ends the bots that are still connecting
            await walking
    finally:
        for task in (walking, server):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def show(url: str) -> bool:
    """Opens ``url`` in a browser. Returns False if there is no graphical browser."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if type(browser) is webbrowser.GenericBrowser:  # lynx, w3m: they would use the terminal, and cannot show a canvas
        return False
    return browser.open(url)


def _is_free(host: str, port: int) -> bool:
    """Whether a server can listen there. An address that does not exist counts as free: the server then reports it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return True
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                return error.errno != errno.EADDRINUSE
    return True
