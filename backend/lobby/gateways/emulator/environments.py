"""The handler as Lambda runs it: in environments that take one event at a time; as many as there are events at once."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

log = logging.getLogger(__name__)

Invoke = Callable[[dict[str, Any], Any], Any]
"""A Lambda's handler: event and context in, something that JSON can say out."""


class Meter(Protocol):
    """Hears of everything that costs money."""

    def __call__(self, kind: str, /, **numbers: float) -> None:
        """One thing of this kind has happened."""


class HandlerError(Exception):
    """The handler raised, returned what JSON cannot say, or there was no environment left for it."""


@dataclass(frozen=True)
class Context:
    """The second argument of a handler."""

    function_name: str
    memory_limit_in_mb: str
    invoked_function_arn: str
    aws_request_id: str
    log_stream_name: str
    deadline: float
    function_version: str = "$LATEST"

    @property
    def log_group_name(self) -> str:
        """Where the log would be."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """What is left until the timeout."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class Environment:
    """One thread, one event at a time."""

    def __init__(self, number: int, invoke: Invoke, cold_start: Callable[[], object] | None) -> None:
        self.worker = ThreadPoolExecutor(1, f"environment-{number}")
        self.number = number
        self._invoke, self._cold_start = invoke, cold_start
        self._is_new = True
        self.init_ms = self.ms = 0.0

    def handle(self, event: str, context: Context) -> Any:
        """Runs in the thread. In and out through JSON, as on AWS: nobody shares a dictionary with anybody."""
        began = time.perf_counter()
        try:
            if self._is_new and self._cold_start is not None:
                self._cold_start()
            self.init_ms = (time.perf_counter() - began) * 1000 if self._is_new else 0.0
            self._is_new, began = False, time.perf_counter()
            return json.loads(json.dumps(self._invoke(json.loads(event), context)))
        except (Exception, SystemExit) as error:
            log.exception("the handler raised")
            raise HandlerError(str(error)) from None
        finally:
            self.ms = (time.perf_counter() - began) * 1000


class Environments:
    """A pool that grows with the number of events at once, up to ``concurrency``."""

    def __init__(
        self,
        invoke: Invoke,
        *,
        name: str,
        arn: str,
        memory_mb: int,
        timeout_s: float,
        concurrency: int,
        cold_start: Callable[[], object] | None,
        meter: Meter,
    ) -> None:
        self._invoke, self._cold_start, self._meter = invoke, cold_start, meter
        self._name, self._arn, self._memory_mb = name, arn, memory_mb
        self._timeout_s, self._concurrency = timeout_s, concurrency
        self._all: list[Environment] = []
        self._idle: list[Environment] = []

    def __len__(self) -> int:
        """How many environments there are."""
        return len(self._all)

    async def call(self, event: dict[str, Any]) -> Any:
        """One event. Raises HandlerError, and TimeoutError when nobody waits any longer (the handler may go on)."""
        if not self._idle and len(self._all) >= self._concurrency:
            raise HandlerError("Rate Exceeded: every environment is busy")
        if self._idle:
            one, is_cold = self._idle.pop(), False
        else:
            one, is_cold = Environment(len(self._all) + 1, self._invoke, self._cold_start), True
            self._all.append(one)
        context = Context(
            function_name=self._name,
            memory_limit_in_mb=str(self._memory_mb),
            invoked_function_arn=self._arn,
            aws_request_id=str(uuid.uuid4()),
            log_stream_name=f"environment-{one.number}",
            deadline=time.monotonic() + self._timeout_s,
        )
        running = asyncio.get_running_loop().run_in_executor(one.worker, one.handle, json.dumps(event), context)

        def ended(done: asyncio.Future[Any]) -> None:
            if not done.cancelled():
                done.exception()  # whoever still waits hears of it; nobody has to
            self._idle.append(one)
            self._meter("invocation", ms=one.ms, init_ms=one.init_ms, memory_mb=self._memory_mb, cold=int(is_cold))

        running.add_done_callback(ended)
        return await asyncio.wait_for(asyncio.shield(running), self._timeout_s)

    def close(self) -> None:
        """No more events. A handler that still runs is not waited for."""
        for one in self._all:
            one.worker.shutdown(wait=False, cancel_futures=True)
