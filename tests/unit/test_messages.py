"""The wire format: which messages are understood, and which are refused with which error."""

from __future__ import annotations

import json
import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby import messages as m
from lobby.errors import Refused
from lobby.presence import Position, Presence

hundredths = st.integers(-100_000_000, 100_000_000).map(lambda n: n / 100)
ids = st.from_regex(r"[A-Za-z0-9_.:|@-]{1,64}", fullmatch=True)
texts = st.text(max_size=32)
positions = st.builds(
    Position,
    hundredths,
    hundredths,
    hundredths,
    hundredths,
    hundredths,
    st.integers(0, 10**14),
    st.integers(0, 65_535),
    st.just(0),
    hundredths | st.just(0.0),
    hundredths | st.just(0.0),
)
untimed = positions.map(lambda at: at._replace(t=0))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, json_values, max_size=3)
players = st.builds(m.Player, ids, untimed, st.integers(1, 10_000), texts.filter(bool), texts, st.just(0), objects)
zero = st.just(0.0)
standing = st.builds(
    Position, hundredths, hundredths, zero, zero, zero, st.integers(0, 1000), st.just(0), st.just(0), hundredths, zero
)
server_messages = st.one_of(
    st.builds(
        m.Welcome,
        ids,
        st.lists(players).map(tuple),
        st.just(2),
        st.integers(1, 99),
        st.integers(0, 1 << 42),
        standing,
        texts,
        objects,
        st.booleans(),
    ),
    st.builds(m.Join, players),
    st.builds(m.Leave, ids),
    st.builds(m.Moves, st.integers(0, 1 << 42), st.lists(st.tuples(st.integers(1, 99), positions)).map(tuple)),
    st.builds(m.StatusChanged, ids, texts),
    st.builds(m.DataChanged, ids, objects),
    st.builds(m.Event, ids, ids.map(lambda id: id[:32]), objects),
    st.builds(m.Config, *[st.integers(1, 60_000)] * 4, st.just(0)),
    st.builds(m.Pong, st.integers(-(1 << 50), 1 << 50), st.integers(0, 1 << 42), st.integers(0, 1 << 31)),
    st.builds(m.Error, ids, texts, st.none(), st.none(), st.none() | st.integers(1000, 4999), st.none()),
    st.builds(m.Error, ids, texts, hundredths, hundredths, st.none(), st.none() | hundredths.filter(bool)),
)


def refusal(text: str) -> Refused:
    with pytest.raises(Refused) as caught:
        m.parse(text)
    return caught.value


@given(server_messages)
def test_a_client_decodes_what_version_2_encodes(message: m.ServerMessage) -> None:
    frame = m.encode(message, 1 if isinstance(message, m.PlayerPos) else 2)
    assert frame is not None
    assert m.decode(frame) == message


@given(st.lists(ids).map(tuple), st.lists(players).map(tuple), st.integers(0, 60_000))
def test_a_client_decodes_what_version_3_adds(leaves: tuple[str, ...], joins: tuple[m.Player, ...], return_ms: int) -> None:
    for message in (m.Changes(leaves, joins), m.Config(100, 60, 500, 20_000, return_ms)):
        frame = m.encode(message, 3)
        assert frame is not None
        assert m.decode(frame) == message
        assert m.encode(m.Changes(leaves, joins), 2) is None


@given(players)
def test_in_version_3_a_join_and_a_leave_are_changes(player: m.Player) -> None:
    assert m.decode(m.encode(m.Join(player), 3) or b"") == m.Changes(joins=(player,))
    assert m.decode(m.encode(m.Leave(player.id), 3) or b"") == m.Changes((player.id,))


rows = st.builds(
    Presence, st.just("lobby"), ids, ids, n=st.integers(1, 99), v=st.sampled_from([1, 2, 3]), name=texts, status=texts,
    at=positions, moved_ms=st.sampled_from([0, 900, 1_000, 1_500]), data=objects, granted=st.just({}), watch=st.booleans(),
)  # fmt: skip


@given(rows, st.lists(rows))
def test_a_welcome_from_encoded_entries_is_the_same_message(newcomer: Presence, others: list[Presence]) -> None:
    players = tuple([m.player_of(row, 1_000) for row in others])
    expected = m.encode(m.welcome_of(newcomer, players, 1_000), newcomer.v)
    assert m.CODECS[newcomer.v].welcome(newcomer, map(m.Entry.of, others), 1_000) == expected


def test_every_message_has_a_name_and_every_version_a_codec_that_knows_it() -> None:
    assert set(m.TYPES) == set(get_args(m.ServerMessage))
    assert set(m.ACTIONS) == set(get_args(m.ClientMessage))
    assert max(m.CODECS) == m.VERSION


def test_a_frame_of_positions_is_the_same_as_the_message() -> None:
    row = Presence("lobby", "c1", "ann", 4, at=Position(1, 2))
    assert m.CODECS[1].positions(5, [row]) == [m.Frame(m.encode(m.PlayerPos("ann", row.at), 1) or b"", "pos", "ann")]
    assert m.CODECS[2].positions(5, [row, row]) == [m.Frame(m.encode(m.Moves(5, ((4, row.at),) * 2), 2) or b"", "moves")]


@given(server_messages)
def test_version_1_receives_only_what_it_knows(message: m.ServerMessage) -> None:
    frame = m.encode(message, 1)
    if frame is not None:
        body = json.loads(frame)
        assert set(body) <= {
            "welcome": {"type", "your_id", "lobby_players"},
            "join": {"type", "id", "x", "y"},
            "leave": {"type", "id"},
            "pos": {"type", "id", "x", "y"},
            "error": {"type", "message", "code", "x", "y", "close"},
            "pong": {"type", "t", "now"},
        }.get(body["type"], set())
        assert all(set(player) == {"id", "x", "y"} for player in body.get("lobby_players", ()))


def test_messages_of_version_1_have_exactly_this_form() -> None:
    assert m.parse('{"action": "pos", "x": 12.5, "y": 8.3}') == m.Pos(Position(12.5, 8.3))
    assert json.loads(m.encode(m.PlayerPos("player_123", Position(12.5, 8.3)), 1) or "") == {
        "type": "pos", "id": "player_123", "x": 12.5, "y": 8.3,
    }  # fmt: skip
    welcome = m.Welcome("a", (m.Player("b", Position(1.0, 2.0)),))
    assert m.encode(welcome, 1) == b'{"type":"welcome","your_id":"a","lobby_players":[{"id":"b","x":1.0,"y":2.0}]}'


def test_a_pong_names_the_stored_position_in_version_2_only() -> None:
    assert m.encode(m.Pong(7, 99, 18), 2) == b'{"type":"pong","t":7,"now":99,"seq":18}'
    assert m.encode(m.Pong(7, 99, 0), 2) == b'{"type":"pong","t":7,"now":99,"seq":0}'
    assert m.encode(m.Pong(7, 99, 18), 1) == b'{"type":"pong","t":7,"now":99}'
    assert m.decode('{"type":"pong","t":7,"now":99}') == m.Pong(7, 99)


def test_the_entry_of_a_player_that_moves_has_its_clock_and_the_age_of_its_position() -> None:
    moving = Presence("lobby", "c", "b", n=4, at=Position(1.0, 2.0, vx=3.0, seq=9, t=500), moved_ms=10_000)
    frame = m.encode(m.Welcome("a", (m.player_of(moving, 10_420),)), 2)
    assert frame is not None
    assert b'"vx":3.0,"seq":9,"t":500,"age":420}' in frame
    assert m.decode(frame) == m.Welcome("a", (m.Player("b", moving.at, 4, "b", "", 420),), v=1)
    assert m.player_of(moving, 9_990).age == 0, "the clock of another host may be a little ahead"


def test_the_entry_of_a_player_at_rest_has_no_time() -> None:
    frame = m.encode(m.Join(m.Player("b", Position(1.0, 2.0, seq=9, t=500), 4, "b", "", 420)), 2)
    assert frame == b'{"type":"join","id":"b","x":1.0,"y":2.0,"n":4,"name":"b","status":"","seq":9}'


def test_zeros_at_the_end_of_an_entry_are_cut_off() -> None:
    assert m.encode_moves(5, [(4, Position(12.5, 8.3)), (7, Position())]) == b'{"type":"moves","t":5,"m":[[4,1250,830],[7]]}'
    assert m.decode('{"type":"moves","t":5,"m":[[4,1250,830],[7]]}') == m.Moves(5, ((4, Position(12.5, 8.3)), (7, Position())))


def test_more_values_in_an_entry_are_ignored() -> None:
    assert m.decode('{"type":"moves","t":5,"m":[[4,100,0,0,0,0,0,0,0,0,99,98]]}') == m.Moves(5, ((4, Position(1.0)),))


def test_a_version_2_position_carries_everything() -> None:
    text = '{"action":"pos","x":1.006,"y":-2,"vx":0.333,"vy":1e1,"h":3.14159,"seq":18,"t":93125,"new":[1]}'
    assert m.parse(text) == m.Pos(Position(1.006, -2, 0.333, 10, 3.14159, 18, 93125 % 65536, order=18))


def test_both_versions_send_hundredths() -> None:
    at = Position(1.006, -2.004, 0.333)
    assert m.encode(m.PlayerPos("a", at), 1) == b'{"type":"pos","id":"a","x":1.01,"y":-2.0}'
    assert m.encode(m.Moves(5, ((4, at),)), 2) == b'{"type":"moves","t":5,"m":[[4,101,-200,33]]}'
    assert m.encode(m.Join(m.Player("a", at)), 1) == b'{"type":"join","id":"a","x":1.01,"y":-2.0}'


def test_whole_numbers_may_be_written_as_floats() -> None:
    assert m.parse('{"action":"pos","x":1,"y":2,"seq":5.0,"t":7.0}') == m.Pos(Position(1, 2, seq=5, t=7, order=5))


def test_hello_ping_and_status_are_understood() -> None:
    assert m.parse('{"action":"hello"}') == m.Hello()
    assert m.parse('{"action":"ping","t":12}') == m.Ping(12)
    assert m.parse('{"action":"status","status":" trading "}') == m.Status("trading")


@pytest.mark.parametrize(
    "text", ["", "no", "{", '{"action":"pos"', "\x00", "[" * 100_000, "{'action':'pos'}", '{"action":"\\ud800"}']
)
def test_text_that_is_not_json_is_bad_json(text: str) -> None:
    assert refusal(text).code == "bad_json"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400])
def test_numbers_that_are_not_json_or_too_large_are_bad_json(number: str) -> None:
    assert refusal(f'{{"action":"pos","x":{number},"y":0}}').code == "bad_json"


@pytest.mark.parametrize("text", ["[]", '"pos"', "12", "null", "true", "{}", '{"x":1}', '{"action":null}'])
def test_json_that_is_not_a_message_is_a_bad_message(text: str) -> None:
    assert refusal(text).code == "bad_message"


@pytest.mark.parametrize("action", ['"fly"', "5", "[]", "{}", '"POS"', '"' + "x" * 500 + '"'])
def test_an_unknown_action_is_named_and_not_echoed_at_length(action: str) -> None:
    error = refusal(f'{{"action":{action}}}')
    assert error.code == "unknown_action"
    assert len(error.detail) < 120


@pytest.mark.parametrize("name", ["x", "y", "vx", "vy", "h", "seq", "t"])
@pytest.mark.parametrize("value", ['"1"', "true", "null", "[]", "{}", "1e20", "-1e20"])
def test_anything_but_a_finite_number_is_a_bad_position(name: str, value: str) -> None:
    fields = {"x": "1", "y": "1", name: value}
    error = refusal('{"action":"pos",' + ",".join(f'"{key}":{text}' for key, text in fields.items()) + "}")
    assert error.code == "bad_position"
    assert name in error.detail


@pytest.mark.parametrize("text", ['{"action":"pos","x":1}', '{"action":"pos","y":1}', '{"action":"pos"}'])
def test_a_position_without_x_or_y_says_which_is_missing(text: str) -> None:
    assert refusal(text).code == "bad_position"
    assert "needs" in refusal(text).detail


@pytest.mark.parametrize("value", ["-1", "1.5", "1e300"])
def test_seq_is_a_whole_number(value: str) -> None:
    assert refusal(f'{{"action":"pos","x":1,"y":1,"seq":{value}}}').code == "bad_position"


@pytest.mark.parametrize("value", ["null", "5", '"' + "x" * 33 + '"', '"a\\u0000b"', '"\\u202eevil"'])
def test_a_status_is_a_short_text_without_control_characters(value: str) -> None:
    assert refusal(f'{{"action":"status","status":{value}}}').code == "bad_message"


@given(st.text(max_size=300))
def test_garbage_is_refused_and_raises_no_other_error(text: str) -> None:
    try:
        m.parse(text)
    except Refused:
        pass


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"action": st.sampled_from(["pos", "ping", "status", "hello"])},
        optional=dict.fromkeys(("x", "y", "vx", "vy", "h", "seq", "t", "status"), json_values),
    )
)
def test_any_value_of_a_field_gives_a_message_or_a_refusal(body: dict[str, Any]) -> None:
    try:
        message = m.parse(json.dumps(body))
    except Refused:
        return
    if isinstance(message, m.Pos):
        assert all(math.isfinite(value) for value in message.at)
        assert 0 <= message.at.t < m.CLOCK_MODULUS_MS


@given(st.text(max_size=100) | json_values.map(json.dumps))
def test_garbage_from_a_server_raises_only_a_value_error(text: str) -> None:
    try:
        m.decode(text)
    except ValueError:
        pass


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"leave","id":[]}', '{"type":"leave"}', '{"type":"join","id":7,"x":1,"y":2}', '{"type":"join","id":"b","x":"a","y":0}',
        '{"type":"join","id":"b","x":1,"y":2,"name":null}', '{"type":"moves","t":1,"m":[[1.5]]}', '{"type":"moves","t":1,"m":[[]]}',
        '{"type":"moves","t":1,"m":[7]}', '{"type":"moves","t":"x","m":[]}', '{"type":"pos","id":"b","x":null,"y":0}',
        '{"type":"config","send_ms":"x","window_ms":1,"far_ms":1,"heartbeat_ms":1}', '{"type":"pong","t":[],"now":1}',
        '{"type":"welcome","your_id":"a","lobby_players":[{}]}', '{"type":"welcome","your_id":"a","lobby_players":{"b":1}}', "[1]", "5",
    ],
)  # fmt: skip
def test_a_server_message_of_the_wrong_form_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a message"):
        m.decode(text)


def test_message_types_of_newer_servers_are_ignored() -> None:
    assert m.decode('{"type":"weather","rain":1}') is None


def test_a_handshake_without_parameters_is_version_1_in_the_room_lobby() -> None:
    assert m.parse_handshake({}) == m.Handshake("", "lobby", "", 1, "")


def test_a_handshake_has_player_room_name_version_and_token() -> None:
    query = {"pid": "ann:1", "room": "r-2", "name": "Änn 🚀", "v": "2", "token": "t.o.k"}
    assert m.parse_handshake(query) == m.Handshake("ann:1", "r-2", "Änn 🚀", 2, "t.o.k")


def test_a_client_newer_than_the_server_gets_the_newest_version_of_the_server() -> None:
    assert m.parse_handshake({"v": "4"}).v == 3


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("pid", "a b"), ("pid", "x" * 65), ("pid", "a\x00"), ("pid", "ä"), ("pid", "a\n"), ("room", "/"), ("room", "x" * 65),
        ("name", "x" * 33), ("name", "a\x1b[31m"), ("name", "\u202eevil"), ("v", "0"), ("v", "two"), ("v", "²"), ("v", "9999"),
    ],
)  # fmt: skip
def test_a_bad_handshake_names_the_parameter_and_what_it_must_be(parameter: str, value: str) -> None:
    with pytest.raises(Refused) as caught:
        m.parse_handshake({parameter: value})
    assert caught.value.code == "bad_handshake"
    assert caught.value.detail.startswith(f"{parameter} must")


ZALGO = "Z" + "\u0301" * 20 + "o"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Zoe\u0308", "Zo\u00eb"),
        (" Ann ", "Ann"),
        (ZALGO, "\u0179" + "\u0301" * m.MARKS + "o"),
        ("\u0915\u094d\u0937\u093f", "\u0915\u094d\u0937\u093f"),
        ("\U0001f468\u200d\U0001f680", "\U0001f468\u200d\U0001f680"),
        ("   ", ""),
        ("\u200b\u200d\ufeff", ""),
        ("\u3164\u115f\u2800", ""),
        ("\u0301\u0301", ""),
        ("\ufe0f", ""),
        ("\u00ad", ""),
    ],
)
def test_names_and_statuses_are_composed_bounded_and_visible(typed: str, shown: str) -> None:
    assert m.parse_handshake({"name": typed}).name == shown
    assert m.parse(json.dumps({"action": "status", "status": typed}).encode()) == m.Status(shown)
    assert m.named_as(typed) == shown


@pytest.mark.parametrize("typed", ["a\nb", "\x00", "\u202eevil", "\ud800", "a\u2028b", "\u200f\u200b"])
def test_control_characters_are_refused_in_an_address_and_removed_from_a_token(typed: str) -> None:
    with pytest.raises(Refused, match="control characters"):
        m.parse_handshake({"name": typed})
    assert not set(m.named_as(typed)) & set("\n\x00\u202e\ud800\u2028\u200f")


@given(st.text(max_size=200))
def test_the_name_of_a_token_is_one_that_an_address_could_have(text: str) -> None:
    name = m.named_as(text)
    assert m.parse_handshake({"name": name}).name == name


# ── a hostile server ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_client_cuts_names_and_statuses_to_the_length_that_a_lobby_allows() -> None:
    body = {"type": "join", "id": "b", "x": 0, "y": 0, "name": "N" * 1_000_000, "status": "S" * 1_000_000}
    message = m.decode(json.dumps(body))
    assert isinstance(message, m.Join)
    assert message.player[3:5] == ("N" * m.TEXT_CHARACTERS, "S" * m.TEXT_CHARACTERS)
    changed = m.decode(json.dumps({"type": "status", "id": "b", "status": "S" * 1_000_000}))
    assert changed == m.StatusChanged("b", "S" * m.TEXT_CHARACTERS)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "join", "id": "x" * 65, "x": 0, "y": 0},
        {"type": "leave", "id": "x" * 65},
        {"type": "pos", "id": "x" * 65, "x": 0, "y": 0},
        {"type": "status", "id": "x" * 65, "status": ""},
        {"type": "welcome", "your_id": "x" * 65, "lobby_players": []},
        {"type": "welcome", "your_id": "a", "lobby_players": [{"id": "b", "x": 0, "y": 0}] * 10_001},
        {"type": "moves", "t": 1, "m": [[1, 2, 3]] * 10_001},
    ],
    ids=lambda body: body["type"],
)
def test_a_client_ignores_ids_and_lists_that_are_longer_than_any_lobby_has(body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a message of this protocol"):
        m.decode(json.dumps(body))
