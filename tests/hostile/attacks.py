"""Attacks on a server over loopback. They know nothing of a host: a server is a port and the target of a handshake."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from tests.hostile.rfc6455 import CLOSE, MASK, Request, frame

PATIENCE_S = 10.0
ADDRESS = "127.0.0.1"


class Broken(NamedTuple):
    """A request that is wrong in some way. ``{target}`` and ``{host}`` are replaced. The right answer is 4xx, another status in
    ``also``, or the end of the connection without an answer."""

    name: str
    request: bytes
    also: tuple[int, ...] = ()


def _upgrade(line: str, *more: str) -> bytes:
    known = ("Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    lines = (line, *known, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *more)
    return "\r\n".join([*lines, "", ""]).encode()


BROKEN: Sequence[Broken] = [
    Broken("OPTIONS", b"OPTIONS {target} HTTP/1.1\r\nHost: {host}\r\n\r\n", (200, 204)),
    Broken("OPTIONS of everything", b"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n", (200, 204)),
    Broken("HEAD of a path that does not exist", b"HEAD /no/such/page HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("a path that does not exist", b"GET /no/such/page HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("a path with dots", b"GET /../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("a path with encoded dots", b"GET /viewer/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("a path with a zero byte", b"GET /%00 HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("a path that is not UTF-8", b"GET /\xff\xfe HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("a handshake for a path that does not exist", _upgrade("GET /no/such/path HTTP/1.1")),
    Broken("POST", b"POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{}"),
    Broken("DELETE", b"DELETE {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("TRACE", b"TRACE / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("CONNECT", b"CONNECT example.com:443 HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("an unknown method", b"FROB / HTTP/1.1\r\nHost: {host}\r\n\r\n", (501,)),
    Broken("a method in lower case", b"get / HTTP/1.1\r\nHost: {host}\r\n\r\n", (501,)),
    Broken("an absolute URI without an end", _upgrade("GET http://[::1 HTTP/1.1")),
    Broken("an absolute URI with a port that is no number", _upgrade("GET http://x:port/none HTTP/1.1")),
    Broken("an absolute URI with a huge port", _upgrade("GET http://x:99999999/none HTTP/1.1")),
    Broken("an absolute URI without a host", _upgrade("GET http:///none HTTP/1.1")),
    Broken("an absolute URI of another scheme", _upgrade("GET gopher://x/none HTTP/1.1")),
    Broken("an absolute URI with brackets inside", _upgrade("GET http://a]b[c/none HTTP/1.1")),
    Broken("a target without a slash", _upgrade("GET none HTTP/1.1")),
    Broken("an empty target", _upgrade("GET  HTTP/1.1")),
    Broken("two slashes and no path", _upgrade("GET //%5b/none HTTP/1.1")),
    Broken("a target of 100 KB", b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    Broken("a header of 100 KB", b"GET / HTTP/1.1\r\nHost: {host}\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
    Broken("a thousand headers", b"GET / HTTP/1.1\r\nHost: {host}\r\n" + b"X: x\r\n" * 1_000 + b"\r\n"),
    Broken("a head of 100 KB that does not end", b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 17_000),
    Broken("a header without a name", b"GET / HTTP/1.1\r\nHost: {host}\r\n: x\r\n\r\n"),
    Broken("a header with a zero byte", b"GET / HTTP/1.1\r\nHost: {host}\r\nX: a\0b\r\n\r\n"),
    Broken("a folded header", b"GET /none HTTP/1.1\r\nHost: {host}\r\nX: a\r\n b\r\n\r\n"),
    Broken("both Content-Length and Transfer-Encoding",
           b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Broken("two different Content-Length",
           b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    Broken("a negative Content-Length", b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n"),
    Broken("a chunk with a size that is no number",
           b"POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"),
    Broken("the beginning of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
    Broken("a binary protocol", bytes(range(256))),
    Broken("an empty line", b"\r\n\r\n"),
    Broken("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505,)),
    Broken("a status line", b"HTTP/1.1 200 OK\r\n\r\n"),
    Broken("a Host with spaces", b"GET /none HTTP/1.1\r\nHost: a b c\r\n\r\n"),
    Broken("a Host without an end", b"GET /none HTTP/1.1\r\nHost: [::1\r\n\r\n"),
]  # fmt: skip


@contextlib.asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TCP connection to the server."""
    reader, writer = await asyncio.open_connection(ADDRESS, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def websocket(port: int, target: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A WebSocket without a library. What the server sends is read only by the caller."""
    async with connection(port) as (reader, writer):
        writer.write(Request().encoded(target, f"{ADDRESS}:{port}"))
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield reader, writer


async def wrong_answers(port: int, target: str, requests: Sequence[Broken] = BROKEN) -> dict[str, str]:
    """Sends every broken request on a connection of its own. Returns the answers that are wrong, by the names of requests."""

    async def one(broken: Broken) -> tuple[str, str] | None:
        sent = broken.request.replace(b"{target}", target.encode()).replace(b"{host}", f"{ADDRESS}:{port}".encode())
        try:
            async with asyncio.timeout(PATIENCE_S), connection(port) as (reader, writer):
                writer.write(sent)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                line = await reader.readline()
        except TimeoutError:
            return broken.name, "no answer"
        except ConnectionError:
            return None
        status = line.split()[1].decode() if line.startswith(b"HTTP/") else ""
        is_right = not line or status.startswith("4") or status in map(str, broken.also)
        return None if is_right else (broken.name, line.decode("latin-1").strip())

    return dict(filter(None, await asyncio.gather(*map(one, requests))))


def quick_frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A small masked frame, for many of them: the payload is not masked again for each."""
    return frame(opcode, payload, fin=fin, mask=MASK)


async def flood(writer: asyncio.StreamWriter, data: bytes, at_most_s: float) -> int:
    """Sends ``data`` again and again, until the server ends the connection or the time is over. Returns the number of bytes."""
    sent, until = 0, time.monotonic() + at_most_s
    try:
        while time.monotonic() < until and not writer.transport.is_closing():
            writer.write(data)
            sent += len(data)
            async with asyncio.timeout(max(0.01, until - time.monotonic())):
                await writer.drain()
            await asyncio.sleep(0)
    except (ConnectionError, TimeoutError):
        pass
    return sent


async def close_code(reader: asyncio.StreamReader) -> int | None:
    """The code with which the server closes, after any number of other frames; None if the connection ends without one."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            while True:
                first, size = await reader.readexactly(2)
                if size >= 126:
                    size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
                payload = await reader.readexactly(size)
                if first & 0x0F == CLOSE:
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


@contextlib.asynccontextmanager
async def half_open(port: int, count: int, sent: bytes = b"GET / HT") -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections that have sent only the beginning of a request."""
    writers = []
    readers = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(ADDRESS, port)
            writer.write(sent)
            readers.append(reader)
            writers.append(writer)
        yield readers
    finally:
        for writer in writers:
            writer.transport.abort()
