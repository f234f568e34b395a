"""The connection's state machine: every play-book, random histories, and what belongs to Python alone."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby import data, messages
from lobby.client import constants
from lobby.client.backoff import Backoff
from lobby.client.connection import ConnectionState
from lobby.client.endings import CLOSES, code_of, ends, is_final, meaning, one_line
from lobby.errors import CODES, Refused
from lobby.messages import Pos, Status, parse
from lobby.settings import Settings
from tests.client.playbook import Stage, books, read

WELCOME = {"type": "welcome", "your_id": "ann", "lobby_players": [], "v": 2, "n": 1, "t": 5, "x": 0, "y": 0}


def test_there_are_play_books() -> None:
    assert len(books()) > 40


@pytest.mark.parametrize("path", books(), ids=lambda path: path.stem)
def test_a_play_book_is_played_to_the_letter(path: Path) -> None:
    book = read(path)
    assert Stage(book).play() == book["expect"], book["title"]


# ── random histories ────────────────────────────────────────────────────────────────────────────────────────────────

EVENTS = st.one_of(
    st.just({"does": "open"}),
    st.sampled_from([1000, 1001, 1006, 4001, 4500, 4501]).map(lambda code: {"does": "close", "code": code, "reason": ""}),
    st.just({"receives": WELCOME}),
    st.sampled_from([0, 4001, 4500]).map(
        lambda close: {"receives": {"type": "error", "code": "silent", "message": "no", "close": close}}
    ),
    st.sampled_from([0, 5_000]).map(
        lambda ms: {"receives": {"type": "config", "send_ms": 1, "window_ms": 1, "far_ms": 1, "heartbeat_ms": ms}}
    ),
    st.just({"receives": {"type": "pong", "t": 40, "now": 1}}),
    st.just({"receives_text": "nonsense"}),
    st.sampled_from([{"pongs": False}, {"pongs": True}, {"client": "nudge"}, {"client": "close"}]),
    st.just({"client": "open", "url": "ws://lobby/"}),
)


class Historian(Stage):
    """Gives each socket event to the socket that was opened last, or to the one before it."""

    def __init__(self, random: float, steps: list[tuple[int, bool, dict[str, Any]]]) -> None:
        self.at_ms = 0
        book_steps: list[dict[str, Any]] = [{"at": 0, "client": "open", "url": "ws://lobby/"}]
        for wait_ms, is_older, event in steps:
            self.at_ms += wait_ms
            book_steps.append({"at": self.at_ms, "older": is_older, **event})
        super().__init__(
            {"random": random, "takeover_ms": 1_000, "tick_ms": 100, "until": self.at_ms + 60_000, "steps": book_steps}
        )

    def take(self, step: dict[str, Any]) -> None:
        if "does" in step or "receives" in step or "receives_text" in step:
            number = len(self.sockets) - (2 if step["older"] and len(self.sockets) > 1 else 1)
            if self.sockets[number].is_closed:
                return
            step = {**step, "socket": number}
        super().take(step)

    def poll(self) -> None:
        super().poll()
        in_use = [socket for socket in self.sockets if not socket.closes and not socket.is_closed]
        assert len(in_use) <= 2, "more than a connection and the one that takes over"
        if self.connection.state in (ConnectionState.CLOSED, ConnectionState.REFUSED, ConnectionState.WAITING):
            assert not in_use, "a socket was left open"


@given(st.floats(0, 1), st.lists(st.tuples(st.sampled_from([0, 20, 400, 3_000]), st.booleans(), EVENTS), max_size=25))
def test_whatever_happens_no_socket_is_left_open_and_the_client_goes_on_trying(
    random: float, steps: list[tuple[int, bool, dict[str, Any]]]
) -> None:
    history = Historian(random, steps)
    log = history.play()
    if history.connection.state in (ConnectionState.CONNECTING, ConnectionState.WAITING):
        opened_ms = [at_ms for at_ms, what, *_ in log if what.endswith(" opens")]
        assert opened_ms[-1] >= history.now_ms - constants.CONNECT_MS - constants.BACKOFF_LONGEST_MS - 100
    assert not history.connection.is_leaving or history.connection.state != ConnectionState.CLOSED


# ── pauses and endings ──────────────────────────────────────────────────────────────────────────────────────────────


def test_pauses_grow_are_random_and_start_again_after_a_steady_connection() -> None:
    backoff = Backoff()
    assert [backoff.pause_ms(0, 1.0) for _ in range(8)] == [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
    assert backoff.pause_ms(0, 0.25) == 7_500
    assert [backoff.pause_ms(lived_ms, 1.0) for lived_ms in (5_000, 4_999)] == [500, 1000]
    backoff.reset()
    assert backoff.pause_ms(0, 1.0) == 500
    for _ in range(2_000):
        assert backoff.pause_ms(0, 1.0) <= constants.BACKOFF_LONGEST_MS


@pytest.mark.parametrize("code", [code for code, row in CODES.items() if row.close is not None])
def test_the_table_of_errors_says_whether_to_come_back(code: str) -> None:
    close = CODES[code].close or 0
    assert is_final(code, close) != CODES[code].retry
    assert is_final(code, 1006) != CODES[code].retry
    assert ends(code)
    assert code_of(close) == (code if close >= 4000 else "")
    assert meaning(code, close) == CODES[code].meaning


def test_other_closes_bring_the_client_back_and_have_a_meaning() -> None:
    for close in (*CLOSES, 1005, 3000, 3999, 5000):
        assert not is_final("", close)
    assert meaning("", 1006) == "the connection broke off"
    assert meaning("bad_json", 3000) == "the connection was closed with 3000"


def test_one_line_has_no_control_and_no_direction_characters() -> None:
    assert one_line(" a\tb\u2028c\u202e\ud800d ") == "a b c  d"
    assert one_line("x" * 300) == "x" * 200
    assert one_line("x" * 300, 32) == "x" * 32


def test_the_table_of_constants_agrees_with_the_wire_format() -> None:
    message = parse(json.dumps({"action": "pos", "x": 0, "y": 0, "t": constants.CLOCK_MODULUS_MS + 5}))
    assert isinstance(message, Pos)
    assert message.at.t == 5
    assert messages.ROSTER_MOST == constants.ROSTER_MOST
    assert messages.ID_CHARACTERS == constants.ID_CHARACTERS
    assert messages.DATA_BYTES_MOST == constants.DATA_BYTES_MOST
    assert data.DEPTH == constants.DATA_DEPTH
    room_size = next(setting for setting in fields(Settings) if setting.name == "room_size")
    assert room_size.metadata["high"] == constants.ROSTER_MOST
    for characters in (constants.TEXT_CHARACTERS, constants.TEXT_CHARACTERS + 1):
        text = json.dumps({"action": "status", "status": "x" * characters})
        if characters == constants.TEXT_CHARACTERS:
            assert parse(text) == Status("x" * characters)
        else:
            with pytest.raises(Refused):
                parse(text)


@pytest.mark.parametrize(
    ("step", "expected_ms"),
    [
        ({"at": 240, "client": "nudge"}, 20),
        ({"at": 260, "busy_until": 2_000}, math.nan),  # the pong waited for the client
        ({"at": 220, "socket": 0, "receives": {"type": "pong", "t": 5, "now": 1}}, 20),  # the pong of another ping
    ],
)
def test_the_round_trip_is_that_of_the_newest_ping_and_not_of_a_busy_time(step: dict[str, Any], expected_ms: float) -> None:
    join = [
        {"at": 0, "client": "open", "url": "ws://lobby/"},
        {"at": 20, "socket": 0, "does": "open"},
        {"at": 40, "socket": 0, "receives": WELCOME},
    ]
    stage = Stage({"random": 1.0, "until": 3_000, "steps": [*join, step]})
    stage.play()
    assert stage.connection.round_trip_ms == pytest.approx(expected_ms, nan_ok=True)
