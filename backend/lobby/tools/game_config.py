"""The file ``lobby_config.json`` of a game: the settings of the Godot addon, as JSON in UTF-8, indented by tabs.

``lobby deploy`` and ``lobby install-godot`` write it. Both keep all values but the address, and leave a broken file untouched.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lobby.errors import LobbyError


def read(file: Path) -> dict[str, Any]:
    """The settings in ``file``; empty if it does not exist. Raises :class:`LobbyError` if it is not a JSON object."""
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LobbyError(f"Cannot read {file}: {error.strerror}.") from None
    except ValueError as error:
        raise LobbyError(f"Cannot read {file}: it is not valid JSON ({error}). Correct the file or remove it.") from None
    if not isinstance(found, dict):
        raise LobbyError(f"Cannot read {file}: it is JSON, but not an object. Correct the file or remove it.")
    return found


def write(url: str, file: Path) -> None:
    """Sets the address of the lobby in ``file`` to ``url`` and keeps all other settings. Raises :class:`LobbyError`."""
    text = json.dumps(read(file) | {"url": url}, indent="\t", ensure_ascii=False) + "\n"
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise LobbyError(f"Cannot write {file}: {error.strerror}.") from None
