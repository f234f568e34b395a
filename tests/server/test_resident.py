"""What the service makes of events: counters, limits, and bugs that were found once."""

from __future__ import annotations

import json

from lobby import messages as m
from lobby.presence import Position
from lobby.settings import Settings
from tests.simulation import Simulation


def pos(x: float, **rest: float) -> str:
    return json.dumps({"action": "pos", "x": x, "y": 0, **rest})


def test_a_position_that_was_waiting_when_its_player_reconnected_is_still_told() -> None:
    """Found by the invariants: the window remembered the connection that moved, and it was taken over."""
    host = Simulation()
    ann, bea = host.connect("ann"), host.connect("bea")
    host.send(ann, pos(5))
    host.connect("ann")
    host.hear(bea)
    host.settle()
    assert host.hear(bea) == [m.Moves(host.now - 1_060, ((1, Position(5)),))]


def test_nobody_hears_that_a_player_moves_who_has_just_been_found_gone() -> None:
    """Found by the invariants: a post in the middle of a window found a connection gone; its own move came after its leave."""
    host = Simulation(Settings(window_ms=50))
    ann, bea, cem = (host.connect(player, v=1) for player in ("ann", "bea", "cem"))
    host.send(bea, pos(1))
    host.send(cem, pos(2))
    host.gateway.gone |= {cem}
    host.hear(ann)
    host.settle()
    assert host.hear(ann)[-1] == m.Leave("cem")


def test_one_message_over_the_limit_is_answered_once_and_a_flood_is_cut() -> None:
    host = Simulation()
    ann, bea = host.connect("ann"), host.connect("bea")
    host.hear(ann)
    for _ in range(100):
        host.send(ann, pos(1))
    assert [message.code for message in host.hear(ann) if isinstance(message, m.Error)] == ["rate_limited"]
    for _ in range(900):
        host.send(ann, pos(1))
    assert host.gateway.closed == {ann: 4003}
    host.settle()
    assert host.hear(bea)[-1] == m.Leave("ann")
    assert host.lobby.counts["closed", "flood"] == 1


def test_a_teleport_is_answered_with_where_the_player_stands() -> None:
    host = Simulation(Settings(max_speed=10))
    ann = host.connect("ann")
    host.send(ann, pos(3))
    host.hear(ann)
    host.advance(200)
    host.send(ann, pos(500))
    (error,) = host.hear(ann)
    assert isinstance(error, m.Error)
    assert (error.code, error.x, error.y) == ("too_fast", 3, 0)


def test_too_large_a_message_is_counted_in_bytes_not_characters() -> None:
    host = Simulation(Settings(message_bytes=64))
    ann = host.connect("ann")
    host.hear(ann)
    host.send(ann, json.dumps({"action": "status", "status": "ü" * 20}, ensure_ascii=False))
    (error,) = host.hear(ann)
    assert isinstance(error, m.Error)
    assert error.code == "too_large"


def test_what_happens_is_counted() -> None:
    host = Simulation()
    ann = host.connect("ann")
    host.connect("bea")
    host.connect("ann")
    host.send(ann, "no")
    host.close(ann)
    counts = host.lobby.counts
    assert (counts["joins", ""], counts["takeovers", ""], counts["leaves", ""]) == (2, 1, 0)
    assert counts["frames", "welcome"] == 3
