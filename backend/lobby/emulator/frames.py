"""Finds frames and messages that are too large, in the bytes of a WebSocket before a library joins them. No I/O."""

from __future__ import annotations

CONTINUATION, CONTROL = 0x0, 0x8


class FrameFilter:
    """Passes the bytes of a client until a data frame or a message is too large; from then on only control frames.

    The closing handshake therefore still works after a violation. Data that follows is read and discarded; otherwise a reset
    of the connection could lose the close code.
    """

    def __init__(self, frame_bytes: int, message_bytes: int) -> None:
        self._frame_bytes, self._message_bytes = frame_bytes, message_bytes
        self._held = bytearray()
        self._left = self._message = 0
        self._passes = True
        self.is_over = False

    def feed(self, data: bytes) -> bytes:
        """Takes received bytes, and returns those that may pass now."""
        self._held += data
        out = bytearray()
        while True:
            piece = self._held[: self._left]
            if self._passes:
                out += piece
            del self._held[: len(piece)]
            self._left -= len(piece)
            if self._left or (header := _header(self._held)) is None:
                return bytes(out)
            opcode, header_bytes, payload_bytes = header
            if opcode < CONTROL:
                self._message = payload_bytes + (self._message if opcode == CONTINUATION else 0)
                self.is_over |= payload_bytes > self._frame_bytes or self._message > self._message_bytes
            self._passes = opcode >= CONTROL or not self.is_over
            self._left = header_bytes + payload_bytes


def _header(data: bytearray) -> tuple[int, int, int] | None:
    """Opcode, length of the header, length of the payload; None while the header is incomplete."""
    if len(data) < 2:
        return None
    length, extra = data[1] & 0x7F, 0
    if length >= 126:
        extra = 2 if length == 126 else 8
        if len(data) < 2 + extra:
            return None
        length = int.from_bytes(data[2 : 2 + extra], "big")
    return data[0] & 0x0F, 2 + extra + (4 if data[1] & 0x80 else 0), length
