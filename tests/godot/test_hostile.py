"""Games and faulty servers, over real sockets. The game must go on, without errors in its log."""

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

WELCOME = '{"type":"welcome","your_id":"ann","lobby_players":[{"id":"bea","x":1,"y":2,"n":2}],"v":2,"n":1,"t":1,"x":0,"y":0}'
BEA_GOES = '{"type":"leave","id":"bea"}'


@asynccontextmanager
async def joining(home: Path, handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[Game]:
    """A game that joins a server which runs ``handler`` for every connection."""

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
    """A frame that no lobby sends: random bytes, letters, many brackets, half of ``like``, or nearly ``like``."""
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


async def test_invalid_messages_do_not_disturb_a_game(home: Path) -> None:
    chance = random.Random(5)

    async def handler(peer: ServerConnection) -> None:
        await peer.send(garbage(chance))
        await peer.send(WELCOME)
        for _ in range(1_000):
            await peer.send(garbage(chance))
        await peer.send(WELCOME)
        await peer.send(BEA_GOES)
        await listen(peer)

    async with joining(home, handler) as ann:
        await ann.wait_for("connected")
        while (await ann.wait_for("player_left"))[0] != "bea":
            pass


@pytest.mark.parametrize("message", [b"\xff\xfe", b'{"type":"leave","id":"\xc3"}'])
async def test_invalid_utf_8_ends_the_connection_and_the_game_reconnects(home: Path, message: bytes) -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send(WELCOME)
        await asyncio.sleep(0.2)
        await peer.send(message, text=True)
        await listen(peer)

    async with joining(home, handler) as ann:
        await ann.wait_for("connected")
        await ann.wait_for("disconnected")
        await ann.wait_for("connected")


async def test_a_message_that_is_too_large_ends_the_connection(home: Path) -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send(WELCOME)
        await asyncio.sleep(0.2)
        await peer.send('{"type":"leave","id":"' + "x" * 3_000_000 + '"}')
        await listen(peer)

    async with joining(home, handler) as ann:
        await ann.wait_for("connected")
        await ann.wait_for("disconnected")


async def test_a_game_that_is_closed_at_once_pauses_longer_and_longer(home: Path) -> None:
    times: list[float] = []

    async def handler(peer: ServerConnection) -> None:
        times.append(asyncio.get_running_loop().time())
        await peer.send(WELCOME)

    async with joining(home, handler) as ann:
        pauses = [(await ann.wait_for("disconnected"))[1] for _ in range(4)]
        assert all(pause <= 0.5 * 2**tries for tries, pause in enumerate(pauses))
        for begun, next_begun, pause in zip(times, times[1:], pauses, strict=False):
            assert next_begun - begun >= pause - 0.05


@pytest.mark.parametrize(
    ("code", "outcome"), [("taken_over", "failed"), ("token_expired", "failed"), ("silent", "disconnected")]
)
async def test_an_error_right_before_a_plain_close_decides(home: Path, code: str, outcome: str) -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send(WELCOME)
        await peer.send(json.dumps({"type": "error", "code": code, "message": "a reason"}))
        await asyncio.sleep(0.2)  # the engine drops messages that arrive in the same frame as the close
        await peer.close(1000)

    async with joining(home, handler) as ann:
        assert "a reason" in await ann.wait_for(outcome)


async def test_an_error_together_with_the_close_is_known_by_the_close_code(home: Path) -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send('{"type":"error","code":"unauthorized","message":"a token is needed"}')
        await peer.close(4501, "unauthorized: a token is needed")

    async with joining(home, handler) as ann:
        assert await ann.wait_for("failed") == ("unauthorized", "a token is needed")


@pytest.mark.parametrize(
    "status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.OK]
)
async def test_a_refused_handshake_is_retried(home: Path, status: HTTPStatus) -> None:
    def refuse(peer: ServerConnection, request: Request) -> Response:
        return peer.respond(status, "no\n")

    async with serve(listen, "127.0.0.1", 0, process_request=refuse) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        async with playing(home, url, "ann", allowed_error="modules/websocket/") as ann:
            await ann.call("join")
            reason, _ = await ann.wait_for("disconnected")
            assert reason == "no lobby answers there, or it refuses the connection"
            await ann.wait_for("disconnected")
