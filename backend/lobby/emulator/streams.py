"""From a table's stream to a handler: what an event source mapping does.

Filters, batches, and what happens to a batch that fails: it is tried again, in halves if so configured, until it is too old or
was tried too often; as long as that takes, everything behind it waits.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

Record = dict[str, Any]

RETRY_S = 0.2
"""The first pause before a batch is tried again; it doubles. Lambda's own is published nowhere."""


@dataclass(frozen=True)
class EventSource:
    """What a template says of an event source mapping. ``patterns`` are its filters, none of them: everything passes."""

    patterns: tuple[Mapping[str, Any], ...] = ()
    batch_size: int = 100
    retries: int = -1
    max_age_s: float = -1
    bisects: bool = False


def passes(pattern: Any, value: Any) -> bool:
    """Whether a filter's pattern lets ``value`` through: exact values, ``exists`` and ``prefix``, which works on texts.

    Raises ValueError for an operator that is not known here. As in EventBridge, ``exists`` looks at leaves only.
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
    raise ValueError(f"Lambda's documentation has no operator {rule}")


def wanted(patterns: Collection[Mapping[str, Any]], record: Record) -> bool:
    """Whether any of the filters lets a record through."""
    return not patterns or any(passes(pattern, record) for pattern in patterns)


class Pump:
    """Brings the records of one stream to one handler, in order, one batch at a time.

    ``read()`` gives what is new, ``invoke(event)`` hands a batch over and raises where it fails. ``pause()`` is how long to
    wait before the stream is looked at again, in seconds; ``repeats()`` whether a batch that went well is brought once more,
    as may happen on AWS.
    """

    def __init__(
        self,
        mapping: EventSource,
        read: Callable[[], Awaitable[Sequence[Record]]],
        invoke: Callable[[dict[str, Any]], Awaitable[Any]],
        *,
        stream_arn: str,
        region: str,
        pause: Callable[[], float] = lambda: 0.02,
        repeats: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mapping, self._read, self._invoke = mapping, read, invoke
        self._stream_arn, self._region = stream_arn, region
        self._pause, self._repeats, self._clock = pause, repeats, clock
        self._waiting: deque[Record] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Pump:
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
            self._waiting += [record for record in await self._read() if wanted(self._mapping.patterns, record)]
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._mapping.batch_size, len(self._waiting)))]
                await self._bring(batch)

    async def _bring(self, batch: list[Record], tries: int = 0) -> None:
        """One batch, until it is through or given up."""
        while batch:
            now = self._clock()
            if self._mapping.max_age_s >= 0:
                batch = [one for one in batch if now - _written_at(one) <= self._mapping.max_age_s]
            try:
                if batch:
                    await self._invoke(self._event(batch))
            except Exception:
                tries += 1
                log.warning("a batch of %s records failed, the %s. time", len(batch), tries)
                if 0 <= self._mapping.retries < tries:
                    return
                await asyncio.sleep(min(RETRY_S * 2**tries, 10.0))
                if self._mapping.bisects and len(batch) > 1:
                    middle = len(batch) // 2
                    await self._bring(batch[:middle], tries)
                    batch = batch[middle:]
                continue
            if not self._repeats():
                return

    def _event(self, batch: Sequence[Record]) -> dict[str, Any]:
        about = {"eventSource": "aws:dynamodb", "eventSourceARN": self._stream_arn, "awsRegion": self._region}
        return {"Records": [{**json.loads(json.dumps(record)), **about} for record in batch]}


def _written_at(record: Record) -> float:
    return float(record["dynamodb"]["ApproximateCreationDateTime"])
