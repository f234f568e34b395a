"""Posts through API Gateway's ``@connections``: the gateway of the serverless host.

One try each. A reader whose buffer is full answers 429, and trying again at once would hold up everybody; whoever missed
something is owed a welcome instead (``serverless``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from logging import WARNING

from lobby.ports import Unreached
from lobby.serverless.aws import Answer, Client, Outcome, Request, connection_path
from lobby.telemetry import log

POST_S = 1.5
"""How long all posts of one message may take together; who has not answered then has missed it."""


class PostGateway:
    """The connections of one API and stage, known by their ids only. ``client`` speaks to its callback endpoint."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def post(self, connections: Collection[str], text: str, *, droppable: bool = False) -> Unreached:
        """See :class:`lobby.ports.Gateway`."""
        body = text.encode()
        outcomes = self._client.send([Request("POST", connection_path(one), body) for one in connections], POST_S)
        reasons = {one: reason for one, outcome in zip(connections, outcomes, strict=True) if (reason := _trouble(outcome))}
        gone = frozenset(one for one, reason in reasons.items() if reason == "410")
        missed = frozenset(reasons) - gone
        if missed:
            log("missed", WARNING, connections=sorted(missed)[:5], reasons=dict(Counter(reasons[one] for one in missed)))
        return Unreached(gone, missed)

    def close(self, connection: str, code: int, reason: str) -> None:
        """See :class:`lobby.ports.Gateway`. API Gateway leaves no choice of the close code."""
        [outcome] = self._client.send([Request("DELETE", connection_path(connection))], POST_S)
        if (trouble := _trouble(outcome)) not in ("", "410"):
            log("close_failed", WARNING, connection=connection, reason=reason, trouble=trouble)


def _trouble(outcome: Outcome) -> str:
    """Nothing where all went well, else the status, else why there is none. A 410 counts with or without its type."""
    if isinstance(outcome, Answer):
        return "" if 200 <= outcome.status < 300 else str(outcome.status)
    return outcome.reason
