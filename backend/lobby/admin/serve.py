"""A client of the admin API of `lobby serve`."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from lobby.addresses import is_loopback
from lobby.admin.actions import Answer
from lobby.data import Data
from lobby.errors import LobbyError

TIMEOUT_S = 10.0
"""How long an answer may take."""


class _NoRedirects(HTTPRedirectHandler):
    """Another address would receive the key."""

    def redirect_request(self, *_: Any) -> None:
        """Follows none."""
        return


class AdminApi:
    """The admin API at ``url``, with its key. Raises LobbyError for an address that cannot be one."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LobbyError(f"{url!r} is not the address of an admin API. It begins with http:// or https://.")
        if parts.query or parts.username or parts.password:
            raise LobbyError("The address of an admin API has no parameters and no key. Set LOBBY_ADMIN_KEY.")
        if not key:
            raise LobbyError("The admin API needs a key: set LOBBY_ADMIN_KEY to the key of the lobby.")
        if not (key.isascii() and key.isprintable()):
            raise LobbyError("The key has characters that no key of the admin API has.")
        self._url, self._key = url.rstrip("/"), key
        # A proxy cannot reach this machine.
        self._opener = build_opener(_NoRedirects, *([ProxyHandler({})] if is_loopback(parts.hostname) else []))

    def rooms(self, limit: int, after: str) -> Answer:
        return self._request("GET", f"/rooms?limit={limit}&after={_quoted(after)}")

    def players(self, room: str, limit: int, after: str) -> Answer:
        return self._request("GET", f"/rooms/{_quoted(room)}?limit={limit}&after={_quoted(after)}")

    def kick(self, room: str, player: str, reason: str) -> Answer:
        return self._request("POST", f"/rooms/{_quoted(room)}/players/{_quoted(player)}/kick", {"reason": reason})

    def ban(self, room: str, player: str, seconds: int, reason: str) -> Answer:
        body = {"seconds": seconds, "reason": reason}
        return self._request("POST", f"/rooms/{_quoted(room)}/players/{_quoted(player)}/ban", body)

    def bans(self) -> Answer:
        return self._request("GET", "/bans")

    def unban(self, player: str) -> Answer:
        return self._request("DELETE", f"/bans/{_quoted(player)}" if player else "/bans")

    def send(self, room: str, event: str, data: Data) -> Answer:
        return self._request("POST", f"/rooms/{_quoted(room)}/events" if room else "/events", {"event": event, "data": data})

    def close(self, room: str) -> Answer:
        return self._request("DELETE", f"/rooms/{_quoted(room)}")

    def drain(self, seconds: float) -> Answer:
        return self._request("POST", "/drain", {"seconds": seconds})

    def _request(self, method: str, path: str, body: object = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            with self._opener.open(Request(self._url + path, data, headers, method=method), timeout=TIMEOUT_S) as answer:
                found = json.load(answer)
        except HTTPError as error:
            with error:
                raise LobbyError(_detail(error)) from None
        except URLError as error:
            raise LobbyError(f"The admin API does not answer at {self._url}: {error.reason}. {_ADVICE}") from None
        except (OSError, ValueError) as error:
            raise LobbyError(f"What answers at {self._url} is no admin API of a lobby: {error}. {_ADVICE}") from None
        if not isinstance(found, dict):
            raise LobbyError(f"What answers at {self._url} is no admin API of a lobby. {_ADVICE}")
        return found


_ADVICE = "`lobby serve --admin-port` prints its address; --url gives it to this command."


def _detail(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read())["detail"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"The answer is {error.code} {error.reason}: this is no admin API of a lobby. {_ADVICE}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
