"""The template deploys what the lobby needs, and none of the traps that validators do not see is in it."""

from __future__ import annotations

import copy
import gc
import io
import itertools
import json
import re
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lobby.cloudformation import names
from lobby.cloudformation.reading import parse, read_template
from lobby.cloudformation.resolving import ResolveError, resolve
from lobby.errors import LobbyError
from lobby.settings import options, variable
from tests.infrastructure import traps

ROOT = Path(__file__).parents[2]
PATH = ROOT / "infrastructure/lobby-cloudformation.yaml"
TEXT = PATH.read_text()
TEMPLATE = parse(read_template(PATH))
PERMISSIONS = (ROOT / "docs/permissions.md").read_text()


def test_cfn_lint_has_nothing_to_say() -> None:
    """In a process of its own: the linter leaves files open and warns, and warnings are errors here."""
    script = "import sys; from cfnlint.runner import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", script, str(PATH)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_template_is_small_enough_to_be_sent_without_a_bucket() -> None:
    assert len(TEXT.encode()) <= 51_200


@pytest.mark.parametrize("trap", traps.TRAPS, ids=lambda trap: trap.__name__)
def test_the_template_avoids_the_trap(trap: traps.Trap) -> None:
    assert list(trap(TEMPLATE)) == []


# What breaks the template on purpose: a change of the parsed value at a path. So the layout of the YAML does not matter.
Change = Callable[[Any], Any]
GONE = object()


def to(value: Any) -> Change:
    """Replaces the value."""
    return lambda _: value


def swapped(right: str, wrong: str) -> Change:
    """Replaces a part of a text, which must contain it."""

    def change(text: str) -> str:
        assert right in text
        return text.replace(right, wrong)

    return change


def added(key: str, value: Any) -> Change:
    """Adds a key that the mapping does not have."""

    def change(mapping: dict[str, Any]) -> dict[str, Any]:
        assert key not in mapping
        return {**mapping, key: value}

    return change


def renamed(key: str, name: str) -> Change:
    """Gives a key of the mapping another name."""

    def change(mapping: dict[str, Any]) -> dict[str, Any]:
        assert key in mapping
        return {name if one == key else one: value for one, value in mapping.items()}

    return change


def without(item: str) -> Change:
    """Removes an item that the list has."""

    def change(items: list[str]) -> list[str]:
        assert item in items
        return [one for one in items if one != item]

    return change


def row(metric: tuple[str, str], position: int, value: Any) -> Change:
    """In the dashboard's JSON, replaces one element of each row of a metric. For its last element, -1, ``value`` is merged into
    the row's options."""

    def change(text: str) -> str:
        body = json.loads(text)
        rows = [one for widget in body["widgets"] for one in widget["properties"].get("metrics", [])]
        found = [one for one in rows if tuple(one[:2]) == metric]
        assert found
        for one in found:
            one[position] = {**one[-1], **value} if position == -1 else value
        return json.dumps(body)

    return change


API, PARAMETERS = "Resources/Api/Properties", "Parameters"
POS, CONNECT = "Resources/RoutePos/Properties", "Resources/RouteConnect/Properties"
DEPENDS = f"Resources/{next(iter(traps.of_type(TEMPLATE, 'AWS::ApiGatewayV2::Deployment')))}/DependsOn"
BODY = "Resources/LobbyDashboard/Properties/DashboardBody/Fn::Sub"
STATEMENTS = "Resources/Role/Properties/Policies/0/PolicyDocument/Statement"
FUNCTION, VARIABLES = "Resources/Function/Properties", "Resources/Function/Properties/Environment/Variables"
ROUTE_SETTINGS = "Resources/ApiStage/Properties/DefaultRouteSettings"
TABLE, MAPPING = "Resources/Table/Properties", "Resources/StreamMapping/Properties"
JOINS, LEAVES = f"{MAPPING}/FilterCriteria/Filters/0/Pattern", f"{MAPPING}/FilterCriteria/Filters/1/Pattern"

BROKEN: list[tuple[traps.Trap, str, Change]] = [
    (traps.is_a_websocket_api_with_every_route, f"{API}/ProtocolType", to("HTTP")),
    (traps.is_a_websocket_api_with_every_route, f"{API}/RouteSelectionExpression", to(GONE)),
    (traps.is_a_websocket_api_with_every_route, "Resources/RouteHello/Properties/RouteKey", to("hallo")),
    (traps.is_a_websocket_api_with_every_route, f"{POS}/Target", to(GONE)),
    (traps.asks_the_authorizer_on_connect_and_nowhere_else, f"{CONNECT}/AuthorizerId", to(GONE)),
    (traps.asks_the_authorizer_on_connect_and_nowhere_else, f"{CONNECT}/AuthorizationType", to("NONE")),
    (traps.asks_the_authorizer_on_connect_and_nowhere_else, f"{POS}/AuthorizationType", to("CUSTOM")),
    (
        traps.asks_the_authorizer_on_connect_and_nowhere_else,
        "Resources/Authorizer/Properties/IdentitySource",
        to(["route.request.querystring.token"]),
    ),
    (traps.deploys_after_every_route, DEPENDS, without("RouteStatus")),
    (traps.deploys_again_when_the_api_changes, f"{API}/RouteSelectionExpression", to("$request.body.type")),
    (traps.shows_a_dashboard_of_what_exists, BODY, swapped('"start": "-PT3H",', '"start": "-PT3H"')),
    (traps.shows_a_dashboard_of_what_exists, BODY, row(("Lobby", "joins"), 2, "Player")),
    (traps.shows_a_dashboard_of_what_exists, BODY, row(("Lobby", "gone"), 1, "lost")),
    (traps.shows_a_dashboard_of_what_exists, BODY, row(("AWS/Lambda", "IteratorAge"), 3, "lobby")),
    (traps.shows_a_dashboard_of_what_exists, BODY, row(("AWS/Logs", "IncomingBytes"), -1, {"id": "log"})),
    (traps.reserves_no_concurrency_unless_asked, f"{FUNCTION}/ReservedConcurrentExecutions", to(50)),
    (
        traps.lets_the_function_do_no_more_than_it_does,
        f"{STATEMENTS}/3/Resource/0/Fn::Sub",
        swapped("${Api}/${Stage}/POST/@connections/*", "${Api}/*"),
    ),
    (
        traps.lets_the_function_do_no_more_than_it_does,
        f"{STATEMENTS}/3/Resource/0/Fn::Sub",
        swapped("${AWS::AccountId}:${Api}/", "${AWS::AccountId}:*/"),
    ),
    (traps.lets_the_function_do_no_more_than_it_does, f"{STATEMENTS}/0/Resource", to("*")),
    (traps.lets_the_function_do_no_more_than_it_does, f"{STATEMENTS}/0/Action", to(["dynamodb:GetItem", "dynamodb:*"])),
    (
        traps.lets_only_this_api_call_the_function,
        "Resources/ApiMayInvoke/Properties/SourceArn/Fn::Sub",
        swapped("${Api}/${Stage}/*", "*"),
    ),
    (
        traps.lets_only_this_api_call_the_function,
        "Resources/AuthorizerMayInvoke/Properties/SourceArn/Fn::Sub",
        swapped("${Api}/authorizers/${Authorizer}", "${Api}/*"),
    ),
    (traps.needs_no_account_wide_role, f"{PARAMETERS}/AccessLogs/Default", to("yes")),
    (traps.needs_no_account_wide_role, ROUTE_SETTINGS, added("LoggingLevel", "ERROR")),
    (traps.throttles_the_gateway, f"{ROUTE_SETTINGS}/ThrottlingRateLimit", to(GONE)),
    (traps.describes_and_bounds_every_parameter, f"{PARAMETERS}/LogRetentionDays/Description", to(GONE)),
    (traps.describes_and_bounds_every_parameter, f"{PARAMETERS}/MemoryMb/MaxValue", to(GONE)),
    (traps.describes_and_bounds_every_parameter, f"{PARAMETERS}/Secret/NoEcho", to(GONE)),
    (traps.carries_the_stage_in_every_name, f"{TABLE}/TableName", to("LobbyConnections")),
    (
        traps.carries_the_stage_in_every_name,
        "Resources/LobbyDashboard/Properties/DashboardName/Fn::Sub",
        swapped("lobby-${Stage}-", "lobby-"),
    ),
    (traps.carries_the_stage_in_every_name, "Resources/DurationAlarm/Properties/AlarmName", to("lobby-slow")),
    (traps.keeps_a_table_with_keys_ttl_and_stream, f"{TABLE}/TimeToLiveSpecification/AttributeName", to("TTL")),
    (traps.keeps_a_table_with_keys_ttl_and_stream, f"{TABLE}/StreamSpecification/StreamViewType", to("NEW_IMAGE")),
    (traps.keeps_a_table_with_keys_ttl_and_stream, f"{TABLE}/KeySchema/1/AttributeName", to("player_id")),
    (traps.keeps_a_table_with_keys_ttl_and_stream, f"{TABLE}/DeletionProtectionEnabled", to(True)),
    (traps.hears_of_joins_and_leaves_only, LEAVES, swapped('"eventName": ["REMOVE"], ', "")),
    (traps.hears_of_joins_and_leaves_only, JOINS, swapped('["INSERT"]', '["INSERT", "MODIFY"]')),
    (traps.hears_of_joins_and_leaves_only, JOINS, swapped('{"NewImage": {"player_id": {"S": [{"exists": true}]}}}', "{}")),
    (traps.hears_of_joins_and_leaves_only, JOINS, swapped('{"S": [{"exists": true}]}', '[{"exists": true}]')),
    (traps.hears_of_joins_and_leaves_only, LEAVES, swapped('{"S": [{"exists": true}]}', '[{"exists": true}]')),
    (traps.hears_of_joins_and_leaves_only, f"{MAPPING}/MaximumRecordAgeInSeconds", to(GONE)),
    (traps.hears_of_joins_and_leaves_only, f"{MAPPING}/MaximumBatchingWindowInSeconds", to(1)),
    (traps.gives_the_function_the_settings_of_the_lobby, VARIABLES, renamed("LOBBY_ROOM_SIZE", "LOBBY_ROOMSIZE")),
    (traps.gives_the_function_the_settings_of_the_lobby, f"{VARIABLES}/LOBBY_TABLE", to(GONE)),
    (traps.gives_the_function_the_settings_of_the_lobby, f"{PARAMETERS}/WindowMs/MaxValue", to(9000)),
    (traps.posts_to_an_address_that_exists, f"{VARIABLES}/LOBBY_ENDPOINT/Fn::If/2/Fn::Sub", swapped("/${Stage}", "")),
    (
        traps.posts_to_an_address_that_exists,
        f"{VARIABLES}/LOBBY_ENDPOINT/Fn::If/1/Fn::Sub",
        swapped("${DomainName}", "${DomainName}/${Stage}"),
    ),
    (traps.runs_and_logs_as_the_code_expects, f"{FUNCTION}/Handler", to("index.handler")),
    (traps.runs_and_logs_as_the_code_expects, f"{FUNCTION}/LoggingConfig/ApplicationLogLevel", to("WARN")),
    (traps.runs_and_logs_as_the_code_expects, f"{FUNCTION}/LoggingConfig/SystemLogLevel", to(GONE)),
    (traps.runs_and_logs_as_the_code_expects, f"{FUNCTION}/LoggingConfig/LogGroup", to(GONE)),
]


def broken(path: str, change: Change) -> dict[str, Any]:
    """The template after ``change`` of the value at ``path``: keys and indices, separated by slashes."""
    template = copy.deepcopy(TEMPLATE)
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
    holder: Any = template
    for part in parents:
        holder = holder[part]
    before = copy.deepcopy(holder[last])
    holder[last] = change(holder[last])
    assert holder[last] != before, f"{path} is not changed"
    if holder[last] is GONE:
        del holder[last]
    return template


@pytest.mark.parametrize(("trap", "path", "change"), BROKEN, ids=[f"{trap.__name__}-{path}" for trap, path, _ in BROKEN])
def test_a_template_that_is_broken_on_purpose_is_caught(trap: traps.Trap, path: str, change: Change) -> None:
    assert list(trap(broken(path, change)))


def test_every_trap_is_shown_to_be_caught() -> None:
    assert {trap for trap, _, _ in BROKEN} == set(traps.TRAPS)


def test_an_account_wide_role_and_a_managed_policy_are_caught() -> None:
    template = parse(read_template(PATH))
    template["Resources"]["Account"] = {"Type": "AWS::ApiGateway::Account"}
    template["Resources"]["Role"]["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AdministratorAccess"]
    assert list(traps.needs_no_account_wide_role(template))
    assert list(traps.lets_the_function_do_no_more_than_it_does(template))


SWITCHES: dict[str, list[Any]] = {
    "Stage": ["dev", "prod"],
    "Dashboard": ["yes", "no"],
    "AlarmEmail": ["", "ops@game.example"],
    "AccessLogs": ["yes", "no"],
    "ExecutionRoleArn": ["", "arn:aws:iam::123456789012:role/by-hand"],
}


def test_whatever_is_switched_on_or_off_nothing_refers_to_what_is_not_there() -> None:
    domain = {name: traps.EVERYTHING[name] for name in ("DomainName", "CertificateArn")}
    for values in itertools.product(*SWITCHES.values()):
        for more in ({}, domain):
            resolve(TEMPLATE, {**dict(zip(SWITCHES, values, strict=True)), **more})


def test_a_role_made_by_hand_takes_the_place_of_ours() -> None:
    by_hand = "arn:aws:iam::123456789012:role/by-hand"
    resources = resolve(TEMPLATE, {"ExecutionRoleArn": by_hand})["Resources"]
    assert "Role" not in resources
    assert resources["Function"]["Properties"]["Role"] == by_hand


@pytest.mark.parametrize("one", ["DomainName", "CertificateArn"])
def test_a_domain_without_a_certificate_and_the_reverse_are_refused_before_anything_is_made(one: str) -> None:
    with pytest.raises(ResolveError, match="belong together"):
        resolve(TEMPLATE, {one: traps.EVERYTHING[one]})


@pytest.mark.parametrize("secret", ["short", "x" * 31])
def test_a_secret_that_protects_nothing_is_refused(secret: str) -> None:
    with pytest.raises(LobbyError, match="Secret"):
        resolve(TEMPLATE, {"Secret": secret})


def test_three_stages_live_side_by_side_without_sharing_a_name() -> None:
    named: list[set[str]] = []
    for stage in ("dev", "staging", "prod"):
        resources = resolve(TEMPLATE, {**traps.EVERYTHING, "Stage": stage})["Resources"].values()
        keys = {"TableName", "FunctionName", "LogGroupName", "AlarmName", "DashboardName", "TopicName", "Name", "StageName"}
        own = [r["Properties"] for r in resources if r["Type"] != "AWS::Lambda::Permission"]
        named.append({str(value) for properties in own for key, value in properties.items() if key in keys})
    assert not named[0] & named[1]
    assert not named[0] & named[2]
    assert not named[1] & named[2]


@pytest.mark.parametrize(
    ("partition", "console"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
        ("aws-new", "console.aws.amazon.com"),
    ],
)
def test_the_address_of_the_dashboard_is_that_of_the_partition(
    partition: str, console: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(names.PSEUDO, "AWS::Partition", partition)
    assert f"https://{console}/" in resolve(TEMPLATE, {})["Outputs"]["DashboardUrl"]["Value"]


def test_the_outputs_tell_a_person_what_is_needed_next() -> None:
    plain = {name: item["Value"] for name, item in resolve(TEMPLATE, {"Stage": "prod"})["Outputs"].items()}
    assert re.fullmatch(r"wss://\w+\.execute-api\.us-east-1\.amazonaws\.com/prod", plain["WebSocketUrl"])
    assert plain["CallbackEndpoint"] == plain["WebSocketUrl"].replace("wss:", "https:")
    assert (plain["FunctionName"], plain["TableName"]) == ("lobby-websocket-prod", "LobbyConnections-prod")
    assert plain["LogGroupName"] == "/aws/lambda/lobby-websocket-prod"
    assert plain["Tokens"] == "none"
    assert resolve(TEMPLATE, {"Secret": "x" * 32})["Outputs"]["Tokens"]["Value"] == "required"
    assert plain["DashboardUrl"].startswith("https://console.aws.amazon.com/cloudwatch/home?region=us-east-1#")
    assert plain["DashboardUrl"].endswith("name=lobby-prod-us-east-1")
    everything = resolve(TEMPLATE, traps.EVERYTHING)["Outputs"]
    assert everything["WebSocketUrl"]["Value"] == "wss://lobby.game.example/"
    assert everything["CallbackEndpoint"]["Value"] == "https://lobby.game.example"
    assert "DomainTarget" in everything


def test_the_estimate_charges_list_prices() -> None:
    """A billion messages in five minutes would be $288,000 a day."""
    body = json.loads(resolve(TEMPLATE)["Resources"]["LobbyDashboard"]["Properties"]["DashboardBody"])
    [rows] = [w["properties"]["metrics"] for w in body["widgets"] if w["properties"].get("title") == "Estimated $ a day"]
    expressions = {row[0]["id"]: row[0]["expression"] for row in rows if "expression" in row[0]}
    values = {"messages": 1e9, "players": 50, "calls": 1e6, "duration": 1e9, "writes": 1e6, "reads": 1e6, "logs": 1e9}
    names = {"FILL": lambda value, _: value, "PERIOD": lambda _: 300, "REPEAT": None, **values}
    day = {key: eval(text, {"__builtins__": {}}, names) for key, text in expressions.items()}
    times = 86400 / 300
    assert day == {
        "d_messages": pytest.approx(1000 * times),
        "d_minutes": pytest.approx(50 * 1440 * 0.25e-6),
        "d_function": pytest.approx((0.2 + 1e6 * 0.5 * 0.0000133334) * times),
        "d_table": pytest.approx((0.625 + 0.125) * times),
        "d_logs": pytest.approx(0.5 * times),
    }


# ---------------------------------------------------------------------------------------------------------------- roles, docs


def test_the_trust_policy_for_roles_made_by_hand_is_that_of_the_template() -> None:
    [ours] = resolve(TEMPLATE)["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    [theirs] = json.loads((ROOT / "infrastructure/lobby-trust-policy.json").read_text())["Statement"]
    assert {key: value for key, value in theirs.items() if key != "Sid"} == ours


def test_the_artifact_policy_covers_one_bucket_and_there_only_the_folder_of_the_artifact() -> None:
    parameters = resolve(TEMPLATE)["Parameters"]
    things, bucket = json.loads((ROOT / "infrastructure/lobby-s3-policy.json").read_text())["Statement"]
    assert bucket["Resource"].startswith("arn:aws:s3:::")
    assert parameters["ArtifactBucket"] == ""  # each account names a bucket of its own
    prefix = parameters["ArtifactKey"].split("/")[0]
    assert things["Resource"] == f"{bucket['Resource']}/{prefix}/*"
    assert bucket["Condition"] == {"StringLike": {"s3:prefix": f"{prefix}/*"}}
    assert "s3:DeleteObject" not in things["Action"]


def test_the_page_on_permissions_names_every_action_and_every_variable() -> None:
    for statement in resolve(TEMPLATE)["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
        for action in statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]:
            assert f"`{action}`" in PERMISSIONS
    for name in traps.OWN_VARIABLES:
        assert f"`{name}`" in PERMISSIONS
    assert variable("secret") in PERMISSIONS


def test_the_function_is_given_every_setting_that_means_something_on_aws() -> None:
    """The others are about sockets and ports, which are API Gateway's here, or thin out what is sent anyway once a window.

    The file with settings of rooms is in the zip, and a WebSocket API cannot answer GET /rooms.
    """
    process = {"host", "port", "open", "tls_cert", "tls_key", "behind_proxy", "connections_per_address", "outbox_bytes"}
    process |= {"admin_host", "admin_port", "admin_key", "metrics_on_admin_port", "webhook_url", "webhook_secret"}
    process |= {"near_players", "far_ms", "rooms_file", "list_rooms"}
    given = set(TEMPLATE["Resources"]["Function"]["Properties"]["Environment"]["Variables"])
    assert given - traps.OWN_VARIABLES == {variable(item.name) for item in options() if item.name not in process}


# ---------------------------------------------------------------------------------------------------------------- deployed


@pytest.fixture(scope="module")
def deployed() -> dict[str, Any]:
    """What stands in an imitated AWS after the stack was created. API Gateway, alarms and TTL it passes over in silence.

    The imitation leaves files open and warns of itself, so it is over, and swept up, before the first test looks.
    """
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.setenv(name, "testing")
        patch.delenv("AWS_PROFILE", raising=False)
        found = _deploy()
        gc.collect()
    return found


def _deploy() -> dict[str, Any]:
    import boto3
    from moto import mock_aws

    with mock_aws():
        services = ("cloudformation", "cloudwatch", "dynamodb", "lambda", "logs", "s3", "sns")
        aws: dict[str, Any] = {name: boto3.client(name, region_name="us-east-1") for name in services}
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("trading_lobby_ws.py", "def handler(event, context): return {'statusCode': 200}\n")
        bucket = "children-of-singularity-releases"
        aws["s3"].create_bucket(Bucket=bucket)
        aws["s3"].put_object(Bucket=bucket, Key="lobby/lobby-function.zip", Body=zipped.getvalue())
        given = {"Stage": "prod", "AlarmEmail": "ops@game.example", "ArtifactBucket": bucket}
        aws["cloudformation"].create_stack(
            StackName="lobby-prod",
            TemplateBody=TEXT,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )
        table, function = "LobbyConnections-prod", "lobby-websocket-prod"
        for key in ("L0SM9cOFvHcCIhw=", "#window"):
            aws["dynamodb"].put_item(TableName=table, Item={"room": {"S": "r"}, "connectionId": {"S": key}})
        return {
            "stacks": aws["cloudformation"].describe_stacks(StackName="lobby-prod")["Stacks"],
            "table": aws["dynamodb"].describe_table(TableName=table)["Table"],
            "rows": aws["dynamodb"].query(
                TableName=table,
                KeyConditionExpression="room = :room",
                ExpressionAttributeValues={":room": {"S": "r"}},
                ConsistentRead=True,
            )["Items"],
            "function": aws["lambda"].get_function_configuration(FunctionName=function),
            "mappings": aws["lambda"].list_event_source_mappings(FunctionName=function)["EventSourceMappings"],
            "groups": aws["logs"].describe_log_groups(logGroupNamePrefix="/aws/lambda/lobby")["logGroups"],
            "topics": aws["sns"].list_topics()["Topics"],
            "dashboard": aws["cloudwatch"].get_dashboard(DashboardName="lobby-prod-us-east-1")["DashboardBody"],
        }


def test_the_stack_is_created(deployed: dict[str, Any]) -> None:
    [stack] = deployed["stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"


def test_the_deployed_table_has_keys_and_stream_and_takes_rows(deployed: dict[str, Any]) -> None:
    table = deployed["table"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [
        ("room", "HASH"),
        ("connectionId", "RANGE"),
    ]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert [row["connectionId"]["S"] for row in deployed["rows"]] == ["#window", "L0SM9cOFvHcCIhw="]


def test_the_deployed_function_logs_topic_and_dashboard_are_what_the_template_says(deployed: dict[str, Any]) -> None:
    function = deployed["function"]
    assert (function["Runtime"], function["MemorySize"], function["Timeout"]) == ("python3.13", 512, 8)
    assert function["Environment"]["Variables"]["LOBBY_TABLE"] == "LobbyConnections-prod"
    [mapping] = deployed["mappings"]
    assert "LobbyConnections-prod/stream/" in mapping["EventSourceArn"]
    [group] = deployed["groups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/aws/lambda/lobby-websocket-prod", 14)
    [topic] = deployed["topics"]
    assert topic["TopicArn"].endswith(":lobby-alarms-prod")
    assert json.loads(deployed["dashboard"])["widgets"]
