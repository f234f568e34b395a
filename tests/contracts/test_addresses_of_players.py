"""Names in the address of a connection, byte by byte: every host understands them alike."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from tests.hosts import PATIENCE_S, joined, run, serving
from tests.serverless.emulated_lobby import emulated_lobby

NAMES: dict[str, tuple[bytes, str]] = {
    "percent-encoded": (b"Zo%C3%AB", "Zo\u00eb"),
    "raw UTF-8": ("Zo\u00eb".encode(), "Zo\u00eb"),
    "decomposed": ("Zoe\u0308".encode(), "Zo\u00eb"),
    "latin-1": (b"Zo\xeb", "Zo\ufffd"),
    "percent-encoded latin-1": (b"Zo%EB", "Zo\ufffd"),
    "an emoji": ("\U0001f680".encode(), "\U0001f680"),
    "a plus": (b"Ann+B", "Ann B"),
    "a broken escape": (b"50%", "50%"),
    "another broken escape": (b"%zz", "%zz"),
    "twice": (b"first&name=second", "second"),
    "nothing to see": (b"%E2%80%8B", ""),
}


async def ask(url: str, path: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Opens a WebSocket by hand, because libraries encode the address. Returns when the lobby has answered."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    key = base64.b64encode(os.urandom(16))
    writer.write(
        b"GET " + path + b" HTTP/1.1\r\nHost: " + parts.netloc.encode() + b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
    )
    assert b" 101 " in await asyncio.wait_for(reader.readline(), PATIENCE_S)
    return reader, writer


@pytest.mark.parametrize("host", ["serve", "emulate"])
def test_a_name_in_the_address_is_the_same_on_every_host(host: str) -> None:
    async def test() -> None:
        async with AsyncExitStack() as stack:
            at: Callable[..., str]
            if host == "serve":
                at = (await stack.enter_async_context(serving())).at
            else:
                at = (await stack.enter_async_context(emulated_lobby())).at
            watch = await stack.enter_async_context(joined(at(pid="watch", v=2)))
            await watch.receive("welcome")
            found = {}
            for number, (name, (raw, _)) in enumerate(NAMES.items()):
                parts = urlsplit(at(pid=f"p{number}", v=2))
                _, writer = await ask(at(), f"{parts.path}?{parts.query}&name=".encode() + raw)
                stack.callback(writer.close)
                join = await watch.receive("join")
                found[name] = join.get("name", "")
            expected = {name: shown or f"p{number}" for number, (name, (_, shown)) in enumerate(NAMES.items())}
            assert found == expected

    run(test())
