"""The file of ``rooms_file``: settings of rooms, by patterns of their names.

[rooms."arena-*"]
size = 16
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from lobby.errors import LobbyError
from lobby.settings import RoomRule, Settings, flag

KEYS = {
    "size": "room_size", "watchers": "watchers", "near_players": "near_players", "events": "events", "max_speed": "max_speed",
    "invite": "invite",
}  # fmt: skip
"""The keys of a room, and the settings that they replace."""

IN_ZIP = "rooms.toml"
"""The name of the file in the zip that Lambda runs."""


def with_rooms(settings: Settings, file: Path | None = None) -> Settings:
    """``settings`` with what the file ``rooms_file``, or ``file``, contains. Raises LobbyError."""
    file = file or (Path(settings.rooms_file) if settings.rooms_file else None)
    return replace(settings, rooms=parse_rooms(read_file(file), str(file))) if file else settings


def read_file(file: Path) -> str:
    """The text of the file. Raises LobbyError."""
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise LobbyError(f"{file} ({flag('rooms_file')}) is not UTF-8 text.") from None
    except OSError as error:
        raise LobbyError(f"Cannot read {file} ({flag('rooms_file')}): {error.strerror}.") from None


def parse_rooms(text: str, file: str) -> tuple[RoomRule, ...]:
    """The rules in ``text``, in their order. Raises LobbyError that names ``file`` and the line or the key."""
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise LobbyError(f"{file}: {error}.") from None
    for key in found:
        if key != "rooms":
            raise LobbyError(f'{file}: {key} is not known here. Each table has a name such as [rooms."arena-*"].')
    rooms = found.get("rooms", {})
    if not isinstance(rooms, dict):
        raise LobbyError(f'{file}: rooms is not a table. Write [rooms."arena-*"].')
    return tuple(RoomRule(pattern, _changes(table, f'{file}: rooms."{pattern}"')) for pattern, table in rooms.items())


def _changes(table: Any, where: str) -> tuple[tuple[str, Any], ...]:
    if not isinstance(table, dict):
        raise LobbyError(f"{where} is not a table of settings such as size = 16.")
    changes = {}
    for key, value in table.items():
        if key not in KEYS:
            raise LobbyError(f"{where}.{key} is not a setting of rooms. Those are {', '.join(KEYS)}.")
        kind = type(getattr(Settings, KEYS[key]))
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise LobbyError(f"{where}.{key} is {value!r}; it must be {_KINDS[kind]}.")
        try:
            replace(Settings(), **{KEYS[key]: value})
        except LobbyError as error:
            raise LobbyError(f"{where}.{key}: {str(error).partition(') ')[2]}") from None
        changes[KEYS[key]] = value
    return tuple(changes.items())


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
