"""Short scenes with a few players. Every host must produce the same transcript of each scene (``transcripts/``)."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

CLOCKS = ("t", "now")


def number(text: str) -> float:
    """A number as it is compared: 1 and 1.0 are the same, and hosts write either."""
    value = float(text)
    return int(value) if value.is_integer() else value


class Actor(ABC):
    """One connection in a scene. The transcript lists everything that it sends and receives."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name, self.lines = name, lines

    async def send(self, text: str = "", **message: Any) -> None:
        """Sends a message, or any other text."""
        sent = text or json.dumps(message)
        self.lines.append(f"{self.name:>4} > {sent}")
        await self.send_text(sent)

    async def receive(self, kind: str) -> dict[str, Any]:
        """The next message, which must be of this type."""
        text = await self.receive_text()
        message: dict[str, Any] = json.loads(text, parse_float=number)
        # The values of clocks differ from host to host.
        shown = {
            key: ("…" if key in CLOCKS and message["type"] in ("welcome", "moves", "pong") else value)
            for key, value in message.items()
        }
        for player in message.get("lobby_players", ()):
            if "age" in player:
                player["age"] = "…"
        self.lines.append(f"{self.name:>4} < {json.dumps(shown, ensure_ascii=False)}")
        assert message["type"] == kind, f"{self.name} waited for {kind} and received {text}"
        return message

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
    async def receive_text(self) -> str: ...
    @abstractmethod
    async def close(self) -> None: ...
    @abstractmethod
    async def closed_with(self) -> int: ...


class Stage(ABC):
    """A host on which a scene is played."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def enter(self, player: str, v: int = 1, room: str = "lobby", name: str = "") -> Actor:
        """Connects a player. ``name`` distinguishes two connections of one player in the transcript."""
        self.lines.append(f"{name or player:>4} enters {room} in version {v}")
        return await self.connect(player, v, room, name or player)

    @abstractmethod
    async def connect(self, player: str, v: int, room: str, name: str) -> Actor: ...


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


SCENES: list[Callable[[Stage], Awaitable[None]]] = [
    two_players_of_version_1_meet,
    old_and_new_clients_share_a_lobby,
    a_status_reaches_clients_of_version_2,
    a_pong_names_the_last_position_that_the_lobby_has,
    rooms_do_not_affect_each_other,
    other_players_do_not_notice_a_reconnect,
    only_the_sender_of_a_wrong_message_gets_an_error,
    an_overtaken_position_is_not_broadcast,
]
