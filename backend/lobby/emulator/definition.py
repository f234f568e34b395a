"""Reads from a CloudFormation template what runs here: the API, its functions, the tables, and their streams. No I/O.

Exactly the template runs: a route that is not in it does not exist, and a throttle has the value of the template. What cannot
run as on AWS is refused if it protects the API or changes what a handler sees; else a note says so (``properties``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lobby.cloudformation.names import ACCOUNT, REGION, STACK
from lobby.cloudformation.resolving import ResolveError, resolve
from lobby.cloudformation.sam import transformed
from lobby.cloudformation.structure import did_you_mean
from lobby.emulator.api import (
    CONNECT,
    DEFAULT,
    DISCONNECT,
    Api,
    ApiKeys,
    Authorizer,
    Route,
    RouteThrottle,
    UsagePlan,
)
from lobby.emulator.functions import LambdaFunction, read_function, read_layer
from lobby.emulator.properties import COUNTED, PROPERTIES, check_type, checked
from lobby.emulator.streams import MappingSettings, passes

_INVOCATION = re.compile(
    r"arn:aws[\w-]*:apigateway:[\w-]+:lambda:path/2015-03-31/functions/"
    r"arn:aws[\w-]*:lambda:[\w-]+:\d+:function:(?P<name>[\w-]+)(:(?P<qualifier>[\w$-]+))?/invocations"
)
_FUNCTION = re.compile(r"(arn:aws[\w-]*:lambda:[\w-]+:)?(\d+:)?(function:)?(?P<name>[\w-]+)(:(?P<qualifier>[\w$-]+))?")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")


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
    notes: tuple[str, ...] = ()
    """What differs from AWS, in sentences for people: resources that are not emulated, rules that were not checked."""

    @property
    def called(self) -> frozenset[str]:
        """The names of the functions that routes, the authorizer or streams call."""
        routed = {route.function for route in self.api.routes.values() if route.integration}
        return frozenset(
            routed | {source.function for source in self.sources} | ({self.authorizer} if self.authorizer else set())
        )

    def localized(self, text: str, gateway_host: str) -> str:
        """``text`` with the API's addresses on AWS replaced by ours, which have no TLS."""
        there = re.escape(f"{self.api.api_id}.execute-api.{self.api.region}.amazonaws.com")
        return re.sub(rf"(http|ws)s://{there}", rf"\1://{gateway_host}", text)


class Called(NamedTuple):
    """A function as a caller names it: its name, and a version or an alias if there is one."""

    name: str
    qualifier: str


@dataclass(frozen=True)
class _Resource:
    """A resource that is read. ``ref`` is the value of ``Ref`` for it, and ``place`` its place in the template."""

    place: str
    ref: str
    properties: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name in the template."""
        return self.place.removeprefix("Resources.")

    def at(self, name: str) -> str:
        return f"{self.place}.Properties.{name}"


def read_stack(
    template: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    name: str = STACK,
    *,
    imports: Mapping[str, str] | None = None,
) -> StackDefinition:
    """The definition of the stack ``name`` with this template, which may be one of SAM. ``imports`` is that of
    :func:`~lobby.cloudformation.resolving.resolve`. Raises ResolveError for a template or parameter that CloudFormation would
    refuse, and for parts that cannot run here as on AWS; the message names the place."""
    template = transformed(template, parameters or {}, imports)
    try:
        return _Reader(template, parameters or {}, name, imports or {}).definition()
    except RecursionError:
        raise ResolveError("", "The template is nested too deeply.") from None


class _Reader:
    def __init__(
        self, template: Mapping[str, Any], parameters: Mapping[str, Any], name: str, imports: Mapping[str, str]
    ) -> None:
        self.template, self.name = template, name
        for logical, item in template["Resources"].items():
            check_type(f"Resources.{logical}", item["Type"])
        self.resolved = resolve(template, parameters, kinds=PROPERTIES, imports=imports, stack=name)
        self.notes: list[str] = []
        self.others: dict[str, list[str]] = {}

    def definition(self) -> StackDefinition:
        api, self.api_id = self._api()
        stage = self._stage()
        self.stage = str(stage.properties["StageName"])
        self.variables: Mapping[str, str] = stage.properties.get("StageVariables", {})
        self.functions = self._functions()
        self.qualifiers = self._qualifiers()
        routes, authorizer = self._routes(stage)
        connect = next((one for one in self._of("ApiGatewayV2::Route") if one.properties["RouteKey"] == CONNECT), None)
        settings, tables = stage.properties.get("DefaultRouteSettings", {}), self._tables()
        self._note_others()
        parameters = self.template.get("Parameters", {})
        return StackDefinition(
            api=Api(
                routes=routes,
                route_selection_expression=api.properties["RouteSelectionExpression"],
                authorizer=self._authorizer(authorizer) if authorizer else None,
                requires_signature=bool(connect and connect.properties.get("AuthorizationType") == "AWS_IAM"),
                keys=self._keys(api) if connect and connect.properties.get("ApiKeyRequired") else None,
                stage=self.stage,
                stage_variables=dict(self.variables),
                throttle_rate=float(settings.get("ThrottlingRateLimit", 10_000)),
                throttle_burst=int(settings.get("ThrottlingBurstLimit", 5_000)),
                api_id=self.api_id,
                account_id=ACCOUNT,
                region=REGION,
            ),
            functions=self.functions,
            authorizer=self._reached(authorizer, "AuthorizerUri").name if authorizer else None,
            tables=tuple(tables.values()),
            sources=self._sources(tables),
            expiries=self._expiries(),
            parameters={
                key: "****" if str(parameters[key].get("NoEcho", "")).lower() == "true" else value
                for key, value in self.resolved["Parameters"].items()
            },
            outputs={key: _shown(item["Value"]) for key, item in self.resolved["Outputs"].items()},
            dashboards=len(self._typed("CloudWatch::Dashboard")),
            alarms=len(self._typed("CloudWatch::Alarm")),
            name=self.name,
            notes=tuple(self.notes),
        )

    # ── resources ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _typed(self, kind: str) -> dict[str, Mapping[str, Any]]:
        items = self.resolved["Resources"].items()
        return {name: item for name, item in items if item["Type"] == f"AWS::{kind}"}

    def _of(self, kind: str) -> list[_Resource]:
        """The resources of a kind that is read, with checked properties. Those of other APIs are left out."""
        found = []
        for name, item in self._typed(kind).items():
            place, properties = f"Resources.{name}", item.get("Properties", {})
            if kind.startswith("ApiGatewayV2::") and kind != "ApiGatewayV2::Api" and self._is_foreign(place, properties):
                self._other(name, item["Type"])
                continue
            checked_properties = checked(place, item["Type"], properties)
            found.append(_Resource(place, self.resolved["Refs"][name], checked_properties))
        return found

    def _is_foreign(self, place: str, properties: Any) -> bool:
        """Whether a resource belongs to another API of the template, whose resources are not read."""
        if not isinstance(properties, Mapping) or "ApiId" not in properties:
            return False
        api = properties["ApiId"]
        if api != self.api_id and api not in [self.resolved["Refs"][name] for name in self._typed("ApiGatewayV2::Api")]:
            raise ResolveError(f"{place}.Properties.ApiId", f"{api!r} is not an API of the template.")
        return bool(api != self.api_id)

    def _other(self, name: str, kind: str) -> None:
        names = self.others.setdefault(kind, [])
        if name not in names:
            names.append(name)

    def _note_others(self) -> None:
        for name, item in self.resolved["Resources"].items():
            if item["Type"] not in PROPERTIES and item["Type"] not in COUNTED:
                self._other(name, item["Type"])
        self.notes = [
            *(f"not emulated: {', '.join(names)} ({kind})" for kind, names in sorted(self.others.items())),
            *(f"not checked: the rule {name}, because it needs a value of your account" for name in self.resolved["Unchecked"]),
            *self.notes,
        ]

    # ── the API ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _api(self) -> tuple[_Resource, str]:
        found = []
        for name, item in self._typed("ApiGatewayV2::Api").items():
            properties = item.get("Properties", {})
            protocol = properties.get("ProtocolType") if isinstance(properties, Mapping) else None
            if protocol == "HTTP" or (protocol is None and {"Body", "BodyS3Location"} & set(properties)):
                self._other(name, item["Type"])
                continue
            found.append(
                _Resource(
                    f"Resources.{name}", self.resolved["Refs"][name], checked(f"Resources.{name}", item["Type"], properties)
                )
            )
        if len(found) != 1:
            names = ", ".join(one.name for one in found)
            listed = f": {names}" if names else ""
            raise ResolveError("Resources", f"The template has {len(found)} WebSocket APIs{listed}; exactly one can run here.")
        [api] = found
        expression = api.properties["RouteSelectionExpression"]
        if not re.search(r"\$\{?request\.body\.\w", expression):
            raise ResolveError(
                api.at("RouteSelectionExpression"),
                f"{expression!r} selects no part of a message, as $request.body.action does.",
            )
        return api, api.ref

    def _stage(self) -> _Resource:
        stages = self._of("ApiGatewayV2::Stage")
        if len(stages) != 1:
            names = ", ".join(one.name for one in stages)
            listed = f": {names}" if names else ""
            raise ResolveError("Resources", f"The WebSocket API has {len(stages)} stages{listed}; exactly one can run here.")
        [stage] = stages
        deployments = {one.ref: one for one in self._of("ApiGatewayV2::Deployment")}
        deployment = stage.properties.get("DeploymentId")
        if deployment is not None and deployment not in deployments:
            raise ResolveError(stage.at("DeploymentId"), f"{deployment!r} is not a deployment of the API in the template.")
        if deployment is None and not stage.properties.get("AutoDeploy"):
            created = [one for one in deployments.values() if one.properties.get("StageName") == stage.properties["StageName"]]
            if not created:
                raise ResolveError(stage.place, "It has no DeploymentId and no AutoDeploy, so that nothing is deployed.")
        if deployment is not None and not stage.properties.get("AutoDeploy"):
            self._check_order(deployments[deployment])
        return stage

    def _check_order(self, deployment: _Resource) -> None:
        """Notes routes that a deployment may miss, because it does not wait for them."""
        waits = self._before(deployment.name)
        late = [
            name
            for name, item in self._typed("ApiGatewayV2::Route").items()
            if name not in waits and item.get("Properties", {}).get("ApiId") == self.api_id
        ]
        if late:
            name = deployment.name
            self.notes.append(f"not certain on AWS: {name} does not depend on {', '.join(late)} and may be created before")

    def _before(self, name: str) -> set[str]:
        """The resources that CloudFormation creates before ``name``: those that it depends on or refers to."""
        found: set[str] = set()
        open_ = [name]
        while open_:
            item = self.template["Resources"].get(open_.pop(), {})
            depends = item.get("DependsOn", [])
            mentioned = set(_mentioned(item.get("Properties", {})))
            for other in {*([depends] if isinstance(depends, str) else depends), *mentioned} & set(self.template["Resources"]):
                if other not in found:
                    found.add(other)
                    open_.append(other)
        return found

    def _routes(self, stage: _Resource) -> tuple[dict[str, Route], _Resource | None]:
        """The routes by their keys, and the authorizer of ``$connect``, if it has one."""
        integrations = {one.ref: one for one in self._of("ApiGatewayV2::Integration")}
        self._check_responses(integrations)
        authorizers = {one.ref: one for one in self._of("ApiGatewayV2::Authorizer")}
        route_items = self._of("ApiGatewayV2::Route")
        answered = self._answered(route_items)
        throttles = self._throttles(stage)
        routes: dict[str, Route] = {}
        used: _Resource | None = None
        for item in route_items:
            key = item.properties["RouteKey"]
            if key in routes:
                raise ResolveError(item.at("RouteKey"), f"the API has the route {key} twice.")
            if key.startswith("$") and key not in (CONNECT, DISCONNECT, DEFAULT):
                close = did_you_mean(key, (CONNECT, DISCONNECT, DEFAULT))
                raise ResolveError(item.at("RouteKey"), f"there is no route {key}.{close}")
            routes[key] = self._route(item, integrations, item.ref in answered, throttles.pop(key, None))
            used = self._protection(item, authorizers) or used
        if throttles:
            key = next(iter(throttles))
            raise ResolveError(stage.at(f"RouteSettings.{key}"), f"the API has no such route.{did_you_mean(key, routes)}")
        if not routes:
            raise ResolveError("Resources", "The WebSocket API has no route.")
        for one in authorizers.values():
            if one is not used:
                self.notes.append(f"{one.name} protects nothing: no route uses this authorizer")
        return routes, used

    def _route(
        self, item: _Resource, integrations: Mapping[str, _Resource], is_answered: bool, throttle: RouteThrottle | None
    ) -> Route:
        target = item.properties.get("Target")
        if target is None:
            return Route(integration=False, throttle=throttle)
        integration = integrations.get(target.removeprefix("integrations/"))
        if not target.startswith("integrations/") or integration is None:
            key = item.properties["RouteKey"]
            raise ResolveError(item.at("Target"), f"the route {key} leads to {target}, which is not in the template.")
        timeout_ms = integration.properties.get("TimeoutInMillis")
        return Route(
            integration=True,
            response="RouteResponseSelectionExpression" in item.properties and is_answered,
            function=self._reached(integration, "IntegrationUri", item).name,
            timeout_s=timeout_ms / 1000 if timeout_ms else None,
            throttle=throttle,
        )

    def _answered(self, routes: list[_Resource]) -> set[str]:
        """The routes whose answer is sent to the client."""
        refs, answered = {one.ref for one in routes}, set()
        for item in self._of("ApiGatewayV2::RouteResponse"):
            if item.properties["RouteId"] not in refs:
                raise ResolveError(item.at("RouteId"), f"{item.properties['RouteId']!r} is not a route of the API.")
            answered.add(item.properties["RouteId"])
        return answered

    def _check_responses(self, integrations: Mapping[str, _Resource]) -> None:
        for item in self._of("ApiGatewayV2::IntegrationResponse"):
            if item.properties["IntegrationId"] not in integrations:
                raise ResolveError(
                    item.at("IntegrationId"), f"{item.properties['IntegrationId']!r} is no integration of the API."
                )

    def _throttles(self, stage: _Resource) -> dict[str, RouteThrottle]:
        shared = stage.properties.get("DefaultRouteSettings", {})
        found = {}
        for key, settings in stage.properties.get("RouteSettings", {}).items():
            rate = settings.get("ThrottlingRateLimit", shared.get("ThrottlingRateLimit", 10_000))
            burst = settings.get("ThrottlingBurstLimit", shared.get("ThrottlingBurstLimit", 5_000))
            found[key] = RouteThrottle(float(rate), int(burst))
        return found

    # ── protection ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _protection(self, item: _Resource, authorizers: Mapping[str, _Resource]) -> _Resource | None:
        """The authorizer of a route, if it has one. Raises ResolveError for a protection that AWS does not have."""
        key, kind = item.properties["RouteKey"], item.properties.get("AuthorizationType", "NONE")
        if key != CONNECT and kind != "NONE":
            raise ResolveError(item.at("AuthorizationType"), f"the route {key} has {kind}; AWS allows one on $connect only.")
        if key != CONNECT and item.properties.get("ApiKeyRequired"):
            raise ResolveError(item.at("ApiKeyRequired"), f"keys are supported on $connect only, and this is the route {key}.")
        authorizer = item.properties.get("AuthorizerId")
        if kind != "CUSTOM":
            if authorizer is not None:
                raise ResolveError(item.at("AuthorizerId"), f"the authorizer has no effect with AuthorizationType {kind}.")
            return None
        if authorizer is None:
            raise ResolveError(item.place, "AuthorizationType is CUSTOM, and AuthorizerId is missing.")
        if authorizer not in authorizers:
            raise ResolveError(item.at("AuthorizerId"), f"{authorizer!r} is not an authorizer of the API in the template.")
        return authorizers[authorizer]

    def _authorizer(self, item: _Resource) -> Authorizer:
        if item.properties["AuthorizerType"] != "REQUEST":
            raise ResolveError(item.at("AuthorizerType"), "a WebSocket API has authorizers of the type REQUEST only.")
        try:
            return Authorizer(tuple(item.properties.get("IdentitySource", ())))
        except ValueError as error:
            raise ResolveError(item.at("IdentitySource"), f"{error}.") from None

    def _keys(self, api: _Resource) -> ApiKeys:
        keys = {one.ref: one for one in self._of("ApiGateway::ApiKey")}
        plans = {one.ref: one for one in self._of("ApiGateway::UsagePlan")}
        found: dict[str, tuple[str, UsagePlan]] = {}
        for item in self._of("ApiGateway::UsagePlanKey"):
            for name, known in (("KeyId", keys), ("UsagePlanId", plans)):
                if item.properties[name] not in known:
                    raise ResolveError(item.at(name), f"{item.properties[name]!r} is not in the template.")
            key, plan = keys[item.properties["KeyId"]], plans[item.properties["UsagePlanId"]]
            stages = [(one.get("ApiId"), one.get("Stage")) for one in plan.properties.get("ApiStages", [])]
            if (self.api_id, self.stage) not in stages:
                continue
            if not key.properties.get("Enabled"):
                self.notes.append(f"{key.name} admits no client: its Enabled is not true")
                continue
            value = key.properties.get("Value") or hashlib.sha256(key.ref.encode()).hexdigest()[:40]
            if "Value" not in key.properties:
                self.notes.append(f"the value of {key.name} is {value}")
            found[value] = (key.ref, _usage_plan(plan.properties))
        if not found:
            self.notes.append(
                "$connect requires an API key, and no enabled key has a usage plan with this stage: no client enters"
            )
        return ApiKeys(found, api.properties.get("ApiKeySelectionExpression", "$request.header.x-api-key"))

    def _reached(self, item: _Resource, name: str, route: _Resource | None = None) -> Called:
        """The function to which an integration or an authorizer leads, which the gateway must be allowed to call."""
        uri = _STAGE_VARIABLE.sub(lambda found: self._stage_variable(found[1], item.at(name)), item.properties[name])
        found = _INVOCATION.fullmatch(uri)
        if found is None:
            raise ResolveError(
                item.at(name), f"The template has no function for {uri}: it must be arn:aws:apigateway:REGION:lambda:path/"
                "2015-03-31/functions/FUNCTION_ARN/invocations."
            )  # fmt: skip
        called = self._called(found["name"], found["qualifier"], item.at(name))
        credentials = "CredentialsArn" if route else "AuthorizerCredentialsArn"
        what = f"{self.stage}/{route.properties['RouteKey']}" if route else f"authorizers/{item.ref}"
        arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.api_id}/{what}"
        if not item.properties.get(credentials) and not self._is_permitted(called, arn):
            qualified = f"{called.name}:{called.qualifier}" if called.qualifier else called.name
            raise ResolveError(
                item.place,
                f"the gateway may not call the function {qualified}: no AWS::Lambda::Permission allows "
                f"apigateway.amazonaws.com to call it for {arn}.",
            )
        return called

    def _stage_variable(self, name: str, place: str) -> str:
        if name not in self.variables:
            raise ResolveError(place, f"the stage has no variable {name}.{did_you_mean(name, self.variables)}")
        return self.variables[name]

    def _is_permitted(self, called: Called, arn: str) -> bool:
        for item in self._of("Lambda::Permission"):
            given = item.properties
            found = _FUNCTION.fullmatch(given["FunctionName"])
            if found is None:
                raise ResolveError(item.at("FunctionName"), f"{given['FunctionName']!r} is not a function.")
            named = self._called(found["name"], found["qualifier"], item.at("FunctionName"))
            if (
                named == called
                and given["Action"] in ("lambda:InvokeFunction", "lambda:*")
                and given["Principal"] in ("apigateway.amazonaws.com", "*")
                and given.get("SourceAccount", ACCOUNT) == ACCOUNT
                and _is_like(given.get("SourceArn", "*"), arn)
            ):
                return True
        return False

    # ── functions ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _functions(self) -> dict[str, LambdaFunction]:
        layers = {}
        for item in self._of("Lambda::LayerVersion"):
            layers[item.ref] = read_layer(item.name, item.ref, self._whole(item))
        functions: dict[str, LambdaFunction] = {}
        for item in self._of("Lambda::Function"):
            if item.ref in functions:
                raise ResolveError(item.at("FunctionName"), f"two functions have the name {item.ref}.")
            if "Handler" not in item.properties and item.properties.get("PackageType") != "Image":
                raise ResolveError(item.place, "Handler is missing.")
            whole = self._whole(item)
            functions[item.ref] = read_function(item.name, item.ref, whole, layers, region=REGION, account=ACCOUNT)
        return functions

    def _whole(self, item: _Resource) -> dict[str, Any]:
        """A resource with its checked properties, and the texts of its metadata."""
        metadata = self.resolved["Resources"][item.name].get("Metadata")
        texts = {key: text for key, text in metadata.items() if isinstance(text, str)} if isinstance(metadata, Mapping) else {}
        return {"Properties": item.properties, "Metadata": texts}

    def _qualifiers(self) -> set[Called]:
        """The versions and aliases of functions."""
        found = set()
        for kind in ("Lambda::Version", "Lambda::Alias"):
            for item in self._of(kind):
                parts = _FUNCTION.fullmatch(item.properties["FunctionName"])
                if parts is None or parts["name"] not in self.functions:
                    raise ResolveError(
                        item.at("FunctionName"), f"{item.properties['FunctionName']!r} is no function of the template."
                    )
                found.add(Called(parts["name"], item.ref.rpartition(":")[2]))
        for item in self._of("Lambda::Alias"):
            version = item.properties["FunctionVersion"]
            name = item.ref.rpartition("function:")[2].split(":")[0]
            if version != "$LATEST" and Called(name, version) not in found:
                raise ResolveError(item.at("FunctionVersion"), f"{name} has no version {version} in the template.")
        return found

    def _called(self, name: str, qualifier: str | None, place: str) -> Called:
        if name not in self.functions:
            raise ResolveError(place, f"The template has no function for {name}.{did_you_mean(name, self.functions)}")
        called = Called(name, "" if qualifier in (None, "$LATEST") else str(qualifier))
        if called.qualifier and called not in self.qualifiers:
            raise ResolveError(place, f"{name} has no version or alias {called.qualifier} in the template.")
        return called

    # ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _table_items(self) -> list[_Resource]:
        return [*self._of("DynamoDB::Table"), *self._of("DynamoDB::GlobalTable")]

    def _tables(self) -> dict[str, dict[str, Any]]:
        tables: dict[str, dict[str, Any]] = {}
        for item in self._table_items():
            if item.ref in tables:
                raise ResolveError(item.at("TableName"), f"two tables have the name {item.ref}.")
            tables[item.ref] = self._table(item)
        return tables

    def _table(self, item: _Resource) -> dict[str, Any]:
        """The arguments of CreateTable. Properties that engines do not support are left out."""
        if not re.fullmatch(r"[\w.-]{3,255}", item.ref):
            raise ResolveError(
                item.at("TableName"), f"{item.ref!r} is not a name of a table: 3 to 255 of a-z, A-Z, 0-9, _, - and dots."
            )
        given = item.properties
        known = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        keys = [("KeySchema", given["KeySchema"])]
        for kind in known[2:]:
            keys += [(f"{kind}[{number}].KeySchema", one["KeySchema"]) for number, one in enumerate(given.get(kind, []))]
        _check_keys(item, keys)
        table = {
            "TableName": item.ref,
            "BillingMode": "PAY_PER_REQUEST",
            **{part: given[part] for part in known if given.get(part)},
        }
        if "StreamSpecification" in given:
            table["StreamSpecification"] = {"StreamEnabled": True, **given["StreamSpecification"]}
        return table

    def _expiries(self) -> dict[str, str]:
        expiries = {}
        for item in self._table_items():
            given = item.properties.get("TimeToLiveSpecification", {})
            if given.get("Enabled"):
                if "AttributeName" not in given:
                    raise ResolveError(item.at("TimeToLiveSpecification"), "AttributeName is missing.")
                expiries[item.ref] = given["AttributeName"]
        return expiries

    def _sources(self, tables: Mapping[str, Mapping[str, Any]]) -> tuple[StreamSource, ...]:
        sources = []
        for item in self._of("Lambda::EventSourceMapping"):
            arn = item.properties.get("EventSourceArn", "")
            found = re.search(r":table/([^/]+)/stream/", arn)
            if ":dynamodb:" in arn and (found is None or found[1] not in tables):
                raise ResolveError(item.at("EventSourceArn"), f"{arn} is not the stream of a table in the template.")
            if found is None:
                self.notes.append(f"not emulated: {item.name} ({arn or 'no table'} is its source)")
                continue
            if item.properties.get("Enabled", True):
                sources.append(self._source(item, arn, found[1]))
        return tuple(sources)

    def _source(self, item: _Resource, arn: str, table: str) -> StreamSource:
        given = item.properties
        parts = _FUNCTION.fullmatch(given["FunctionName"])
        if parts is None:
            raise ResolveError(item.at("FunctionName"), f"{given['FunctionName']!r} is not a function.")
        settings = MappingSettings(
            patterns=tuple(
                _pattern(one.get("Pattern", "{}"), item.at(f"FilterCriteria.Filters[{number}].Pattern"))
                for number, one in enumerate(given.get("FilterCriteria", {}).get("Filters", []))
            ),
            batch_size=given.get("BatchSize", 100),
            retries=given.get("MaximumRetryAttempts", -1),
            max_age_s=float(given.get("MaximumRecordAgeInSeconds", -1)),
            bisects=given.get("BisectBatchOnFunctionError", False),
        )
        name = self._called(parts["name"], parts["qualifier"], item.at("FunctionName")).name
        return StreamSource(table=table, function=name, settings=settings, arn=arn)


def _usage_plan(given: Mapping[str, Any]) -> UsagePlan:
    throttle, quota = given.get("Throttle", {}), given.get("Quota", {})
    return UsagePlan(
        rate=throttle.get("RateLimit"),
        burst=throttle.get("BurstLimit"),
        quota=quota.get("Limit"),
        offset=quota.get("Offset", 0),
        period=quota.get("Period", "DAY"),
    )


def _check_keys(item: _Resource, keys: list[tuple[str, list[Mapping[str, str]]]]) -> None:
    """Checks that the keys of a table and its indexes are its attributes, and that each attribute is a key."""
    defined = [one["AttributeName"] for one in item.properties["AttributeDefinitions"]]
    used = set()
    for place, schema in keys:
        if [one["KeyType"] for one in schema] not in (["HASH"], ["HASH", "RANGE"]):
            raise ResolveError(item.at(place), "it must be one HASH key, and a RANGE key or none.")
        for one in schema:
            if one["AttributeName"] not in defined:
                close = did_you_mean(one["AttributeName"], defined)
                raise ResolveError(item.at(place), f"AttributeDefinitions has no {one['AttributeName']}.{close}")
            used.add(one["AttributeName"])
    unused = next((name for name in defined if name not in used), None)
    if unused is not None:
        raise ResolveError(item.at("AttributeDefinitions"), f"{unused} is a key of nothing; only keys are defined.")


def _pattern(text: str, place: str) -> Mapping[str, Any]:
    try:
        pattern = json.loads(text)
        if not isinstance(pattern, dict):
            raise ValueError("it is no object")
        passes(pattern, {})
    except (ValueError, TypeError) as error:
        raise ResolveError(place, f"it is not a pattern that is supported ({error}).") from None
    return pattern


def _is_like(pattern: str, arn: str) -> bool:
    """Whether an ARN is like a pattern, in which ``*`` stands for any characters and ``?`` for one."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), arn) is not None


def _mentioned(node: Any) -> list[str]:
    """The names of resources to which a value refers."""
    if isinstance(node, list):
        return [name for part in node for name in _mentioned(part)]
    if isinstance(node, Mapping):
        found = [name for part in node.values() for name in _mentioned(part)]
        for key in ("Ref", "Fn::GetAtt", "Fn::Sub"):
            value = node.get(key)
            if key == "Fn::Sub":
                text = value[0] if isinstance(value, list) and value else value
                found += re.findall(r"\$\{(\w+)", text) if isinstance(text, str) else []
            elif value is not None:
                found.append(str(value[0] if isinstance(value, list) and value else value).split(".")[0])
        return found
    return []


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
