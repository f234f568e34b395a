"""Posts through API Gateway's ``@connections``: the gateway of the host on AWS.

Each post is tried once. API Gateway answers 429 for a reader whose buffer is full, and an immediate retry would delay all other
receivers. A connection that missed a post gets a ``welcome`` later instead (``serverless.broadcast``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from logging import WARNING

from lobby.ports import Unreached
from lobby.serverless.aws import Answer, Outcome, Request, ServiceClient, connection_path
from lobby.telemetry import log

POST_S = 1.5
"""How long all posts of one message may take together. A connection without an answer by then has missed it."""


class PostGateway:
    """The connections of one API and stage, by their ids. ``client`` calls the callback endpoint of the stage."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    def post(self, connections: Collection[str], frame: bytes, *, droppable: bool = False, binary: bool = False) -> Unreached:
        outcomes = self._client.send([Request("POST", connection_path(one), frame) for one in connections], POST_S)
        reasons = {one: reason for one, outcome in zip(connections, outcomes, strict=True) if (reason := _trouble(outcome))}
        gone = frozenset(one for one, reason in reasons.items() if reason == "410")
        missed = frozenset(reasons) - gone
        if missed:
            log("missed", WARNING, connections=sorted(missed)[:5], reasons=dict(Counter(reasons[one] for one in missed)))
        return Unreached(gone, missed)

    def close(self, connection: str, code: int, reason: str) -> None:
        """API Gateway closes with 1000, whatever ``code`` is."""
        [outcome] = self._client.send([Request("DELETE", connection_path(connection))], POST_S)
        if (trouble := _trouble(outcome)) not in ("", "410"):
            log("close_failed", WARNING, connection=connection, reason=reason, trouble=trouble)


def _trouble(outcome: Outcome) -> str:
    """Empty for success, else the status, else the reason why there is none. A 410 counts with or without its type."""
    if isinstance(outcome, Answer):
        return "" if 200 <= outcome.status < 300 else str(outcome.status)
    return outcome.reason
