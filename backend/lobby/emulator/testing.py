"""A WebSocket API for the tests of any project, with pytest.

In ``conftest.py``::

    pytest_plugins = ["lobby.emulator.testing"]

In a test::

    from websockets.sync.client import connect

    def test_a_message_reaches_the_other_client(websocket_api):
        api = websocket_api("template.yaml", "src/")
        with connect(api.url) as ann, connect(api.url) as bea:
            ann.send('{"action": "sendmessage", "data": "hello"}')
            assert bea.recv(5) == "hello"
        assert api.bill["messages"] > 0

The stack runs in a thread with an event loop of its own, so tests may be synchronous. It ends with the test.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lobby.cloudformation.reading import parse, read_template
from lobby.emulator.definition import read_stack
from lobby.emulator.emulated_stack import ACCESS_KEY, SECRET_KEY, EmulatedStack
from lobby.emulator.function_code import CodeOptions
from lobby.emulator.metering import Metering
from lobby.emulator.tables import Engine, Moto

START_S = 60.0
"""How long a stack may take to start. The first one may have to unpack code and to start an engine for tables."""


@dataclass
class WebSocketApi:
    """A running API. ``url`` is the address for clients, ``aws`` the ``endpoint_url`` of DynamoDB, CloudWatch, CloudFormation
    and STS, with ``credentials`` as arguments of a boto3 client. ``logs`` are the lines that functions have written so far."""

    url: str
    aws: str
    region: str
    logs: list[str] = field(default_factory=list)
    _metering: Metering = field(default_factory=lambda: Metering(time.time))

    @property
    def credentials(self) -> dict[str, str]:
        """For ``boto3.client("dynamodb", endpoint_url=api.aws, **api.credentials)``."""
        return {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": self.region}

    @property
    def bill(self) -> dict[str, Any]:
        """What AWS would have metered so far: the fields of :class:`lobby.billing.Usage`."""
        return asdict(self._metering.usage)


@contextmanager
def running_api(
    template: Path | str,
    code: Path | str | None = None,
    *,
    parameters: Mapping[str, str] | None = None,
    functions: Mapping[str, Path | str] | None = None,
    engine: Engine | None = None,
) -> Iterator[WebSocketApi]:
    """Runs the stack of a template (CloudFormation, SAM, CDK or Serverless Framework output) until the context ends.

    ``code``: the folder or zip of all functions; None: where the template says. ``functions`` names the code of single
    functions or layers. ``engine`` keeps the tables; default: moto. Raises :class:`lobby.errors.LobbyError` with one sentence
    where the stack cannot run as on AWS.
    """
    path = Path(template)
    definition = read_stack(parse(read_template(path)), parameters or {})
    given = {name: Path(place) for name, place in (functions or {}).items()}
    options = CodeOptions(path.parent, given, Path(code) if code is not None else None)
    metering, logs = Metering(time.time), list[str]()
    started: list[WebSocketApi | BaseException] = []
    is_started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with EmulatedStack(definition, options, engine or Moto(), meter=metering, on_log=logs.append) as stack:
            metering.open_s = lambda: stack.gateway.open_s
            started.append(WebSocketApi(stack.url, stack.aws, definition.api.region, logs, metering))
            is_started.set()
            await stop.wait()

    def thread() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(run())
        except BaseException as error:  # it is raised in the thread of the test
            started.append(error)
        finally:
            is_started.set()

    running = threading.Thread(target=thread, name="websocket_api", daemon=True)
    running.start()
    if not is_started.wait(START_S):
        raise TimeoutError(f"the stack of {path} has not started within {START_S:.0f} s")
    if isinstance(started[0], BaseException):
        running.join()
        raise started[0]
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        running.join()
        if isinstance(started[-1], BaseException):
            raise started[-1]


@pytest.fixture
def websocket_api() -> Iterator[Callable[..., WebSocketApi]]:
    """Starts WebSocket APIs: ``websocket_api(template, code)`` takes the arguments of :func:`running_api`. All end with the
    test."""
    with ExitStack() as stacks:
        yield lambda *arguments, **options: stacks.enter_context(running_api(*arguments, **options))
