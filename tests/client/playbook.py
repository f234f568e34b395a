"""Plays a play-book (``tests/playbooks/*.json``) against the connection of the Python client. ``README.md`` there says how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lobby.client.connection import Connection, ConnectionState, Listener
from lobby.messages import TYPES, ServerMessage

FOLDER = Path(__file__).parent.parent / "playbooks"
TICK_MS = 20

Entry = list[Any]
"""One line of the log: the time in ms, what happened, and its values."""


class FakeSocket:
    """A socket that does what the play-book says."""

    def __init__(self, stage: Stage, number: int) -> None:
        self.is_open = self.is_closed = self.hangs = self.closes = False
        self.close_code, self.close_reason = 1006, ""
        self.arrived: list[str | bytes] = []
        self.pongs: list[str] = []
        self._stage, self._number = stage, number

    def take(self, most: int) -> list[str | bytes]:
        arrived, self.arrived = self.arrived[:most], self.arrived[most:]
        return arrived

    def send(self, text: str) -> None:
        message = json.loads(text)
        self._stage.log(f"socket {self._number} sends", message)
        if message.get("action") == "ping" and self._stage.pongs:
            self.pongs.append(json.dumps({"type": "pong", "t": message["t"], "now": 1}))

    def close(self) -> None:
        self._stage.log(f"socket {self._number} closes", 1000)
        self.is_open, self.closes = False, True

    def ends(self, code: int, reason: str) -> None:
        self.is_open, self.is_closed = False, True
        self.close_code, self.close_reason = code, reason

    def begin_tick(self) -> None:
        """What the last tick has left: pongs arrive, and a close is answered."""
        if self.closes and not self.hangs and not self.is_closed:
            self.ends(1000, "")
        if self.is_open:
            self.arrived += self.pongs
        self.pongs = []


class Stage:
    """The connection, its sockets and the log of one play-book."""

    def __init__(self, book: dict[str, Any]) -> None:
        self.book = book
        self.now_ms = 0
        self.busy_until_ms = 0
        self.pongs = True
        self.sockets: list[FakeSocket] = []
        self.entries: list[Entry] = []
        self._state = ConnectionState.CLOSED
        self.connection = Connection(
            self.new_socket,
            lambda: book["random"],
            Listener(lambda: None, self.disconnected, self.refused, self.received),  # the state says what is connected
        )
        self.connection.takeover_ms = book.get("takeover_ms", self.connection.takeover_ms)

    def log(self, what: str, *values: Any) -> None:
        self.entries.append([self.now_ms, what, *values])

    def new_socket(self, url: str) -> FakeSocket:
        if not url:
            raise ValueError("no address")
        self.log(f"socket {len(self.sockets)} opens", url)
        self.sockets.append(FakeSocket(self, len(self.sockets)))
        return self.sockets[-1]

    def disconnected(self, reason: str, retry_ms: float) -> None:
        self.log("disconnected", reason, round(retry_ms))

    def refused(self, code: str, message: str) -> None:
        self.log("refused", code, message)

    def received(self, message: ServerMessage, is_busy: bool) -> None:
        self.log("message", TYPES[type(message)], *(["busy"] if is_busy else []))

    def play(self) -> list[Entry]:
        """Plays everything and returns the log."""
        steps = list(self.book["steps"])
        for now_ms in range(0, self.book["until"] + 1, self.book.get("tick_ms", TICK_MS)):
            self.now_ms = now_ms
            for socket in self.sockets:
                socket.begin_tick()
            while steps and steps[0]["at"] <= self.now_ms:
                self.take(steps.pop(0))
                self._note_state()
            if self.now_ms >= self.busy_until_ms:
                self.poll()
                self._note_state()
        assert not steps, "steps after the end"
        return self.entries

    def poll(self) -> None:
        self.connection.poll(self.now_ms)

    def _note_state(self) -> None:
        if self.connection.state != self._state:
            self._state = self.connection.state
            self.log("state", str(self._state))

    def take(self, step: dict[str, Any]) -> None:
        """Takes one step."""
        match step:
            case {"client": "open", "url": url}:
                self.connection.open(url, self.now_ms)
            case {"client": "close"}:
                self.connection.close(self.now_ms)
            case {"client": "nudge"}:
                self.connection.nudge(self.now_ms)
            case {"client": "send", "text": text}:
                if not self.connection.send(text):
                    self.log("not sent")
            case {"client": "send_position", "text": text, "seq": seq}:
                if not self.connection.send_position(text, seq, self.now_ms):
                    self.log("not sent")
            case {"socket": number, "does": "open"}:
                self.sockets[number].is_open = True
            case {"socket": number, "does": "close", "code": code, "reason": reason}:
                self.sockets[number].ends(code, reason)
            case {"socket": number, "does": "hang"}:
                self.sockets[number].hangs = True
            case {"socket": number, "receives": message}:
                self.sockets[number].arrived += [json.dumps(message)] * step.get("times", 1)
            case {"socket": number, "receives_hex": bytes_in_hex}:
                self.sockets[number].arrived.append(bytes.fromhex(bytes_in_hex))
            case {"socket": number, "receives_text": text}:
                self.sockets[number].arrived.append(text)
            case {"pongs": pongs}:
                self.pongs = pongs
            case {"busy_until": until_ms}:
                self.busy_until_ms = until_ms
            case _:
                raise AssertionError(f"no such step: {step}")


def books() -> list[Path]:
    return sorted(FOLDER.glob("*.json"))


def read(path: Path) -> dict[str, Any]:
    book: dict[str, Any] = json.loads(path.read_text())
    return book
