"""The bench of `make bench`: its figures, the protocols it speaks, and a small run of each scenario."""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import compare, load
from bench.wires import ColyseusWire, Lobby3Wire, LobbyWire, changes, number
from lobby.compact import Encoder
from lobby.presence import Position

FIGURES = compare.Figures(1.0, 2.0, 0.5, 40.0, 1000.0, 0.1, 0)
POSITION = "800000c03f810000204082000060408300009040840000b040"
PATCH = bytes.fromhex("0f ff02" + POSITION + "ff03" + POSITION)
STATE = bytes.fromhex(
    "0e 8001 ff01 8000 a9427053385f5f743841 02 8001 a96b7453454b4b7a4437 03 ff02" + POSITION + "ff03" + POSITION
)
JOIN = bytes.fromhex("0f ff01 8001 a96b7453454b4b7a4437 03 ff03" + POSITION)


@pytest.fixture(autouse=True)
def same_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test does not move the other tests of its process to one core."""
    monkeypatch.setattr(load, "pin", lambda which: None)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 5), (0.51, 6), (0.99, 10), (1.0, 10)])
def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed(share: float, value: float) -> None:
    assert compare.percentile(range(1, 11), share) == value


def test_nothing_has_no_percentile() -> None:
    assert compare.percentile([], 0.5) is None


def test_a_median_is_lacking_if_one_repeat_has_no_figure() -> None:
    repeats = [replace(FIGURES, p99_ms=value, join_s=join) for value, join in ((9.0, 1.0), (2.0, None), (4.0, 3.0))]
    assert compare.medians(repeats) == replace(FIGURES, p99_ms=4.0, join_s=None)


def test_ratios_compare_the_lobby_with_each_other_server() -> None:
    other = replace(FIGURES, p99_ms=8.0, server_mb=None, bytes_per_player=500.0)
    rows = [compare.Row("rooms", 20, "lobby", FIGURES), compare.Row("rooms", 20, "baseline", other)]
    assert compare.ratios(rows) == [["20 rooms of 50", "lobby / baseline", "1.00", "0.25", "2.00", "–", "–"]]


def test_a_busy_generator_is_marked() -> None:
    assert compare.cells(compare.Row("ten", 10, "lobby", replace(FIGURES, generator_core=0.9)))[-1] == "0.90 !"
    assert compare.cells(compare.Row("ten", 10, "lobby", replace(FIGURES, generator_core=0.8)))[-1] == "0.80"


def test_a_receiver_finds_the_positions_of_a_lobby_again() -> None:
    wire = LobbyWire()
    assert wire.greeting(b'{"type":"config"}') is None
    assert wire.greeting(b'{"type":"welcome","your_id":"a","lobby_players":[{"id":"b"},{"id":"c"}],"n":7}') == b""
    frame, key = wire.position(0, 40)
    assert frame.endswith(b',"seq":40}')
    assert list(wire.moves(b'{"type":"moves","t":1,"m":[[7,500,0,0,500,0,40],[8,1,2,0,0,0,3]]}')) == [key, (8, 3)]


@pytest.mark.parametrize(
    ("frame", "others"),
    [
        (b'{"type":"welcome","your_id":"a","lobby_players":[{"id":"b"},{"id":"c"}],"n":7}', 2),
        (b'{"type":"join","id":"b"}', 1),
        (b'{"type":"leave","id":"b"}', -1),
        (b'{"type":"moves","t":1,"m":[]}', 0),
    ],
)
def test_presence_of_a_lobby_is_counted(frame: bytes, others: int) -> None:
    assert LobbyWire().others(frame) == others


def test_changes_of_version_3_may_name_known_players_and_the_receiver() -> None:
    wire = Lobby3Wire()
    frames = (
        b'{"type":"welcome","your_id":"a","lobby_players":[{"id":"b"}],"n":7}',
        b'{"type":"changes","join":[{"id":"a"},{"id":"b"},{"id":"c"}]}',
        b'{"type":"changes","leave":["b"]}',
        b'{"type":"moves","t":1,"m":[]}',
    )
    assert [wire.others(frame) for frame in frames] == [1, 1, -1, 0]


def test_a_receiver_of_version_3_finds_positions_in_compact_form_and_in_json() -> None:
    encoder, wire = Encoder(), Lobby3Wire()
    frames = [encoder.encode(1_000 + 200 * seq, [(7, "b", Position(seq, seq, seq=seq))]) for seq in (1, 2)]
    assert [list(wire.moves(frame)) for frame in frames] == [[(7, 1)], [(7, 2)]]
    assert list(Lobby3Wire().moves(frames[1])) == [], "the base was not read"
    assert list(wire.moves(b'{"type":"moves","t":1,"m":[[7,1,1,0,0,0,3]]}')) == [(7, 3)]


def test_a_receiver_finds_x_and_y_in_a_patch_of_colyseus() -> None:
    assert list(ColyseusWire().moves(PATCH)) == [struct.pack("<ff", 1.5, 2.5)] * 2


def test_the_key_of_a_position_is_what_colyseus_sends_of_it() -> None:
    frame, key = ColyseusWire().position(3, 5)
    x, y = struct.unpack_from(">f", frame, 9)[0], struct.unpack_from(">f", frame, 16)[0]
    assert key == struct.pack("<ff", x, y)


def test_no_two_positions_of_colyseus_have_the_same_key() -> None:
    keys = {ColyseusWire().position(index, seq)[1] for index in range(100) for seq in range(1, 200)}
    assert len(keys) == 100 * 199


def test_a_player_of_colyseus_is_counted_once_and_never_itself() -> None:
    wire = ColyseusWire()
    assert [wire.others(STATE), wire.others(JOIN), wire.others(PATCH)] == [1, 0, 0]
    assert list(changes(bytes.fromhex("0fff014001"))) == [(1, 1, b"")]
    assert wire.others(bytes.fromhex("0fff014001")) == -1


@pytest.mark.parametrize(("encoded", "value"), [("7f", 127), ("ccff", 255), ("cd0102", 513), ("ce01000001", 16_777_217)])
def test_references_have_one_to_five_bytes(encoded: str, value: int) -> None:
    assert number(bytes.fromhex(encoded), 0) == (value, len(encoded) // 2)


def test_a_byte_that_begins_no_reference_is_an_error() -> None:
    with pytest.raises(ValueError, match="byte 0 of the patch is 0xd0"):
        number(b"\xd0\x01", 0)


def measured(subject: compare.Subject, name: str, players: int) -> compare.Figures:
    """A short measurement."""
    scenario = replace(compare.SCENARIOS[name], players=lambda count: count)
    with compare.running(subject, scenario, players) as (port, pid):
        return asyncio.run(compare.measure(subject, port, pid, scenario, players, 0.2, 0.7))


def complete(figures: compare.Figures, name: str) -> bool:
    """Whether a measurement has what the scenario measures."""
    return (
        figures.cut == 0
        and figures.p50_ms is not None
        and figures.bytes_per_player > 0
        and (figures.join_s is not None) == compare.SCENARIOS[name].storms
    )


@pytest.fixture(scope="module", params=["2", "3", "colyseus"])
def subject(request: pytest.FixtureRequest) -> Iterator[compare.Subject]:
    if request.param != "colyseus":
        yield compare.lobby_at("lobby", compare.ROOT, sys.executable, request.param)
    else:
        with compare.colyseus() as found:
            yield found


@pytest.mark.parametrize("name", compare.SCENARIOS)
def test_each_scenario_measures_each_server(name: str, subject: compare.Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "RESIDENTS", 4)
    monkeypatch.setattr(compare, "SCENARIOS", {**compare.SCENARIOS, "slow": replace(compare.SCENARIOS["slow"], stuck=2)})
    figures = measured(subject, name, 6)
    assert complete(figures, name), figures


def test_an_older_commit_runs_from_a_folder_of_its_own() -> None:
    with compare.baseline("HEAD", "2") as subject:
        tree = Path(subject.environment["PYTHONPATH"]).parent
        assert complete(measured(subject, "ten", 3), "ten")
    assert not tree.exists()
