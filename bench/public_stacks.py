"""Which stacks of others run here unchanged: starts each one, connects a client, and sends a message to each of its routes.

    git clone https://github.com/aws-samples/simple-websockets-chat-app    (this program fetches nothing)
    python bench/public_stacks.py simple-websockets-chat-app other-folder/template.yaml ...
    python bench/public_stacks.py FOLDERS --json bench/results/public_stacks.json && python scripts/docs.py

A folder's template is the one that its README would name: the output of CDK or of the Serverless Framework if it is there, else
template.yaml, else the only file that describes a WebSocket API. NAME=PATH gives a stack another name.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

START_S, ANSWER_S = 90.0, 3.0
"""How long a stack may need to start, and how long answers are collected."""

PLACES = (
    "cdk.out/*.template.json",
    ".serverless/cloudformation-template-update-stack.json",
    "template.yaml",
    "template.yml",
    "sam.json",
    "serverless.yml",
    "setup.yaml",
)
"""Where a template is, in the order in which they are tried."""

RUNS = "runs unchanged"


@dataclass(frozen=True)
class Result:
    """What happened with one stack: the command, and RUNS or a sentence."""

    stack: str
    command: str
    outcome: str


def template_of(path: Path) -> Path:
    """The template of a stack: the path itself, or the one in this folder."""
    if path.is_file():
        return path
    for place in PLACES:
        found = sorted(path.glob(place))
        if found:
            return found[0]
    written = sorted(path.rglob("*.y*ml")) + sorted(path.rglob("*.json"))
    for file in written:
        if "node_modules" not in file.parts and "AWS::ApiGatewayV2::Api" in file.read_text(errors="replace"):
            return file
    raise FileNotFoundError(f"{path.name} contains no template of a WebSocket API")


@contextmanager
def running(words: list[str]) -> Iterator[tuple[str, Path]]:
    """Runs the command. Yields its address, or an empty text if it stops at its start, and the file with what it writes."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as file:
            process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, "NO_COLOR": "1"})
            try:
                ends, found = time.monotonic() + START_S, None
                while found is None and process.poll() is None and time.monotonic() < ends:
                    time.sleep(0.1)
                    found = re.search(r"(ws://\S+)", log.read_text())
                yield found[1] if found else "", log
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


def routes_of(template: Path, options: list[str]) -> tuple[list[str], str]:
    """The routes that a client can select, and the expression by which it does."""
    from lobby.emulator import parse, read_stack, read_template

    given = dict(word.partition("=")[::2] for word in options if "=" in word)
    api = read_stack(parse(read_template(template)), given).api
    return [key for key in api.routes if not key.startswith("$")], api.route_selection_expression


def message(expression: str, route: str, fields: Mapping[str, str]) -> str:
    """A message that selects a route. The other fields are given, or those that chat examples use."""
    body: dict[str, Any] = {"data": "hello", "message": "hello", "msg": "hello", **fields}
    for path in re.findall(r"request\.body\.([\w.]+)", expression)[:1]:
        *parents, last = path.split(".")
        place = body
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = route
    return json.dumps(body)


async def tried(url: str, messages: list[str]) -> str:
    """RUNS, or what went wrong with two clients."""
    try:
        async with connect(url, proxy=None, open_timeout=30) as one, connect(url, proxy=None, open_timeout=30) as other:
            for text in messages:
                await one.send(text)
                for answer in await asyncio.gather(answers(one), answers(other)):
                    if any("Internal server error" in frame for frame in answer):
                        return f"starts; the handler of {text} fails"
    except InvalidStatus as refused:
        return f"starts; $connect answers {refused.response.status_code}"
    except (OSError, TimeoutError, WebSocketException) as error:
        return f"starts; a client gets {type(error).__name__}"
    return RUNS


async def answers(client: ClientConnection) -> list[str]:
    """What a client receives within the time."""
    found = []
    try:
        async with asyncio.timeout(ANSWER_S):
            while True:
                found.append(str(await client.recv()))
    except TimeoutError:
        return found


def judged(name: str, path: Path, options: list[str], fields: Mapping[str, str]) -> Result:
    """Starts and tries one stack."""
    try:
        template = template_of(path)
    except FileNotFoundError as error:
        return Result(name, "", f"not tried: {error}")
    command = ["lobby", "emulate", "--template", str(template), *options]
    words = [sys.executable, "-m", *command, "--port", "0", "--logs"]
    shown = " ".join(
        ["lobby", "emulate", "--template", str(template.relative_to(path) if path.is_dir() else template.name), *options]
    )
    with running(words) as (url, log):
        if not url:
            lines = [line for line in log.read_text().splitlines() if line.strip()]
            wrong = next((line for line in lines if line.startswith("lobby: ")), lines[-1] if lines else "no output")
            if any("Traceback" in line for line in lines):
                wrong = f"a traceback: {lines[-1]}"
            return Result(name, shown, f"stops: {wrong.removeprefix('lobby: ')}")
        routes, expression = routes_of(template, options)
        outcome = asyncio.run(tried(url, [*(message(expression, route, fields) for route in routes), "hello"]))
        if outcome != RUNS and "$connect answers 401" not in outcome:
            lines = [line.strip() for line in log.read_text().splitlines() if not line.startswith("not emulated:")]
            missing = [line for line in lines if "not emulated" in line]
            errors = [line for line in lines if re.search(r"Error|error|Cannot", line)]
            found = (missing[:1] or errors[-1:] or [""])[0]
            said = re.search(r'"errorMessage":"(.*?)"|(not emulated: .*?\.)', found)
            outcome += f": {(said[1] or said[2]) if said else found}" if found else ""
        return Result(name, shown, outcome)


def main() -> None:
    """Tries the stacks and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stacks", nargs="+", help="folders or templates, as PATH or NAME=PATH")
    parser.add_argument(
        "--option", action="append", default=[], help="one more word for the command, for example --option=--code=src"
    )
    parser.add_argument("--field", action="append", default=[], help="a field of each message, as NAME=VALUE")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    wanted = parser.parse_args()
    fields = dict(word.partition("=")[::2] for word in wanted.field)
    console, results = Console(), []
    for word in wanted.stacks:
        name, equals, path = word.partition("=")
        place = Path(path if equals else word)
        results.append(judged(name if equals else place.name, place, wanted.option, fields))
        console.print(f"{results[-1].stack}: {results[-1].outcome}", style="dim", soft_wrap=True)
    table = Table("stack", "command", "result")
    for one in results:
        table.add_row(one.stack, one.command, one.outcome)
    console.print(table)
    if wanted.json:
        wanted.json.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
