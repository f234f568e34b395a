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
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from lobby.emulator.conditions import Conditions
from lobby.emulator.events import kind_of
from lobby.emulator.meters import Meter, nobody

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
    """How one event went: what came out or what went wrong, how long it took, and how much of that was work of the processor.
    Times in ms."""

    result: Any = None
    error: HandlerError | None = None
    ms: float = 0.0
    cpu_ms: float = 0.0


class Environment(Protocol):
    """One environment, for one event at a time."""

    async def start(self) -> float:
        """Called before the first event. Returns how long it took, in ms."""

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

    async def start(self) -> float:
        """See :class:`Environment`."""
        if self._cold_start is None:
            return 0.0
        began = time.perf_counter()
        await asyncio.get_running_loop().run_in_executor(self._worker, self._cold_start)
        return (time.perf_counter() - began) * 1000

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
        result, error, began, cpu = None, None, time.perf_counter(), time.thread_time()
        try:
            result = json.loads(json.dumps(self._invoke(json.loads(event), context)))
        except (Exception, SystemExit) as raised:
            log.exception("the handler raised")
            error = HandlerError(str(raised))
        return Ran(result, error, (time.perf_counter() - began) * 1000, (time.thread_time() - cpu) * 1000)


class ProcessEnvironment:
    """One process. ``handler`` is MODULE.FUNCTION, to be found in ``code`` (a folder or a zip); ``on_log`` hears each line
    that it writes."""

    def __init__(self, handler: str, code: Path, variables: Mapping[str, str], on_log: Callable[[str], None]) -> None:
        self._handler, self._code, self._variables, self._on_log = handler, code, variables, on_log
        self._process: asyncio.subprocess.Process
        self._logs: asyncio.Task[None] | None = None

    async def start(self) -> float:
        """See :class:`Environment`. What the import took, without the start of Python itself."""
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
        answer = await self._answer()
        return float(answer["init_ms"]) if answer else 0.0

    async def handle(self, event: str, context: Context) -> Ran:
        """See :class:`Environment`."""
        began = time.perf_counter()
        said = {name: getattr(context, name) for name in context.__dataclass_fields__ if name != "deadline"}
        request = {"event": event, "context": said, "remaining_ms": context.get_remaining_time_in_millis()}
        assert self._process.stdin is not None
        with suppress(ConnectionError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
        ran = await self._answer()
        if ran is None:
            return Ran(error=Died("Runtime exited"), ms=(time.perf_counter() - began) * 1000)
        return Ran(ran.get("result"), HandlerError(ran["error"]) if "error" in ran else None, ran["ms"], ran["cpu_ms"])

    def kill(self) -> bool:
        """See :class:`Environment`."""
        if self._process.returncode is None:
            self._process.kill()
        return True

    def close(self) -> None:
        """See :class:`Environment`."""
        self.kill()

    async def _answer(self) -> dict[str, Any] | None:
        """The next line that the process says; None where it has ended."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer

    async def _read_logs(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._on_log(line.decode(errors="replace").rstrip("\n"))
        await process.wait()


class Environments:
    """A pool that grows with the number of events at once.

    ``make(number)`` makes a new environment; ``conditions`` say how long that takes, and which of them die. Above
    ``concurrency`` an event is refused, as on AWS; above ``at_most`` it waits until one of the environments is free, since a
    desk has not as many cores as AWS.
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
        at_most: int = 1000,
        meter: Meter = nobody,
        conditions: Conditions | None = None,
    ) -> None:
        self._make, self._meter, self._conditions = make, meter, conditions or Conditions()
        self._name, self._arn, self._memory_mb = name, arn, memory_mb
        self._timeout_s, self._concurrency, self._at_most = timeout_s, concurrency, at_most
        self._all: set[Environment] = set()
        self._idle: list[Environment] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._made = self._busy = 0
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """How many environments there are."""
        return len(self._all)

    async def call(self, event: dict[str, Any]) -> Any:
        """One event. Raises HandlerError, and TimeoutError when nobody waits any longer (a thread may go on)."""
        if self._busy >= self._concurrency:
            self._meter("throttled", function=self._name)
            raise HandlerError("Rate Exceeded: every environment is busy")
        self._busy += 1
        running = asyncio.create_task(self._run(json.dumps(event), kind_of(event)))
        self._running.add(running)
        running.add_done_callback(self._forget)
        return await asyncio.shield(running)  # whoever waits may give up; the function does not notice

    async def _run(self, event: str, kind: str) -> Any:
        one, init_ms = await self._environment()
        context = Context(
            function_name=self._name,
            memory_limit_in_mb=str(self._memory_mb),
            invoked_function_arn=self._arn,
            aws_request_id=str(uuid.uuid4()),
            log_stream_name=f"environment-{self._made}",
            deadline=time.monotonic() + self._timeout_s,
        )
        handling = asyncio.create_task(one.handle(event, context))
        after_s = self._conditions.dies_after()
        death = asyncio.get_running_loop().call_later(after_s, one.kill) if after_s is not None else None
        try:
            async with asyncio.timeout(self._timeout_s):  # `wait_for` may swallow that its caller was cancelled
                ran = await asyncio.shield(handling)
        except TimeoutError:
            if not one.kill():  # a thread goes on
                handling.add_done_callback(lambda done: self._ended(one, done.result(), init_ms, kind))
                raise
            ran = (await handling)._replace(error=Died(f"Task timed out after {self._timeout_s:.2f} seconds"))
        if death is not None:
            death.cancel()
        self._ended(one, ran, init_ms, kind)
        if ran.error is not None:
            raise ran.error
        return ran.result

    async def _environment(self) -> tuple[Environment, float | None]:
        """An environment that is free, and how long its start took if it is new."""
        while not self._idle and len(self._all) >= self._at_most:
            free: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(free)
            await free
        if self._idle and not self._conditions.happens("cold-starts"):
            return self._idle.pop(), None
        if self._idle:
            self._bury(self._idle.pop())
        self._made += 1
        one = self._make(self._made)
        self._all.add(one)
        await asyncio.sleep(self._conditions.delay("cold"))
        return one, await one.start()

    def _ended(self, one: Environment, ran: Ran, init_ms: float | None, kind: str) -> None:
        self._busy -= 1
        if isinstance(ran.error, Died):
            self._bury(one)
        else:
            self._idle.append(one)
        while self._waiting:
            free = self._waiting.popleft()
            if not free.done():
                free.set_result(None)
                break
        self._meter(
            "invocation",
            function=self._name,
            event=kind,
            ms=ran.ms,
            cpu_ms=ran.cpu_ms,
            init_ms=init_ms or 0.0,
            memory_mb=self._memory_mb,
            cold=int(init_ms is not None),
            failed=int(ran.error is not None),
        )

    def _forget(self, running: asyncio.Task[Any]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # whoever still waits hears of it; nobody has to

    def _bury(self, one: Environment) -> None:
        self._all.discard(one)
        one.close()

    async def finish(self, within_s: float) -> None:
        """No more events. Handlers that still run have a little time."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=within_s)
        for one in self._all:
            one.close()
