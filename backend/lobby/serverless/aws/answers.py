"""An HTTP/1.1 answer, read from bytes as they arrive. No I/O."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

HEAD_BYTES = 65_536
"""How long status line and headers, or one line of a chunked body, may be. AWS sends a few hundred bytes."""

ANSWER_BYTES = 16 * 1024 * 1024
"""How long an answer may be. A page of DynamoDB is 1 MB of items
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html), which JSON makes several times as
long."""


class Answer(NamedTuple):
    """What a service answered. Names of headers are in lower case; of a name that came twice, the last counts."""

    status: int
    headers: dict[str, str]
    body: bytes


Reading = Generator[None, bytes, tuple[Answer, bool]]


def reading(limit: int = ANSWER_BYTES) -> Reading:
    """Reads one answer. Start it with ``next``, then ``send`` it what arrives, and ``b""`` where the connection has ended.

    It returns the answer, and whether the connection can carry another one. Raises ValueError where that is no answer, where it
    ends too early, and where it is longer than ``limit`` bytes. It does not read answers to HEAD.
    """
    rest = bytearray()

    def more() -> Generator[None, bytes, None]:
        received = yield
        if not received:
            raise ValueError("the answer ends in the middle")
        rest.extend(received)

    def until(mark: bytes) -> Generator[None, bytes, bytes]:
        while (end := rest.find(mark)) < 0:
            if len(rest) > HEAD_BYTES:
                raise ValueError(f"a head of over {HEAD_BYTES} bytes")
            yield from more()
        return take(end, len(mark))

    def exactly(length: int, read: int = 0) -> Generator[None, bytes, bytes]:
        if read + length > limit:
            raise ValueError(f"an answer of over {limit} bytes")
        while len(rest) < length:
            yield from more()
        return take(length)

    def take(length: int, skipped: int = 0) -> bytes:
        taken = bytes(rest[:length])
        del rest[: length + skipped]
        return taken

    version, status, headers = _head((yield from until(b"\r\n\r\n")))
    keeps = version == "HTTP/1.1" and "close" not in headers.get("connection", "").lower()
    if status in (204, 304):
        body = b""
    elif "chunked" in headers.get("transfer-encoding", "").lower():
        chunks = bytearray()
        while size := _number((yield from until(b"\r\n")).partition(b";")[0], 16):
            chunks += yield from exactly(size, len(chunks))
            if (yield from until(b"\r\n")):
                raise ValueError("a chunk is longer than it says")
        while (yield from until(b"\r\n")):
            pass  # trailers
        body = bytes(chunks)
    elif "content-length" in headers:
        body = yield from exactly(_number(headers["content-length"].encode(), 10))
    else:
        keeps = False
        while True:
            if len(rest) > limit:
                raise ValueError(f"an answer of over {limit} bytes")
            received = yield
            if not received:
                break
            rest += received
        body = take(len(rest))
    return Answer(status, headers, body), keeps and not rest


def _head(head: bytes) -> tuple[str, int, dict[str, str]]:
    """HTTP version, status and headers."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, status = first[:12].partition(" ")
    if not (version in ("HTTP/1.1", "HTTP/1.0") and len(status) == 3 and status.isdecimal() and 200 <= int(status) < 600):
        raise ValueError(f"not an answer: {first[:40]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return version, int(status), headers


def _number(text: bytes, base: int) -> int:
    if not text.strip().isalnum():  # `int` would take a sign and underscores, too
        raise ValueError(f"not a length: {text[:40]!r}")
    return int(text, base)
