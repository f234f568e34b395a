"""What a template can get wrong although validators pass it and the stack becomes CREATE_COMPLETE. One function per trap.

Each function takes the template as ``reading.parse`` returns it, and yields a sentence for each defect.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from lobby.cloudformation.resolving import NAMES, resolve
from lobby.emulator.streams import wanted as is_wanted
from lobby.settings import Settings, options, variable
from lobby.telemetry import METRICS

Template = dict[str, Any]
Trap = Callable[[Template], Iterator[str]]

ROUTES = {"$connect", "$disconnect", "$default", "pos", "hello", "ping", "status"}
EVERYTHING = {
    "DomainName": "lobby.game.example",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    "AlarmEmail": "ops@game.example",
    "AccessLogs": "yes",
    "ReservedConcurrency": 20,
    "ArtifactVersion": "v1",
}
"""Parameters that switch everything on."""
DEARER_HERE = {"LOBBY_SEND_MS": 200, "LOBBY_HEARTBEAT_MS": 120_000}
"""Defaults that are not those of the settings: messages cost nothing on a server."""
OWN_VARIABLES = {"LOBBY_STAGE", "LOBBY_TABLE", "LOBBY_ENDPOINT", "LOBBY_DAILY_BUDGET"}
"""Variables of the function that are no settings: docs/permissions.md says what they are."""
ALLOWED = {
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:Query",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "execute-api:ManageConnections",
}


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """The resources of a type, ``Properties`` only, by their logical name."""
    return {name: item.get("Properties", {}) for name, item in template["Resources"].items() if item["Type"] == kind}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def is_a_websocket_api_with_every_route(template: Template) -> Iterator[str]:
    for name, api in of_type(template, "AWS::ApiGatewayV2::Api").items():
        if api.get("ProtocolType") != "WEBSOCKET":
            yield f"{name} has the protocol {api.get('ProtocolType')}."
        if api.get("RouteSelectionExpression") != "$request.body.action":
            yield f"{name} chooses routes by {api.get('RouteSelectionExpression')}."
    resolved = resolve(template)
    keys = [route["RouteKey"] for route in of_type(resolved, "AWS::ApiGatewayV2::Route").values()]
    if sorted(keys) != sorted(ROUTES):
        yield f"The routes are {sorted(keys)}."
    integrations = of_type(template, "AWS::ApiGatewayV2::Integration")
    for name, route in of_type(template, "AWS::ApiGatewayV2::Route").items():
        if route.get("Target", {}).get("Fn::Sub") not in [f"integrations/${{{name}}}" for name in integrations]:
            yield f"{name} leads nowhere."
    for name, integration in integrations.items():
        if integration["IntegrationType"] != "AWS_PROXY":
            yield f"{name} is {integration['IntegrationType']}."


def asks_the_authorizer_on_connect_and_nowhere_else(template: Template) -> Iterator[str]:
    authorizers = of_type(template, "AWS::ApiGatewayV2::Authorizer")
    for name, route in of_type(template, "AWS::ApiGatewayV2::Route").items():
        guarded = route.get("AuthorizationType") == "CUSTOM" and route.get("AuthorizerId") in [{"Ref": a} for a in authorizers]
        if route["RouteKey"] == "$connect" and not guarded:
            yield f"{name} admits every client."
        if route["RouteKey"] != "$connect" and (route.get("AuthorizationType", "NONE") != "NONE" or "AuthorizerId" in route):
            yield f"{name} asks the authorizer; AWS allows that on $connect only."
    for name, authorizer in authorizers.items():
        if authorizer["AuthorizerType"] != "REQUEST":
            yield f"{name} is {authorizer['AuthorizerType']}."
        if authorizer.get("IdentitySource") != ["route.request.header.Host"]:
            yield f"{name} refuses who lacks {authorizer.get('IdentitySource')}, with a 401 that says no reason."


def deploys_after_every_route(template: Template) -> Iterator[str]:
    routes = set(of_type(template, "AWS::ApiGatewayV2::Route"))
    for name, item in template["Resources"].items():
        if item["Type"] == "AWS::ApiGatewayV2::Deployment":
            missing = routes - set(listed(item.get("DependsOn", [])))
            if missing:
                yield f"{name} may be made before {sorted(missing)}."


def deployment_name(template: Template) -> str:
    """The name that the deployment must have: a checksum of what it is a photograph of."""
    kinds = ("Api", "Integration", "Authorizer", "Route", "RouteResponse", "Model")
    photographed = {kind: of_type(template, f"AWS::ApiGatewayV2::{kind}") for kind in kinds}
    return "Deployment" + hashlib.sha256(json.dumps(photographed, sort_keys=True).encode()).hexdigest()[:8]


def deploys_again_when_the_api_changes(template: Template) -> Iterator[str]:
    for name in of_type(template, "AWS::ApiGatewayV2::Deployment"):
        if name != deployment_name(template):
            yield f"The API has changed, rename {name} to {deployment_name(template)}; else the change is never served."


def shows_a_dashboard_of_what_exists(template: Template) -> Iterator[str]:
    resolved = resolve(template)
    resources = resolved["Resources"]
    there = {
        "Stage": {stage["StageName"] for stage in of_type(resolved, "AWS::ApiGatewayV2::Stage").values()},
        "FunctionName": {function["FunctionName"] for function in of_type(resolved, "AWS::Lambda::Function").values()},
        "TableName": {table["TableName"] for table in of_type(resolved, "AWS::DynamoDB::Table").values()},
        "LogGroupName": {group["LogGroupName"] for group in of_type(resolved, "AWS::Logs::LogGroup").values()},
        "ApiId": {route["ApiId"] for route in of_type(resolved, "AWS::ApiGatewayV2::Route").values()},
    }
    shown = set()
    for name, item in resources.items():
        if item["Type"] != "AWS::CloudWatch::Dashboard":
            continue
        try:
            body = json.loads(item["Properties"]["DashboardBody"])
        except ValueError as error:
            yield f"{name} is not JSON: {error}."
            continue
        for widget in body["widgets"]:
            rows = widget["properties"].get("metrics", [])
            ids: set[str] = set()
            used: set[str] = set()
            before: list[str] = []
            for row in rows:
                *parts, options = row if isinstance(row[-1], dict) else [*row, {}]
                ids |= {options["id"]} if "id" in options else set()
                used |= set(re.findall(r"\b[a-z_]+\b", options.get("expression", "")))
                if not parts:
                    continue
                parts = before if parts == ["..."] else parts
                before = parts
                namespace, metric, *dimensions = parts
                pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
                if namespace == "Lobby":
                    shown.add(metric)
                    if set(pairs) != {"Stage"} or metric not in METRICS:
                        yield f"{name} shows {metric} of {sorted(pairs)}, which the function does not write."
                for dimension, value in pairs.items():
                    if value not in there.get(dimension, set()):
                        yield f"{name} shows {metric} of the {dimension} {value}, which is not in the template."
            if used - ids:
                yield f"{name} calculates with {sorted(used - ids)}, which is not among its metrics."
    if set(METRICS) - shown:
        yield f"The dashboard does not show {sorted(set(METRICS) - shown)}."


def reserves_no_concurrency_unless_asked(template: Template) -> Iterator[str]:
    for name, function in of_type(resolve(template), "AWS::Lambda::Function").items():
        if "ReservedConcurrentExecutions" in function:
            yield f"{name} reserves concurrency; that fails in new accounts."


def _statements(template: Template) -> Iterator[dict[str, Any]]:
    for role in of_type(resolve(template, EVERYTHING), "AWS::IAM::Role").values():
        if role.get("ManagedPolicyArns"):
            yield {"Action": role["ManagedPolicyArns"], "Resource": "*"}
        for policy in role["Policies"]:
            yield from policy["PolicyDocument"]["Statement"]


def lets_the_function_do_no_more_than_it_does(template: Template) -> Iterator[str]:
    resolved = resolve(template, EVERYTHING)
    [api] = {route["ApiId"] for route in of_type(resolved, "AWS::ApiGatewayV2::Route").values()}
    stage = resolved["Parameters"]["Stage"]
    for statement in _statements(template):
        for action in listed(statement["Action"]):
            if action not in ALLOWED:
                yield f"The role allows {action}."
        for resource in listed(statement["Resource"]):
            service = {action.split(":")[0] for action in listed(statement["Action"])}
            if service == {"execute-api"}:
                if not re.fullmatch(rf"arn:aws:execute-api:[^*:]+:\d+:{api}/{stage}/(POST|DELETE)/@connections/\*", resource):
                    yield f"ManageConnections is allowed on {resource}."
            elif "*" in resource.removesuffix(":*" if service == {"logs"} else ""):
                yield f"{sorted(service)} is allowed on {resource}."


def lets_only_this_api_call_the_function(template: Template) -> Iterator[str]:
    resolved = resolve(template)
    [api] = {route["ApiId"] for route in of_type(resolved, "AWS::ApiGatewayV2::Route").values()}
    tails = []
    for name, permission in of_type(resolved, "AWS::Lambda::Permission").items():
        head, _, tail = permission.get("SourceArn", "").partition(f":123456789012:{api}/")
        tails.append(tail.split("/")[0])
        if not head or tail.startswith("*") or permission["Principal"] != "apigateway.amazonaws.com":
            yield f"{name} lets {permission['Principal']} call from {permission.get('SourceArn', 'anywhere')}."
    for needed in (resolved["Parameters"]["Stage"], "authorizers"):
        if needed not in tails:
            yield f"No permission allows {needed} to call the function."


def needs_no_account_wide_role(template: Template) -> Iterator[str]:
    for name in of_type(template, "AWS::ApiGateway::Account"):
        yield f"{name} changes the settings of the whole account."
    for name, stage in of_type(resolve(template), "AWS::ApiGatewayV2::Stage").items():
        logging = stage.get("DefaultRouteSettings", {}).get("LoggingLevel", "OFF") != "OFF"
        if "AccessLogSettings" in stage or logging or stage.get("DefaultRouteSettings", {}).get("DataTraceEnabled"):
            yield f"{name} logs unasked; the stack fails in accounts without the CloudWatch role of API Gateway."


def throttles_the_gateway(template: Template) -> Iterator[str]:
    for name, stage in of_type(resolve(template), "AWS::ApiGatewayV2::Stage").items():
        settings = stage.get("DefaultRouteSettings", {})
        if not {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= set(settings):
            yield f"{name} takes all that the account allows."


def describes_and_bounds_every_parameter(template: Template) -> Iterator[str]:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in groups["ParameterGroups"] for name in group["Parameters"]]
    if sorted(grouped) != sorted(template["Parameters"]) or set(groups["ParameterLabels"]) != set(template["Parameters"]):
        yield "The groups and labels are not those of the parameters."
    for name, item in template["Parameters"].items():
        if not item.get("Description"):
            yield f"{name} is not described."
        if item["Type"] == "Number" and not ({"MinValue", "MaxValue"} <= set(item) or "AllowedValues" in item):
            yield f"{name} has no bounds."
    if template["Parameters"].get("Secret", {}).get("NoEcho") is not True:
        yield "Secret is visible to all users of the account."


def carries_the_stage_in_every_name(template: Template) -> Iterator[str]:
    named = {**NAMES, "AWS::SNS::Topic": "TopicName"} | {f"AWS::ApiGatewayV2::{kind}": "Name" for kind in ("Api", "Authorizer")}
    del named["AWS::ApiGatewayV2::DomainName"]  # the person who deploys gives it
    stages = {stage: resolve(template, {**EVERYTHING, "Stage": stage}) for stage in ("dev", "staging", "prod")}
    for stage, resolved in stages.items():
        for name, item in resolved["Resources"].items():
            given = item.get("Properties", {}).get(named.get(item["Type"], ""))
            if given is not None and not re.search(rf"(^|[-/]){stage}($|-)", given):
                yield f"{name} is called {given} in {stage}."


def keeps_a_table_with_keys_ttl_and_stream(template: Template) -> Iterator[str]:
    for stage in ("dev", "prod"):
        resolved = resolve(template, {"Stage": stage})
        for name, table in of_type(resolved, "AWS::DynamoDB::Table").items():
            keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
            if keys != {"HASH": "room", "RANGE": "connectionId"}:
                yield f"{name} has the keys {keys}."
            if table.get("BillingMode") != "PAY_PER_REQUEST":
                yield f"{name} is not on demand."
            if table.get("TimeToLiveSpecification") != {"AttributeName": "ttl", "Enabled": True}:
                yield f"{name} is never swept."
            if table.get("StreamSpecification") != {"StreamViewType": "NEW_AND_OLD_IMAGES"}:
                yield f"{name} does not stream the old image, which a leave needs."
            recovery = table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
            if (table.get("DeletionProtectionEnabled"), recovery) != (stage == "prod", stage == "prod"):
                yield f"{name} in {stage}: protection {table.get('DeletionProtectionEnabled')}, recovery {recovery}."


def record(event: str, key: str, **attributes: dict[str, str]) -> dict[str, Any]:
    """A record of the stream, as far as filters look."""
    keys = {"room": {"S": "lobby"}, "connectionId": {"S": key}}
    images = {"INSERT": ["NewImage"], "REMOVE": ["OldImage"], "MODIFY": ["NewImage", "OldImage"]}[event]
    return {"eventName": event, "dynamodb": {"Keys": keys, **{image: {**keys, **attributes} for image in images}}}


def hears_of_joins_and_leaves_only(template: Template) -> Iterator[str]:
    player = {"player_id": {"S": "ann"}}
    records = [
        (True, record("INSERT", "L0SM9cOFvHcCIhw=", **player)),
        (True, record("REMOVE", "L0SM9cOFvHcCIhw=", **player)),
        (False, record("MODIFY", "L0SM9cOFvHcCIhw=", **player)),
        (False, record("INSERT", "#window", opened={"N": "1"})),
        (False, record("REMOVE", "#window", opened={"N": "1"})),
        (False, record("MODIFY", "#window", opened={"N": "1"})),
    ]
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        try:
            patterns = [json.loads(item["Pattern"]) for item in mapping.get("FilterCriteria", {}).get("Filters", [])]
            for wanted, told in records:
                if is_wanted(patterns, told) is not wanted:
                    yield f"{name} {'misses' if wanted else 'passes'} {told['eventName']} of {told['dynamodb']['Keys']}."
        except ValueError as error:
            yield f"{name}: {error}."
        if mapping.get("MaximumBatchingWindowInSeconds") != 0:
            yield f"{name} delays the announcement of a join."
        if (
            not 0 <= mapping.get("MaximumRetryAttempts", -1) <= 100
            or not 60 <= mapping.get("MaximumRecordAgeInSeconds", -1) <= 3600
        ):
            yield f"{name} holds up its shard for a day when a batch fails."
        if mapping.get("BisectBatchOnFunctionError") is not True:
            yield f"{name} loses a hundred joins for a bad one."


def gives_the_function_the_settings_of_the_lobby(template: Template) -> Iterator[str]:
    settings = {variable(item.name): item for item in options()}
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        variables = function["Environment"]["Variables"]
        if OWN_VARIABLES - set(variables):
            yield f"{name} lacks {sorted(OWN_VARIABLES - set(variables))}."
        for key, value in variables.items():
            if key in OWN_VARIABLES:
                continue
            if key not in settings:
                yield f"{name} is given {key}, which is no setting."
                continue
            item, parameter = settings[key], template["Parameters"][value["Ref"]]
            bounds = (item.metadata["low"], item.metadata["high"])
            default = DEARER_HERE.get(key, item.default)
            if (
                parameter["Default"] != (("no", "yes")[default] if isinstance(default, bool) else default)
                or (parameter.get("MinValue"), parameter.get("MaxValue")) != bounds
            ):
                yield f"{value['Ref']} is not {DEARER_HERE.get(key, item.default)} between {bounds}, as in the settings."
    resolved = resolve(template)
    for function in of_type(resolved, "AWS::Lambda::Function").values():
        Settings.from_environment({key: str(text) for key, text in function["Environment"]["Variables"].items()})


def posts_to_an_address_that_exists(template: Template) -> Iterator[str]:
    expected: list[tuple[dict[str, Any], str]] = [
        ({"Stage": "prod"}, r"https://[0-9a-f]{10}\.execute-api\.us-east-1\.amazonaws\.com/prod"),
        (EVERYTHING, r"https://lobby\.game\.example"),
    ]
    for parameters, address in expected:
        for name, function in of_type(resolve(template, parameters), "AWS::Lambda::Function").items():
            found = function["Environment"]["Variables"].get("LOBBY_ENDPOINT", "")
            if not re.fullmatch(address, found):
                yield f"{name} posts to {found}."


def runs_and_logs_as_the_code_expects(template: Template) -> Iterator[str]:
    resolved = resolve(template)
    groups = of_type(resolved, "AWS::Logs::LogGroup").values()
    for name, function in of_type(resolved, "AWS::Lambda::Function").items():
        if (function["Handler"], function["Architectures"]) != ("trading_lobby_ws.handler", ["arm64"]):
            yield f"{name} starts {function['Handler']} on {function['Architectures']}."
        logging = function.get("LoggingConfig", {})
        if (logging.get("LogFormat"), logging.get("SystemLogLevel")) != ("JSON", "WARN"):
            yield f"{name} is charged for START, END and REPORT."
        if logging.get("ApplicationLogLevel", "INFO") not in {"TRACE", "DEBUG", "INFO"}:
            yield f"{name} drops its metrics: lines without a level count as INFO."
        if logging.get("LogGroup") not in [group["LogGroupName"] for group in groups if "RetentionInDays" in group]:
            yield f"{name} logs into a group that is kept for ever."


TRAPS: list[Trap] = [
    is_a_websocket_api_with_every_route,
    asks_the_authorizer_on_connect_and_nowhere_else,
    deploys_after_every_route,
    deploys_again_when_the_api_changes,
    shows_a_dashboard_of_what_exists,
    reserves_no_concurrency_unless_asked,
    lets_the_function_do_no_more_than_it_does,
    lets_only_this_api_call_the_function,
    needs_no_account_wide_role,
    throttles_the_gateway,
    describes_and_bounds_every_parameter,
    carries_the_stage_in_every_name,
    keeps_a_table_with_keys_ttl_and_stream,
    hears_of_joins_and_leaves_only,
    gives_the_function_the_settings_of_the_lobby,
    posts_to_an_address_that_exists,
    runs_and_logs_as_the_code_expects,
]
