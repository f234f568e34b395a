"""Webhooks: `lobby serve` reports joins and leaves to an HTTP server of the operators. ``docs/operators.md`` describes them.

Reports wait in a bounded queue and are sent in their order, up to :data:`BATCH` in one request. The lobby waits for none.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from logging import WARNING
from random import random
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from lobby.errors import LobbyError
from lobby.jsons import dumps
from lobby.presence import Presence
from lobby.settings import Settings
from lobby.telemetry import Counts, log
from lobby.tokens import check_secret

QUEUE = 1_000
"""The largest number of reports that wait. One more drops the oldest."""

BATCH = 100
"""The largest number of reports in one request."""

TRIES = 8
"""How often a request is tried: for about two minutes."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""The pause before the second try, and the longest pause. It doubles before each further try."""

TIMEOUT_S = 10.0
"""How long an answer may take."""

FLUSH_S = 2.0
"""How long a lobby that stops waits until its last reports are sent."""

PASSING = {408, 425, 429}
"""Answers below 500 after which the same request may succeed later."""

Report = dict[str, Any]
Post = Callable[[bytes, dict[str, str]], Awaitable[int]]
"""Sends a body and headers. Returns the status of the answer, 0 where there is none."""


def check_webhook(settings: Settings) -> None:
    """Raises LobbyError for settings with which no webhook can be sent."""
    try:
        parts = urlsplit(settings.webhook_url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise LobbyError("--webhook-url (LOBBY_WEBHOOK_URL) is no address that begins with http:// or https://.")
    if not settings.webhook_secret:
        raise LobbyError(
            "--webhook-url needs a secret: set LOBBY_WEBHOOK_SECRET. `lobby token --new-secret` prints a good one."
        )
    try:
        check_secret(settings.webhook_secret)
    except LobbyError as error:
        raise LobbyError(f"LOBBY_WEBHOOK_SECRET is not good enough. {error}") from None


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The header ``Lobby-Signature``: HMAC-SHA256 of ``timestamp.body``. ``timestamp`` is in seconds since 1970."""
    return "sha256=" + hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()


def pause_s(tries: int, chance: float) -> float:
    """The pause after so many tries, from 1. ``chance`` (0 to 1) spreads the requests of many lobbies."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (tries - 1)) * (0.5 + chance / 2)


class Webhooks:
    """Sends reports by ``post``, one request at a time. ``counts`` counts what becomes of each report."""

    def __init__(
        self, secret: str, counts: Counts, post: Post, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._secret, self._counts, self._post, self._sleep = secret, counts, post, sleep
        self._waiting: deque[Report] = deque()
        self._something = asyncio.Event()
        self._nothing = asyncio.Event()
        self._nothing.set()

    def report(self, event: str, row: Presence, now: int) -> None:
        """Reports a ``join`` or ``leave`` of the player of ``row``, at ``now`` (ms since 1970)."""
        if len(self._waiting) >= QUEUE:
            self._waiting.popleft()
            self._counts["webhooks", "dropped"] += 1
        name = row.name or row.player
        self._waiting.append({"event": event, "room": row.room, "player": row.player, "name": name, "time_ms": now})
        self._something.set()
        self._nothing.clear()

    async def run(self) -> None:
        """Sends what waits, until it is cancelled."""
        while True:
            await self._something.wait()
            reports = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            await self._deliver(reports)
            if not self._waiting:
                self._something.clear()
                self._nothing.set()

    async def flush(self) -> None:
        """Returns when nothing waits, after :data:`FLUSH_S` at the latest."""
        try:
            await asyncio.wait_for(self._nothing.wait(), FLUSH_S)
        except TimeoutError:
            log("webhook_lost", WARNING, reports=len(self._waiting))

    async def _deliver(self, reports: list[Report]) -> None:
        # Each try has the same id, so a server that received it twice can leave out the second one.
        body = dumps({"id": secrets.token_urlsafe(12), "events": reports})
        for tries in range(1, TRIES + 1):
            timestamp = int(time.time())
            signed = {"Lobby-Timestamp": str(timestamp), "Lobby-Signature": signature(self._secret, timestamp, body)}
            status = await self._post(body, {"Content-Type": "application/json", **signed})
            if 200 <= status < 300:
                self._counts["webhooks", "sent"] += len(reports)
                return
            may_pass = status == 0 or status >= 500 or status in PASSING
            if not may_pass or tries == TRIES:
                break
            if tries == 1:
                log("webhook_retried", WARNING, status=status)
            self._counts["webhooks", "retried"] += len(reports)
            await self._sleep(pause_s(tries, random()))
        self._counts["webhooks", "failed"] += len(reports)
        log("webhook_failed", WARNING, status=status, reports=len(reports))


class WebhookSender:
    """The webhooks of a lobby that runs."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        # Without cookies and redirects: the address is exactly the one that the operators have set.
        self._session = ClientSession(timeout=ClientTimeout(total=TIMEOUT_S), cookie_jar=DummyCookieJar())
        self._url = settings.webhook_url
        self.webhooks = Webhooks(settings.webhook_secret, counts, self._post)
        self._running = asyncio.ensure_future(self.webhooks.run())

    async def close(self) -> None:
        """Sends what waits, for a moment."""
        await self.webhooks.flush()
        self._running.cancel()
        await self._session.close()

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status
        except (ClientError, OSError, TimeoutError):
            return 0
