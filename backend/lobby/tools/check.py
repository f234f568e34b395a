"""`lobby check`: two players check step by step that a lobby works, on any host.

They do not use :class:`lobby.client.LobbyClient`, because its recovery from errors would hide the errors. The steps are in
the table :data:`STEPS`; each is one method of :class:`_Check`.
"""

from __future__ import annotations

import asyncio
import errno
import json
import secrets
import ssl
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from socket import gaierror
from statistics import median
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from picows import WSError, WSHandshakeError, ws_connect
from rich.console import Console
from rich.text import Text

from lobby.client.roster import Roster
from lobby.client.sockets import TextSocket, address
from lobby.errors import CODES, LobbyError
from lobby.messages import (
    Config,
    Error,
    Hello,
    Ping,
    Pong,
    Pos,
    ServerMessage,
    Status,
    Welcome,
    decode,
    encode_client,
    is_id,
)
from lobby.presence import Position
from lobby.terminal import one_line

STEP_S = 10.0
"""The longest time of a step. AWS may need seconds, and more for a cold start."""

CHECK_S = 60.0
"""The longest time of all steps together."""

SAMPLES = 5
"""The number of positions whose median is the latency; fewer if the lobby allows few positions a second."""

SAMPLING_MS = 3_000

STRIDE = 0.01
"""Distance between two positions, in units: so small that no speed limit refuses it."""

StepOutcome = Literal["ok", "failed", "skipped"]
M = TypeVar("M", bound=ServerMessage)


class Step(NamedTuple):
    """The result of one step. ``ms`` is its duration, or the time that it measured."""

    name: str
    outcome: StepOutcome
    ms: float = 0.0
    detail: str = ""


VERDICT = "verdict"
"""The name of the last step that is reported. Its detail summarises all others in one line."""


async def check(
    url: str,
    *,
    room: str = "",
    token: str = "",
    token_b: str = "",
    report: Callable[[Step], None],
    step_s: float = STEP_S,
    check_s: float = CHECK_S,
) -> bool:
    """Whether the lobby at ``url`` works. ``report`` is called after each step, and at the end with the verdict.

    Without ``room`` the players use a room of their own. A token admits one player: with ``token`` alone, the steps that need
    two players are skipped, which is not a failure. ``step_s`` and ``check_s`` limit the time of a step and of all steps.
    """
    started_s = time.perf_counter()
    visit = _Check(_Party.invite(url, room, token, token_b), step_s, check_s)
    steps: list[Step] = []
    try:
        for plan in STEPS:
            steps.append(await visit.take(plan, steps))
            report(steps[-1])
    finally:
        await visit.leave()
    verdict = _verdict(steps, visit.alone, time.perf_counter() - started_s)
    report(verdict)
    return verdict.outcome == "ok"


def print_step(step: Step, console: Console) -> None:
    """Prints a line for a step, and a second line with advice if it failed. Text of the server is never interpreted as
    markup."""
    style = {"ok": "green", "failed": "bold red", "skipped": "dim"}[step.outcome]
    detail = one_line(step.detail)
    if step.name == VERDICT:
        console.print(Text(f"\n{detail}", style), soft_wrap=True)
        return
    took = "" if step.outcome == "skipped" else f"{step.ms:,.1f} ms" if step.ms < 100 else f"{step.ms:,.0f} ms"
    line = Text.assemble((f"{step.outcome:8}", style), f"{step.name:50}", f"{took:>11}")
    line.append(f"\n        {detail}" if step.outcome == "failed" else f"  {detail}", "" if step.outcome == "failed" else "dim")
    line.rstrip()
    console.print(line, soft_wrap=True)


def _verdict(steps: list[Step], alone: str, seconds: float) -> Step:
    ok, failed = ([step for step in steps if step.outcome == outcome] for outcome in ("ok", "failed"))
    if failed:
        text = f"This lobby does not work: “{failed[0].name}” failed"
        text += f", and {len(failed) - 1} more." if len(failed) > 1 else "."
    elif len(ok) == len(steps):
        ms = {step.name: step.ms for step in steps}
        text = f"This lobby works. A position takes {ms[POSITION]:.1f} ms, a ping {ms[PING]:.1f} ms; "
        text += f"the check took {seconds:.1f} s."
    elif alone:
        text = f"This lobby works, as far as one player can check. {alone}"
    else:
        text = f"The check is incomplete: {len(ok)} of {len(steps)} steps succeeded before the time limit."
    works = not failed and (len(ok) == len(steps) or bool(alone))
    return Step(VERDICT, "ok" if works else "failed", seconds * 1000, text)


# ── the players ─────────────────────────────────────────────────────────────────────────────────────────────────────


class _Player(NamedTuple):
    id: str
    token: str = ""


class _Party(NamedTuple):
    """The two players and the room. ``alone`` is the reason why there is no second player, if there is none."""

    url: str
    room: str
    one: _Player
    two: _Player
    alone: str = ""

    @classmethod
    def invite(cls, url: str, room: str, token: str, token_b: str) -> _Party:
        """Keeps the query of the address, except the player: the check needs two different players."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        tokens = [item for item in (token or query.get("token", ""), token_b) if item]
        claimed = [_claims(item) for item in tokens]
        names = {"pid", "name", "v", "token", "room"}
        kept = urlencode({name: value for name, value in query.items() if name not in names})
        room = room or query.get("room", "") or next((c["room"] for c in claimed if c.get("room")), "")
        players = [_Player(c.get("sub", ""), item) for c, item in zip(claimed, tokens, strict=True)]
        alone = ""
        if len(players) == 1:
            alone = (
                "One token admits one player. Give a second player's token with --token-b to check what two players receive."
            )
        elif players and players[0].id == players[1].id:
            alone = f"Both tokens are for the same player, {players[0].id!r}. Give the token of another player with --token-b."
        one, two = (players * 2)[:2] if players else (_stranger(), _stranger())
        return cls(urlunsplit(parts._replace(query=kept)), room or f"check_{secrets.token_hex(4)}", one, two, alone)


def _stranger() -> _Player:
    return _Player(f"check_{secrets.token_hex(4)}")


def _claims(token: str) -> dict[str, str]:
    """Player and room in the claims of a token. Its signature is not verified here; the lobby does that."""
    try:
        body = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return {name: claims[name] for name in ("sub", "room") if is_id(claims.get(name))}
    except (ValueError, IndexError, AttributeError):
        return {}


class _Guest(TextSocket):
    """One connection of a player. After its ``welcome``, ``errors`` and ``strange`` are those of the last step."""

    def __init__(self, v: int) -> None:
        super().__init__(self._take, lambda: self.news.set())
        self.v = v
        self.roster = Roster()
        self.received: list[ServerMessage] = []
        self.errors: list[Error] = []
        self.strange = ""
        self.news = asyncio.Event()
        self._seq = 0
        self._free_s = 0.0

    def _take(self, text: str) -> None:
        try:
            message = decode(text)
            if message is not None:
                self.roster.apply(message)
            if isinstance(message, Welcome):
                self._seq = max(self._seq, message.at.seq)
        except (ValueError, TypeError):
            message = None
        if message is None:
            self.strange = text
        else:
            self.received.append(message)
        if isinstance(message, Error):
            self.errors.append(message)
        self.news.set()

    def all(self, kind: type[M]) -> list[M]:
        """All received messages of one type."""
        return [message for message in self.received if isinstance(message, kind)]

    @property
    def id(self) -> str:
        """The player id that the lobby has sent."""
        return self.roster.you.id

    def sees(self, player: str, at: Position) -> bool:
        """Whether the last received position of ``player`` is ``at``."""
        known = self.roster.players.get(player)
        return known is not None and _same(known.at, at)

    def send_position(self, at: Position, *, older: bool = False) -> None:
        """Sends a position; ``older``: with a ``seq`` below the last one."""
        if self.v >= 2:
            self._seq += 0 if older else 1
            at = at._replace(seq=self._seq - older, t=round(time.monotonic() * 1000))
        self.send(encode_client(Pos(at)))

    async def pause(self, send_ms: int) -> None:
        """Waits until the next position is allowed."""
        await asyncio.sleep(self._free_s - time.monotonic())
        self._free_s = time.monotonic() + send_ms / 1000


def _same(one: Position, two: Position) -> bool:
    return abs(one.x - two.x) < STRIDE / 2 and abs(one.y - two.y) < STRIDE / 2


# ── the steps ───────────────────────────────────────────────────────────────────────────────────────────────────────


class _Failed(Exception):
    """A step has failed: one sentence for the user."""


class _Found(NamedTuple):
    """What a step has found: a detail, and ``ms`` if it measured a time."""

    detail: str = ""
    ms: float | None = None


class _Plan(NamedTuple):
    """One step. It is skipped unless the steps in ``needs`` succeeded and there are so many ``players``."""

    name: str
    work: Callable[[_Check], Awaitable[_Found]]
    needs: tuple[str, ...] = ()
    players: int = 1


class _Check:
    """The state of a check: ``a`` is the first player, ``b`` the second, which later connects again with version 1."""

    def __init__(self, party: _Party, step_s: float, check_s: float) -> None:
        self.alone = party.alone
        self._party, self._step_s = party, step_s
        self._end_s = time.perf_counter() + check_s
        self._guests: list[_Guest] = []
        self._missing = ""
        self._steps_walked = 0
        self.a: _Guest
        self.b: _Guest

    async def take(self, plan: _Plan, before: list[Step]) -> Step:
        """Runs a step, unless it must be skipped."""
        reason = self._reason_to_skip(plan, {step.name for step in before if step.outcome == "ok"})
        if reason:
            return Step(plan.name, "skipped", detail=reason)
        for guest in self._guests:
            if guest.all(Welcome):  # before it, earlier errors explain why there is no welcome
                guest.errors, guest.strange = [], ""
        started_s = time.perf_counter()
        left_s = min(self._step_s, self._end_s - started_s)
        try:
            async with asyncio.timeout(left_s):
                found = await plan.work(self)
        except TimeoutError:
            outcome, found = "failed", _Found(f"{self._missing} Waited {left_s:.3g} s. {self._answer_instead()}".strip())
        except _Failed as failed:
            outcome, found = "failed", _Found(str(failed))
        else:
            outcome = "ok"
        took_ms = (time.perf_counter() - started_s) * 1000
        return Step(plan.name, "ok" if outcome == "ok" else "failed", took_ms if found.ms is None else found.ms, found.detail)

    def _reason_to_skip(self, plan: _Plan, well: set[str]) -> str:
        if plan.players > 1 and self.alone:
            return "needs a second player"
        for need in plan.needs:
            if need not in well:
                return f"needs “{need}”"
        return "" if time.perf_counter() < self._end_s else "the time limit of the check is reached"

    async def leave(self) -> None:
        """Closes all connections."""
        await asyncio.gather(*(guest.close_and_wait() for guest in self._guests), return_exceptions=True)

    async def opens(self) -> _Found:
        """The first player connects."""
        self.a = await self._connect(self._party.one, 2)
        return _Found(f"in the room {self._party.room}")

    async def is_welcomed(self) -> _Found:
        """A version 2 client receives the players of the room."""
        welcome = await self._welcome(self.a)
        if welcome.v < 2:
            raise _Failed("The welcome has version 1, but v=2 was requested. The server is older than this check.")
        if self._party.one.id and welcome.your_id != self._party.one.id:
            raise _Failed(f"The welcome is for the player {welcome.your_id!r}, but {self._party.one.id!r} connected.")
        return _Found(f"as number {welcome.n}, with {len(welcome.players)} other players")

    async def ping_returns(self) -> _Found:
        """A ping is answered with its own ``t``."""
        times = [await self._ping(self.a) for _ in range(3)]
        return _Found("median of 3", median(times))

    async def second_comes(self) -> _Found:
        """Each of the two players learns of the other."""
        self.b = await self._connect(self._party.two, 2)
        await self._welcome(self.b)
        if self.a.id not in self.b.roster.players:
            raise _Failed("The welcome of the second player does not contain the first one.")
        joined = "The first player received no join of the second one." + STREAM_HINT
        await self._until(self.a, lambda: self.b.id in self.a.roster.players, joined)
        return _Found()

    async def position_arrives(self) -> _Found:
        """Version 2 to version 2."""
        return await self._latency(self.a, self.b)

    async def last_position_wins(self) -> _Found:
        """After many positions and an older one at the end, the last position is kept."""
        for _ in range(SAMPLES):
            last = self._next_place()
            await self.a.pause(self._send_ms)
            self.a.send_position(last)
        await self.a.pause(self._send_ms)
        self.a.send_position(self._next_place(), older=True)
        await self._until(
            self.b, lambda: self.b.sees(self.a.id, last), f"The last of {SAMPLES} positions did not reach the other player."
        )
        # The other client would ignore an older position by itself. Only a new welcome shows the position in the lobby.
        welcomes = len(self.b.all(Welcome))
        self.b.send(encode_client(Hello()))
        await self._until(self.b, lambda: len(self.b.all(Welcome)) > welcomes, "A hello was not answered with a welcome.")
        if not self.b.sees(self.a.id, last):
            raise _Failed("The lobby does not have the last position: an older one has overwritten it.")
        return _Found()

    async def status_arrives(self) -> _Found:
        """A status is set, and removed."""
        for status in ("checking", ""):
            self.a.send(encode_client(Status(status)))
            await self._until(
                self.b,
                lambda status=status: self.b.roster.players[self.a.id].status == status,  # type: ignore[misc]
                "The status did not reach the other player.",
            )
        return _Found()

    async def wrong_message_is_answered(self) -> _Found:
        """An invalid message is answered with an error, and the connection stays open."""
        self.a.send("this is not JSON")
        await self._until(self.a, lambda: bool(self.a.errors), "An invalid message was not answered with an error.")
        error = self.a.errors[0]
        if error.code != "bad_json":
            raise _Failed(f"An invalid message was answered with the error {error.code!r}, not with bad_json: {error.message}")
        await self._ping(self.a)
        if any(guest.errors for guest in self._guests if guest is not self.a):
            raise _Failed("The other player received the error, too.")
        return _Found()

    async def version_1_is_welcomed(self) -> _Found:
        """A version 1 client sends nothing after connecting, and receives its welcome."""
        self.b = await self._connect(self._party.two, 1)
        await self._welcome(self.b)
        if not self.alone and self.a.id not in self.b.roster.players:
            raise _Failed("The welcome does not contain the other player.")
        return _Found("without a hello")

    async def takes_over(self) -> _Found:
        """The same player connects again: the older connection is closed, and the others receive nothing."""
        older = self._guests[1]
        await self._until(older, older.ended.is_set, "The older connection of the same player was not closed.")
        if self.b.id not in self.a.roster.players:
            raise _Failed("The others received a leave, but the player only connected again.")
        return _Found()

    async def version_1_to_2(self) -> _Found:
        """A position of a version 1 client."""
        return await self._latency(self.b, self.a)

    async def version_2_to_1(self) -> _Found:
        """A position for a version 1 client."""
        return await self._latency(self.a, self.b)

    async def leave_is_received(self) -> _Found:
        """The second player leaves."""
        second = self.b.id or self._party.two.id
        if second not in self.a.roster.players:
            raise _Failed("The first player received a leave of the second one, which was still connected.")
        self._missing = "The connection did not close."
        await asyncio.gather(*(guest.close_and_wait() for guest in self._guests if guest is not self.a))
        left = "The first player received no leave of the second one." + STREAM_HINT
        await self._until(self.a, lambda: second not in self.a.roster.players, left)
        return _Found()

    # ── parts of the steps ──────────────────────────────────────────────────────────────────────────────────────────

    async def _connect(self, player: _Player, v: int) -> _Guest:
        guest = _Guest(v)
        parts = urlsplit(self._party.url)
        self._missing = f"Nothing answered at {parts.netloc}. A firewall may drop the packets, or the host does not exist."
        try:
            url = address(self._party.url, pid=player.id, room=self._party.room, v=v if v != 1 else "", token=player.token)
            await ws_connect(
                lambda: guest,
                url,
                websocket_handshake_timeout=self._step_s,
                max_frame_size=1 << 20,
                use_aiofastnet=False,  # asyncio's own sockets report why TLS failed
            )
        except (OSError, ValueError, WSError, LobbyError) as error:
            raise _Failed(explain(error, self._party.url)) from None
        if not guest.was_open:  # picows treats a connection that is closed without an answer as a completed handshake
            raise _Failed(explain(WSError(), self._party.url))
        self._guests.append(guest)
        return guest

    async def _welcome(self, guest: _Guest) -> Welcome:
        await self._until(guest, lambda: bool(guest.all(Welcome)), "No welcome came." + STREAM_HINT)
        return guest.all(Welcome)[0]

    async def _ping(self, guest: _Guest) -> float:
        """Sends a ping. Returns the round trip time in ms."""
        number, started_s = 1 + len(guest.all(Pong)), time.perf_counter()
        guest.send(encode_client(Ping(number)))
        answer = "A ping was not answered with a pong of the same t."
        await self._until(guest, lambda: any(pong.t == number for pong in guest.all(Pong)), answer)
        return (time.perf_counter() - started_s) * 1000

    async def _latency(self, sender: _Guest, receiver: _Guest) -> _Found:
        times = []
        for _ in range(max(1, min(SAMPLES, SAMPLING_MS // self._send_ms))):
            await sender.pause(self._send_ms)
            at, started_s = self._next_place(), time.perf_counter()
            sender.send_position(at)
            await self._until(
                receiver,
                lambda at=at: receiver.sees(sender.id, at),  # type: ignore[misc]
                "A position did not reach the other player.",
            )
            times.append((time.perf_counter() - started_s) * 1000)
        return _Found(f"median of {len(times)}, {min(times):.1f} to {max(times):.1f}", median(times))

    @property
    def _send_ms(self) -> int:
        configs = self.a.all(Config)
        return max(1, configs[-1].send_ms if configs else 100)

    def _next_place(self) -> Position:
        """A new place, one stride from the last. All of them are within the smallest world."""
        self._steps_walked += 1
        return Position(self._steps_walked * STRIDE, 0.0)

    async def _until(self, guest: _Guest, fact: Callable[[], bool], missing: str) -> None:
        """Waits for ``fact``. ``missing`` is the message after the time limit. Fails at once if the connection ends."""
        self._missing = missing
        while not fact():
            if guest.ended.is_set():
                raise _Failed(_ending(guest))
            guest.news.clear()
            await guest.news.wait()

    def _answer_instead(self) -> str:
        """What the lobby sent in place of the expected message."""
        for guest in self._guests:
            if guest.errors:
                return f"The lobby sent the error: {guest.errors[-1].message} ({guest.errors[-1].code})."
            if guest.strange:
                return f"The lobby sent a message that is not in the protocol: {one_line(guest.strange[:80])!r}."
        return ""


OPENS = "a WebSocket opens"
WELCOME = "a player is welcomed"
PING = "a ping is answered"
SECOND = "the first player receives the join of a second one"
POSITION = "a position reaches the other player"
V1 = "a version 1 client is welcomed without a hello"
TAKEOVER = "a player that connects again takes over"

STEPS = (
    _Plan(OPENS, _Check.opens),
    _Plan(WELCOME, _Check.is_welcomed, (OPENS,)),
    _Plan(PING, _Check.ping_returns, (WELCOME,)),
    _Plan(SECOND, _Check.second_comes, (WELCOME,), 2),
    _Plan(POSITION, _Check.position_arrives, (SECOND,), 2),
    _Plan("the last position wins", _Check.last_position_wins, (SECOND, POSITION), 2),
    _Plan("a status reaches the other player", _Check.status_arrives, (SECOND,), 2),
    _Plan("an invalid message gets an error and breaks nothing", _Check.wrong_message_is_answered, (WELCOME, PING)),
    _Plan(V1, _Check.version_1_is_welcomed, (WELCOME,)),
    _Plan(TAKEOVER, _Check.takes_over, (SECOND, V1), 2),
    _Plan("a version 1 position reaches a version 2 client", _Check.version_1_to_2, (SECOND, V1), 2),
    _Plan("a version 2 position reaches a version 1 client", _Check.version_2_to_1, (SECOND, V1), 2),
    _Plan("the others receive the leave of a player", _Check.leave_is_received, (SECOND,), 2),
)
"""All steps, in this order."""


# ── errors and advice ───────────────────────────────────────────────────────────────────────────────────────────────

STREAM_HINT = (
    " On AWS the stream of the table triggers joins and leaves: check that the function's event source mapping is enabled."
)

ADVICE = {
    "unauthorized": "Give a token with --token; `lobby token PLAYER` signs one with LOBBY_SECRET.",
    "token_expired": "`lobby token PLAYER` signs a new one.",
    "forbidden": "Give the room that the token is for with --room.",
    "room_full": "Give another room with --room.",
    "too_many_connections": "Close some connections, or raise --connections-per-address.",
    "restarting": "Try again in a moment.",
    "taken_over": "Another client uses the same player. Give the token of another player.",
}
"""Advice by the code of the lobby's error."""

STATUSES = {
    400: "the address has an invalid pid, room, name or v.",
    401: f"a token is needed, or this one is not valid. {ADVICE['unauthorized']}",
    403: "forbidden. The token may be for another player or room. On AWS also: the path is not the name of a stage, "
    "as in wss://ID.execute-api.REGION.amazonaws.com/prod.",
    404: "a web server answers, but there is no lobby at this path.",
    410: "gone. On AWS: the API has been deleted.",
    429: "too many connections or requests. Try again in a minute.",
}
"""The meaning of an HTTP status in place of a WebSocket."""

BROKEN = "the server answers, but fails. Read its log (on AWS: the log of the function, which is also the authorizer)."


def explain(error: Exception, url: str) -> str:
    """Why no WebSocket was opened, with advice."""
    parts = urlsplit(url if "//" in url else f"ws://{url}")
    where = parts.netloc.rpartition("@")[2]
    match error:
        case WSHandshakeError() if error.response is not None:
            status = int(error.response.status)
            meaning = BROKEN if status >= 500 else STATUSES.get(status, "a web server answers, but does not open a WebSocket.")
            return f"HTTP {status}: {meaning}"
        case WSError():
            return (
                f"The server at {where} is not a WebSocket server. Check the port. "
                "A server with TLS needs wss:// in place of ws://."
            )
        case gaierror():
            return f"The host name {parts.hostname} is unknown. Check the address and the network."
        case ssl.SSLCertVerificationError():
            return f"The TLS certificate of {where} is not trusted: {error.verify_message or error}."
        case ssl.SSLError():
            return f"No TLS with {where}: {error.reason or error}. A server without TLS needs ws:// in place of wss://."
        case OSError() if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
            return f"Nothing listens at {where} (connection refused). Is the lobby running? `lobby serve` starts one."
        case LobbyError():
            return str(error)
        case _:
            hint = " A server without TLS needs ws:// in place of wss://." if parts.scheme in ("wss", "https") else ""
            return f"No connection to {where}: {str(error) or 'it was closed at once'}.{hint}"


def _ending(guest: _Guest) -> str:
    """Why the lobby closed a connection, with advice."""
    code = guest.errors[-1].code if guest.errors else next((n for n, c in CODES.items() if c.close == guest.code), "")
    if not code:
        broke = "the connection was lost" if guest.code == 1006 else f"it closed the connection with {guest.code}"
        return f"The lobby answered, then {broke}{f' ({guest.reason})' if guest.reason else ''}. Read its log."
    message = guest.errors[-1].message if guest.errors else guest.reason.partition(": ")[2] or CODES[code].meaning
    return f"The lobby refused the player: {message} ({code}, closed with {guest.code}). {ADVICE.get(code, '')}".strip()
