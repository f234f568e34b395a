"""All settings, in one table for the command line, the environment, ``infrastructure_setup.env`` and the docs.

A setting named ``window_ms`` is the flag ``--window-ms``, the environment variable ``LOBBY_WINDOW_MS`` and the same name in
``infrastructure_setup.env``. The flag wins over the environment, the environment over the file, the file over the default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from fnmatch import translate
from functools import cached_property
from typing import Any, NamedTuple

from lobby.errors import LobbyError

ENV_PREFIX = "LOBBY_"
ENV_FILE = "infrastructure_setup.env"

OTHER_VARIABLES = {
    "LOBBY_BUCKET", "LOBBY_DAILY_BUDGET", "LOBBY_ENDPOINT", "LOBBY_NAME", "LOBBY_PLAYER", "LOBBY_ROOM", "LOBBY_STAGE",
    "LOBBY_TABLE", "LOBBY_TOKEN", "LOBBY_URL",
}  # fmt: skip
"""Variables that begin with ``LOBBY_`` and are no settings of a lobby: of the function, of commands and of the Godot addon."""

OF_A_STAGE = ("LOBBY_URL_", "LOBBY_TABLE_", "LOBBY_FUNCTION_")
"""How names begin that `lobby deploy` writes to the file."""

SIMILAR = 0.8
"""How similar a name must be to that of a setting (``difflib`` ratio, 0 to 1) to count as misspelt."""


def _setting(default: Any, meaning: str, *, unit: str = "", low: float | None = None, high: float | None = None) -> Any:
    return field(default=default, metadata={"meaning": meaning, "unit": unit, "low": low, "high": high})


class RoomRule(NamedTuple):
    """The settings of all rooms whose names match ``pattern`` (``arena-*``). ``changes``: names and values of settings."""

    pattern: str
    changes: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Settings:
    """The settings of a lobby. Durations are milliseconds, lengths the game's own units, sizes bytes."""

    host: str = _setting(
        "127.0.0.1", "Address to listen on; 0.0.0.0 listens on every network of IPv4, :: also on those of IPv6."
    )
    port: int = _setting(8765, "Port to listen on; 0 takes a free port and prints it.", low=0, high=65535)
    open: bool = _setting(False, "Admit players without a token, also from other machines.")
    secret: str = _setting("", "Secret that signs tokens (HS256). If it is set, each player needs a token.")
    token_names: bool = _setting(
        False, "Show only names from tokens. A name in the address is ignored; a player without a name is shown with its id."
    )
    origins: str = _setting(
        "",
        "Origins of web pages that may connect, separated by commas (https://game.example); * allows all. Empty: all origins "
        "if tokens are required, else only pages of this server under its address or a local name, and pages of this machine "
        "while the lobby listens on it alone. Native games send no origin and are always allowed.",
    )
    tls_cert: str = _setting("", "File with the TLS certificate chain (PEM). It turns on wss:// and https://.")
    tls_key: str = _setting("", "File with the TLS private key (PEM).")
    behind_proxy: bool = _setting(False, "Take client addresses from X-Forwarded-For, which a reverse proxy in front must set.")

    admin_port: int = _setting(0, "Port of the admin API; 0: none. It needs admin_key.", low=0, high=65535)
    admin_host: str = _setting(
        "127.0.0.1", "Address on which the admin API listens. Elsewhere than on this machine it uses TLS."
    )
    admin_key: str = _setting("", "Key of the admin API, at least 32 characters. Requests carry it as a bearer token.")
    metrics_on_admin_port: bool = _setting(False, "Serve /metrics on the admin port only, where it needs the key.")
    webhook_url: str = _setting("", "Address of a server that gets a signed POST for each join and leave.")
    webhook_secret: str = _setting("", "Secret that signs webhooks, at least 32 characters.")

    list_rooms: bool = _setting(
        False, "Answer GET /rooms with the rooms of the lobby. If tokens are required, it needs a token, too."
    )
    room_size: int = _setting(50, "Maximum number of players in a room.", unit="players", low=1, high=10_000)
    window_ms: int = _setting(
        60,
        "Maximum delay while positions are collected into one message. It is shorter with few players, and longer only on a "
        "host that cannot keep up.",
        unit="ms",
        low=0,
        high=5_000,
    )
    near_players: int = _setting(
        250,
        "In a larger room, a player receives about this many nearest players at full rate; 0: all players.",
        unit="players",
        low=0,
        high=10_000,
    )
    far_ms: int = _setting(500, "Interval at which a player receives the more distant players.", unit="ms", low=50, high=60_000)
    send_ms: int = _setting(
        100,
        "Minimum interval between two positions of a client. The lobby sends it to clients.",
        unit="ms",
        low=10,
        high=60_000,
    )
    heartbeat_ms: int = _setting(
        20_000, "Interval between two pings. A client that misses two in a row is removed.", unit="ms", low=100, high=540_000
    )

    message_bytes: int = _setting(1024, "Maximum size of a message.", unit="bytes", low=64, high=32_768)
    messages_per_s: float = _setting(
        10.0,
        "Messages that a connection may send per second on average; at least one each send_ms, and pings on top.",
        unit="1/s",
        low=0.1,
        high=1_000,
    )
    messages_burst: int = _setting(20, "Messages that a connection may send at once.", unit="messages", low=1, high=10_000)
    data_bytes: int = _setting(512, "Maximum size of a player's data, as JSON; 0: no data.", unit="bytes", low=0, high=16_384)
    events: str = _setting(
        "*", "Names of the events that players may send, separated by commas; * allows all, none allows no event."
    )
    event_bytes: int = _setting(512, "Maximum size of an event's data, as JSON.", unit="bytes", low=0, high=16_384)
    events_per_s: float = _setting(
        5.0, "Events that a player may send per second on average, and twice as many at once.", unit="1/s", low=0.1, high=1_000
    )
    watchers: int = _setting(
        10, "Maximum number of watchers in a room. They see everything and are no players.", unit="watchers", low=0, high=1_000
    )
    world_bound: float = _setting(
        1_000_000.0, "Maximum distance of a position from zero on each axis.", unit="units", low=1, high=1_000_000_000
    )
    max_speed: float = _setting(
        0.0,
        "Maximum speed. A position that is faster is refused, and its sender gets its last valid position. 0: no limit.",
        unit="units/s",
        low=0,
        high=1_000_000,
    )
    connections_per_address: int = _setting(
        64,
        "Maximum number of connections from one address, except from this machine; 0: no limit.",
        unit="connections",
        low=0,
        high=100_000,
    )
    outbox_bytes: int = _setting(
        262_144,
        "Bytes that may wait for a slow reader. Above this, positions are skipped; above four times this, the connection is "
        "closed.",
        unit="bytes",
        low=16_384,
        high=67_108_864,
    )

    rooms_file: str = _setting("", "TOML file with settings of rooms, by patterns of their names (docs/rooms.md).")

    rooms: tuple[RoomRule, ...] = ()
    """What the file ``rooms_file`` contains. The first rule that matches a room counts."""
    invite: bool = False
    """Only a token for exactly this room admits to it. Only a room rule sets it."""

    def __post_init__(self) -> None:
        for item in options():
            value, low, high = getattr(self, item.name), item.metadata["low"], item.metadata["high"]
            if low is not None and not low <= value <= high:
                unit = f" {item.metadata['unit']}" if item.metadata["unit"] else ""
                raise LobbyError(
                    f"{flag(item.name)} ({variable(item.name)}) is {value}; it must be between {low:,} and {high:,}{unit}."
                )
        if bool(self.tls_cert) != bool(self.tls_key):
            raise LobbyError("--tls-cert and --tls-key belong together. Give both or neither.")

    def for_room(self, room: str) -> Settings:
        """The settings of one room."""
        if not self.rooms:
            return self
        return next((own for matches, own in self._by_pattern if matches(room)), self)

    @cached_property
    def _by_pattern(self) -> list[tuple[Callable[[str], object], Settings]]:
        return [(re.compile(translate(it.pattern)).match, replace(self, rooms=(), **dict(it.changes))) for it in self.rooms]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """The settings in ``environment``, with defaults for the rest. Raises :class:`LobbyError` that names a wrong
        variable."""
        found: dict[str, Any] = {}
        for item in options():
            text = unquoted(environment.get(variable(item.name), ""))
            if text:
                found[item.name] = _read(item.name, text)
        return replace(cls(), **found)


def options() -> list[Field[Any]]:
    """The settings that have a flag and a variable."""
    return [item for item in fields(Settings) if item.metadata]


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that begin with ``LOBBY_`` and that nothing reads: probably misspelt names of settings.

    The value is the name that was probably meant, or empty where no name is similar.
    """
    settings = {variable(item.name) for item in options()}
    found = {}
    for name in environment:
        plain = name.upper().replace("-", "_")
        known = name in settings or name in OTHER_VARIABLES or name.startswith(OF_A_STAGE)
        if plain.startswith(ENV_PREFIX) and not known:
            near = get_close_matches(plain, settings, 1, SIMILAR)
            found[name] = near[0] if near else ""
    return found


def check_variables(environment: Mapping[str, str]) -> None:
    """Raises :class:`LobbyError` if the name of a variable is similar to that of a setting, but is none. It would be ignored,
    and a lobby whose ``LOBBY_SECRET`` is misspelt would be open."""
    for name, meant in unknown_variables(environment).items():
        if meant:
            raise LobbyError(f"{name} is not the name of a setting. Did you mean {meant}? Correct it, or remove it.")


def flag(name: str) -> str:
    """``window_ms`` -> ``--window-ms``."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """``window_ms`` -> ``LOBBY_WINDOW_MS``."""
    return ENV_PREFIX + name.upper()


def unquoted(text: str) -> str:
    """``text`` without the pair of quotes around it. A shell and systemd remove them; ``docker --env-file`` keeps them."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _read(name: str, text: str) -> Any:
    kind = type(getattr(Settings, name))
    if kind is bool:
        if text.lower() not in {"1", "0", "true", "false", "yes", "no", "on", "off"}:
            raise LobbyError(f"{variable(name)} is {text!r}; it must be yes or no.")
        return text.lower() in {"1", "true", "yes", "on"}
    try:
        return kind(text)
    except ValueError:
        number = "a whole number" if kind is int else "a number"
        raise LobbyError(f"{variable(name)} is {text!r}; it must be {number}.") from None
