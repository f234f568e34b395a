"""The template deploys what the lobby needs, and none of the traps that validators do not see is in it."""

from __future__ import annotations

import gc
import io
import itertools
import json
import re
import subprocess
import sys
import warnings
import zipfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from lobby.cloudformation.reading import parse, read_template
from lobby.cloudformation.resolving import ResolveError, resolve
from lobby.errors import LobbyError
from lobby.settings import Settings, variable
from tests.infrastructure import traps
from tests.infrastructure.mutations import Mutation, every, in_json, remove, rename, replace, set_to

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


FUNCTION = "Resources/Function/Properties"
VARIABLES = f"{FUNCTION}/Environment/Variables"
STATEMENTS = "Resources/Role/Properties/Policies/PolicyName=lobby/PolicyDocument/Statement"
STREAM = "Resources/StreamMapping/Properties"
FILTERS = f"{STREAM}/FilterCriteria/Filters"
TABLE = "Resources/Table/Properties"
DASHBOARD = "Resources/LobbyDashboard/Properties/DashboardBody/Fn::Sub"


def filter_of(event: str, mutation: Mutation) -> Mutation:
    """Changes the filter of the stream that lets an event pass."""
    number = {"INSERT": 0, "REMOVE": 1}[event]
    return in_json(f"{FILTERS}/{number}/Pattern", every(lambda pattern: _assert_event(pattern, event), mutation))


def _assert_event(pattern: dict[str, Any], event: str) -> None:
    assert pattern["eventName"] == [event]


def metric(metric: str, part: int | str, value: str) -> Mutation:
    """Changes a part of the first row of the dashboard that shows a metric: an index of the row, or a name in its options."""

    def change(body: dict[str, Any]) -> None:
        rows = [row for widget in body["widgets"] for row in widget["properties"].get("metrics", []) if metric in row[:2]]
        target = rows[0] if isinstance(part, int) else rows[0][-1]
        assert target[part] != value
        target[part] = value

    return in_json(DASHBOARD, change)


BROKEN: list[tuple[traps.Trap, Mutation]] = [
    (traps.is_a_websocket_api_with_every_route, set_to("Resources/Api/Properties/ProtocolType", "HTTP")),
    (traps.is_a_websocket_api_with_every_route, remove("Resources/Api/Properties/RouteSelectionExpression")),
    (traps.is_a_websocket_api_with_every_route, set_to("Resources/RouteHello/Properties/RouteKey", "hallo")),
    (traps.is_a_websocket_api_with_every_route, remove("Resources/RoutePos/Properties/Target")),
    (traps.asks_the_authorizer_on_connect_and_nowhere_else, remove("Resources/RouteConnect/Properties/AuthorizerId")),
    (
        traps.asks_the_authorizer_on_connect_and_nowhere_else,
        set_to("Resources/RouteConnect/Properties/AuthorizationType", "NONE"),
    ),
    (
        traps.asks_the_authorizer_on_connect_and_nowhere_else,
        set_to("Resources/RoutePos/Properties/AuthorizationType", "CUSTOM"),
    ),
    (
        traps.asks_the_authorizer_on_connect_and_nowhere_else,
        set_to("Resources/Authorizer/Properties/IdentitySource", ["route.request.querystring.token"]),
    ),
    (traps.deploys_after_every_route, remove("Resources/Type=AWS::ApiGatewayV2::Deployment/DependsOn/RouteStatus")),
    (
        traps.deploys_again_when_the_api_changes,
        set_to("Resources/Api/Properties/RouteSelectionExpression", "$request.body.type"),
    ),
    (traps.shows_a_dashboard_of_what_exists, replace(DASHBOARD, '"start": "-PT3H",', '"start": "-PT3H"')),
    (traps.shows_a_dashboard_of_what_exists, metric("joins", 2, "Player")),
    (traps.shows_a_dashboard_of_what_exists, metric("gone", 1, "lost")),
    (traps.shows_a_dashboard_of_what_exists, metric("IteratorAge", 3, "lobby")),
    (traps.shows_a_dashboard_of_what_exists, metric("IncomingBytes", "id", "log")),
    (traps.reserves_no_concurrency_unless_asked, set_to(f"{FUNCTION}/ReservedConcurrentExecutions", 50)),
    (
        traps.lets_the_function_do_no_more_than_it_does,
        replace(f"{STATEMENTS}/Sid=Connections/Resource/0/Fn::Sub", "${Api}/${Stage}/POST/@connections/*", "${Api}/*"),
    ),
    (
        traps.lets_the_function_do_no_more_than_it_does,
        replace(f"{STATEMENTS}/Sid=Connections/Resource/0/Fn::Sub", "${Api}/${Stage}/POST/", "*/${Stage}/POST/"),
    ),
    (traps.lets_the_function_do_no_more_than_it_does, set_to(f"{STATEMENTS}/Sid=Rows/Resource", "*")),
    (
        traps.lets_the_function_do_no_more_than_it_does,
        every(
            remove(f"{STATEMENTS}/Sid=Rows/Action/dynamodb:DeleteItem"),
            set_to(f"{STATEMENTS}/Sid=Rows/Action/dynamodb:Query", "dynamodb:*"),
        ),
    ),
    (
        traps.lets_only_this_api_call_the_function,
        replace("Resources/ApiMayInvoke/Properties/SourceArn/Fn::Sub", "${Api}/${Stage}/*", "*"),
    ),
    (
        traps.lets_only_this_api_call_the_function,
        replace("Resources/AuthorizerMayInvoke/Properties/SourceArn/Fn::Sub", "${Api}/authorizers/${Authorizer}", "${Api}/*"),
    ),
    (traps.needs_no_account_wide_role, set_to("Parameters/AccessLogs/Default", "yes")),
    (
        traps.needs_no_account_wide_role,
        every(
            set_to("Resources/ApiStage/Properties/DefaultRouteSettings/DetailedMetricsEnabled", "ERROR"),
            rename("Resources/ApiStage/Properties/DefaultRouteSettings/DetailedMetricsEnabled", "LoggingLevel"),
        ),
    ),
    (traps.throttles_the_gateway, remove("Resources/ApiStage/Properties/DefaultRouteSettings/ThrottlingRateLimit")),
    (traps.describes_and_bounds_every_parameter, remove("Parameters/LogRetentionDays/Description")),
    (traps.describes_and_bounds_every_parameter, remove("Parameters/MemoryMb/MaxValue")),
    (traps.describes_and_bounds_every_parameter, remove("Parameters/Secret/NoEcho")),
    (traps.carries_the_stage_in_every_name, set_to(f"{TABLE}/TableName", "LobbyConnections")),
    (
        traps.carries_the_stage_in_every_name,
        set_to("Resources/LobbyDashboard/Properties/DashboardName/Fn::Sub", "lobby-${AWS::Region}"),
    ),
    (traps.carries_the_stage_in_every_name, set_to("Resources/DurationAlarm/Properties/AlarmName", "lobby-slow")),
    (traps.keeps_a_table_with_keys_ttl_and_stream, set_to(f"{TABLE}/TimeToLiveSpecification/AttributeName", "TTL")),
    (traps.keeps_a_table_with_keys_ttl_and_stream, set_to(f"{TABLE}/StreamSpecification/StreamViewType", "NEW_IMAGE")),
    (traps.keeps_a_table_with_keys_ttl_and_stream, set_to(f"{TABLE}/KeySchema/KeyType=RANGE/AttributeName", "player_id")),
    (traps.keeps_a_table_with_keys_ttl_and_stream, set_to(f"{TABLE}/DeletionProtectionEnabled", True)),
    (traps.hears_of_joins_and_leaves_only, filter_of("REMOVE", remove("eventName"))),
    (traps.hears_of_joins_and_leaves_only, filter_of("INSERT", set_to("eventName", ["INSERT", "MODIFY"]))),
    (traps.hears_of_joins_and_leaves_only, filter_of("INSERT", set_to("dynamodb", {}))),
    (
        traps.hears_of_joins_and_leaves_only,
        every(
            filter_of("INSERT", set_to("dynamodb/NewImage/player_id", [{"exists": True}])),
            filter_of("REMOVE", set_to("dynamodb/OldImage/player_id", [{"exists": True}])),
        ),
    ),
    (traps.hears_of_joins_and_leaves_only, remove(f"{STREAM}/MaximumRecordAgeInSeconds")),
    (traps.hears_of_joins_and_leaves_only, set_to(f"{STREAM}/MaximumBatchingWindowInSeconds", 1)),
    (traps.gives_the_function_the_settings_of_the_lobby, rename(f"{VARIABLES}/LOBBY_ROOM_SIZE", "LOBBY_ROOMSIZE")),
    (traps.gives_the_function_the_settings_of_the_lobby, remove(f"{VARIABLES}/LOBBY_TABLE")),
    (traps.gives_the_function_the_settings_of_the_lobby, set_to("Parameters/WindowMs/MaxValue", 9000)),
    (traps.posts_to_an_address_that_exists, replace(f"{VARIABLES}/LOBBY_ENDPOINT/Fn::If/2/Fn::Sub", "/${Stage}", "")),
    (
        traps.posts_to_an_address_that_exists,
        replace(f"{VARIABLES}/LOBBY_ENDPOINT/Fn::If/1/Fn::Sub", "${DomainName}", "${DomainName}/${Stage}"),
    ),
    (traps.runs_and_logs_as_the_code_expects, set_to(f"{FUNCTION}/Handler", "index.handler")),
    (traps.runs_and_logs_as_the_code_expects, set_to(f"{FUNCTION}/LoggingConfig/ApplicationLogLevel", "WARN")),
    (traps.runs_and_logs_as_the_code_expects, remove(f"{FUNCTION}/LoggingConfig/SystemLogLevel")),
    (traps.runs_and_logs_as_the_code_expects, remove(f"{FUNCTION}/LoggingConfig/LogGroup")),
]
"""A mutation of the template for each mistake that a trap must report."""


@pytest.mark.parametrize(("trap", "mutation"), BROKEN, ids=lambda part: "" if part.__name__ == "change" else part.__name__)
def test_a_template_that_is_broken_on_purpose_is_caught(trap: traps.Trap, mutation: Mutation) -> None:
    broken = deepcopy(TEMPLATE)
    mutation(broken)
    assert list(trap(broken))


def test_every_trap_is_shown_to_be_caught() -> None:
    assert {trap for trap, _ in BROKEN} == set(traps.TRAPS)


@pytest.mark.parametrize(
    "mutation",
    [
        set_to("Resources/Apis/Properties/ProtocolType", "HTTP"),
        set_to("Resources/Api/Properties/ProtocolType", "WEBSOCKET"),
        remove(f"{STATEMENTS}/Sid=Nothing"),
        remove("Resources/Type=AWS::ApiGatewayV2::Route/Properties"),
        replace("Resources/Api/Properties/ProtocolType", "HTTP", "HTTPS"),
        rename("Parameters/Stage", "Origins"),
        filter_of("REMOVE", remove("eventname")),
    ],
    ids=lambda part: "",
)
def test_a_mutation_without_an_effect_fails(mutation: Mutation) -> None:
    with pytest.raises(AssertionError):
        mutation(deepcopy(TEMPLATE))


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


def test_the_outputs_tell_a_person_what_is_needed_next() -> None:
    plain = {name: item["Value"] for name, item in resolve(TEMPLATE, {"Stage": "prod"})["Outputs"].items()}
    assert re.fullmatch(r"wss://\w+\.execute-api\.us-east-1\.amazonaws\.com/prod", plain["WebSocketUrl"])
    assert plain["CallbackEndpoint"] == plain["WebSocketUrl"].replace("wss:", "https:")
    assert (plain["FunctionName"], plain["TableName"]) == ("lobby-websocket-prod", "LobbyConnections-prod")
    assert plain["LogGroupName"] == "/aws/lambda/lobby-websocket-prod"
    assert plain["Tokens"] == "none"
    assert resolve(TEMPLATE, {"Secret": "x" * 32})["Outputs"]["Tokens"]["Value"] == "required"
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
    """The others are about sockets and ports, which are API Gateway's here, or thin out what is sent anyway once a window."""
    process = {"host", "port", "open", "tls_cert", "tls_key", "behind_proxy", "connections_per_address", "outbox_bytes"}
    process |= {"near_players", "far_ms"}
    given = set(TEMPLATE["Resources"]["Function"]["Properties"]["Environment"]["Variables"])
    assert given - traps.OWN_VARIABLES == {variable(name) for name in Settings.__dataclass_fields__ if name not in process}


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
