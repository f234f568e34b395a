"""Webhooks: what is sent, signed, tried again and dropped. Time is moved; one test sends real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from lobby.errors import LobbyError
from lobby.presence import Presence
from lobby.server.host import Server
from lobby.server.memory import MemoryStore
from lobby.server.webhooks import BATCH, FIRST_PAUSE_S, LONGEST_PAUSE_S, QUEUE, TRIES, Webhooks, pause_s, signature
from lobby.settings import Settings
from lobby.telemetry import Counts
from tests.hosts import joined, serving

SECRET = "a secret of webhooks with 40 characters"


class Receiver:
    """Answers with the given statuses in turn; the last one repeats. While ``held``, it does not answer."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.bodies, self.headers, self.pauses = (
            list(statuses),
            list[Any](),
            list[dict[str, str]](),
            list[float](),
        )
        self.free = asyncio.Event()
        self.free.set()

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        await self.free.wait()
        self.bodies.append(json.loads(body))
        self.headers.append(headers)
        assert headers["Lobby-Signature"] == signature(SECRET, int(headers["Lobby-Timestamp"]), body)
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def players(self) -> list[str]:
        return [report["player"] for body in self.bodies for report in body["events"]]


async def sent(receiver: Receiver, *players: str, after: int = 0) -> Counts:
    """Reports joins, and waits until nothing waits. The receiver answers from report number ``after`` on."""
    counts: Counts = Counter()
    webhooks = Webhooks(SECRET, counts, receiver.post, receiver.sleep)
    running = asyncio.ensure_future(webhooks.run())
    if after:
        receiver.free.clear()
    for number, player in enumerate(players, 1):
        webhooks.report("join", Presence("hub", "c", player, name=f"<b>{player}</b>"), number)
        if number in (1, after):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    receiver.free.set()
    await webhooks.flush()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return counts


async def test_reports_are_sent_in_their_order() -> None:
    receiver = Receiver(200)
    counts = await sent(receiver, "ann", "bea", "cem")
    assert receiver.players == ["ann", "bea", "cem"]
    expected = {"event": "join", "room": "hub", "player": "ann", "name": "<b>ann</b>", "time_ms": 1}
    assert receiver.bodies[0]["events"][0] == expected
    assert counts == {("webhooks", "sent"): 3}


async def test_a_crowd_is_sent_in_few_requests() -> None:
    receiver = Receiver(204)
    players = [f"p{number}" for number in range(3 * BATCH)]
    await sent(receiver, *players)
    assert receiver.players == players
    assert len(receiver.bodies) <= 4
    assert max(len(body["events"]) for body in receiver.bodies) == BATCH


async def test_a_request_that_fails_is_tried_again_with_the_same_id_and_longer_pauses() -> None:
    receiver = Receiver(500, 0, 429, 200)
    counts = await sent(receiver, "ann")
    assert receiver.players == ["ann"] * 4
    assert len({body["id"] for body in receiver.bodies}) == 1
    assert len(receiver.pauses) == 3
    for number, pause in enumerate(receiver.pauses):
        assert FIRST_PAUSE_S * 2**number / 2 <= pause <= FIRST_PAUSE_S * 2**number
    assert counts == {("webhooks", "sent"): 1, ("webhooks", "retried"): 3}


async def test_a_request_that_never_succeeds_is_given_up() -> None:
    receiver = Receiver(503)
    counts = await sent(receiver, "ann")
    assert len(receiver.bodies) == TRIES
    assert counts == {("webhooks", "failed"): 1, ("webhooks", "retried"): TRIES - 1}


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413])
async def test_a_refusal_is_not_tried_again(status: int) -> None:
    receiver = Receiver(status)
    assert await sent(receiver, "ann") == {("webhooks", "failed"): 1}
    assert len(receiver.bodies) == 1


async def test_a_full_queue_drops_the_oldest_reports_and_counts_them() -> None:
    receiver = Receiver(200)
    players = [f"p{number}" for number in range(QUEUE + 6)]
    counts = await sent(receiver, *players, after=len(players))
    assert receiver.players == ["p0", *players[6:]], "the first one was on its way already"
    assert counts == {("webhooks", "sent"): QUEUE + 1, ("webhooks", "dropped"): 5}


def test_pauses_grow_and_have_a_limit() -> None:
    assert [pause_s(tries, 1) for tries in range(1, 5)] == [1, 2, 4, 8]
    assert pause_s(1, 0) == 0.5
    assert pause_s(100, 1) == LONGEST_PAUSE_S


def test_the_check_in_the_docs_accepts_our_signature_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs/operators.md").read_text()
    code: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], code)
    body = b'{"id":"x"}'
    signed = signature(SECRET, 1_700_000_000, body)
    assert code["is_genuine"](SECRET, "1700000000", signed, body)
    assert not code["is_genuine"](SECRET, "1700000001", signed, body)
    assert not code["is_genuine"](SECRET, "1700000000", signed, body + b" ")
    assert not code["is_genuine"](SECRET + "x", "1700000000", signed, body)


@pytest.mark.parametrize(
    ("url", "secret", "text"),
    [
        ("ftp://game.example", SECRET, "begins with http"),
        ("game.example/hook", SECRET, "begins with http"),
        ("http://", SECRET, "begins with http"),
        ("http://[x", SECRET, "begins with http"),
        ("https://game.example/hook", "", "LOBBY_WEBHOOK_SECRET"),
        ("https://game.example/hook", "short", "LOBBY_WEBHOOK_SECRET is not good enough"),
    ],
)
async def test_a_webhook_that_cannot_work_stops_the_start(url: str, secret: str, text: str) -> None:
    with pytest.raises(LobbyError, match=text):
        await Server(Settings(port=0, webhook_url=url, webhook_secret=secret), MemoryStore()).run()


async def test_a_server_gets_joins_and_leaves_of_a_lobby_that_runs() -> None:
    reports: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        body = await request.read()
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["Lobby-Signature"] == signature(SECRET, int(request.headers["Lobby-Timestamp"]), body)
        for report in json.loads(body)["events"]:
            reports.put_nowait(report)
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    async with serving(webhook_url=url, webhook_secret=SECRET) as lobby:
        async with joined(lobby.at(pid="ann", v=2, room="hub")), joined(lobby.at(pid="ann", v=2, room="hub")):
            assert (await reports.get())["player"] == "ann"
            async with joined(lobby.at(v=2, room="hub", watch=1)) as watcher:
                await watcher.receive("welcome")
        left = await reports.get()
        assert (left["event"], left["room"], left["player"]) == ("leave", "hub", "ann")
        async with joined(lobby.at(pid="bea", v=2)) as bea:
            await bea.receive("welcome")
        assert [(await reports.get())["event"] for _ in range(2)] == ["join", "leave"]
        stays = await joined(lobby.at(pid="cem", v=2)).__aenter__()
        await stays.receive("welcome")
    assert [(await reports.get())["event"] for _ in range(2)] == ["join", "leave"], "the last leaves are sent at the end"
    assert reports.empty(), "a takeover and a watcher are neither a join nor a leave"
    await stays.socket.close()
    await runner.cleanup()
