"""The invariants of a lobby, over random histories of everything that can happen to it.

1.  Each join that other players saw is followed by exactly one leave, and by none while the player has a live connection.
2.  After all senders stop, every live client knows the final position of each player.
3.  An older position never overwrites a newer one.
4.  A dead connection disappears, and a stuck one delays no other.
5.  An invalid message changes nothing, and only its sender receives an error.
"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lobby import messages as m
from lobby.errors import Refused
from lobby.presence import newest
from lobby.settings import Settings
from tests.simulation import Simulation

PLAYERS = ["ann", "bea", "cem", "dee", "eli"]
ROOMS = ["lobby", "hub"]
players = st.sampled_from(PLAYERS)
coordinates = st.integers(-1000, 1000).map(lambda n: n / 4)
WRONG = [
    "", "no", "[]", "{}", '{"action":"fly"}', '{"action":"pos"}', '{"action":"pos","x":"1","y":0}',
    '{"action":"pos","x":NaN,"y":0}', '{"action":"pos","x":1e999,"y":0}', '{"action":"pos","x":2000000,"y":0}',
    '{"action":"status","status":"\\u0007"}', '{"action":"pos","x":1,"y":1,"seq":-1}', "x" * 2048,
]  # fmt: skip


class Client:
    """A client written from docs/protocol.md, and what it knows of the room. A message that cannot be right fails the test."""

    def __init__(self, player: str, v: int) -> None:
        self.player, self.v = player, v
        self.where: dict[str, tuple[float, float]] | None = None
        self.status: dict[str, str] = {}
        self.numbers: dict[int, str] = {}
        self.seqs: dict[str, int] = {}
        self.errors = 0

    def receive(self, message: m.ServerMessage) -> None:
        where = self.where
        match message:
            case m.Welcome():
                assert message.your_id == self.player
                self.where = {player.id: (player.at.x, player.at.y) for player in message.players}
                assert self.player not in self.where
                assert len(self.where) == len(message.players)
                self.numbers = {player.n: player.id for player in message.players}
                self.seqs = {player.id: player.at.seq for player in message.players}
                self.status = {player.id: player.status for player in message.players}
            case m.Join(player):
                assert where is not None, "a join before the welcome"
                assert player.id not in where, f"{self.player}: second join of {player.id}"
                assert player.id != self.player
                where[player.id] = (player.at.x, player.at.y)
                self.numbers[player.n] = player.id
                self.seqs[player.id] = player.at.seq
                self.status[player.id] = player.status
            case m.Leave(player_id):
                assert where is not None, "a leave before the welcome"
                assert player_id in where, f"{self.player}: leave of {player_id}, which is not in the room"
                del where[player_id]
            case m.Changes(leaves, joins):
                assert where is not None, "changes before the welcome"
                assert self.v == 3
                for player_id in leaves:  # a player that came and left within one window was never here
                    where.pop(player_id, None)
                for player in joins:
                    if player.id == self.player:
                        continue
                    is_older = player.id in where and player.n in self.numbers and self.seqs[player.id] > player.at.seq
                    if not is_older:
                        where[player.id] = (player.at.x, player.at.y)
                        self.seqs[player.id] = player.at.seq
                    self.numbers[player.n] = player.id
                    self.status[player.id] = player.status
            case m.PlayerPos(player_id, at):
                assert where is not None, "a position before the welcome"
                assert self.v == 1
                assert player_id in where, f"{self.player}: position of {player_id}, which is not in the room"
                where[player_id] = (at.x, at.y)
            case m.Moves(_, entries):
                assert where is not None, "a position before the welcome"
                assert self.v >= 2
                for n, at in entries:
                    player_id = self.numbers.get(n, "")
                    if player_id in where and (at.seq == 0 or at.seq > self.seqs[player_id]):
                        where[player_id] = (at.x, at.y)
                        self.seqs[player_id] = at.seq
            case m.StatusChanged(player_id, status):
                self.status[player_id] = status
            case m.Error():
                self.errors += 1


class History:
    """One random history: each step is the name of a method, and two numbers that choose the player and a value."""

    def __init__(self, settings: Settings) -> None:
        self.host = Simulation(settings)
        self.clients: dict[str, Client] = {}
        self.silent: set[str] = set()
        self.seq = 0
        for i in range(3):
            self.connect(i, 0)

    def live(self) -> list[str]:
        return [name for name in self.clients if name not in self.host.gateway.closed and name not in self.silent]

    def pick(self, index: int) -> str | None:
        live = self.live()
        return live[index % len(live)] if live else None

    def receive(self) -> None:
        for connection, client in self.clients.items():
            for message in self.host.receive(connection):
                if connection not in self.silent:
                    client.receive(message)

    def connect(self, index: int, number: float) -> None:
        player, room = PLAYERS[index % 5], ROOMS[index % 7 == 6]
        v = 1 + int(number) % 3
        try:
            connection = self.host.connect(player, v, room)
        except Refused as refused:
            assert refused.code in ("room_full", "too_many_connections")
            return
        self.clients[connection] = Client(player, v)

    def move(self, index: int, number: float) -> None:
        connection = self.pick(index)
        if connection is None:
            return
        row = self.host.row(connection)
        body: dict[str, object] = {"action": "pos", "x": number, "y": -number}
        if self.clients[connection].v >= 2 and index % 3:
            self.seq += 1
            body["seq"] = self.seq
        self.host.send(connection, json.dumps(body))
        after = self.host.row(connection)
        if row is not None and after is not None and "seq" in body and self.host.now > row.moved_ms + 200:
            assert after.at.x == number, "a newer position was not stored"

    def move_late(self, index: int, number: float) -> None:
        """A position that a newer one has overtaken."""
        connection = self.pick(index)
        row = self.host.row(connection) if connection else None
        if connection and row and row.at.seq:
            late = json.dumps({"action": "pos", "x": 9e5, "y": 9e5, "seq": max(1, row.at.seq - index % 3)})
            self.host.send(connection, late)
            assert self.host.row(connection) == row, "an older position overwrote a newer one"

    def send_something_wrong(self, index: int, number: float) -> None:
        connection = self.pick(index)
        if connection is None:
            return
        self.receive()
        before = {room: self.host.store.room(room) for room in ROOMS}
        self.host.send(connection, WRONG[int(number) % len(WRONG)])
        assert {room: self.host.store.room(room) for room in ROOMS} == before, "a wrong message changed something"
        for other in self.clients:
            frames = self.host.gateway.frames.get(other, [])
            assert (len(frames) <= 1) if other == connection else not frames, "another client received a frame"
        self.receive()

    def ask(self, index: int, number: float) -> None:
        connection = self.pick(index)
        if connection:
            self.host.send(connection, json.dumps({"action": "hello" if number > 0 else "ping"}))

    def set_status(self, index: int, number: float) -> None:
        connection = self.pick(index)
        if connection:
            self.host.send(connection, json.dumps({"action": "status", "status": "trading" if number > 0 else ""}))

    def close(self, index: int, number: float) -> None:
        connection = self.pick(index)
        if connection:
            self.host.close(connection)

    def die_silently(self, index: int, number: float) -> None:
        connection = self.pick(index)
        if connection:
            self.silent.add(connection)

    def turn_out_to_be_gone(self, index: int, number: float) -> None:
        """The gateway reports the connection as gone at the next post (410), as on AWS."""
        connection = self.pick(index)
        if connection:
            self.silent.add(connection)
            self.host.gateway.gone |= {connection}

    def read_slowly(self, index: int, number: float) -> None:
        connection = self.pick(index)
        if connection:
            self.host.gateway.slow.add(connection)

    def wait(self, index: int, number: float) -> None:
        self.host.advance(round(abs(number)))

    def expire(self, index: int = 0, number: float = 0) -> None:
        """Silent connections miss two heartbeats, all others answer."""
        self.host.advance(3 * self.host.settings.heartbeat_ms)
        for connection in self.live():
            self.host.lobby.seen(self.host.rooms[connection], connection, self.host.now)
        self.host.close_silent()
        for room in ROOMS:
            assert not self.silent & {row.connection for row in self.host.store.room(room)}, (
                "a silent connection is still there"
            )

    def check(self) -> None:
        """Checks what holds after every step."""
        self.receive()
        for room in ROOMS:
            for row in self.host.store.room(room):
                assert row.room == room
                assert row.connection not in self.host.gateway.closed, "a closed connection is in the store"

    def end(self) -> None:
        """Checks, after all senders stopped, that every live client knows all players, their positions and their statuses."""
        self.expire()
        self.host.settle()
        self.receive()
        for connection in self.live():
            client = self.clients[connection]
            others = [row for row in newest(self.host.store.room(self.host.rooms[connection])) if row.player != client.player]
            assert client.where == {row.player: (row.at.x, row.at.y) for row in others}, f"{connection} knows something else"
            if client.v >= 2:
                assert {row.player: client.status[row.player] for row in others} == {row.player: row.status for row in others}


OFTEN = ["connect", "move", "move", "move", "move", "wait", "wait"]
SELDOM = ["move_late", "send_something_wrong", "ask", "set_status", "close", "read_slowly"]
RARELY = ["die_silently", "turn_out_to_be_gone", "expire"]
steps = st.lists(
    st.tuples(st.sampled_from(OFTEN * 2 + SELDOM + RARELY), st.integers(0, 99), coordinates), min_size=20, max_size=80
)


@given(steps, st.sampled_from([0, 2, 100]), st.sampled_from([0, 50]))
def test_the_invariants_hold_over_any_history(history: list[tuple[str, int, float]], near_players: int, window: int) -> None:
    lobby = History(Settings(near_players=near_players, window_ms=window, room_size=4))
    for step, index, number in history:
        getattr(lobby, step)(index, number)
        lobby.check()
    lobby.end()


@given(st.lists(st.tuples(coordinates, st.integers(0, 400)), min_size=1, max_size=20), st.integers(1, 5))
def test_a_client_that_never_reads_delays_no_other_and_catches_up(path: list[tuple[float, int]], others: int) -> None:
    host = Simulation()
    mover, stuck = host.connect("ann"), host.connect("stuck", v=1)
    watchers = {host.connect(f"w{i}", v=2 + i % 2): Client(f"w{i}", 2 + i % 2) for i in range(others)}
    slow = Client("stuck", 1)
    host.gateway.slow.add(stuck)
    for x, wait in path:
        host.send(mover, json.dumps({"action": "pos", "x": x, "y": x}))
        host.advance(wait + 50)
        for connection, client in watchers.items():
            for message in host.receive(connection):
                client.receive(message)
        row = host.row(mover)
        assert row is not None
        assert all(client.where is not None and client.where["ann"] == (row.at.x, row.at.y) for client in watchers.values())
    host.settle()
    for message in host.receive(stuck):
        slow.receive(message)
    assert slow.where is not None
    row = host.row(mover)
    assert row is not None
    assert slow.where["ann"] == (row.at.x, row.at.y)
