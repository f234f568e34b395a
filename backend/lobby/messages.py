"""The wire format, both directions, versions 1 to 3; the only file that knows the names of JSON fields.

``docs/protocol.md`` is this file in words. Messages are values; :data:`CODECS` holds one codec per protocol version, which
makes frames (bytes) of them. No other code tests a version. ``docs/architecture.md`` shows how to add a message type.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol, TypeVar, assert_never

from lobby import data as player_data
from lobby.compact import Encoder, Reach, as_text, whole_frame
from lobby.data import NO_DATA, Data
from lobby.errors import Refused
from lobby.jsons import dumps, loads
from lobby.presence import Position, Presence

VERSION = 3
CLOCK_MODULUS_MS = 65_536
"""A player's clock is sent modulo this many ms: five digits instead of thirteen, and no machine's uptime is revealed."""

TEXT_CHARACTERS = 32
"""The longest name or status: what fits above a ship."""

_HUGE = 1e15
"""Larger numbers are refused as positions and times: a float of this size has no hundredths left."""

_NUMBERS = frozenset((int, float))

ID_CHARACTERS = 64
"""The longest id of a player or a room."""

_ID = re.compile(rf"[A-Za-z0-9_.:|@-]{{1,{ID_CHARACTERS}}}")
_EVENT = re.compile(r"[A-Za-z0-9_.:-]{1,32}")
DATA_BYTES_MOST = 16_384
"""The largest data of a player or an event that a setting can allow, in bytes of JSON."""

# Letters and symbols without a picture: fillers of Hangul, and the empty pattern of Braille.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
MARKS = 4
"""The largest number of combining marks on one character. Languages need up to four; more cover the lines above and below."""

ROSTER_MOST = 10_000
"""The largest number of players in a room. A message about more of them is no message of a lobby."""

_LONG = 1_000
"""A longer text is not normalised: it cannot become short enough."""

# Characters that change the reading direction: a name could make the rest of a line unreadable.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


# ── the handshake ───────────────────────────────────────────────────────────────────────────────────────────────────


class Handshake(NamedTuple):
    """The parameters in the address of a connection. ``player`` is empty where the address has no ``pid``.

    ``granted`` is the data that the token grants, ``is_named`` whether the name is that of the token. The address has neither.
    """

    player: str = ""
    room: str = "lobby"
    name: str = ""
    v: int = 1
    token: str = ""
    watch: bool = False
    granted: Data = NO_DATA
    is_named: bool = False
    invited: bool = False


def is_id(text: object) -> bool:
    """Whether ``text`` may name a player or a room: 1 to 64 of ``A-Z a-z 0-9 _ . : | @ -``. Identity services use the last
    three in the subjects of their tokens (``auth0|5f7c8ec7c33c6c004bbafe82``)."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def parse_handshake(query: Mapping[str, str]) -> Handshake:
    """The handshake in the query parameters of the address. Raises :class:`Refused` (``bad_handshake``)."""

    def wrong(parameter: str, rule: str) -> NoReturn:
        raise Refused("bad_handshake", f"{parameter} {rule}")

    player, room = query.get("pid", ""), query.get("room") or "lobby"
    for parameter, value in (("pid", player), ("room", room)):
        if value and not is_id(value):
            wrong(parameter, "must be 1 to 64 of A-Z a-z 0-9 _ . : | @ -")
    version = query.get("v") or "1"
    if not (version.isascii() and version.isdigit() and 0 < len(version) < 4 and int(version) > 0):
        wrong("v", "must be 1, 2 or 3")
    try:
        name = _text(query.get("name", ""), "name")
    except Refused as refused:
        wrong("name", refused.detail.removeprefix("name "))
    if (watch := query.get("watch", "")) not in ("", "0", "1"):
        wrong("watch", "must be 0 or 1")
    return Handshake(player, room, name, min(int(version), VERSION), query.get("token", ""), watch == "1")


# ── client to server ────────────────────────────────────────────────────────────────────────────────────────────────


class Pos(NamedTuple):
    """``pos``: the sender's position."""

    at: Position


class Hello(NamedTuple):
    """``hello``: asks for a ``welcome``. ``patch`` first changes the data of the sender, as :class:`SetData` does."""

    patch: Data = NO_DATA


class Ping(NamedTuple):
    """``ping``: asks for a ``pong``, which returns ``t`` unchanged."""

    t: float = 0


class Status(NamedTuple):
    """``status``: a short text that is shown above the sender; empty removes it."""

    status: str


class Rename(NamedTuple):
    """``name``: the sender's new name."""

    name: str


class ChangeData(NamedTuple):
    """``data``: changes the data of the sender; ``patch`` is a JSON merge patch."""

    patch: Data


class Send(NamedTuple):
    """``send``: an event for the player ``to``, or for all other players of the room where ``to`` is empty.

    ``seq`` counts the events of a connection from 1, and keeps their order on hosts where messages may overtake each other. 0:
    not counted.
    """

    event: str
    data: Data = NO_DATA
    to: str = ""
    seq: int = 0


ClientMessage = Pos | Hello | Ping | Status | Rename | ChangeData | Send

ACTIONS: dict[type[ClientMessage], str] = {
    Pos: "pos",
    Hello: "hello",
    Ping: "ping",
    Status: "status",
    Rename: "name",
    ChangeData: "data",
    Send: "send",
}
"""What each message is called on the wire."""


def parse(frame: bytes | str) -> ClientMessage:
    """The message that a client sent. Raises :class:`Refused` with a code that says what is wrong with it."""
    try:
        body = loads(frame)
    except ValueError:
        raise Refused("bad_json") from None
    if type(body) is not dict:
        raise Refused("bad_message", 'a message is a JSON object: {"action": ...}')
    action = body.get("action")
    if action == "pos":
        return Pos(_position(body))
    if action == "hello":
        return Hello(_data(body["data"], "bad_data") if "data" in body else NO_DATA)
    if action == "ping":
        return Ping(_number(body, "t", "bad_message"))
    if action == "status":
        return Status(_text(body.get("status"), "status"))
    if action == "data":
        return ChangeData(_data(body.get("data"), "bad_data"))
    if action == "send":
        return _send(body)
    if action == "name":
        return Rename(_text(body.get("name"), "name"))
    if action is None:
        raise Refused("bad_message", 'the message names no action: {"action": "pos", ...}')
    known = ", ".join(ACTIONS.values())
    raise Refused("unknown_action", f"no such action: {str(action)[:32]!r}; the actions are {known}")


def _data(value: object, code: str) -> dict[str, Any]:
    def text(value: str, where: str) -> str:
        if any(_is_control(c) for c in value):
            raise Refused(code, f"{where} must not contain control characters")
        return _composed(value)

    return player_data.check(value, code, text)


def granted(claim: object) -> dict[str, Any]:
    """The data that a token grants in its claim ``data``. Raises :class:`Refused` (``unauthorized``)."""
    return _data(claim, "unauthorized")


def _send(body: dict[str, Any]) -> Send:
    event, to = body.get("event"), body.get("to", "")
    if not isinstance(event, str) or _EVENT.fullmatch(event) is None:
        raise Refused("bad_event", "event must be 1 to 32 of A-Z a-z 0-9 _ . : -")
    if to and not is_id(to):
        raise Refused("bad_event", "to must be the id of a player")
    return Send(event, _data(body.get("data", {}), "bad_event"), str(to), _whole(body, "seq", low=0, code="bad_event"))


def _position(body: dict[str, Any]) -> Position:
    get: Any = body.get
    x, y = get("x"), get("y")
    vx, vy, h, seq, t = get("vx", 0), get("vy", 0), get("h", 0), get("seq", 0), get("t", 0)
    z, vz = get("z", 0), get("vz", 0)
    # Nearly every message is valid: this loop calls no helpers. An invalid one takes the path below, which finds the mistake.
    # `type`, because `isinstance` takes a bool for an int. NaN cannot occur: the decoder refuses it.
    for value in (x, y, vx, vy, h, z, vz):
        if type(value) not in _NUMBERS or not -_HUGE < value < _HUGE:
            break
    else:
        if type(seq) is int and type(t) is int and 0 <= seq < _HUGE and -_HUGE < t < _HUGE:
            return Position(x, y, vx, vy, h, seq, t % CLOCK_MODULUS_MS, seq, z, vz)
    for name in ("x", "y"):
        if name not in body:
            raise Refused("bad_position", f"pos needs {name}, a number")
    x, y, vx, vy, h, z, vz = (_number(body, name) for name in ("x", "y", "vx", "vy", "h", "z", "vz"))
    seq, t = _whole(body, "seq", low=0), _whole(body, "t", low=-_HUGE)
    return Position(x, y, vx, vy, h, seq, t % CLOCK_MODULUS_MS, seq, z, vz)


def _number(body: dict[str, Any], name: str, code: str = "bad_position") -> float:
    value = body.get(name, 0)
    if type(value) in (int, float) and -_HUGE < value < _HUGE:
        return float(value)
    raise Refused(code, f"{name} must be a finite number")


def _whole(body: dict[str, Any], name: str, *, low: float, code: str = "bad_position") -> int:
    value = body.get(name, 0)
    # Engines whose only number is a float (Godot, JavaScript) may write 5 as 5.0.
    if (type(value) is int or (type(value) is float and value.is_integer())) and low <= value < _HUGE:
        return int(value)
    raise Refused(code, f"{name} must be a whole number" + (", 0 or above" if low == 0 else ""))


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Refused("bad_message", f"{what} must be a text")
    if len(value) > _LONG:
        raise Refused("bad_message", f"{what} must be at most {TEXT_CHARACTERS} characters")
    text = _readable(value)
    if len(text) > TEXT_CHARACTERS:
        raise Refused("bad_message", f"{what} must be at most {TEXT_CHARACTERS} characters")
    if any(_is_control(c) for c in text):
        raise Refused("bad_message", f"{what} must not contain control characters")
    return text


def named_as(text: str) -> str:
    """The name of a player in a token, in the form that other players may see. What is not allowed is removed: the backend of a
    game cannot be asked for another name. Empty where nothing of it can be seen."""
    return _readable("".join(c for c in text[:_LONG] if not _is_control(c)))[:TEXT_CHARACTERS].strip()


def _readable(text: str) -> str:
    """``text`` in Unicode's composed form (NFC), without surrounding space and without piles of combining marks. Empty where
    nothing of it can be seen, such as zero-width characters: other players would see a player without a name."""
    shown = _composed(text.strip())
    if not any(unicodedata.category(c)[0] in "LNPS" and c not in _BLANK for c in shown):
        # A control character is no invisible name: it is refused.
        return "".join(c for c in shown if _is_control(c))
    return shown.strip()


def _composed(text: str) -> str:
    """``text`` in Unicode's composed form (NFC), without piles of combining marks."""
    if text.isascii():
        return text
    shown: list[str] = []
    marks = 0
    for c in unicodedata.normalize("NFC", text):
        marks = marks + 1 if unicodedata.category(c) in ("Mn", "Me") else 0
        if marks <= MARKS:
            shown.append(c)
    return "".join(shown)


def _is_control(c: str) -> bool:
    return unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in _BIDI


# ── server to client ────────────────────────────────────────────────────────────────────────────────────────────────


class Player(NamedTuple):
    """A player as other players know it. Version 1 carries ``id``, ``at.x`` and ``at.y`` only.

    ``age`` is how long ago the lobby stored ``at``, in ms; 0: just now, or unknown. A receiver continues a movement from it.
    """

    id: str
    at: Position = Position()
    n: int = 0
    name: str = ""
    status: str = ""
    age: int = 0
    data: Data = NO_DATA


class Welcome(NamedTuple):
    """``welcome``: the other players of the room. ``t`` is the server's clock in ms; ``at``, ``status`` and ``data`` are the
    receiver's own. ``watch``: the receiver is a watcher."""

    your_id: str
    players: tuple[Player, ...] = ()
    v: int = 1
    n: int = 0
    t: int = 0
    at: Position = Position()
    status: str = ""
    data: Data = NO_DATA
    watch: bool = False


class Join(NamedTuple):
    """``join``: a player entered the room."""

    player: Player


class Leave(NamedTuple):
    """``leave``: a player left the room."""

    id: str


class Changes(NamedTuple):
    """``changes``, version 3: the players that entered and left a room in one window. Receivers apply ``leaves`` first.

    A join replaces what the receiver knows of the player, which may be the receiver itself. A player that left and came back
    within the window is in ``joins`` only.
    """

    leaves: tuple[str, ...] = ()
    joins: tuple[Player, ...] = ()


class PlayerPos(NamedTuple):
    """``pos``, version 1: the new position of one player."""

    id: str
    at: Position


class Moves(NamedTuple):
    """``moves``, version 2: the players that moved in a window, by number. ``t`` is the server's clock in ms."""

    t: int
    entries: tuple[tuple[int, Position], ...]


class StatusChanged(NamedTuple):
    """``status``: the new status of one player."""

    id: str
    status: str


class DataChanged(NamedTuple):
    """``data``: the new data of one player, the whole object."""

    id: str
    data: Data


class Event(NamedTuple):
    """``event``: something that a player sent. ``id`` is its sender; empty: an operator of the lobby."""

    id: str
    event: str
    data: Data = NO_DATA


class Config(NamedTuple):
    """``config``: how often to send and what to expect; all in ms.

    ``return_ms``, version 3: over which time the clients of this lobby spread their return after it has closed all connections.
    0: they may return at once.
    """

    send_ms: int
    window_ms: int
    far_ms: int
    heartbeat_ms: int
    return_ms: int = 0


class Pong(NamedTuple):
    """``pong``: ``t`` of the ping, ``now`` the server's clock in ms.

    ``seq`` is the sequence number of the receiver's last stored position; 0 if it has none. None: the lobby is too old to send
    it.
    """

    t: float
    now: int
    seq: int | None = None


class Error(NamedTuple):
    """``error``: a message was refused. ``x``, ``y`` and ``z`` are the receiver's current position, for ``too_fast``.

    With ``close`` it is a closing error: the connection ends now, and this is the close code, also on a host that cannot
    close with a code of its own.
    """

    code: str
    message: str
    x: float | None = None
    y: float | None = None
    close: int | None = None
    z: float | None = None


RosterMessage = Join | Leave | Changes
ServerMessage = Welcome | RosterMessage | PlayerPos | Moves | StatusChanged | DataChanged | Event | Config | Pong | Error

TYPES: dict[type[ServerMessage], str] = {
    Welcome: "welcome",
    Join: "join",
    Leave: "leave",
    Changes: "changes",
    PlayerPos: "pos",
    Moves: "moves",
    StatusChanged: "status",
    DataChanged: "data",
    Event: "event",
    Config: "config",
    Pong: "pong",
    Error: "error",
}
"""The name of each message on the wire."""


def player_of(presence: Presence, now: int = 0) -> Player:
    """What other players may know of ``presence`` at ``now``. Without ``now`` the age of its position is unknown."""
    # The clocks of two hosts may differ a little: no position comes from the future.
    age = max(0, now - presence.moved_ms) if presence.moved_ms else 0
    return Player(
        presence.player, presence.at, presence.n, presence.name or presence.player, presence.status, age, presence.data
    )


class Frame(NamedTuple):
    """One encoded message: its bytes, its ``kind`` (a value of :data:`TYPES`), the player that need not receive it, and whether
    it is a binary frame."""

    data: bytes
    kind: str
    skip: str = ""
    binary: bool = False


class Memory(NamedTuple):
    """What a host has sent to a room in compact positions, and which of its receivers a frame is for."""

    encoder: Encoder
    reach: Reach


class Entry(NamedTuple):
    """A player in a list of players, encoded but for its age, which stands between ``before`` and ``after``.

    So it is encoded once for all welcomes until its row changes. ``is_moving``: a receiver needs the age.
    """

    row: Presence
    before: bytes
    after: bytes
    is_moving: bool

    @classmethod
    def of(cls, row: Presence) -> Entry:
        """The entry of a row, in versions 2 and 3."""
        player = player_of(row)
        body = _player(player._replace(data=NO_DATA))
        after = b',"data":' + dumps(player.data) + b"}" if player.data else b"}"
        return cls(row, dumps(body)[:-1], after, _is_moving(body))

    def encoded(self, now: int) -> bytes:
        """The entry at ``now`` (ms)."""
        age = max(0, now - self.row.moved_ms) if self.is_moving and self.row.moved_ms else 0
        return b'%s,"age":%d%s' % (self.before, age, self.after) if age else self.before + self.after


class Codec(Protocol):
    """One version of the protocol, as hosts and clients send it."""

    can_ping: bool
    """Whether clients of this version send pings."""

    has_changes: bool
    """Whether joins and leaves of a window are one message."""

    def encode_client(self, message: ClientMessage) -> str | None:
        """The frame with which a client sends ``message``; None where this version has no such message."""

    def encode(self, message: ServerMessage) -> bytes | None:
        """The frame for ``message``; None where this version has no such message."""

    def welcome(self, newcomer: Presence, entries: Iterable[Entry], now: int) -> bytes:
        """The frame that welcomes ``newcomer`` at ``now`` (ms). ``entries`` are the other players."""

    def positions(self, t: int, movers: Sequence[Presence], memory: Memory | None = None) -> list[Frame]:
        """The frames that carry the positions of ``movers``; ``t`` is the server's clock in ms. ``memory``: what the receivers
        were sent before; None on a host that does not know it, and can send text only."""


class Version1:
    """Version 1: every message is about one player, with ``x`` and ``y`` and nothing else."""

    can_ping = has_changes = False

    def encode_client(self, message: ClientMessage) -> str | None:
        """See :class:`Codec`."""
        match message:
            case Pos(at):
                return _action(message, {"x": round(at.x, 2), "y": round(at.y, 2)})
            case Hello():
                return _action(message, {})
            case Ping() | Status() | Rename() | ChangeData() | Send():
                return None
            case _:
                assert_never(message)

    def encode(self, message: ServerMessage) -> bytes | None:
        """See :class:`Codec`."""
        match message:
            case Moves() | StatusChanged() | DataChanged() | Event() | Config() | Changes():
                return None
            case Welcome(your_id, players):
                return dumps({"type": "welcome", "your_id": your_id, "lobby_players": [_place(p.id, p.at) for p in players]})
            case Join(player):
                return dumps({"type": "join", **_place(player.id, player.at)})
            case PlayerPos(id, at):
                return dumps({"type": "pos", **_place(id, at)})
            case Pong():
                return dumps(_pong(message))
            case Error():
                return _encode_common(message._replace(z=None))
            case Leave():
                return _encode_common(message)
            case _:
                assert_never(message)

    def welcome(self, newcomer: Presence, entries: Iterable[Entry], now: int) -> bytes:
        """See :class:`Codec`."""
        frame = self.encode(welcome_of(newcomer, tuple([player_of(entry.row) for entry in entries]), now))
        assert frame is not None
        return frame

    def positions(self, t: int, movers: Sequence[Presence], memory: Memory | None = None) -> list[Frame]:
        """See :class:`Codec`. One frame for each mover; the mover itself need not receive it."""
        return [Frame(dumps({"type": "pos", **_place(row.player, row.at)}), "pos", row.player) for row in movers]


class Version2:
    """Version 2: numbers, names, statuses, velocities; one frame for all positions of a window."""

    can_ping, has_changes = True, False

    def encode_client(self, message: ClientMessage) -> str | None:
        """See :class:`Codec`."""
        match message:
            case Pos(at):
                body: dict[str, Any] = {"x": round(at.x, 2), "y": round(at.y, 2)}
                optional = ("vx", "vy", "h", "seq", "t", "z", "vz")
                return _action(message, body | {name: value for name in optional if (value := round(getattr(at, name), 2))})
            case Hello(patch):
                return _action(message, {"data": patch} if patch else {})
            case Ping(t):
                return _action(message, {"t": t})
            case Status(status):
                return _action(message, {"status": status})
            case Rename(name):
                return _action(message, {"name": name})
            case ChangeData(patch):
                return _action(message, {"data": patch})
            case Send(event, data, to, seq):
                body = {"event": event} | ({"data": data} if data else {}) | ({"to": to} if to else {})
                return _action(message, body | ({"seq": seq} if seq else {}))
            case _:
                assert_never(message)

    def encode(self, message: ServerMessage) -> bytes | None:
        """See :class:`Codec`."""
        match message:
            case PlayerPos() | Changes():
                return None
            case Moves(t, entries):
                return encode_moves(t, entries)
            case Welcome(your_id, players):
                head = {"type": "welcome", "your_id": your_id, "lobby_players": [_player(player) for player in players]}
                return dumps(head | _own(message))
            case Join(player):
                return dumps({"type": "join", **_player(player)})
            case StatusChanged(id, status):
                return dumps({"type": "status", "id": id, "status": status})
            case DataChanged(id, data):
                return dumps({"type": "data", "id": id, "data": data})
            case Event(id, event, data):
                return dumps({"type": "event", "id": id, "event": event} | ({"data": data} if data else {}))
            case Config(send_ms, window_ms, far_ms, heartbeat_ms):
                times = {"send_ms": send_ms, "window_ms": window_ms, "far_ms": far_ms, "heartbeat_ms": heartbeat_ms}
                return dumps({"type": "config", **times})
            case Pong():
                return dumps(_pong(message) | ({} if message.seq is None else {"seq": message.seq}))
            case Leave() | Error():
                return _encode_common(message)
            case _:
                assert_never(message)

    def welcome(self, newcomer: Presence, entries: Iterable[Entry], now: int) -> bytes:
        """See :class:`Codec`. It is what :meth:`encode` makes of the same ``welcome``, from entries that are encoded."""
        head = dumps({"type": "welcome", "your_id": newcomer.player})[:-1]
        own = dumps(_own(welcome_of(newcomer, (), now)))
        return b'%s,"lobby_players":[%s],%s' % (head, b",".join([entry.encoded(now) for entry in entries]), own[1:])

    def positions(self, t: int, movers: Sequence[Presence], memory: Memory | None = None) -> list[Frame]:
        """See :class:`Codec`. One frame for all movers."""
        return [Frame(encode_moves(t, [(row.n, row.at) for row in movers]), "moves")]


class Version3(Version2):
    """Version 3: all players that enter and leave within a window are one message, and positions are compact."""

    def positions(self, t: int, movers: Sequence[Presence], memory: Memory | None = None) -> list[Frame]:
        """See :class:`Codec`. One frame for all movers: binary where the host has a memory, else text."""
        if memory is None:
            return [Frame(as_text(whole_frame(t, [(row.n, row.at) for row in movers])).encode(), "moves")]
        rows = [(row.n, row.player, row.at) for row in movers]
        return [Frame(memory.encoder.encode(t, rows, memory.reach), "moves", binary=True)]

    has_changes = True

    def encode(self, message: ServerMessage) -> bytes | None:
        """See :class:`Codec`."""
        match message:
            case Join(player):
                return self.encode(Changes(joins=(player,)))
            case Leave(id):
                return self.encode(Changes((id,)))
            case Changes(leaves, joins):
                body: dict[str, Any] = {"type": "changes"}
                body |= {"leave": leaves} if leaves else {}
                return dumps(body | ({"join": [_player(player) for player in joins]} if joins else {}))
            case Config():
                return dumps(
                    {
                        "type": "config",
                        **{name: value for name, value in message._asdict().items() if value or name != "return_ms"},
                    }
                )
            case _:
                return super().encode(message)


CODECS: dict[int, Codec] = {1: Version1(), 2: Version2(), 3: Version3()}
"""The codec of each protocol version. A presence's ``v`` is one of these keys."""


def encode_client(message: ClientMessage) -> str:
    """The frame with which a client of the newest version sends ``message``; :func:`parse` reads it."""
    frame = CODECS[VERSION].encode_client(message)
    assert frame is not None
    return frame


def encode(message: ServerMessage, v: int) -> bytes | None:
    """The frame for ``message`` in version ``v``; None where that version has no such message."""
    return CODECS[v].encode(message)


def _action(message: ClientMessage, body: dict[str, Any]) -> str:
    return dumps({"action": ACTIONS[type(message)], **body}).decode()


def _encode_common(message: Leave | Error) -> bytes:
    """What all versions encode alike."""
    match message:
        case Leave(id):
            return dumps({"type": "leave", "id": id})
        case Error(code, text, x, y, close, z):
            body: dict[str, Any] = {"type": "error", "message": text, "code": code}
            if x is not None and y is not None:
                body |= {"x": x, "y": y} | ({"z": z} if z else {})
            if close is not None:
                body["close"] = close
            return dumps(body)


def _pong(message: Pong) -> dict[str, Any]:
    t = message.t
    return {"type": "pong", "t": int(t) if t == int(t) else t, "now": message.now}


def _place(id: str, at: Position) -> dict[str, Any]:
    return {"id": id, "x": round(at.x, 2), "y": round(at.y, 2)}


def welcome_of(newcomer: Presence, players: tuple[Player, ...], now: int) -> Welcome:
    """The ``welcome`` of a connection at ``now`` (ms)."""
    own = newcomer.at, newcomer.status, newcomer.data, newcomer.watch
    return Welcome(newcomer.player, players, newcomer.v, newcomer.n, now, *own)


def _own(welcome: Welcome) -> dict[str, Any]:
    """What a ``welcome`` says about its receiver."""
    at = welcome.at
    body = {"v": welcome.v, "n": welcome.n, "t": welcome.t, "x": round(at.x, 2), "y": round(at.y, 2), "seq": at.seq}
    more = {"z": round(at.z, 2), "data": welcome.data, "watch": welcome.watch}
    return body | {"status": welcome.status} | {name: value for name, value in more.items() if value}


def _player(player: Player) -> dict[str, Any]:
    at = player.at
    body = _place(player.id, at) | {"n": player.n, "name": player.name, "status": player.status}
    body |= {name: value for name in ("vx", "vy", "h", "seq") if (value := round(getattr(at, name), 2))}
    body |= _height(at)
    if _is_moving(body):
        body |= {name: value for name, value in (("t", at.t), ("age", player.age)) if value}
    if player.data:
        body["data"] = player.data
    return body


def _is_moving(body: dict[str, Any]) -> bool:
    """Whether a receiver needs the time of a position: the player moves on from there."""
    return "vx" in body or "vy" in body or "vz" in body


def _height(at: Position) -> dict[str, float]:
    """The fields of the height; a game without height sends none of them."""
    return {name: value for name in ("z", "vz") if (value := round(getattr(at, name), 2))}


def encode_moves(t: int, entries: Iterable[tuple[int, Position]]) -> bytes:
    """One ``moves`` frame: whole hundredths; zeros at the end of each entry are left out."""
    rows = []
    for n, (x, y, vx, vy, h, seq, clock, _, z, vz) in entries:
        row = [n, round(x * 100), round(y * 100), round(vx * 100), round(vy * 100), round(h * 100), seq, clock]
        if z or vz:
            row += (round(z * 100), round(vz * 100))
        while row[-1] == 0:
            row.pop()
        rows.append(row)
    return dumps({"type": "moves", "t": t, "m": rows})


def decode(frame: bytes | str) -> ServerMessage | None:
    """The message that a server sent; None for an unknown type, which a newer server may send.

    Raises ValueError for a frame that is no message of this protocol: a client does not trust a server blindly either.
    """
    try:
        body = loads(frame)
        kind = body.get("type")
        if kind == "moves":
            return Moves(_is(int, body["t"]), tuple([_entry(row) for row in _rows(body["m"])]))
        if kind == "pos":
            return PlayerPos(_short(body["id"]), _position_in(body))
        if kind == "welcome":
            v, n, t = (_is(int, body.get(name, default)) for name, default in (("v", 1), ("n", 0), ("t", 0)))
            players = tuple([_known(player) for player in _rows(body["lobby_players"])])
            status, watch = _shown(body.get("status", "")), body.get("watch") is True
            return Welcome(_short(body["your_id"]), players, v, n, t, _position_in(body), status, _object(body), watch)
        if kind == "join":
            return Join(_known(body))
        if kind == "leave":
            return Leave(_short(body["id"]))
        if kind == "changes":
            leaves = tuple([_short(id) for id in _rows(body.get("leave", []))])
            return Changes(leaves, tuple([_known(player) for player in _rows(body.get("join", []))]))
        if kind == "error":
            x, y, z = (None if (value := body.get(name)) is None else _number({name: value}, name) for name in ("x", "y", "z"))
            close = None if body.get("close") is None else _is(int, body["close"])
            return Error(_shown(body.get("code", "")), _is(str, body.get("message", ""))[:_LONG], x, y, close, z)
        if kind == "pong":
            seq = None if body.get("seq") is None else _is(int, body["seq"])
            return Pong(_number(body, "t"), _is(int, body["now"]), seq)
        if kind == "status":
            return StatusChanged(_short(body["id"]), _shown(body["status"]))
        if kind == "data":
            return DataChanged(_short(body["id"]), _object(body))
        if kind == "event":
            return Event(_short(body["id"]), _shown(body["event"]), _object(body))
        if kind == "config":
            send_ms, window_ms, far_ms, heartbeat_ms = (_is(int, body[name]) for name in Config._fields[:4])
            return Config(send_ms, window_ms, far_ms, heartbeat_ms, _is(int, body.get("return_ms", 0)))
    except (AttributeError, KeyError, TypeError, ValueError, Refused) as error:
        raise ValueError(f"not a message of this protocol: {frame[:80]!r} ({error!r})") from error
    return None


_T = TypeVar("_T")


def _is(kind: type[_T], value: object) -> _T:
    if type(value) is not kind:
        raise ValueError(f"{value!r} is not of type {kind.__name__}")
    return value


def _short(id: object) -> str:
    if len(text := _is(str, id)) > ID_CHARACTERS:
        raise ValueError(f"an id of {len(text)} characters")
    return text


def _shown(text: object) -> str:
    return _is(str, text)[:TEXT_CHARACTERS]


def _object(body: dict[str, Any]) -> Data:
    """The data in ``body``. Larger data than any lobby stores is left out: a client keeps it for each player."""
    found = _is(dict, body.get("data", {}))
    return found if not found or player_data.size(found) <= DATA_BYTES_MOST else {}


def _rows(rows: object) -> list[Any]:
    if len(found := _is(list, rows)) > ROSTER_MOST:
        raise ValueError(f"{len(found)} players in one message")
    return found


def _position_in(body: dict[str, Any], t: int = 0) -> Position:
    x, y, vx, vy, h, z, vz = (_number(body, name) for name in ("x", "y", "vx", "vy", "h", "z", "vz"))
    return Position(x, y, vx, vy, h, _whole(body, "seq", low=0), t, 0, z, vz)


def _known(body: dict[str, Any]) -> Player:
    id = _short(body["id"])
    n, name, status = body.get("n", 0), body.get("name", id), body.get("status", "")
    at = _position_in(body, _whole(body, "t", low=0))
    return Player(id, at, _is(int, n), _shown(name), _shown(status), _whole(body, "age", low=0), _object(body))


def _entry(row: list[int]) -> tuple[int, Position]:
    if not row or not {type(value) for value in row} <= {int}:
        raise ValueError(f"{row!r} is not a list of whole numbers")
    n, x, y, vx, vy, h, seq, t, z, vz, *_newer = row + [0] * (10 - len(row))
    return n, Position(x / 100, y / 100, vx / 100, vy / 100, h / 100, seq, t, 0, z / 100, vz / 100)
