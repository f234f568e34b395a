"""One room in a dict, the same for every library: what moved within a window is encoded once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

WINDOW = 0.05  # seconds


class Room:
    """Who is here, and who has moved since the last window."""

    def __init__(self) -> None:
        self.players: dict[int, str] = {}
        self.moved: dict[int, list[int]] = {}
        self.last_n = 0

    def join(self, pid: str) -> tuple[int, bytes]:
        """A new player: its n and its welcome."""
        self.last_n += 1
        n = self.last_n
        self.players[n] = pid
        welcome = {
            "type": "welcome",
            "your_id": pid,
            "v": 2,
            "n": n,
            "t": milliseconds(),
            "lobby_players": [{"id": other, "n": m} for m, other in self.players.items()],
        }
        return n, encode(welcome)

    def hear(self, n: int, message: str | bytes) -> None:
        """A player's message."""
        pos = json.loads(message)
        if pos["action"] == "pos":
            entry = [
                n,
                round(pos["x"] * 100),
                round(pos["y"] * 100),
                round(pos["vx"] * 100),
                round(pos["vy"] * 100),
                round(pos["h"] * 100),
                pos["seq"],
                pos["t"] & 0xFFFF,
            ]
            while not entry[-1]:
                entry.pop()
            self.moved[n] = entry

    def leave(self, n: int) -> None:
        """A player is gone."""
        del self.players[n]
        self.moved.pop(n, None)

    async def windows(self) -> AsyncIterator[bytes]:
        """At the end of every window in which somebody moved, the message for everybody."""
        due = time.monotonic()
        while True:
            due = max(due + WINDOW, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            if self.moved:
                entries = list(self.moved.values())
                self.moved.clear()
                yield encode({"type": "moves", "t": milliseconds(), "m": entries})


def encode(message: object) -> bytes:
    """JSON without spaces."""
    return json.dumps(message, separators=(",", ":")).encode()


def frame(message: bytes) -> bytes:
    """One unmasked text frame, for libraries whose transport takes bytes as they are."""
    size = len(message)
    if size < 126:
        return bytes((0x81, size)) + message
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2) + message
    return b"\x81\x7f" + size.to_bytes(8) + message


def milliseconds() -> int:
    """The server's clock."""
    return time.time_ns() // 1_000_000
