"""Player data: JSON merge patches, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby import messages as m
from lobby import rules, tokens
from lobby.data import combine, merge, size
from lobby.errors import CODES, Refused
from lobby.messages import Handshake
from lobby.presence import Presence
from lobby.settings import Settings
from tests.simulation import Simulation

SECRET = "0123456789abcdefghijklmnopqrstuv"

# RFC 7396, appendix A: the cases in which target and patch are objects.
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
flat = st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(-9, 9), max_size=3)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@pytest.mark.parametrize(("known", "patch", "after"), RFC_7396)
def test_a_merge_patch_does_what_rfc_7396_states(known: dict[str, Any], patch: dict[str, Any], after: dict[str, Any]) -> None:
    before = json.dumps(known)
    assert merge(known, patch) == after
    assert json.dumps(known) == before, "nothing is changed in place"


@given(objects, flat, flat)
def test_two_patches_in_a_row_are_the_same_as_their_combination(
    known: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert merge(merge(known, first), second) == merge(known, combine(first, second))


def test_a_combination_merges_objects_inside_objects() -> None:
    assert combine({"ship": {"hull": 1}, "hat": 1}, {"ship": {"tint": None}}) == {"ship": {"hull": 1, "tint": None}, "hat": 1}


def test_a_token_grants_data_that_the_player_cannot_change() -> None:
    token = tokens.sign("ann", SECRET, 10_000, data={"team": "red", "vip": None}, name="Ann")
    handshake = tokens.verify(Handshake("ann", name="other", token=token), SECRET, 0)
    assert (handshake.granted, handshake.name, handshake.is_named) == ({"team": "red", "vip": None}, "Ann", True)
    row = rules.connected(handshake, "c1", [], 0, Settings())
    assert rules.with_data(row, {"team": "blue", "hat": 1, "vip": True}, Settings()) == {"team": "red", "hat": 1}
    with pytest.raises(Refused, match="comes from its token"):
        rules.received(m.Rename("Zed"), row, 0, Settings())


def test_data_of_a_token_wins_after_a_takeover_too() -> None:
    known = Presence("lobby", "c1", "ann", 1, data={"team": "blue", "hat": 1}, data_ms=5, joined_ms=1)
    row = rules.connected(Handshake("ann", granted={"team": "red"}), "c2", [known], 9, Settings())
    assert (row.data, row.n) == ({"team": "red", "hat": 1}, 1)


@pytest.mark.parametrize("claim", [[], "x", {"a": "\u0007"}, {"__proto__": 1}])
def test_a_token_with_data_that_a_lobby_cannot_store_is_refused_with_the_reason(claim: object) -> None:
    token = tokens.sign("ann", SECRET, 10_000, data=claim)
    with pytest.raises(Refused, match="unauthorized: data"):
        tokens.verify(Handshake("ann", token=token), SECRET, 0)


def test_a_watcher_needs_a_token_that_allows_it() -> None:
    with pytest.raises(Refused, match="needs the claim watch"):
        tokens.verify(Handshake(token=tokens.sign("ann", SECRET, 10_000), watch=True), SECRET, 0)
    allowed = tokens.sign("ann", SECRET, 10_000, watch=True)
    assert tokens.verify(Handshake(token=allowed, watch=True), SECRET, 0).watch


def test_a_room_has_a_limit_of_watchers_and_they_take_no_place_of_a_player() -> None:
    host = Simulation(Settings(room_size=1, watchers=1))
    host.connect("", watch=True)
    host.connect("ann")
    with pytest.raises(Refused, match="room_full: lobby has 1 watchers"):
        host.connect("", watch=True)
    with pytest.raises(Refused, match="room_full"):
        host.connect("bea")


def test_data_has_a_limit_that_counts_the_whole_object_and_not_the_patch() -> None:
    settings = Settings(data_bytes=64)
    row = Presence("lobby", "c1", "ann", data={"a": "x" * 40})
    with pytest.raises(Refused, match="at most 64 bytes"):
        rules.with_data(row, {"b": "x" * 30}, settings)
    assert rules.with_data(row, {"a": None, "b": "x" * 30}, settings) == {"b": "x" * 30}
    assert size({"a": "ä"}) == len('{"a":"ä"}'.encode())


@pytest.mark.parametrize(
    ("events", "event", "is_allowed"),
    [("*", "wave", True), ("", "wave", False), ("none", "none", False), ("gg, wave", "wave", True), ("gg,wave", "hi", False)],
)
def test_a_setting_restricts_events_to_a_list_of_names(events: str, event: str, is_allowed: bool) -> None:
    ann, settings = Presence("lobby", "c1", "ann"), Settings(events=events)
    if is_allowed:
        assert rules.received(m.Send(event), ann, 0, settings) == rules.SendEvent("c1", m.Send(event))
    else:
        with pytest.raises(Refused, match=f"bad_event: {event} is not allowed"):
            rules.received(m.Send(event), ann, 0, settings)


def test_events_above_the_rate_are_dropped_with_one_error_and_a_hundred_a_second_are_a_flood() -> None:
    host = Simulation(Settings(messages_per_s=1_000, messages_burst=1_000))
    ann, bea = host.connect("ann"), host.connect("bea")
    for _ in range(2):
        host.receive(ann), host.receive(bea)
    for _ in range(30):
        host.send(ann, '{"action":"send","event":"spam"}')
        host.advance(10)
    assert len([message for message in host.receive(bea) if isinstance(message, m.Event)]) in (10, 11, 12)
    assert [message.code for message in host.receive(ann) if isinstance(message, m.Error)] == ["too_many_events"]
    for _ in range(70):
        host.send(ann, '{"action":"send","event":"spam"}')
        host.advance(10)
    assert [message.code for message in host.receive(ann) if isinstance(message, m.Error)][-1] == "flood"


def test_an_event_reaches_no_player_of_another_room() -> None:
    host = Simulation()
    ann, bea = host.connect("ann"), host.connect("bea", room="hub")
    host.receive(ann), host.receive(bea)
    host.send(ann, '{"action":"send","event":"wave","to":"bea"}')
    host.send(ann, '{"action":"send","event":"wave"}')
    assert host.receive(bea) == []
    assert [message.code for message in host.receive(ann) if isinstance(message, m.Error)] == ["no_player"]


def test_text_in_data_is_normalised_like_names() -> None:
    message = m.parse('{"action":"data","data":{"nom":"e\\u0301","zalgo":"a\\u0301\\u0302\\u0303\\u0304\\u0305\\u0306"}}')
    assert isinstance(message, m.ChangeData)
    assert message.patch["nom"] == "é"
    assert len(message.patch["zalgo"]) <= 5


def test_every_new_error_has_a_meaning_and_leaves_the_connection_open() -> None:
    for code in ("bad_data", "bad_event", "no_player", "too_many_events", "watching"):
        assert CODES[code].close is None
