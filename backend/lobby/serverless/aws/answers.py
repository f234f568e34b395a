"""An HTTP/1.1 answer, read from bytes as they arrive. No I/O."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

HEAD_BYTES = 65_536
"""The maximum length of the status line and headers together, and of one line of a chunked body. AWS sends a few hundred
bytes."""

ANSWER_BYTES = 16 * 1024 * 1024
"""The maximum length of an answer. A page of DynamoDB is 1 MB of items
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html), and JSON makes it several times as
long."""


class Answer(NamedTuple):
    """The answer of a service. Names of headers are in lower case; if a name came twice, the last value counts."""

    status: int
    headers: dict[str, str]
    body: bytes


AnswerReader = Generator[None, bytes, tuple[Answer, bool]]


def answer_reader(limit: int = ANSWER_BYTES) -> AnswerReader:
    """A generator that reads one answer. Start it with ``next``, then ``send`` it the bytes that arrive, and ``b""`` when the
    connection has ended.

    It returns the answer, and whether the connection can carry another one. It raises ValueError for bytes that are not an
    answer, for an answer that ends too early, and for one that is longer than ``limit`` bytes. It does not read answers to
    HEAD.
    """
    buffer = _Buffer(limit)
    version, status, headers = _parse_head((yield from buffer.until(b"\r\n\r\n")))
    is_reusable = version == "HTTP/1.1" and "close" not in headers.get("connection", "").lower()
    if status in (204, 304):
        body = b""
    elif "chunked" in headers.get("transfer-encoding", "").lower():
        body = yield from _chunked_body(buffer)
    elif "content-length" in headers:
        body = yield from buffer.exactly(_parse_length(headers["content-length"].encode(), 10))
    else:
        is_reusable = False
        body = yield from buffer.until_end()
    return Answer(status, headers, body), is_reusable and not buffer.rest


class _Buffer:
    """The bytes of one connection that have arrived and are not read yet. Its generators yield when they need more bytes."""

    def __init__(self, limit: int) -> None:
        self.rest = bytearray()
        self._limit = limit

    def until(self, mark: bytes) -> Generator[None, bytes, bytes]:
        """The bytes before ``mark``. The mark itself is dropped."""
        while (end := self.rest.find(mark)) < 0:
            if len(self.rest) > HEAD_BYTES:
                raise ValueError(f"a head of over {HEAD_BYTES} bytes")
            yield from self._receive()
        return self._take(end, len(mark))

    def exactly(self, length: int, already_read: int = 0) -> Generator[None, bytes, bytes]:
        """The next ``length`` bytes of a body of which ``already_read`` bytes were read before."""
        if already_read + length > self._limit:
            raise ValueError(f"an answer of over {self._limit} bytes")
        while len(self.rest) < length:
            yield from self._receive()
        return self._take(length)

    def until_end(self) -> Generator[None, bytes, bytes]:
        """All bytes until the connection ends."""
        while True:
            if len(self.rest) > self._limit:
                raise ValueError(f"an answer of over {self._limit} bytes")
            received = yield
            if not received:
                return self._take(len(self.rest))
            self.rest += received

    def _receive(self) -> Generator[None, bytes, None]:
        received = yield
        if not received:
            raise ValueError("the answer ends in the middle")
        self.rest += received

    def _take(self, length: int, dropped: int = 0) -> bytes:
        taken = bytes(self.rest[:length])
        del self.rest[: length + dropped]
        return taken


def _chunked_body(buffer: _Buffer) -> Generator[None, bytes, bytes]:
    chunks = bytearray()
    while size := _parse_length((yield from buffer.until(b"\r\n")).partition(b";")[0], 16):
        chunks += yield from buffer.exactly(size, len(chunks))
        if (yield from buffer.until(b"\r\n")):
            raise ValueError("a chunk is longer than its stated size")
    while (yield from buffer.until(b"\r\n")):
        pass  # trailers
    return bytes(chunks)


def _parse_head(head: bytes) -> tuple[str, int, dict[str, str]]:
    """HTTP version, status and headers."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, status = first[:12].partition(" ")
    if not (version in ("HTTP/1.1", "HTTP/1.0") and len(status) == 3 and status.isdecimal() and 200 <= int(status) < 600):
        raise ValueError(f"not an HTTP answer: {first[:40]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return version, int(status), headers


def _parse_length(text: bytes, base: int) -> int:
    if not text.strip().isalnum():  # `int` would accept a sign and underscores, too
        raise ValueError(f"not a length: {text[:40]!r}")
    return int(text, base)
