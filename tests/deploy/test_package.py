"""The zip for Lambda and the wheel: what is in them, and that it is enough."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner

from lobby.cli import main
from lobby.deploy.package import build
from tests.sources import parsed

ROOT = Path(__file__).parents[2]
NEVER = ("bots", "check", "cli", "client", "demo", "deploy", "package", "roster", "sockets", "template", "viewer", "watch")
"""What a lobby on AWS has no use for."""


def python(*words: str, **variables: str) -> str:
    """The output of a new interpreter."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LOBBY_"))}
    done = subprocess.run(
        [sys.executable, *words], env=clean | variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_input_makes_the_same_bytes_whatever_the_time_and_the_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build()
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert build() == first
    archive = ZipFile(io.BytesIO(first.data))
    assert archive.namelist() == sorted(archive.namelist())
    for item in archive.infolist():
        assert (item.date_time, item.create_system, item.compress_type) == ((1980, 1, 1, 0, 0, 0), 3, zipfile.ZIP_STORED)
        assert item.external_attr >> 16 == 0o100644
    assert first.key == f"lobby/lobby-function-{first.sha256[:12]}.zip"


def test_another_content_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = build().key
    monkeypatch.setattr("lobby.deploy.package._pyjwt", lambda: [("jwt/__init__.py", b"")])
    assert build().key != before


def test_the_zip_contains_only_the_function_and_its_imports() -> None:
    names = ZipFile(io.BytesIO(build().data)).namelist()
    assert {"trading_lobby_ws.py", "lobby/__init__.py", "lobby/rules.py", "lobby/serverless/dynamodb.py", "jwt/LICENSE"} <= set(
        names
    )
    assert {name.split("/")[0] for name in names} == {"trading_lobby_ws.py", "lobby", "jwt"}
    assert not [name for name in names if name.startswith(tuple(f"lobby/{part}" for part in NEVER))]
    assert not [name for name in names if name.startswith(("lobby/server/", "lobby/emulator"))]
    assert {Path(name).suffix for name in names} == {".py", ""}


@pytest.mark.parametrize("module", ["trading_lobby_ws", "lobby.tokens", "jwt"])
def test_the_zip_and_python_are_all_that_it_takes(module: str, tmp_path: Path) -> None:
    """No site-packages, no environment, no folder: what Lambda has, less boto3."""
    file = tmp_path / "function.zip"
    file.write_bytes(build().data)
    code = f"import sys; sys.path.insert(0, {str(file)!r}); import {module}; print({module}.__file__)"
    assert python("-I", "-S", "-c", code).startswith(str(file))


def test_our_part_of_the_zip_imports_little_of_others() -> None:
    archive = ZipFile(io.BytesIO(build().data))
    imported = set()
    for name in archive.namelist():
        if not name.startswith("jwt/"):
            for node in ast.walk(parsed(archive.read(name))):
                imported |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
                imported |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
    others = {module.partition(".")[0] for module in imported} - sys.stdlib_module_names - {"lobby"}
    assert others <= {"jwt", "orjson"}, "and JSON goes without orjson"


def test_the_zip_contains_the_file_with_settings_of_rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOBBY_ROOMS_FILE", "my-rooms.toml")
    text = '[rooms."arena-*"]\nsize = 16\n'
    Path("my-rooms.toml").write_text(text)
    assert CliRunner().invoke(main, ["package", "--output", "function.zip"]).exit_code == 0
    assert ZipFile("function.zip").read("rooms.toml").decode() == text
    Path("my-rooms.toml").write_text("[rooms.a]\nsise = 16\n")
    result = CliRunner().invoke(main, ["package", "--output", "function.zip"])
    assert (result.exit_code, 'my-rooms.toml: rooms."a".sise' in result.output) == (1, True)


def test_the_command_writes_the_zip_and_prints_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "function.zip"
    result = CliRunner().invoke(main, ["package", "--output", str(file)])
    built = build()
    assert result.output.splitlines() == [
        f"{file}  {len(built.data):,} bytes",
        f"SHA-256  {built.sha256}",
        f"key      {built.key}",
    ]
    assert file.read_bytes() == built.data
    result = CliRunner().invoke(main, ["package", "--output", str(tmp_path / "no" / "function.zip")])
    assert (result.exit_code, result.output) == (
        1,
        f"lobby: Cannot write {tmp_path / 'no' / 'function.zip'}: No such file or directory.\n",
    )


def test_the_wheel_has_the_template_and_builds_the_same_zip(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    ZipFile(wheel).extractall(installed)
    code = "from lobby.cloudformation.lobby_template import *; print(infrastructure()); print(len(lobby_template()))"
    found, size = python("-c", code, PYTHONPATH=str(installed)).split()
    assert found == str(installed / "lobby/infrastructure")
    assert int(size) == len((ROOT / "infrastructure/lobby-cloudformation.yaml").read_text())
    assert {path.name for path in Path(found).iterdir()} == {path.name for path in (ROOT / "infrastructure").iterdir()}
    said = python("-m", "lobby", "package", "--output", str(tmp_path / "function.zip"), PYTHONPATH=str(installed))
    assert build().sha256 in said
