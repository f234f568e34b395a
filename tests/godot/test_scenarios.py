"""Games in a real lobby: the real engine, the real server, real sockets."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from lobby.client import LobbyClient
from lobby.client.roster import Joined, Moved
from lobby.settings import Settings
from lobby.tokens import sign
from tests import hosts
from tests.godot.playing import joined, playing
from tests.hosts import free_port, serving
from tests.serverless.emulated_lobby import emulated_lobby

SECRET = "a secret of thirty-two characters"
NEVER_MS = 1e9


@contextmanager
def serving_process(port: int, command: str = "serve") -> Iterator[subprocess.Popen[bytes]]:
    """`lobby serve`, or `lobby emulate`, in a process that can be killed."""
    words = [sys.executable, "-m", "lobby", command, "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            for _ in range(200):
                try:
                    with urlopen(f"http://127.0.0.1:{port}/", timeout=1):
                        break
                except OSError:  # no process listens yet, or the killed one still does
                    time.sleep(0.05)
            yield child
        finally:
            child.kill()  # a graceful end would refuse games that reconnect meanwhile, and the engine prints an error then


async def test_players_join_move_set_a_status_and_leave(home: Path) -> None:
    async with serving() as lobby, joined(home, lobby.url, "ann", LOBBY_NAME="Ann") as ann:
        async with joined(home, lobby.url, "bea") as bea:
            assert (await bea.wait_for("player_joined"))[0] == "ann"
            await ann.wait_for("player_joined", "bea")
            await ann.call("send_position", 12.5, -8.25)
            await bea.wait_for("player_moved", "ann", [12.5, -8.25])
            await bea.call("set_status", "trading")
            await ann.wait_for("status_changed", "bea", [0, 0], "trading")
            await bea.wait_for("status_changed", "bea", [0, 0], "trading")
            await bea.call("leave")
            await bea.wait_for("player_left", "ann")
            await ann.wait_for("player_left", "bea")
            await bea.call("join")
            await bea.wait_for("player_joined", "ann", [12.5, -8.25])
        await ann.wait_for("player_left", "bea")  # its game was closed


async def test_a_game_lists_the_rooms(home: Path) -> None:
    async with serving(list_rooms=True) as lobby, joined(home, lobby.url, "ann") as ann:
        await ann.call("rooms")
        await ann.wait_for("rooms", [{"name": "lobby", "players": 1, "size": 50}], "")
        await ann.call("rooms", 0)
        assert "limit must be" in (await ann.wait_for("rooms_failed"))[0]


async def test_two_games_exchange_data_events_a_height_and_a_name(home: Path) -> None:
    async with serving() as lobby, joined(home, lobby.url, "ann") as ann:
        await ann.call("set_data", {"team": "red", "ship": {"hull": 2}})
        await ann.wait_for("data", "ann", {"team": "red", "ship": {"hull": 2}})
        await ann.call("send_position", 1, 2, 8.25)
        async with joined(home, lobby.url, "bea") as bea:
            *_, status, height, data = await bea.wait_for("player_joined", "ann", [1, 2])
            assert (status, height, data) == ("", 8.25, {"team": "red", "ship": {"hull": 2}})
            await ann.call("send_position", 1, 2, 0)
            assert (await bea.wait_for("player_moved", "ann", [1, 2]))[3] == 0.01  # 0 is a height
            await bea.call("send", "wave", {"hand": "left"})
            await ann.wait_for("event", "bea", "wave", {"hand": "left"})
            await ann.call("send", "gg", {}, "bea")
            await bea.wait_for("event", "ann", "gg", {})
            await ann.call("set_data", {"team": None, "ship": {"hull": 1}})
            await bea.wait_for("data", "ann", {"ship": {"hull": 1}})
            await ann.call("rename", "Ann of the Hub")
            await bea.wait_for("status_changed", "ann")


async def test_what_the_lobby_refuses_of_data_and_events_reaches_the_signal_and_no_other_game(home: Path) -> None:
    async with serving() as lobby, joined(home, lobby.url, "ann") as ann, joined(home, lobby.url, "bea") as bea:
        await ann.wait_for("player_joined", "bea")
        for code, method, *arguments in (
            ("bad_data", "set_data", {"text": "x" * 600}),
            ("too_large", "set_data", {"text": "x" * 20_000}),
            ("bad_data", "set_data", {"__proto__": 1}),
            ("bad_event", "send", "x" * 600),
            ("bad_event", "send", "wave", {"text": "x" * 600}),
            ("no_player", "send", "wave", {}, "cem"),
        ):
            await ann.call(method, *arguments)
            assert (await ann.wait_for("refused"))[0] == code
        await ann.call("send", "wave")
        assert await bea.wait_for("event") == ("ann", "wave", {})
        assert not [event for event in bea.events if event[0] in ("data", "event")]
        await ann.call("set_data", {"team": "red"})
        await bea.wait_for("data", "ann", {"team": "red"})


async def test_a_game_that_watches_sees_the_players_and_no_player_sees_it(home: Path) -> None:
    async with serving() as lobby, joined(home, lobby.url, "ann") as ann, playing(home, lobby.url, "bea") as bea:
        await bea.send(set={"watch": True})
        await bea.call("send_position", 5, 5)
        await bea.call("join")
        await bea.wait_for("player_joined", "ann")
        await ann.call("send", "gg")
        await bea.wait_for("event", "ann", "gg")
        assert not [event for event in ann.events if event[0] == "player_joined"]
        assert not [event for event in bea.events if event[0] == "refused"]


@pytest.mark.parametrize(("command", "path"), [("serve", "/"), ("emulate", "/dev")])
async def test_games_reconnect_to_a_lobby_that_was_killed(home: Path, command: str, path: str) -> None:
    port = free_port()
    url = f"ws://127.0.0.1:{port}{path}"
    with serving_process(port, command) as first:
        async with joined(home, url, "ann") as ann, joined(home, url, "bea") as bea:
            await ann.wait_for("player_joined", "bea")
            await ann.call("send_position", 7, 8)
            await bea.wait_for("player_moved", "ann", [7, 8])
            first.send_signal(signal.SIGKILL)
            assert (await bea.wait_for("disconnected"))[0] == "the connection broke off"
            with serving_process(port, command):
                await ann.wait_for("connected")
                await bea.wait_for("connected")
                await ann.call("send_position", 9, 9)
                await bea.wait_for("player_moved", "ann", [9, 9])


async def test_after_a_restart_the_lobby_gets_position_and_status_again(home: Path) -> None:
    port = free_port()
    async with playing(home, f"ws://127.0.0.1:{port}/", "ann") as ann:
        async with serving(Settings(port=port)):
            await ann.call("join")
            await ann.wait_for("connected")
            await ann.call("send_position", 7, 8)
            await ann.call("set_status", "away")
            await ann.wait_for("status_changed", "ann")
        reason, retry_in_s = await ann.wait_for("disconnected")
        assert reason == "the server is restarting"
        assert 0 <= retry_in_s <= 0.5
        async with serving(Settings(port=port)), LobbyClient(f"ws://127.0.0.1:{port}/", "watch") as watch:
            await ann.wait_for("connected")
            while (known := watch.roster.players.get("ann")) is None or (known.at[:2], known.status) != ((7, 8), "away"):
                await watch.next_event()


async def test_the_same_player_elsewhere_takes_over_and_the_first_game_does_not_reconnect(home: Path) -> None:
    async with serving() as lobby, LobbyClient(lobby.url, "watch") as watch:
        await watch.next_event()
        async with joined(home, lobby.url, "ann") as first:
            assert isinstance(await watch.next_event(), Joined)
            async with joined(home, lobby.url, "ann") as second:
                code, message = await first.wait_for("failed")
                assert code == "taken_over"
                assert "connected again" in message
                await asyncio.sleep(0.7)  # longer than the longest first pause
                await second.call("send_position", 1, 2)
                assert isinstance(await watch.next_event(), Moved)


async def test_a_lobby_that_requires_tokens_accepts_a_valid_one_only(home: Path) -> None:
    token, other = (sign(player, SECRET, time.time_ns() // 1_000_000 + 60_000) for player in ("ann", "watch"))
    async with serving(secret=SECRET) as lobby:
        async with playing(home, lobby.url, "ann") as ann:
            await ann.call("join")
            assert (await ann.wait_for("failed"))[0] == "unauthorized"
        async with playing(home, lobby.url, "ann", LOBBY_TOKEN="a.b.c") as ann:
            await ann.call("join")
            assert (await ann.wait_for("failed"))[0] == "unauthorized"
        async with joined(home, lobby.url, "", LOBBY_TOKEN=token), LobbyClient(lobby.url, token=other) as watch:
            await watch.next_event()
            assert list(watch.roster.players) == ["ann"]  # the token names the player


async def test_a_takeover_causes_no_event(home: Path) -> None:
    async with serving() as lobby, LobbyClient(lobby.url, "watch") as watch:
        await watch.next_event()
        async with playing(home, lobby.url, "ann") as ann:
            await ann.send(set={"_connection:takeover_ms": 300.0})
            await ann.call("join")
            assert isinstance(await watch.next_event(), Joined)
            before = set(lobby.server.connections)
            async with asyncio.timeout(5):
                while len(before & set(lobby.server.connections)) > 1:
                    await asyncio.sleep(0.02)
            await ann.call("send_position", 3, 4)
            moved = await watch.next_event()
            assert isinstance(moved, Moved)
            assert moved.player.at[:2] == (3, 4)
            assert [event[0] for event in ann.events] == ["connected", "player_joined"]


@pytest.mark.parametrize("takeover_ms", [500.0, NEVER_MS])
async def test_a_gateway_that_closes_connections_after_a_time_loses_no_player(home: Path, takeover_ms: float) -> None:
    async with emulated_lobby() as lobby:
        api = lobby.stack.gateway.api
        lobby.stack.gateway.api = replace(api, limits=replace(api.limits, duration_s=2.0))
        url = lobby.at().partition("?")[0]
        async with playing(home, url, "ann") as ann, playing(home, url, "bea") as bea:
            for game in (ann, bea):
                await game.send(set={"_connection:takeover_ms": takeover_ms})
                await game.call("join")
                await game.wait_for("connected")
            if takeover_ms == NEVER_MS:
                for game in (ann, bea):
                    await game.wait_for("disconnected")
                    await game.wait_for("connected")
            else:
                await ann.wait_for("player_joined", "bea")
                await asyncio.sleep(3)
                assert [event for event in ann.events + bea.events if event[0] in ("disconnected", "player_left")] == []
            await ann.call("send_position", 3, 4)
            await bea.wait_for("player_moved", "ann", [3, 4])


async def test_a_paused_game_stays_in_the_lobby(home: Path) -> None:
    async with (
        serving(heartbeat_ms=200) as lobby,
        joined(home, lobby.url, "ann") as ann,
        joined(home, lobby.url, "bea") as bea,
    ):
        await ann.wait_for("player_joined", "bea")
        await ann.send(set={"paused": True})
        await asyncio.sleep(1.0)  # four heartbeats longer than the lobby waits for a ping
        assert lobby.server.counts["closed", "silent"] == 0
        await bea.call("send_position", 1, 2)
        await ann.wait_for("player_moved", "bea", [1, 2])


async def test_closing_the_window_closes_the_connection(home: Path) -> None:
    closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def stub(peer: ServerConnection) -> None:
        await peer.send('{"type":"welcome","your_id":"ann","lobby_players":[]}')
        try:
            async for _ in peer:
                pass
        except ConnectionClosed:
            pass
        closed.set_result(peer.close_code)

    async with serve(stub, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with joined(home, f"ws://127.0.0.1:{port}/", "ann") as ann:
            assert await ann.quit() == 0
            assert await asyncio.wait_for(closed, 5) == 1000


async def test_a_game_runs_without_a_lobby(home: Path) -> None:
    async with playing(home, f"ws://127.0.0.1:{free_port()}/", "ann") as ann:
        await ann.call("send_position", 1, 2)
        await ann.call("set_status", "away")
        await ann.call("leave")
        await ann.call("join")
        reason, retry_in_s = await ann.wait_for("disconnected")
        assert reason == "no lobby answers there, or it refuses the connection"
        assert retry_in_s <= 0.5
        await ann.wait_for("disconnected")
        await ann.call("leave")
    async with playing(home, "ftp://nowhere/", "ann") as ann:
        await ann.call("join")
        assert (await ann.wait_for("failed"))[0] == "bad_address"


async def test_a_lobby_of_version_1_works(home: Path) -> None:
    received: list[dict[str, object]] = []

    async def stub(peer: ServerConnection) -> None:
        await peer.send('{"type":"welcome","your_id":"ann","lobby_players":[{"id":"bea","x":1.0,"y":2.0}]}')
        await peer.send('{"type":"pos","id":"bea","x":3.0,"y":4.0}')
        async for text in peer:
            received.append(json.loads(text))

    async with serve(stub, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with joined(home, f"ws://127.0.0.1:{port}/", "ann") as ann:
            await ann.wait_for("player_joined", "bea", [1, 2])
            await ann.wait_for("player_moved", "bea", [3, 4])
            await ann.call("set_status", "away")
            await ann.call("send_position", 5, 6)
            async with asyncio.timeout(5):
                while not any(message["action"] == "pos" for message in received):
                    await asyncio.sleep(0.02)
    assert [message for message in received if message["action"] != "hello"] == [{"action": "pos", "x": 5, "y": 6}]


async def test_a_player_that_is_too_fast_is_corrected(home: Path) -> None:
    async with serving(max_speed=15) as lobby, joined(home, lobby.url, "ann") as ann:
        async with hosts.joined(lobby.at(pid="bea", v=2)) as bea:
            await bea.receive("welcome")
            await ann.call("send_position", 1, 2)
            await bea.receive("moves")
            await ann.call("send_position", 5000, 2)
            assert (await ann.wait_for("refused"))[0] == "too_fast"
            await ann.wait_for("corrected", 1, 2)


async def test_a_serverless_lobby_works_the_same(home: Path) -> None:
    async with emulated_lobby() as lobby:
        url = lobby.at().partition("?")[0]
        async with joined(home, url, "ann") as ann:
            async with joined(home, url, "bea", LOBBY_NAME="Bea") as bea:
                await bea.wait_for("player_joined", "ann")
                await ann.wait_for("player_joined", "bea")
                await ann.call("send_position", 12.5, -8.25)
                await bea.wait_for("player_moved", "ann", [12.5, -8.25])
                await bea.call("set_status", "trading")
                await ann.wait_for("status_changed", "bea", [0, 0], "trading")
            await ann.wait_for("player_left", "bea")
