"""`lobby admin` against the admin API of a lobby that runs on loopback."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lobby.admin.command import address
from lobby.cli import main
from lobby.operators import Ban
from lobby.settings import Settings
from tests.hosts import free_port, joined
from tests.server.test_admin import KEY, administered, closed_with


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of settings, and no proxy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    for name in ("LOBBY_ADMIN_KEY", "LOBBY_ADMIN_PORT"):
        monkeypatch.delenv(name, raising=False)


def invoked(*words: str, key: str = KEY, **environment: str) -> Result:
    return CliRunner().invoke(main, ["admin", *words], env={"LOBBY_ADMIN_KEY": key, **environment})


async def ran(*words: str, **environment: str) -> str:
    result = await asyncio.to_thread(invoked, *words, **environment)
    assert result.exit_code == 0, result.output
    return result.output


async def test_every_command_does_what_it_says_on_a_lobby_that_runs() -> None:
    async with (
        administered() as (lobby, api),
        joined(lobby.at(pid="ann", v=2, name="Ann")) as ann,
        joined(lobby.at(pid="bea", v=2)) as bea,
        joined(lobby.at(pid="cem", v=2, room="hub")) as cem,
    ):
        await ann.receive("join")
        await cem.receive("welcome")
        port = api.url.rpartition(":")[2]
        shown = await ran("rooms", LOBBY_ADMIN_PORT=port)
        assert [line.split() for line in shown.splitlines()] == [
            ["room", "players", "watchers", "size"],
            ["hub", "1", "0", "50"],
            ["lobby", "2", "0", "50"],
        ]
        assert "2 of 3 players" not in await ran("players", "--url", api.url)
        assert "1 of 2 rooms. The next ones: --after hub" in await ran("rooms", "--limit", "1", "--url", api.url)
        assert json.loads(await ran("rooms", "--url", api.url, "--json"))["total"] == 2
        assert json.loads(await ran("--url", api.url, "--json", "players", "--room", "hub"))["players"][0]["id"] == "cem"

        assert "Sent to 3 connections" in await ran("event", "notice", "--data", '{"a":1}', "--url", api.url)
        assert (await ann.receive("event"))["data"] == {"a": 1}
        assert "Sent to 1 connections" in await ran("event", "only", "--room", "hub", "--url", api.url)

        assert "bea is removed from lobby" in await ran("kick", "bea", "--reason", "spam", "--url", api.url)
        assert (await closed_with(bea, "kicked"))[1] == 4506
        said = await ran("ban", "ann", "--seconds", "60", "--reason", "cheats", "--url", api.url)
        assert "ann is banned until" in said
        assert "not here" not in said
        assert (await closed_with(ann, "banned"))[1] == 4507
        assert "not here now" in await ran("ban", "dan", "--url", api.url)
        assert "cheats" in await ran("bans", "--url", api.url)
        assert "1 bans are removed" in await ran("unban", "ann", "--url", api.url)
        assert "1 bans are removed" in await ran("unban", "--all", "--url", api.url)

        assert "hub is closed. It had 1 connections" in await ran("close", "hub", "--url", api.url)
        assert (await closed_with(cem, "room_closed"))[1] == 4508
        assert "0 players leave within 0 seconds" in await ran("drain", "--seconds", "0", "--url", api.url)
        await lobby.ended()


async def test_texts_of_players_cannot_command_the_terminal() -> None:
    async with administered() as (lobby, api), joined(lobby.at(pid="ann", v=2, name="%5Bred%5D%3Cb%3E")):
        assert "[red]<b>" in await ran("players", "--url", api.url)
        lobby.server.operating.bans.add(Ban("bea", 9_999_999_999_999, "\x1b[31m"), 0)
        assert "\x1b" not in await ran("bans", "--url", api.url)


@pytest.mark.parametrize(
    ("words", "key", "text"),
    [
        (("rooms",), "wrong", "is not the key"),
        (("rooms",), "", "set LOBBY_ADMIN_KEY"),
        (("rooms",), "ключ", "characters that no key"),
        (("kick", "bea"), KEY, "There is no room lobby."),
        (("players", "--room", "a/b"), KEY, ""),
        (("close", "hub"), KEY, "There is no room hub."),
        (("unban", "ann"), KEY, "ann is not banned."),
        (("event", "a b"), KEY, "event must be"),
        (("event", "x", "--data", "[]"), KEY, "--data is no JSON object"),
        (("event", "x", "--data", '{"a":NaN}'), KEY, "data is no JSON"),
        (("ban", "ann", "--reason", "x" * 101), KEY, "100 characters"),
    ],
)
async def test_what_is_wrong_is_one_sentence(words: tuple[str, ...], key: str, text: str) -> None:
    async with administered() as (_, api):
        result = await asyncio.to_thread(invoked, *words, "--url", api.url, key=key)
        assert result.exit_code == 1, result.output
        assert result.output.startswith("lobby:")
        assert text in result.output


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("rooms", "--url", "ws://127.0.0.1:8765/"), "begins with http://"),
        (("rooms", "--url", f"http://127.0.0.1:1/?key={KEY}"), "no parameters and no key"),
        (("rooms", "--url", f"http://a:{KEY}@127.0.0.1:1/"), "no parameters and no key"),
        (("rooms", "--url", "http://127.0.0.1:1/"), "does not answer at http://127.0.0.1:1"),
    ],
)
def test_an_address_that_is_none_is_refused(words: tuple[str, ...], text: str) -> None:
    result = invoked(*words)
    assert (result.exit_code, text in result.output) == (1, True), result.output
    assert KEY not in result.output


@pytest.mark.parametrize(
    "words",
    [("rooms", "--region", "eu-west-1"), ("rooms", "--stage", "dev", "--url", "http://x"), ("unban",), ("unban", "a", "--all")],
)
def test_options_that_do_not_belong_together_are_refused(words: tuple[str, ...]) -> None:
    assert invoked(*words).exit_code == 2


async def test_a_server_that_is_no_admin_api_is_named() -> None:
    async with administered() as (lobby, _):
        result = await asyncio.to_thread(invoked, "rooms", "--url", f"http://127.0.0.1:{lobby.port}")
        assert "no admin API of a lobby" in result.output


async def test_the_key_is_not_sent_to_another_address() -> None:
    seen: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(redirect, "127.0.0.1", port := free_port()):
        result = await asyncio.to_thread(invoked, "rooms", "--url", f"http://127.0.0.1:{port}")
    assert (result.exit_code, len(seen)) == (1, 1)


def test_the_address_follows_from_the_settings() -> None:
    assert address(Settings()) == "http://127.0.0.1:8767/"
    assert address(Settings(admin_host="0.0.0.0", admin_port=9, tls_cert="c", tls_key="k")) == "https://127.0.0.1:9/"
    assert address(Settings(admin_host="::1", admin_port=9, tls_cert="c", tls_key="k")) == "http://[::1]:9/"
