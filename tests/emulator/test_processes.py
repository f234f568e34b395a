"""Handlers in processes of their own: as alone, and as mortal, as Lambda's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from aiohttp import web

from lobby.emulator import Conditions, Environments, HandlerError, LambdaFunction
from lobby.emulator.function_code import CodeOptions
from lobby.emulator.function_processes import FunctionProcesses
from lobby.emulator.programs import system_variables
from tests.emulator.worlds import Meter, until

HANDLER = """
import os, time
calls = 0
def handle(event, context):
    global calls
    calls += 1
    print("called", calls)
    if event.get("raise"):
        raise RuntimeError("spoilt")
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("exit"):
        os._exit(3)
    return {"calls": calls, "pid": os.getpid(), "name": context.function_name, "id": context.aws_request_id,
            "left": context.get_remaining_time_in_millis(), "said": os.environ.get("SAID"), "home": os.environ.get("HOME")}
"""


PYTHON = f"python3.{sys.version_info.minor}"


async def no_answer(request: web.BaseRequest) -> web.StreamResponse:
    raise AssertionError(f"no function calls {request.host}")


async def no_refusal(method: str, host: str, target: str, headers: Mapping[str, str]) -> web.Response:
    raise AssertionError(f"no function calls {host}")


class World:
    def __init__(self, folder: Path, timeout_s: float = 29.0, concurrency: int = 1000, **options: Any) -> None:
        (folder / "mine.py").write_text(HANDLER)
        self.lines: list[str] = []
        self.meter = Meter()
        code = CodeOptions(default=options.pop("code", folder))
        function = LambdaFunction(
            "mine",
            "arn:mine",
            options.pop("handler", "mine.handle"),
            timeout_s=timeout_s,
            concurrency=concurrency,
            runtime=PYTHON,
            variables={"SAID": "hello"},
        )
        self.notes: list[str] = []
        self.processes = FunctionProcesses(
            {"mine": function},
            code,
            answer=no_answer,
            refuse=no_refusal,
            own=lambda: ("127.0.0.1", 1),
            region="eu-west-1",
            keys=("key", "secret", "token"),
            endpoints=dict,
            changed=lambda name: self.environments.reload(),
            log=self.notes.append,
        )
        self.environments = Environments(
            lambda number: self.processes.environment(function, function.variables, self.lines.append),
            function,
            meter=self.meter,
            **options,
        )

    async def __aenter__(self) -> World:
        await self.processes.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.environments.finish(1)
        await self.processes.__aexit__()


async def test_a_handler_keeps_its_globals_and_sees_its_own_environment_only(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first, second = [await world.environments.call({}) for _ in range(2)]
        assert (first["calls"], second["calls"], first["pid"]) == (1, 2, second["pid"])
        assert (first["name"], first["said"], first["home"]) == ("mine", "hello", None)
        assert first["id"] != second["id"]
        assert 28_000 < first["left"] <= 29_000
        await until(lambda: world.lines == ["called 1", "called 2"])
        assert [one["cold"] for one in world.meter.of("invocation")] == [1, 0]
        assert world.meter.of("invocation")[0]["init_ms"] > 0


async def test_events_at_once_have_environments_of_their_own(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        answers = await asyncio.gather(*(world.environments.call({"sleep": 0.2}) for _ in range(3)))
        assert len({answer["pid"] for answer in answers}) == 3


async def test_above_the_number_of_processes_events_wait_and_above_the_concurrency_they_are_refused(tmp_path: Path) -> None:
    async with World(tmp_path, at_most=1) as world:
        answers = await asyncio.gather(*(world.environments.call({"sleep": 0.01}) for _ in range(3)))
        assert [answer["calls"] for answer in answers] == [1, 2, 3]
    async with World(tmp_path, concurrency=1) as world:
        waiting = asyncio.create_task(world.environments.call({"sleep": 0.1}))
        await asyncio.sleep(0)
        with pytest.raises(HandlerError, match="Rate Exceeded"):
            await world.environments.call({})
        await waiting


async def test_an_exception_is_reported_and_the_environment_is_kept(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        with pytest.raises(HandlerError, match="spoilt"):
            await world.environments.call({"raise": True})
        assert (await world.environments.call({}))["calls"] == 2
        await until(lambda: any("RuntimeError: spoilt" in line for line in world.lines))


async def test_an_environment_that_ends_is_replaced(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        with pytest.raises(HandlerError, match="exited"):
            await world.environments.call({"exit": True})
        assert (await world.environments.call({}))["calls"] == 1


async def test_an_event_that_is_handled_when_the_code_changes_ends_with_the_old_code(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        old = (await world.environments.call({}))["pid"]
        handled = asyncio.create_task(world.environments.call({"sleep": 0.2}))
        for _ in range(5):  # until the environment has the event
            await asyncio.sleep(0)
        world.environments.reload()
        assert (await handled)["pid"] == old
        answer = await world.environments.call({})
        assert (answer["pid"] != old, answer["calls"], len(world.environments)) == (True, 1, 1)


async def test_the_functions_own_timeout_kills_it(tmp_path: Path) -> None:
    async with World(tmp_path, timeout_s=0.2) as world:
        with pytest.raises(HandlerError, match=r"Task timed out after 0\.20 seconds"):
            await world.environments.call({"sleep": 60})
        assert (await world.environments.call({}))["calls"] == 1


async def test_lambdas_die_and_environments_are_thrown_away_where_that_is_wanted(tmp_path: Path) -> None:
    async with World(tmp_path, conditions=Conditions(faults={"dead-lambdas": 1.0})) as world:
        with pytest.raises(HandlerError, match="exited"):
            await world.environments.call({"sleep": 60})
    async with World(tmp_path, conditions=Conditions(faults={"cold-starts": 1.0})) as world:
        assert [(await world.environments.call({}))["calls"] for _ in range(3)] == [1, 1, 1]


async def test_a_missing_handler_is_reported_at_once(tmp_path: Path) -> None:
    async with World(tmp_path, handler="nowhere.handle") as world:
        with pytest.raises(HandlerError, match="Unable to import module 'nowhere'"):
            await world.environments.call({})


async def test_code_may_be_a_zip(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("mine.py", HANDLER)

    async with World(tmp_path, code=tmp_path / "code.zip") as world:
        assert (await world.environments.call({}))["calls"] == 1


def test_a_process_gets_what_python_needs_of_its_system_and_nothing_else() -> None:
    windows = {"Path": "C:/Python", "SystemRoot": "C:/Windows", "TEMP": "C:/Temp", "AWS_PROFILE": "mine", "HOME": "/root"}
    assert system_variables(windows) == {name: windows[name] for name in ("Path", "SystemRoot", "TEMP")}
