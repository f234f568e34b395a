"""The tests in GDScript. Each function and each play-book is one test here. They run in the real engine: those of the addon in
one process, those of the game in another.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lobby.tools.install_godot import ADDON
from tests.godot.engine import GAME, HERE, ROOT, engine

FILES = {folder: sorted((HERE / folder).glob("test_*.gd")) for folder in ("unit", "game")}
PLAYBOOKS = sorted((ROOT / "tests/playbooks").glob("*.json"))
TESTS = {
    folder: [(file.name, name) for file in files for name in re.findall(r"^func (test_\w+)", file.read_text(), re.M)]
    for folder, files in FILES.items()
}
TESTS["unit"] += [("test_playbooks.gd", book.stem) for book in PLAYBOOKS]
Results = dict[tuple[str, str], str]


@pytest.fixture(scope="session")
def of_addon(home: Path) -> Results:
    """The result of each test of the addon: empty, or the problem."""
    return results(FILES["unit"], home)


@pytest.fixture(scope="session")
def of_game(home: Path, game: Path) -> Results:
    """The result of each test of the game."""
    return results(FILES["game"], home, game)


def results(files: list[Path], home: Path, project: Path | None = None) -> Results:
    done = engine("--script", HERE / "runner.gd", "--", *files, home=home, project=project)
    found = [json.loads(line.removeprefix("TEST ")) for line in done.stdout.splitlines() if line.startswith("TEST ")]
    assert found, done.stdout + done.stderr
    problems = {(row["file"], row["name"]): row["problem"] for row in found}
    assert "leaked at exit" not in done.stderr or any(problems.values())  # a test that fails may leave its coroutine behind
    return problems


@pytest.mark.parametrize("test", TESTS["unit"], ids="::".join)
def test_of_the_addon(test: tuple[str, str], of_addon: Results) -> None:
    assert test in of_addon, of_addon.get((test[0], "(load)"), "it did not run")
    assert of_addon[test] == ""


@pytest.mark.parametrize("test", TESTS["game"], ids="::".join)
def test_of_the_game(test: tuple[str, str], of_game: Results) -> None:
    assert test in of_game, of_game.get((test[0], "(load)"), "it did not run")
    assert of_game[test] == ""


def test_there_are_play_books() -> None:
    assert len(PLAYBOOKS) > 20


def test_every_script_and_scene_of_the_game_loads_without_errors(home: Path, game: Path) -> None:
    done = engine("--script", HERE / "load_everything.gd", "--", "--offline", home=home, project=game)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("PROBLEM")] == []
    wanted = [path for path in GAME.rglob("*") if path.suffix in (".gd", ".tscn") and ".godot" not in path.parts]
    assert f"LOADED {len(wanted)}" in lines, done.stdout + done.stderr


def test_the_programs_in_the_docs_are_valid(home: Path, tmp_path: Path) -> None:
    pages = (ROOT / "docs/godot.md", GAME / ADDON / "README.md")
    programs = [text for page in pages for text in re.findall(r"```gdscript\n(.*?)```", page.read_text(), re.S)]
    assert programs
    for number, text in enumerate(programs):
        (tmp_path / f"{number}.gd").write_text(text if text.startswith("extends") else "extends Node\n\n" + text)
    done = engine("--script", HERE / "runner.gd", "--", *sorted(tmp_path.glob("*.gd")), home=home)
    assert "(load)" not in done.stdout, done.stdout


def test_every_script_has_a_uid_file() -> None:
    assert [path.name for path in GAME.rglob("*.gd") if not path.with_suffix(".gd.uid").exists()] == []
