"""The function as the template describes it, behind the local API Gateway, with its table in moto."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import trading_lobby_ws
from lobby.cloudformation.lobby_template import lobby_template
from lobby.emulator import Conditions, EmulatedStack, Meter, Moto, no_meter, parse, read_stack
from tests.hosts import Player, joined

ENDING_S = 10.0


class CountingHandler:
    """The handler of the function, with the number of its invocations that run now."""

    def __init__(self) -> None:
        self.running = 0
        self._lock = threading.Lock()

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        with self._lock:
            self.running += 1
        try:
            return trading_lobby_ws.handler(event, context)
        finally:
            with self._lock:
                self.running -= 1


class EmulatedLobby:
    """A lobby on an emulated stack, on loopback."""

    def __init__(self, stack: EmulatedStack, handler: CountingHandler, players: AsyncExitStack) -> None:
        self.stack, self._handler, self._players = stack, handler, players

    def at(self, **query: str | int) -> str:
        return f"{self.stack.url}?" + "&".join(f"{name}={value}" for name, value in query.items())

    async def enter(self, **query: str | int) -> Player:
        """Connects a player."""
        return await self._players.enter_async_context(joined(self.at(**query)))

    def is_busy(self) -> bool:
        """Whether an invocation of the function runs."""
        return self._handler.running > 0

    @contextmanager
    def hold_windows(self) -> Iterator[None]:
        """No window ends before the end of this context: invocations that wait continue then."""
        is_over = threading.Event()
        try:
            with patch.object(trading_lobby_ws, "wait", lambda ms: is_over.wait()):
                yield
        finally:
            is_over.set()


@contextmanager
def environment() -> Iterator[None]:
    """Environment variables and environments of the function, both restored at the end."""
    with patch.dict(os.environ), patch.dict(trading_lobby_ws.environments, clear=True) as environments:
        yield
        for one in environments.values():
            one.close()


@asynccontextmanager
async def emulated_lobby(
    meter: Meter = no_meter, conditions: Conditions | None = None, **parameters: Any
) -> AsyncIterator[EmulatedLobby]:
    """Gateway, function, table and stream. ``parameters`` are those of the template."""
    definition = read_stack(parse(lobby_template()), parameters, name="lobby-dev")
    [(name, function)] = definition.functions.items()
    handler = CountingHandler()
    stack = EmulatedStack(definition, {name: handler}, Moto(), meter=meter, conditions=conditions)
    with environment():
        async with stack:
            os.environ.update(stack.variables(function))
            async with AsyncExitStack() as players:
                yield EmulatedLobby(stack, handler, players)
        async with asyncio.timeout(ENDING_S):  # an invocation that still runs would open connections that nothing closes
            while handler.running:
                await asyncio.sleep(0.01)
