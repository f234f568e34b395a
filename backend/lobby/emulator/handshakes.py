"""The opening handshake of a WebSocket: what the library leaves out. No I/O."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote

HEAD_BYTES = 16 * 1024
"""The longest head of a request, in bytes. API Gateway allows 10,240 for all headers."""

_END = re.compile(rb"\r?\n\r?\n")
_UPGRADE = re.compile(rb"^(upgrade[ \t]*:)[^\r\n]*?\bwebsocket\b[^\r\n]*", re.I | re.M)
_ORIGIN = re.compile(r"^[a-z][a-z0-9+.-]*://[^/?#]*", re.I)


class HeadRefusal(NamedTuple):
    """Why a handshake is refused: an HTTP status and a message."""

    status: int
    message: str


def head_size(data: bytes | bytearray, searched: int = 0) -> int | None:
    """The size of the head at the beginning of ``data``, with its empty line; None while it is incomplete.

    The first ``searched`` bytes are known to contain no end. Bytes that cannot become a request are a head, too: the library
    then refuses them.
    """
    if data and not data[:1].isalpha():
        return len(data)
    found = _END.search(data, max(0, searched - 3))
    return found.end() if found else len(data) if len(data) > HEAD_BYTES else None


def opens_websocket(head: bytes) -> bool:
    """Whether the head asks for a WebSocket."""
    return _UPGRADE.search(head) is not None


def prepared(head: bytes) -> bytes:
    """The head in a form that the library accepts: an address with bytes outside ASCII is encoded, and an ``Upgrade`` that
    lists several protocols names only ``websocket``."""
    line, end, rest = head.partition(b"\n")
    line = re.sub(rb"[\x80-\xff]+", lambda found: quote(found[0]).encode(), line)
    return line + end + _UPGRADE.sub(rb"\1 websocket", rest)


def address(target: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The path and the parameters of a request's target, both decoded.

    ``+`` is a space. Text that is not UTF-8 gets replacement characters, and a percent sign without two digits stays.
    """
    path, _, query = _ORIGIN.sub("", target, count=1).partition("#")[0].partition("?")
    return unquote(path), tuple(parse_qsl(query, keep_blank_values=True))


def refusal(method: str, version: tuple[int, int], headers: Iterable[tuple[str, str]]) -> HeadRefusal | None:
    """Why a request is no valid handshake by RFC 6455, section 4.2.1; None if it is valid."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value.strip())
    if method != "GET" or version < (1, 1):
        return HeadRefusal(400, "A WebSocket needs GET and HTTP/1.1")
    if "websocket" not in _tokens(values.get("upgrade")) or "upgrade" not in _tokens(values.get("connection")):
        return HeadRefusal(426, "Upgrade Required")
    if values.get("sec-websocket-version") != ["13"]:
        return HeadRefusal(426, "Sec-WebSocket-Version must be 13")
    if not _is_key(values.get("sec-websocket-key", [])):
        return HeadRefusal(400, "Sec-WebSocket-Key must be 16 bytes in base64")
    return None


def _tokens(values: list[str] | None) -> set[str]:
    return {token.strip().lower() for value in values or () for token in value.split(",")}


def _is_key(values: list[str]) -> bool:
    try:
        return len(values) == 1 and len(values[0]) == 24 and len(base64.b64decode(values[0], validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
