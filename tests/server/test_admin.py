"""The admin API of `lobby serve`, over real HTTP, with players that are connected to the same lobby."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import ANY
from urllib.parse import quote

import pytest
from aiohttp import ClientResponse, ClientSession

from lobby.errors import LobbyError
from lobby.presence import Presence
from lobby.server import admin
from lobby.server.host import Server
from lobby.server.memory import MemoryStore
from lobby.settings import Settings
from tests.hosts import Player, Running, free_port, joined, serving

KEY = "a-key-of-the-admin-api-with-40-characters"


class Api:
    """The admin API of a lobby that runs."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self.session, self.url = session, url

    async def request(self, method: str, path: str, body: object = None, **options: Any) -> ClientResponse:
        options = {"headers": {"Authorization": f"Bearer {KEY}"}, **options}
        async with self.session.request(method, self.url + path, json=body, **options) as answer:
            await answer.read()
            return answer

    async def __call__(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        answer = await self.request(method, path, body)
        assert answer.status == status, await answer.text()
        found = await answer.json()
        return found["detail"] if status >= 400 else found


@asynccontextmanager
async def administered(**changes: Any) -> AsyncIterator[tuple[Running, Api]]:
    port = free_port()
    async with serving(admin_port=port, admin_key=KEY, **changes) as lobby, ClientSession() as session:
        yield lobby, Api(session, f"http://127.0.0.1:{port}")


async def closed_with(player: Player, code: str) -> tuple[str, int]:
    """The text of the closing error, and the close code."""
    error = await player.receive("error")
    assert error["code"] == code
    return error["message"], await player.closed_with()


# ── the key ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({}, "needs its key in the header"),
        ({"Authorization": "Bearer"}, "needs its key in the header"),
        ({"Authorization": f"Token {KEY}"}, "needs its key in the header"),
        ({"Authorization": "Bearer " + KEY[:-1]}, "is not the key"),
        ({"Authorization": f"Bearer {KEY}x"}, "is not the key"),
        ({"Authorization": "Bearer ключ"}, "is not the key"),
        ({"X-Api-Key": KEY}, "needs its key in the header"),
    ],
)
async def test_a_request_without_the_right_key_is_refused(headers: dict[str, str], text: str) -> None:
    async with administered() as (_lobby, api):
        for method, path in (("GET", "/rooms"), ("GET", "/stats"), ("GET", "/metrics"), ("POST", "/drain"), ("GET", "/none")):
            answer = await api.request(method, path, headers=headers)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert text in (await answer.json())["detail"]


@pytest.mark.parametrize("query", [f"key={KEY}", "access_token=wrong", f"any={KEY}", f"Token={KEY}", "limit=1&admin_key="])
async def test_a_key_in_the_address_is_refused_with_a_text_that_states_it(query: str) -> None:
    async with administered() as (_lobby, api):
        for headers in ({}, {"Authorization": f"Bearer {KEY}"}):
            answer = await api.request("GET", f"/rooms?{query}", headers=headers)
            assert answer.status == 400
            assert "The address carries a key" in (await answer.json())["detail"]
        assert (await api.request("GET", f"/{KEY}/rooms")).status == 400
        assert (await api.request("GET", "/rooms", headers={"Authorization": "Basic YTpi"})).status == 400


async def test_a_large_body_is_refused_before_it_is_read() -> None:
    async with administered() as (_lobby, api):
        answer = await api.request("POST", "/events", {"event": "x", "data": {"x": "y" * 70_000}})
        assert answer.status == 413

        async def endless() -> AsyncIterator[bytes]:
            yield b"{}"

        headers = {"Authorization": f"Bearer {KEY}"}
        async with api.session.post(f"{api.url}/events", data=endless(), headers=headers) as chunked:
            assert chunked.status == 413


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /rooms HTTP/1.1\r\nHost:",
        b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nAuthorization: Bearer %s\r\n\r\n{",
    ],
)
async def test_a_client_that_does_not_finish_its_request_is_cut(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "CONNECTION_S", 0.1)
    async with administered() as (_, api):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
        writer.write(begun.replace(b"%s", KEY.encode()))
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_the_files_of_the_console_need_no_key_and_the_api_does() -> None:
    async with administered() as (_lobby, api):
        page = await api.request("GET", "/", headers={})
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        html = await page.text()
        assert KEY not in html
        loaded = [f"/{path}" for path in re.findall(r'(?:src|href)="((?:viewer|console)/[^"]+)"', html)]
        assert len(loaded) == 3
        for path in loaded:
            for method in ("GET", "HEAD"):
                answer = await api.request(method, path, headers={})
                assert (answer.status, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
                assert bool(await answer.text()) == (method == "GET")
        for method, path in (
            ("POST", "/"),
            ("GET", "/console/"),
            ("GET", "/console/__init__.py"),
            ("GET", "/console/../admin.py"),
        ):
            assert (await api.request(method, path, headers={})).status == 401
        assert (await api.request("GET", f"/?key={KEY}", headers={})).status == 400


async def test_the_description_needs_no_key_and_names_every_path() -> None:
    async with administered() as (_lobby, api):
        answer = await api.request("GET", "/openapi.json", headers={})
        paths = (await answer.json())["paths"]
        assert {(path, method) for path, methods in paths.items() for method in methods} == {
            ("/rooms", "get"),
            ("/rooms/{room}", "get"),
            ("/rooms/{room}", "delete"),
            ("/rooms/{room}/players/{player}/kick", "post"),
            ("/rooms/{room}/players/{player}/ban", "post"),
            ("/rooms/{room}/events", "post"),
            ("/bans", "get"),
            ("/bans", "delete"),
            ("/bans/{player}", "delete"),
            ("/events", "post"),
            ("/drain", "post"),
            ("/metrics", "get"),
            ("/stats", "get"),
        }


@pytest.mark.parametrize("key", ["", "short", "abcdefgh" * 5])
async def test_an_admin_port_without_a_good_key_does_not_start(key: str) -> None:
    with pytest.raises(LobbyError, match="LOBBY_ADMIN_KEY"):
        await Server(Settings(port=0, admin_port=1, admin_key=key), MemoryStore()).run()


async def test_an_admin_port_without_its_packages_states_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lobby.server.admin", raising=False)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(LobbyError, match=r"needs the package fastapi.*make setup.*serverless-lobby\[admin\]"):
        await Server(Settings(port=0, admin_port=1, admin_key=KEY), MemoryStore()).run()


async def test_an_admin_port_for_other_machines_uses_the_certificate_and_one_for_this_machine_does_not(tmp_path: Path) -> None:
    tls = {"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run(["openssl", *words, "-keyout", tls["tls_key"], "-out", tls["tls_cert"]], check=True, capture_output=True)
    async with administered(admin_host="0.0.0.0", **tls) as (_, api):
        api.url = api.url.replace("http:", "https:")
        assert (await api.request("GET", "/rooms", ssl=False)).status == 200
        assert (await api.request("GET", "/rooms", ssl=False, headers={})).status == 401
    async with administered(**tls) as (_, api):
        assert await api("GET", "/rooms")


async def test_a_key_that_would_travel_as_plain_text_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with administered(admin_host="0.0.0.0"):
        assert "admin_without_tls" in caplog.text


async def test_an_admin_port_that_is_in_use_stops_the_lobby_with_its_flag() -> None:
    async with administered() as (_lobby, api):
        taken = int(api.url.rpartition(":")[2])
        with pytest.raises(LobbyError, match=rf"port {taken} on 127\.0\.0\.1.*--admin-port {taken + 1}"):
            await Server(Settings(port=0, admin_port=taken, admin_key=KEY), MemoryStore()).run()


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_rooms_and_players_are_listed() -> None:
    async with (
        administered(room_size=8) as (lobby, api),
        joined(lobby.at(pid="ann", v=2, name="%3Cb%3EAnn%3C/b%3E", room="hub")) as ann,
        joined(lobby.at(pid="bea", v=2, room="hub")),
        joined(lobby.at(pid="cem", v=2, room="arena")),
        joined(lobby.at(v=2, room="hub", watch=1)) as watcher,
    ):
        await watcher.receive("welcome")
        await ann.receive("join")
        await ann.send(action="pos", x=1.5, y=2, z=3, h=1)
        await ann.send(action="data", data={"team": "red"})
        await ann.send(action="ping", t=1)
        await ann.receive("pong")
        rooms = await api("GET", "/rooms")
        assert rooms == {
            "rooms": [
                {"room": "arena", "players": 1, "watchers": 0, "connections": 1, "size": 8, "traffic": ANY},
                {"room": "hub", "players": 2, "watchers": 1, "connections": 3, "size": 8, "traffic": ANY},
            ],
            "total": 2,
            "next": None,
        }
        hub = await api("GET", "/rooms/hub")
        assert [player["id"] for player in hub["players"]] == ["ann", "bea"]
        found = hub["players"][0]
        assert (found["name"], found["address"], found["connections"]) == ("<b>Ann</b>", "127.0.0.1", 1)
        assert found["position"] == {"x": 1.5, "y": 2, "z": 3, "vx": 0, "vy": 0, "vz": 0, "h": 1}
        assert found["data"] == {"team": "red"}
        assert hub["players"][1]["position"] is None
        assert "no room nowhere" in await api("GET", "/rooms/nowhere", status=404)


async def test_html_in_names_is_json_and_no_page() -> None:
    name = "</script><img src=x>"
    async with administered() as (lobby, api), joined(lobby.at(pid="ann", v=2, name=quote(name))):
        answer = await api.request("GET", "/rooms/lobby")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (await answer.json())["players"][0]["name"] == name


async def test_100_000_rooms_are_read_page_by_page() -> None:
    async with administered() as (lobby, api):
        for number in range(100_000):
            lobby.server.store.add(Presence(f"room-{number:05}", f"c{number}", "ann"))
        first = await api("GET", "/rooms")
        assert (len(first["rooms"]), first["total"], first["next"]) == (100, 100_000, "room-00099")
        second = await api("GET", f"/rooms?limit=1000&after={first['next']}")
        assert (second["rooms"][0]["room"], second["next"]) == ("room-00100", "room-01099")
        last = await api("GET", "/rooms?after=room-99998")
        assert ([room["room"] for room in last["rooms"]], last["next"]) == (["room-99999"], None)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "after=" + "x" * 65])
async def test_a_page_that_cannot_be_is_refused_with_the_wrong_parameter(query: str) -> None:
    async with administered() as (_lobby, api):
        assert (await api("GET", f"/rooms?{query}", status=422)).startswith(query.partition("=")[0])


async def test_rooms_are_found_by_the_beginning_of_their_names() -> None:
    async with administered() as (lobby, api):
        for name in ("arena", "arena-1", "arena-2", "arenb", "are", "hub"):
            lobby.server.store.add(Presence(name, f"c-{name}", "ann"))

        async def found(query: str) -> tuple[list[str], str | None]:
            page = await api("GET", f"/rooms?{query}")
            assert page["total"] == 6
            return [one["room"] for one in page["rooms"]], page["next"]

        assert await found("prefix=arena") == (["arena", "arena-1", "arena-2"], None)
        assert await found("prefix=arena&limit=2") == (["arena", "arena-1"], "arena-1")
        assert await found("prefix=arena&after=arena-1") == (["arena-2"], None)
        assert await found("prefix=x") == ([], None)
        assert (await api("GET", "/rooms?prefix=a%20b", status=422)).startswith("prefix")


async def test_the_messages_and_frames_of_each_room_are_counted_until_it_is_empty() -> None:
    async with administered() as (lobby, api), joined(lobby.at(pid="cem", v=2)) as cem:
        await cem.receive("welcome")

        async def traffic(room: str) -> dict[str, int]:
            found: dict[str, dict[str, int]] = {one["room"]: one["traffic"] for one in (await api("GET", "/rooms"))["rooms"]}
            return found[room]

        before = await traffic("lobby")
        async with joined(lobby.at(pid="ann", v=2, room="hub")) as ann, joined(lobby.at(pid="bea", v=2, room="hub")) as bea:
            await bea.receive("welcome")
            await ann.receive("join")
            begin = await traffic("hub")
            assert begin["messages"] == 0
            await ann.send(action="pos", x=1, y=2)
            await bea.receive("moves")
            await ann.send(action="ping", t=1)
            await ann.receive("pong")
            await ann.send(action="nonsense")
            await ann.receive("error")
            await api("POST", "/events", {"event": "notice"})
            await bea.receive("event")
            assert await traffic("hub") == {"messages": 2, "frames": begin["frames"] + 1 + 1 + 1 + 2}
            assert await traffic("lobby") == {"messages": before["messages"], "frames": before["frames"] + 1}
            await api("DELETE", "/rooms/hub")
            assert "hub" not in lobby.server.lobby.traffic


# ── acting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_kick_closes_one_player_and_the_others_see_it_leave() -> None:
    async with (
        administered() as (lobby, api),
        joined(lobby.at(pid="ann", v=2)) as ann,
        joined(lobby.at(pid="bea", v=2)) as bea,
    ):
        await ann.receive("join")
        assert await api("POST", "/rooms/lobby/players/bea/kick", {"reason": "no spam"}) == {"closed": 1}
        assert await closed_with(bea, "kicked") == ("an operator of the lobby removed you: no spam", 4506)
        assert (await ann.receive("leave"))["id"] == "bea"
        assert await api("POST", "/rooms/lobby/players/ann/kick") == {"closed": 1}
        assert await closed_with(ann, "kicked") == ("an operator of the lobby removed you", 4506)


async def test_an_absent_player_cannot_be_kicked() -> None:
    async with administered() as (lobby, api), joined(lobby.at(pid="ann", v=2)) as ann:
        await ann.receive("welcome")
        assert await api("POST", "/rooms/lobby/players/bea/kick", status=404) == "bea is not in the room lobby."
        assert await api("POST", "/rooms/hub/players/ann/kick", status=404) == "There is no room hub."
        assert "String should match" in await api("POST", "/rooms/hub/players/a%20b/kick", status=422)


@pytest.mark.parametrize(
    "body", [{"reason": "x" * 101}, {"reason": "a\nb"}, {"reason": 5}, {"reasons": "x"}, [], "x", {"reason": "\ud800"}]
)
async def test_a_wrong_body_changes_nothing(body: object) -> None:
    async with administered() as (lobby, api), joined(lobby.at(pid="ann", v=2)) as ann:
        await ann.receive("config")
        assert await api("POST", "/rooms/lobby/players/ann/kick", body, status=422)
        await ann.send(action="ping", t=1)
        await ann.receive("pong")


async def test_a_banned_player_is_removed_from_all_rooms_and_cannot_come_back() -> None:
    async with (
        administered() as (lobby, api),
        joined(lobby.at(pid="ann", v=2)) as ann,
        joined(lobby.at(pid="ann", v=2, room="hub")) as ann_in_hub,
    ):
        await ann_in_hub.receive("welcome")
        banned = await api("POST", "/rooms/lobby/players/ann/ban", {"seconds": 60, "reason": "cheats"})
        assert (banned["player"], banned["reason"], banned["closed"]) == ("ann", "cheats", 2)
        for player in (ann, ann_in_hub):
            text, close = await closed_with(player, "banned")
            assert text.startswith("banned until ")
            assert text.endswith(" UTC: cheats")
            assert close == 4507
        async with joined(lobby.at(pid="ann", v=2, room="arena")) as again:
            assert (await closed_with(again, "banned"))[1] == 4507
        [ban] = (await api("GET", "/bans"))["bans"]
        assert ban == {"player": "ann", "until_ms": banned["until_ms"], "reason": "cheats"}
        assert await api("DELETE", "/bans/ann") == {"removed": 1}
        assert await api("DELETE", "/bans/ann", status=404) == "ann is not banned."
        async with joined(lobby.at(pid="ann", v=2)) as back:
            await back.receive("welcome")


@pytest.mark.parametrize("body", [{}, {"seconds": 0}, {"seconds": -1}, {"seconds": 1e9}, {"seconds": 1.5}, {"seconds": None}])
async def test_a_ban_needs_a_time_of_at_most_a_year(body: object) -> None:
    async with administered() as (_lobby, api):
        assert (await api("POST", "/rooms/lobby/players/ann/ban", body, status=422)).startswith("seconds")


async def test_a_player_that_is_not_there_can_be_banned_and_all_bans_removed() -> None:
    async with administered() as (_lobby, api):
        assert (await api("POST", "/rooms/lobby/players/ann/ban", {"seconds": 60}))["closed"] == 0
        assert await api("DELETE", "/bans") == {"removed": 1}
        assert await api("GET", "/bans") == {"bans": []}


async def test_a_closed_room_loses_all_its_players_at_once() -> None:
    async with (
        administered() as (lobby, api),
        joined(lobby.at(pid="ann", v=2, room="hub")) as ann,
        joined(lobby.at(pid="bea", room="hub")) as bea,
        joined(lobby.at(v=2, room="hub", watch=1)) as watcher,
        joined(lobby.at(pid="cem", v=2)) as cem,
    ):
        await cem.receive("config")
        await watcher.receive("welcome")
        await ann.receive("join")
        assert await api("DELETE", "/rooms/hub") == {"closed": 3}
        for player in (ann, bea, watcher):
            assert await closed_with(player, "room_closed") == ("an operator of the lobby closed this room", 4508)
        assert "no room hub" in await api("DELETE", "/rooms/hub", status=404)
        await cem.send(action="ping", t=1)
        await cem.receive("pong")


async def test_an_event_reaches_one_room_or_all() -> None:
    async with (
        administered() as (lobby, api),
        joined(lobby.at(pid="ann", v=2, room="hub")) as ann,
        joined(lobby.at(pid="bea", v=2)) as bea,
        joined(lobby.at(pid="old")),
    ):
        await bea.receive("join")
        assert await api("POST", "/events", {"event": "notice", "data": {"text": "<b>soon</b>"}}) == {"connections": 2}
        for player in (ann, bea):
            expected = {"type": "event", "id": "", "event": "notice", "data": {"text": "<b>soon</b>"}}
            assert await player.receive("event") == expected
        assert await api("POST", "/rooms/hub/events", {"event": "only.hub"}) == {"connections": 1}
        assert (await ann.receive("event"))["event"] == "only.hub"
        assert await bea.receives_nothing()
        assert "no room nowhere" in await api("POST", "/rooms/nowhere/events", {"event": "x"}, status=404)


@pytest.mark.parametrize(
    "body",
    [
        {"data": {}},
        {"event": ""},
        {"event": "x" * 1_000},
        {"event": "a b"},
        {"event": "x\n"},
        {"event": "x", "data": []},
        {"event": "x", "data": "y"},
        {"event": "x", "data": {"a": float("nan")}},
        {"event": "x", "data": {"a": "y" * 600}},
        {"event": "x", "data": {"a": "\ud800"}},
        {"event": "x", "data": {"__proto__": {}}},
        {"event": "x", "data": {}, "to": "ann"},
    ],
)
async def test_a_wrong_event_is_refused(body: object) -> None:
    async with administered() as (lobby, api), joined(lobby.at(pid="ann", v=2)) as ann:
        await ann.receive("config")
        await api("POST", "/events", body, status=422)
        assert await ann.receives_nothing()


async def test_data_that_is_nested_too_deeply_is_refused() -> None:
    async with administered() as (_lobby, api):
        body = b'{"event":"x","data":{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}}"
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        async with api.session.post(f"{api.url}/events", data=body, headers=headers) as answer:
            assert answer.status in (400, 422)


async def test_each_action_writes_one_line_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lobby")
    async with administered() as (lobby, api), joined(lobby.at(pid="ann", v=2)) as ann:
        await ann.receive("welcome")
        await api("GET", "/rooms")
        await api("POST", "/rooms/lobby/players/bea/kick", status=404)
        await api("POST", "/events", {"event": "x"})
        await api("POST", "/rooms/lobby/players/ann/ban", {"seconds": 5, "reason": "a b"})
        await api("DELETE", "/bans/ann")
        await api("DELETE", "/bans")
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "lobby"]
    actions = [line for line in lines if line["event"] == "admin_action"]
    assert [line["action"] for line in actions] == ["event", "ban", "unban", "unban_all"]
    assert actions[1]["room"] == "lobby"
    assert (actions[1]["player"], actions[1]["seconds"], actions[1]["reason"]) == ("ann", 5, "a b")
    assert all(line["remote"].startswith("127.0.0.1:") for line in actions)
    assert KEY not in "".join(record.getMessage() for record in caplog.records)


# ── drain, metrics, stats ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_drained_lobby_asks_its_players_to_come_back_and_ends() -> None:
    port = free_port()
    settings = Settings(port=0, admin_port=port, admin_key=KEY)
    async with serving(settings) as lobby, ClientSession() as session:
        api = Api(session, f"http://127.0.0.1:{port}")
        async with joined(lobby.at(pid="ann", v=2)) as ann, joined(lobby.at(pid="bea", v=2)) as bea:
            await ann.receive("join")
            assert await api("POST", "/drain", {"seconds": 0.4}) == {"players": 2, "seconds": 0.4}
            assert await ann.closed_with() == 4000
            async with joined(lobby.at(pid="cem", v=2)) as late:
                assert (await closed_with(late, "restarting"))[1] == 4000
            async with session.get(f"http://127.0.0.1:{lobby.port}/healthz") as health:
                assert (health.status, (await health.json())["status"]) == (503, "draining")
            assert await bea.closed_with() == 4000
        await lobby.ended()


async def test_metrics_can_move_to_the_admin_port() -> None:
    async with administered() as (lobby, api):
        async with api.session.get(f"http://127.0.0.1:{lobby.port}/metrics") as public:
            assert public.status == 200
        assert "lobby_players 0.0" in await (await api.request("GET", "/metrics")).text()
    async with administered(metrics_on_admin_port=True) as (lobby, api):
        async with api.session.get(f"http://127.0.0.1:{lobby.port}/metrics") as public:
            assert public.status == 404
        assert "lobby_players 0.0" in await (await api.request("GET", "/metrics")).text()


async def test_metrics_cannot_move_to_a_port_that_is_off() -> None:
    with pytest.raises(LobbyError, match="--admin-port"):
        await Server(Settings(metrics_on_admin_port=True), MemoryStore()).run()


async def test_stats_have_the_latency_of_pings() -> None:
    async with administered(heartbeat_ms=100) as (lobby, api), joined(lobby.at(pid="ann", v=2)) as ann:
        await ann.receive("welcome")
        points = lobby.server.stats.points
        while not points or points[-1].latency_ms is None:
            await asyncio.sleep(0.02)
            lobby.server.sample()
        stats = await api("GET", "/stats")
        assert stats["interval_s"] == 10
        assert (stats["now"]["players"], stats["now"]["rooms"], stats["now"]["draining"]) == (1, 1, False)
        newest = stats["points"][-1]["at_ms"]
        assert (await api("GET", f"/stats?after_ms={newest}"))["points"] == []
        assert len((await api("GET", f"/stats?after_ms={newest - 1}"))["points"]) == 1
        assert stats["points"][-1]["players"] == 1
        assert stats["points"][-1]["latency_ms"] is not None
