"""The driver of `lobby serve`: due times, counters, limits, and bugs that were found once."""

from __future__ import annotations

import json

from lobby import messages as m
from lobby.errors import Refused
from lobby.fanout import BUDGET_MS
from lobby.presence import Position
from lobby.settings import Settings
from tests.simulation import Simulation


def pos(x: float, **rest: float) -> str:
    return json.dumps({"action": "pos", "x": x, "y": 0, **rest})


def test_a_position_in_an_open_window_is_broadcast_although_its_player_reconnected() -> None:
    """Found by the invariants: the window held the connection that moved, and that connection was taken over."""
    host = Simulation()
    start = host.now
    ann, bea = host.connect("ann"), host.connect("bea")
    host.send(ann, pos(5))
    host.connect("ann")
    host.receive(bea)
    host.settle()
    assert host.receive(bea) == [m.Moves(start, ((1, Position(5)),))]


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


# ── when a window is due ────────────────────────────────────────────────────────────────────────────────────────────

CROWDED = Settings(window_ms=20, room_size=100)
"""With the connections of :func:`crowded`, a window has this length."""


def crowded(settings: Settings = CROWDED) -> tuple[Simulation, str]:
    """A room with so many players that a window has its full length, and the connection of one player."""
    host = Simulation(settings)
    connections = [host.connect(f"p{number}") for number in range(100)]
    host.send(connections[0], pos(0))
    host.advance(BUDGET_MS)
    host.send(connections[0], pos(0))
    host.advance(settings.far_ms)
    assert host.lobby.window_ms == 20
    return host, connections[0]


def received(host: Simulation, connection: str, text: str) -> int | None:
    """When the window is due after a message; None where that did not change."""
    host.due.clear()
    host.lobby.received("lobby", connection, text.encode(), host.now)
    return host.due.get("lobby")


def closed(host: Simulation) -> int | None:
    """When the next window is due after the end of this one; None: nothing is left to broadcast."""
    host.due.clear()
    host.lobby.close_window("lobby", host.now)
    return host.due.get("lobby")


def test_the_first_position_after_a_quiet_time_makes_the_window_due_at_once() -> None:
    host, ann = crowded()
    assert received(host, ann, pos(1)) == host.now


def test_the_next_window_is_due_one_length_after_the_last_one_was_due() -> None:
    host, ann = crowded()
    due = received(host, ann, pos(1))
    assert due is not None
    host.now = due + 7  # the host is late
    assert closed(host) is None, "nothing is left to broadcast"
    assert received(host, ann, pos(2)) == due + 20
    assert received(host, ann, pos(3)) is None, "that is known already"


def test_on_a_host_with_few_connections_a_window_has_no_length() -> None:
    host = Simulation()
    ann = host.connect("ann")
    for _ in range(2):
        assert received(host, ann, pos(1)) == host.now
        host.lobby.close_window("lobby", host.now)


def test_a_window_with_players_of_the_far_tier_is_due_again() -> None:
    host, ann = crowded(Settings(window_ms=20, room_size=100, near_players=10, far_ms=500))
    host.advance(500)
    received(host, ann, pos(1))
    assert closed(host) is None, "the first window includes the far tier"
    began_ms, host.now = host.now, host.now + 100
    received(host, ann, pos(2))
    assert closed(host) == began_ms + 500


def test_what_is_not_a_new_position_does_not_change_when_the_window_is_due() -> None:
    host, ann = crowded()
    received(host, ann, pos(5, seq=5))
    for text in (pos(4, seq=4), "no", '{"action":"ping"}', '{"action":"hello"}', '{"action":"status","status":"x"}'):
        assert received(host, ann, text) is None
    assert received(host, "unknown", pos(6)) is None


def test_an_empty_room_has_no_window() -> None:
    host = Simulation()
    ann = host.connect("ann")
    received(host, ann, pos(1))
    host.close(ann)
    assert closed(host) is None
    assert host.lobby.counts["windows", ""] == 0


def test_a_player_that_reconnects_all_the_time_is_refused_and_others_receive_few_joins() -> None:
    host = Simulation()
    bea = host.connect("bea")
    host.receive(bea)
    refused = 0
    for _ in range(332):
        try:
            host.close(host.connect("ann"))
        except Refused as error:
            assert error.code == "too_many_connections"
            refused += 1
        host.advance(3)
    joins = [message for message in host.receive(bea) if isinstance(message, m.Join)]
    assert (refused, len(joins)) == (332 - 10, 10)
    host.advance(2_000)
    host.connect("ann")


def test_a_player_that_comes_back_by_itself_is_never_refused() -> None:
    host = Simulation()
    for _ in range(100):  # the pauses of a client's backoff end at half a minute; these are shorter
        host.close(host.connect("ann"))
        host.advance(2_000)


def test_a_new_connection_goes_on_with_the_message_budget_of_its_player() -> None:
    host = Simulation()
    for _ in range(5):
        ann = host.connect("ann")
        for _ in range(40):
            host.send(ann, pos(1))
        host.receive(ann)
        host.close(ann)
    assert host.lobby.counts["messages", "pos"] == 20


def test_what_players_used_is_forgotten() -> None:
    host = Simulation()
    for number in range(50):
        ann = host.connect("ann", room=f"r{number}")
        host.send(ann, pos(1))
        host.close(ann)
    host.lobby.close_silent(host.now + 60_000)
    assert (host.lobby._buckets, host.lobby._visits, host.lobby._players) == ({}, {}, {})


def test_clients_of_a_large_lobby_receive_over_which_time_to_spread_their_return() -> None:
    host = Simulation(Settings(room_size=500))
    first, old = host.connect("first", v=3), host.connect("old", v=2)
    for number in range(98):
        host.connect(f"p{number}", v=3)
    for connection in (first, old):
        host.receive(connection)
    host.close_silent()
    assert [it for it in host.receive(first) if isinstance(it, m.Config)] == [m.Config(100, 60, 500, 20_000, 128)]
    assert host.receive(old) == []
    host.close_silent()
    assert host.receive(first) == [], "it has not changed"


def test_a_status_or_an_event_of_a_player_does_not_arrive_before_its_join() -> None:
    host = Simulation()
    ann = host.connect("ann", v=3)
    host.settle()
    bea = host.connect("bea", v=3)
    host.receive(ann)
    host.send(bea, '{"action":"status","status":"new"}')
    assert host.receive(ann) == []
    host.send(bea, '{"action":"send","event":"wave"}')
    changes, event = host.receive(ann)
    assert isinstance(changes, m.Changes)
    assert [(player.id, player.status) for player in changes.joins] == [("bea", "new")]
    assert event == m.Event("bea", "wave")
    host.settle()
    assert host.receive(ann) == []
    assert m.StatusChanged("bea", "new") in host.receive(bea)


def test_a_thousand_joins_in_one_window_are_one_message_and_older_clients_receive_them_in_turns() -> None:
    host = Simulation(Settings(room_size=2_000))
    ann, old = host.connect("ann", v=3), host.connect("old", v=2)
    host.settle()
    host.receive(ann)
    host.receive(old)
    for number in range(1_000):
        host.connect(f"p{number}", v=2 if number < 50 else 3)
    host.advance(0)
    [changes] = [it for it in host.receive(ann) if not isinstance(it, m.Config)]
    assert isinstance(changes, m.Changes)
    assert len(changes.joins) == 1_000
    first = len(host.receive(old))
    assert 0 < first < 1_000
    host.advance(5_000)
    assert first + len(host.receive(old)) == 1_000
