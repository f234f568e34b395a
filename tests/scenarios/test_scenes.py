"""The same scenes on every host, with the same transcripts. ``python -m tests.scenarios.test_scenes`` writes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lobby.admin.stage import Stage as StageOnAws
from lobby.compact import KIND
from lobby.monitor.command import emulated as emulated_services
from lobby.monitor.reading import find_lobby
from lobby.server.connections import Outboxes
from lobby.server.operating import Operating
from lobby.settings import Settings
from tests.hosts import PATIENCE_S, Player, joined, serving
from tests.scenarios.scenes import SCENES, Actor, Stage
from tests.serverless.emulated_lobby import emulated_lobby
from tests.simulation import Simulation

TRANSCRIPTS = Path(__file__).parent / "transcripts"


class SimulatedActor(Actor):
    def __init__(self, name: str, lines: list[str], host: Simulation, connection: str) -> None:
        super().__init__(name, lines)
        self.host, self.connection = host, connection

    async def send_text(self, text: str) -> None:
        self.host.send(self.connection, text)
        self.host.advance(self.host.settings.window_ms)

    async def receive_text(self) -> str | bytes:
        frames = self.host.gateway.frames[self.connection]
        assert frames, f"{self.name} receives nothing"
        frame = frames.pop(0)
        return frame if frame[0] == KIND else frame.decode()

    async def close(self) -> None:
        self.host.close(self.connection)
        self.host.advance(self.host.settings.window_ms)

    async def closed_with(self) -> int:
        return self.host.gateway.closed[self.connection]


class Simulated(Stage):
    def __init__(self) -> None:
        super().__init__()
        self.host = Simulation()

    async def connect(self, player: str, v: int, room: str, name: str, watch: bool) -> Actor:
        actor = SimulatedActor(name, self.lines, self.host, self.host.connect(player, v, room, watch=watch))
        self.host.advance(self.host.settings.window_ms)
        return actor

    async def operate(self, action: str, *arguments: Any) -> None:
        operating = Operating(self.host.lobby, Outboxes(), lambda: self.host.now)
        getattr(operating, action)(*arguments, "")
        self.host.advance(self.host.settings.window_ms)


class SocketActor(Actor):
    def __init__(self, name: str, lines: list[str], player: Player, first: str) -> None:
        super().__init__(name, lines)
        self.player, self.waiting = player, [first]

    async def send_text(self, text: str) -> None:
        await self.player.socket.send(text)

    async def receive_text(self) -> str | bytes:
        if self.waiting:
            return self.waiting.pop()
        async with asyncio.timeout(PATIENCE_S):
            return await self.player.socket.recv()

    async def close(self) -> None:
        await self.player.socket.close()

    async def closed_with(self) -> int:
        return await self.player.closed_with()


Operate = Callable[..., Awaitable[None]]


class Served(Stage):
    """Any lobby with an address. ``operate`` carries out an action of an operator, by its name."""

    def __init__(self, at: Callable[..., str], sockets: AsyncExitStack, operate: Operate) -> None:
        super().__init__()
        self.at, self.sockets, self._operate = at, sockets, operate

    async def operate(self, action: str, *arguments: Any) -> None:
        await self._operate(action, *arguments)

    async def connect(self, player: str, v: int, room: str, name: str, watch: bool) -> Actor:
        address = self.at(pid=player, room=room, v=v, **({"watch": 1} if watch else {}))
        entered = await self.sockets.enter_async_context(joined(address))
        # A player is in the room when it has its welcome. On an emulated stack the stream brings it, which takes a moment.
        async with asyncio.timeout(PATIENCE_S):
            return SocketActor(name, self.lines, entered, str(await entered.socket.recv()))


@asynccontextmanager
async def simulated() -> AsyncIterator[Stage]:
    yield Simulated()


@asynccontextmanager
async def served() -> AsyncIterator[Stage]:
    async with serving() as lobby, AsyncExitStack() as sockets:

        async def operate(action: str, *arguments: Any) -> None:
            getattr(lobby.server.operating, action)(*arguments, "")

        yield Served(lobby.at, sockets, operate)


@asynccontextmanager
async def emulated() -> AsyncIterator[Stage]:
    settings = Settings()
    same: dict[str, Any] = {"WindowMs": settings.window_ms, "SendMs": settings.send_ms, "HeartbeatMs": settings.heartbeat_ms}
    async with emulated_lobby(**same) as lobby, AsyncExitStack() as sockets:

        async def operate(action: str, *arguments: Any) -> None:
            def act() -> None:
                aws = emulated_services(lobby.stack.aws)
                getattr(StageOnAws(aws, find_lobby(aws, "dev")), action)(*arguments)
                for one in aws._clients.values():
                    one._client.close()

            await asyncio.to_thread(act)

        yield Served(lobby.at, sockets, operate)


HOSTS: dict[str, Callable[[], AbstractAsyncContextManager[Stage]]] = {
    "simulation": simulated,
    "serve": served,
    "emulate": emulated,
}


def transcript(scene: Callable[[Stage], Awaitable[None]], host: str) -> str:
    async def play() -> list[str]:
        async with asyncio.timeout(20), HOSTS[host]() as stage:
            await scene(stage)
            return stage.lines

    return "\n".join(asyncio.run(play())) + "\n"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_every_host_produces_the_same_transcript(scene: Callable[[Stage], Awaitable[None]], host: str) -> None:
    assert transcript(scene, host) == (TRANSCRIPTS / f"{scene.__name__}.txt").read_text()


def main() -> None:
    TRANSCRIPTS.mkdir(exist_ok=True)
    for scene in SCENES:
        (TRANSCRIPTS / f"{scene.__name__}.txt").write_text(transcript(scene, "simulation"))


if __name__ == "__main__":
    main()
