"""The files that a deployment writes on this machine: ``infrastructure_setup.env``, and the game's ``lobby_config.json``."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from lobby.errors import LobbyError
from lobby.tools import game_config

OUTPUTS = {"URL": "WebSocketUrl", "FUNCTION": "FunctionName", "TABLE": "TableName"}
"""The outputs of the stack that are written: ``LOBBY_URL_DEV`` is the output ``WebSocketUrl`` of the stage dev."""


def variables(stage: str) -> dict[str, str]:
    """The variables of a stage in the file of settings, each with the output that is its value."""
    return {f"LOBBY_{word}_{stage.upper()}": output for word, output in OUTPUTS.items()}


def secret(file: Path) -> str:
    """The secret in ``file``. Without such a file it makes one with a new secret, which only this user can read. Raises
    :class:`LobbyError`."""
    try:
        with suppress(FileExistsError), open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(32) + "\n")
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LobbyError(f"Cannot write or read {file}: {error.strerror}.") from None


def write(values: dict[str, str], file: Path) -> None:
    """Writes ``values`` into the file of settings. All other lines stay unchanged. Raises :class:`LobbyError`."""
    from dotenv import set_key

    try:
        for name, value in values.items():
            set_key(file, name, value, quote_mode="never", encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LobbyError(f"Cannot write {file}: {error}. The lobby itself is deployed.") from None


def forget(names: list[str], file: Path) -> None:
    """Removes variables from the file of settings, if they are in it. Raises :class:`LobbyError`."""
    from dotenv import dotenv_values, unset_key

    if not file.is_file():
        return
    try:
        for name in dotenv_values(file, interpolate=False).keys() & set(names):
            unset_key(file, name, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LobbyError(f"Cannot write {file}: {error}. It still names the deleted lobby.") from None


def write_config(url: str, file: Path) -> None:
    """Sets the address of the lobby in the game's configuration. Raises :class:`LobbyError`."""
    try:
        game_config.write(url, file)
    except LobbyError as error:
        raise LobbyError(f"{error} The lobby itself is deployed.") from None
