"""Who hears which positions, and when."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from lobby.fanout import Share, Window, window_ms
from lobby.presence import Position, Presence
from lobby.settings import Settings


def crowd(count: int, spread: float = 100.0) -> list[Presence]:
    """Players on a square grid, ``spread`` units apart."""
    side = round(count**0.5)
    return [
        Presence("lobby", f"c{i}", f"p{i}", n=i + 1, v=2, at=Position(i % side * spread, i // side * spread))
        for i in range(count)
    ]


def told(shares: list[Share]) -> dict[str, set[str]]:
    """Who hears of whom."""
    heard: defaultdict[str, set[str]] = defaultdict(set)
    for receivers, movers in shares:
        for receiver in receivers:
            heard[receiver.connection] |= {mover.connection for mover in movers} - {receiver.connection}
    return dict(heard)


def close(window: Window, roster: list[Presence], now: int = 1_000, near_players: int = 100) -> dict[str, set[str]]:
    shares = window.close(roster, now, Settings(near_players=near_players, room_size=10_000))
    receivers = [row.connection for share in shares for row in share.receivers]
    assert len(receivers) == len(set(receivers)), "somebody gets two frames in one window"
    return told(shares)


def test_a_few_players_do_not_wait_and_many_wait_as_long_as_they_may() -> None:
    assert [window_ms(n, 50) for n in (1, 16, 17, 100, 250, 5_000)] == [0, 0, 3, 20, 50, 50]
    assert window_ms(5_000, 10) == 10


def test_everybody_in_a_small_room_hears_of_everybody_else_who_moved() -> None:
    roster, window = crowd(4), Window()
    window.moved("p1")
    window.moved("p2")
    assert close(window, roster) == {"c0": {"c1", "c2"}, "c1": {"c2"}, "c2": {"c1"}, "c3": {"c1", "c2"}}
    assert close(window, roster) == {}


def test_the_only_mover_is_not_told_of_itself_and_who_is_alone_of_nobody() -> None:
    window = Window()
    window.moved("p1")
    assert close(window, crowd(4)) == {"c0": {"c1"}, "c2": {"c1"}, "c3": {"c1"}}
    window.moved("p0")
    assert close(window, crowd(1)) == {}


def test_a_share_is_encoded_once_for_all_who_hear_it() -> None:
    roster, window = crowd(9), Window()
    for row in roster:
        window.moved(row.player)
    assert window.close(roster, 0, Settings()) == [Share(roster, roster)]


def test_who_left_in_the_meantime_is_not_told_of() -> None:
    window = Window()
    window.moved("gone")
    assert close(window, crowd(4)) == {}


def test_in_a_big_room_the_near_are_heard_at_once_and_the_far_by_and_by() -> None:
    roster, window = crowd(400), Window()
    window.far_due_ms = 2_000
    window.moved("p0")  # in a corner
    at_once = close(window, roster, now=1_000, near_players=36)
    assert 0 < len(at_once) < 100
    assert "c1" in at_once
    assert "c399" not in at_once
    assert not window.is_empty
    assert len(close(window, roster, now=2_000, near_players=36)) == 399
    assert window.is_empty


def test_neighbours_on_both_sides_of_a_border_hear_each_other() -> None:
    roster = crowd(400)
    for mover in roster[::37]:
        window = Window(far_due_ms=10_000)
        window.moved(mover.player)
        heard = close(window, roster, near_players=36)
        for row in roster:
            if 0 < abs(row.at.x - mover.at.x) + abs(row.at.y - mover.at.y) <= 100:
                assert mover.connection in heard[row.connection]


def test_a_crowd_on_one_spot_or_on_one_line_is_all_near() -> None:
    spot = [row._replace(at=Position()) for row in crowd(150)]
    line = [row._replace(at=Position(row.n)) for row in crowd(150)]
    for roster in (spot, line):
        window = Window(far_due_ms=10_000)
        window.moved("p70")
        assert "c71" in close(window, roster, near_players=100)


moves = st.lists(st.tuples(st.integers(0, 29), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 300)), max_size=40)


@given(moves, st.integers(0, 40))
def test_the_last_position_of_everybody_reaches_everybody_whatever_the_room(
    history: list[tuple[int, float, float, int]], near_players: int
) -> None:
    settings = Settings(near_players=near_players)
    rows = {row.connection: row for row in crowd(30)}
    window, now = Window(), 0
    known: defaultdict[str, dict[str, Position]] = defaultdict(dict)

    def tell() -> None:
        for receivers, movers in window.close(list(rows.values()), now, settings):
            for receiver in receivers:
                known[receiver.connection].update({mover.connection: mover.at for mover in movers})

    for i, x, y, wait in history:
        rows[f"c{i}"] = rows[f"c{i}"]._replace(at=Position(x, y))
        window.moved(f"p{i}")
        if wait > 100:
            now += wait
            tell()
    while not window.is_empty:
        now = max(now, window.far_due_ms)
        tell()
    for receiver in rows:
        for i, *_ in history:
            mover = f"c{i}"
            assert receiver == mover or known[receiver][mover] == rows[mover].at
