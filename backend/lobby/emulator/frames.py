"""Checks the frames of a client, in the bytes of a WebSocket before a library joins them. No I/O.

The library beside it accepts frames without a mask, reserved close codes and a new message inside of a message, and it joins
fragments, so it cannot report how large a frame was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

CONTINUATION, CLOSE, PING, PONG = 0x0, 0x8, 0x9, 0xA
OPCODES = {CONTINUATION, 0x1, 0x2, CLOSE, PING, PONG}
CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
"""The close codes that a client may send (RFC 6455, section 7.4, and the registry of IANA)."""

SMALL_BYTES = 64
"""Fragments that are smaller cost more to read than their data is worth. The last one of a message may have any size."""

PROTOCOL_ERROR, POLICY, TOO_BIG = 1002, 1008, 1009


class Violation(NamedTuple):
    """Why a connection must end: close code and reason."""

    code: int
    reason: str


class FrameFilter:
    """Passes the bytes of a client until a frame breaks RFC 6455, or a data frame or a message is too large.

    From then on everything is discarded; ``violation`` has the reason. ``allows()`` is asked for each control frame and each
    fragment of less than :data:`SMALL_BYTES`. If it returns False, the client sends too many of them.
    """

    def __init__(self, frame_bytes: int, message_bytes: int, allows: Callable[[], bool] = lambda: True) -> None:
        self._frame_bytes, self._message_bytes, self._allows = frame_bytes, message_bytes, allows
        self._held = bytearray()
        self._left = self._message = 0
        self._is_in_message = False
        self.violation: Violation | None = None

    def feed(self, data: bytes) -> bytes:
        """Takes received bytes, and returns those that may pass now."""
        if self.violation is not None:
            return b""
        held = self._held + data if self._held else data
        start = at = 0  # held[start:at] has passed the checks
        while True:
            passing = min(self._left, len(held) - at)
            at += passing
            self._left -= passing
            if self._left or (frame := _header(held, at)) is None or (frame.is_control and len(held) < at + frame.size):
                break
            self.violation = self._checked(frame, held, at)
            if self.violation is not None:
                self._held.clear()
                return bytes(held[start:at])
            self._left = frame.size
        self._held = bytearray(held[at:])
        return bytes(held[start:at])

    def _checked(self, frame: _Frame, data: bytes | bytearray, at: int) -> Violation | None:
        if frame.first & 0x70:
            return Violation(PROTOCOL_ERROR, "A reserved bit is set")
        if frame.opcode not in OPCODES:
            return Violation(PROTOCOL_ERROR, f"Opcode {frame.opcode} is reserved")
        if not frame.is_masked:
            return Violation(PROTOCOL_ERROR, "Frames of a client must be masked")
        if (frame.is_control or (frame.payload < SMALL_BYTES and not frame.is_final)) and not self._allows():
            return Violation(POLICY, "Too many control frames or small fragments")
        return self._control(frame, data, at) if frame.is_control else self._data(frame)

    def _control(self, frame: _Frame, data: bytes | bytearray, at: int) -> Violation | None:
        if not frame.is_final or frame.payload > 125:
            return Violation(PROTOCOL_ERROR, "A control frame has at most 125 bytes and no fragments")
        if frame.opcode == CLOSE and frame.payload:
            mask, body = data[at + 2 : at + 6], data[at + 6 : at + 8]
            code = int.from_bytes(bytes(byte ^ key for byte, key in zip(body, mask, strict=False)), "big")
            if frame.payload == 1 or code not in CODES:
                return Violation(PROTOCOL_ERROR, "The close code is not valid")
        return None

    def _data(self, frame: _Frame) -> Violation | None:
        if (frame.opcode == CONTINUATION) != self._is_in_message:
            return Violation(PROTOCOL_ERROR, "A message begins with its opcode and goes on with continuations")
        self._message = frame.payload + (self._message if self._is_in_message else 0)
        self._is_in_message = not frame.is_final
        if frame.payload > self._frame_bytes or self._message > self._message_bytes:
            return Violation(TOO_BIG, "Message too big")
        return None


class _Frame(NamedTuple):
    """The header of a frame. ``header`` and ``payload`` are sizes in bytes."""

    first: int
    is_masked: bool
    header: int
    payload: int

    @property
    def opcode(self) -> int:
        return self.first & 0x0F

    @property
    def is_final(self) -> bool:
        return self.first >= 0x80

    @property
    def is_control(self) -> bool:
        return self.first & 0x08 != 0

    @property
    def size(self) -> int:
        """Header and payload, in bytes. A control frame that is too long counts with the longest that is allowed."""
        return self.header + (min(self.payload, 125) if self.is_control else self.payload)


def _header(data: bytes | bytearray, at: int) -> _Frame | None:
    """The header of the frame at ``at``; None while it is incomplete."""
    if len(data) < at + 2:
        return None
    length, extra = data[at + 1] & 0x7F, 0
    if length >= 126:
        extra = 2 if length == 126 else 8
        if len(data) < at + 2 + extra:
            return None
        length = int.from_bytes(data[at + 2 : at + 2 + extra], "big")
    is_masked = data[at + 1] >= 0x80
    return _Frame(data[at], is_masked, 2 + extra + 4 * is_masked, length)
