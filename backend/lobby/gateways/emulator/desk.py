"""As much of AWS as fits on a desk: gateway, functions, tables and streams of a stack, on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from lobby.gateways.emulator.conditions import Conditions
from lobby.gateways.emulator.environments import Environment, Environments, Invoke, ProcessEnvironment, ThreadEnvironment
from lobby.gateways.emulator.gateway import ApiGateway
from lobby.gateways.emulator.meters import Meter, nobody
from lobby.gateways.emulator.stacks import Function, Stack
from lobby.gateways.emulator.streams import Pump
from lobby.gateways.emulator.tables import TARGET, Engine, TableServer

KEYS = {"AKIDEMULATOR00000000": "what a function is given here, and nobody else would take"}

EXPIRY_S = 60.0
"""How often expired items are swept up. On AWS that takes up to two days."""


class Desk:
    """A stack that runs. ``async with`` it.

    ``code`` is a folder or a zip with the functions' handlers, each of which runs in processes of its own; or, for tests, a
    mapping from the functions' names to callables, which run in threads of this process, with the environment of this process.
    ``on_log`` hears what functions write.
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
    ) -> None:
        self.stack, self._code, self._meter, self._on_log, self._clock = stack, code, meter, on_log, clock
        self._conditions = conditions or Conditions()
        self.tables = TableServer(
            engine,
            host=host,
            region=stack.api.region,
            credentials=KEYS,
            meter=meter,
            delay=partial(self._conditions.delay, "table"),
            throttles=partial(self._conditions.happens, "throttled-table"),
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
            meter=meter,
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

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as running:
            await running.enter_async_context(self.tables)
            for table in self.stack.tables:
                await self.tables.create(**table)
            await running.enter_async_context(self.gateway)
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
        here = f"{self.gateway.host}:{self.gateway.port}"
        [(key, secret)] = KEYS.items()
        return {
            **{name: self.stack.localized(value, here) for name, value in function.variables.items()},
            "AWS_REGION": self.stack.api.region,
            "AWS_DEFAULT_REGION": self.stack.api.region,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_ENDPOINT_URL_DYNAMODB": self.tables.endpoint,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        }

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
            return ProcessEnvironment(function.handler, self._code, self.variables(function), self._hear)

        return Environments(
            make,
            name=function.name,
            arn=function.arn,
            memory_mb=function.memory_mb,
            timeout_s=function.timeout_s,
            concurrency=function.concurrency,
            meter=self._meter,
            conditions=self._conditions,
        )

    def _hear(self, line: str) -> None:
        self._meter("log", bytes=len(line.encode()) + 1)
        self._on_log(line)
