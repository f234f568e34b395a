"""As much of AWS as fits on a desk: gateway, functions, tables and streams of a stack, on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from lobby.emulator.cloudwatch import CloudWatch
from lobby.emulator.conditions import Conditions
from lobby.emulator.environments import Environment, Environments, Invoke, ProcessEnvironment, ThreadEnvironment
from lobby.emulator.gateway import ApiGateway
from lobby.emulator.meters import Meter, nobody
from lobby.emulator.services import Services
from lobby.emulator.stacks import Function, Stack
from lobby.emulator.streams import Pump
from lobby.emulator.tables import TARGET, Engine, TableServer
from lobby.errors import LobbyError

KEYS = {"AKIDEMULATOR00000000": "what a function is given here, and nobody else would take"}

PROCESSES = 16 * (os.cpu_count() or 1)
"""Environments of one function at the most, started one beside the other on this machine's cores."""

EXPIRY_S = 60.0
"""How often expired items are swept up. On AWS that takes up to two days."""


class Desk:
    """A stack that runs. ``async with`` it.

    ``code`` is a folder or a zip with the functions' handlers, each of which runs in processes of its own; or, for tests, a
    mapping from the functions' names to callables, which run in threads of this process, with the environment of this process.
    ``on_log`` hears what functions write. ``name`` is what CloudFormation calls the stack.
    """

    def __init__(
        self,
        stack: Stack,
        code: Path | Mapping[str, Invoke],
        engine: Engine,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        conditions: Conditions | None = None,
        meter: Meter = nobody,
        on_log: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.time,
        page: Callable[[str], tuple[bytes, str] | None] | None = None,
        name: str = "stack",
    ) -> None:
        self.stack, self.name = stack, name
        self._code, self._also, self._on_log, self._clock = code, meter, on_log, clock
        self.metrics = CloudWatch(clock, {"ApiId": stack.api.api_id, "Stage": stack.api.stage})
        self._conditions = conditions or Conditions()
        services = Services(
            self.metrics, self.described, account=stack.api.account_id, region=stack.api.region, credentials=KEYS
        )
        self.tables = TableServer(
            engine,
            host=host,
            region=stack.api.region,
            credentials=KEYS,
            meter=self._meter,
            delay=partial(self._conditions.delay, "table"),
            throttles=partial(self._conditions.happens, "throttled-table"),
            others=services.answer,
        )
        self._functions = {name: self._environments(function) for name, function in stack.functions.items()}
        self.gateway = ApiGateway(
            stack.api,
            self._functions,
            authorize=self._functions[stack.authorizer] if stack.authorizer else None,
            host=host,
            port=port,
            credentials=KEYS,
            clock=clock,
            meter=self._meter,
            delay=self._conditions.delay,
            lose_disconnect=lambda connection: self._conditions.happens("lost-disconnects"),
            refuse_post=lambda connection: self._conditions.happens("throttled-posts"),
            page=page,
        )
        self._running = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return self.gateway.url

    @property
    def aws(self) -> str:
        """Where DynamoDB, CloudWatch, CloudFormation and STS are: ``endpoint_url`` of their clients, with :data:`KEYS`."""
        return self.tables.endpoint

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as running:
            await running.enter_async_context(self.tables)
            for table in self.stack.tables:
                await self.tables.create(**table)
            try:
                await running.enter_async_context(self.gateway)
            except OSError as error:
                where = f"port {self.gateway.port} of {self.gateway.host}"
                raise LobbyError(f"Cannot listen on {where}: {error.strerror or error}. Take another port.") from None
            for source in self.stack.sources:
                pump = Pump(
                    source.mapping,
                    partial(self.tables.engine.records, source.table),
                    partial(self._bring, source.function),
                    stream_arn=source.arn,
                    region=self.stack.api.region,
                    pause=lambda: self._conditions.poll_s,
                    repeats=partial(self._conditions.happens, "repeated-batches"),
                    clock=self._clock,
                )
                await running.enter_async_context(pump)
            if self.stack.expiries:
                sweeper = asyncio.create_task(self._sweep())
                running.callback(sweeper.cancel)
            self._running = running.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    def variables(self, function: Function) -> dict[str, str]:
        """What a function finds in its environment: what the template says, ours in place of AWS's addresses, and what Lambda
        adds."""
        [(key, secret)] = KEYS.items()
        return {
            **self._localized(function.variables),
            "AWS_REGION": self.stack.api.region,
            "AWS_DEFAULT_REGION": self.stack.api.region,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_ENDPOINT_URL_DYNAMODB": self.tables.endpoint,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        }

    def described(self) -> dict[str, Any]:
        """The stack, as CloudFormation's DescribeStacks does it."""
        return {
            "StackName": self.name,
            "StackId": f"arn:aws:cloudformation:{self.stack.api.region}:{self.stack.api.account_id}:stack/{self.name}/1",
            "StackStatus": "CREATE_COMPLETE",
            "CreationTime": datetime.fromtimestamp(self._clock(), UTC),
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in self.stack.parameters.items()],
            "Outputs": [
                {"OutputKey": name, "OutputValue": value} for name, value in self._localized(self.stack.outputs).items()
            ],
        }

    def _localized(self, texts: Mapping[str, str]) -> dict[str, str]:
        here = f"{self.gateway.host}:{self.gateway.port}"
        return {name: self.stack.localized(text, here) for name, text in texts.items()}

    async def sweep(self) -> int:
        """Deletes what has expired, as DynamoDB does some day, and returns how many items that were."""
        swept = 0
        for table, attribute in self.stack.expiries.items():
            names = [key["AttributeName"] for key in next(t for t in self.stack.tables if t["TableName"] == table)["KeySchema"]]
            request = {
                "TableName": table,
                "FilterExpression": "#ttl < :now",
                "ExpressionAttributeNames": {"#ttl": attribute},
                "ExpressionAttributeValues": {":now": {"N": str(int(self._clock()))}},
            }
            _, answer = await self.tables.engine.answer(f"{TARGET}.Scan", json.dumps(request).encode())
            for item in json.loads(answer).get("Items", []):
                gone = {"TableName": table, "Key": {name: item[name] for name in names}}
                await self.tables.engine.answer(f"{TARGET}.DeleteItem", json.dumps(gone).encode())
                swept += 1
        return swept

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_S)
            await self.sweep()

    async def _bring(self, function: str, event: dict[str, Any]) -> None:
        await asyncio.sleep(self._conditions.delay("invoke"))
        await self._functions[function].call(event)

    def _environments(self, function: Function) -> Environments:
        def make(number: int) -> Environment:
            if isinstance(self._code, Mapping):
                return ThreadEnvironment(number, self._code[function.name])
            return ProcessEnvironment(function.handler, self._code, self.variables(function), partial(self.hear, function.name))

        return Environments(
            make,
            name=function.name,
            arn=function.arn,
            memory_mb=function.memory_mb,
            timeout_s=function.timeout_s,
            concurrency=function.concurrency,
            at_most=PROCESSES,
            meter=self._meter,
            conditions=self._conditions,
        )

    def hear(self, function: str, line: str) -> None:
        """A function has written a line. Threads write to this process's own output, where nobody listens."""
        self._meter("log", function=function, bytes=len(line.encode()) + 1)
        self.metrics.hear(line)
        self._on_log(line)

    def _meter(self, kind: str, /, **facts: float | str) -> None:
        self.metrics.meter(kind, **facts)
        self._also(kind, **facts)
