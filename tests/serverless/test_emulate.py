"""`lobby emulate` as a user runs it: a process, with functions in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench import bill
from lobby.cli import main
from lobby.cloudformation.lobby_template import lobby_template
from lobby.tools.check import Step, check
from tests.hosts import joined

STARTING_S = 20.0

ROOT = Path(__file__).parents[2]


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


class Emulated:
    """A running `lobby emulate`, its address, and what it printed at its start."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, start: str) -> None:
        self.process, self.url, self.start = process, url, start
        self.printed = ""

    async def stop(self) -> str:
        """Stops the command with Ctrl-C. Returns what it printed."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(self.process.communicate(), STARTING_S)
        self.printed = out.decode()
        assert self.process.returncode == 0, err.decode()
        return self.printed


@asynccontextmanager
async def emulated(*options: str, **variables: str) -> AsyncIterator[Emulated]:
    words = ("-m", "lobby", "emulate", "--port", "0", "--table", "moto", *options)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=pipe, stderr=pipe, env=os.environ | variables)
    assert process.stderr is not None
    start = ""
    try:
        async with asyncio.timeout(STARTING_S):
            while "The tables are in" not in start:
                line = await process.stderr.readline()
                assert line, start
                start += line.decode()
        address = re.search(r"ws://\S+", start)
        assert address is not None
        yield Emulated(process, address[0], start)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_a_lobby_works_and_its_bill_is_the_sum_of_its_events(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    async with emulated("--bill", "--events", str(events)) as running:
        steps: list[Step] = []
        assert await check(running.url, report=steps.append), steps
        http = running.url.replace("ws://", "http://").removesuffix("/dev")
        page = await asyncio.to_thread(fetched, http + "/")
        assert f"/lobby/?url={running.url.replace(':', '%3A').replace('/', '%2F')}" in page
        for path, part in (("/lobby/", "viewer/main.js"), ("/lobby/viewer/main.js", "import")):
            assert part in await asyncio.to_thread(fetched, http + path)
        printed = await running.stop()
    expected = bill.dollars(bill.read(events))
    for name, dollars in expected.items():
        line = re.search(rf"^ ?{re.escape(name)} .*?\$([\d.,]+)", printed, re.M)
        assert line is not None, f"{name} is not in {printed}"
        assert float(line[1]) == pytest.approx(dollars, rel=0.01, abs=2e-6), name
    total = re.search(r"^ ?total .*?\$([\d.]+) +\$([\d.]+) +\$([\d.,]+)", printed, re.M)
    assert total is not None
    assert float(total[1]) > 0


async def test_a_route_that_is_not_in_the_template_does_not_exist(tmp_path: Path) -> None:
    ours = lobby_template()
    start, end = ours.index("  RouteDefault:\n"), ours.index("  RoutePos:\n")
    template = tmp_path / "template.yaml"
    template.write_text(ours[:start] + ours[end:].replace("RouteDefault, ", ""))

    async with (
        emulated("--template", str(template), "--code", str(ROOT / "backend")) as running,
        joined(running.url + "?pid=ann") as ann,
    ):
        await ann.receive("welcome")
        await ann.socket.send('{"action":"fly"}')
        assert "Forbidden" in str(await ann.socket.recv())


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_PROFILE": "nope"},
        {"AWS_CONFIG_FILE": "broken"},
        {"AWS_DEFAULT_REGION": "the moon", "AWS_REGION": ""},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_CA_BUNDLE": "nowhere.pem"},
        {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "socks5://127.0.0.1:1"},
    ],
    ids=lambda variables: "-".join(variables),
)
async def test_the_aws_settings_of_this_machine_do_not_matter(variables: dict[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_text("[profile\nregion")
    variables = {name: str(broken) if value == "broken" else value for name, value in variables.items()}
    async with emulated(**variables) as running:
        async with joined(running.url + "?pid=ann") as ann:
            await ann.receive("welcome")
        monitor = re.search(r"--emulator (\S+)", running.start)
        assert monitor is not None
        words = ("scripts/monitoring/lobby-metrics.py", "--stage", "dev", "--emulator", monitor[1], "--json")
        reading = await asyncio.create_subprocess_exec(
            sys.executable, *words, env=os.environ | variables, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        printed, _ = await asyncio.wait_for(reading.communicate(), STARTING_S)
        assert reading.returncode == 0
        assert json.loads(printed)["stage"] == "dev"


async def test_parameters_of_the_template_reach_the_function() -> None:
    async with emulated("--parameter", "Stage=staging", "--parameter", "WindowMs=123") as running:
        assert running.url.endswith("/staging")
        async with joined(running.url + "?pid=ann&v=2") as ann:
            assert (await ann.receive("config"))["window_ms"] == 123


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--fault", "floods"], "--fault floods is unknown. Faults: lost-disconnects, throttled-posts,"),
        (["--fault", "dead-lambdas=2"], "the chance must be a number from 0 to 1"),
        (["--parameter", "Stag=dev"], "The template has no parameter Stag; did you mean Stage?"),
        (["--parameter", "WindowMs=9999"], "The parameter WindowMs is '9999'; it must be between 0 and 5,000."),
        (["--template", "nowhere.yaml"], "Cannot read the template nowhere.yaml: No such file or directory."),
        (["--code", "nowhere"], "nowhere does not exist"),
        (["--table", "sqlite"], "--table sqlite is unknown"),
        (["--table", "http://127.0.0.1:1"], "No DynamoDB answers at http://127.0.0.1:1"),
        (["--events", "/nowhere/events.jsonl"], "Cannot write /nowhere/events.jsonl"),
    ],
)
def test_bad_input_gets_one_sentence_and_starts_nothing(options: list[str], sentence: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    result = CliRunner().invoke(main, ["emulate", "--port", "0", *options])
    assert result.exit_code == 1, result.output
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_the_faults_can_be_listed() -> None:
    result = CliRunner().invoke(main, ["emulate", "--fault", "list"])
    assert result.exit_code == 0
    assert "dead-lambdas" in result.output
