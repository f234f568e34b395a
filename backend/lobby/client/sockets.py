"""A client's WebSocket, by picows: an address in, whole text messages out, and errors that a person understands."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from picows import WSCloseCode, WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect
from picows.url import WSParsedURL

from lobby.errors import CODES, LobbyError, LobbyRefused

CLOSE_S = 1.0
"""How long the lobby may take to answer a goodbye."""

MESSAGE_BYTES = 8 << 20
"""No message is larger: the welcome of the largest room, with the longest names, has 6 MB."""

HUNG_UP = "it hung up without an answer; a lobby with TLS wants wss://, one without ws://"

_TAKEN_OVER = CODES["taken_over"].close
# picows tells of every broken frame in its own words; what matters of it arrives here as an event.
_log = logging.getLogger("lobby.socket")
_log.setLevel(logging.CRITICAL)


def address(url: str, **parameters: str | int) -> str:
    """``url`` with the handshake's parameters in its query; empty ones are left out, those in ``url`` stay.

    Raises :class:`LobbyError` for what is no WebSocket address.
    """
    try:
        parts = urlsplit(url if "//" in url else f"ws://{url}")
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:  # half an IPv6 address, a port above 65535, a name that no DNS takes
        scheme, host = "", ""
    if scheme not in ("ws", "wss") or not host:
        raise LobbyError(f"{url!r} is no address of a lobby; one looks like ws://127.0.0.1:8765/ or wss://example.com/prod")
    query = {name: str(value) for name, value in parameters.items() if value not in ("", None)} | dict(parse_qsl(parts.query))
    where = (f"[{host}]" if ":" in host else host) + port
    return urlunsplit((scheme, where, quote(parts.path or "/", safe="/%:@!$&'()*+,;="), urlencode(query, safe=":"), ""))


def why(error: Exception) -> str:
    """What went wrong, in half a sentence."""
    match error:
        case TimeoutError():
            return "it took too long"
        case ConnectionRefusedError():
            return "nothing listens there (connection refused)"
        case socket.gaierror():
            return "no computer has that name"
        case ssl.SSLCertVerificationError():
            return f"its TLS certificate is not trusted ({error.verify_message or error})"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or error}); a lobby without TLS wants ws:// in place of wss://"
        case OSError():
            return error.strerror or str(error) or HUNG_UP
    return str(error)


class Socket(WSListener):
    """One WebSocket: whole text messages to ``hear``, its end to ``ended`` and ``on_end``."""

    def __init__(self, hear: Callable[[Socket, str], None], on_end: Callable[[], None] = lambda: None) -> None:
        self._hear, self._on_end = hear, on_end
        self._parts: list[bytes] = []
        self._transport: WSTransport | None = None
        self.code, self.reason = 1006, ""
        self.goodbye: tuple[int, str] | None = None
        """Code and reason of an end that has been announced in words; some hosts cannot do it by a close code."""
        self.ended = asyncio.Event()
        self.opened_s = self.heard_s = time.monotonic()
        self.may_be_own_takeover = False
        """Whether the player's own next connection may be what ended this one."""

    @classmethod
    async def open(
        cls,
        url: str,
        hear: Callable[[Socket, str], None],
        tls: ssl.SSLContext | None = None,
        on_end: Callable[[], None] = lambda: None,
    ) -> Socket:
        """Connects, however long that takes. Raises LobbyRefused or OSError."""
        dialled: list[socket.socket] = []

        async def dial(to: WSParsedURL) -> socket.socket:
            dialled.append(await _dial(to.host, to.port))
            return dialled[-1]

        try:
            _, opened = await ws_connect(
                lambda: cls(hear, on_end),
                url,
                ssl_context=tls,
                websocket_handshake_timeout=None,
                max_frame_size=MESSAGE_BYTES,
                logger_name=_log,
                socket_factory=dial,
                # aiofastnet hides why TLS failed, and complains of it to the event loop in a way that cannot be printed.
                use_aiofastnet=False if url.startswith("wss:") else None,
            )
        except asyncio.CancelledError:
            # picows leaves the socket of a handshake that nobody waits for any more open. Its transport is picows' own;
            # to end the stream below it is the way to end both.
            for left in dialled:
                with suppress(OSError):
                    left.shutdown(socket.SHUT_RDWR)
            raise
        except WSHandshakeError as error:
            if error.response is None:
                raise ConnectionError("what answers there is no WebSocket server") from None
            status = error.response.status
            said = f"HTTP {int(status)} {status.phrase}"
            for code, row in CODES.items():
                if row.http == status and not row.retry:
                    raise LobbyRefused(code, f"{said}, which means: {row.meaning}, or the address is wrong") from None
            raise ConnectionError(f"it answers {said}") from None
        except ssl.SSLError:  # which may be a ValueError as well
            raise
        except (WSError, ValueError) as error:  # of an address that a redirect led to
            raise ConnectionError(str(error)) from None
        if not isinstance(opened, Socket):  # what picows says where the connection ended without an answer
            raise ConnectionError(HUNG_UP)
        return opened

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by picows."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Called by picows."""
        self.heard_s = time.monotonic()
        if frame.msg_type == WSMsgType.CLOSE:
            code = int(frame.get_close_code())  # type: ignore[call-overload]
            self.code, self.reason = code or 1005, (frame.get_close_message() or b"").decode("utf-8", "replace")
            transport.send_close(frame.get_close_code() if code else WSCloseCode.OK)
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                message, self._parts = b"".join(self._parts), []
                self._hear(self, message.decode("utf-8", "replace"))
            elif sum(map(len, self._parts)) > MESSAGE_BYTES:
                self.abort("a message had no end")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called by picows."""
        self.ended.set()
        self._on_end()
        self._seen_off = asyncio.ensure_future(_see_off(transport))

    async def ends_within(self, seconds: float) -> bool:
        """Waits for the end, for so long at the most; whether it came."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self.ended.wait()
        return self.ended.is_set()

    def send(self, text: str) -> None:
        """Sends a text, unless the connection has ended."""
        if self._transport is not None and not self.ended.is_set():
            self._transport.send(WSMsgType.TEXT, text.encode())

    def ping(self) -> None:
        """Sends a ping of the WebSocket itself, which every server answers."""
        if self._transport is not None and not self.ended.is_set():
            self._transport.send_ping()

    def leave(self) -> None:
        """Says goodbye and does not wait for the answer."""
        if self._transport is not None and not self.ended.is_set():
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()
            asyncio.get_running_loop().call_later(CLOSE_S, self.abort)  # of one that cannot even send that

    async def close(self) -> None:
        """Says goodbye, and waits a second for the answer."""
        if self._transport is not None and not self.ended.is_set():
            self._transport.send_close(WSCloseCode.OK)
            try:
                await self.ends_within(CLOSE_S)
            finally:
                self._transport.disconnect(False)

    def abort(self, reason: str = "") -> None:
        """Cuts the connection without a word."""
        if self._transport is not None and not self.ended.is_set():
            self.reason = reason
            self._transport.disconnect(False)


async def _see_off(transport: WSTransport) -> None:
    """Takes note of why picows gave a connection up, else asyncio tells of an error that nobody looked at."""
    with suppress(Exception):
        await transport.wait_disconnected()


async def _dial(host: str, port: int) -> socket.socket:
    """A TCP connection to the first address of ``host`` that takes one. Raises OSError."""
    loop, failed = asyncio.get_running_loop(), OSError(f"{host} has no address")
    for family, kind, protocol, _, where in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        dialled = socket.socket(family, kind, protocol)
        try:
            dialled.setblocking(False)
            await loop.sock_connect(dialled, where)
        except OSError as error:
            dialled.close()
            failed = error
        except BaseException:
            dialled.close()
            raise
        else:
            return dialled
    raise failed


def ending(ended: Socket) -> OSError:
    """Why a connection has ended. Raises LobbyRefused where there is no point in another one."""
    number, reason = ended.code, ended.reason
    if ended.goodbye is not None and not 4000 <= number < 5000:  # not every host can say it by a close code
        number, reason = ended.goodbye
    code = next((name for name, row in CODES.items() if row.close == number), "")
    said = reason.removeprefix(f"{code}: ") or (CODES[code].meaning if code else "")
    if 4500 <= number < 5000 and not (number == _TAKEN_OVER and ended.may_be_own_takeover):
        raise LobbyRefused(code or str(number), said or "it did not say why")
    if number == 1006:
        return ConnectionError(said or "the connection broke off")
    return ConnectionError(f"it closed the connection with {number}{f', {said}' if said else ''}")
