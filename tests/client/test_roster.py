"""What a client knows of the others."""

from __future__ import annotations

from lobby.client.backoff import LONGEST_MS, pause_ms
from lobby.client.roster import Joined, Left, Moved, Roster, StatusSet
from lobby.messages import Error, Join, Leave, Moves, Player, PlayerPos, StatusChanged, Welcome
from lobby.presence import Position

BEA = Player("bea", Position(1, 2), 2, "Bea")
CEM = Player("cem", Position(3, 4), 3, "Cem")


def roster(*players: Player) -> Roster:
    known = Roster()
    known.hear(Welcome("ann", players, 2, 1))
    return known


def test_the_first_welcome_is_everybody_joining() -> None:
    known = Roster()
    assert known.hear(Welcome("ann", (BEA, CEM), 2, 1)) == [Joined(BEA), Joined(CEM)]
    assert known.you.id == "ann"
    assert known.players == {"bea": BEA, "cem": CEM}


def test_a_welcome_after_a_blip_tells_differences_only() -> None:
    known = roster(BEA, CEM)
    assert known.hear(Welcome("ann", (BEA, CEM), 2, 1)) == []
    moved = BEA._replace(at=Position(9, 9), status="away")
    dee = Player("dee", n=4)
    assert known.hear(Welcome("ann", (moved, dee), 2, 1, t=7)) == [Left(CEM), Moved(moved, 7), StatusSet(moved), Joined(dee)]


def test_a_join_that_is_told_again_puts_nobody_back() -> None:
    known = roster(BEA)
    known.hear(Moves(1, ((2, Position(9, 9, seq=5)),)))
    assert known.hear(Join(BEA)) == []
    assert known.players["bea"].at == Position(9, 9, seq=5)


def test_a_join_with_another_number_is_a_player_who_went_and_came_unnoticed() -> None:
    known = roster(BEA)
    again = BEA._replace(n=8, at=Position())
    assert known.hear(Join(again)) == [Moved(again)]
    known.hear(Moves(1, ((8, Position(9, 9)),)))
    assert known.players["bea"].at == Position(9, 9)


def test_players_come_move_and_go() -> None:
    known = roster()
    assert known.hear(Join(BEA)) == [Joined(BEA)]
    there = BEA._replace(at=Position(5, 6))
    assert known.hear(PlayerPos("bea", Position(5, 6))) == [Moved(there)]
    assert known.hear(Leave("bea")) == [Left(there)]
    assert known.players == {}


def test_what_is_repeated_says_nothing_new() -> None:
    known = roster(BEA)
    assert known.hear(Join(BEA)) == []
    known.hear(Leave("bea"))
    assert known.hear(Leave("bea")) == []


def test_moves_name_players_by_number_and_leave_oneself_and_strangers_out() -> None:
    known = roster(BEA)
    events = known.hear(Moves(9, ((1, Position(7, 7)), (2, Position(5, 6)), (99, Position(8, 8)))))
    assert events == [Moved(BEA._replace(at=Position(5, 6)), 9)]


def test_an_older_position_is_ignored_and_one_without_a_count_is_not() -> None:
    known = roster(BEA)
    known.hear(Moves(1, ((2, Position(5, 5, seq=9)),)))
    assert known.hear(Moves(2, ((2, Position(4, 4, seq=8)),))) == []
    assert known.hear(Moves(3, ((2, Position(6, 6)),))) == [Moved(BEA._replace(at=Position(6, 6)), 3)]


def test_a_status_is_told_ones_own_too() -> None:
    known = roster(BEA)
    assert known.hear(StatusChanged("bea", "away")) == [StatusSet(BEA._replace(status="away"))]
    assert known.hear(StatusChanged("ann", "away")) == [StatusSet(known.you)]
    assert known.you.status == "away"
    assert known.hear(StatusChanged("who", "away")) == []


def test_errors_change_nothing() -> None:
    known = roster(BEA)
    assert known.hear(Error("bad_json", "no")) == []


def test_pauses_grow_are_random_and_have_an_end() -> None:
    assert [pause_ms(tries, 1.0) for tries in range(4)] == [500, 1000, 2000, 4000]
    assert pause_ms(3, 0.0) == 0
    assert pause_ms(1_000, 1.0) == LONGEST_MS
