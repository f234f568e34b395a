"""The function as the template describes it, behind the local API Gateway, with its table in moto."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import trading_lobby_ws
from lobby.cloudformation.lobby_template import lobby_template
from lobby.emulator import Conditions, Desk, Meter, Moto, nobody, parse, read_stack
from tests.hosts import Player, joined


class Cloud:
    """A lobby without a server, on loopback."""

    def __init__(self, desk: Desk, players: AsyncExitStack) -> None:
        self.desk, self._players = desk, players

    def at(self, **query: str | int) -> str:
        return f"{self.desk.url}?" + "&".join(f"{name}={value}" for name, value in query.items())

    async def enter(self, **query: str | int) -> Player:
        """Somebody connects."""
        return await self._players.enter_async_context(joined(self.at(**query)))


@contextmanager
def environment() -> Iterator[None]:
    """An environment that is forgotten at the end, with the connections that the function kept warm."""
    with patch.dict(os.environ), patch.dict(trading_lobby_ws._kept, clear=True) as kept:
        yield
        for one in kept.values():
            for client in one.clients:
                client.close()


@asynccontextmanager
async def cloud(meter: Meter = nobody, conditions: Conditions | None = None, **parameters: Any) -> AsyncIterator[Cloud]:
    """The whole of it: gateway, function, table and stream."""
    stack = read_stack(parse(lobby_template()), parameters)
    [(name, function)] = stack.functions.items()
    desk = Desk(stack, {name: trading_lobby_ws.handler}, Moto(), meter=meter, conditions=conditions)
    with environment():
        async with desk:
            os.environ.update(desk.variables(function))
            async with AsyncExitStack() as players:
                yield Cloud(desk, players)
