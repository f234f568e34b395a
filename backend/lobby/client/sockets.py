"""A client's WebSocket, by picows: an address in, whole messages out, and reasons that a person understands.

:class:`TextSocket` is the adapter for picows, :class:`LobbySocket` what the connection's state machine uses.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from picows import WSCloseCode, WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect
from picows.url import WSParsedURL

from lobby.client.constants import CLOSE_MS, HEARTBEAT_MS, PONG_MS
from lobby.errors import CODES, LobbyError

MESSAGE_BYTES = 8 << 20
"""No message is larger: the welcome of the largest room, with the longest names, has 6 MB."""

MESSAGES_WAITING = 20_000
"""If more messages wait to be handled, the client cuts the connection: the server sends faster than the client can work."""

CHARACTERS_WAITING = 2 * MESSAGE_BYTES
"""The same limit in characters of texts and bytes of binary messages."""

FRAGMENTS = 4_096
"""No message has more fragments. A lobby sends each message in one frame; a proxy between them may split it."""

TOO_FAST = "the lobby sends faster than this client can work"
NO_ANSWER = "the connection was closed without an answer; use wss:// for a lobby with TLS, and ws:// for one that has no TLS"

# picows logs every broken frame; what matters of it arrives here as an event.
_log = logging.getLogger("lobby.socket")
_log.setLevel(logging.CRITICAL)


def address(url: str, **parameters: str | int) -> str:
    """``url`` with the handshake's parameters in its query. Empty ones are left out, and those already in ``url`` win.

    Raises :class:`LobbyError` if ``url`` is no WebSocket address.
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


def renamed(url: str, name: str) -> str:
    """``url``, as :func:`address` returns it, with another name in its query."""
    parts = urlsplit(url)
    query = {key: value for key, value in parse_qsl(parts.query) if key != "name"} | ({"name": name} if name else {})
    return urlunsplit(parts._replace(query=urlencode(query, safe=":")))


def why(error: Exception) -> str:
    """Why no connection could be opened, in half a sentence."""
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
            return f"TLS failed ({error.reason or error}); use ws:// for a lobby without TLS"
        case OSError():
            return error.strerror or str(error) or NO_ANSWER
    return str(error)


class HandshakeRefusedError(ConnectionError):
    """The lobby, or a gateway before it, refused the handshake for good. ``close``: the close code of the same meaning."""

    def __init__(self, close: int, text: str) -> None:
        self.close = close
        super().__init__(text)


class TextSocket(WSListener):
    """One WebSocket: whole messages go to ``on_text`` and ``on_bytes``; at its end ``on_end`` is called and ``ended`` is set.

    ``code`` and ``reason`` are those of its close; the code is 1006 if there was none. picows calls the methods ``on_ws_...``.
    """

    def __init__(
        self,
        on_text: Callable[[str], None],
        on_end: Callable[[], None] = lambda: None,
        on_bytes: Callable[[bytes], None] = lambda message: None,
    ) -> None:
        self._on_text, self._on_end, self._on_bytes = on_text, on_end, on_bytes
        self._parts: list[bytes] = []
        self._is_binary = False
        self._is_cut = False
        self._parts_bytes = 0  # a running total: a sum for each fragment would take quadratic time
        self._transport: WSTransport | None = None
        self.code, self.reason = 1006, ""
        self.ended = asyncio.Event()

    @property
    def was_open(self) -> bool:
        """Whether the handshake succeeded."""
        return self._transport is not None

    @property
    def is_open(self) -> bool:
        """Whether texts can be sent."""
        return self._transport is not None and not self.ended.is_set()

    def on_ws_connected(self, transport: WSTransport) -> None:  # noqa: D102
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: D102
        if frame.msg_type == WSMsgType.CLOSE:
            code = int(frame.get_close_code())  # type: ignore[call-overload]
            self.code, self.reason = code or 1005, (frame.get_close_message() or b"").decode("utf-8", "replace")
            transport.send_close(frame.get_close_code() if code else WSCloseCode.OK)
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            if self._is_cut:
                return  # frames of the same read may follow
            if frame.msg_type != WSMsgType.CONTINUATION:
                self._is_binary = frame.msg_type == WSMsgType.BINARY
            part = frame.get_payload_as_bytes()
            self._parts.append(part)
            self._parts_bytes += len(part)
            if self._parts_bytes > MESSAGE_BYTES or len(self._parts) > FRAGMENTS:
                self._parts = []
                self._is_cut = True
                self.abort("a message was too long or had no end")
            elif frame.fin:
                message, self._parts, self._parts_bytes = b"".join(self._parts), [], 0
                if self._is_binary:
                    self._on_bytes(message)
                else:
                    self._on_text(message.decode("utf-8", "replace"))

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: D102
        self.ended.set()
        self._on_end()
        self._error_read = asyncio.ensure_future(_read_error(transport))

    def send(self, text: str) -> None:
        """Sends a text, unless the connection has ended."""
        if self._transport is not None and self.is_open:
            self._transport.send(WSMsgType.TEXT, text.encode())

    def close(self) -> None:
        """Closes with 1000. If the lobby does not answer within ``CLOSE_MS``, the connection is cut."""
        if self._transport is not None and self.is_open:
            self._transport.send_close(WSCloseCode.OK)
            asyncio.get_running_loop().call_later(CLOSE_MS / 1000, self.abort)

    async def close_and_wait(self) -> None:
        """Closes, and waits for the end, for ``CLOSE_MS`` at the most."""
        self.close()
        if self.was_open:
            await self.ended.wait()

    def abort(self, reason: str = "") -> None:
        """Cuts the connection without a close."""
        if self._transport is not None and self.is_open:
            self.reason = reason
            self._transport.disconnect(False)


class LobbySocket:
    """The socket of one attempt, for :class:`lobby.client.connection.Connection`. It connects by itself.

    ``wake`` is called whenever something has changed: a message has arrived, or the socket has opened or ended. ``pings``:
    pings of the WebSocket itself find out whether the lobby lives; for lobbies without the message ``ping``. ``accepts``:
    messages for which it returns False are dropped.
    """

    def __init__(
        self,
        url: str,
        wake: Callable[[], None],
        *,
        tls: ssl.SSLContext | None = None,
        pings: bool = False,
        accepts: Callable[[str | bytes], bool] = lambda message: True,
    ) -> None:
        self.close_code, self.close_reason = 1006, ""
        self.is_closed = False
        self._wake, self._accepts = wake, accepts
        self._messages: deque[str | bytes] = deque()
        self._waiting = 0  # their characters and bytes
        self._is_cut = False
        self._socket = TextSocket(self._received, self._ended, self._received)
        self._opening = asyncio.create_task(self._open(url, tls, pings))
        self._opening.add_done_callback(lambda opening: self._end(1000, "") if opening.cancelled() else None)

    @property
    def is_open(self) -> bool:
        """Whether texts can be sent."""
        return self._socket.is_open and not self.is_closed

    def take(self, most: int) -> list[str | bytes]:
        """The first messages, at most ``most``, of those that have arrived and were not taken yet."""
        messages = [self._messages.popleft() for _ in range(min(most, len(self._messages)))]
        self._waiting -= sum(map(len, messages))
        if self._messages:
            self._wake()  # the rest: the event loop does other work before it
        return messages

    def send(self, text: str) -> None:
        """Sends a text, unless the connection has ended."""
        self._socket.send(text)

    def close(self) -> None:
        """Closes with 1000, or gives up the handshake."""
        if self._opening.done():
            self._socket.close()
        else:
            self._opening.cancel()

    async def _open(self, url: str, tls: ssl.SSLContext | None, pings: bool) -> None:
        try:
            await _connect(self._socket, url, tls, pings)
        except HandshakeRefusedError as refused:
            self._end(refused.close, str(refused))
        except OSError as error:
            self._end(1006, why(error))
        else:
            self._wake()

    def _received(self, message: str | bytes) -> None:
        if self._is_cut or not self._accepts(message):
            return
        self._waiting += len(message)
        if len(self._messages) >= MESSAGES_WAITING or self._waiting > CHARACTERS_WAITING:
            self._messages.clear()
            self._is_cut = True
            self._socket.abort(TOO_FAST)
            return
        self._messages.append(message)
        self._wake()

    def _ended(self) -> None:
        if self._socket.was_open:  # otherwise the handshake's error says more
            self._end(self._socket.code, self._socket.reason)

    def _end(self, code: int, reason: str) -> None:
        if not self.is_closed:
            self.is_closed, self.close_code, self.close_reason = True, code, reason
            self._wake()


async def _connect(listener: TextSocket, url: str, tls: ssl.SSLContext | None, pings: bool) -> None:
    """Opens ``listener``, however long that takes. Raises HandshakeRefusedError, or OSError if a retry makes sense."""
    dialled: list[socket.socket] = []

    async def dial(to: WSParsedURL) -> socket.socket:
        dialled.append(await _dial(to.host, to.port))
        return dialled[-1]

    try:
        await ws_connect(
            lambda: listener,
            url,
            ssl_context=tls,
            websocket_handshake_timeout=None,
            enable_auto_ping=pings,
            auto_ping_idle_timeout=HEARTBEAT_MS / 1000,
            auto_ping_reply_timeout=PONG_MS / 1000,
            max_frame_size=MESSAGE_BYTES,
            logger_name=_log,
            socket_factory=dial,
            # aiofastnet hides why TLS failed, and reports it to the event loop in a form that cannot be printed.
            use_aiofastnet=False if url.startswith("wss:") else None,
        )
    except asyncio.CancelledError:
        # If a handshake is cancelled, picows leaves its socket open, and the transport belongs to picows. Ending the stream
        # below it ends both.
        for left in dialled:
            with suppress(OSError):
                left.shutdown(socket.SHUT_RDWR)
        raise
    except WSHandshakeError as error:
        raise _handshake_error(error) from None
    except ssl.SSLError:  # which may be a ValueError as well
        raise
    except (WSError, ValueError) as error:  # ValueError: a redirect led to what is no address
        raise ConnectionError(str(error)) from None
    if not listener.was_open:  # picows returns normally if the connection was closed without an answer
        raise ConnectionError(NO_ANSWER)


def _handshake_error(error: WSHandshakeError) -> ConnectionError:
    """The error of an HTTP answer in place of a WebSocket."""
    if error.response is None:
        return ConnectionError("what answers there is no WebSocket server")
    status = error.response.status
    text = f"HTTP {int(status)} {status.phrase}"
    for row in CODES.values():
        if row.http == status and row.close is not None and not row.retry:
            return HandshakeRefusedError(row.close, f"{text}, which means: {row.meaning}, or the address is wrong")
    return ConnectionError(f"it answers {text}")


async def _read_error(transport: WSTransport) -> None:
    """Reads the error for which picows gave a connection up; otherwise asyncio logs that it was never retrieved."""
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
