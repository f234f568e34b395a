"""The game's ``lobby_config.json``: one rule for all commands that write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobby.errors import LobbyError
from lobby.tools import game_config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lobby_config.json"


def test_a_missing_file_is_empty_and_is_created(file: Path) -> None:
    assert game_config.read(file) == {}
    game_config.write("wss://x", file)
    assert file.read_bytes() == b'{\n\t"url": "wss://x"\n}\n'


def test_other_settings_and_their_order_stay(file: Path) -> None:
    file.write_text('\ufeff{"name": "Ænn", "url": 1, "room": "hub"}', encoding="utf-8")
    game_config.write("wss://y", file)
    assert file.read_text(encoding="utf-8") == '{\n\t"name": "Ænn",\n\t"url": "wss://y",\n\t"room": "hub"\n}\n'
    assert game_config.read(file) == {"name": "Ænn", "url": "wss://y", "room": "hub"}


@pytest.mark.parametrize("broken", [b"", b"no JSON", b'{"room": ', b"[]", b"5", b"\xff{}"])
def test_a_broken_file_is_one_error_and_is_left_untouched(file: Path, broken: bytes) -> None:
    file.write_bytes(broken)
    for use in (lambda: game_config.read(file), lambda: game_config.write("wss://x", file)):
        with pytest.raises(LobbyError, match=r"^Cannot read .*lobby_config\.json: it is .*\. Correct the file or remove it\.$"):
            use()
    assert file.read_bytes() == broken


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(LobbyError, match=r"^Cannot read .*: Is a directory\.$"):
        game_config.read(tmp_path)
    with pytest.raises(LobbyError, match=r"^Cannot write .*lobby_config\.json: No such file or directory\.$"):
        game_config.write("wss://x", tmp_path / "missing/lobby_config.json")
