"""What a deployment writes down on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobby.cli import load_settings
from lobby.deploy import local_files
from lobby.errors import LobbyError
from lobby.settings import ENV_FILE

TEXT = """# Names of this lobby.
#
# LOBBY_PORT=8765

LOBBY_PORT=9000  # the usual one is taken
LOBBY_URL_DEV=wss://old
OTHER='a b'"""


def test_every_other_line_stays_as_it_is(folder: Path) -> None:
    file = folder / ENV_FILE
    file.write_text(TEXT)
    local_files.write({"LOBBY_URL_DEV": "wss://new/dev", "LOBBY_TABLE_DEV": "LobbyConnections-dev"}, file)
    assert file.read_text() == TEXT.replace("wss://old", "wss://new/dev") + "\nLOBBY_TABLE_DEV=LobbyConnections-dev\n"
    assert load_settings({}).port == 9000
    local_files.forget(["LOBBY_TABLE_DEV", "LOBBY_TABLE_PROD"], file)
    assert file.read_text() == TEXT.replace("wss://old", "wss://new/dev") + "\n"


def test_the_file_is_made_where_there_is_none_and_nothing_is_forgotten_there(folder: Path) -> None:
    file = folder / ENV_FILE
    local_files.forget(["LOBBY_URL_DEV"], file)
    assert not file.exists()
    local_files.write({"LOBBY_URL_DEV": "wss://x"}, file)
    assert file.read_text() == "LOBBY_URL_DEV=wss://x\n"


def test_a_file_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / ENV_FILE).write_bytes(b"\xff")
    with pytest.raises(LobbyError, match=f"Cannot write .*{ENV_FILE}.* The lobby itself is deployed"):
        local_files.write({"LOBBY_URL_DEV": "wss://x"}, folder / ENV_FILE)
    with pytest.raises(LobbyError, match=r"Cannot write .*lobby_config\.json: No such file or directory\. The lobby itself"):
        local_files.write_config("wss://x", folder / "no/lobby_config.json")
