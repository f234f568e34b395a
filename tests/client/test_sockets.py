"""What a socket of the client accepts from a lobby that is broken or hostile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from picows import WSMsgType

from lobby.client import sockets
from lobby.client.sockets import CHARACTERS_WAITING, FRAGMENTS, MESSAGES_WAITING, TOO_FAST, LobbySocket, TextSocket


class Part(bytes):
    """A fragment that counts how often its length is taken."""

    measured = 0

    def __len__(self) -> int:
        Part.measured += 1
        return super().__len__()


class Line:
    """A socket whose frames come from the test."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.cuts = 0
        self.socket = TextSocket(self.texts.append)
        self.socket.on_ws_connected(cast("Any", self))

    def disconnect(self, graceful: bool = True) -> None:
        self.cuts += 1

    def receive(self, payload: bytes, *, fin: bool = False, kind: WSMsgType = WSMsgType.CONTINUATION) -> None:
        frame = SimpleNamespace(msg_type=kind, fin=fin, get_payload_as_bytes=lambda: payload)
        self.socket.on_ws_frame(cast("Any", self), cast("Any", frame))


async def test_fragments_are_put_together_and_the_next_message_begins_empty() -> None:
    line = Line()
    for _ in range(2):
        line.receive(b"a", kind=WSMsgType.TEXT)
        line.receive(b"b")
        line.receive(b"c", fin=True)
    assert line.texts == ["abc", "abc"]


async def test_the_length_of_a_fragment_is_taken_once_and_not_again_for_each_later_one() -> None:
    line, Part.measured = Line(), 0
    for _ in range(1000):
        line.receive(Part(b"a"))
    assert Part.measured <= 2000


async def test_a_message_of_endless_empty_fragments_is_cut_once() -> None:
    line = Line()
    for _ in range(FRAGMENTS + 100):
        line.receive(b"")
    line.receive(b"", fin=True)
    assert (line.cuts, line.texts) == (1, [])


async def test_a_message_is_as_long_as_the_limit_and_not_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MESSAGE_BYTES", 10)
    line = Line()
    line.receive(b"01234", kind=WSMsgType.TEXT)
    line.receive(b"56789", fin=True)
    assert line.texts == ["0123456789"]
    line.receive(b"01234", kind=WSMsgType.TEXT)
    line.receive(b"567890", fin=True)
    assert (line.cuts, line.texts) == (1, ["0123456789"])


class Waiting(LobbySocket):
    """A socket of the client that has received texts, without a network."""

    def __init__(self) -> None:
        self.wakes = 0

        def wake() -> None:
            self.wakes += 1

        super().__init__("ws://127.0.0.1:9/", wake)
        self._opening.cancel()
        self.line = Line()
        self._socket = self.line.socket

    def receive(self, text: str) -> None:
        self._received(text)


async def test_messages_that_were_not_taken_wait_in_order_and_wake_the_client_again() -> None:
    waiting = Waiting()
    for text in "abcde":
        waiting.receive(text)
    waiting.wakes = 0
    assert waiting.take(2) == ["a", "b"]
    assert waiting.wakes == 1
    assert waiting.take(3) == ["c", "d", "e"]
    assert waiting.wakes == 1


@pytest.mark.parametrize(("text", "times"), [("", MESSAGES_WAITING), ("x" * (1 << 20), CHARACTERS_WAITING >> 20)])
async def test_a_server_that_sends_faster_than_the_client_works_is_cut_once(text: str, times: int) -> None:
    waiting = Waiting()
    for _ in range(times):
        waiting.receive(text)
    assert waiting.line.cuts == 0
    for _ in range(3):
        waiting.receive("x")
    assert waiting.line.cuts == 1
    assert waiting.line.socket.reason == TOO_FAST
    assert waiting.take(10) == []
