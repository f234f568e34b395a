"""Event source mappings: they deliver the records of a table's stream to a handler.

A mapping filters records and sends them in batches. A batch that fails is retried, in halves if so configured, until its
records are too old or were retried too often. Until then all later records wait.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

log = logging.getLogger(__name__)

StreamRecord = dict[str, Any]
"""One record of the stream of a table, as in AWS's events."""

RETRY_S = 0.2
"""The first pause before a failed batch is retried; it doubles each time. Lambda's own pauses are not published."""


@dataclass(frozen=True)
class MappingSettings:
    """The settings of an event source mapping in a template. ``patterns`` are its filters; without filters all records pass.
    ``retries`` and ``max_age_s`` have no limit if they are negative."""

    patterns: tuple[Mapping[str, Any], ...] = ()
    batch_size: int = 100
    retries: int = -1
    max_age_s: float = -1
    bisects: bool = False


def passes(pattern: Any, value: Any) -> bool:
    """Whether ``value`` matches a filter's pattern: exact values, ``exists``, and ``prefix`` for strings.

    Raises ValueError for an operator that is not supported here. As in EventBridge, ``exists`` concerns leaves only.
    """
    if isinstance(pattern, Mapping):
        return all(passes(part, value.get(key) if isinstance(value, Mapping) else None) for key, part in pattern.items())
    return any(_matches(rule, value) for rule in pattern)


def _matches(rule: Any, value: Any) -> bool:
    if not isinstance(rule, Mapping):
        return bool(rule == value)
    [(operator, argument)] = rule.items()
    if operator == "exists":
        return (value is not None and not isinstance(value, Mapping)) is argument
    if operator == "prefix":
        return isinstance(value, str) and value.startswith(argument)
    raise ValueError(f"the operator {rule} is not supported")


def wanted(patterns: Collection[Mapping[str, Any]], record: StreamRecord) -> bool:
    """Whether a record matches one of the filters."""
    return not patterns or any(passes(pattern, record) for pattern in patterns)


class EventSourceMapping:
    """Delivers the records of one stream to one handler, in order, one batch at a time. ``async with`` it.

    ``read()`` returns the new records. ``invoke(event)`` delivers a batch and raises if that fails. ``pause()`` returns the
    seconds before the next read. ``repeats()`` decides whether a successful batch is delivered again, as may happen on AWS.
    """

    def __init__(
        self,
        settings: MappingSettings,
        read: Callable[[], Awaitable[Sequence[StreamRecord]]],
        invoke: Callable[[dict[str, Any]], Awaitable[Any]],
        *,
        stream_arn: str,
        region: str,
        pause: Callable[[], float] = lambda: 0.02,
        repeats: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._read, self._invoke = settings, read, invoke
        self._stream_arn, self._region = stream_arn, region
        self._pause, self._repeats, self._clock = pause, repeats, clock
        self._waiting: deque[StreamRecord] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._pause())
            self._waiting += [record for record in await self._read() if wanted(self._settings.patterns, record)]
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._settings.batch_size, len(self._waiting)))]
                await self._deliver(batch)

    async def _deliver(self, batch: list[StreamRecord], tries: int = 0) -> None:
        """Delivers one batch, and retries it until it succeeds or is given up."""
        while batch:
            now = self._clock()
            if self._settings.max_age_s >= 0:
                batch = [one for one in batch if now - _written_at(one) <= self._settings.max_age_s]
            try:
                if batch:
                    await self._invoke(self._event(batch))
            except Exception:
                tries += 1
                log.warning("a batch of %s records failed (attempt %s)", len(batch), tries)
                if 0 <= self._settings.retries < tries:
                    return
                await asyncio.sleep(min(RETRY_S * 2**tries, 10.0))
                if self._settings.bisects and len(batch) > 1:
                    middle = len(batch) // 2
                    await self._deliver(batch[:middle], tries)
                    batch = batch[middle:]
                continue
            if not self._repeats():
                return

    def _event(self, batch: Sequence[StreamRecord]) -> dict[str, Any]:
        about = {"eventSource": "aws:dynamodb", "eventSourceARN": self._stream_arn, "awsRegion": self._region}
        return {"Records": [{**json.loads(json.dumps(record)), **about} for record in batch]}


def _written_at(record: StreamRecord) -> float:
    return float(record["dynamodb"]["ApproximateCreationDateTime"])
