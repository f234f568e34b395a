"""One call of DynamoDB: JSON in, JSON or a typed error out."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from lobby.errors import LobbyError
from lobby.serverless.aws.client import Client, Request
from lobby.serverless.aws.lines import Outcome, Unreachable
from lobby.serverless.aws.signing import region_of

TARGET = "DynamoDB_20120810"
TRIES = 3
PAUSE_S = 0.025
"""The longest pause before a second try, in seconds; before each further try it is twice as long."""

THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})
"""What DynamoDB says when it is asked too much; botocore tries the same again."""

UNREACHABLE = "Unreachable"


class AwsError(LobbyError):
    """A service refused a call, or could not be asked.

    ``code`` is the last part of what AWS calls ``__type`` (``ConditionalCheckFailedException``); ``HTTP 502`` where an answer
    has none, ``Unreachable`` where there was no answer. ``status`` is that of HTTP, 0 where there was no answer. ``body`` is
    the answer's JSON: of a failed condition it may hold the ``Item``.
    """

    def __init__(self, operation: str, code: str, message: str, status: int, body: dict[str, Any]) -> None:
        self.code, self.message, self.status, self.body = code, message, status, body
        super().__init__(f"{operation} failed: {code}{f', {message}' if message else ''}")

    @property
    def may_pass(self) -> bool:
        """Whether the same call may succeed a moment later."""
        return self.code in THROTTLED or self.code == UNREACHABLE or self.status >= 500


class DynamoDB:
    """DynamoDB at the endpoint of ``client``. ``wait`` lets seconds pass; ``chance`` is random, from 0 to 1."""

    def __init__(
        self, client: Client, *, wait: Callable[[float], object] = time.sleep, chance: Callable[[], float] = random.random
    ) -> None:
        self._client, self._wait, self._chance = client, wait, chance

    def call(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What DynamoDB answers to ``UpdateItem``, ``Query``, ... Raises AwsError.

        Throttling, faults of the service and no answer are tried again twice, after short random pauses. So a call may be
        carried out twice, and a condition has to hold for who has met it before.
        """
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"{TARGET}.{operation}"}
        request = Request("POST", "/", json.dumps(arguments, separators=(",", ":")).encode(), headers)
        for left in reversed(range(TRIES)):
            [outcome] = self._client.send([request])
            answer = _answered(operation, outcome)
            if not isinstance(answer, AwsError):
                return answer
            if not left or not answer.may_pass:
                raise answer
            self._wait(self._chance() * PAUSE_S * 2 ** (TRIES - 1 - left))
        raise AssertionError


def endpoint(environment: Mapping[str, str]) -> str:
    """Where DynamoDB is: what the environment says, as boto3 reads it, else AWS in the environment's region. LobbyError where
    it has neither."""
    given = environment.get("AWS_ENDPOINT_URL_DYNAMODB") or environment.get("AWS_ENDPOINT_URL")
    if given:
        return given
    region = region_of(environment)
    return f"https://dynamodb.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _answered(operation: str, outcome: Outcome) -> dict[str, Any] | AwsError:
    if isinstance(outcome, Unreachable):
        return AwsError(operation, UNREACHABLE, outcome.reason, 0, {})
    try:
        body = json.loads(outcome.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return AwsError(operation, f"HTTP {outcome.status}", "the answer is not JSON", outcome.status, {})
    if outcome.status == 200:
        return body
    code = str(body.get("__type", "")).rpartition("#")[2] or f"HTTP {outcome.status}"
    return AwsError(operation, code, str(body.get("message") or body.get("Message") or ""), outcome.status, body)
