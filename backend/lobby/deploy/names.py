"""What a deployment writes down on this machine: ``infrastructure_setup.env``, and the game's own ``lobby_config.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lobby.errors import LobbyError

OUTPUTS = {"URL": "WebSocketUrl", "FUNCTION": "FunctionName", "TABLE": "TableName"}
"""What of the stack's outputs is written down: ``LOBBY_URL_DEV`` is the output ``WebSocketUrl`` of the stage dev."""


def variables(stage: str) -> dict[str, str]:
    """The lines that are ours for a stage, and which of the stack's outputs is their value."""
    return {f"LOBBY_{word}_{stage.upper()}": output for word, output in OUTPUTS.items()}


def write(values: dict[str, str], file: Path) -> None:
    """Puts ``values`` into the file of settings; every other line of it stays as it is."""
    from dotenv import set_key

    try:
        for name, value in values.items():
            set_key(file, name, value, quote_mode="never", encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LobbyError(f"Cannot write {file}: {error}. The lobby runs all the same.") from None


def forget(names: list[str], file: Path) -> None:
    """Takes lines out of the file of settings, if they are there."""
    from dotenv import dotenv_values, unset_key

    if not file.is_file():
        return
    try:
        for name in dotenv_values(file, interpolate=False).keys() & set(names):
            unset_key(file, name, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LobbyError(f"Cannot write {file}: {error}. It still names what is gone.") from None


def read_config(file: Path) -> dict[str, Any]:
    """The game's configuration of the lobby; an empty one where there is none yet. Raises :class:`LobbyError`."""
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LobbyError(f"Cannot read {file}: {error}. Mend it, or name another file with --godot-config.") from None
    if not isinstance(found, dict):
        raise LobbyError(f"{file} is JSON, but not an object. Mend it, or name another file with --godot-config.")
    return found


def write_config(url: str, file: Path) -> None:
    """Points the game to ``url``; all else that the file says stays."""
    config = read_config(file) | {"url": url}
    try:
        file.write_text(json.dumps(config, indent="\t", ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise LobbyError(f"Cannot write {file}: {error.strerror}. The lobby runs all the same.") from None
