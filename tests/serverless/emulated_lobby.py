"""The function as the template describes it, behind the local API Gateway, with its table in moto."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import trading_lobby_ws
from lobby.emulator import Conditions, Desk, Meter, Moto, nobody, parse, read_stack, read_template
from tests.hosts import Player, joined


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

    def __init__(self, desk: Desk, handler: CountingHandler, players: AsyncExitStack) -> None:
        self.desk, self._handler, self._players = desk, handler, players

    def at(self, **query: str | int) -> str:
        return f"{self.desk.url}?" + "&".join(f"{name}={value}" for name, value in query.items())

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
    meter: Meter = nobody, conditions: Conditions | None = None, **parameters: Any
) -> AsyncIterator[EmulatedLobby]:
    """Gateway, function, table and stream. ``parameters`` are those of the template."""
    stack = read_stack(parse(read_template()), parameters)
    [(name, function)] = stack.functions.items()
    handler = CountingHandler()
    desk = Desk(stack, {name: handler}, Moto(), meter=meter, conditions=conditions)
    with environment():
        async with desk:
            os.environ.update(desk.variables(function))
            async with AsyncExitStack() as players:
                yield EmulatedLobby(desk, handler, players)
