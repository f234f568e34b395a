"""From messages to frames to connections: which connection gets which bytes, and what is counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import pytest

from lobby.compact import Decoder, Encoder, Reach
from lobby.delivery import Delivery
from lobby.errors import Refused
from lobby.fanout import Share
from lobby.messages import (
    CODECS,
    Codec,
    Config,
    Error,
    Frame,
    Join,
    Leave,
    Memory,
    Player,
    PlayerPos,
    ServerMessage,
    decode,
)
from lobby.ports import Unreached
from lobby.presence import Position, Presence
from lobby.rules import Post, RowAdded, RowRemoved

ANN = Presence("lobby", "c1", "ann", n=1, v=1, at=Position(1, 2))
BEA = Presence("lobby", "c2", "bea", n=2, v=1, at=Position(3, 4))
CEM = Presence("lobby", "c3", "cem", n=3, v=2, at=Position(5, 6))
DAN = Presence("lobby", "c4", "dan", n=4, v=2, at=Position(7, 8))
EVE = Presence("lobby", "c5", "eve", n=5, v=3, at=Position(9, 10))


class Sent(NamedTuple):
    connections: list[str]
    frame: bytes
    droppable: bool
    binary: bool = False


class RecordingGateway:
    """Keeps each post. ``gone`` and ``missed`` are the connections that it reports as such."""

    def __init__(self, gone: str = "", missed: str = "") -> None:
        self.sent: list[Sent] = []
        self.closed: list[tuple[str, int, str]] = []
        self._gone, self._missed = {gone}, {missed}

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        self.sent.append(Sent(list(connections), frame, droppable, binary))
        return Unreached(frozenset(self._gone & set(connections)), frozenset(self._missed & set(connections)))

    def close(self, connection: str, code: int, reason: str) -> None:
        self.closed.append((connection, code, reason))


class CountingCodec:
    """Counts how often another codec encodes."""

    def __init__(self, codec: Codec) -> None:
        self.codec, self.can_ping, self.times = codec, codec.can_ping, 0

    def encode(self, message: ServerMessage) -> bytes | None:
        self.times += 1
        return self.codec.encode(message)

    def positions(self, t: int, movers: Sequence[Presence], memory: Memory | None = None) -> list[Frame]:
        self.times += 1
        return self.codec.positions(t, movers, memory)


@pytest.fixture
def codecs(monkeypatch: pytest.MonkeyPatch) -> dict[int, CountingCodec]:
    counting = {v: CountingCodec(codec) for v, codec in CODECS.items()}
    for v, codec in counting.items():
        monkeypatch.setitem(CODECS, v, codec)
    return counting


def test_a_message_is_encoded_once_per_version_and_posted_to_all_receivers(codecs: dict[int, CountingCodec]) -> None:
    gateway = RecordingGateway()
    Delivery(gateway).post(Post((ANN, CEM, BEA, DAN), Leave("eve")))
    assert [sent.connections for sent in gateway.sent] == [["c3", "c4"], ["c1", "c2"]]
    assert {v: codec.times for v, codec in codecs.items()} == {1: 1, 2: 1, 3: 0}


def test_a_share_is_encoded_once_per_version(codecs: dict[int, CountingCodec]) -> None:
    Delivery(RecordingGateway()).broadcast([Share([ANN, BEA, CEM, DAN, EVE], [ANN, CEM])], 5)
    assert {v: codec.times for v, codec in codecs.items()} == {1: 1, 2: 1, 3: 1}


def test_positions_of_version_3_are_binary_with_a_memory_and_text_without_one() -> None:
    gateway, encoder, decoder = RecordingGateway(), Encoder(), Decoder()
    for reach in (Reach.ALL, Reach.SOME):
        Delivery(gateway).broadcast([Share([EVE], [CEM], reach)], 5, encoder)
    Delivery(gateway).broadcast([Share([EVE], [CEM])], 5)
    whole, difference, text = (sent.frame for sent in gateway.sent)
    assert [sent.binary for sent in gateway.sent] == [True, True, False]
    assert decoder.decode(whole) == decoder.decode(difference) == Decoder().decode_text(text.decode()) == (5, [(3, CEM.at)])
    assert len(difference) < len(whole)
    Delivery(gateway).broadcast([Share([EVE], [CEM], Reach.APART)], 6, encoder)
    assert Decoder().decode(gateway.sent[-1].frame) == (6, [(3, CEM.at)]), "what others were sent is not assumed"


def test_a_version_that_has_no_such_message_gets_no_frame() -> None:
    gateway, config = RecordingGateway(), Config(100, 60, 500, 20_000)
    assert Delivery(gateway).post(Post((ANN, CEM), config)) == Unreached()
    assert [sent.connections for sent in gateway.sent] == [["c3"]]


def test_a_mover_of_version_1_does_not_get_its_own_position() -> None:
    gateway = RecordingGateway()
    Delivery(gateway).broadcast([Share([ANN, BEA, CEM], [ANN, BEA])], 5)
    received = [(decode(sent.frame), sent.connections) for sent in gateway.sent if "c3" not in sent.connections]
    assert received == [(PlayerPos("ann", Position(1, 2)), ["c2"]), (PlayerPos("bea", Position(3, 4)), ["c1"])]


def test_a_mover_of_version_2_gets_the_same_frame_as_all_others() -> None:
    gateway = RecordingGateway()
    Delivery(gateway).broadcast([Share([CEM, DAN], [CEM])], 5)
    assert gateway.sent == [Sent(["c3", "c4"], b'{"type":"moves","t":5,"m":[[3,500,600]]}', True)]


def test_a_lone_mover_of_version_1_gets_no_frame() -> None:
    gateway = RecordingGateway()
    delivery = Delivery(gateway)
    delivery.broadcast([Share([ANN], [ANN])], 5)
    assert gateway.sent == []
    assert delivery.counts["frames", "pos"] == 0


def test_positions_may_be_dropped_and_other_messages_may_not() -> None:
    gateway = RecordingGateway()
    delivery = Delivery(gateway)
    delivery.broadcast([Share([ANN, CEM], [BEA])], 5)
    delivery.post(Post((ANN, CEM), Leave("bea")))
    assert [sent.droppable for sent in gateway.sent] == [True, True, False, False]


def test_frames_are_counted_by_kind_and_receiver_and_their_length_in_bytes() -> None:
    gateway = RecordingGateway()
    delivery = Delivery(gateway)
    delivery.post(Post((CEM, DAN), Join(Player("ann", n=1, name="Änn 🚀"))))
    [sent] = gateway.sent
    assert len(sent.frame) == len(sent.frame.decode()) + 4, "the name has four bytes more than characters"
    assert delivery.counts["frames", "join"] == 2
    assert delivery.counts["frame_bytes", ""] == 2 * len(sent.frame)


def test_connections_that_any_post_did_not_reach_are_reported() -> None:
    gateway = RecordingGateway(gone="c1", missed="c3")
    delivery = Delivery(gateway)
    expected = Unreached(frozenset({"c1"}), frozenset({"c3"}))
    assert delivery.post(Post((ANN, BEA, CEM), Leave("eve"))) == expected
    assert delivery.broadcast([Share([ANN, CEM], [BEA]), Share([DAN], [BEA])], 5) == expected


def test_a_connection_gets_its_closing_error_before_it_is_closed() -> None:
    gateway = RecordingGateway()
    delivery = Delivery(gateway)
    delivery.closing_error(CEM, "slow_reader")
    [sent] = gateway.sent
    error = decode(sent.frame)
    assert isinstance(error, Error)
    assert (sent.connections, error.code, error.close) == (["c3"], "slow_reader", 4002)
    assert gateway.closed == []
    delivery.close("c3", "slow_reader")
    [(connection, code, reason)] = gateway.closed
    assert (connection, code) == ("c3", 4002)
    assert reason.startswith("slow_reader: ")
    assert delivery.counts["closed", "slow_reader"] == 1


def test_refusals_are_counted_by_code() -> None:
    delivery = Delivery(RecordingGateway())
    delivery.count_refused(Refused("room_full"))
    assert delivery.counts["refused", "room_full"] == 1


def test_a_second_connection_of_a_player_is_counted_as_a_takeover_and_not_as_a_join_or_leave() -> None:
    delivery, again = Delivery(RecordingGateway()), ANN._replace(connection="c9")
    delivery.count_change(RowAdded(ANN), [ANN])
    delivery.count_change(RowAdded(again), [ANN, again])
    delivery.count_change(RowRemoved(ANN), [again])
    delivery.count_change(RowRemoved(again), [])
    assert [delivery.counts[name, ""] for name in ("joins", "takeovers", "leaves")] == [1, 1, 1]
