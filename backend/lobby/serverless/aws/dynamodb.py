"""One call of DynamoDB: JSON in, JSON or a typed error out."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from lobby.errors import LobbyError
from lobby.serverless.aws.client import Request, ServiceClient
from lobby.serverless.aws.pool import Outcome, Unreachable
from lobby.serverless.aws.signing import region_of

TARGET = "DynamoDB_20120810"
TRIES = 3
PAUSE_S = 0.025
"""The maximum pause before the second try, in seconds. The maximum doubles before each further try."""

THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})
"""The error codes of DynamoDB for too many requests. botocore retries the same ones."""

UNREACHABLE = "Unreachable"


class CallFailed(LobbyError):
    """A service refused a call, or did not answer.

    ``code`` is the last part of the ``__type`` that AWS sent (``ConditionalCheckFailedException``), ``HTTP 502`` for an answer
    without one, ``Unreachable`` without an answer. ``status`` is the HTTP status, 0 without an answer. ``body`` is the JSON of
    the answer; after a failed condition it may hold the ``Item``.
    """

    def __init__(self, operation: str, code: str, message: str, status: int, body: dict[str, Any]) -> None:
        self.code, self.message, self.status, self.body = code, message, status, body
        super().__init__(f"{operation} failed: {code}{f', {message}' if message else ''}")

    @property
    def may_pass(self) -> bool:
        """Whether the same call may succeed a moment later."""
        return self.code in THROTTLED or self.code == UNREACHABLE or self.status >= 500


class DynamoDB:
    """DynamoDB at the endpoint of ``client``. ``wait`` takes seconds; ``chance`` returns a random number from 0 to 1."""

    def __init__(
        self,
        client: ServiceClient,
        *,
        wait: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client, self._wait, self._chance = client, wait, chance

    def call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of DynamoDB to ``operation`` (``UpdateItem``, ``Query``, ...). Raises CallFailed.

        After throttling, a fault of the service or no answer, the call is retried twice after short random pauses. So a call
        may be carried out twice, and a condition must also accept what the first try has written.
        """
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"{TARGET}.{operation}"}
        request = Request("POST", "/", json.dumps(arguments, separators=(",", ":")).encode(), headers)
        for tries_left in reversed(range(TRIES)):
            [outcome] = self._client.send([request])
            answer = _parse_outcome(operation, outcome)
            if not isinstance(answer, CallFailed):
                return answer
            if not tries_left or not answer.may_pass:
                raise answer
            self._wait(self._chance() * PAUSE_S * 2 ** (TRIES - 1 - tries_left))
        raise AssertionError


def endpoint(environment: Mapping[str, str]) -> str:
    """The endpoint of DynamoDB: the one that the environment names, as boto3 reads it; else that of AWS in the environment's
    region. Raises LobbyError where the environment has neither."""
    named = environment.get("AWS_ENDPOINT_URL_DYNAMODB") or environment.get("AWS_ENDPOINT_URL")
    if named:
        return named
    region = region_of(environment)
    return f"https://dynamodb.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _parse_outcome(operation: str, outcome: Outcome) -> dict[str, Any] | CallFailed:
    if isinstance(outcome, Unreachable):
        return CallFailed(operation, UNREACHABLE, outcome.reason, 0, {})
    try:
        body = json.loads(outcome.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return CallFailed(operation, f"HTTP {outcome.status}", "the answer is not JSON", outcome.status, {})
    if outcome.status == 200:
        return body
    code = str(body.get("__type", "")).rpartition("#")[2] or f"HTTP {outcome.status}"
    return CallFailed(operation, code, str(body.get("message") or body.get("Message") or ""), outcome.status, body)
