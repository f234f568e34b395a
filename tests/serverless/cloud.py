"""The function as the template describes it, behind the local API Gateway, with its table in moto."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import trading_lobby_ws
from lobby.cloudformation.lobby_template import lobby_template
from lobby.emulator import Conditions, EmulatedStack, Meter, Moto, no_meter, parse, read_stack
from tests.hosts import Player, joined


class Cloud:
    """A lobby without a server, on loopback."""

    def __init__(self, stack: EmulatedStack, players: AsyncExitStack) -> None:
        self.stack, self._players = stack, players

    def at(self, **query: str | int) -> str:
        return f"{self.stack.url}?" + "&".join(f"{name}={value}" for name, value in query.items())

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
async def cloud(meter: Meter = no_meter, conditions: Conditions | None = None, **parameters: Any) -> AsyncIterator[Cloud]:
    """A lobby on an emulated stack: gateway, function, table and stream."""
    definition = read_stack(parse(lobby_template()), parameters, name="lobby-dev")
    [(name, function)] = definition.functions.items()
    stack = EmulatedStack(definition, {name: trading_lobby_ws.handler}, Moto(), meter=meter, conditions=conditions)
    with environment():
        async with stack:
            os.environ.update(stack.variables(function))
            async with AsyncExitStack() as players:
                yield Cloud(stack, players)
