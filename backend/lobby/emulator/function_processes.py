"""What functions in processes need: their code, a way from AWS's addresses to the emulator, and the programs that run them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

from lobby.emulator import node_sdk
from lobby.emulator.aws_hosts import AWS_HOSTS
from lobby.emulator.aws_proxy import Answer, AwsProxy
from lobby.emulator.environments import Environment, ProcessEnvironment, Program
from lobby.emulator.function_code import CodeOptions, FunctionCodes, find_machine, watch
from lobby.emulator.functions import LambdaFunction, language
from lobby.emulator.http2_refusals import Refuse
from lobby.emulator.programs import PROGRAMS, Access, Machine, lambda_variables
from lobby.errors import LobbyError

NAMED_FILES = 3
"""How many changed files a line names."""


class FunctionProcesses:
    """The processes of ``functions``. ``async with`` it.

    ``answer`` answers what functions send to AWS, and ``refuse`` what they send by HTTP/2. ``own()`` returns host and port of
    the gateway. ``keys`` are the access key, the secret key and the session token of functions. ``endpoints()`` returns
    variables with addresses of services. ``changed(name)`` is called when the code of a function has changed. ``log`` is called
    with lines about functions.
    """

    def __init__(
        self,
        functions: Mapping[str, LambdaFunction],
        code: CodeOptions,
        *,
        answer: Answer,
        refuse: Refuse,
        own: Callable[[], tuple[str, int]],
        region: str,
        keys: tuple[str, str, str],
        endpoints: Callable[[], Mapping[str, str]],
        changed: Callable[[str], None],
        log: Callable[[str], None],
    ) -> None:
        self._functions, self._answer, self._refuse, self._own = functions, answer, refuse, own
        self._region, self._keys, self._endpoints = region, keys, endpoints
        self._changed, self._log = changed, log
        self._codes = FunctionCodes(code, functions)
        self._proxy: AwsProxy
        self._machine: Machine
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as running:
            self._machine = await find_machine(self._functions, self._log)
            running.enter_context(self._codes)
            await asyncio.to_thread(self._codes.prepare)
            await self._install_sdk()
            folder = running.enter_context(tempfile.TemporaryDirectory(prefix="emulator-"))
            self._proxy = await running.enter_async_context(AwsProxy(self._answer, self._refuse, self._own, Path(folder)))
            watcher = asyncio.create_task(watch(self._codes, self._code_changed, self._log))
            running.push_async_callback(_ended, watcher)
            self._running = running.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    async def _install_sdk(self) -> None:
        """Installs what AWS's Node.js contains and the functions use, if it is not here yet."""
        folder = node_sdk.sdk_folder() / "node_modules"
        missing: set[str] = set()
        for name, function in self._functions.items():
            if language(function) == "nodejs":
                code = self._codes[name]
                used = await asyncio.to_thread(node_sdk.used_packages, code.root)
                wanted = {package for package in used if node_sdk.contained(function.runtime, package)}
                layers = [layer / "nodejs/node_modules" for layer in code.layers]
                missing |= set(node_sdk.missing_packages(wanted, code.root, (*layers, *self._machine.node_folders, folder)))
        if missing:
            await node_sdk.install(sorted(missing), self._log)
        self._machine = replace(self._machine, node_folders=(*self._machine.node_folders, folder))

    def environment(self, function: LambdaFunction, variables: Mapping[str, str], on_log: Callable[[str], None]) -> Environment:
        """A new environment of a function. ``variables`` are those of the template; ``on_log`` takes what it writes to its
        log."""
        return ProcessEnvironment(partial(self._program, function, variables), on_log)

    def _program(self, function: LambdaFunction, variables: Mapping[str, str], log_stream: str) -> Program:
        code = self._codes[function.name]
        host, port = self._own()
        access = Access(
            proxy=self._proxy.url,
            tls_port=self._proxy.tls_port,
            hosts=AWS_HOSTS,
            gateway=f"{host}:{port}",
            bundle=self._proxy.bundle,
            authority=self._proxy.authority,
            endpoints=self._endpoints(),
        )
        key, secret, token = self._keys
        keys = key, secret, session_token(token, log_stream)
        known = lambda_variables(function, variables, code.root, log_stream, region=self._region, keys=keys)
        return PROGRAMS[language(function)](function, code.root, code.layers, known, access, self._machine)

    def _code_changed(self, name: str, files: list[Path]) -> None:
        function = self._functions[name]
        try:
            self._codes.find(name)
        except (LobbyError, OSError) as error:  # a zip that is written at this moment
            self._log(f"{function.logical or name}: the changed code cannot be loaded: {error}")
            return
        more = f" and {len(files) - NAMED_FILES} more" if len(files) > NAMED_FILES else ""
        named = ", ".join(file.name for file in files[:NAMED_FILES]) + more
        self._log(f"{function.logical or name}: the code has changed ({named}). The next event loads it.")
        self._changed(name)


def session_token(token: str, log_stream: str) -> str:
    """The session token of one environment. By it a service knows which environment sent a request."""
    return f"{token}-{log_stream.rpartition(']')[2]}"


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
