"""Short plays with a few players. Every host must act each of them out with the same transcript (``transcripts/``)."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

CLOCKS = ("t", "now")


def number(text: str) -> float:
    """1 and 1.0 are one number; hosts write it as they keep it."""
    value = float(text)
    return int(value) if value.is_integer() else value


class Actor(ABC):
    """One connection in a play; everything it says and hears is written down."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name, self.lines = name, lines

    async def say(self, text: str = "", **message: Any) -> None:
        """Sends a message, or a text that is none."""
        sent = text or json.dumps(message)
        self.lines.append(f"{self.name:>4} > {sent}")
        await self.send(sent)

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message, which must be of this type."""
        text = await self.receive()
        message: dict[str, Any] = json.loads(text, parse_float=number)
        # Clocks differ from host to host; that there is one does not.
        told = {
            key: ("…" if key in CLOCKS and message["type"] in ("welcome", "moves", "pong") else value)
            for key, value in message.items()
        }
        self.lines.append(f"{self.name:>4} < {json.dumps(told, ensure_ascii=False)}")
        assert message["type"] == kind, f"{self.name} waited for {kind} and heard {text}"
        return message

    async def go(self) -> None:
        """Leaves."""
        self.lines.append(f"{self.name:>4} goes")
        await self.close()

    async def sent_away(self) -> None:
        """Is told why, and closed by the lobby. With which code, not every host has a say in."""
        await self.hear("error")
        await self.closed_with()
        self.lines.append(f"{self.name:>4} is sent away")

    @abstractmethod
    async def send(self, text: str) -> None: ...
    @abstractmethod
    async def receive(self) -> str: ...
    @abstractmethod
    async def close(self) -> None: ...
    @abstractmethod
    async def closed_with(self) -> int: ...


class Stage(ABC):
    """A host, as a play sees it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def enter(self, player: str, v: int = 1, room: str = "lobby", name: str = "") -> Actor:
        """Somebody connects. ``name`` tells two connections of one player apart in the transcript."""
        self.lines.append(f"{name or player:>4} enters {room} in version {v}")
        return await self.connect(player, v, room, name or player)

    @abstractmethod
    async def connect(self, player: str, v: int, room: str, name: str) -> Actor: ...


async def two_players_of_version_1_meet(stage: Stage) -> None:
    ann = await stage.enter("ann")
    await ann.hear("welcome")
    bea = await stage.enter("bea")
    await bea.hear("welcome")
    await ann.hear("join")
    await bea.say(action="pos", x=12.5, y=8.3)
    await ann.hear("pos")
    await ann.say(action="pos", x=-1, y=0)
    await bea.hear("pos")
    await bea.go()
    await ann.hear("leave")


async def old_and_new_clients_share_a_lobby(stage: Stage) -> None:
    old = await stage.enter("old")
    await old.hear("welcome")
    new = await stage.enter("new", v=2)
    await new.hear("welcome")
    await new.hear("config")
    await old.hear("join")
    await new.say(action="pos", x=1.25, y=2, vx=3, vy=-0.5, h=1.57, seq=7, t=70_000)
    await old.hear("pos")
    await old.say(action="pos", x=4, y=5)
    await new.hear("moves")
    newer = await stage.enter("newer", v=2)
    await newer.hear("welcome")
    await newer.hear("config")
    await old.hear("join")
    await new.hear("join")
    await new.say(action="pos", x=2, y=2, seq=8)
    await newer.hear("moves")
    await old.hear("pos")
    await newer.go()
    await old.hear("leave")
    await new.hear("leave")


async def a_status_reaches_clients_of_version_2(stage: Stage) -> None:
    old, new = await stage.enter("old"), await stage.enter("new", v=2)
    await old.hear("welcome")
    await old.hear("join")
    await new.hear("welcome")
    await new.hear("config")
    await new.say(action="status", status="trading")
    await new.hear("status")
    await new.say(action="ping", t=5)
    await new.hear("pong")
    await old.say(action="hello")
    await old.hear("welcome")
    late = await stage.enter("late", v=2)
    await late.hear("welcome")


async def rooms_do_not_affect_each_other(stage: Stage) -> None:
    ann, bea = await stage.enter("ann", v=2), await stage.enter("bea", v=2, room="hub")
    for actor in (ann, bea):
        await actor.hear("welcome")
        await actor.hear("config")
    await ann.say(action="pos", x=1, y=1)
    await ann.say(action="status", status="here")
    await ann.hear("status")
    await bea.say(action="ping", t=1)
    await bea.hear("pong")
    await ann.go()
    await bea.say(action="ping", t=2)
    await bea.hear("pong")


async def other_players_do_not_notice_a_reconnect(stage: Stage) -> None:
    bea = await stage.enter("bea", v=2)
    await bea.hear("welcome")
    await bea.hear("config")
    ann = await stage.enter("ann", v=2)
    await ann.hear("welcome")
    await ann.hear("config")
    await bea.hear("join")
    await ann.say(action="pos", x=7, y=8, seq=1)
    await bea.hear("moves")
    again = await stage.enter("ann", v=2, name="ann2")
    await again.hear("welcome")
    await again.hear("config")
    await ann.sent_away()
    await again.say(action="pos", x=9, y=9, seq=2)
    await bea.hear("moves")
    await again.go()
    await bea.hear("leave")


async def only_the_sender_of_a_wrong_message_gets_an_error(stage: Stage) -> None:
    ann, bea = await stage.enter("ann"), await stage.enter("bea", v=2)
    await ann.hear("welcome")
    await ann.hear("join")
    await bea.hear("welcome")
    await bea.hear("config")
    for text in ("no", "[]", '{"action":"fly"}', '{"action":"pos","x":"1","y":0}', '{"action":"pos","x":2e6,"y":0}'):
        await ann.say(text)
        await ann.hear("error")
    await bea.say(action="ping", t=1)
    await bea.hear("pong")


async def an_overtaken_position_is_not_broadcast(stage: Stage) -> None:
    ann, bea = await stage.enter("ann", v=2), await stage.enter("bea", v=2)
    await ann.hear("welcome")
    await ann.hear("config")
    await ann.hear("join")
    await bea.hear("welcome")
    await bea.hear("config")
    await ann.say(action="pos", x=2, y=0, seq=2)
    await bea.hear("moves")
    await ann.say(action="pos", x=1, y=0, seq=1)
    await ann.say(action="pos", x=3, y=0, seq=3)
    await bea.hear("moves")


SCENES: list[Callable[[Stage], Awaitable[None]]] = [
    two_players_of_version_1_meet,
    old_and_new_clients_share_a_lobby,
    a_status_reaches_clients_of_version_2,
    rooms_do_not_affect_each_other,
    other_players_do_not_notice_a_reconnect,
    only_the_sender_of_a_wrong_message_gets_an_error,
    an_overtaken_position_is_not_broadcast,
]
