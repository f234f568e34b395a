"""The example of docs/architecture.md, "To add a message type", made in a copy of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "backend/lobby"
TYPED = ("messages.py", "rules.py", "server/resident.py", "serverless/invocation.py", "client/roster.py")

WAVE = """
from tests.simulation import Simulation
from lobby.messages import Waved, encode_client, Wave

host = Simulation()
ann, bea, old = host.connect("ann"), host.connect("bea"), host.connect("old", v=1)
for connection in (ann, bea, old):
    host.receive(connection)
host.send(ann, encode_client(Wave()))
assert host.receive(ann) == host.receive(bea) == [Waved("ann")]
assert host.receive(old) == []
print("waved")
"""


def steps() -> dict[str, list[tuple[str, str]]]:
    """For each file of the example, the pieces of text to replace, and by what."""
    text = (ROOT / "docs/architecture.md").read_text()
    found = {}
    for file, diff in re.findall(r"^\*\*\d\. `(\S+)`\*\*.*?\n```diff\n(.*?)```", text, re.DOTALL | re.MULTILINE):
        pieces = []
        for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE)[1:]:
            lines = hunk.splitlines()
            before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
            after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
            pieces.append((before, after))
        found[file] = pieces
    return found


def changed(target: Path, files: list[str]) -> Path:
    """A copy of the package in which these files have been changed as the page says."""
    shutil.copytree(PACKAGE, target / "lobby", ignore=shutil.ignore_patterns("__pycache__"))
    for file in files:
        path = target / "lobby" / file
        source = path.read_text()
        for before, after in steps()[file]:
            assert source.count(before) == 1, f"{file} has this {source.count(before)} times, not once:\n{before}"
            source = source.replace(before, after)
        path.write_text(source)
    return target


def forgotten(package: Path, cache: Path) -> set[str]:
    """The files in which the type checker finds a mistake."""
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file", "", "--cache-dir", str(cache)),
            *(str(package / "lobby" / file) for file in TYPED),
        ],
        env={"MYPYPATH": str(package), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert not checked.stderr, checked.stderr
    return {line.split("/lobby/")[1].split(":")[0] for line in checked.stdout.splitlines() if ": error:" in line}


def test_the_example_touches_five_files() -> None:
    assert tuple(steps()) == TYPED


def test_the_example_sends_a_wave_to_the_whole_room(tmp_path: Path) -> None:
    package = changed(tmp_path, list(TYPED))
    sent = subprocess.run(
        [sys.executable, "-c", WAVE],
        cwd=ROOT,
        env={"PYTHONPATH": f"{package}:{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert sent.stdout.endswith("waved\n"), sent.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize(
    ("made", "missed"),
    [
        (TYPED, set()),
        (TYPED[:1], {"rules.py", "client/roster.py"}),
        (TYPED[:2], {"server/resident.py", "serverless/invocation.py", "client/roster.py"}),
    ],
)
def test_the_type_checker_reports_each_file_that_is_forgotten(
    made: tuple[str, ...], missed: set[str], tmp_path: Path, cache: Path
) -> None:
    assert forgotten(changed(tmp_path, list(made)), cache) == missed
