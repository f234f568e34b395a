"""Short scenes with a few players. Every host must produce the same transcript of each scene (``transcripts/``)."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from lobby.compact import TEXT_PREFIX, Decoder
from lobby.messages import encode_moves

CLOCKS = ("t", "now")


def number(text: str) -> float:
    """A number as it is compared: 1 and 1.0 are the same, and hosts write either."""
    value = float(text)
    return int(value) if value.is_integer() else value


class Actor(ABC):
    """One connection in a scene. The transcript lists everything that it sends and receives."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name, self.lines = name, lines
        self._compact = Decoder()

    async def send(self, text: str = "", **message: Any) -> None:
        """Sends a message, or any other text."""
        sent = text or json.dumps(message)
        self.lines.append(f"{self.name:>4} > {sent}")
        await self.send_text(sent)

    async def receive(self, kind: str) -> dict[str, Any]:
        """The next message, which must be of this type. Compact positions are listed as their ``moves`` in JSON."""
        text = await self.receive_text()
        is_compact = isinstance(text, bytes) or text.startswith(TEXT_PREFIX)
        message: dict[str, Any] = self._read(text) if is_compact else json.loads(text, parse_float=number)
        # The values of clocks differ from host to host.
        shown = {
            key: ("…" if key in CLOCKS and message["type"] in ("welcome", "moves", "pong") else value)
            for key, value in message.items()
        }
        if str(shown.get("your_id", "")).startswith("#"):  # of a watcher
            shown["your_id"] = "#…"
        for player in message.get("lobby_players", ()):
            if "age" in player:
                player["age"] = "…"
        self.lines.append(f"{self.name:>4} < {'compact ' * is_compact}{json.dumps(shown, ensure_ascii=False)}")
        assert message["type"] == kind, f"{self.name} waited for {kind} and received {text!r}"
        return message

    def _read(self, frame: str | bytes) -> dict[str, Any]:
        read = self._compact.decode(frame) if isinstance(frame, bytes) else self._compact.decode_text(frame)
        assert read is not None
        body: dict[str, Any] = json.loads(encode_moves(*read))
        return body

    async def leave(self) -> None:
        """Closes the connection."""
        self.lines.append(f"{self.name:>4} leaves")
        await self.close()

    async def closed_by_lobby(self) -> None:
        """Receives a closing error, and is closed by the lobby. Not every host can choose the close code."""
        await self.receive("error")
        await self.closed_with()
        self.lines.append(f"{self.name:>4} is closed by the lobby")

    @abstractmethod
    async def send_text(self, text: str) -> None: ...
    @abstractmethod
    async def receive_text(self) -> str | bytes: ...
    @abstractmethod
    async def close(self) -> None: ...
    @abstractmethod
    async def closed_with(self) -> int: ...


class Stage(ABC):
    """A host on which a scene is played."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def enter(self, player: str, v: int = 1, room: str = "lobby", name: str = "", *, watch: bool = False) -> Actor:
        """Connects a player, or a watcher. ``name`` distinguishes two connections of one player in the transcript."""
        self.lines.append(f"{name or player:>4} {'watches' if watch else 'enters'} {room} in version {v}")
        return await self.connect(player, v, room, name or player, watch)

    async def kick(self, room: str, player: str, reason: str) -> None:
        """An operator removes a player."""
        self.lines.append(f"     an operator removes {player} from {room}: {reason}")
        await self.operate("kick", room, player, reason)

    async def announce(self, room: str, event: str, data: dict[str, Any]) -> None:
        """An operator sends an event to a room."""
        self.lines.append(f"     an operator sends {event} to {room}")
        await self.operate("send", room, event, data)

    async def close_room(self, room: str) -> None:
        """An operator closes a room."""
        self.lines.append(f"     an operator closes {room}")
        await self.operate("close", room)

    @abstractmethod
    async def connect(self, player: str, v: int, room: str, name: str, watch: bool) -> Actor: ...
    @abstractmethod
    async def operate(self, action: str, *arguments: Any) -> None: ...


async def two_players_of_version_1_meet(stage: Stage) -> None:
    ann = await stage.enter("ann")
    await ann.receive("welcome")
    bea = await stage.enter("bea")
    await bea.receive("welcome")
    await ann.receive("join")
    await bea.send(action="pos", x=12.5, y=8.3)
    await ann.receive("pos")
    await ann.send(action="pos", x=-1, y=0)
    await bea.receive("pos")
    await bea.leave()
    await ann.receive("leave")


async def old_and_new_clients_share_a_lobby(stage: Stage) -> None:
    old = await stage.enter("old")
    await old.receive("welcome")
    new = await stage.enter("new", v=2)
    await new.receive("welcome")
    await new.receive("config")
    await old.receive("join")
    await new.send(action="pos", x=1.25, y=2, vx=3, vy=-0.5, h=1.57, seq=7, t=70_000)
    await old.receive("pos")
    await old.send(action="pos", x=4, y=5)
    await new.receive("moves")
    newer = await stage.enter("newer", v=2)
    await newer.receive("welcome")
    await newer.receive("config")
    await old.receive("join")
    await new.receive("join")
    await new.send(action="pos", x=2, y=2, seq=8)
    await newer.receive("moves")
    await old.receive("pos")
    await newer.leave()
    await old.receive("leave")
    await new.receive("leave")


async def players_of_version_3_receive_joins_leaves_and_names_as_changes(stage: Stage) -> None:
    ann = await stage.enter("ann", v=3)
    await ann.receive("welcome")
    await ann.receive("config")
    bea = await stage.enter("bea", v=3, name="Bea")
    await bea.receive("welcome")
    await bea.receive("config")
    await ann.receive("changes")
    old = await stage.enter("old", v=2)
    await old.receive("welcome")
    await old.receive("config")
    await ann.receive("changes")
    await bea.receive("changes")
    await bea.send(action="name", name="Beatrice")
    await ann.receive("changes")
    await old.receive("join")
    await old.leave()
    await ann.receive("changes")
    await bea.receive("changes")
    await stage.kick("lobby", "bea", "")
    await bea.closed_by_lobby()
    await ann.receive("changes")


async def a_status_reaches_clients_of_version_2(stage: Stage) -> None:
    old, new = await stage.enter("old"), await stage.enter("new", v=2)
    await old.receive("welcome")
    await old.receive("join")
    await new.receive("welcome")
    await new.receive("config")
    await new.send(action="status", status="trading")
    await new.receive("status")
    await new.send(action="ping", t=5)
    await new.receive("pong")
    await old.send(action="hello")
    await old.receive("welcome")
    late = await stage.enter("late", v=2)
    await late.receive("welcome")


async def a_pong_names_the_last_position_that_the_lobby_has(stage: Stage) -> None:
    ann, bea = await stage.enter("ann", v=2), await stage.enter("bea", v=2)
    for actor in (ann, bea):
        await actor.receive("welcome")
        await actor.receive("config")
    await ann.receive("join")
    await ann.send(action="ping", t=1)
    await ann.receive("pong")
    await ann.send(action="pos", x=1, y=2, seq=18)
    await bea.receive("moves")
    await ann.send(action="ping", t=2)
    await ann.receive("pong")


async def positions_of_version_3_are_compact(stage: Stage) -> None:
    ann, bea = await stage.enter("ann", v=3), await stage.enter("bea", v=3)
    old = await stage.enter("old", v=2)
    for actor in (ann, bea, old):
        await actor.receive("welcome")
        await actor.receive("config")
    for actor in (ann, ann, bea):
        await actor.receive("changes")
    await ann.send(action="pos", x=1, y=2, vx=3, vy=-4.5, h=-0.98, seq=18, t=70000)
    await bea.receive("moves")
    await old.receive("moves")
    await ann.send(action="pos", x=1.3, y=1.55, vx=3, vy=-4.5, h=1, seq=19, t=70100)
    await bea.receive("moves")
    await old.receive("moves")
    await ann.send(action="pos", x=1.3, y=1.5, h=1, seq=20)
    await bea.receive("moves")
    await old.receive("moves")


async def rooms_do_not_affect_each_other(stage: Stage) -> None:
    ann, bea = await stage.enter("ann", v=2), await stage.enter("bea", v=2, room="hub")
    for actor in (ann, bea):
        await actor.receive("welcome")
        await actor.receive("config")
    await ann.send(action="pos", x=1, y=1)
    await ann.send(action="status", status="here")
    await ann.receive("status")
    await bea.send(action="ping", t=1)
    await bea.receive("pong")
    await ann.leave()
    await bea.send(action="ping", t=2)
    await bea.receive("pong")


async def other_players_do_not_notice_a_reconnect(stage: Stage) -> None:
    bea = await stage.enter("bea", v=2)
    await bea.receive("welcome")
    await bea.receive("config")
    ann = await stage.enter("ann", v=2)
    await ann.receive("welcome")
    await ann.receive("config")
    await bea.receive("join")
    await ann.send(action="pos", x=7, y=8, seq=1)
    await bea.receive("moves")
    again = await stage.enter("ann", v=2, name="ann2")
    await again.receive("welcome")
    await again.receive("config")
    await ann.closed_by_lobby()
    await again.send(action="pos", x=9, y=9, seq=2)
    await bea.receive("moves")
    await again.leave()
    await bea.receive("leave")


async def only_the_sender_of_a_wrong_message_gets_an_error(stage: Stage) -> None:
    ann, bea = await stage.enter("ann"), await stage.enter("bea", v=2)
    await ann.receive("welcome")
    await ann.receive("join")
    await bea.receive("welcome")
    await bea.receive("config")
    for text in ("no", "[]", '{"action":"fly"}', '{"action":"pos","x":"1","y":0}', '{"action":"pos","x":2e6,"y":0}'):
        await ann.send(text)
        await ann.receive("error")
    await bea.send(action="ping", t=1)
    await bea.receive("pong")


async def an_overtaken_position_is_not_broadcast(stage: Stage) -> None:
    ann, bea = await stage.enter("ann", v=2), await stage.enter("bea", v=2)
    await ann.receive("welcome")
    await ann.receive("config")
    await ann.receive("join")
    await bea.receive("welcome")
    await bea.receive("config")
    await ann.send(action="pos", x=2, y=0, seq=2)
    await bea.receive("moves")
    await ann.send(action="pos", x=1, y=0, seq=1)
    await ann.send(action="pos", x=3, y=0, seq=3)
    await bea.receive("moves")


async def two_of_version_2(stage: Stage) -> tuple[Actor, Actor]:
    """Ann and Bea, who know each other."""
    one = await stage.enter("ann", v=2)
    for kind in ("welcome", "config"):
        await one.receive(kind)
    other = await stage.enter("bea", v=2)
    for kind in ("welcome", "config"):
        await other.receive(kind)
    await one.receive("join")
    return one, other


async def a_player_rises_and_falls(stage: Stage) -> None:
    ann, bea = await two_of_version_2(stage)
    old = await stage.enter("old")
    await old.receive("welcome")
    for actor in (ann, bea):
        await actor.receive("join")
    await ann.send(action="pos", x=1, y=2, z=3.25, vz=-1, seq=1)
    await bea.receive("moves")
    await old.receive("pos")
    late = await stage.enter("late", v=2)
    for kind in ("welcome", "config"):
        await late.receive(kind)
    for actor in (ann, bea, old):
        await actor.receive("join")
    await ann.send(action="pos", x=1, y=2, z=0, seq=2)
    await bea.receive("moves")
    for text in ('{"action":"pos","z":1}', '{"action":"pos","x":1,"y":1,"z":"1"}', '{"action":"pos","x":1,"y":1,"z":2e6}'):
        await ann.send(text)
        await ann.receive("error")


async def data_of_a_player_reaches_the_room_and_those_that_come_later(stage: Stage) -> None:
    ann, bea = await two_of_version_2(stage)
    await ann.send(action="hello", data={"team": "red", "ship": {"hull": 2, "tint": "teal"}})
    await bea.receive("data")
    for kind in ("welcome", "config"):
        await ann.receive(kind)
    await ann.send(action="data", data={"team": None, "ship": {"hull": 3}})
    for actor in (ann, bea):
        await actor.receive("data")
    late = await stage.enter("late", v=2)
    for kind in ("welcome", "config"):
        await late.receive(kind)
    for actor in (ann, bea):
        await actor.receive("join")
    again = await stage.enter("ann", v=2, name="ann2")
    for kind in ("welcome", "config"):
        await again.receive(kind)
    await ann.closed_by_lobby()
    await again.send(action="data", data={"ship": None})
    for actor in (again, bea, late):
        await actor.receive("data")


async def data_that_is_wrong_changes_nothing(stage: Stage) -> None:
    ann, bea = await two_of_version_2(stage)
    deep = "[" * 9 + "]" * 9
    for text in (
        '{"action":"data"}',
        '{"action":"data","data":[1]}',
        '{"action":"data","data":{"a":' + deep + "}}",
        '{"action":"data","data":{"__proto__":{"isAdmin":true}}}',
        '{"action":"data","data":{"a":"\\u0007"}}',
        '{"action":"data","data":{"a":NaN}}',
        '{"action":"data","data":{"a":1e16}}',
        '{"action":"data","data":{"a":"' + "x" * 512 + '"}}',
        '{"action":"hello","data":7}',
    ):
        await ann.send(text)
        await ann.receive("error")
    await bea.send(action="hello")
    for kind in ("welcome", "config"):
        await bea.receive(kind)


async def players_send_events_to_each_other_and_to_the_room(stage: Stage) -> None:
    ann, bea = await two_of_version_2(stage)
    cem = await stage.enter("cem", v=2)
    for kind in ("welcome", "config"):
        await cem.receive(kind)
    for actor in (ann, bea):
        await actor.receive("join")
    await ann.send(action="send", event="wave", data={"hand": "left"}, to="bea", seq=1)
    await bea.receive("event")
    await ann.send(action="send", event="gg", seq=2)
    for actor in (bea, cem):
        await actor.receive("event")
    await ann.send(action="send", event="note", to="ann", seq=3)
    await ann.receive("event")
    await ann.send(action="send", event="wave", to="dee", seq=4)
    await ann.receive("error")


async def events_that_are_wrong_reach_no_player(stage: Stage) -> None:
    ann, bea = await two_of_version_2(stage)
    for text in (
        '{"action":"send"}',
        '{"action":"send","event":"' + "x" * 900 + '"}',
        '{"action":"send","event":"a b"}',
        '{"action":"send","event":"wave","data":[]}',
        '{"action":"send","event":"wave","to":"no id"}',
        '{"action":"send","event":"wave","seq":-1}',
        '{"action":"send","event":"wave","data":{"a":"' + "x" * 512 + '"}}',
    ):
        await ann.send(text)
        await ann.receive("error")
    await bea.send(action="ping", t=1)
    await bea.receive("pong")


async def a_watcher_receives_everything_and_no_client_knows_it(stage: Stage) -> None:
    watcher = await stage.enter("eye", v=2, watch=True)
    for kind in ("welcome", "config"):
        await watcher.receive(kind)
    ann, bea = await two_of_version_2(stage)
    for _ in (ann, bea):
        await watcher.receive("join")
    await ann.send(action="pos", x=1, y=2, seq=1)
    for actor in (bea, watcher):
        await actor.receive("moves")
    await ann.send(action="status", status="here")
    for actor in (ann, bea, watcher):
        await actor.receive("status")
    await ann.send(action="send", event="gg")
    for actor in (bea, watcher):
        await actor.receive("event")
    for text in ('{"action":"pos","x":1,"y":1}', '{"action":"send","event":"gg"}', '{"action":"data","data":{}}'):
        await watcher.send(text)
        await watcher.receive("error")
    await bea.leave()
    for actor in (ann, watcher):
        await actor.receive("leave")
    await watcher.leave()
    await ann.send(action="ping", t=1)
    await ann.receive("pong")


async def a_player_changes_its_name_without_leaving(stage: Stage) -> None:
    ann, bea = await two_of_version_2(stage)
    await ann.send(action="name", name="Ännchen")
    await bea.receive("join")
    await ann.send(action="name", name="x" * 33)
    await ann.receive("error")


async def an_operator_removes_a_player_and_closes_a_room(stage: Stage) -> None:
    ann = await stage.enter("ann", v=2)
    await ann.receive("welcome")
    await ann.receive("config")
    old = await stage.enter("old")
    await old.receive("welcome")
    await ann.receive("join")
    watcher = await stage.enter("eve", v=2, watch=True)
    await watcher.receive("welcome")
    await watcher.receive("config")
    await stage.announce("lobby", "notice", {"text": "soon"})
    await ann.receive("event")
    await watcher.receive("event")
    await stage.kick("lobby", "old", "no spam")
    await old.closed_by_lobby()
    await ann.receive("leave")
    await watcher.receive("leave")
    await ann.send(action="ping", t=1)
    await ann.receive("pong")
    await stage.close_room("lobby")
    await ann.closed_by_lobby()
    await watcher.closed_by_lobby()


SCENES: list[Callable[[Stage], Awaitable[None]]] = [
    two_players_of_version_1_meet,
    old_and_new_clients_share_a_lobby,
    players_of_version_3_receive_joins_leaves_and_names_as_changes,
    a_status_reaches_clients_of_version_2,
    a_pong_names_the_last_position_that_the_lobby_has,
    positions_of_version_3_are_compact,
    rooms_do_not_affect_each_other,
    other_players_do_not_notice_a_reconnect,
    only_the_sender_of_a_wrong_message_gets_an_error,
    an_overtaken_position_is_not_broadcast,
    a_player_rises_and_falls,
    data_of_a_player_reaches_the_room_and_those_that_come_later,
    data_that_is_wrong_changes_nothing,
    players_send_events_to_each_other_and_to_the_room,
    events_that_are_wrong_reach_no_player,
    a_watcher_receives_everything_and_no_client_knows_it,
    a_player_changes_its_name_without_leaving,
    an_operator_removes_a_player_and_closes_a_room,
]
