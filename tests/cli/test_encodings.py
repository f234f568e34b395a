"""Commands on terminals, files and pipes whose encoding lacks characters: Windows' code pages, and plain ASCII."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from urllib.parse import quote

import pytest

from tests.cli.test_cli import environment
from tests.hosts import joined, run, serving

LOBBY = (sys.executable, "-m", "lobby")
ENCODINGS = ["cp1252", "cp437", "ascii", "utf-8"]
COMMANDS = ["serve", "demo", "emulate", "bots", "watch", "check", "token", "install-godot", "deploy", "destroy", "package"]
NAME = "🚀 Zoë"


def printed(*words: str, **variables: str) -> tuple[int, str, str]:
    ended = subprocess.run([*LOBBY, *words], env=environment(**variables), capture_output=True, timeout=30)
    return ended.returncode, ended.stdout.decode("latin-1"), ended.stderr.decode("latin-1")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_name_that_the_encoding_lacks_is_written_in_another_way(encoding: str) -> None:
    async def test() -> None:
        async with serving() as lobby, joined(lobby.url + "?pid=ann&v=2&name=" + quote(NAME)) as ann:
            await ann.receive("welcome")
            words = ("watch", lobby.url, "--seconds", "0.5")
            status, out, errors = await asyncio.to_thread(printed, *words, PYTHONIOENCODING=encoding)
            assert (status, errors) == (0, "")
            assert NAME.encode(encoding, "backslashreplace").decode("latin-1") in out

    run(test())


@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_errors_and_reports_survive_an_encoding_without_their_characters(variables: dict[str, str]) -> None:
    status, _, errors = printed("bots", "ws://🚀 ö/", **variables)
    assert (status, "Traceback" in errors) == (1, False)
    status, out, errors = printed("check", "ws://127.0.0.1:1/", **variables)
    assert (status, "Traceback" in errors, "failed" in out) == (1, False, True)
    status, _, errors = printed("serve", "--tls-cert", "Zoë.pem", "--tls-key", "x", "--port", "0", **variables)
    assert (status, "Traceback" in errors, errors[:6]) == (1, False, "lobby:")


def test_each_help_can_be_printed_in_ascii() -> None:
    code = (
        "import sys, click\nfrom lobby.cli import main\n"
        "for name in sys.argv[1:]:\n    main.main([name, '--help'], prog_name='lobby', standalone_mode=False)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *COMMANDS], env=environment(PYTHONIOENCODING="ascii"), capture_output=True, timeout=30
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.count(b"Usage:") == len(COMMANDS)


@pytest.mark.skipif(os.name == "nt", reason="pipes of Windows report another error")
def test_a_pipe_that_is_closed_early_ends_a_command_without_a_stack_trace() -> None:
    async def test() -> None:
        async with serving() as lobby, joined(lobby.url + "?pid=ann&v=2") as ann:
            await ann.receive("welcome")
            watch = await asyncio.create_subprocess_exec(
                *LOBBY, "watch", lobby.url, "--seconds", "20", env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            assert watch.stdout is not None
            assert watch.stderr is not None
            await watch.stdout.readline()
            watch.stdout._transport.close()  # type: ignore[attr-defined]
            for number in range(100):
                await ann.send(action="status", status=f"number {number}")
                await asyncio.sleep(0.11)
                if watch.returncode is not None:
                    break
            errors = await asyncio.wait_for(watch.stderr.read(), 10)
            assert b"Traceback" not in errors
            await watch.wait()

    run(test())
