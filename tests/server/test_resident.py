"""The driver of `lobby serve`: due times, counters, limits, and bugs that were found once."""

from __future__ import annotations

import json

from lobby import messages as m
from lobby.presence import Position
from lobby.settings import Settings
from tests.simulation import Simulation


def pos(x: float, **rest: float) -> str:
    return json.dumps({"action": "pos", "x": x, "y": 0, **rest})


def test_a_position_in_an_open_window_is_broadcast_although_its_player_reconnected() -> None:
    """Found by the invariants: the window held the connection that moved, and that connection was taken over."""
    host = Simulation()
    ann, bea = host.connect("ann"), host.connect("bea")
    host.send(ann, pos(5))
    host.connect("ann")
    host.receive(bea)
    host.settle()
    assert host.receive(bea) == [m.Moves(host.now - 1_060, ((1, Position(5)),))]


def test_no_position_of_a_player_follows_its_leave() -> None:
    """Found by the invariants: in the middle of a broadcast a connection was gone, and its position followed its leave."""
    host = Simulation(Settings(window_ms=50))
    ann, bea, cem = (host.connect(player, v=1) for player in ("ann", "bea", "cem"))
    host.send(bea, pos(1))
    host.send(cem, pos(2))
    host.gateway.gone |= {cem}
    host.receive(ann)
    host.settle()
    assert host.receive(ann)[-1] == m.Leave("cem")


def test_messages_over_the_limit_get_one_answer_and_a_flood_is_closed() -> None:
    host = Simulation()
    ann, bea = host.connect("ann"), host.connect("bea")
    host.receive(ann)
    for _ in range(100):
        host.send(ann, pos(1))
    assert [message.code for message in host.receive(ann) if isinstance(message, m.Error)] == ["rate_limited"]
    for _ in range(900):
        host.send(ann, pos(1))
    assert host.gateway.closed == {ann: 4003}
    host.settle()
    assert host.receive(bea)[-1] == m.Leave("ann")
    assert host.lobby.counts["closed", "flood"] == 1


def test_a_teleport_is_refused_with_the_current_position() -> None:
    host = Simulation(Settings(max_speed=10))
    ann = host.connect("ann")
    host.send(ann, pos(3))
    host.receive(ann)
    host.advance(200)
    host.send(ann, pos(500))
    (error,) = host.receive(ann)
    assert isinstance(error, m.Error)
    assert (error.code, error.x, error.y) == ("too_fast", 3, 0)


def test_the_size_of_a_message_is_counted_in_bytes_not_in_characters() -> None:
    host = Simulation(Settings(message_bytes=64))
    ann = host.connect("ann")
    host.receive(ann)
    host.send(ann, json.dumps({"action": "status", "status": "ü" * 20}, ensure_ascii=False))
    (error,) = host.receive(ann)
    assert isinstance(error, m.Error)
    assert error.code == "too_large"


def test_joins_takeovers_leaves_and_frames_are_counted() -> None:
    host = Simulation()
    ann = host.connect("ann")
    host.connect("bea")
    host.connect("ann")
    host.send(ann, "no")
    host.close(ann)
    counts = host.lobby.counts
    assert (counts["joins", ""], counts["takeovers", ""], counts["leaves", ""]) == (2, 1, 0)
    assert counts["frames", "welcome"] == 3
