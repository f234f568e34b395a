"""The rules: what each event leads to."""

from __future__ import annotations

import pytest

from lobby import rules
from lobby.errors import CODES, Refused
from lobby.messages import Error, Handshake, Hello, Join, Leave, Ping, Player, Pong, Pos, Status, Welcome
from lobby.presence import Position, Presence, newest
from lobby.rules import Close, Post, RowAdded, RowRemoved, SendPong, SendWelcome, SetPosition, SetStatus
from lobby.settings import Settings

SETTINGS = Settings()
ANN = Presence("lobby", "c1", "ann", n=1, v=2, joined_ms=10, at=Position(1, 2), moved_ms=20)
BEA = Presence("lobby", "c2", "bea", n=2, v=1, joined_ms=11, at=Position(3, 4))
ANN_AGAIN = ANN._replace(connection="c3", joined_ms=30)


def test_a_newcomer_gets_a_row_without_a_number() -> None:
    row = rules.connected(Handshake("cem", v=2, name="Cem"), "c9", [ANN], 50, SETTINGS)
    assert row == Presence("lobby", "c9", "cem", v=2, name="Cem", joined_ms=50, seen_ms=50)


def test_a_full_room_refuses_one_more_player() -> None:
    with pytest.raises(Refused, match="room_full"):
        rules.connected(Handshake("cem"), "c9", [ANN, BEA], 50, Settings(room_size=2))


def test_a_full_room_admits_another_connection_of_a_player_in_it() -> None:
    assert rules.connected(Handshake("ann"), "c9", [ANN, BEA], 50, Settings(room_size=2)).n == ANN.n


def test_two_connections_of_one_player_count_as_one_player() -> None:
    assert rules.connected(Handshake("cem"), "c9", [ANN, ANN_AGAIN], 50, Settings(room_size=2)).player == "cem"


def test_a_takeover_keeps_number_position_and_status() -> None:
    old = ANN._replace(status="trading", name="Ann", allowance=2.0)
    row = rules.connected(Handshake("ann", v=2), "c9", [old], 50, SETTINGS)
    assert row == old._replace(connection="c9", joined_ms=50, seen_ms=50)


def test_the_connection_that_takes_over_is_newer_even_in_the_same_millisecond() -> None:
    row = rules.connected(Handshake("ann"), "c0", [ANN], ANN.joined_ms, SETTINGS)
    assert newest([ANN, row]) == [row]


def test_a_newcomer_gets_a_welcome_and_the_others_get_a_join() -> None:
    assert rules.changed(RowAdded(ANN), [ANN, BEA]) == [SendWelcome("c1"), Post((BEA,), Join(Player("ann", ANN.at, 1, "ann")))]
    welcome, config = rules.welcomed(ANN, [ANN, BEA], 99, SETTINGS)
    assert welcome == Post((ANN,), Welcome("ann", (Player("bea", Position(3, 4), 2, "bea"),), 2, 1, 99, ANN.at))
    assert isinstance(config, Post)


def test_a_takeover_closes_the_old_connection_and_the_others_receive_nothing() -> None:
    effects = rules.changed(RowAdded(ANN_AGAIN), [ANN, BEA, ANN_AGAIN])
    assert effects == [SendWelcome("c3"), Close(ANN, "taken_over")]
    assert rules.changed(RowRemoved(ANN), [BEA, ANN_AGAIN]) == []


def test_of_two_connections_the_newer_one_stays_whichever_row_is_announced_first() -> None:
    for row in (ANN, ANN_AGAIN):
        effects = rules.changed(RowAdded(row), [ANN, BEA, ANN_AGAIN])
        assert effects[:2] == [SendWelcome("c3"), Close(ANN, "taken_over")]


def test_a_player_with_two_connections_is_announced_although_the_first_row_is_announced_late() -> None:
    first = rules.changed(RowAdded(ANN), [ANN, BEA, ANN_AGAIN])
    assert first[2:] == [Post((BEA,), Join(Player("ann", ANN_AGAIN.at, 1, "ann")))]


def test_two_connections_with_different_numbers_lead_to_a_join_with_the_newer_number() -> None:
    twin = ANN_AGAIN._replace(n=7)
    effects = rules.changed(RowAdded(twin), [ANN, BEA, twin])
    assert effects[1:] == [Close(ANN, "taken_over"), Post((BEA,), Join(Player("ann", twin.at, 7, "ann")))]


def test_a_join_has_the_last_position_of_the_older_connection() -> None:
    farther = ANN._replace(at=Position(9, 9, seq=5, order=5))
    [*_, join] = rules.changed(RowAdded(farther), [farther, BEA, ANN_AGAIN])
    assert join == Post((BEA,), Join(Player("ann", farther.at, 1, "ann")))


def test_an_added_row_that_was_removed_again_is_not_announced() -> None:
    assert rules.changed(RowAdded(ANN), [BEA]) == []


def test_a_leave_is_sent_to_the_players_that_stay() -> None:
    assert rules.changed(RowRemoved(ANN), [BEA]) == [Post((BEA,), Leave("ann"))]
    assert rules.changed(RowRemoved(ANN), []) == []


def test_a_position_is_stored() -> None:
    assert rules.received(Pos(Position(5, 6)), ANN, 99, SETTINGS) == SetPosition("c1", Position(5, 6), 0.0)


def test_hello_leads_to_a_welcome_and_ping_to_a_pong() -> None:
    assert rules.received(Hello(), ANN, 99, SETTINGS) == SendWelcome("c1")
    assert rules.received(Ping(7), ANN, 99, SETTINGS) == SendPong(ANN, Pong(7, 99, 0))


def test_a_pong_carries_the_number_of_the_position_that_the_lobby_has() -> None:
    ann = ANN._replace(at=Position(5, 6, seq=18))
    assert rules.received(Ping(7), ann, 99, SETTINGS) == SendPong(ann, Pong(7, 99, 18))


def test_a_status_is_stored_and_sent_to_the_whole_room() -> None:
    assert rules.received(Status("trading"), ANN, 99, SETTINGS) == SetStatus("c1", "trading")
    assert rules.status_changed(ANN._replace(status="trading"), [ANN, BEA]).receivers == (ANN, BEA)


def test_only_the_sender_of_a_wrong_message_gets_the_error() -> None:
    post = rules.refused(ANN, Refused("too_fast", "no", x=1.0, y=2.0))
    assert post == Post((ANN,), Error("too_fast", "no", 1.0, 2.0))


def test_a_closing_error_carries_the_reason_and_the_close_code() -> None:
    assert rules.closing_error("silent") == Error("silent", CODES["silent"].meaning, close=4001)


def test_a_position_that_its_player_numbered_is_compared_by_number_and_any_other_by_time() -> None:
    numbered, timed = Position(seq=5, order=5), Position(order=1_795_426_800_123)
    assert not rules.is_newer(Position(seq=5, order=5), numbered)
    assert rules.is_newer(Position(seq=6, order=6), numbered)
    assert not rules.is_newer(Position(order=1_795_426_800_122), timed)
    assert rules.is_newer(Position(order=1_795_426_800_124), timed)


def test_a_position_is_stored_after_its_client_started_or_stopped_to_number_positions() -> None:
    numbered, timed = Position(seq=5, order=5), Position(order=1_795_426_800_123)
    assert rules.is_newer(numbered, timed)
    assert rules.is_newer(timed, numbered)


def test_a_connection_that_missed_two_heartbeats_is_silent() -> None:
    row = ANN._replace(seen_ms=0)
    assert not rules.is_silent(row, 2 * SETTINGS.heartbeat_ms, SETTINGS)
    assert rules.is_silent(row, 3 * SETTINGS.heartbeat_ms, SETTINGS)
