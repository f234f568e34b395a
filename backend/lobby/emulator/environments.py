"""Environments run a handler as Lambda does: each takes one event at a time, and there are as many as events at once.

There are two kinds. *Threads* of this process are fast, take any function as a handler, and a debugger can stop in it.
*Processes* are like Lambda's: they have their own modules and real cold starts, and they can be killed in the middle of an
event.
"""

from __future__ import annotations

import asyncio
import json
import logging
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
from lobby.emulator.events import kind_of, new_trace_id
from lobby.emulator.functions import LambdaFunction
from lobby.emulator.meters import Meter, no_meter

log = logging.getLogger(__name__)

Invoke = Callable[[dict[str, Any], Any], Any]
"""A Lambda's handler: takes event and context, returns a value that JSON can represent."""

RECORD = b"\x1e"
"""Begins each answer of a process. Other lines on the same channel come from programs that the function has started."""

LINE_BYTES = 16 * 1024 * 1024
"""The longest line from or to a process. Lambda allows 6 MB for an event or an answer; JSON inside JSON is larger."""


class HandlerError(Exception):
    """The handler raised, returned a value that JSON cannot represent, or no environment was available."""


class EnvironmentDied(HandlerError):
    """The environment ended in the middle of an event."""


@dataclass(frozen=True)
class Identity:
    """The caller of a function through Amazon Cognito; API Gateway passes none."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


@dataclass(frozen=True)
class Context:
    """The second argument of a handler. ``deadline`` is a time of ``time.monotonic()``."""

    function_name: str
    memory_limit_in_mb: str
    invoked_function_arn: str
    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    deadline: float
    function_version: str = "$LATEST"
    identity: Identity = Identity()
    client_context: None = None
    tenant_id: None = None

    def get_remaining_time_in_millis(self) -> int:
        """The time until the timeout, in ms."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


PASSED = (
    "function_name", "function_version", "memory_limit_in_mb", "invoked_function_arn", "aws_request_id", "log_group_name",
    "log_stream_name",
)  # fmt: skip
"""The fields of a context that a process gets."""


class HandlerResult(NamedTuple):
    """The result or the error of one event, its run time and its processor time, both in ms."""

    result: Any = None
    error: HandlerError | None = None
    ms: float = 0.0
    cpu_ms: float = 0.0


class Environment(Protocol):
    """One environment, for one event at a time. ``log_stream`` is the name of its log stream."""

    log_stream: str

    async def start(self) -> float:
        """Is called before the first event. Returns the duration of the cold start in ms."""

    async def handle(self, event: str, context: Context) -> HandlerResult:
        """Handles one event. Event and answer pass through JSON, as on AWS, so no object is shared."""

    def kill(self) -> bool:
        """Ends the environment, also in the middle of an event. Returns False if that is impossible."""

    def close(self) -> None:
        """Is called after the last event. Does not wait for a running handler."""

    async def ended(self) -> None:
        """Waits after :meth:`close` until nothing of the environment is left that can be ended."""


class ThreadEnvironment:
    """An environment that is one thread of this process. ``cold_start`` runs in it before the first event."""

    def __init__(self, number: int, invoke: Invoke, cold_start: Callable[[], object] | None = None) -> None:
        self.log_stream = new_log_stream(time.time())
        self._worker = ThreadPoolExecutor(1, f"environment-{number}")
        self._invoke, self._cold_start = invoke, cold_start

    async def start(self) -> float:
        if self._cold_start is None:
            return 0.0
        began = time.perf_counter()
        await asyncio.get_running_loop().run_in_executor(self._worker, self._cold_start)
        return (time.perf_counter() - began) * 1000

    async def handle(self, event: str, context: Context) -> HandlerResult:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._handle, event, context)

    def kill(self) -> bool:
        return False

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def ended(self) -> None:
        pass

    def _handle(self, event: str, context: Context) -> HandlerResult:
        result, error, began, cpu = None, None, time.perf_counter(), time.thread_time()
        try:
            result = json.loads(json.dumps(self._invoke(json.loads(event), context)))
        except (Exception, SystemExit) as raised:
            log.exception("the handler raised an exception")
            error = HandlerError(str(raised))
        return HandlerResult(result, error, (time.perf_counter() - began) * 1000, (time.thread_time() - cpu) * 1000)


def new_log_stream(now: float) -> str:
    """A name for a log stream as Lambda makes it; ``now`` is in seconds since 1970."""
    return f"{time.strftime('%Y/%m/%d', time.gmtime(now))}/[$LATEST]{uuid.uuid4().hex}"


@dataclass(frozen=True)
class Program:
    """The program of an environment: its command line, its variables, and its working directory."""

    words: tuple[str, ...]
    variables: Mapping[str, str]
    folder: Path


class ProcessEnvironment:
    """An environment that is one process. ``program(log_stream)`` returns its program; ``on_log`` is called with each event
    that the process writes to the log: a line, or several lines of one record."""

    def __init__(self, program: Callable[[str], Program], on_log: Callable[[str], None]) -> None:
        self.log_stream = new_log_stream(time.time())
        self._program, self._on_log = program, on_log
        self._process: asyncio.subprocess.Process
        self._logs: asyncio.Task[None] | None = None

    async def start(self) -> float:
        # Counts the import of the handler, not the start of the language itself.
        program = self._program(self.log_stream)
        self._process = process = await asyncio.create_subprocess_exec(
            *program.words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            env=program.variables,
            cwd=program.folder,
            start_new_session=True,  # Ctrl-C is for the gateway, which ends this process
        )
        self._logs = asyncio.create_task(self._read_logs(process))
        answer = await self._answer()
        return float(answer["init_ms"]) if answer else 0.0

    async def handle(self, event: str, context: Context) -> HandlerResult:
        began = time.perf_counter()
        request = {
            "event": event,
            "context": {name: getattr(context, name) for name in PASSED},
            "remaining_ms": context.get_remaining_time_in_millis(),
            "trace_id": f"{new_trace_id(time.time())};Parent={uuid.uuid4().hex[:16]};Sampled=0",
        }
        assert self._process.stdin is not None
        with suppress(ConnectionError, RuntimeError):  # uvloop raises RuntimeError if the process has ended
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
        ran = await self._answer()
        if ran is None:
            return HandlerResult(error=EnvironmentDied("Runtime exited"), ms=(time.perf_counter() - began) * 1000)
        error = HandlerError(ran["error"]) if "error" in ran else None
        result = None
        try:
            result = json.loads(ran.get("result", "null"))
        except RecursionError:
            error = HandlerError("the answer is nested too deeply")
        return HandlerResult(result, error, ran["ms"], ran["cpu_ms"])

    def kill(self) -> bool:
        if self._logs is not None and self._process.returncode is None:
            self._process.kill()
        return True

    def close(self) -> None:
        self.kill()

    async def ended(self) -> None:
        if self._logs is not None:
            await self._logs  # ends with the process

    async def _answer(self) -> dict[str, Any] | None:
        """The next answer of the process; None if the process has ended."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.startswith(RECORD):
                answer: dict[str, Any] = json.loads(line[1:])
                return answer
            self._logged(line)
        return None

    async def _read_logs(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._logged(line)
        await process.wait()

    def _logged(self, line: bytes) -> None:
        # The programs in ``runtimes`` separate the lines of one record by carriage returns.
        self._on_log(line.decode(errors="replace").rstrip("\r\n").replace("\r", "\n"))


class Environments:
    """The environments of one function: a pool that grows with the number of events at once.

    ``make(number)`` makes a new environment. ``conditions`` decide how long that takes and which environments die. Above the
    concurrency of the ``function`` an event is refused, as on AWS. Above ``at_most`` environments an event waits until one is
    free, because this machine has fewer cores than AWS.

    ``waited(log_stream)`` returns the seconds that an environment has waited for this machine since its last event; they are
    not on the bill. ``queued`` is called with the seconds that an event waited for an environment.
    """

    def __init__(
        self,
        make: Callable[[int], Environment],
        function: LambdaFunction,
        *,
        at_most: int = 1000,
        meter: Meter = no_meter,
        conditions: Conditions | None = None,
        waited: Callable[[str], float] = lambda log_stream: 0.0,
        queued: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._waited, self._queued = waited, queued
        self._make, self._meter, self._conditions = make, meter, conditions or Conditions()
        self._function, self._at_most = function, at_most
        self._all: set[Environment] = set()
        self._outdated: set[Environment] = set()
        self._idle: list[Environment] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._made = self._busy = 0
        self._running: set[asyncio.Task[Any]] = set()
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """The number of environments."""
        return len(self._all)

    def reload(self) -> None:
        """Makes new environments for all later events, because the code has changed. Events that are handled now end as they
        would."""
        for one in self._idle:
            self._discard(one)
        self._idle.clear()
        self._outdated = set(self._all)

    async def call(self, event: dict[str, Any]) -> Any:
        """Handles one event and returns the answer. Raises HandlerError, and TimeoutError if a thread exceeds the timeout (it
        runs on)."""
        if self._busy >= self._function.concurrency:
            self._meter("throttled", function=self._function.name)
            raise HandlerError("Rate Exceeded: every environment is busy")
        self._busy += 1
        running = asyncio.create_task(self._run(json.dumps(event), kind_of(event)))
        self._running.add(running)
        running.add_done_callback(self._forget)
        return await asyncio.shield(running)  # the caller may give up; the function runs on

    async def _run(self, event: str, kind: str) -> Any:
        try:
            one, init_ms = await self._environment()
        except OSError as error:
            self._busy -= 1
            self._free_one()
            raise EnvironmentDied(f"an environment cannot start: {error}") from None
        context = Context(
            function_name=self._function.name,
            memory_limit_in_mb=str(self._function.memory_mb),
            invoked_function_arn=self._function.arn,
            aws_request_id=str(uuid.uuid4()),
            log_group_name=self._function.logs_to,
            log_stream_name=one.log_stream,
            deadline=time.monotonic() + self._function.timeout_s,
        )
        handling = asyncio.create_task(one.handle(event, context))
        after_s = self._conditions.dies_after()
        death = asyncio.get_running_loop().call_later(after_s, one.kill) if after_s is not None else None
        try:
            async with asyncio.timeout(self._function.timeout_s):  # `wait_for` may lose a cancellation of its caller
                ran = await asyncio.shield(handling)
        except TimeoutError:
            if not one.kill():  # a thread runs on
                handling.add_done_callback(lambda done: self._ended(one, done.result(), init_ms, kind))
                raise
            ran = (await handling)._replace(
                error=EnvironmentDied(f"Task timed out after {self._function.timeout_s:.2f} seconds")
            )
        if death is not None:
            death.cancel()
        self._ended(one, ran, init_ms, kind)
        if ran.error is not None:
            raise ran.error
        return ran.result

    async def _environment(self) -> tuple[Environment, float | None]:
        """A free environment, and the duration of its cold start in ms if it is new."""
        began = time.monotonic()
        while not self._idle and len(self._all) >= self._at_most:
            free: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(free)
            await free
        self._queued(time.monotonic() - began)
        if self._idle and not self._conditions.happens("cold-starts"):
            return self._idle.pop(), None
        if self._idle:
            self._discard(self._idle.pop())
        self._made += 1
        one = self._make(self._made)
        self._all.add(one)
        try:
            await asyncio.sleep(self._conditions.delay("cold"))
            return one, await one.start()
        except BaseException:
            self._all.discard(one)
            raise

    def _ended(self, one: Environment, ran: HandlerResult, init_ms: float | None, kind: str) -> None:
        self._busy -= 1
        if isinstance(ran.error, EnvironmentDied) or one in self._outdated:
            self._discard(one)
        else:
            self._idle.append(one)
        self._free_one()
        self._meter(
            "invocation",
            function=self._function.name,
            event=kind,
            ms=max(ran.cpu_ms, ran.ms - self._waited(one.log_stream) * 1000),
            cpu_ms=ran.cpu_ms,
            init_ms=init_ms or 0.0,
            memory_mb=self._function.memory_mb,
            cold=int(init_ms is not None),
            failed=int(ran.error is not None),
        )

    def _free_one(self) -> None:
        """Lets one event that waits for an environment go on."""
        while self._waiting:
            free = self._waiting.popleft()
            if not free.done():
                free.set_result(None)
                break

    def _forget(self, running: asyncio.Task[Any]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # marks the exception as retrieved; a caller that still waits gets it, too

    def _discard(self, one: Environment) -> None:
        self._all.discard(one)
        self._outdated.discard(one)
        one.close()
        ending = asyncio.create_task(one.ended())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def finish(self, within_s: float) -> None:
        """Is called after the last event. Running handlers have ``within_s`` seconds to end."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=within_s)
        for one in list(self._all):
            self._discard(one)
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=within_s)
