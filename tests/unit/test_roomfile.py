"""Settings of rooms in a file, and rooms that need an invitation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lobby import rules
from lobby.admission import admit
from lobby.errors import LobbyError, Refused
from lobby.messages import Handshake, Send
from lobby.presence import Presence
from lobby.roomfile import parse_rooms, with_rooms
from lobby.settings import Settings
from lobby.tokens import sign

SECRET = "a secret of thirty-two characters"
NOW = 1_800_000_000_000

FILE = """
[rooms."arena-vip"]
size = 4
invite = true

[rooms."arena-*"]
size = 2
watchers = 0
near_players = 8
events = "wave"
max_speed = 15
"""


def parsed(text: str = FILE) -> Settings:
    return replace(Settings(room_size=9, secret=SECRET), rooms=parse_rooms(text, "rooms.toml"))


def test_the_first_pattern_in_the_file_that_matches_a_room_counts() -> None:
    settings = parsed()
    assert [settings.for_room(room).room_size for room in ("arena-vip", "arena-7", "lobby", "Arena-7", "my-arena-7")] == [
        4, 2, 9, 9, 9,
    ]  # fmt: skip
    arena = settings.for_room("arena-7")
    assert (arena.watchers, arena.near_players, arena.events, arena.max_speed, arena.invite) == (0, 8, "wave", 15, False)
    assert arena.secret == SECRET
    assert arena.for_room("arena-vip") == arena


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[rooms."a*"]\nsise = 3', 'rooms.toml: rooms."a*".sise is not a setting of rooms. Those are size,'),
        ('[room."a*"]\nsize = 3', "rooms.toml: room is not known here"),
        ("size = 3", "rooms.toml: size is not known here"),
        ("rooms = 3", "rooms.toml: rooms is not a table"),
        ("[rooms]\na = 3", 'rooms.toml: rooms."a" is not a table'),
        ('[rooms."a"]\nsize = 0', 'rooms.toml: rooms."a".size: is 0; it must be between 1 and 10,000 players.'),
        ('[rooms."a"]\nsize = true', 'rooms.toml: rooms."a".size is True; it must be a whole number.'),
        ('[rooms."a"]\nsize = "3"', "rooms.toml: rooms.\"a\".size is '3'; it must be a whole number."),
        ('[rooms."a"]\nmax_speed = nan', 'rooms.toml: rooms."a".max_speed: is nan;'),
        ('[rooms."a"]\nevents = ["wave"]', "it must be a text."),
        ('[rooms."a"]\ninvite = 1', "it must be true or false."),
        ('[rooms."a"]\nsize = x', "line 2"),
        ('[rooms."a"]\n[rooms."a"]', "line 2"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(LobbyError) as caught:
        parse_rooms(text, "rooms.toml")
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LobbyError, match=r"absent\.toml"):
        with_rooms(Settings(rooms_file=str(tmp_path / "absent.toml")))
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(LobbyError, match="UTF-8"):
        with_rooms(Settings(rooms_file=str(tmp_path / "bad.toml")))


def test_the_rules_use_the_settings_of_the_room() -> None:
    settings = parsed()
    here = [Presence("arena-7", f"c{n}", f"p{n}", n) for n in (1, 2)]
    with pytest.raises(Refused, match="room_full: all 2 places in arena-7"):
        rules.connected(Handshake("cem", "arena-7"), "c9", here, NOW, settings)
    with pytest.raises(Refused, match="room_full"):
        rules.connected(Handshake("cem", "arena-7", watch=True), "c9", [], NOW, settings)
    with pytest.raises(Refused, match="the events here are wave"):
        rules.received(Send("dance"), here[0], NOW, settings)
    rules.received(Send("dance"), here[0]._replace(room="lobby"), NOW, settings)


@pytest.mark.parametrize(("claim", "code"), [("", "invitation_needed"), ("arena-vip", ""), ("arena-7", "forbidden")])
def test_a_room_that_needs_an_invitation_admits_only_tokens_that_name_it(claim: str, code: str) -> None:
    query = {"room": "arena-vip", "token": sign("ann", SECRET, NOW + 60_000, room=claim)}
    if not code:
        assert admit(query, None, "host", "x", parsed(), NOW).player == "ann"
        return
    with pytest.raises(Refused) as caught:
        admit(query, None, "host", "x", parsed(), NOW)
    assert caught.value.code == code


def test_other_rooms_admit_tokens_for_any_room() -> None:
    token = sign("ann", SECRET, NOW + 60_000)
    assert admit({"room": "arena-7", "token": token}, None, "host", "x", parsed(), NOW).room == "arena-7"


def test_an_invitation_is_needed_also_where_the_lobby_has_no_secret() -> None:
    with pytest.raises(Refused, match="invitation_needed"):
        admit({"room": "arena-vip", "pid": "ann"}, None, "host", "x", replace(parsed(), secret=""), NOW)
