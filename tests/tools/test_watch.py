"""The picture that `lobby watch` draws, and the lines that it prints."""

from __future__ import annotations

import io
import math

import pytest
from rich.cells import cell_len
from rich.console import Console

from lobby.client import Connected, Disconnected, Event, MessageRefused
from lobby.client.roster import Joined, Left, Moved, StatusSet
from lobby.messages import Player
from lobby.presence import Position
from lobby.terminal import one_line
from lobby.tools.watch import Scene, Spot, Traffic, fit, line, picture, tint

NOW_S = 1000.0
ANN = Player("ann", Position(0, 0), 1, "Ann")
BEA = Player("bea", Position(30, 0), 2, "Bea", "trading")


def scene(*events: Event, at_s: float = NOW_S) -> Scene:
    made = Scene("ws://127.0.0.1:8765/", "hub")
    for event in (Connected("watch_1"), *events):
        made.take(event, at_s)
    return made


def crowd(count: int) -> Scene:
    spots = [Position(50 * math.cos(n), 50 * math.sin(n * 1.7), 3, 1) for n in range(count)]
    return scene(*(Joined(Player(f"p{n}", spots[n], n, f"Player {n:03}")) for n in range(count)))


def rows(shown: Scene, width: int = 110, height: int = 30, now_s: float = NOW_S) -> list[str]:
    """What a terminal of that size would show."""
    console = Console(
        file=io.StringIO(), width=width, height=height, record=True, force_terminal=True, color_system="truecolor"
    )
    console.print(picture(shown, width, height, now_s), end="")
    return console.export_text().split("\n")


def where(lines: list[str], text: str) -> tuple[int, int]:
    """Row and column of the first place where ``text`` is."""
    return next((y, row.index(text)) for y, row in enumerate(lines) if text in row)


def on_map(shown: Scene, **size: float) -> list[str]:
    return [row.partition("│")[0] for row in rows(shown, **size)]  # type: ignore[arg-type]


def test_all_players_are_on_the_map_and_in_the_list() -> None:
    lines = rows(scene(Joined(ANN), Joined(BEA)))
    assert "2 players" in lines[0]
    assert "connected" in lines[0]
    assert "room hub" in lines[0]
    listed = next(row for row in lines if row.partition("│")[2].strip().startswith("Bea"))
    for word in ("trading", "30.0 0.0", "0.0 s"):
        assert word in listed
    assert "● Ann" in "\n".join(lines)


def test_east_is_right_and_y_grows_downwards_as_in_the_viewer() -> None:
    north = Player("n", Position(0, -20), 3, "Nia")
    lines = on_map(scene(Joined(ANN), Joined(BEA), Joined(north)))
    (ann_y, ann_x), (bea_y, bea_x), (nia_y, _) = where(lines, "Ann"), where(lines, "Bea"), where(lines, "Nia")
    assert ann_x < bea_x
    assert ann_y == bea_y
    assert nia_y < ann_y
    assert "north (−y)" in "\n".join(lines)


@pytest.mark.parametrize(("vx", "vy", "symbol"), [(5, 0, "→"), (0, -5, "↑"), (0, 5, "↓"), (-5, -5, "↖"), (0, 0, "●")])
def test_a_symbol_points_where_its_player_goes(vx: float, vy: float, symbol: str) -> None:
    assert f"{symbol} Ann" in "\n".join(on_map(scene(Joined(ANN._replace(at=Position(0, 0, vx, vy))))))


def test_a_player_is_extrapolated_between_two_messages() -> None:
    shown = scene(Joined(ANN), Joined(BEA._replace(at=Position(0, 10, 20))))
    assert where(on_map(shown, now_s=NOW_S + 0.9), "Bea")[1] > where(on_map(shown), "Bea")[1]
    # For a second only: a player that sends nothing more stops.
    assert shown.players["bea"].spot(NOW_S + 5)[:2] == (0, 10)


def test_a_player_without_a_velocity_gets_the_speed_of_its_positions() -> None:
    shown = scene(Joined(ANN))
    for tenth in range(1, 6):
        shown.take(Moved(ANN._replace(at=Position(tenth / 2, 0))), NOW_S + tenth / 10)
    assert shown.players["ann"].velocity(NOW_S + 0.5) == pytest.approx((5, 0))
    assert shown.players["ann"].velocity(NOW_S + 5) == (0, 0)


def test_a_moving_player_leaves_a_trail_that_fades() -> None:
    shown = scene(Joined(ANN), Joined(BEA))
    shown.take(Moved(ANN._replace(at=Position(20, 20))), NOW_S + 0.5)

    def is_trail(now_s: float) -> bool:
        return any("\u2800" < glyph <= "\u28ff" for row in on_map(shown, now_s=now_s) for glyph in row)

    assert is_trail(NOW_S + 0.6)
    assert not is_trail(NOW_S + 10)


def test_a_name_with_markup_in_it_is_shown_as_it_is() -> None:
    lines = rows(scene(Joined(ANN._replace(name="[red]x[/red]", status="[bold]")), Joined(BEA._replace(name="[/]"))))
    text = "\n".join(lines)
    for word in ("[red]x[/red]", "[bold]", "[/] joined"):
        assert word in text


def test_no_name_can_command_the_terminal() -> None:
    evil = "\x1b[2J\x1b]0;pwned\x07\u202e\u200b\n\r\x9b1mBo"
    shown = scene(
        Joined(ANN._replace(name=evil, status=evil)), Joined(Player(evil)), MessageRefused("x", evil), Disconnected(evil, 1.0)
    )
    plain = picture(shown, 110, 30, NOW_S).plain
    assert all(glyph.isprintable() or glyph == "\n" for glyph in plain)
    assert plain.count("\n") == 29
    assert one_line(evil) == "·[2J·]0;pwned····1mBo"
    for event in (
        Joined(ANN._replace(name=evil)),
        MessageRefused("x", evil),
        Disconnected(evil, 1.0),
        StatusSet(ANN._replace(status=evil)),
    ):
        assert line(event, NOW_S).isprintable()


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (20, 6), (40, 12), (75, 24), (76, 24), (80, 24), (110, 30), (200, 60)])
@pytest.mark.parametrize("players", [0, 30])
def test_the_picture_fills_a_terminal_of_any_size_exactly(size: tuple[int, int], players: int) -> None:
    shown = crowd(players)
    shown.take(Joined(Player("wide", Position(1, 1), 99, "漢字漢字漢字漢字漢字", "🚀🚀🚀🚀🚀🚀🚀🚀")), NOW_S)
    lines = picture(shown, *size, NOW_S).plain.split("\n")
    assert len(lines) == size[1]
    assert all(cell_len(row) <= size[0] for row in lines)


def test_two_hundred_players_are_readable() -> None:
    lines = rows(crowd(200), 120, 40)
    text = "\n".join(lines)
    listed = [row.partition("│")[2] for row in lines]
    names = sum("Player" in row for row in listed)
    assert f"and {200 - names} more" in text
    assert names > 25
    # On the map only names that hide nothing; those that are there are whole, with a blank on either side.
    found = [word for row in on_map(crowd(200), width=120, height=40) for word in row.split("Player ")[1:]]
    assert 5 < len(found) < 200
    assert all(word[:3].isdigit() for word in found)


def test_a_distant_player_does_not_shrink_the_map_for_the_others() -> None:
    shown = crowd(40)
    shown.take(Joined(Player("far", Position(900_000, 900_000), 77, "Far")), NOW_S)
    text = "\n".join(on_map(shown, width=120, height=40))
    assert "1 outside the map" in text
    assert text.count("Player") > 5


def test_the_map_does_not_swim_with_every_move() -> None:
    spots = [Spot(0, 0, 0), Spot(40, 20, 0)]
    moved = [Spot(0.2, 0.1, 0), Spot(40.2, 20.1, 0)]
    assert fit(spots, 120, 80) == fit(moved, 120, 80)


@pytest.mark.parametrize("far", [0, 1, 19.7, 1234.5, 1e6])
def test_the_map_shows_all_of_a_few_players(far: float) -> None:
    spots = [Spot(-far, far / 3, 0), Spot(far * 2, -far, 0), Spot(0, 0, 0)]
    view = fit(spots, 100, 60)
    for spot in spots:
        assert abs(spot.x - view.x) / view.scale < 50
        assert abs(spot.y - view.y) / view.scale < 30


def test_a_position_that_is_no_number_is_not_drawn_and_breaks_nothing() -> None:
    broken = [Position(math.nan, 0), Position(math.inf, 0), Position("x", 0), Position(1, 1, math.nan), Position(1e300, 0)]  # type: ignore[arg-type]
    shown = scene(Joined(ANN), *(Joined(Player(f"b{n}", at, n + 5, f"Broken {n}")) for n, at in enumerate(broken)))
    lines = rows(shown)
    assert "Broken" not in "\n".join(on_map(shown)[:-5])  # the log at the bottom contains their joins
    assert any("Broken 0" in row and "?" in row for row in lines)


def test_a_player_that_left_is_only_in_the_log() -> None:
    shown = scene(Joined(ANN), Joined(BEA))
    shown.take(Left(BEA), NOW_S + 3)
    lines = rows(shown, now_s=NOW_S + 5)
    assert "Bea" not in "\n".join(lines[:-5])
    assert "5.0 s ago  Ann joined" in lines[-4]
    assert "2.0 s ago  Bea left" in lines[-2]


def test_a_lost_connection_is_shown() -> None:
    shown = scene(Joined(ANN))
    shown.take(Disconnected("closed with 4000", 3.0), NOW_S)
    assert "closed with 4000; again in 3 s" in rows(shown)[0]
    shown.take(Connected("watch_1"), NOW_S)
    assert "● connected" in rows(shown)[0]


def test_the_screen_explains_that_the_command_is_a_player() -> None:
    assert "This command has joined as the player “watch”." in rows(scene())[-1]


def test_the_figures_are_those_of_the_last_two_seconds() -> None:
    shown = scene()
    for tenth in range(100):
        shown.measure(Traffic(tenth / 10, tenth * 2, tenth * 300, tenth // 10), 3.21)
    assert shown.rates() == pytest.approx((20, 1, 3000))
    for word in ("in 20/s", "3.0 kB/s", "ping 3.2 ms"):
        assert word in rows(shown)[1]


def test_a_player_has_the_same_colour_as_in_the_viewer() -> None:
    # Computed by viewer/colour.js: tints 11, 13 and 6 of 18.
    assert [tint(id) for id in ("ann", "bea", "bot_0_11")] == ["#89cbff", "#bdbbff", "#99d69a"]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Connected("watch_1"), "connected watch_1"),
        (Joined(BEA), 'joined bea "Bea" at 30 0'),
        (Left(BEA), 'left bea "Bea"'),
        (Moved(BEA._replace(at=Position(1.5, -2.25))), "moved bea to 1.5 -2.25"),
        (StatusSet(BEA), 'status bea "trading"'),
        (MessageRefused("too_large", "a message is too large"), 'refused too_large "a message is too large"'),
        (Disconnected("closed with 1006", 0.5), 'disconnected "closed with 1006" again in 0.5 s'),
    ],
)
def test_a_pipe_gets_one_plain_line_for_each_event(event: Event, told: str) -> None:
    assert line(event, 1_795_426_800.25) == f"2026-11-23T09:40:00.250Z {told}"
