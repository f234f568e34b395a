"""What a client knows of the other players."""

from __future__ import annotations

from lobby.client.constants import GRACE_MS, ROSTER_MOST
from lobby.client.roster import Joined, Left, Moved, Roster, StatusSet
from lobby.messages import Changes, Error, Join, Leave, Moves, Player, PlayerPos, StatusChanged, Welcome
from lobby.presence import Position

BEA = Player("bea", Position(1, 2), 2, "Bea")
CEM = Player("cem", Position(3, 4), 3, "Cem")


def roster(*players: Player) -> Roster:
    known = Roster()
    known.apply(Welcome("ann", players, 2, 1))
    return known


def test_the_first_welcome_is_a_join_of_each_player() -> None:
    known = Roster()
    assert known.apply(Welcome("ann", (BEA, CEM), 2, 1)) == [Joined(BEA), Joined(CEM)]
    assert known.you.id == "ann"
    assert known.players == {"bea": BEA, "cem": CEM}


def test_a_welcome_after_a_reconnect_brings_differences_only() -> None:
    known = roster(BEA, CEM)
    assert known.apply(Welcome("ann", (BEA, CEM), 2, 1)) == []
    moved = BEA._replace(at=Position(9, 9), status="away")
    dee = Player("dee", n=4)
    assert known.apply(Welcome("ann", (moved, dee), 2, 1, t=7)) == [Left(CEM), Moved(moved, 7), StatusSet(moved), Joined(dee)]


def test_a_repeated_join_puts_no_player_back() -> None:
    known = roster(BEA)
    known.apply(Moves(1, ((2, Position(9, 9, seq=5)),)))
    assert known.apply(Join(BEA)) == []
    assert known.players["bea"].at == Position(9, 9, seq=5)


def test_a_join_with_another_number_is_a_player_that_left_and_came_back_unnoticed() -> None:
    known = roster(BEA)
    again = BEA._replace(n=8, at=Position())
    assert known.apply(Join(again)) == [Moved(again)]
    known.apply(Moves(1, ((8, Position(9, 9)),)))
    assert known.players["bea"].at == Position(9, 9)


def test_players_come_move_and_go() -> None:
    known = roster()
    assert known.apply(Join(BEA)) == [Joined(BEA)]
    there = BEA._replace(at=Position(5, 6))
    assert known.apply(PlayerPos("bea", Position(5, 6))) == [Moved(there)]
    assert known.apply(Leave("bea")) == [Left(there)]
    assert known.players == {}


def test_changes_are_applied_in_order_leaves_first_and_without_the_own_player() -> None:
    known = roster(BEA, CEM)
    again, own, dee = BEA._replace(n=9), Player("ann", n=1), Player("dee", n=4)
    assert known.apply(Changes(("bea", "nobody"), (again, own, dee, dee))) == [Left(BEA), Joined(again), Joined(dee)]
    assert known.apply(Moves(1, ((9, Position(7)),))) == [Moved(again._replace(at=Position(7)), 1)]
    assert known.apply(Changes(("cem",))) == [Left(CEM)]


def test_repeated_messages_are_no_events() -> None:
    known = roster(BEA)
    assert known.apply(Join(BEA)) == []
    known.apply(Leave("bea"))
    assert known.apply(Leave("bea")) == []


def test_moves_of_oneself_and_of_unknown_players_are_ignored() -> None:
    known = roster(BEA)
    events = known.apply(Moves(9, ((1, Position(7, 7)), (2, Position(5, 6)), (99, Position(8, 8)))))
    assert events == [Moved(BEA._replace(at=Position(5, 6)), 9)]


def test_an_older_position_is_ignored_and_one_without_a_count_is_not() -> None:
    known = roster(BEA)
    known.apply(Moves(1, ((2, Position(5, 5, seq=9)),)))
    assert known.apply(Moves(2, ((2, Position(4, 4, seq=8)),))) == []
    assert known.apply(Moves(3, ((2, Position(6, 6)),))) == [Moved(BEA._replace(at=Position(6, 6)), 3)]


def test_a_status_is_an_event_ones_own_too() -> None:
    known = roster(BEA)
    assert known.apply(StatusChanged("bea", "away")) == [StatusSet(BEA._replace(status="away"))]
    assert known.apply(StatusChanged("ann", "away")) == [StatusSet(known.you)]
    assert known.you.status == "away"
    assert known.apply(StatusChanged("dee", "away")) == []


def test_errors_change_nothing() -> None:
    known = roster(BEA)
    assert known.apply(Error("bad_json", "no")) == []


def test_after_a_lost_connection_missing_players_stay_for_the_grace_period() -> None:
    known = roster(BEA, CEM)
    known.cut()
    assert known.apply(Welcome("ann", (BEA,), 2, 1), 1_000) == []
    assert set(known.players) == {"bea", "cem"}
    assert known.expire(1_000 + GRACE_MS - 1) == []
    assert known.expire(1_000 + GRACE_MS) == [Left(CEM)]
    assert known.expire(9_000_000) == []


def test_a_missing_player_that_comes_back_in_time_never_left() -> None:
    known = roster(BEA, CEM)
    known.cut()
    known.apply(Welcome("ann", (), 2, 1), 0)
    assert known.apply(Join(Player("cem", n=1, name="Cem")), 10) == []
    assert known.players["cem"].at == CEM.at  # it has not sent a position yet
    known.apply(Moves(1, ((1, Position(5, 5)),)), 20)
    assert known.players["cem"].at == Position(5, 5)
    assert known.expire(GRACE_MS) == [Left(BEA)]


def test_a_welcome_without_a_lost_connection_and_a_leave_remove_players_at_once() -> None:
    known = roster(BEA, CEM)
    assert known.apply(Welcome("ann", (BEA,), 2, 1), 0) == [Left(CEM)]
    known.cut()
    known.apply(Welcome("ann", (), 2, 1), 0)
    assert known.apply(Leave("bea"), 1) == [Left(BEA)]
    assert known.players == {}


def test_the_old_number_of_a_missing_player_belongs_to_the_player_that_has_it_now() -> None:
    known = roster(BEA, CEM)
    known.cut()
    known.apply(Welcome("ann", (CEM._replace(n=2),), 2, 1), 0)
    known.apply(Moves(1, ((2, Position(9, 9)),)), 0)
    assert (known.players["cem"].at, known.players["bea"].at) == (Position(9, 9), BEA.at)
    known.expire(GRACE_MS)
    known.apply(Moves(1, ((2, Position(8, 8)),)), 0)
    assert known.players["cem"].at == Position(8, 8)


def test_a_second_outage_does_not_make_the_grace_period_longer() -> None:
    known = roster(BEA)
    for now in (0, GRACE_MS - 1):
        known.cut()
        known.apply(Welcome("ann", (), 2, 1), now)
    assert known.expire(GRACE_MS) == [Left(BEA)]


def test_a_roster_keeps_no_more_players_than_a_room_can_have_and_those_that_are_here_come_first() -> None:
    known = roster(BEA)
    for i in range(ROSTER_MOST + 10):
        known.apply(Join(Player(f"p{i}", n=i + 10)))
    assert len(known.players) == ROSTER_MOST
    known.cut()
    others = tuple(Player(f"q{i}", n=i + 10) for i in range(ROSTER_MOST - 1))
    events = known.apply(Welcome("ann", others, 2, 1))
    assert len(known.players) == ROSTER_MOST
    assert sum(isinstance(event, Left) for event in events) == ROSTER_MOST - 1
    assert others[-1].id in known.players


def test_a_join_of_the_own_player_is_ignored() -> None:
    assert roster(BEA).apply(Join(Player("ann", n=1))) == []
