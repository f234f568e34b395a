"""The handler as Lambda runs it: in environments that take one event at a time; as many as there are events at once.

Two kinds. *Threads* of this process: fast, a handler is any function, and a debugger stops in it. *Processes*: like Lambda's,
with modules of their own, a cold start that costs what it costs, and a death in the middle of what they were doing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from lobby.gateways.emulator.conditions import Conditions
from lobby.gateways.emulator.meters import Meter, nobody

log = logging.getLogger(__name__)

Invoke = Callable[[dict[str, Any], Any], Any]
"""A Lambda's handler: event and context in, something that JSON can say out."""

RUNTIME = Path(__file__).with_name("runtime.py")

LINE_BYTES = 16 * 1024 * 1024
"""An event and an answer have at most 6 MB each, says Lambda; JSON in JSON is larger."""


class HandlerError(Exception):
    """The handler raised, returned what JSON cannot say, or there was no environment left for it."""


class Died(HandlerError):
    """The environment ended in the middle of an event."""


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

    def get_remaining_time_in_millis(self) -> int:
        """What is left until the timeout."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class Ran(NamedTuple):
    """How one event went: what came out or what went wrong, how long it took, how much of that was work of the processor, and
    how long the start of a new environment had taken before it. Times in ms."""

    result: Any = None
    error: HandlerError | None = None
    ms: float = 0.0
    cpu_ms: float = 0.0
    init_ms: float = 0.0


class Environment(Protocol):
    """One environment, for one event at a time."""

    async def handle(self, event: str, context: Context) -> Ran:
        """One event, in and out through JSON, as on AWS: nobody shares a dictionary with anybody."""

    def kill(self) -> bool:
        """Ends it, whatever it is doing; False where that cannot be done."""

    def close(self) -> None:
        """No more events. A handler that still runs is not waited for."""


class ThreadEnvironment:
    """One thread of this process. ``cold_start`` runs in it before the first event."""

    def __init__(self, number: int, invoke: Invoke, cold_start: Callable[[], object] | None = None) -> None:
        self._worker = ThreadPoolExecutor(1, f"environment-{number}")
        self._invoke, self._cold_start = invoke, cold_start

    async def handle(self, event: str, context: Context) -> Ran:
        """See :class:`Environment`."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._handle, event, context)

    def kill(self) -> bool:
        """See :class:`Environment`."""
        return False

    def close(self) -> None:
        """See :class:`Environment`."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _handle(self, event: str, context: Context) -> Ran:
        began, cold_start, self._cold_start = time.perf_counter(), self._cold_start, None
        result, error, init_ms = None, None, 0.0
        try:
            if cold_start is not None:
                cold_start()
                init_ms = (time.perf_counter() - began) * 1000
            began, cpu = time.perf_counter(), time.thread_time()
            result = json.loads(json.dumps(self._invoke(json.loads(event), context)))
        except (Exception, SystemExit) as raised:
            log.exception("the handler raised")
            error, cpu = HandlerError(str(raised)), time.thread_time()
        return Ran(result, error, (time.perf_counter() - began) * 1000, (time.thread_time() - cpu) * 1000, init_ms)


class ProcessEnvironment:
    """One process. ``handler`` is MODULE.FUNCTION, to be found in ``code`` (a folder or a zip); ``on_log`` hears each line
    that it writes."""

    def __init__(self, handler: str, code: Path, variables: Mapping[str, str], on_log: Callable[[str], None]) -> None:
        self._handler, self._code, self._variables, self._on_log = handler, code, variables, on_log
        self._process: asyncio.subprocess.Process | None = None
        self._logs: asyncio.Task[None] | None = None

    async def handle(self, event: str, context: Context) -> Ran:
        """See :class:`Environment`."""
        began = time.perf_counter()
        process = self._process or await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        said = {name: getattr(context, name) for name in context.__dataclass_fields__ if name != "deadline"}
        request = {"event": event, "context": said, "remaining_ms": context.get_remaining_time_in_millis()}
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            answer = await process.stdout.readline()
        except ConnectionError:
            answer = b""
        if not answer:
            return Ran(error=Died("Runtime exited"), ms=(time.perf_counter() - began) * 1000)
        ran = json.loads(answer)
        error = HandlerError(ran["error"]) if "error" in ran else None
        return Ran(ran.get("result"), error, ran["ms"], ran["cpu_ms"], ran["init_ms"])

    def kill(self) -> bool:
        """See :class:`Environment`."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        return True

    def close(self) -> None:
        """See :class:`Environment`."""
        self.kill()

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # or the modules beside the runtime would be found before the handler's own
            str(RUNTIME),
            self._handler,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            env={"PATH": os.environ.get("PATH", ""), **self._variables, "PYTHONPATH": str(self._code), "PYTHONUNBUFFERED": "1"},
        )
        self._logs = asyncio.create_task(self._read_logs(process))
        return process

    async def _read_logs(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._on_log(line.decode(errors="replace").rstrip("\n"))
        await process.wait()


class Environments:
    """A pool that grows with the number of events at once, up to ``concurrency``.

    ``make(number)`` makes a new environment; ``conditions`` say how long that takes, and which of them die.
    """

    def __init__(
        self,
        make: Callable[[int], Environment],
        *,
        name: str,
        arn: str,
        memory_mb: int = 512,
        timeout_s: float = 29.0,
        concurrency: int = 1000,
        meter: Meter = nobody,
        conditions: Conditions | None = None,
    ) -> None:
        self._make, self._meter, self._conditions = make, meter, conditions or Conditions()
        self._name, self._arn, self._memory_mb = name, arn, memory_mb
        self._timeout_s, self._concurrency = timeout_s, concurrency
        self._all: set[Environment] = set()
        self._idle: list[Environment] = []
        self._made = 0
        self._running: set[asyncio.Task[Ran]] = set()

    def __len__(self) -> int:
        """How many environments there are."""
        return len(self._all)

    async def call(self, event: dict[str, Any]) -> Any:
        """One event. Raises HandlerError, and TimeoutError when nobody waits any longer (a thread may go on)."""
        if not self._idle and len(self._all) >= self._concurrency:
            self._meter("throttled")
            raise HandlerError("Rate Exceeded: every environment is busy")
        if self._idle and self._conditions.happens("cold-starts"):
            thrown_away = self._idle.pop()
            self._all.discard(thrown_away)
            thrown_away.close()
        if self._idle:
            one, is_cold = self._idle.pop(), False
        else:
            self._made += 1
            one, is_cold = self._make(self._made), True
            self._all.add(one)
        context = Context(
            function_name=self._name,
            memory_limit_in_mb=str(self._memory_mb),
            invoked_function_arn=self._arn,
            aws_request_id=str(uuid.uuid4()),
            log_stream_name=f"environment-{self._made}",
            deadline=time.monotonic() + self._timeout_s,
        )
        running = asyncio.create_task(self._run(one, json.dumps(event), context, is_cold))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        try:
            async with asyncio.timeout(self._timeout_s):  # `wait_for` may swallow that its caller was cancelled
                ran = await asyncio.shield(running)
        except TimeoutError:
            if one.kill():  # the function's own timeout; a thread only outlives the gateway's patience
                raise HandlerError(f"Task timed out after {self._timeout_s:.2f} seconds") from None
            raise
        if ran.error is not None:
            raise ran.error
        return ran.result

    async def _run(self, one: Environment, event: str, context: Context, is_cold: bool) -> Ran:
        if is_cold:
            await asyncio.sleep(self._conditions.delay("cold"))
        after_s = self._conditions.dies_after()
        death = asyncio.get_running_loop().call_later(after_s, one.kill) if after_s is not None else None
        ran = await one.handle(event, context)
        if death is not None:
            death.cancel()
        if isinstance(ran.error, Died):
            self._all.discard(one)
            one.close()
        else:
            self._idle.append(one)
        self._meter(
            "invocation",
            ms=ran.ms,
            cpu_ms=ran.cpu_ms,
            init_ms=ran.init_ms,
            memory_mb=self._memory_mb,
            cold=int(is_cold),
            failed=int(ran.error is not None),
        )
        return ran

    def close(self) -> None:
        """No more events. A handler that still runs is not waited for."""
        for one in self._all:
            one.close()
