"""Compact positions: what a client reads is what was sent, whatever was lost on the way."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby.client.bots import Walker
from lobby.compact import BASE_VALID_MS, ENTRIES_MOST, WHOLE_MS, Decoder, Encoder, Reach, as_text, values_of, whole_frame
from lobby.presence import Position
from scripts.compact_vectors import vectors

ROOT = Path(__file__).parents[2]
STREAMS = json.loads((ROOT / "tests/vectors/compact.json").read_text())
START_MS = 1_795_426_800_000

coordinates = st.floats(-1e6, 1e6)
speeds = st.floats(-300, 300) | st.just(0.0) | st.floats(-1e6, 1e6)
clocks = st.integers(0, 65_535)
positions = st.builds(
    Position,
    coordinates,
    coordinates,
    speeds,
    speeds,
    st.floats(-3.2, 3.2) | st.just(0.0) | st.floats(-1e9, 1e9),
    st.integers(0, 10**15 - 1),
    clocks,
    st.just(0),
    st.just(0.0) | coordinates,
    st.just(0.0) | speeds,
)
numbers = st.integers(0, 2**28 - 1) | st.integers(0, 130)


@pytest.mark.parametrize("stream", STREAMS, ids=[stream["name"] for stream in STREAMS])
def test_the_frames_that_all_clients_share_are_read_alike(stream: dict[str, Any]) -> None:
    decoder = Decoder()
    for frame in stream["frames"]:
        try:
            read = decoder.decode_text(frame["text"]) if "text" in frame else decoder.decode(bytes.fromhex(frame["hex"]))
        except ValueError:
            read = None
        found = None if read is None else {"t": read[0], "entries": [[n, *values_of(at)] for n, at in read[1]]}
        assert found == frame["result"], frame


def test_the_shared_frames_are_those_that_the_encoder_makes_today() -> None:
    assert json.loads(json.dumps(vectors())) == STREAMS, "run python scripts/compact_vectors.py"


def test_the_example_of_the_protocol_is_what_the_lobby_sends() -> None:
    page = (ROOT / "docs/protocol.md").read_text()
    (shown,) = re.findall(r"<!-- compact example -->\n```\n(.+?)```", page, re.DOTALL)
    frames = ["".join(re.findall(r"\b[0-9a-f]{2}\b", line.partition("|")[0])) for line in shown.splitlines()]
    frames = [frame for frame in "".join(frame or "\n" for frame in frames).split("\n") if frame]
    assert frames == [frame["hex"] for frame in STREAMS[0]["frames"]]


@given(st.lists(st.tuples(numbers, positions), max_size=5))
def test_a_frame_of_whole_entries_needs_no_other_frame(entries: list[tuple[int, Position]]) -> None:
    frame = whole_frame(START_MS, entries)
    read = Decoder().decode(frame)
    assert read is not None
    assert read[0] == START_MS
    assert [(n, values_of(at)) for n, at in read[1]] == [(n, values_of(at)) for n, at in entries]
    assert Decoder().decode_text(as_text(frame)) == read


@given(st.lists(st.tuples(st.integers(1, 700), positions), max_size=40))
def test_each_position_of_a_history_is_read_as_it_was_sent(history: list[tuple[int, Position]]) -> None:
    encoder, decoder, ms = Encoder(), Decoder(), START_MS
    for pause_ms, at in history:
        ms += pause_ms
        read = decoder.decode(encoder.encode(ms, [(1, "a", at)]))
        assert read is not None
        assert [values_of(found) for _, found in read[1]] == [values_of(at)]


class Room:
    """A room of walkers, as a host broadcasts it; receivers lose frames at random. Times are virtual."""

    def __init__(self, seed: int, loss: float, has_velocity: bool) -> None:
        self.random = random.Random(seed)
        self.encoder = Encoder()
        self.receivers = [Decoder() for _ in range(3)]
        self.known: list[dict[int, Position]] = [{} for _ in self.receivers]
        self.walkers = {n: Walker(self.random) for n in (1, 2, 130)}
        self.at: dict[int, Position] = {}
        self.loss, self.has_velocity, self.now = loss, has_velocity, START_MS

    def step(self, moving: bool = True, loss: float | None = None) -> None:
        """A window of 100 ms, in which some players may have moved, is broadcast. Far players get every fifth window."""
        self.now += 100
        moved: set[int] = set()
        for n, walker in self.walkers.items():
            at = walker.step(0.1)
            if moving and self.random.random() < 0.7:
                clock = (self.now - self.random.randrange(90) + 500 * n) % 65_536
                at = at._replace(seq=self.now, t=clock) if self.has_velocity else Position(at.x, at.y)
                if self.at.get(n) != at:
                    self.at[n] = at
                    moved.add(n)
        self.broadcast(moved | self.encoder.unfinished(self.now), loss)

    def broadcast(self, players: set[int], loss: float | None) -> None:
        if not players:
            return
        frame = self.encoder.encode(self.now, [(n, f"p{n}", self.at[n]) for n in sorted(players)])
        for decoder, known in zip(self.receivers, self.known, strict=True):
            if self.random.random() < (self.loss if loss is None else loss):
                continue
            read = decoder.decode(frame)
            assert read is not None
            for n, at in read[1]:
                assert values_of(at) == values_of(self.at[n]), "a receiver has read a wrong position"
                known[n] = at

    def check(self) -> None:
        for known in self.known:
            assert {n: values_of(at) for n, at in known.items()} == {n: values_of(at) for n, at in self.at.items()}


@given(st.integers(0, 10**6), st.floats(0, 1), st.booleans(), st.lists(st.sampled_from(["move", "rest", "renew"]), max_size=60))
def test_a_receiver_that_missed_frames_is_never_wrong_and_is_complete_within_a_second(
    seed: int, loss: float, has_velocity: bool, story: list[str]
) -> None:
    room = Room(seed, loss, has_velocity)
    for event in story:
        if event == "renew":
            room.encoder.renew()
        room.step(moving=event == "move")
    for _ in range(WHOLE_MS // 100):  # from here on nothing is lost, and all players go on or rest
        room.step(moving=bool(seed % 2), loss=0.0)
    if seed % 2:
        room.step(loss=0.0)
        for known in room.known:
            late = [n for n, at in room.at.items() if n in known and known[n] != at and values_of(known[n]) != values_of(at)]
            assert not late
    else:
        # A position that was whole when it was lost is repaired by the host, which knows what it has dropped.
        lost_whole = [n for n in room.at if any(values_of(k.get(n, Position())) != values_of(room.at[n]) for k in room.known)]
        room.broadcast(set(lost_whole), 0.0)
        room.check()


def test_a_player_that_comes_to_rest_is_whole_at_once_or_within_a_second() -> None:
    encoder = Encoder()
    moving = [Position(x, 0, 5, 0, 0, x, 200 * x) for x in (1, 2)]
    for step, at in enumerate([*moving, Position(3, 0, 0, 0, 0, 3, 600)]):
        frame = encoder.encode(START_MS + 200 * step, [(1, "a", at)])
    assert [at.x for _, at in (Decoder().decode(frame) or (0, []))[1]] == [3.0]
    assert encoder.due_ms() is None

    encoder, at = Encoder(), Position(2, 2)
    encoder.encode(START_MS, [(1, "a", Position(1, 1))])
    assert Decoder().decode(encoder.encode(START_MS + 200, [(1, "a", at)])) == (START_MS + 200, [])  # a newcomer has no base
    assert encoder.due_ms() == START_MS + WHOLE_MS
    assert encoder.unfinished(START_MS + WHOLE_MS - 1) == set()
    assert encoder.unfinished(START_MS + WHOLE_MS) == {1}
    assert Decoder().decode(encoder.encode(START_MS + WHOLE_MS, [(1, "a", at)])) == (START_MS + WHOLE_MS, [(1, at)])
    assert encoder.due_ms() is None


def test_what_only_some_receivers_get_is_no_base() -> None:
    encoder, far = Encoder(), Decoder()
    encoder.encode(START_MS, [(1, "a", Position(1, 1))], Reach.SOME)
    for step in range(1, 40):
        at = Position(1 + step / 10, 1)
        frame = encoder.encode(START_MS + 60 * step, [(1, "a", at)], Reach.ALL if step % 8 == 0 else Reach.SOME)
        if step % 8 == 0:
            read = far.decode(frame)
            assert read is not None
            assert read[1] == [(1, at)]


def test_a_new_player_with_the_number_of_another_one_has_no_base() -> None:
    encoder = Encoder()
    encoder.encode(START_MS, [(1, "a", Position(1, 1))])
    read = Decoder().decode(encoder.encode(START_MS + 100, [(1, "b", Position(1, 1.5))]))
    assert read is not None
    assert read[1] == [(1, Position(1, 1.5))]


def test_players_that_rest_are_forgotten() -> None:
    encoder = Encoder()
    for n in range(1, 200):
        encoder.encode(START_MS + 1_000 * n, [(n, f"p{n}", Position(n, n))])
    assert len(encoder._tracks) < 40


def test_a_base_is_forgotten_when_its_number_can_come_again() -> None:
    encoder, decoder = Encoder(), Decoder()
    decoder.decode(encoder.encode(START_MS, [(1, "a", Position(1, 1))]))
    late = encoder.encode(START_MS + 200, [(1, "a", Position(2, 2))])
    for age in (BASE_VALID_MS, BASE_VALID_MS + 1):
        frame = late[:1] + (START_MS + age).to_bytes(6, "big") + late[7:]
        read = decoder.decode(frame)
        assert read is not None
        assert len(read[1]) == (age == BASE_VALID_MS)


@given(st.lists(st.binary(max_size=80).map(lambda rest: b"\x01" + rest), max_size=20))
def test_any_bytes_are_a_frame_or_a_value_error(frames: list[bytes]) -> None:
    decoder = Decoder()
    for frame in frames:
        try:
            decoder.decode(frame)
        except ValueError:
            continue


@given(st.text(max_size=40))
def test_any_text_is_a_frame_or_a_value_error(text: str) -> None:
    try:
        Decoder().decode_text("~" + text)
    except ValueError:
        return


def test_a_frame_with_too_many_entries_is_refused() -> None:
    smallest = bytes((1, 0x80, 0))
    for count in (ENTRIES_MOST, ENTRIES_MOST + 1):
        frame = b"\x01" + bytes(6) + smallest * count
        if count == ENTRIES_MOST:
            assert Decoder().decode(frame) is not None
        else:
            with pytest.raises(ValueError, match="more than"):
                Decoder().decode(frame)
    decoder = Decoder()
    for first in range(0, 3 * ENTRIES_MOST, ENTRIES_MOST):
        decoder.decode(Encoder().encode(START_MS, [(first + n, "", Position()) for n in range(ENTRIES_MOST)]))
    assert len(decoder._bases) <= ENTRIES_MOST


def test_a_frame_of_another_kind_is_left_to_newer_clients() -> None:
    assert Decoder().decode(b"\x02" + bytes(20)) is None
    assert Decoder().decode(b"") is None
