"""The wire format, both directions, versions 1 and 2; the only file that knows the names of JSON fields.

``docs/protocol.md`` is this file in words. A message type is added here (its class, its line in ``encode`` and ``decode`` or
``parse``) and in ``rules``, which says what it does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn, TypeVar

from lobby.errors import Refused
from lobby.jsons import dumps, loads
from lobby.presence import Position, Presence

VERSION = 2
CLOCK_MODULUS = 65_536
"""A player's clock travels modulo this many ms: five digits instead of thirteen, and nobody's uptime."""

TEXT_CHARACTERS = 32
"""Length of a name or a status: what fits over a ship."""

_HUGE = 1e15
"""Numbers from here on are no position and no time: a float that large has no hundredths left."""

_NUMBERS = frozenset((int, float))

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
# Characters that turn the reading direction around: a name could make the rest of a line unreadable.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


# ── the handshake ───────────────────────────────────────────────────────────────────────────────────────────────────


class Handshake(NamedTuple):
    """What the address of a connection says. ``player`` is empty where none was named."""

    player: str = ""
    room: str = "lobby"
    name: str = ""
    v: int = 1
    token: str = ""


def is_id(text: object) -> bool:
    """Whether ``text`` may name a player or a room: 1 to 64 of ``A-Z a-z 0-9 _ . : -``."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def parse_handshake(query: Mapping[str, str]) -> Handshake:
    """The handshake in the query parameters of the address. Raises :class:`Refused` (``bad_handshake``)."""

    def wrong(parameter: str, rule: str) -> NoReturn:
        raise Refused("bad_handshake", f"{parameter} {rule}")

    player, room = query.get("pid", ""), query.get("room") or "lobby"
    for parameter, value in (("pid", player), ("room", room)):
        if value and not is_id(value):
            wrong(parameter, "must be 1 to 64 of A-Z a-z 0-9 _ . : -")
    version = query.get("v") or "1"
    if not (version.isascii() and version.isdigit() and 0 < len(version) < 4 and int(version) > 0):
        wrong("v", "must be 1 or 2")
    try:
        name = _text(query.get("name", ""), "name")
    except Refused as refused:
        wrong("name", refused.detail.removeprefix("name "))
    return Handshake(player, room, name, min(int(version), VERSION), query.get("token", ""))


# ── client to server ────────────────────────────────────────────────────────────────────────────────────────────────


class Pos(NamedTuple):
    """``pos``: I stand here now."""

    at: Position


class Hello(NamedTuple):
    """``hello``: tell me who is here."""


class Ping(NamedTuple):
    """``ping``: are you there? ``t`` comes back as it was."""

    t: float = 0


class Status(NamedTuple):
    """``status``: a word over my head; empty takes it away."""

    status: str


ClientMessage = Pos | Hello | Ping | Status

ACTIONS: dict[type[ClientMessage], str] = {Pos: "pos", Hello: "hello", Ping: "ping", Status: "status"}
"""What each message is called on the wire."""


def parse(text: str) -> ClientMessage:
    """The message that a client sent. Raises :class:`Refused` with a code that says what is wrong with it."""
    try:
        body = loads(text)
    except ValueError:
        raise Refused("bad_json") from None
    if type(body) is not dict:
        raise Refused("bad_message", 'a message is a JSON object: {"action": ...}')
    action = body.get("action")
    if action == "pos":
        return Pos(_position(body))
    if action == "hello":
        return Hello()
    if action == "ping":
        return Ping(_number(body, "t", "bad_message"))
    if action == "status":
        return Status(_text(body.get("status"), "status"))
    if action is None:
        raise Refused("bad_message", 'the message names no action: {"action": "pos", ...}')
    raise Refused("unknown_action", f"no such action: {str(action)[:32]!r}; there are pos, hello, ping and status")


def _position(body: dict[str, Any]) -> Position:
    get: Any = body.get
    x, y = get("x"), get("y")
    vx, vy, h, seq, t = get("vx", 0), get("vy", 0), get("h", 0), get("seq", 0), get("t", 0)
    # Everything well and plain, nearly always: no helper calls. Anything odd takes the path below, which says what is odd.
    # By `type`, since to `isinstance` a bool is an int; NaN cannot be here, the decoder refuses it.
    for value in (x, y, vx, vy, h):
        if type(value) not in _NUMBERS or not -_HUGE < value < _HUGE:
            break
    else:
        if type(seq) is int and type(t) is int and 0 <= seq < _HUGE and -_HUGE < t < _HUGE:
            return Position(x, y, vx, vy, h, seq, t % CLOCK_MODULUS)
    for name in ("x", "y"):
        if name not in body:
            raise Refused("bad_position", f"pos needs {name}, a number")
    x, y, vx, vy, h = (_number(body, name) for name in ("x", "y", "vx", "vy", "h"))
    return Position(x, y, vx, vy, h, _whole(body, "seq", low=0), _whole(body, "t", low=-_HUGE) % CLOCK_MODULUS)


def _number(body: dict[str, Any], name: str, code: str = "bad_position") -> float:
    value = body.get(name, 0)
    if type(value) in (int, float) and -_HUGE < value < _HUGE:
        return float(value)
    raise Refused(code, f"{name} must be a finite number")


def _whole(body: dict[str, Any], name: str, *, low: float) -> int:
    value = body.get(name, 0)
    # Engines whose only number is a float (Godot, JavaScript) may write 5 as 5.0.
    if (type(value) is int or (type(value) is float and value.is_integer())) and low <= value < _HUGE:
        return int(value)
    raise Refused("bad_position", f"{name} must be a whole number" + (", 0 or above" if low == 0 else ""))


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Refused("bad_message", f"{what} must be a text")
    text = value.strip()
    if len(text) > TEXT_CHARACTERS:
        raise Refused("bad_message", f"{what} must be at most {TEXT_CHARACTERS} characters")
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in _BIDI for c in text):
        raise Refused("bad_message", f"{what} must not contain control characters")
    return text


def encode_client(message: ClientMessage) -> str:
    """The frame by which a client says ``message``; :func:`parse` reads it."""
    body: dict[str, Any] = {"action": ACTIONS[type(message)]}
    match message:
        case Pos(at):
            body |= {"x": round(at.x, 2), "y": round(at.y, 2)}
            for name in ("vx", "vy", "h", "seq", "t"):
                if value := round(getattr(at, name), 2):
                    body[name] = value
        case Ping(t):
            body["t"] = t
        case Status(status):
            body["status"] = status
    return dumps(body)


# ── server to client ────────────────────────────────────────────────────────────────────────────────────────────────


class Player(NamedTuple):
    """A player as the others are told of it. Version 1 carries ``id``, ``at.x`` and ``at.y`` only."""

    id: str
    at: Position = Position()
    n: int = 0
    name: str = ""
    status: str = ""


class Welcome(NamedTuple):
    """``welcome``: who is here besides you. ``t`` is the server's clock in ms, ``at`` where you stand, ``status`` what is
    written over your head."""

    your_id: str
    players: tuple[Player, ...] = ()
    v: int = 1
    n: int = 0
    t: int = 0
    at: Position = Position()
    status: str = ""


class Join(NamedTuple):
    """``join``: somebody came."""

    player: Player


class Leave(NamedTuple):
    """``leave``: somebody went."""

    id: str


class PlayerPos(NamedTuple):
    """``pos``, version 1: somebody moved."""

    id: str
    at: Position


class Moves(NamedTuple):
    """``moves``, version 2: who moved in a window, by number. ``t`` is the server's clock in ms."""

    t: int
    entries: tuple[tuple[int, Position], ...]


class StatusChanged(NamedTuple):
    """``status``: somebody's status changed."""

    id: str
    status: str


class Config(NamedTuple):
    """``config``: how often to send, what to expect; all in ms."""

    send_ms: int
    window_ms: int
    far_ms: int
    heartbeat_ms: int


class Pong(NamedTuple):
    """``pong``: ``t`` as it came, ``now`` the server's clock in ms."""

    t: float
    now: int


class Error(NamedTuple):
    """``error``: your message was refused. ``x`` and ``y`` say where you stand, for ``too_fast``.

    With ``close`` it is a goodbye: the connection ends now, and this is its close code, also where the host cannot send one.
    """

    code: str
    message: str
    x: float | None = None
    y: float | None = None
    close: int | None = None


ServerMessage = Welcome | Join | Leave | PlayerPos | Moves | StatusChanged | Config | Pong | Error

TYPES: dict[type[ServerMessage], str] = {
    Welcome: "welcome",
    Join: "join",
    Leave: "leave",
    PlayerPos: "pos",
    Moves: "moves",
    StatusChanged: "status",
    Config: "config",
    Pong: "pong",
    Error: "error",
}
"""What each message is called on the wire."""


def player_of(presence: Presence) -> Player:
    """What the others may know of ``presence``."""
    return Player(presence.player, presence.at, presence.n, presence.name or presence.player, presence.status)


def encode(message: ServerMessage, v: int) -> str | None:
    """The frame that says ``message`` in version ``v``; None where that version has no word for it."""
    match message:
        case Moves():
            return encode_moves(message.t, message.entries) if v >= 2 else None
        case PlayerPos(id, at):
            return dumps({"type": "pos", "id": id, "x": round(at.x, 2), "y": round(at.y, 2)})
        case Welcome():
            body: dict[str, Any] = {
                "type": "welcome",
                "your_id": message.your_id,
                "lobby_players": [_player(player, v) for player in message.players],
            }
            if v >= 2:
                at = message.at
                body |= {"v": v, "n": message.n, "t": message.t, "x": round(at.x, 2), "y": round(at.y, 2), "seq": at.seq}
                body["status"] = message.status
            return dumps(body)
        case Join(player):
            return dumps({"type": "join", **_player(player, v)})
        case Leave(id):
            return dumps({"type": "leave", "id": id})
        case Error():
            body = {"type": "error", "message": message.message, "code": message.code}
            if message.x is not None and message.y is not None:
                body |= {"x": message.x, "y": message.y}
            if message.close is not None:
                body["close"] = message.close
            return dumps(body)
        case Pong(t, now):
            return dumps({"type": "pong", "t": int(t) if t == int(t) else t, "now": now})
        case StatusChanged(id, status):
            return dumps({"type": "status", "id": id, "status": status}) if v >= 2 else None
        case Config():
            return dumps({"type": "config", **message._asdict()}) if v >= 2 else None


def _player(player: Player, v: int) -> dict[str, Any]:
    at = player.at
    body: dict[str, Any] = {"id": player.id, "x": round(at.x, 2), "y": round(at.y, 2)}
    if v >= 2:
        body |= {"n": player.n, "name": player.name, "status": player.status}
        body |= {name: value for name in ("vx", "vy", "h", "seq") if (value := round(getattr(at, name), 2))}
    return body


def encode_moves(t: int, entries: Iterable[tuple[int, Position]]) -> str:
    """One ``moves`` frame: whole hundredths, zeros at the end of each entry cut off."""
    rows = []
    for n, (x, y, vx, vy, h, seq, clock) in entries:
        row = [n, round(x * 100), round(y * 100), round(vx * 100), round(vy * 100), round(h * 100), seq, clock]
        while row[-1] == 0:
            row.pop()
        rows.append(row)
    return dumps({"type": "moves", "t": t, "m": rows})


def decode(text: str) -> ServerMessage | None:
    """What a server said; None for a type that is not known here (newer servers may say more).

    Raises ValueError for what is no message at all: servers are not believed blindly either.
    """
    try:
        body = loads(text)
        kind = body.get("type")
        if kind == "moves":
            return Moves(_is(int, body["t"]), tuple([_entry(row) for row in body["m"]]))
        if kind == "pos":
            return PlayerPos(_is(str, body["id"]), _standing(body))
        if kind == "welcome":
            v, n, t = (_is(int, body.get(name, default)) for name, default in (("v", 1), ("n", 0), ("t", 0)))
            players = tuple([_known(player) for player in _is(list, body["lobby_players"])])
            return Welcome(_is(str, body["your_id"]), players, v, n, t, _standing(body), _is(str, body.get("status", "")))
        if kind == "join":
            return Join(_known(body))
        if kind == "leave":
            return Leave(_is(str, body["id"]))
        if kind == "error":
            x, y = (None if (value := body.get(name)) is None else _number({name: value}, name) for name in ("x", "y"))
            close = None if body.get("close") is None else _is(int, body["close"])
            return Error(_is(str, body.get("code", "")), _is(str, body.get("message", "")), x, y, close)
        if kind == "pong":
            return Pong(_number(body, "t"), _is(int, body["now"]))
        if kind == "status":
            return StatusChanged(_is(str, body["id"]), _is(str, body["status"]))
        if kind == "config":
            return Config(*(_is(int, body[name]) for name in Config._fields))
    except (AttributeError, KeyError, TypeError, ValueError, Refused) as error:
        raise ValueError(f"not a message of this protocol: {text[:80]!r} ({error!r})") from error
    return None


_T = TypeVar("_T")


def _is(kind: type[_T], value: object) -> _T:
    if type(value) is not kind:
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value


def _standing(body: dict[str, Any]) -> Position:
    x, y, vx, vy, h = (_number(body, name) for name in ("x", "y", "vx", "vy", "h"))
    return Position(x, y, vx, vy, h, _whole(body, "seq", low=0))


def _known(body: dict[str, Any]) -> Player:
    id = _is(str, body["id"])
    n, name, status = body.get("n", 0), body.get("name", id), body.get("status", "")
    return Player(id, _standing(body), _is(int, n), _is(str, name), _is(str, status))


def _entry(row: list[int]) -> tuple[int, Position]:
    if not row or not {type(value) for value in row} <= {int}:
        raise ValueError(f"{row!r} is not a list of whole numbers")
    n, x, y, vx, vy, h, seq, t, *_newer = row + [0] * (8 - len(row))
    return n, Position(x / 100, y / 100, vx / 100, vy / 100, h / 100, seq, t)
