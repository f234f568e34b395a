"""One attempt of a client to hold a connection: its socket, and what is known of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from lobby.client import endings
from lobby.client.constants import ERROR_EXPLAINS_MS, WELCOME_MS
from lobby.client.endings import Ending, one_line
from lobby.compact import Decoder
from lobby.messages import Error, Hello, encode_client

NO_LOBBY = "no lobby answers there, or it refuses the connection"


class Socket(Protocol):
    """One WebSocket, which connects by itself. ``close_code`` is 1006 if it ended without a close."""

    @property
    def is_open(self) -> bool:
        """Whether texts can be sent."""

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""

    @property
    def close_code(self) -> int:
        """The code of its close. A refused handshake counts as the close code of the same meaning."""

    @property
    def close_reason(self) -> str:
        """The reason that came with the close, for people."""

    def take(self, most: int) -> Sequence[str | bytes]:
        """The first texts and binary messages, at most ``most``, of those that have arrived and were not taken yet."""

    def send(self, text: str) -> None:
        """Sends a text."""

    def close(self) -> None:
        """Closes with 1000, and frees everything by itself, also if the lobby does not answer the close."""


class Attempt:
    """One socket, and what is known of it."""

    def __init__(self, socket: Socket, now_ms: float) -> None:
        self.socket = socket
        self.compact = Decoder()
        """What was received of compact positions. Each connection begins anew."""
        self.began_ms = now_ms
        """When it began to connect; once it was closed, when it began to close."""
        self.is_welcomed = False
        self.welcomed_ms = math.nan
        self.received_ms = 0.0
        """When something arrived last."""
        self.error: Error | None = None
        """The last ``error``; of a closing error the first, since nothing after it counts."""
        self.error_ms = -math.inf
        self.closing_error: Error | None = None
        self.may_be_own_takeover = False
        """Whether a ``taken_over`` may mean a takeover of this very client."""
        self._ask_at_ms = math.nan

    def lived_ms(self, now_ms: float) -> float:
        """How long it has been connected; 0 if it never was."""
        return now_ms - self.welcomed_ms if self.is_welcomed else 0.0

    def ask_for_welcome(self, now_ms: float) -> None:
        """Asks for the welcome, once, if it does not come by itself."""
        if math.isnan(self._ask_at_ms):
            self._ask_at_ms = now_ms + WELCOME_MS
        elif now_ms >= self._ask_at_ms:
            self._ask_at_ms = math.inf
            self.socket.send(encode_client(Hello()))

    def ending(self, now_ms: float) -> Ending:
        """Why it ended. An error right before the end is its reason, since API Gateway cannot send one with the close."""
        close, closing, error = self.socket.close_code, self.closing_error, self.error
        if closing is not None and not endings.is_own(close):
            close = closing.close or close
        code = endings.code_of(close)
        text = one_line(self.socket.close_reason).removeprefix(f"{code}: ")
        if error is not None and (closing is not None or now_ms - self.error_ms < ERROR_EXPLAINS_MS):
            text = one_line(error.message)
            if closing is not None or endings.ends(error.code):
                code = one_line(error.code)
        is_final, is_unexplained = endings.is_final(code, close), not text and close == 1000
        if not text:
            text = NO_LOBBY if not self.is_welcomed and not code else endings.meaning(code, close)
        return Ending(code, text, is_final, is_unexplained)
