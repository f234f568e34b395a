"""Small stacks with functions in processes: a template with one route for each function, and code in a folder."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection

from lobby.emulator import CodeOptions, EmulatedStack, Moto, parse, read_stack
from tests.emulator.worlds import Meter, heard_json, joined

PYTHON = f"python3.{sys.version_info.minor}"
NODE = "nodejs22.x"
ROLE = "arn:aws:iam::123456789012:role/functions"
INVOCATIONS = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${%s.Arn}/invocations"


def template(functions: Mapping[str, Mapping[str, Any]], more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A template of an API with the stage ``live``. Each function answers the route with its name; ``Connect`` answers
    ``$connect``. ``functions`` are the properties of each one, or the whole resource if they contain ``Properties``. There is a
    table ``connections`` with the key ``id``."""
    resources: dict[str, Any] = {
        "Api": _resource("ApiGatewayV2::Api", Name="a", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.do"),
        "Stage": _resource("ApiGatewayV2::Stage", ApiId={"Ref": "Api"}, StageName="live", AutoDeploy=True),
        "Table": _resource(
            "DynamoDB::Table",
            TableName="connections",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        ),
        **(more or {}),
    }
    for name, given in functions.items():
        whole = given if "Properties" in given else {"Properties": given}
        own = {
            "FunctionName": name.lower(),
            "Runtime": PYTHON,
            "Handler": "app.handler",
            "Code": ".",
            "Role": ROLE,
            **whole["Properties"],
        }
        resources[name] = {**whole, "Type": "AWS::Lambda::Function", "Properties": own}
        resources[f"{name}Integration"] = _resource(
            "ApiGatewayV2::Integration",
            ApiId={"Ref": "Api"},
            IntegrationType="AWS_PROXY",
            IntegrationUri={"Fn::Sub": INVOCATIONS % name},
        )
        key, target = "$connect" if name == "Connect" else name.lower(), {"Fn::Sub": f"integrations/${{{name}Integration}}"}
        # With a response, so that a test sees what the function returns.
        answers = {} if name == "Connect" else {"RouteResponseSelectionExpression": "$default"}
        resources[f"{name}Route"] = _resource(
            "ApiGatewayV2::Route", ApiId={"Ref": "Api"}, RouteKey=key, Target=target, **answers
        )
        if answers:
            route = {"ApiId": {"Ref": "Api"}, "RouteId": {"Ref": f"{name}Route"}}
            resources[f"{name}Response"] = _resource("ApiGatewayV2::RouteResponse", RouteResponseKey="$default", **route)
        resources[f"{name}Permission"] = _resource(
            "Lambda::Permission",
            Action="lambda:InvokeFunction",
            FunctionName={"Ref": name},
            Principal="apigateway.amazonaws.com",
        )
    return {"Resources": resources}


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


class Running:
    """A running stack, what its functions wrote to their logs, the lines of the emulator among them, and what was metered."""

    def __init__(self, description: Mapping[str, Any], code: CodeOptions | Path, **options: Any) -> None:
        self.lines: list[str] = []
        self.meter = Meter()
        definition = read_stack(parse(json.dumps(description)), options.pop("parameters", None))
        self.stack = EmulatedStack(definition, code, Moto(), on_log=self.lines.append, meter=self.meter, **options)

    async def ask(self, client: ClientConnection, do: str, **more: Any) -> Any:
        """What the function of a route returns, as the JSON of its body."""
        await client.send(json.dumps({"do": do, **more}))
        return await heard_json(client)

    async def logged(self, text: str) -> str:
        """The first event of the log that contains the text."""
        from tests.emulator.worlds import until

        await until(lambda: any(text in line for line in self.lines))
        return next(line for line in self.lines if text in line)


@asynccontextmanager
async def running(description: Mapping[str, Any], code: CodeOptions | Path, **options: Any) -> AsyncIterator[Running]:
    it = Running(description, code, **options)
    async with it.stack:
        yield it


@asynccontextmanager
async def asked(description: Mapping[str, Any], code: CodeOptions | Path) -> AsyncIterator[tuple[Running, ClientConnection]]:
    """A running stack with one client."""
    async with running(description, code) as it, joined(it.stack.gateway) as client:
        yield it, client
