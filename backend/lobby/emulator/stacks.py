"""From a CloudFormation template to what runs: the API, its functions, the tables, and who hears of their streams. No I/O.

What the template says is what runs: a route that is not in it is not there, and a throttle is what it is set to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lobby.cloudformation.resolving import ACCOUNT, REGION, resolve
from lobby.emulator.api import CONNECT, Api, Authorizer, Route
from lobby.emulator.streams import EventSource
from lobby.errors import LobbyError

_FUNCTION = re.compile(r"function:([\w-]+)")


@dataclass(frozen=True)
class Function:
    """A Lambda function."""

    name: str
    arn: str
    handler: str
    memory_mb: int = 128
    timeout_s: float = 3.0
    concurrency: int = 1000
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A table's stream that a function hears."""

    table: str
    function: str
    mapping: EventSource
    arn: str


@dataclass(frozen=True)
class Stack:
    """What a template describes, as far as it can run on a desk. Functions are known by their names."""

    api: Api
    functions: Mapping[str, Function]
    authorizer: str | None
    tables: tuple[Mapping[str, Any], ...]
    sources: tuple[Source, ...]
    expiries: Mapping[str, str]
    """The attribute, of each table that has one, by which items expire."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Their values; what CloudFormation shows to nobody is ``****``."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    dashboards: int = 0
    alarms: int = 0

    def localized(self, text: str, gateway_host: str) -> str:
        """``text`` with the addresses that AWS would give the API replaced by ours, which is not encrypted."""
        there = re.escape(f"{self.api.api_id}.execute-api.{self.api.region}.amazonaws.com")
        return re.sub(rf"(http|ws)s://{there}", rf"\1://{gateway_host}", text)


def read(template: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> Stack:
    """The stack of a template. Raises ResolveError for a template or parameter that CloudFormation would refuse, LobbyError
    for one that describes no WebSocket API, or more than runs here."""
    resolved = resolve(template, parameters)

    def of(kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a kind, by what ``Ref`` gives for it."""
        items = resolved["Resources"].items()
        return {resolved["Refs"][name]: item.get("Properties", {}) for name, item in items if item["Type"] == f"AWS::{kind}"}

    apis = {ref: api for ref, api in of("ApiGatewayV2::Api").items() if api.get("ProtocolType") == "WEBSOCKET"}
    stages = of("ApiGatewayV2::Stage")
    if len(apis) != 1 or len(stages) != 1:
        raise LobbyError(f"The template has {len(apis)} WebSocket APIs with {len(stages)} stages; one of each can run here.")
    [(api_id, api)], [stage] = apis.items(), stages.values()
    functions = {ref: _function(ref, item) for ref, item in of("Lambda::Function").items()}
    integrations, authorizers = of("ApiGatewayV2::Integration"), of("ApiGatewayV2::Authorizer")
    answered = {item["RouteId"] for item in of("ApiGatewayV2::RouteResponse").values()}
    routes: dict[str, Route] = {}
    guard: Mapping[str, Any] | None = None
    for ref, item in of("ApiGatewayV2::Route").items():
        key, target = item["RouteKey"], item.get("Target", "").removeprefix("integrations/")
        if target and target not in integrations:
            raise LobbyError(f"The route {key} leads to {item['Target']}, which is not in the template.")
        routes[key] = Route(
            integration=bool(target),
            response="RouteResponseSelectionExpression" in item and ref in answered,
            function=_called(integrations[target]["IntegrationUri"], functions) if target else "",
        )
        if item.get("AuthorizationType") == "CUSTOM":
            if key != CONNECT:
                raise LobbyError(f"The route {key} has an authorizer; AWS allows one on $connect only.")
            guard = authorizers[item["AuthorizerId"]]
    settings, tables = stage.get("DefaultRouteSettings", {}), of("DynamoDB::Table")
    return Stack(
        api=Api(
            routes=routes,
            route_selection_expression=api.get("RouteSelectionExpression", "$request.body.action"),
            authorizer=Authorizer(tuple(guard.get("IdentitySource", ()))) if guard else None,
            stage=str(stage["StageName"]),
            stage_variables={name: str(value) for name, value in stage.get("StageVariables", {}).items()},
            throttle_rate=float(settings.get("ThrottlingRateLimit", 10_000)),
            throttle_burst=int(settings.get("ThrottlingBurstLimit", 5_000)),
            api_id=api_id,
            account_id=ACCOUNT,
            region=REGION,
        ),
        functions=functions,
        authorizer=_called(guard["AuthorizerUri"], functions) if guard else None,
        tables=tuple(_table(ref, item) for ref, item in tables.items()),
        sources=tuple(_source(item, functions) for item in of("Lambda::EventSourceMapping").values()),
        expiries={
            ref: item["TimeToLiveSpecification"]["AttributeName"]
            for ref, item in tables.items()
            if item.get("TimeToLiveSpecification", {}).get("Enabled")
        },
        parameters={
            name: "****" if template["Parameters"][name].get("NoEcho") else value
            for name, value in resolved["Parameters"].items()
        },
        outputs={name: str(item["Value"]) for name, item in resolved["Outputs"].items()},
        dashboards=len(of("CloudWatch::Dashboard")),
        alarms=len(of("CloudWatch::Alarm")),
    )


def _function(name: str, item: Mapping[str, Any]) -> Function:
    return Function(
        name=name,
        arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        handler=item["Handler"],
        memory_mb=int(item.get("MemorySize", 128)),
        timeout_s=float(item.get("Timeout", 3)),
        concurrency=int(item.get("ReservedConcurrentExecutions", 1000)),
        variables={key: str(value) for key, value in item.get("Environment", {}).get("Variables", {}).items()},
    )


def _called(uri: str, functions: Mapping[str, Function]) -> str:
    found = _FUNCTION.search(uri)
    if found is None or found[1] not in functions:
        raise LobbyError(f"No function of the template is meant by {uri}.")
    return found[1]


def _table(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """What CreateTable is told of a table; what engines do not know of is left out."""
    known = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    table = {"TableName": name, "BillingMode": "PAY_PER_REQUEST", **{part: item[part] for part in known if part in item}}
    if "StreamSpecification" in item:
        table["StreamSpecification"] = {"StreamEnabled": True, **item["StreamSpecification"]}
    return table


def _source(item: Mapping[str, Any], functions: Mapping[str, Function]) -> Source:
    arn = item["EventSourceArn"]
    found = re.search(r":table/([^/]+)/stream/", arn)
    if found is None:
        raise LobbyError(f"{arn} is no stream of a table; others are not brought here.")
    name = item["FunctionName"].rpartition(":")[2]
    filters = item.get("FilterCriteria", {}).get("Filters", [])
    mapping = EventSource(
        patterns=tuple(json.loads(one["Pattern"]) for one in filters),
        batch_size=int(item.get("BatchSize", 100)),
        retries=int(item.get("MaximumRetryAttempts", -1)),
        max_age_s=float(item.get("MaximumRecordAgeInSeconds", -1)),
        bisects=bool(item.get("BisectBatchOnFunctionError", False)),
    )
    return Source(table=found[1], function=_called(f"function:{name}", functions), mapping=mapping, arn=arn)
