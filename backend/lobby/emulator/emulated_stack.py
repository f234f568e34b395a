"""A whole stack on loopback: gateway, functions, tables and streams."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from lobby.addresses import reachable
from lobby.emulator import aws_hosts
from lobby.emulator.cloudwatch import CloudWatch
from lobby.emulator.conditions import Conditions
from lobby.emulator.definition import StackDefinition, StreamSource
from lobby.emulator.environments import Environment, Environments, Invoke, ThreadEnvironment
from lobby.emulator.function_code import CodeOptions
from lobby.emulator.function_processes import FunctionProcesses, session_token
from lobby.emulator.functions import LambdaFunction
from lobby.emulator.gateway import ApiGateway, GatewayFaults, PageLookup, no_page
from lobby.emulator.machine_load import MachineLoad
from lobby.emulator.meters import Meter, no_meter
from lobby.emulator.programs import lambda_variables
from lobby.emulator.services import Services
from lobby.emulator.streams import EventSourceMapping
from lobby.emulator.tables import TARGET, Engine, TableServer
from lobby.emulator.waits import Waits
from lobby.errors import LobbyError

ACCESS_KEY, SECRET_KEY, SESSION_TOKEN = "AKIDEMULATOR00000000", "emulator-secret-key-not-a-secret", "emulator-session-token"
"""The credentials of the emulated account. Functions get them, and every request to an emulated service must be signed with
them. They protect nothing, so they may be public."""

PROCESSES = 16 * (os.cpu_count() or 1)
"""The largest number of process environments of one function. They share the cores of this machine."""

EXPIRY_S = 60.0
"""Pause between two deletions of expired items. AWS takes up to two days."""


class EmulatedStack:
    """A stack that runs on this machine. ``async with`` it.

    ``code`` states where the code of the functions is, which then run in processes of their own; a path is the folder or the
    zip of all of them. In tests it may be a mapping from function names to callables, which run in threads of this process with
    its environment. ``on_log`` is called with each event that a function in a process writes to its log, and with lines of the
    emulator about functions. ``meter`` is called for everything that AWS would charge for. ``page`` and ``clock`` are those of
    :class:`ApiGateway`.
    """

    def __init__(
        self,
        definition: StackDefinition,
        code: CodeOptions | Path | Mapping[str, Invoke],
        engine: Engine,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        conditions: Conditions | None = None,
        meter: Meter = no_meter,
        on_log: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] | None = None,
        page: PageLookup = no_page,
    ) -> None:
        self._handlers = code if isinstance(code, Mapping) else {}
        if not isinstance(code, Mapping):
            # As on AWS, because the addresses of AWS lead functions in processes to this stack.
            api = replace(
                definition.api,
                domain_name=definition.api.domain_name or aws_hosts.api_host(definition.api.api_id, definition.api.region),
            )
            definition = replace(definition, api=api)
        self.definition = definition
        self._extra_meter, self._on_log, self._clock = meter, on_log, clock or time.time
        self._conditions = conditions or Conditions()
        self.metrics = CloudWatch(self._clock, {"ApiId": definition.api.api_id, "Stage": definition.api.stage})
        self._waits, self._load = Waits(), MachineLoad(type(engine).__name__.lower(), self._on_log)
        self.tables = self._table_server(engine)
        self._processes = None if isinstance(code, Mapping) else self._function_processes(code)
        self._functions = {name: self._environments(function) for name, function in definition.functions.items()}
        self.gateway = ApiGateway(
            definition.api,
            self._functions,
            authorize=self._functions[definition.authorizer] if definition.authorizer else None,
            host=host,
            port=port,
            credentials={ACCESS_KEY: SECRET_KEY},
            clock=clock,
            meter=self._meter,
            page=page,
            faults=GatewayFaults(
                delay=self._conditions.delay,
                lose_disconnect=lambda connection: self._conditions.happens("lost-disconnects"),
                refuse_post=lambda connection: self._conditions.happens("throttled-posts"),
            ),
        )
        self._running = AsyncExitStack()

    @property
    def url(self) -> str:
        """The WebSocket address of the API."""
        return self.gateway.url

    @property
    def aws(self) -> str:
        """The address of DynamoDB, CloudWatch, CloudFormation and STS: ``endpoint_url`` of their clients. Requests must be
        signed with :data:`ACCESS_KEY` and :data:`SECRET_KEY`."""
        return self.tables.endpoint

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as running:
            await running.enter_async_context(self.tables)
            for table in self.definition.tables:
                await self.tables.create(**table)
            if self._processes is not None:
                await running.enter_async_context(self._processes)
            try:
                await running.enter_async_context(self.gateway)
            except OSError as error:
                where = f"port {self.gateway.port} of {self.gateway.host}"
                raise LobbyError(f"Cannot listen on {where}: {error.strerror or error}. Choose another port.") from None
            for source in self.definition.sources:
                await running.enter_async_context(self._mapping(source))
            watching = [asyncio.create_task(self._load.watch())]
            if self.definition.expiries:
                watching.append(asyncio.create_task(self._sweep()))
            for task in watching:
                running.callback(task.cancel)
            self._running = running.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    def _table_server(self, engine: Engine) -> TableServer:
        account, region = self.definition.api.account_id, self.definition.api.region
        credentials = {ACCESS_KEY: SECRET_KEY}
        self._services = Services(
            self.metrics, self.described, account=account, region=region, credentials=credentials, log=self._on_log
        )
        return TableServer(
            engine,
            region=region,
            credentials=credentials,
            meter=self._meter,
            delay=partial(self._conditions.delay, "table"),
            throttles=partial(self._conditions.happens, "throttled-table"),
            others=self._services.answer,
            answered=self._table_answered,
        )

    def _table_answered(self, token: str, began: float, ended: float, latency_s: float) -> None:
        self._waits.answered(token, began, ended, latency_s)
        self._load.tables.add(max(0.0, ended - began - latency_s))

    def _mapping(self, source: StreamSource) -> EventSourceMapping:
        return EventSourceMapping(
            source.settings,
            partial(self.tables.engine.records, source.table),
            partial(self._deliver, source.function),
            stream_arn=source.arn,
            region=self.definition.api.region,
            pause=lambda: self._conditions.poll_s,
            repeats=partial(self._conditions.happens, "repeated-batches"),
            clock=self._clock,
        )

    def variables(self, function: LambdaFunction) -> dict[str, str]:
        """The variables of a function that runs in a thread: those of the template, with our addresses in place of AWS's, and
        those that Lambda sets. The caller puts them into the environment of this process."""
        region, keys = self.definition.api.region, (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN)
        own = self._localized(function.variables)
        return {**lambda_variables(function, own, Path(), "", region=region, keys=keys), **self._endpoints()}

    def _endpoints(self) -> dict[str, str]:
        # The address of DynamoDB on AWS works, too; this one needs no TLS, which is faster.
        return {"AWS_ENDPOINT_URL_DYNAMODB": self.tables.endpoint}

    def _function_processes(self, code: CodeOptions | Path) -> FunctionProcesses:
        return FunctionProcesses(
            {name: function for name, function in self.definition.functions.items() if name in self.definition.called},
            CodeOptions(default=code) if isinstance(code, Path) else code,
            answer=self._answer_aws,
            refuse=self._services.refuse,
            own=lambda: (reachable(self.gateway.host), self.gateway.port),
            region=self.definition.api.region,
            keys=(ACCESS_KEY, SECRET_KEY, SESSION_TOKEN),
            endpoints=self._endpoints,
            changed=lambda name: self._functions[name].reload(),
            log=self._on_log,
        )

    async def _answer_aws(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers what a function sends to a host of AWS."""
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # S3 clients wait for it
        host = request.host.lower()
        if host.partition(":")[0] == aws_hosts.api_host(self.definition.api.api_id, self.definition.api.region):
            return await self.gateway.handle(request)
        if not aws_hosts.is_aws(host.rpartition(":")[0] or host):  # the address of the gateway on this machine
            return await self.gateway.handle(request)
        return await self.tables.handle(request)

    def described(self) -> dict[str, Any]:
        """The stack in the form of CloudFormation's DescribeStacks."""
        api = self.definition.api
        return {
            "StackName": self.definition.name,
            "StackId": f"arn:aws:cloudformation:{api.region}:{api.account_id}:stack/{self.definition.name}/1",
            "StackStatus": "CREATE_COMPLETE",
            "CreationTime": datetime.fromtimestamp(self._clock(), UTC),
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in self.definition.parameters.items()
            ],
            "Outputs": [
                {"OutputKey": name, "OutputValue": value} for name, value in self._localized(self.definition.outputs).items()
            ],
        }

    def _localized(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {name: self.definition.localized(text, self.gateway.address) for name, text in texts.items()}

    async def sweep(self) -> int:
        """Deletes expired items, as DynamoDB does at some time. Returns the number of deleted items."""
        swept = 0
        for table, attribute in self.definition.expiries.items():
            names = [
                key["AttributeName"] for key in next(t for t in self.definition.tables if t["TableName"] == table)["KeySchema"]
            ]
            request = {
                "TableName": table,
                "FilterExpression": "#ttl < :now",
                "ExpressionAttributeNames": {"#ttl": attribute},
                "ExpressionAttributeValues": {":now": {"N": str(int(self._clock()))}},
            }
            _, answer = await self.tables.engine.answer(f"{TARGET}.Scan", json.dumps(request).encode())
            for item in json.loads(answer).get("Items", []):
                await self.tables.expire(table, {name: item[name] for name in names})
                swept += 1
        return swept

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_S)
            await self.sweep()

    async def _deliver(self, function: str, event: dict[str, Any]) -> None:
        await asyncio.sleep(self._conditions.delay("invoke"))
        await self._functions[function].call(event)

    def _environments(self, function: LambdaFunction) -> Environments:
        def make(number: int) -> Environment:
            if self._processes is None:
                return ThreadEnvironment(number, self._handlers[function.name])
            variables = self._localized(function.variables)
            return self._processes.environment(function, variables, partial(self.function_logged, function.name))

        return Environments(
            make,
            function,
            at_most=PROCESSES,
            meter=self._meter,
            conditions=self._conditions,
            waited=lambda log_stream: self._waits.take(session_token(SESSION_TOKEN, log_stream)),
            queued=self._load.waiting.add,
        )

    def function_logged(self, function: str, line: str) -> None:
        """Takes a line that a function in a process has written. Functions in threads write to the output of this process,
        which is not read."""
        self._meter("log", function=function, bytes=len(line.encode()) + 1)
        self.metrics.read_log(line)
        self._on_log(line)

    def _meter(self, kind: str, /, **facts: float | str) -> None:
        self.metrics.meter(kind, **facts)
        self._extra_meter(kind, **facts)
