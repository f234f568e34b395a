"""HTTP requests to `lobby serve`, as h11 parses them: what they ask for, and which WebSocket handshakes are valid. No I/O."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

import h11

_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.I | re.S)
_AUTHORITY = re.compile(r"(?:\[[0-9a-f:.%]+\]|[^\s\[\]@:/?#\\<>\"'^`{|}%,]+)(?::(\d{1,5}))?", re.I)


class Invalid(Exception):
    """A request that is refused: an HTTP status, a text for the client's developer, and further headers."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.text, self.headers = status, text, headers or {}
        super().__init__(text)


class HttpRequest(NamedTuple):
    """What a request asks for. ``path`` is decoded, and repeated slashes are one. ``headers`` have names in lower case.

    Lines of a header with the same name are joined with commas, in their order (RFC 9110, section 5.3).
    """

    method: str
    version: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def opens_websocket(self) -> bool:
        """Whether the client asks for a WebSocket, in whatever form."""
        return "websocket" in tokens(self.headers.get("upgrade", ""))


class Upgrade(NamedTuple):
    """What the answer to a valid handshake needs: the key, and the subprotocol to select ("": none was offered)."""

    key: str
    subprotocol: str


def tokens(value: str) -> list[str]:
    """The items of a header that is a list, in lower case."""
    return [item.strip().lower() for item in value.split(",") if item.strip()]


def encoded(data: bytes) -> bytes:
    """Percent-encodes bytes outside ASCII. Browsers and many clients send addresses with them; h11 refuses them."""
    return data if data.isascii() else re.sub(rb"[\x80-\xff]", lambda found: b"%%%02X" % found[0][0], data)


def read(request: h11.Request) -> HttpRequest:
    """The request that h11 has parsed. Raises Invalid."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    target = request.target.decode("ascii")
    if absolute := _ABSOLUTE.match(target):
        headers["host"], target = absolute[1], absolute[2] or "/"
        target = target if target.startswith("/") else f"/{target}"
    elif not target.startswith("/"):
        raise Invalid(400, "The target of a request is a path that begins with a slash, or an http address.")
    host = headers.get("host", "")
    if (host or absolute) and not _is_authority(host):
        raise Invalid(400, "Host is not a valid name or address with an optional port.")
    path, _, query = target.partition("#")[0].partition("?")
    path = re.sub(r"/{2,}", "/", unquote(path))
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return HttpRequest(request.method.decode("ascii"), request.http_version.decode("ascii"), path, pairs, headers)


def handshake(request: HttpRequest) -> Upgrade:
    """The answer to a WebSocket handshake that is valid by RFC 6455, section 4.2.1. Raises Invalid."""
    headers = request.headers
    if request.method != "GET" or request.version != "1.1":
        raise Invalid(400, "A WebSocket needs GET and HTTP/1.1.")
    if "upgrade" not in tokens(headers.get("connection", "")):
        raise Invalid(426, "A WebSocket needs the header Connection: Upgrade. A proxy may have removed it.", _UPGRADE)
    if headers.get("sec-websocket-version") != "13":
        raise Invalid(426, "Sec-WebSocket-Version must be 13.", _UPGRADE)
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise Invalid(400, "A handshake has no body.")
    key = headers.get("sec-websocket-key", "")
    if not _is_key(key):
        raise Invalid(400, "Sec-WebSocket-Key must be 16 bytes in base64, on one line.")
    offered = headers.get("sec-websocket-protocol", "").split(",")
    return Upgrade(key, next((item.strip() for item in offered if _TOKEN.fullmatch(item.strip())), ""))


_UPGRADE = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _is_authority(text: str) -> bool:
    found = _AUTHORITY.fullmatch(text)
    return found is not None and (found[1] is None or int(found[1]) < 65_536)


def _is_key(key: str) -> bool:
    try:
        return len(key) == 24 and len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
