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
from tests.hosts import free_port, run, serving
from tests.serverless.cloud import cloud

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
                except OSError:  # nobody listens yet, or the one before is just dying
                    time.sleep(0.05)
            yield child
        finally:
            child.kill()  # an end in good order would refuse games that come back meanwhile, and the engine complains of that


def test_players_come_move_speak_and_go(home: Path) -> None:
    async def test() -> None:
        async with serving() as lobby, joined(home, lobby.url, "ann", LOBBY_NAME="Ann") as ann:
            async with joined(home, lobby.url, "bea") as bea:
                assert (await bea.hears("player_joined"))[0] == "ann"
                await ann.hears("player_joined", "bea")
                await ann.does("send_position", 12.5, -8.25)
                await bea.hears("player_moved", "ann", [12.5, -8.25])
                await bea.does("set_status", "trading")
                await ann.hears("status_changed", "bea", [0, 0], "trading")
                await bea.hears("status_changed", "bea", [0, 0], "trading")
                await bea.does("leave")
                await bea.hears("player_left", "ann")
                await ann.hears("player_left", "bea")
                await bea.does("join")
                await bea.hears("player_joined", "ann", [12.5, -8.25])
            await ann.hears("player_left", "bea")  # the game was closed

    run(test())


@pytest.mark.parametrize(("command", "path"), [("serve", "/"), ("emulate", "/dev")])
def test_a_lobby_that_is_killed_and_comes_back_finds_everybody(home: Path, command: str, path: str) -> None:
    async def test() -> None:
        port = free_port()
        url = f"ws://127.0.0.1:{port}{path}"
        with serving_process(port, command) as first:
            async with joined(home, url, "ann") as ann, joined(home, url, "bea") as bea:
                await ann.hears("player_joined", "bea")
                await ann.does("send_position", 7, 8)
                await bea.hears("player_moved", "ann", [7, 8])
                first.send_signal(signal.SIGKILL)
                assert (await bea.hears("disconnected"))[0] == "the connection broke off"
                with serving_process(port, command):
                    await ann.hears("connected")
                    await bea.hears("connected")
                    await ann.does("send_position", 9, 9)
                    await bea.hears("player_moved", "ann", [9, 9])

    run(test())


def test_a_lobby_that_restarts_finds_its_players_where_they_stood(home: Path) -> None:
    async def test() -> None:
        port = free_port()
        async with playing(home, f"ws://127.0.0.1:{port}/", "ann") as ann:
            async with serving(Settings(port=port)):
                await ann.does("join")
                await ann.hears("connected")
                await ann.does("send_position", 7, 8)
                await ann.does("set_status", "away")
                await ann.hears("status_changed", "ann")
            reason, again_s = await ann.hears("disconnected")
            assert reason == "the server is restarting"
            assert 0 <= again_s <= 0.5
            async with serving(Settings(port=port)), LobbyClient(f"ws://127.0.0.1:{port}/", "watch") as watch:
                await ann.hears("connected")
                while (known := watch.roster.players.get("ann")) is None or (known.at[:2], known.status) != ((7, 8), "away"):
                    await watch.next_event()

    run(test())


def test_the_same_player_elsewhere_takes_over_and_the_first_game_does_not_fight(home: Path) -> None:
    async def test() -> None:
        async with serving() as lobby, LobbyClient(lobby.url, "watch") as watch:
            await watch.next_event()
            async with joined(home, lobby.url, "ann") as first:
                assert isinstance(await watch.next_event(), Joined)
                async with joined(home, lobby.url, "ann") as second:
                    code, message = await first.hears("failed")
                    assert code == "taken_over"
                    assert "connected again" in message
                    await asyncio.sleep(0.7)  # longer than the longest first pause
                    await second.does("send_position", 1, 2)
                    assert isinstance(await watch.next_event(), Moved)

    run(test())


def test_a_lobby_that_wants_tokens_takes_the_right_one_only(home: Path) -> None:
    async def test() -> None:
        token, other = (sign(player, SECRET, time.time_ns() // 1_000_000 + 60_000) for player in ("ann", "watch"))
        async with serving(secret=SECRET) as lobby:
            async with playing(home, lobby.url, "ann") as ann:
                await ann.does("join")
                assert (await ann.hears("failed"))[0] == "unauthorized"
            async with playing(home, lobby.url, "ann", LOBBY_TOKEN="a.b.c") as ann:
                await ann.does("join")
                assert (await ann.hears("failed"))[0] == "unauthorized"
            async with joined(home, lobby.url, "", LOBBY_TOKEN=token), LobbyClient(lobby.url, token=other) as watch:
                await watch.next_event()
                assert list(watch.roster.players) == ["ann"]  # the token says who comes

    run(test())


def test_before_the_connection_is_cut_a_new_one_takes_over_and_nobody_notices(home: Path) -> None:
    async def test() -> None:
        async with serving() as lobby, LobbyClient(lobby.url, "watch") as watch:
            await watch.next_event()
            async with playing(home, lobby.url, "ann") as ann:
                await ann.tell(set={"_connection:takeover_ms": 300.0})
                await ann.does("join")
                assert isinstance(await watch.next_event(), Joined)
                before = set(lobby.server.connections)
                async with asyncio.timeout(5):
                    while len(before & set(lobby.server.connections)) > 1:
                        await asyncio.sleep(0.02)
                await ann.does("send_position", 3, 4)
                moved = await watch.next_event()
                assert isinstance(moved, Moved)
                assert moved.player.at[:2] == (3, 4)
                assert [event[0] for event in ann.happened] == ["connected", "player_joined"]

    run(test())


@pytest.mark.parametrize("takeover_ms", [500.0, NEVER_MS])
def test_a_gateway_that_cuts_everybody_after_its_time_loses_nobody(home: Path, takeover_ms: float) -> None:
    async def test() -> None:
        async with cloud() as lobby:
            api = lobby.stack.gateway.api
            lobby.stack.gateway.api = replace(api, limits=replace(api.limits, duration_s=2.0))
            url = lobby.at().partition("?")[0]
            async with playing(home, url, "ann") as ann, playing(home, url, "bea") as bea:
                for game in (ann, bea):
                    await game.tell(set={"_connection:takeover_ms": takeover_ms})
                    await game.does("join")
                    await game.hears("connected")
                if takeover_ms == NEVER_MS:
                    for game in (ann, bea):
                        await game.hears("disconnected")
                        await game.hears("connected")
                else:
                    await ann.hears("player_joined", "bea")
                    await asyncio.sleep(3)
                    assert [event for event in ann.happened + bea.happened if event[0] in ("disconnected", "player_left")] == []
                await ann.does("send_position", 3, 4)
                await bea.hears("player_moved", "ann", [3, 4])

    run(test())


def test_a_paused_game_stays_in_the_lobby(home: Path) -> None:
    async def test() -> None:
        async with (
            serving(heartbeat_ms=200) as lobby,
            joined(home, lobby.url, "ann") as ann,
            joined(home, lobby.url, "bea") as bea,
        ):
            await ann.hears("player_joined", "bea")
            await ann.tell(set={"paused": True})
            await asyncio.sleep(1.0)  # four heartbeats more than it takes to be thrown out
            assert lobby.server.service.counts["closed", "silent"] == 0
            await bea.does("send_position", 1, 2)
            await ann.hears("player_moved", "bea", [1, 2])

    run(test())


def test_who_closes_the_window_says_goodbye(home: Path) -> None:
    async def test() -> None:
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
                assert await ann.quits() == 0
                assert await asyncio.wait_for(closed, 5) == 1000

    run(test())


def test_a_game_without_a_lobby_goes_on(home: Path) -> None:
    async def test() -> None:
        async with playing(home, f"ws://127.0.0.1:{free_port()}/", "ann") as ann:
            await ann.does("send_position", 1, 2)
            await ann.does("set_status", "away")
            await ann.does("leave")
            await ann.does("join")
            reason, again_s = await ann.hears("disconnected")
            assert reason == "no lobby answers there, or it does not let you in"
            assert again_s <= 0.5
            await ann.hears("disconnected")
            await ann.does("leave")
        async with playing(home, "ftp://nowhere/", "ann") as ann:
            await ann.does("join")
            assert (await ann.hears("failed"))[0] == "bad_address"

    run(test())


def test_a_lobby_of_version_1_is_understood(home: Path) -> None:
    async def test() -> None:
        heard: list[dict[str, object]] = []

        async def stub(peer: ServerConnection) -> None:
            await peer.send('{"type":"welcome","your_id":"ann","lobby_players":[{"id":"bea","x":1.0,"y":2.0}]}')
            await peer.send('{"type":"pos","id":"bea","x":3.0,"y":4.0}')
            async for text in peer:
                heard.append(json.loads(text))

        async with serve(stub, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with joined(home, f"ws://127.0.0.1:{port}/", "ann") as ann:
                await ann.hears("player_joined", "bea", [1, 2])
                await ann.hears("player_moved", "bea", [3, 4])
                await ann.does("set_status", "away")
                await ann.does("send_position", 5, 6)
                async with asyncio.timeout(5):
                    while not any(message["action"] == "pos" for message in heard):
                        await asyncio.sleep(0.02)
        assert [message for message in heard if message["action"] != "hello"] == [{"action": "pos", "x": 5, "y": 6}]

    run(test())


def test_who_is_too_fast_is_told_where_it_stands(home: Path) -> None:
    async def test() -> None:
        async with serving(max_speed=15) as lobby, joined(home, lobby.url, "ann") as ann:
            async with hosts.joined(lobby.at(pid="bea", v=2)) as bea:
                await bea.hear("welcome")
                await ann.does("send_position", 1, 2)
                await bea.hear("moves")
                await ann.does("send_position", 5000, 2)
                assert (await ann.hears("refused"))[0] == "too_fast"
                await ann.hears("corrected", 1, 2)

    run(test())


def test_a_lobby_without_a_server_is_the_same_to_a_game(home: Path) -> None:
    async def test() -> None:
        async with cloud() as lobby:
            url = lobby.at().partition("?")[0]
            async with joined(home, url, "ann") as ann:
                async with joined(home, url, "bea", LOBBY_NAME="Bea") as bea:
                    await bea.hears("player_joined", "ann")
                    await ann.hears("player_joined", "bea")
                    await ann.does("send_position", 12.5, -8.25)
                    await bea.hears("player_moved", "ann", [12.5, -8.25])
                    await bea.does("set_status", "trading")
                    await ann.hears("status_changed", "bea", [0, 0], "trading")
                await ann.hears("player_left", "bea")

    run(test())
