"""The function as the template describes it, behind the local API Gateway, with its table in moto."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import trading_lobby_ws
from lobby.emulator import Conditions, Desk, Meter, Moto, nobody, parse, read_stack, read_template
from tests.hosts import Player, joined


class EmulatedLobby:
    """A lobby on an emulated stack, on loopback."""

    def __init__(self, desk: Desk, players: AsyncExitStack) -> None:
        self.desk, self._players = desk, players

    def at(self, **query: str | int) -> str:
        return f"{self.desk.url}?" + "&".join(f"{name}={value}" for name, value in query.items())

    async def enter(self, **query: str | int) -> Player:
        """Connects a player."""
        return await self._players.enter_async_context(joined(self.at(**query)))


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
    desk = Desk(stack, {name: trading_lobby_ws.handler}, Moto(), meter=meter, conditions=conditions)
    with environment():
        async with desk:
            os.environ.update(desk.variables(function))
            async with AsyncExitStack() as players:
                yield EmulatedLobby(desk, players)
