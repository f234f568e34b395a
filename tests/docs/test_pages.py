"""The commands and programs of README, python, rooms, operators and emulator, run by a reader with only what the page asks for.

Each test names all blocks of its page, so a new block makes it fail. The other pages have tests of their own.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import textwrap
from pathlib import Path

import pytest

from tests.docs.reader import ROOT, Reader, blocks, lines_until
from tests.hosts import free_port, joined

ADMIN_KEY = "a key of at least thirty-two characters"


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.fixture
def port() -> str:
    return str(free_port())


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(name: str) -> list[str]:
    return blocks(page(name), "sh")


def in_main(program: str) -> str:
    """A program that a page shows as a part of an asynchronous function. It ends after what it prints first."""
    imports = "".join(line + "\n" for line in program.splitlines() if line.startswith(("import ", "from ")))
    rest = "\n".join(line for line in program.splitlines() if not line.startswith(("import ", "from ")))
    return f"import asyncio\n{imports}\nasync def main():\n{textwrap.indent(rest, '    ')}\nasyncio.run(main())\n"


def test_the_readme_starts_a_lobby_and_its_python_program_joins_it(reader: Reader, port: str) -> None:
    demo, serve, emulate, deploy = commands("README.md")
    assert "make demo" in demo
    assert "make emulate" in emulate
    [program] = blocks(page("README.md"), "python")
    (reader.folder / "ann.py").write_text(in_main(program.replace("8765", port)))
    with reader.running(serve.strip(), LOBBY_PORT=port) as lobby:
        lines_until(lobby, "is running")
        with reader.running("python -u ann.py") as ann:
            lines_until(ann, r"^Connected\(player='ann'\)")
    # `lobby deploy` without the packages of AWS or without credentials states what to do.
    with pytest.raises(AssertionError, match=r"lobby: .*(boto3|credentials)"):
        reader.run(deploy)


def test_the_page_on_rooms_lists_rooms_and_its_file_gives_them_settings(reader: Reader, port: str) -> None:
    listed, token, rooms = commands("docs/rooms.md")
    [program] = blocks(page("docs/rooms.md"), "python")
    [file] = blocks(page("docs/rooms.md"), "toml")
    (reader.folder / "rooms.toml").write_text(file)
    secret = {"LOBBY_SECRET": ADMIN_KEY}
    with reader.running("lobby serve --list-rooms", LOBBY_PORT=port) as lobby:
        lines_until(lobby, "is running")
        with reader.running(f"lobby bots ws://127.0.0.1:{port}/ --players 3 --room arena-1") as bots:
            lines_until(bots, "bots connected")
            shown = json.loads(reader.run(listed.replace("8765", port)))
            assert shown == {"rooms": [{"name": "arena-1", "players": 3, "size": 50}], "next": None}
            assert re.search(r"arena-1\W+3\W+50", reader.run(f"{rooms.split('#')[0]} ws://127.0.0.1:{port}/"))
            (reader.folder / "rooms.py").write_text(in_main(program.replace("8765", port)))
            assert reader.run("python rooms.py") == "arena-1 3 50\n"
    with reader.running("lobby serve --rooms-file rooms.toml", LOBBY_PORT=port, **secret) as lobby:
        lines_until(lobby, "is running")
        assert reader.run(token, **secret).count(".") == 2


def test_the_page_for_operators_can_be_followed_from_the_key_to_the_drain(reader: Reader, port: str) -> None:
    serve, curl, admin, webhooks, aws = commands("docs/operators.md")
    key, start = serve.strip().splitlines()
    known = {"LOBBY_ADMIN_KEY": reader.run(f"{key} && printf %s $LOBBY_ADMIN_KEY")}
    known["LOBBY_ADMIN_PORT"] = admin_port = str(free_port())
    with pytest.raises(AssertionError, match=r"lobby: .*admin"):  # the page says which packages are needed
        reader.run(start.replace("8767", admin_port), LOBBY_PORT=port, **known)
    reader.install_extra("admin")
    with reader.running(start.replace("8767", admin_port), LOBBY_PORT=port, **known) as lobby:
        lines_until(lobby, "is running")
        with reader.running(f"lobby bots ws://127.0.0.1:{port}/ --room hub --players 2") as bots:
            lines_until(bots, "bots connected")
            assert '"hub"' in reader.run(curl.replace("8767", admin_port), **known)
            player = re.search(r"bot_\d+_\d+", reader.run("lobby admin players --room hub", **known))
            assert player
            for line in admin.replace("bea", player[0]).replace("--seconds 30", "--seconds 1").strip().splitlines():
                reader.run(line, **known)
            assert lobby.wait(10) == 0
            bots.send_signal(signal.SIGINT)
    export, start = webhooks.strip().splitlines()
    with reader.running(f"bash -c '{export}; exec {start}'", LOBBY_PORT=port) as lobby:
        lines_until(lobby, "is running")
    assert aws.count("lobby admin --stage") == 3  # tests/serverless/test_admin.py runs them


def test_the_program_of_the_page_on_the_emulator_prints_the_answer_of_its_handler(reader: Reader) -> None:
    [program] = [block for block in blocks(page("docs/emulator.md"), "python") if "ApiGateway" in block]
    reader.install_extra("emulate")
    reader.install(["websockets"])
    (reader.folder / "shout.py").write_text(program)
    assert reader.run("python shout.py") == "HELLO\n"


async def test_the_programs_of_the_page_on_the_python_client_see_players_data_and_events(reader: Reader, port: str) -> None:
    ten_lines, data, _signature = blocks(page("docs/python.md"), "python")
    (reader.folder / "ann.py").write_text(ten_lines.replace("8765", port))
    (reader.folder / "bea.py").write_text(data.replace("8765", port))
    with reader.running("lobby serve", LOBBY_PORT=port) as lobby:
        await asyncio.to_thread(lines_until, lobby, "is running")
        async with joined(f"ws://127.0.0.1:{port}/?pid=cem&name=Cem&room=hub&v=2") as cem:
            await cem.receive("welcome")
            with reader.running("python -u ann.py") as ann:
                await asyncio.to_thread(lines_until, ann, "^Cem is here")
                await cem.send(action="pos", x=1, y=2)
                await asyncio.to_thread(lines_until, ann, r"^Cem is at 1\.0 2\.0")
        async with joined(f"ws://127.0.0.1:{port}/?pid=cem&v=2") as cem:
            await cem.receive("welcome")
            with reader.running("python -u bea.py") as bea:
                assert (await cem.receive("data"))["data"] == {"color": "#e05252"}
                assert (await cem.receive("data"))["data"] == {"color": "#e05252", "team": "red"}
                assert (await cem.receive("join"))["name"] == "Bea"
                assert (await cem.receive("event"))["data"] == {"hand": "left"}
                await cem.send(action="send", event="gg", to="bea")
                await asyncio.to_thread(lines_until, bea, r"^cem sends gg \{\}")
