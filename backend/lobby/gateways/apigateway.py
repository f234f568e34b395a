"""Posts through API Gateway's ``@connections``: the gateway of the serverless host.

Works with any object that has the methods of boto3's ``apigatewaymanagementapi`` client. Give that client one attempt, short
timeouts and as many connections as :data:`THREADS`: by default boto3 tries five times on a full client buffer, and one slow
reader would hold up a room for seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from logging import WARNING
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lobby.telemetry import log

THREADS = 32
"""Posts under way at once. More do not help: they share one interpreter."""


class PostGateway:
    """The connections of one API and stage, known by their ids only."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="post")

    def post(self, connections: Collection[str], text: str, *, droppable: bool = False) -> Collection[str]:
        """See :class:`lobby.gateways.Gateway`. What may not be dropped is tried twice."""
        data, tries = text.encode(), 1 if droppable else 2
        answers = self._threads.map(lambda connection: self._post(connection, data, tries), connections)
        return [connection for connection, is_there in zip(connections, answers, strict=True) if not is_there]

    def close(self, connection: str, code: int, reason: str) -> None:
        """See :class:`lobby.gateways.Gateway`. API Gateway leaves no choice of the close code."""
        try:
            self._client.delete_connection(ConnectionId=connection)
        except (ClientError, BotoCoreError) as error:
            if not _is_gone(error):
                log("close_failed", WARNING, connection=connection, reason=reason, error=str(error))

    def _post(self, connection: str, data: bytes, tries: int) -> bool:
        """Sends to one connection; False where it is gone. One that is slow or fails is nobody else's trouble."""
        for left in reversed(range(tries)):
            try:
                self._client.post_to_connection(ConnectionId=connection, Data=data)
                return True
            except (ClientError, BotoCoreError) as error:
                if _is_gone(error):
                    return False
                if not left:
                    log("post_failed", WARNING, connection=connection, error=str(error))
        return True


def _is_gone(error: Exception) -> bool:
    """Whether a connection is no more: a 410, typed or bare (some proxies take the type away)."""
    return isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] == 410
