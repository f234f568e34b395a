"""`lobby check`: does a lobby work? Two players connect and find out, step by step, on any host.

They speak the protocol by themselves and not through :class:`lobby.client.LobbyClient`: its skill at getting over trouble would
hide the trouble. The steps are the table :data:`STEPS`; each is one method of :class:`_Check`.
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
from lobby.tools.watch import harmless

STEP_S = 10.0
"""How long a step may take: AWS may need seconds, a cold start more of them."""

CHECK_S = 60.0
"""How long all of them together may take."""

SAMPLES = 5
"""Positions whose median is the latency; fewer where the lobby wants them seldom."""

SAMPLING_MS = 3_000

STRIDE = 0.01
"""From one position to the next, in units: the smallest step there is, so that no top speed forbids it."""

Outcome = Literal["ok", "failed", "skipped"]
M = TypeVar("M", bound=ServerMessage)


class Step(NamedTuple):
    """What came of one step. ``ms`` is what it took; where it measured something, what it measured."""

    name: str
    outcome: Outcome
    ms: float = 0.0
    detail: str = ""


VERDICT = "verdict"
"""The name of the last step that is reported: its detail sums up all the others in one line."""


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
    """Whether the lobby at ``url`` works. Each step is told to ``report`` when it is over, and the verdict last.

    Without ``room`` the players meet in a room of their own and disturb nobody. A token is one player: with ``token``
    alone the steps that need two players are skipped, which is no failure.
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
    """One line for a step, and a second one for what to do when it failed. What strangers said is never taken for markup."""
    style = {"ok": "green", "failed": "bold red", "skipped": "dim"}[step.outcome]
    detail = harmless(step.detail)
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
        text = f"This lobby works. A position takes {ms[POSITION]:.1f} ms, a ping {ms[PING]:.1f} ms; all took {seconds:.1f} s."
    elif alone:
        text = f"This lobby works as far as one player can tell. {alone}"
    else:
        text = f"Not all was checked: {len(ok)} of {len(steps)} steps went well, then the time was over."
    works = not failed and (len(ok) == len(steps) or bool(alone))
    return Step(VERDICT, "ok" if works else "failed", seconds * 1000, text)


# ── who visits ──────────────────────────────────────────────────────────────────────────────────────────────────────


class _Player(NamedTuple):
    id: str
    token: str = ""


class _Party(NamedTuple):
    """Who goes where. ``alone`` says why there is no second player, if so."""

    url: str
    room: str
    one: _Player
    two: _Player
    alone: str = ""

    @classmethod
    def invite(cls, url: str, room: str, token: str, token_b: str) -> _Party:
        """What the address already says is kept, save who connects: that must be two different players."""
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
            alone = "One token is one player. Give a second player's with --token-b to check what two hear of each other."
        elif players and players[0].id == players[1].id:
            alone = f"Both tokens are for the same player, {players[0].id!r}. Give one of another player with --token-b."
        one, two = (players * 2)[:2] if players else (_stranger(), _stranger())
        return cls(urlunsplit(parts._replace(query=kept)), room or f"check_{secrets.token_hex(4)}", one, two, alone)


def _stranger() -> _Player:
    return _Player(f"check_{secrets.token_hex(4)}")


def _claims(token: str) -> dict[str, str]:
    """Who and where a token is for, as it says itself; whether that is true is for the lobby to find out."""
    try:
        body = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return {name: claims[name] for name in ("sub", "room") if is_id(claims.get(name))}
    except (ValueError, IndexError, AttributeError):
        return {}


class _Guest(TextSocket):
    """One connection of a player. Once it was welcomed, ``errors`` and ``strange`` are those of the last step."""

    def __init__(self, v: int) -> None:
        super().__init__(self._take, lambda: self.news.set())
        self.v = v
        self.roster = Roster()
        self.heard: list[ServerMessage] = []
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
            self.heard.append(message)
        if isinstance(message, Error):
            self.errors.append(message)
        self.news.set()

    def all(self, kind: type[M]) -> list[M]:
        """What it heard of one type."""
        return [message for message in self.heard if isinstance(message, kind)]

    @property
    def id(self) -> str:
        """Who the lobby says that this is."""
        return self.roster.you.id

    def sees(self, player: str, at: Position) -> bool:
        """Whether the last it heard is that ``player`` stands there."""
        known = self.roster.players.get(player)
        return known is not None and _same(known.at, at)

    def say_position(self, at: Position, *, older: bool = False) -> None:
        """Stands there; ``older``: says so with a ``seq`` that has been overtaken."""
        if self.v >= 2:
            self._seq += 0 if older else 1
            at = at._replace(seq=self._seq - older, t=round(time.monotonic() * 1000))
        self.send(encode_client(Pos(at)))

    async def pause(self, send_ms: int) -> None:
        """Until it may send a position again."""
        await asyncio.sleep(self._free_s - time.monotonic())
        self._free_s = time.monotonic() + send_ms / 1000


def _same(one: Position, two: Position) -> bool:
    return abs(one.x - two.x) < STRIDE / 2 and abs(one.y - two.y) < STRIDE / 2


# ── the steps ───────────────────────────────────────────────────────────────────────────────────────────────────────


class _Failed(Exception):
    """A step came out wrong: the sentence for whoever runs the check."""


class _Found(NamedTuple):
    """What a step has to tell: ``ms`` where it measured something."""

    detail: str = ""
    ms: float | None = None


class _Plan(NamedTuple):
    """One step. It makes sense only when those in ``needs`` went well, and with so many ``players``."""

    name: str
    work: Callable[[_Check], Awaitable[_Found]]
    needs: tuple[str, ...] = ()
    players: int = 1


class _Check:
    """The visit: ``a`` is the first player, ``b`` the second, who later comes again with version 1."""

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
        """Takes a step, unless there is no sense in it."""
        reason = self._reason_to_skip(plan, {step.name for step in before if step.outcome == "ok"})
        if reason:
            return Step(plan.name, "skipped", detail=reason)
        for guest in self._guests:
            if guest.all(Welcome):  # until then, what came with the handshake is what explains why there is none
                guest.errors, guest.strange = [], ""
        started_s = time.perf_counter()
        left_s = min(self._step_s, self._end_s - started_s)
        try:
            async with asyncio.timeout(left_s):
                found = await plan.work(self)
        except TimeoutError:
            outcome, found = "failed", _Found(f"{self._missing} Waited {left_s:.3g} s. {self._overheard()}".strip())
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
                return f"comes after “{need}”"
        return "" if time.perf_counter() < self._end_s else "the time for the whole check is over"

    async def leave(self) -> None:
        """All players go, whatever happened."""
        await asyncio.gather(*(guest.close_and_wait() for guest in self._guests), return_exceptions=True)

    async def opens(self) -> _Found:
        """The first connection."""
        self.a = await self._connect(self._party.one, 2)
        return _Found(f"in the room {self._party.room}")

    async def is_welcomed(self) -> _Found:
        """A version 2 client hears who is here."""
        welcome = await self._welcome(self.a)
        if welcome.v < 2:
            raise _Failed("The welcome is one of version 1, though v=2 was asked for: this server is older than this check.")
        if self._party.one.id and welcome.your_id != self._party.one.id:
            raise _Failed(f"The lobby says that the player is {welcome.your_id!r}, but {self._party.one.id!r} connected.")
        return _Found(f"as number {welcome.n}, {len(welcome.players)} others here")

    async def ping_returns(self) -> _Found:
        """A ping comes back, with what it carried."""
        times = [await self._ping(self.a) for _ in range(3)]
        return _Found("median of 3", median(times))

    async def second_comes(self) -> _Found:
        """Each of the two hears of the other."""
        self.b = await self._connect(self._party.two, 2)
        await self._welcome(self.b)
        if self.a.id not in self.b.roster.players:
            raise _Failed("The welcome of the second player does not tell of the first one.")
        joined = "The first player was not told that the second one came." + STREAM_HINT
        await self._until(self.a, lambda: self.b.id in self.a.roster.players, joined)
        return _Found()

    async def position_arrives(self) -> _Found:
        """Version 2 to version 2."""
        return await self._latency(self.a, self.b)

    async def last_position_wins(self) -> _Found:
        """Many positions, and an overtaken one at the end: what stays is the last."""
        for _ in range(SAMPLES):
            last = self._next_place()
            await self.a.pause(self._send_ms)
            self.a.say_position(last)
        await self.a.pause(self._send_ms)
        self.a.say_position(self._next_place(), older=True)
        await self._until(
            self.b, lambda: self.b.sees(self.a.id, last), f"The last of {SAMPLES} positions did not reach the other player."
        )
        # The other player's own memory knows which is newer. What the lobby believes, only a fresh welcome shows.
        welcomes = len(self.b.all(Welcome))
        self.b.send(encode_client(Hello()))
        await self._until(self.b, lambda: len(self.b.all(Welcome)) > welcomes, "A hello was not answered by a welcome.")
        if not self.b.sees(self.a.id, last):
            raise _Failed("The lobby remembers another position than the last: an older one has overwritten it.")
        return _Found()

    async def status_arrives(self) -> _Found:
        """A status is shown, and taken away."""
        for status in ("checking", ""):
            self.a.send(encode_client(Status(status)))
            await self._until(
                self.b,
                lambda status=status: self.b.roster.players[self.a.id].status == status,  # type: ignore[misc]
                "The status did not reach the other player.",
            )
        return _Found()

    async def wrong_message_is_answered(self) -> _Found:
        """Nonsense gets an error, and everything goes on."""
        self.a.send("this is no JSON")
        await self._until(self.a, lambda: bool(self.a.errors), "Nonsense was sent, and no error came back.")
        error = self.a.errors[0]
        if error.code != "bad_json":
            raise _Failed(f"Nonsense was answered by the error {error.code!r}, not by bad_json: {error.message}")
        await self._ping(self.a)
        if any(guest.errors for guest in self._guests if guest is not self.a):
            raise _Failed("The other player heard of an error that was none of its business.")
        return _Found()

    async def version_1_is_welcomed(self) -> _Found:
        """Published clients say nothing after connecting, and get their welcome."""
        self.b = await self._connect(self._party.two, 1)
        await self._welcome(self.b)
        if not self.alone and self.a.id not in self.b.roster.players:
            raise _Failed("The welcome does not tell of the player who is here.")
        return _Found("unasked")

    async def takes_over(self) -> _Found:
        """The same player connects again: the older connection ends, and the others hear nothing."""
        older = self._guests[1]
        await self._until(older, older.ended.is_set, "The older connection of the same player was not closed.")
        if self.b.id not in self.a.roster.players:
            raise _Failed("The others were told that the player left, though it only connected again.")
        return _Found()

    async def version_1_to_2(self) -> _Found:
        """A version 1 client moves."""
        return await self._latency(self.b, self.a)

    async def version_2_to_1(self) -> _Found:
        """A version 1 client watches."""
        return await self._latency(self.a, self.b)

    async def leave_is_heard(self) -> _Found:
        """The second player goes."""
        second = self.b.id or self._party.two.id
        if second not in self.a.roster.players:
            raise _Failed("The first player was told that the second one left, while it was still connected.")
        self._missing = "The connection did not close."
        await asyncio.gather(*(guest.close_and_wait() for guest in self._guests if guest is not self.a))
        left = "The first player was not told that the second one left." + STREAM_HINT
        await self._until(self.a, lambda: second not in self.a.roster.players, left)
        return _Found()

    # ── what the steps are made of ──────────────────────────────────────────────────────────────────────────────────

    async def _connect(self, player: _Player, v: int) -> _Guest:
        guest = _Guest(v)
        parts = urlsplit(self._party.url)
        self._missing = f"Nothing answered at {parts.netloc}. A firewall may swallow the packets, or the host is not there."
        try:
            url = address(self._party.url, pid=player.id, room=self._party.room, v=v if v != 1 else "", token=player.token)
            await ws_connect(
                lambda: guest,
                url,
                websocket_handshake_timeout=self._step_s,
                max_frame_size=1 << 20,
                use_aiofastnet=False,  # asyncio's own sockets say why TLS failed
            )
        except (OSError, ValueError, WSError, LobbyError) as error:
            raise _Failed(explain(error, self._party.url)) from None
        if not guest.was_open:  # picows takes a connection that is closed without a word for a handshake
            raise _Failed(explain(WSError(), self._party.url))
        self._guests.append(guest)
        return guest

    async def _welcome(self, guest: _Guest) -> Welcome:
        await self._until(guest, lambda: bool(guest.all(Welcome)), "No welcome came." + STREAM_HINT)
        return guest.all(Welcome)[0]

    async def _ping(self, guest: _Guest) -> float:
        """Milliseconds there and back."""
        number, started_s = 1 + len(guest.all(Pong)), time.perf_counter()
        guest.send(encode_client(Ping(number)))
        answer = "A ping was not answered by a pong that carries the same t."
        await self._until(guest, lambda: any(pong.t == number for pong in guest.all(Pong)), answer)
        return (time.perf_counter() - started_s) * 1000

    async def _latency(self, sender: _Guest, receiver: _Guest) -> _Found:
        times = []
        for _ in range(max(1, min(SAMPLES, SAMPLING_MS // self._send_ms))):
            await sender.pause(self._send_ms)
            at, started_s = self._next_place(), time.perf_counter()
            sender.say_position(at)
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
        """A place where nobody of us has stood before, one stride on: with all of them still within the smallest world."""
        self._steps_walked += 1
        return Position(self._steps_walked * STRIDE, 0.0)

    async def _until(self, guest: _Guest, fact: Callable[[], bool], missing: str) -> None:
        """Until ``fact``. ``missing`` is what to say when the time is over; fails at once when the connection ends."""
        self._missing = missing
        while not fact():
            if guest.ended.is_set():
                raise _Failed(_ending(guest))
            guest.news.clear()
            await guest.news.wait()

    def _overheard(self) -> str:
        """What the lobby said in place of what was waited for."""
        for guest in self._guests:
            if guest.errors:
                return f"The lobby said: {guest.errors[-1].message} ({guest.errors[-1].code})."
            if guest.strange:
                return f"What came instead is no message of this protocol: {harmless(guest.strange[:80])!r}."
        return ""


OPENS = "a WebSocket opens"
WELCOME = "a player is welcomed"
PING = "a ping is answered"
SECOND = "the first player hears a second one come"
POSITION = "a position reaches the other player"
V1 = "a version 1 client that says nothing is welcomed"
TAKEOVER = "a player who connects again takes over"

STEPS = (
    _Plan(OPENS, _Check.opens),
    _Plan(WELCOME, _Check.is_welcomed, (OPENS,)),
    _Plan(PING, _Check.ping_returns, (WELCOME,)),
    _Plan(SECOND, _Check.second_comes, (WELCOME,), 2),
    _Plan(POSITION, _Check.position_arrives, (SECOND,), 2),
    _Plan("the last position wins", _Check.last_position_wins, (SECOND, POSITION), 2),
    _Plan("a status reaches the other player", _Check.status_arrives, (SECOND,), 2),
    _Plan("a wrong message gets an error and breaks nothing", _Check.wrong_message_is_answered, (WELCOME, PING)),
    _Plan(V1, _Check.version_1_is_welcomed, (WELCOME,)),
    _Plan(TAKEOVER, _Check.takes_over, (SECOND, V1), 2),
    _Plan("a version 1 position reaches a version 2 client", _Check.version_1_to_2, (SECOND, V1), 2),
    _Plan("a version 2 position reaches a version 1 client", _Check.version_2_to_1, (SECOND, V1), 2),
    _Plan("the others hear a player leave", _Check.leave_is_heard, (SECOND,), 2),
)
"""What is checked, in this order."""


# ── reasons, and what to do ─────────────────────────────────────────────────────────────────────────────────────────

STREAM_HINT = " On AWS the table's stream announces players: look whether the function's event source mapping is enabled."

ADVICE = {
    "unauthorized": "Give a token with --token; `lobby token PLAYER` signs one with LOBBY_SECRET.",
    "token_expired": "`lobby token PLAYER` signs a new one.",
    "forbidden": "Give the room that the token is for with --room.",
    "room_full": "Give another room with --room.",
    "too_many_connections": "Close some, or raise --connections-per-address.",
    "restarting": "Try again in a moment.",
    "taken_over": "Somebody else uses the same player; give a token of another one.",
}
"""What helps when the lobby refuses, by its own code."""

STATUSES = {
    400: "the address is not valid: pid, room, name or v.",
    401: f"a token is needed, or this one is not valid. {ADVICE['unauthorized']}",
    403: "forbidden. The token may be for another player or room. On AWS also: the path is not the name of a stage, "
    "as in wss://ID.execute-api.REGION.amazonaws.com/prod.",
    404: "there is a web server, but no lobby at this path.",
    410: "gone. On AWS: the API has been deleted.",
    429: "too many connections or requests. Try again in a minute.",
}
"""What an HTTP status in place of a WebSocket means."""

BROKEN = "the server is there, but fails. Look into its log (on AWS: that of the function and of the authorizer)."


def explain(error: Exception, url: str) -> str:
    """Why no WebSocket opened, and what to do about it."""
    parts = urlsplit(url if "//" in url else f"ws://{url}")
    where = parts.netloc.rpartition("@")[2]
    match error:
        case WSHandshakeError() if error.response is not None:
            status = int(error.response.status)
            meaning = BROKEN if status >= 500 else STATUSES.get(status, "a web server answers there, but no WebSocket opens.")
            return f"HTTP {status}: {meaning}"
        case WSError():
            return f"What answers at {where} is no WebSocket server. Check the port; a server with TLS wants wss:// in place of ws://."
        case gaierror():
            return f"The name {parts.hostname} is not known. Check the address for typing errors, and the network."
        case ssl.SSLCertVerificationError():
            return f"The TLS certificate of {where} is not trusted: {error.verify_message or error}."
        case ssl.SSLError():
            return f"No TLS with {where}: {error.reason or error}. A server without TLS wants ws:// in place of wss://."
        case OSError() if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
            return f"Nothing listens at {where} (connection refused). Is the lobby running? `lobby serve` starts one."
        case LobbyError():
            return str(error)
        case _:
            hint = " A server without TLS wants ws:// in place of wss://." if parts.scheme in ("wss", "https") else ""
            return f"No connection to {where}: {str(error) or 'it was closed at once'}.{hint}"


def _ending(guest: _Guest) -> str:
    """Why the lobby closed a connection, and what to do about it."""
    code = guest.errors[-1].code if guest.errors else next((n for n, c in CODES.items() if c.close == guest.code), "")
    if not code:
        broke = (
            "the connection broke off without a word" if guest.code == 1006 else f"it closed the connection with {guest.code}"
        )
        return f"The lobby answered, then {broke}{f' ({guest.reason})' if guest.reason else ''}. Look into its log."
    said = guest.errors[-1].message if guest.errors else guest.reason.partition(": ")[2] or CODES[code].meaning
    return f"The lobby refused: {said} ({code}, closed with {guest.code}). {ADVICE.get(code, '')}".strip()
