"""Games and servers that mean no good, over real sockets. Whatever comes, the game goes on and nothing is wrong in its log."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.godot.playing import Game, playing
from tests.hosts import run

WELCOME = '{"type":"welcome","your_id":"ann","lobby_players":[{"id":"bea","x":1,"y":2,"n":2}],"v":2,"n":1,"t":1,"x":0,"y":0}'
BEA_GOES = '{"type":"leave","id":"bea"}'


@asynccontextmanager
async def visiting(home: Path, handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[Game]:
    """A game that joins a server which does what ``handler`` says to every connection."""

    async def handle(peer: ServerConnection) -> None:
        try:
            await handler(peer)
        except ConnectionClosed:
            pass

    async with serve(handle, "127.0.0.1", 0, compression=None, close_timeout=0.2) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        async with playing(home, url, "ann") as ann:
            await ann.call("join")
            yield ann


async def listen(peer: ServerConnection) -> None:
    async for _ in peer:
        pass


def garbage(chance: random.Random, like: str = WELCOME) -> str | bytes:
    """What no lobby says: noise, letters, brackets without end, a half of ``like``, or nearly ``like``."""
    kind = chance.randrange(5)
    if kind == 0:
        return chance.randbytes(chance.randrange(60))
    if kind == 1:
        return "".join(chr(chance.randrange(1, 0xD7FF)) for _ in range(chance.randrange(40)))
    if kind == 2:
        return "[" * chance.randrange(5_000)
    if kind == 3:
        return like[: chance.randrange(len(like))]
    text = list(like)
    for _ in range(3):
        text[chance.randrange(len(text))] = chance.choice('{}[]",:0aé-')
    return "".join(text)


def test_garbage_of_every_kind_is_nothing_to_a_game(home: Path) -> None:
    chance = random.Random(5)

    async def talk(peer: ServerConnection) -> None:
        await peer.send(garbage(chance))
        await peer.send(WELCOME)
        for _ in range(1_000):
            await peer.send(garbage(chance))
        await peer.send(WELCOME)
        await peer.send(BEA_GOES)
        await listen(peer)

    async def test() -> None:
        async with visiting(home, talk) as ann:
            await ann.wait_for("connected")
            while (await ann.wait_for("player_left"))[0] != "bea":
                pass

    run(test())


@pytest.mark.parametrize("message", [b"\xff\xfe", b'{"type":"leave","id":"\xc3"}'])
def test_a_text_that_is_none_ends_the_connection_and_the_game_comes_back(home: Path, message: bytes) -> None:
    async def talk(peer: ServerConnection) -> None:
        await peer.send(WELCOME)
        await asyncio.sleep(0.2)
        await peer.send(message, text=True)
        await listen(peer)

    async def test() -> None:
        async with visiting(home, talk) as ann:
            await ann.wait_for("connected")
            await ann.wait_for("disconnected")
            await ann.wait_for("connected")

    run(test())


def test_a_message_without_end_does_not_fill_the_memory(home: Path) -> None:
    async def talk(peer: ServerConnection) -> None:
        await peer.send(WELCOME)
        await asyncio.sleep(0.2)
        await peer.send('{"type":"leave","id":"' + "x" * 3_000_000 + '"}')
        await listen(peer)

    async def test() -> None:
        async with visiting(home, talk) as ann:
            await ann.wait_for("connected")
            await ann.wait_for("disconnected")

    run(test())


def test_who_is_shown_the_door_at_once_does_not_hammer_at_it(home: Path) -> None:
    times: list[float] = []

    async def talk(peer: ServerConnection) -> None:
        times.append(asyncio.get_running_loop().time())
        await peer.send(WELCOME)

    async def test() -> None:
        async with visiting(home, talk) as ann:
            pauses = [(await ann.wait_for("disconnected"))[1] for _ in range(4)]
            assert all(pause <= 0.5 * 2**tries for tries, pause in enumerate(pauses))
            for begun, again, pause in zip(times, times[1:], pauses, strict=False):
                assert again - begun >= pause - 0.05

    run(test())


@pytest.mark.parametrize(
    ("code", "outcome"), [("taken_over", "failed"), ("token_expired", "failed"), ("silent", "disconnected")]
)
def test_an_error_right_before_an_end_without_a_code_decides(home: Path, code: str, outcome: str) -> None:
    async def talk(peer: ServerConnection) -> None:
        await peer.send(WELCOME)
        await peer.send(json.dumps({"type": "error", "code": code, "message": "so it is"}))
        await asyncio.sleep(0.2)  # what comes in the same frame of the game as the end, the engine throws away
        await peer.close(1000)

    async def test() -> None:
        async with visiting(home, talk) as ann:
            assert "so it is" in await ann.wait_for(outcome)

    run(test())


def test_an_error_in_the_same_breath_as_the_end_is_known_by_the_code_of_the_end(home: Path) -> None:
    async def talk(peer: ServerConnection) -> None:
        await peer.send('{"type":"error","code":"unauthorized","message":"a token is needed"}')
        await peer.close(4501, "unauthorized: a token is needed")

    async def test() -> None:
        async with visiting(home, talk) as ann:
            assert await ann.wait_for("failed") == ("unauthorized", "a token is needed")

    run(test())


@pytest.mark.parametrize(
    "status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.OK]
)
def test_a_refused_upgrade_is_tried_again(home: Path, status: HTTPStatus) -> None:
    async def test() -> None:
        def refuse(peer: ServerConnection, request: Request) -> Response:
            return peer.respond(status, "no\n")

        async with serve(listen, "127.0.0.1", 0, process_request=refuse) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
            async with playing(home, url, "ann", allowed_error="modules/websocket/") as ann:
                await ann.call("join")
                reason, _ = await ann.wait_for("disconnected")
                assert reason == "no lobby answers there, or it refuses the connection"
                await ann.wait_for("disconnected")

    run(test())
