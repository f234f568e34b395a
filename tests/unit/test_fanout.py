"""Which connections receive which positions, and when."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lobby.fanout import FRAME_MS, MOST_SHARE, QUIET_CONNECTIONS, FrameBudget, Share, Window
from lobby.presence import Position, Presence
from lobby.settings import Settings


def crowd(count: int, spread: float = 100.0) -> list[Presence]:
    """Players on a square grid, ``spread`` units apart."""
    side = round(count**0.5)
    return [
        Presence("lobby", f"c{i}", f"p{i}", n=i + 1, v=2, at=Position(i % side * spread, i // side * spread))
        for i in range(count)
    ]


def movers_of(shares: list[Share]) -> dict[str, set[str]]:
    """The movers that each receiver gets."""
    received: defaultdict[str, set[str]] = defaultdict(set)
    for receivers, movers, _ in shares:
        for receiver in receivers:
            received[receiver.connection] |= {mover.connection for mover in movers} - {receiver.connection}
    return dict(received)


def close(window: Window, roster: list[Presence], now: int = 1_000, near_players: int = 100) -> dict[str, set[str]]:
    shares = window.close(roster, now, Settings(near_players=near_players, room_size=10_000)).shares
    receivers = [row.connection for share in shares for row in share.receivers]
    assert len(receivers) == len(set(receivers)), "a connection gets two frames in one window"
    return movers_of(shares)


def test_windows_grow_with_the_number_of_receivers_up_to_the_setting() -> None:
    assert [FrameBudget(receivers=n).window_ms(50) for n in (1, 16, 17, 50, 100, 250, 2_000)] == [0, 0, 3, 10, 20, 50, 50]
    assert FrameBudget(receivers=400).window_ms(10) == 10


def test_a_host_that_cannot_keep_up_has_longer_windows_than_the_setting_in_all_rooms_alike() -> None:
    assert FrameBudget(receivers=4_000).window_ms(60) == 96
    assert FrameBudget(frame_ms=0.1, receivers=2_000).window_ms(60) == 400


@given(st.lists(st.tuples(st.integers(1, 5_000), st.floats(0.001, 1)), min_size=1), st.integers(1, 10_000))
def test_broadcasts_take_at_most_their_share_of_a_core(measured: list[tuple[int, float]], receivers: int) -> None:
    budget = FrameBudget(receivers=receivers)
    for frames, frame_ms in measured:
        budget.measured(frames, frames * frame_ms)
    costs = [FRAME_MS, *(frame_ms for _, frame_ms in measured)]
    assert min(costs) - 1e-9 <= budget.frame_ms <= max(costs) + 1e-9
    length_ms = budget.window_ms(60)
    assert receivers <= QUIET_CONNECTIONS or receivers * budget.frame_ms <= MOST_SHARE * (length_ms + 0.5)


def test_joins_and_leaves_of_a_window_are_taken_once_and_single_ones_wait_for_their_turn() -> None:
    window, roster = Window(), [row._replace(v=1) for row in crowd(1_000)]
    assert window.may_send_single(1_000)
    assert window.may_send_single(1_001)
    assert not window.may_send_single(1)
    for number in range(5):
        assert window.wait_single(f"p{number}", 1_000, 60) == 1_000
    assert window.entered_or_left("p9", 1_000, 60) == 1_000
    first = window.close(roster, 1_000, Settings(), length_ms=60)
    assert (first.changed, first.single, first.due_ms) == (["p9"], ["p0", "p1"], 1_060)
    assert not window.may_send_single(1), "it would overtake those that wait"
    second = window.close(roster, 1_060, Settings(), length_ms=60)
    assert (second.changed, second.single, second.due_ms) == ([], ["p2", "p3"], 1_120)
    last = window.close(roster, 1_120, Settings(), length_ms=60)
    assert (last.single, last.due_ms) == (["p4"], None)
    assert window.may_send_single(1)


def test_in_a_small_room_every_player_receives_every_other_mover() -> None:
    roster, window = crowd(4), Window()
    window.moved("p1", 0, 60)
    window.moved("p2", 0, 60)
    assert close(window, roster) == {"c0": {"c1", "c2"}, "c1": {"c2"}, "c2": {"c1"}, "c3": {"c1", "c2"}}
    assert close(window, roster) == {}


def test_a_single_mover_does_not_receive_itself_and_a_lone_player_receives_nothing() -> None:
    window = Window()
    window.moved("p1", 0, 60)
    assert close(window, crowd(4)) == {"c0": {"c1"}, "c2": {"c1"}, "c3": {"c1"}}
    window.moved("p0", 0, 60)
    assert close(window, crowd(1)) == {}


def test_a_small_room_is_one_share() -> None:
    roster, window = crowd(9), Window()
    for row in roster:
        window.moved(row.player, 0, 60)
    assert window.close(roster, 0, Settings()).shares == [Share(roster, roster)]


def test_a_player_that_left_in_the_meantime_is_not_broadcast() -> None:
    window = Window()
    window.moved("gone", 0, 60)
    assert close(window, crowd(4)) == {}


def test_in_a_large_room_near_players_receive_a_position_at_once_and_far_players_later() -> None:
    roster, window = crowd(400), Window()
    window.far_due_ms = 2_000
    window.moved("p0", 0, 60)  # in a corner
    at_once = close(window, roster, now=1_000, near_players=36)
    assert 0 < len(at_once) < 100
    assert "c1" in at_once
    assert "c399" not in at_once
    assert window.far
    assert len(close(window, roster, now=2_000, near_players=36)) == 399
    assert not window.near
    assert not window.far


def test_neighbours_on_both_sides_of_a_border_receive_each_other() -> None:
    roster = crowd(400)
    for mover in roster[::37]:
        window = Window(far_due_ms=10_000)
        window.moved(mover.player, 0, 60)
        received = close(window, roster, near_players=36)
        for row in roster:
            if 0 < abs(row.at.x - mover.at.x) + abs(row.at.y - mover.at.y) <= 100:
                assert mover.connection in received[row.connection]


def test_players_on_one_spot_or_on_one_line_are_all_near() -> None:
    spot = [row._replace(at=Position()) for row in crowd(150)]
    line = [row._replace(at=Position(row.n)) for row in crowd(150)]
    for roster in (spot, line):
        window = Window(far_due_ms=10_000)
        window.moved("p70", 0, 60)
        assert "c71" in close(window, roster, near_players=100)


# ── when a window is due (docs/decisions/0002-windows-follow-the-last-one.md) ─────────────────────────────────────────────


def test_the_first_mover_after_a_quiet_time_makes_the_window_due_at_once() -> None:
    assert Window().moved("p1", now=5_000, length_ms=60) == 5_000


def test_more_movers_do_not_change_when_the_window_is_due() -> None:
    window = Window()
    assert [window.moved(f"p{i}", now=5_000 + i, length_ms=60) for i in range(3)] == [5_000] * 3


def test_the_next_window_is_due_one_length_after_the_last_one_was_due_however_late_that_was_closed() -> None:
    window = Window()
    window.moved("p1", now=5_000, length_ms=60)
    close(window, crowd(4), now=5_013)  # the host was 13 ms late
    assert window.moved("p1", now=5_014, length_ms=60) == 5_060


def test_a_window_without_a_length_is_due_at_once_every_time() -> None:
    window = Window()
    for now in (5_000, 5_000, 5_001):
        assert window.moved("p1", now, length_ms=0) == now
        close(window, crowd(4), now)


def test_a_room_never_gets_two_windows_within_one_length_and_no_mover_waits_longer() -> None:
    window, due, closed = Window(), None, []
    for now in range(0, 3_000, 7):
        if due is not None and due <= now:
            closed.append(due)
            due = window.close(crowd(4), now, Settings()).due_ms
        if now % 5 == 0:
            due = window.moved("p1", now, length_ms=60)
            assert now <= due <= now + 60
    assert len(closed) > 40
    assert min(after - before for before, after in pairwise(closed)) >= 60


def test_the_far_tier_wakes_the_host_and_a_new_mover_wakes_it_earlier() -> None:
    roster, window = crowd(400), Window(far_due_ms=2_000)
    due = window.moved("p0", now=1_000, length_ms=60)
    assert due == 1_000
    assert window.close(roster, 1_000, Settings(near_players=36, room_size=1_000)).due_ms == 2_000
    assert window.moved("p1", now=1_100, length_ms=60) == 1_100


moves = st.lists(st.tuples(st.integers(0, 29), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 300)), max_size=40)


@given(moves, st.integers(0, 40))
def test_the_last_position_of_every_player_reaches_every_other_player(
    history: list[tuple[int, float, float, int]], near_players: int
) -> None:
    settings = Settings(near_players=near_players)
    rows = {row.connection: row for row in crowd(30)}
    window, now = Window(), 0
    due: int | None = None
    known: defaultdict[str, dict[str, Position]] = defaultdict(dict)

    def broadcast() -> int | None:
        shares, due, *_ = window.close(list(rows.values()), now, settings)
        for receivers, movers, _ in shares:
            for receiver in receivers:
                known[receiver.connection].update({mover.connection: mover.at for mover in movers})
        return due

    for i, x, y, wait in history:
        rows[f"c{i}"] = rows[f"c{i}"]._replace(at=Position(x, y))
        due = window.moved(f"p{i}", now, 60)
        if wait > 100:
            now += wait
            due = broadcast()
    while due is not None:
        now = max(now, due)
        due = broadcast()
    for receiver in rows:
        for i, *_ in history:
            mover = f"c{i}"
            assert receiver == mover or known[receiver][mover] == rows[mover].at
