"""Reads from a CloudFormation template what runs here: the API, its functions, the tables, and their streams. No I/O.

Exactly the template runs: a route that is not in it does not exist, and a throttle has the value of the template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lobby.cloudformation.resolving import ACCOUNT, REGION, resolve
from lobby.emulator.api import CONNECT, Api, Authorizer, Route
from lobby.emulator.functions import LambdaFunction, read_function, read_layer
from lobby.emulator.streams import MappingSettings
from lobby.errors import LobbyError

_FUNCTION = re.compile(r"function:([\w-]+)")


@dataclass(frozen=True)
class StreamSource:
    """The stream of a table that invokes a function. ``arn`` is that of the stream."""

    table: str
    function: str
    settings: MappingSettings
    arn: str


@dataclass(frozen=True)
class StackDefinition:
    """The parts of a template that can run here. Functions are identified by their names."""

    api: Api
    functions: Mapping[str, LambdaFunction]
    authorizer: str | None
    tables: tuple[Mapping[str, Any], ...]
    sources: tuple[StreamSource, ...]
    expiries: Mapping[str, str]
    """The attribute by which items expire, for each table that has one."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameters and their values; ``****`` for a parameter with ``NoEcho``."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    dashboards: int = 0
    alarms: int = 0
    name: str = "stack"
    """The name of the stack in CloudFormation."""

    def localized(self, text: str, gateway_host: str) -> str:
        """``text`` with the API's addresses on AWS replaced by ours, which have no TLS."""
        there = re.escape(f"{self.api.api_id}.execute-api.{self.api.region}.amazonaws.com")
        return re.sub(rf"(http|ws)s://{there}", rf"\1://{gateway_host}", text)


def read_stack(
    template: Mapping[str, Any], parameters: Mapping[str, Any] | None = None, name: str = "stack"
) -> StackDefinition:
    """The definition of the stack ``name`` with this template. Raises ResolveError for a template or parameter that
    CloudFormation would refuse, and LobbyError for a template without a WebSocket API, or with parts that cannot run here."""
    resources = _Resources(resolve(template, parameters))
    api_id, api, stage = _api_and_stage(resources)
    functions = _functions(resources)
    routes, authorizer = _routes(resources, functions)
    settings, tables = stage.get("DefaultRouteSettings", {}), resources.of("DynamoDB::Table")
    return StackDefinition(
        api=Api(
            routes=routes,
            route_selection_expression=api.get("RouteSelectionExpression", "$request.body.action"),
            authorizer=Authorizer(tuple(authorizer.get("IdentitySource", ()))) if authorizer else None,
            stage=str(stage["StageName"]),
            stage_variables={key: str(value) for key, value in stage.get("StageVariables", {}).items()},
            throttle_rate=float(settings.get("ThrottlingRateLimit", 10_000)),
            throttle_burst=int(settings.get("ThrottlingBurstLimit", 5_000)),
            api_id=api_id,
            account_id=ACCOUNT,
            region=REGION,
        ),
        functions=functions,
        authorizer=_called(authorizer["AuthorizerUri"], functions) if authorizer else None,
        tables=tuple(_table(ref, item) for ref, item in tables.items()),
        sources=tuple(_source(item, functions) for item in resources.of("Lambda::EventSourceMapping").values()),
        expiries={
            ref: item["TimeToLiveSpecification"]["AttributeName"]
            for ref, item in tables.items()
            if item.get("TimeToLiveSpecification", {}).get("Enabled")
        },
        parameters={
            key: "****" if template["Parameters"][key].get("NoEcho") else value
            for key, value in resources.resolved["Parameters"].items()
        },
        outputs={key: str(item["Value"]) for key, item in resources.resolved["Outputs"].items()},
        dashboards=len(resources.of("CloudWatch::Dashboard")),
        alarms=len(resources.of("CloudWatch::Alarm")),
        name=name,
    )


class _Resources:
    """The resources of a resolved template."""

    def __init__(self, resolved: Mapping[str, Any]) -> None:
        self.resolved = resolved

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a kind, by the value of ``Ref`` for it."""
        refs, items = self.resolved["Refs"], self.resolved["Resources"].items()
        return {refs[name]: item.get("Properties", {}) for name, item in items if item["Type"] == f"AWS::{kind}"}

    def whole(self, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Each resource of a kind: its name in the template, the value of ``Ref`` for it, and the resource itself."""
        refs, items = self.resolved["Refs"], self.resolved["Resources"].items()
        return [(name, refs[name], item) for name, item in items if item["Type"] == f"AWS::{kind}"]


def _api_and_stage(resources: _Resources) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The id and the properties of the WebSocket API, and the properties of its stage."""
    apis = {ref: api for ref, api in resources.of("ApiGatewayV2::Api").items() if api.get("ProtocolType") == "WEBSOCKET"}
    stages = resources.of("ApiGatewayV2::Stage")
    if len(apis) != 1 or len(stages) != 1:
        raise LobbyError(
            f"The template has {len(apis)} WebSocket APIs with {len(stages)} stages; only one of each can run here."
        )
    [(api_id, api)], [stage] = apis.items(), stages.values()
    return api_id, api, stage


def _routes(
    resources: _Resources, functions: Mapping[str, LambdaFunction]
) -> tuple[dict[str, Route], Mapping[str, Any] | None]:
    """The routes by their keys, and the properties of the authorizer of ``$connect``, if it has one."""
    integrations = resources.of("ApiGatewayV2::Integration")
    answered = {item["RouteId"] for item in resources.of("ApiGatewayV2::RouteResponse").values()}
    routes: dict[str, Route] = {}
    authorizer: Mapping[str, Any] | None = None
    for ref, item in resources.of("ApiGatewayV2::Route").items():
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
            authorizer = resources.of("ApiGatewayV2::Authorizer")[item["AuthorizerId"]]
    return routes, authorizer


def _functions(resources: _Resources) -> dict[str, LambdaFunction]:
    """The functions by their names."""
    layers = {ref: read_layer(logical, ref, item) for logical, ref, item in resources.whole("Lambda::LayerVersion")}
    return {
        ref: read_function(logical, ref, item, layers, region=REGION, account=ACCOUNT)
        for logical, ref, item in resources.whole("Lambda::Function")
    }


def _called(uri: str, functions: Mapping[str, LambdaFunction]) -> str:
    found = _FUNCTION.search(uri)
    if found is None or found[1] not in functions:
        raise LobbyError(f"The template has no function for {uri}.")
    return found[1]


def _table(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of CreateTable. Properties that engines do not support are left out."""
    known = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    table = {"TableName": name, "BillingMode": "PAY_PER_REQUEST", **{part: item[part] for part in known if part in item}}
    if "StreamSpecification" in item:
        table["StreamSpecification"] = {"StreamEnabled": True, **item["StreamSpecification"]}
    return table


def _source(item: Mapping[str, Any], functions: Mapping[str, LambdaFunction]) -> StreamSource:
    arn = item["EventSourceArn"]
    found = re.search(r":table/([^/]+)/stream/", arn)
    if found is None:
        raise LobbyError(f"{arn} is not the stream of a table; other event sources are not supported.")
    name = item["FunctionName"].rpartition(":")[2]
    filters = item.get("FilterCriteria", {}).get("Filters", [])
    settings = MappingSettings(
        patterns=tuple(json.loads(one["Pattern"]) for one in filters),
        batch_size=int(item.get("BatchSize", 100)),
        retries=int(item.get("MaximumRetryAttempts", -1)),
        max_age_s=float(item.get("MaximumRecordAgeInSeconds", -1)),
        bisects=bool(item.get("BisectBatchOnFunctionError", False)),
    )
    return StreamSource(table=found[1], function=_called(f"function:{name}", functions), settings=settings, arn=arn)
