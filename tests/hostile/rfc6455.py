"""Cases of RFC 6455 for a server: what a client sends, and what the RFC lets the server do. They know nothing of a host.

Binary messages and large frames are closed as API Gateway closes them, on every host.

A case sends bytes over a socket on loopback and reads what comes back. Its outcome is one line of text:

``400``                 the handshake was refused with this status; ``101`` if it was accepted and nothing was sent
``open``                the connection works: a message at the end of the case was answered
``pong hello, open``    so it does, and before that a pong with this payload arrived
``answer 1, open``      so it does, and message 1 of the case was answered
``1002``                the server sent a close frame with this code, and then closed the socket
``no code``             the server sent a close frame without a code, and then closed the socket
``cut``                 the server closed the socket without a close frame

Every frame of the server is checked too. If one breaks the RFC, the outcome says so.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

PATIENCE_S = 8.0
"""How long a case waits for the server. Only a case that fails waits so long."""

AT_ONCE = 32
"""How many cases run at the same time."""

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x37\xfa\x21\x3d"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
PROBE = 99
"""The number of the message at the end of a case."""


# ── what a client sends ─────────────────────────────────────────────────────────────────────────────────────────────────


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    mask: bytes = MASK,
    length_bytes: int | None = None,
) -> bytes:
    """A frame. ``length_bytes`` (0, 2 or 8) is the size of the extended length; by default the shortest that fits."""
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65_536 else 8
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    header = bytes([fin << 7 | reserved << 4 | opcode, masked << 7 | short])
    header += size.to_bytes(length_bytes, "big") if length_bytes else b""
    if not masked:
        return header + payload
    return header + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def message(number: int, text: str = "") -> bytes:
    """The payload of a message that every host answers. ``text`` is in a field that no host reads."""
    return json.dumps({"action": "ping", "t": number, "text": text}, ensure_ascii=False).encode()


def of_size(size: int) -> bytes:
    """The payload of message 1, made this long."""
    return message(1, "x" * (size - len(message(1))))


def around(text: bytes) -> bytes:
    """The payload of message 1 with these bytes in its text."""
    return message(1, "|").replace(b"|", text)


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def in_bytes(data: bytes) -> tuple[bytes, ...]:
    """Every byte in a segment of its own."""
    return tuple(data[i : i + 1] for i in range(len(data)))


def _shown(payload: bytes) -> str:
    return payload.decode("ascii") if payload.isascii() else payload.hex()


@dataclass(frozen=True)
class Request:
    """The opening handshake. ``changes`` replaces header lines by name; None removes one. ``more`` is added at the end."""

    changes: dict[str, str | None] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    method: str = "GET"
    version: str = "HTTP/1.1"
    prefix: str = ""
    """Is put in front of the path, for a target in absolute form. ``{host}`` is the address of the server."""

    def encoded(self, target: str, host: str) -> bytes:
        """The bytes of the request for ``target`` (path and query)."""
        headers: dict[str, str | None] = {
            "Host": host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": KEY,
            "Sec-WebSocket-Version": "13",
            **self.changes,
        }
        lines = [f"{self.method} {self.prefix.format(host=host)}{target} {self.version}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join([*lines, *self.more, "", ""]).encode()


# ── cases ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Case:
    """One case: its name, what the client sends, and the outcomes that are right.

    Each item of ``sends`` is a segment of its own.
    ``early`` sends everything before the server has answered the handshake. ``probes`` appends a message that must be answered
    if the connection is still open. ``half_closes`` ends the client's side of the TCP connection.
    """

    name: str
    allowed: frozenset[str]
    sends: tuple[bytes, ...] = ()
    request: Request = Request()
    early: bool = False
    byte_by_byte: bool = False
    probes: bool = True
    half_closes: bool = False


OPEN, REFUSED = frozenset({"open"}), frozenset({"4xx"})
PROTOCOL_ERROR, BAD_TEXT = frozenset({"1002"}), frozenset({"1007"})
ANSWERED = frozenset({"answer 1, open"})


def _handshakes() -> list[Case]:
    def opens(name: str, request: Request, *also: str) -> Case:
        return Case(name, OPEN | set(also), request=request)

    def refused(name: str, request: Request, *also: str) -> Case:
        return Case(name, REFUSED | set(also), request=request, probes=False)

    def with_(**changes: str | None) -> Request:
        return Request({name.replace("_", "-"): value for name, value in changes.items()})

    def version(value: str | None) -> Request:
        return with_(Sec_WebSocket_Version=value)

    def key(value: str | None) -> Request:
        return with_(Sec_WebSocket_Key=value)

    def swapped(swap: Callable[[str], str]) -> Request:
        names = ("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
        values = dict(zip(names, ("websocket", "Upgrade", KEY, "13"), strict=True))
        return Request(dict.fromkeys(names), tuple(f"{swap(name)}: {value}" for name, value in values.items()))

    needs_426 = frozenset({"426"})
    return [
        opens("a plain handshake is accepted", Request()),
        opens("header names in lower case are accepted", swapped(str.lower)),
        opens("header names in upper case are accepted", swapped(str.upper)),
        opens("the token websocket is compared without case", with_(Upgrade="WebSocket")),
        opens("the token Upgrade is compared without case", with_(Connection="UPGRADE")),
        opens("Connection may list keep-alive before Upgrade", with_(Connection="keep-alive, Upgrade")),
        opens("Connection may list Upgrade before keep-alive", with_(Connection="upgrade,keep-alive")),
        opens("Connection may have two lines, Upgrade last", Request({"Connection": "keep-alive"}, ("Connection: Upgrade",))),
        opens("Connection may have two lines, Upgrade first", Request({"Connection": "Upgrade"}, ("Connection: keep-alive",))),
        # RFC 6455 4.2.1: the field contains the value "websocket". HTTP lets a client list several protocols.
        opens("Upgrade may list another protocol before websocket", with_(Upgrade="h2c, websocket")),
        opens("spaces around the values do not matter", Request({"Upgrade": " websocket \t", "Connection": "\tUpgrade "})),
        opens("a header that no server knows is ignored", with_(X_Unknown="1")),
        opens("a header without a value is ignored", with_(X_Empty="")),
        opens("a User-Agent with letters outside ASCII is accepted", with_(User_Agent="Spielzeug/1 (Zoë)"), "4xx"),
        Case("a request that arrives byte by byte is accepted", OPEN, byte_by_byte=True),
        # RFC 6455 4.1: a client must wait with its first frame. A server may refuse or answer, but must not lose it silently.
        Case(
            "a message in the same segment as the handshake is answered",
            ANSWERED | {"4xx", "cut"},
            (frame(TEXT, message(1)),),
            early=True,
        ),
        Case(
            "a reserved opcode in the same segment as the handshake ends the connection",
            PROTOCOL_ERROR | {"4xx", "cut"},
            (frame(3),),
            early=True,
        ),
        Case(
            "a frame over 32 KiB in the same segment as the handshake ends the connection",
            frozenset({"1009", "4xx", "cut"}),
            (frame(TEXT, of_size(32_769)),),
            early=True,
        ),
        # 4.2.1 item 6 and 4.4: the answer names the version that the server speaks.
        Case("a request without a version is refused", needs_426 | {"400"}, request=version(None), probes=False),
        *(
            Case(f"version {value} is refused with 426 and the header that names 13", needs_426, request=version(value))
            for value in ("0", "7", "8", "12", "14", "130")
        ),
        Case("a version that is no number is refused", needs_426 | {"400"}, request=version("x"), probes=False),
        Case("an empty version is refused", needs_426 | {"400"}, request=version(""), probes=False),
        Case("a list of versions is refused", needs_426 | {"400"}, request=version("8, 13"), probes=False),
        Case(
            "two different version lines are refused",
            needs_426 | {"400"},
            request=Request(more=("Sec-WebSocket-Version: 8",)),
            probes=False,
        ),
        refused("a request without a key is refused", key(None)),
        refused("an empty key is refused", key("")),
        refused("a key of 15 bytes is refused", key(base64.b64encode(b"x" * 15).decode())),
        refused("a key of 17 bytes is refused", key(base64.b64encode(b"x" * 17).decode())),
        refused("a key that is not base64 is refused", key("!!!!!!!!!!!!!!!!!!!!!!==")),
        refused("a key with a letter that base64 does not have is refused", key("dGhlIHNhbXBsZSBub25j\u00ebQ==")),
        refused("a key without its padding is refused", key(KEY.rstrip("="))),
        refused("two key lines are refused", Request(more=(f"Sec-WebSocket-Key: {KEY}",))),
        refused("another method is refused", Request(method="POST", more=("Content-Length: 0",)), "501"),
        refused("an unknown method is refused", Request(method="FROB"), "501", "cut"),
        refused("HTTP/1.0 is refused", Request(version="HTTP/1.0"), "505"),
        refused("HTTP/0.9 is refused", Request(version="HTTP/0.9"), "505", "cut"),
        refused("a version of HTTP that does not exist is refused", Request(version="HTTP/7.3"), "505", "cut"),
        refused("a request without Host is refused", with_(Host=None)),
        refused("two Host lines are refused", Request(more=("Host: other.example",))),
        opens("a target in absolute form is accepted", Request(prefix="http://{host}")),
        opens("a target in absolute form with ws is accepted or refused", Request(prefix="ws://{host}"), "4xx"),
        refused("a header line without a colon is refused", Request(more=("nonsense",)), "cut"),
        refused("a header name with a space is refused", Request(more=("Sec WebSocket Key: x",)), "cut"),
        opens("a subprotocol that is offered may be selected", with_(Sec_WebSocket_Protocol="lobby"), "open as lobby"),
        opens("of two subprotocols one may be selected", with_(Sec_WebSocket_Protocol="a, b"), "open as a", "open as b"),
        opens(
            "subprotocols may be offered in two lines",
            Request({"Sec-WebSocket-Protocol": "a"}, ("Sec-WebSocket-Protocol: b",)),
            "open as a",
            "open as b",
        ),
        opens("an empty subprotocol is ignored or refused", with_(Sec_WebSocket_Protocol=""), "4xx"),
        opens(
            "the extension permessage-deflate is declined",
            with_(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"),
        ),
        opens("an unknown extension is declined", with_(Sec_WebSocket_Extensions="x-unknown; a=1, x-other")),
        opens("a malformed list of extensions is declined or refused", with_(Sec_WebSocket_Extensions=";;=,"), "4xx"),
        opens("an Origin is accepted if it is the server's own", Request({"Origin": "http://{host}"})),
    ]


def _frames() -> list[Case]:
    hello, half = message(1), len(message(1)) // 2
    first, rest = frame(TEXT, hello[:half], fin=False), frame(CONTINUATION, hello[half:])

    def breaks(name: str, *sends: bytes) -> Case:
        return Case(name, PROTOCOL_ERROR, sends)

    def answered(name: str, *sends: bytes) -> Case:
        return Case(name, ANSWERED, sends)

    return [
        answered("a text message is answered", frame(TEXT, hello)),
        answered("a message that is masked with zeros is answered", frame(TEXT, hello, mask=bytes(4))),
        answered("a frame that arrives byte by byte is answered", *in_bytes(frame(TEXT, hello))),
        Case(
            "two messages in one segment are both answered",
            frozenset({"answer 1, answer 2, open"}),
            (frame(TEXT, hello) + frame(TEXT, message(2)),),
        ),
        Case("an empty text message keeps the connection open", OPEN, (frame(TEXT),)),
        *(answered(f"a message of {size} bytes is answered", frame(TEXT, of_size(size))) for size in (125, 126, 127, 1000)),
        Case("a frame of exactly 32 KiB keeps the connection open", ANSWERED | OPEN, (frame(TEXT, of_size(32_768)),)),
        # API Gateway: quota "WebSocket frame size 32 KB", code 1009.
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
        Case("a frame of one byte more is closed with 1009", frozenset({"1009"}), (frame(TEXT, of_size(32_769)),)),
        Case("a frame with a length of 64 bits is closed with 1009", frozenset({"1009"}), (frame(TEXT, of_size(65_536)),)),
        # 5.2: the shortest length must be used. The RFC does not say that a receiver must check it.
        Case("a length of 16 bits for 100 bytes", ANSWERED | PROTOCOL_ERROR, (frame(TEXT, of_size(100), length_bytes=2),)),
        Case("a length of 64 bits for 100 bytes", ANSWERED | PROTOCOL_ERROR, (frame(TEXT, of_size(100), length_bytes=8),)),
        Case("a length of 64 bits for 200 bytes", ANSWERED | PROTOCOL_ERROR, (frame(TEXT, of_size(200), length_bytes=8),)),
        Case(
            "a length with its highest bit set ends the connection",
            PROTOCOL_ERROR | {"1009", "cut"},
            (bytes([0x81, 0xFF]) + b"\x80" + bytes(7) + MASK,),
        ),
        Case(
            "the largest length of 63 bits ends the connection",
            PROTOCOL_ERROR | {"1009", "cut"},
            (bytes([0x81, 0xFF]) + b"\x7f" + b"\xff" * 7 + MASK,),
        ),
        *(breaks(f"reserved bit {bit} in a text frame", frame(TEXT, hello, reserved=8 >> bit)) for bit in (1, 2, 3)),
        breaks("all reserved bits in a text frame", frame(TEXT, hello, reserved=7)),
        breaks("a reserved bit in a continuation", first, frame(CONTINUATION, hello[half:], reserved=4)),
        breaks("a reserved bit in a ping", frame(PING, b"x", reserved=4)),
        breaks("a reserved bit in a pong", frame(PONG, b"x", reserved=2)),
        breaks("a reserved bit in a close frame", frame(CLOSE, b"\x03\xe8", reserved=1)),
        Case(
            "a compressed message although the extension was declined",
            PROTOCOL_ERROR,
            (frame(TEXT, b"\xaa\x56\x4a\x4c\x2e\xc9\xcc\xcf", reserved=4),),
            request=Request({"Sec-WebSocket-Extensions": "permessage-deflate"}),
        ),
        *(breaks(f"the reserved opcode {opcode}", frame(opcode)) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
        breaks("a reserved opcode with a payload", frame(3, b"hello")),
        breaks("a reserved opcode inside of a message", first, frame(5), rest),
        # 5.1: the server must close the connection, and may send a close frame.
        *(
            Case(f"{name} without a mask", PROTOCOL_ERROR | {"cut"}, (sent,))
            for name, sent in (
                ("a text frame", frame(TEXT, hello, masked=False)),
                ("an empty text frame", frame(TEXT, masked=False)),
                ("a ping", frame(PING, masked=False)),
                ("a close frame", frame(CLOSE, b"\x03\xe8", masked=False)),
            )
        ),
        # API Gateway closes on binary frames. `lobby serve` does the same.
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
        Case("a binary message is closed with 1003", frozenset({"1003"}), (frame(BINARY, b"\x00\xff"),)),
        Case("an empty binary message is closed with 1003", frozenset({"1003"}), (frame(BINARY),)),
        Case(
            "a binary message in fragments is closed with 1003",
            frozenset({"1003"}),
            (frame(BINARY, b"\x00", fin=False), frame(CONTINUATION, b"\xff")),
        ),
    ]


def _control_frames() -> list[Case]:
    hello, half = message(1), len(message(1)) // 2
    first, rest = frame(TEXT, hello[:half], fin=False), frame(CONTINUATION, hello[half:])

    def ponged(name: str, payload: bytes, *sends: bytes) -> Case:
        return Case(name, frozenset({f"pong {_shown(payload)}, open"}), sends or (frame(PING, payload),))

    def breaks(name: str, *sends: bytes) -> Case:
        return Case(name, PROTOCOL_ERROR, sends)

    return [
        ponged("a ping without a payload is answered with a pong without one", b""),
        ponged("the payload of a ping comes back", b"hello"),
        ponged("the payload of a ping comes back if it is not text", b"\x00\xff\xfe\x80"),
        ponged("a ping of 125 bytes is answered", b"p" * 125),
        ponged("a ping that arrives byte by byte is answered", b"hello", *in_bytes(frame(PING, b"hello"))),
        # 5.5.3: an endpoint may answer only the last ping.
        Case(
            "three pings in one segment are answered",
            frozenset({"pong a, pong b, pong c, open", "pong c, open", "pong a, pong c, open", "pong b, pong c, open"}),
            (frame(PING, b"a") + frame(PING, b"b") + frame(PING, b"c"),),
        ),
        breaks("a ping of 126 bytes", frame(PING, b"p" * 126)),
        breaks("a pong of 126 bytes", frame(PONG, b"p" * 126)),
        breaks("a close frame of 126 bytes", frame(CLOSE, b"\x03\xe8" + b"r" * 124)),
        breaks("a ping in fragments", frame(PING, b"a", fin=False), frame(CONTINUATION, b"b")),
        breaks("a pong in fragments", frame(PONG, b"a", fin=False), frame(CONTINUATION, b"b")),
        breaks("a close frame in fragments", frame(CLOSE, b"\x03\xe8", fin=False), frame(CONTINUATION, b"bye")),
        Case("a pong without a ping is ignored", OPEN, (frame(PONG),)),
        Case("a pong without a ping, with a payload, is ignored", OPEN, (frame(PONG, b"unasked"),)),
        # Fragments, 5.4.
        Case("a message in two fragments is answered", ANSWERED, (first, rest)),
        Case("a message in two fragments in one segment is answered", ANSWERED, (first + rest,)),
        Case(
            "a message in eight fragments is answered",
            ANSWERED,
            (
                frame(TEXT, hello[:1], fin=False),
                *tuple(frame(CONTINUATION, hello[i : i + 1], fin=False) for i in range(1, 7)),
                frame(CONTINUATION, hello[7:]),
            ),
        ),
        Case("an empty first fragment", ANSWERED, (frame(TEXT, fin=False), frame(CONTINUATION, hello))),
        Case("an empty fragment in the middle", ANSWERED, (first, frame(CONTINUATION, fin=False), rest)),
        Case("an empty last fragment", ANSWERED, (frame(TEXT, hello, fin=False), frame(CONTINUATION))),
        Case(
            "a message of empty fragments", OPEN, (frame(TEXT, fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION))
        ),
        Case(
            "a ping between two fragments is answered", frozenset({"pong p, answer 1, open"}), (first, frame(PING, b"p"), rest)
        ),
        Case("a pong between two fragments is ignored", ANSWERED, (first, frame(PONG, b"p"), rest)),
        Case("a close frame between two fragments is answered", frozenset({"1000"}), (first, close(1000), rest)),
        breaks("a continuation without a first fragment", frame(CONTINUATION, hello)),
        breaks("a continuation without a first fragment, not the last", frame(CONTINUATION, hello, fin=False)),
        breaks("an empty continuation without a first fragment", frame(CONTINUATION)),
        Case(
            "a continuation after a whole message",
            PROTOCOL_ERROR | {"answer 1, 1002"},
            (frame(TEXT, hello), frame(CONTINUATION, b"more")),
        ),
        breaks("a new text frame inside of a message", first, frame(TEXT, hello)),
        breaks("a new text fragment inside of a message", first, frame(TEXT, hello[:half], fin=False), rest),
        breaks("a new text frame after an empty first fragment", frame(TEXT, fin=False), frame(TEXT, hello)),
        Case(
            "a binary frame inside of a message",
            PROTOCOL_ERROR | {"1003"},
            (first, frame(BINARY, b"\x00")),
        ),
        Case(
            "fragments that are together larger than 128 KiB are closed with 1009",
            frozenset({"1009"}),
            (frame(TEXT, b"x" * 32_768, fin=False), *(frame(CONTINUATION, b"x" * 32_768, fin=False) for _ in range(4))),
        ),
    ]


VALID_TEXT = {
    "letters of two bytes": "Zoë",
    "letters of three bytes": "κόσμε €",
    "characters of four bytes": "🚀",
    "the last code point": "\U0010ffff",
    "the characters before and after the surrogates": "\ud7ff\ue000",
    "a code point that is no character": "\ufffe\uffff",
    "the byte order mark": "\ufeff",
}

INVALID_TEXT = {
    "a continuation byte alone": b"\x80",
    "the byte FF": b"\xff",
    "the byte FE": b"\xfe",
    "an overlong slash of two bytes": b"\xc0\xaf",
    "an overlong slash of three bytes": b"\xe0\x80\xaf",
    "an overlong slash of four bytes": b"\xf0\x80\x80\xaf",
    "an overlong zero": b"\xc0\x80",
    "the largest overlong sequence of three bytes": b"\xe0\x9f\xbf",
    "a high surrogate": b"\xed\xa0\x80",
    "a low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "the first code point after U+10FFFF": b"\xf4\x90\x80\x80",
    "a sequence of five bytes": b"\xf8\x88\x80\x80\x80",
    "a sequence that ends after one of two bytes": b"\xc3",
    "a sequence that ends after two of three bytes": b"\xe2\x82",
    "a sequence that ends after three of four bytes": b"\xf0\x9f\x9a",
    "Latin-1": b"Zo\xeb",
}


def _text() -> list[Case]:
    rocket = around("🚀€ë".encode())
    cuts = [i for i, byte in enumerate(rocket) if byte >= 0x80]  # in front of each byte of a character
    return [
        *(
            Case(f"text with {name} is answered", ANSWERED, (frame(TEXT, message(1, text)),))
            for name, text in VALID_TEXT.items()
        ),
        *(
            Case(f"text with {name} is closed with 1007", BAD_TEXT, (frame(TEXT, around(raw)),))
            for name, raw in INVALID_TEXT.items()
        ),
        Case("a text message that ends inside of a character", BAD_TEXT, (frame(TEXT, message(1) + b"\xf0\x9f"),)),
        *(
            Case(
                f"a character may be split between two fragments, at byte {cut}",
                ANSWERED,
                (frame(TEXT, rocket[:cut], fin=False), frame(CONTINUATION, rocket[cut:])),
            )
            for cut in cuts
        ),
        Case(
            "a character may have a fragment for each byte",
            ANSWERED,
            (
                frame(TEXT, rocket[: cuts[0]], fin=False),
                *(frame(CONTINUATION, rocket[cut : cut + 1], fin=False) for cut in cuts),
                frame(CONTINUATION, rocket[cuts[-1] + 1 :]),
            ),
        ),
        # 8.1: a server may fail before the message is complete.
        Case(
            "wrong bytes in the first fragment",
            BAD_TEXT,
            (frame(TEXT, around(b"\xff")[:-3], fin=False), frame(CONTINUATION, around(b"\xff")[-3:])),
        ),
        Case(
            "wrong bytes in the last fragment",
            BAD_TEXT,
            (frame(TEXT, message(1)[:3], fin=False), frame(CONTINUATION, around(b"\xff")[3:])),
        ),
        Case(
            "a surrogate that is split between two fragments",
            BAD_TEXT,
            (frame(TEXT, around(b"\xed")[:-2], fin=False), frame(CONTINUATION, b'\xa0\x80"}')),
        ),
        Case("a reason with letters outside ASCII is accepted", frozenset({"1000"}), (close(1000, "Zoë 🚀".encode()),)),
        Case("a reason that is not UTF-8", BAD_TEXT | PROTOCOL_ERROR, (close(1000, b"\xff\xfe"),)),
        Case("a reason that ends inside of a character", BAD_TEXT | PROTOCOL_ERROR, (close(1000, b"bye \xe2\x82"),)),
    ]


VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4500, 4999)
INVALID_CODES = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)


def _closing() -> list[Case]:
    return [
        Case("a close frame without a code is answered", frozenset({"no code", "1000"}), (close(),), probes=False),
        Case("a close frame with half of a code", PROTOCOL_ERROR, (frame(CLOSE, b"\x03"),), probes=False),
        # 5.5.1: the answer usually has the same code.
        *(
            Case(f"the close code {code} is answered", frozenset({str(code)}), (close(code),), probes=False)
            for code in VALID_CODES
        ),
        # 7.4: not used, reserved, or never sent in a frame.
        *(Case(f"the close code {code} is refused", PROTOCOL_ERROR, (close(code),), probes=False) for code in INVALID_CODES),
        Case("a close frame with a reason is answered", frozenset({"1000"}), (close(1000, b"bye"),), probes=False),
        Case("a reason of 123 bytes is accepted", frozenset({"1000"}), (close(1000, b"r" * 123),), probes=False),
        Case(
            "a close frame that arrives byte by byte is answered",
            frozenset({"1000"}),
            in_bytes(close(1000, b"bye")),
            probes=False,
        ),
        Case(
            "a message after a close frame is ignored",
            frozenset({"1000"}),
            (close(1000) + frame(TEXT, message(1)),),
            probes=False,
        ),
        Case("a ping after a close frame is ignored", frozenset({"1000"}), (close(1000) + frame(PING, b"late"),), probes=False),
        # 1.4: what follows a close frame is discarded. That section is not normative, and these bytes break the RFC themselves.
        Case("a second close frame is ignored", frozenset({"1000", "1002"}), (close(1000) + close(1001),), probes=False),
        Case(
            "bytes that are no frame after a close frame are ignored",
            frozenset({"1000", "1002"}),
            (close(1000) + b"\xff" * 64,),
            probes=False,
        ),
        Case(
            "a message before a close frame may be answered",
            frozenset({"1000", "answer 1, 1000"}),
            (frame(TEXT, message(1)) + close(1000),),
            probes=False,
        ),
        # 7.1.1, 7.1.5: without a close frame the connection ends, too.
        Case(
            "a client that ends its side of TCP is closed",
            frozenset({"cut", "1000", "1001", "1002"}),
            probes=False,
            half_closes=True,
        ),
        Case(
            "a client that ends its side of TCP after a close frame",
            frozenset({"1000", "cut"}),
            (close(1000),),
            probes=False,
            half_closes=True,
        ),
        Case(
            "a client that ends its side of TCP inside of a frame",
            frozenset({"cut", "1000", "1001", "1002"}),
            (frame(TEXT, message(1))[:9],),
            probes=False,
            half_closes=True,
        ),
        Case(
            "a client that ends its side of TCP inside of a message",
            frozenset({"cut", "1000", "1001", "1002"}),
            (frame(TEXT, message(1)[:9], fin=False),),
            probes=False,
            half_closes=True,
        ),
    ]


CASES: Sequence[Case] = [*_handshakes(), *_frames(), *_control_frames(), *_text(), *_closing()]


# ── running them ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Host:
    """A running server. ``target(number)`` is a path with a query, another one for each number. The server must answer
    ``{"action":"ping","t":N}`` with ``{"type":"pong","t":N,...}``."""

    port: int
    target: Callable[[int], str]
    address: str = "127.0.0.1"


async def failures(host: Host, cases: Sequence[Case] = CASES) -> dict[str, str]:
    """The cases with a wrong outcome: the name of the case, and what happened instead."""
    limit, numbers = asyncio.Semaphore(AT_ONCE), count(1)

    async def one(case: Case) -> tuple[str, str] | None:
        async with limit:
            outcome, right = await outcome_of(case, host, next(numbers)), " or ".join(sorted(case.allowed))
            return None if _is_allowed(outcome, case.allowed) else (case.name, f"{outcome}; right: {right}")

    return dict(filter(None, await asyncio.gather(*map(one, cases))))


async def outcome_of(case: Case, host: Host, number: int) -> str:
    """Runs one case. Returns its outcome."""
    seen: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE_S), _socket(host) as (reader, writer):
            await _play(case, host, number, reader, writer, seen)
    except TimeoutError:
        seen.append("then nothing")
    except _Wrong as wrong:
        seen.append(str(wrong))
    return _sorted(seen)


class _Wrong(Exception):
    """The server broke the RFC."""


@contextlib.asynccontextmanager
async def _socket(host: Host) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host.address, host.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _play(
    case: Case,
    host: Host,
    number: int,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    seen: list[str],
) -> None:
    where = f"{host.address}:{host.port}"
    changes = {name: value and value.replace("{host}", where) for name, value in case.request.changes.items()}
    head = replace(case.request, changes=changes).encoded(host.target(number), where)
    sends = [*case.sends, frame(TEXT, message(PROBE))] if case.probes else list(case.sends)
    if len(sends) > 1 and case.probes:  # the server may close after the last frame; it should have read the probe by then
        sends[-2:] = [sends[-2] + sends[-1]]
    if case.early:
        head, sends = head + b"".join(sends), []
    await _send(writer, in_bytes(head) if case.byte_by_byte else (head,))
    status, headers = await _response(reader)
    if status != 101:
        names_13 = any(name == "sec-websocket-version" and "13" in re.split(r"[, ]+", value) for name, value in headers)
        seen.append("cut" if status == 0 else "426 without the version" if status == 426 and not names_13 else str(status))
        return
    _check_acceptance(headers, case.request)
    if not sends and not case.half_closes and not case.early:
        seen.append("101")
        return
    subprotocol = next((value for name, value in headers if name == "sec-websocket-protocol"), "")
    await _send(writer, sends)
    if case.half_closes:
        writer.write_eof()
    closes_first = any(sent[0] & 0x0F == CLOSE for sent in case.sends[-1:]) and not case.probes
    while not ("open" in "".join(seen) and _is_allowed(_sorted(seen), case.allowed)):
        try:
            opcode, payload = await _frame(reader)
        except (asyncio.IncompleteReadError, ConnectionError) as end:
            if isinstance(end, asyncio.IncompleteReadError) and end.partial:
                raise _Wrong("a frame that is not complete") from None
            seen.append("cut")
            return
        if opcode == TEXT:
            answered = json.loads(payload)
            if answered.get("type") == "pong":
                is_probe = answered["t"] == PROBE
                seen.append(("open as " + subprotocol if subprotocol else "open") if is_probe else f"answer {answered['t']}")
        elif opcode == PING:
            await _send(writer, (frame(PONG, payload),))
        elif opcode == PONG:
            seen.append(f"pong {_shown(payload)}")
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big") if payload else None
            seen.append(str(code) if code is not None else "no code")
            if not closes_first:
                with contextlib.suppress(ConnectionError):
                    await _send(writer, (close(code),))
            await _end(reader)
            return


async def _send(writer: asyncio.StreamWriter, segments: Sequence[bytes]) -> None:
    for segment in segments:
        try:
            writer.write(segment)
            await writer.drain()
        except ConnectionError:
            return  # the server has closed; what it sent is still to be read
        await asyncio.sleep(0)


async def _response(reader: asyncio.StreamReader) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers. Status 0: the server closed the socket without an answer."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, []
    line, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    match = re.fullmatch(r"HTTP/\d\.\d (\d{3})(?: .*)?", line)
    if match is None or (match[1] == "101" and not line.startswith("HTTP/1.1")):
        raise _Wrong(f"a status line that is not HTTP: {line}")
    return int(match[1]), [(name.strip().lower(), value.strip()) for name, _, value in (one.partition(":") for one in rest)]


def _check_acceptance(headers: list[tuple[str, str]], request: Request) -> None:
    """Raises _Wrong if a 101 answer breaks section 4.2.2."""
    found = dict(headers)
    accept = base64.b64encode(hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
    if found.get("sec-websocket-accept") != accept:
        raise _Wrong("101 with a wrong Sec-WebSocket-Accept")
    if found.get("upgrade", "").lower() != "websocket" or found.get("connection", "").lower() != "upgrade":
        raise _Wrong("101 without Upgrade or Connection")
    if "sec-websocket-extensions" in found:
        raise _Wrong("101 with an extension that no client of the test speaks")
    offers = [request.changes.get("Sec-WebSocket-Protocol") or "", *(line.partition(":")[2] for line in request.more)]
    offered = {one.strip() for line in offers for one in line.split(",")}
    selected = [value for name, value in headers if name == "sec-websocket-protocol"]
    if len(selected) > 1 or not offered.issuperset(selected):
        raise _Wrong("101 with a subprotocol that was not offered")


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next frame of the server: opcode and payload. Raises _Wrong if it breaks section 5."""
    first, second = await reader.readexactly(2)
    opcode, size = first & 0x0F, second & 0x7F
    if first & 0x70 or opcode not in (TEXT, CLOSE, PING, PONG) or not first & 0x80:
        raise _Wrong(f"a frame that starts with {first:02x}")
    if second & 0x80:
        raise _Wrong("a frame of the server with a mask")
    if size >= 126:
        size_bytes = 2 if size == 126 else 8
        size = int.from_bytes(await reader.readexactly(size_bytes), "big")
        if size < (126 if size_bytes == 2 else 65_536) or opcode >= CLOSE:
            raise _Wrong("a frame with a wrong length")
    payload = await reader.readexactly(size)
    if opcode in (TEXT, CLOSE):
        (payload[2:] if opcode == CLOSE else payload).decode()
    if opcode == CLOSE and (len(payload) == 1 or (payload and int.from_bytes(payload[:2], "big") in INVALID_CODES)):
        raise _Wrong(f"a close frame with {payload!r}")
    return opcode, payload


async def _end(reader: asyncio.StreamReader) -> None:
    """After both close frames the server ends the TCP connection, and sends nothing more (5.5.1, 7.1.1)."""
    try:
        rest = await reader.read()
    except ConnectionError:
        return
    if rest:
        raise _Wrong("and bytes after its close frame")


def _sorted(seen: Sequence[str]) -> str:
    """Pongs in their order, then answers, then the rest: handlers on AWS answer in any order."""
    ranks = {"pong": 0, "answer": 1}
    ordered = sorted(
        enumerate(seen), key=lambda one: (rank := ranks.get(one[1].split()[0], 2), one[1] if rank == 1 else "", one[0])
    )
    return ", ".join(one for _, one in ordered) or "nothing"


def _is_allowed(outcome: str, allowed: frozenset[str]) -> bool:
    return outcome in allowed or (outcome.isdecimal() and len(outcome) == 3 and f"{outcome[0]}xx" in allowed)
