"""Deploying and deleting: all states of a stack, all failures, and their messages."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions as b
from rich.console import Console

from lobby.billing import flood_dollars
from lobby.deploy import NO_SECRET, Deployment, DeployOptions
from lobby.deploy.aws import Aws, request_error
from lobby.deploy.package import build
from lobby.deploy.screen import Screen
from lobby.errors import LobbyError
from lobby.settings import ENV_FILE
from tests.deploy.clouds import (
    ACCOUNT,
    BUCKET,
    DELETED,
    MADE,
    OUTPUTS,
    REGION,
    CloudFormation,
    Lambda,
    Session,
    client,
    refused,
)
from tests.hosts import serving

SECRET = "a secret of thirty-two characters"
CHANGED = [(name, status.replace("CREATE", "UPDATE"), reason) for name, status, reason in MADE]
OLD = {"ArtifactBucket": BUCKET, "RoomSize": "20", "Secret": "****", "Forgotten": "1"}


@pytest.fixture(autouse=True)
def bucket(account: None) -> Any:
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return s3


def deployment(cloudformation: CloudFormation, stage: str = "dev", *, yes: bool = True, **clients: Any) -> Deployment:
    session = Session(cloudformation=cloudformation, **clients)
    cloudformation.name = f"lobby-{stage}"
    return Deployment(Aws(session, REGION), stage, Screen(yes=yes), wait=lambda _: None)


def fails(deploy: Deployment, wish: DeployOptions | None = None) -> str:
    """The one sentence of a deployment that fails."""
    with pytest.raises(LobbyError) as caught:
        deploy.deploy(wish or DeployOptions(BUCKET))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


# ── all is well ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_deployment_uploads_shows_follows_and_writes_down(
    bucket: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    outputs = deployment(cloudformation).deploy(DeployOptions(BUCKET, {"RoomSize": "20"}))
    assert outputs == OUTPUTS
    key = build().key
    assert bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read() == build().data
    [asked] = cloudformation.said("create_change_set")
    assert (asked["ChangeSetType"], asked["Capabilities"]) == ("CREATE", ["CAPABILITY_IAM"])
    assert {item["ParameterKey"]: item["ParameterValue"] for item in asked["Parameters"]} == {
        "Stage": "dev",
        "ArtifactBucket": BUCKET,
        "ArtifactKey": key,
        "RoomSize": "20",
    }
    assert (folder / ENV_FILE).read_text().splitlines() == [
        f"LOBBY_URL_DEV={OUTPUTS['WebSocketUrl']}",
        "LOBBY_FUNCTION_DEV=lobby-websocket-dev",
        "LOBBY_TABLE_DEV=LobbyConnections-dev",
    ]
    said = capsys.readouterr()
    assert said.out == ""
    assert "\x1b" not in said.err
    assert "\n\n" not in said.err
    lines = said.err.splitlines()
    assert lines[0] == f"AWS account {ACCOUNT}, Region {REGION}"
    assert any(line.split() == ["Add", "Table", "AWS::DynamoDB::Table"] for line in lines)
    assert [line for line in lines if " of 3  " in line] == [
        "1 of 3  Table  CREATE_COMPLETE",
        "2 of 3  Function  CREATE_COMPLETE",
        "3 of 3  Api  CREATE_COMPLETE",
    ]


def test_an_existing_zip_is_not_uploaded_again_and_other_parameters_keep_their_values(
    bucket: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put_object(Bucket=BUCKET, Key=build().key, Body=build().data, ContentType="by/hand")
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD)
    cloudformation.story, cloudformation.changes = [*CHANGED], [("Modify", "Function", "False")]
    deployment(cloudformation).deploy(DeployOptions(parameters={"WindowMs": "1000"}))
    assert bucket.head_object(Bucket=BUCKET, Key=build().key)["ContentType"] == "by/hand"
    [asked] = cloudformation.said("create_change_set")
    assert asked["ChangeSetType"] == "UPDATE"
    values = {item["ParameterKey"]: item.get("ParameterValue", "as before") for item in asked["Parameters"]}
    assert values == {
        "Stage": "dev",
        "ArtifactBucket": BUCKET,
        "ArtifactKey": build().key,
        "WindowMs": "1000",
        "RoomSize": "as before",
        "Secret": "as before",
    }
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_without_changes_the_deployment_succeeds_and_writes_the_names(
    reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", **OLD)
    cloudformation.plan_reason = reason
    assert deployment(cloudformation).deploy(DeployOptions()) == OUTPUTS
    assert cloudformation.said("execute_change_set") == []
    assert len(cloudformation.said("delete_change_set")) == 1
    assert cloudformation.said("delete_stack") == []
    assert "up to date. Nothing changes" in capsys.readouterr().err
    assert "LOBBY_URL_DEV=" in (folder / ENV_FILE).read_text()


def test_a_terminal_shows_a_table_and_a_bar_and_takes_nothing_of_awss_for_markup() -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD)
    cloudformation.changes = [("Modify", "Api", "True"), ("Modify", "Function", "False"), ("Remove", "Table", "")]
    cloudformation.story = [("Function", "UPDATE_FAILED", "no [red]luck[/]"), *CHANGED]
    written = io.StringIO()
    shown = deployment(cloudformation)
    shown._screen.console = Console(file=written, force_terminal=True, width=200, soft_wrap=True)
    with suppress(LobbyError):
        shown.deploy(DeployOptions())
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue())
    assert re.search(r"Action +Resource +Type +Replacement", text)
    assert re.search(r"Modify +Api +AWS::ApiGatewayV2::Api +True", text)
    assert re.search(r"Modify +Function +AWS::Lambda::Function +\n", text)
    assert "Function: UPDATE_FAILED no [red]luck[/]" in text
    assert re.search(r"Deploying: Api ━+ 3/3", text)


def test_the_game_gets_the_address_and_a_broken_configuration_stops_the_deployment_before_any_change(folder: Path) -> None:
    config = folder / "lobby_config.json"
    config.write_text('{"room": "hub", "url": "ws://127.0.0.1:8765/"}')
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    deployment(cloudformation).deploy(DeployOptions(BUCKET, godot_config=config))
    assert json.loads(config.read_text()) == {"room": "hub", "url": OUTPUTS["WebSocketUrl"]}
    config.write_text('{"room": ')
    assert "Cannot read" in fails(deployment(CloudFormation()), DeployOptions(BUCKET, godot_config=config))
    assert config.read_text() == '{"room": '
    config.write_text("[]")
    assert "not an object" in fails(deployment(CloudFormation()), DeployOptions(BUCKET, godot_config=config))


def test_a_stack_that_was_only_planned_is_planned_again_and_not_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer(monkeypatch, "n\n")
    cloudformation = CloudFormation("REVIEW_IN_PROGRESS", **OLD)
    assert fails(deployment(cloudformation, yes=False)) == "Nothing was changed."
    [asked] = cloudformation.said("create_change_set")
    assert asked["ChangeSetType"] == "CREATE"
    assert not any("UsePreviousValue" in item for item in asked["Parameters"])
    assert len(cloudformation.said("delete_change_set")) == 1
    assert cloudformation.said("delete_stack") == []


# ── questions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("text", "said"), [("n\n", "Nothing was changed."), ("", "--yes answers it in advance")])
def test_without_a_yes_the_plan_and_a_stack_that_was_only_planned_are_deleted(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    answer(monkeypatch, text)
    cloudformation = CloudFormation()
    assert said in fails(deployment(cloudformation, yes=False))
    assert cloudformation.said("execute_change_set") == []
    assert cloudformation.status == ""
    assert not (folder / ENV_FILE).exists()


def test_prod_warns_of_lost_resources_and_of_a_missing_secret(capsys: pytest.CaptureFixture[str]) -> None:
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    cloudformation.changes = [("Modify", "Api", "True"), ("Modify", "Function", "False"), ("Remove", "Table", "")]
    deployment(cloudformation, "prod").deploy(DeployOptions(BUCKET))
    said = capsys.readouterr().err
    assert NO_SECRET in said
    assert "In prod this deletes or replaces Api, Table." in said
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    deployment(cloudformation, "prod").deploy(DeployOptions(BUCKET, secret=SECRET))
    said = capsys.readouterr().err
    assert NO_SECRET not in said
    assert SECRET not in said
    assert {"ParameterKey": "Secret", "ParameterValue": SECRET} in cloudformation.said("create_change_set")[0]["Parameters"]


def test_prod_without_a_secret_is_asked_about_before_anything_is_uploaded(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "n\n")
    cloudformation = CloudFormation()
    assert fails(deployment(cloudformation, "prod", yes=False)) == "Nothing was changed."
    assert "Contents" not in bucket.list_objects_v2(Bucket=BUCKET)


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_each_stage_states_which_clients_may_connect_and_what_a_flood_costs(
    stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    deployment(cloudformation, stage).deploy(DeployOptions(BUCKET, {"DailyBudget": "2", "ThrottleRate": "100"}))
    said = capsys.readouterr().err
    assert NO_SECRET in said
    most = flood_dollars(100, 512, 2)
    assert f"A flood costs up to ${most:,.0f} a day: 100 requests a second are accepted (ThrottleRate)" in said
    assert "DailyBudget is $2" in said
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    deployment(cloudformation, stage).deploy(DeployOptions(BUCKET, secret=SECRET))
    said = capsys.readouterr().err
    assert "Players need a token of your backend." in said
    assert f"Without a token, it costs up to ${flood_dollars(1000, 512, 0, are_refused=True):,.0f}." in said
    assert "DailyBudget is 0, which is no limit." in said


def test_an_existing_lobby_that_requires_tokens_is_not_called_open(capsys: pytest.CaptureFixture[str]) -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD, DailyBudget="7")
    cloudformation.outputs["Tokens"] = "required"
    cloudformation.story = [*CHANGED]
    deployment(cloudformation).deploy(DeployOptions())
    said = capsys.readouterr().err
    assert NO_SECRET not in said
    assert "DailyBudget is $7" in said


@pytest.mark.parametrize("asks", [True, False], ids=["after a question", "by the flag"])
def test_a_new_lobby_is_offered_a_secret(
    asks: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if asks:
        answer(monkeypatch, "y\ny\n")
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    deployed = deployment(cloudformation, yes=not asks)
    deployed.deploy(DeployOptions(BUCKET, new_secret=not asks))
    file = folder / "lobby-secret-dev.txt"
    secret = file.read_text().strip()
    assert (len(secret), file.stat().st_mode & 0o777, deployed.secret) == (43, 0o600, secret)
    assert {"ParameterKey": "Secret", "ParameterValue": secret} in cloudformation.said("create_change_set")[0]["Parameters"]
    said = capsys.readouterr().err
    assert secret not in said
    assert "LOBBY_SECRET=$(cat lobby-secret-dev.txt) lobby token ann" in said


def test_a_secret_that_was_made_before_is_used_again(folder: Path) -> None:
    (folder / "lobby-secret-dev.txt").write_text(SECRET + "\n")
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    deployed = deployment(cloudformation)
    deployed.deploy(DeployOptions(BUCKET, new_secret=True))
    assert deployed.secret == SECRET


def test_a_new_account_is_warned_of_its_limit_of_ten_invocations(capsys: pytest.CaptureFixture[str]) -> None:
    for limit, told in ((10, True), (1000, False)):
        cloudformation = CloudFormation()
        cloudformation.story = [*MADE]
        deployment(cloudformation, functions=Lambda(limit)).deploy(DeployOptions(BUCKET))
        assert ("allows 10 concurrent invocations" in capsys.readouterr().err) is told


# ── what is wrong before anything happens ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (DeployOptions(BUCKET, {"RoomSiz": "20"}), "The template has no parameter RoomSiz; did you mean RoomSize?"),
        (DeployOptions(BUCKET, {"Zzz": "20"}), "The template has no parameter Zzz; it has AccessLogs, "),
        (DeployOptions(BUCKET, {"RoomSize": "0"}), "The parameter RoomSize is '0'; it must be between 1 and 10,000."),
        (DeployOptions(BUCKET, {"RoomSize": "many"}), "The parameter RoomSize is 'many'; it must be a number."),
        (DeployOptions(BUCKET, {"Dashboard": "maybe"}), "The parameter Dashboard is 'maybe'; it must be one of yes, no."),
        (DeployOptions(BUCKET, {"AlarmEmail": "me"}), "The parameter AlarmEmail is 'me'; it must be like ^$|"),
        (DeployOptions(BUCKET, {"Origins": "x" * 1025}), "it must be 0 to 1,024 characters long."),
        (DeployOptions(BUCKET, {"Secret": SECRET}), "Secret cannot be set with --parameter: use --secret-file FILE"),
        (DeployOptions(BUCKET, {"Stage": "dev"}), "Stage cannot be set with --parameter: use --stage."),
        (DeployOptions(BUCKET, {"ArtifactKey": "x"}), "ArtifactKey cannot be set with --parameter: it depends"),
        (DeployOptions(BUCKET, secret="short"), "The secret has 5 bytes; it needs at least 32."),
        (
            DeployOptions(BUCKET, secret=("0123456789abcdefghijklmnopqrstuvwxyz" * 20)[:513]),
            "The parameter Secret is invalid; it must be empty or 32 to 512 characters.",
        ),
        (DeployOptions("Not_A_Bucket"), "The parameter ArtifactBucket is 'Not_A_Bucket'; it must be like"),
    ],
)
def test_a_wrong_parameter_is_named_before_anything_is_uploaded(wish: DeployOptions, said: str, bucket: Any) -> None:
    cloudformation = CloudFormation()
    assert said in fails(deployment(cloudformation), wish)
    assert SECRET not in fails(deployment(cloudformation), wish)
    assert "Contents" not in bucket.list_objects_v2(Bucket=BUCKET)
    assert cloudformation.said("create_change_set") == []


OWN_BUCKET = f"lobby-artifacts-{ACCOUNT}-{REGION}"


def test_a_new_lobby_without_a_bucket_gets_one_of_this_account_after_a_question(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, "n\n")
    new = CloudFormation()
    assert fails(deployment(new, yes=False), DeployOptions()) == "Nothing was changed."
    assert f"Use the private bucket {OWN_BUCKET}, and create it if it does not exist?" in capsys.readouterr().err
    assert (new.said("create_change_set"), [one["Name"] for one in bucket.list_buckets()["Buckets"]]) == ([], [BUCKET])
    new.story = [*MADE]
    deployment(new).deploy(DeployOptions())
    assert bucket.get_object(Bucket=OWN_BUCKET, Key=build().key)["Body"].read() == build().data
    assert list(bucket.get_public_access_block(Bucket=OWN_BUCKET)["PublicAccessBlockConfiguration"].values()) == [True] * 4


def test_an_existing_lobby_keeps_its_bucket() -> None:
    failed = CloudFormation("ROLLBACK_COMPLETE", **OLD)
    failed.story, failed.resources = [*DELETED, *MADE], []
    deployment(failed).deploy(DeployOptions(recreate=True))
    values = {item["ParameterKey"]: item.get("ParameterValue") for item in failed.said("create_change_set")[0]["Parameters"]}
    assert values["ArtifactBucket"] == BUCKET


def test_a_stack_that_must_be_recreated_is_not_deleted_without_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "n\n")
    cloudformation = CloudFormation("ROLLBACK_COMPLETE")
    assert fails(deployment(cloudformation, yes=False), DeployOptions(recreate=True)) == "Nothing was changed."
    assert cloudformation.said("delete_stack") == []


def test_a_bucket_that_is_missing_is_made_on_request_private_and_in_the_same_region(bucket: Any) -> None:
    said = fails(deployment(CloudFormation()), DeployOptions("not-there"))
    assert said == "There is no bucket not-there. --create-bucket creates it; --bucket NAME names another."
    for _ in range(2):  # the second time it is there
        cloudformation = CloudFormation()
        cloudformation.story = [*MADE]
        deployment(cloudformation).deploy(DeployOptions("not-there", create_bucket=True))
    assert bucket.get_bucket_location(Bucket="not-there")["LocationConstraint"] == REGION
    closed = bucket.get_public_access_block(Bucket="not-there")["PublicAccessBlockConfiguration"]
    assert list(closed.values()) == [True] * 4


@pytest.mark.parametrize("data", [b"foreign code", b"", build().data[:-1]], ids=["foreign", "empty", "cut off"])
def test_an_object_that_has_the_right_name_and_other_bytes_is_never_deployed(
    data: bytes, bucket: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put_object(Bucket=BUCKET, Key=build().key, Body=data, Metadata={"sha256": build().sha256})
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    deployment(cloudformation).deploy(DeployOptions(BUCKET))
    assert bucket.get_object(Bucket=BUCKET, Key=build().key)["Body"].read() == build().data
    assert "is not the zip that this command builds. It is replaced." in capsys.readouterr().err


class NotedS3:
    """S3 of moto, which notes the arguments of each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            return getattr(client("s3"), operation)(**arguments)

        return call


def test_each_request_for_a_bucket_names_this_account_as_its_owner() -> None:
    for _ in range(2):  # the second time it downloads the zip
        s3, cloudformation = NotedS3(), CloudFormation()
        cloudformation.story = [*MADE]
        deployment(cloudformation, s3=s3).deploy(DeployOptions("not-there", create_bucket=True))
        assert len(s3.calls) >= 3
        # Creating is the exception: it fails by itself if another account has the bucket.
        assert {arguments.get("ExpectedBucketOwner") for name, arguments in s3.calls if name != "create_bucket"} == {ACCOUNT}


def test_the_upload_carries_the_hash_that_s3_compares_with_what_arrives() -> None:
    s3, cloudformation = NotedS3(), CloudFormation()
    cloudformation.story = [*MADE]
    deployment(cloudformation, s3=s3).deploy(DeployOptions(BUCKET))
    [put] = [arguments for name, arguments in s3.calls if name == "put_object"]
    assert b64decode(put["ChecksumSHA256"]).hex() == build().sha256


@pytest.mark.parametrize("reason", [None, "No updates are to be performed."], ids=["a change", "no change"])
def test_a_function_that_runs_other_code_than_the_zip_is_an_error(reason: str | None) -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD)
    cloudformation.story, cloudformation.plan_reason = [*CHANGED], reason
    said = fails(deployment(cloudformation, functions=Lambda(1000, "ab" * 32)), DeployOptions())
    assert said.startswith(f"The function {OUTPUTS['FunctionName']} does not run the zip of this command: its SHA-256 is abab")


class S3:
    """A bucket about which AWS has something to say."""

    def __init__(self, says: Any) -> None:
        self.says = says

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            if isinstance(self.says, Exception):
                raise self.says
            return self.says

        return call


@pytest.mark.parametrize(
    ("says", "wish", "said"),
    [
        (
            {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": "us-east-1"}}},
            DeployOptions(BUCKET),
            f"The bucket {BUCKET} is in us-east-1, but Lambda in {REGION} needs a bucket in its own Region.",
        ),
        (
            refused("AccessDenied", "Access Denied", "ListObjectsV2", 403),
            DeployOptions(BUCKET),
            f"You have no access to the bucket {BUCKET}; it may belong to another account. "
            "You lack the permission s3:ListBucket. docs/permissions.md",
        ),
        (
            refused("BucketAlreadyExists", "The requested bucket name is not available.", "CreateBucket", 409),
            DeployOptions(BUCKET, create_bucket=True),
            f"Another account has a bucket {BUCKET}",
        ),
        (
            refused("IllegalLocationConstraintException", "The x is incompatible.", "CreateBucket"),
            DeployOptions(BUCKET, create_bucket=True),
            "AWS refused s3:CreateBucket: The x is incompatible.",
        ),
    ],
)
def test_a_bucket_that_cannot_be_used_is_named(says: Any, wish: DeployOptions, said: str) -> None:
    assert said in fails(deployment(CloudFormation(), s3=S3(says)), wish)


# ── states of the stack ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_during_another_operation_nothing_is_changed(status: str) -> None:
    cloudformation = CloudFormation(status)
    assert fails(deployment(cloudformation)).startswith(f"Another operation is in progress: the stack lobby-dev is {status}.")
    with pytest.raises(LobbyError, match="Another operation is in progress"):
        deployment(cloudformation).destroy()
    assert cloudformation.said("create_change_set") == cloudformation.said("delete_stack") == []


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_stack_whose_creation_failed_is_deleted_on_request_only(status: str) -> None:
    cloudformation = CloudFormation(status, **OLD)
    assert "must be deleted before it can be created. --recreate does both." in fails(deployment(cloudformation))
    assert cloudformation.said("delete_stack") == []
    cloudformation.story, cloudformation.resources = [*DELETED, *MADE], []
    deployment(cloudformation).deploy(DeployOptions(BUCKET, recreate=True))
    assert cloudformation.said("create_change_set")[0]["ChangeSetType"] == "CREATE"
    assert not any("UsePreviousValue" in item for item in cloudformation.said("create_change_set")[0]["Parameters"])


def test_a_change_whose_rollback_failed_names_the_command_to_run_first() -> None:
    said = fails(deployment(CloudFormation("UPDATE_ROLLBACK_FAILED", **OLD)))
    assert f"`aws cloudformation continue-update-rollback --stack-name lobby-dev --region {REGION}`" in said


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE"])
def test_after_a_change_that_was_rolled_back_the_next_one_works(status: str) -> None:
    cloudformation = CloudFormation(status, **OLD)
    cloudformation.story = [*CHANGED]
    assert deployment(cloudformation).deploy(DeployOptions()) == OUTPUTS


# ── the plan and its execution fail ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "reason",
    [
        "Template format error: Unresolved resource dependencies [Tabel] in the Resources block of the template",
        "Parameters: [DomainName] do not satisfy the rule.",
        "",
    ],
)
def test_a_template_that_aws_refuses_is_an_error_with_the_reason_and_leaves_nothing(reason: str) -> None:
    cloudformation = CloudFormation()
    cloudformation.plan_reason = reason
    said = fails(deployment(cloudformation))
    assert said.startswith(f"AWS refuses the template or its parameters: {(reason or 'AWS gives no reason.').rstrip('.')}.")
    assert said.endswith("Nothing was changed.")
    assert cloudformation.status == ""


def test_a_plan_that_is_refused_at_once_is_an_error_with_the_reason() -> None:
    cloudformation = CloudFormation()
    text = "Template error: DomainName and CertificateArn belong together; give both or neither."
    cloudformation.errors["create_change_set"] = refused("ValidationError", text, "CreateChangeSet")
    assert fails(deployment(cloudformation)) == f"AWS refused cloudformation:CreateChangeSet: {text}"


HANDLED = 'Resource handler returned message: "{}" (RequestToken: 4c2e, HandlerErrorCode: {})'
REASONS = [
    (
        HANDLED.format(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
            "minimum value of [10]. (Service: Lambda, Status Code: 400, Request ID: 1)",
            "InvalidRequest",
        ),
        "below its minimum value of [10]. The account allows few concurrent invocations, as new accounts do. "
        "Give --parameter ReservedConcurrency=0",
    ),
    (
        HANDLED.format(
            "CloudWatch Logs role ARN must be set in account settings to enable logging (Service: AmazonApiGatewayV2; Status "
            "Code: 400; Error Code: BadRequestException; Request ID: 1; Proxy: null)",
            "GeneralServiceException",
        ),
        "to enable logging. AccessLogs needs a role in the account settings",
    ),
    (
        HANDLED.format(
            "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: dynamodb:CreateTable on resource: "
            "arn:aws:dynamodb:eu-central-1:123456789012:table/LobbyConnections-dev because no identity-based policy allows it "
            "(Service: DynamoDb, Status Code: 400, Request ID: 1)",
            "AccessDenied",
        ),
        "You lack the permission dynamodb:CreateTable on "
        "arn:aws:dynamodb:eu-central-1:123456789012:table/LobbyConnections-dev. docs/permissions.md lists",
    ),
    ("LobbyConnections-dev already exists in stack arn:aws:cloudformation:x", "It belongs to another stack"),
    (
        HANDLED.format(
            "Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error Message: ...", "InvalidRequest"
        ),
        "The bucket of the zip must be in the Region of the stack",
    ),
]


@pytest.mark.parametrize(("reason", "said"), REASONS)
def test_a_deployment_that_fails_half_way_names_the_first_cause_and_the_outcome(reason: str, said: str) -> None:
    cloudformation = CloudFormation()
    cloudformation.story = [
        *MADE[:2],
        ("Function", "CREATE_FAILED", reason),
        ("Table", "CREATE_FAILED", "Resource creation cancelled"),
        (
            "stack",
            "ROLLBACK_IN_PROGRESS",
            "The following resource(s) failed to create: [Table, Function]. Rollback requested by user.",
        ),
        ("Table", "DELETE_COMPLETE", ""),
        ("stack", "ROLLBACK_COMPLETE", ""),
    ]
    told = fails(deployment(cloudformation))
    assert told.startswith("Function (AWS::Lambda::Function) could not be created: ")
    assert said in told
    assert "RequestToken" not in told
    assert told.endswith("AWS has deleted everything again. Correct the cause, then run the same command with --recreate.")


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "AWS has rolled back the change; the lobby is as it was before."),
        ("UPDATE_ROLLBACK_FAILED", "`aws cloudformation continue-update-rollback --stack-name lobby-dev`."),
        ("ROLLBACK_FAILED", "AWS could not delete everything again."),
        ("SOMETHING_FAILED", "The stack lobby-dev is now SOMETHING_FAILED."),
    ],
)
def test_the_outcome_of_a_failed_change_is_printed(
    last: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD)
    cloudformation.changes = [("Modify", "Function", "False")]
    cloudformation.story = [("Function", "UPDATE_FAILED", "no"), ("stack", last, "")]
    told = fails(deployment(cloudformation), DeployOptions())
    assert told.startswith("Function (AWS::Lambda::Function) could not be changed: no. ")
    assert said in told
    assert not (folder / ENV_FILE).exists()
    assert "Function: UPDATE_FAILED no" in capsys.readouterr().err


def test_a_stack_that_fails_without_a_failed_resource_names_its_own_reason() -> None:
    cloudformation = CloudFormation()
    cloudformation.story = [("stack", "ROLLBACK_COMPLETE", "Rollback requested by user.")]
    assert "could not be created: Rollback requested by user. AWS has" in fails(deployment(cloudformation)).replace(
        "changed", "made"
    )


def test_ctrl_c_while_following_explains_that_aws_continues() -> None:
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    looked = iter([None, None, None])

    def wait(_: float) -> None:
        if next(looked, "") == "":
            raise KeyboardInterrupt

    deploy = deployment(cloudformation)
    deploy.stack._wait = wait
    said = fails(deploy)
    assert said.startswith("The command has stopped, but AWS continues with lobby-dev.")
    assert f"describe-stack-events --stack-name lobby-dev --region {REGION}" in said
    assert cloudformation.said("delete_change_set") == []


def test_ctrl_c_before_that_deletes_the_plan() -> None:
    cloudformation = CloudFormation()
    deploy = deployment(cloudformation)

    def wait(_: float) -> None:
        raise KeyboardInterrupt

    deploy.stack._wait = wait
    with pytest.raises(KeyboardInterrupt):
        deploy.deploy(DeployOptions(BUCKET))
    assert cloudformation.status == ""
    assert len(cloudformation.said("delete_change_set")) == 1


# ── errors of AWS ─────────────────────────────────────────────────────────────────────────────────────────────────

ASSUMED = "arn:aws:sts::123456789012:assumed-role/dev/ann"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (b.NoCredentialsError(), "There are no AWS credentials."),
        (b.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "There are no AWS credentials."),
        (b.SSOTokenLoadError(error_msg="Token for https://x does not exist"), "have expired"),
        (b.UnauthorizedSSOTokenError(), "have expired"),
        (b.TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"), "have expired"),
        (refused("ExpiredToken", "The security token included in the request is expired", "GetCallerIdentity", 403), "expired"),
        (refused("InvalidClientTokenId", "The security token included in the request is invalid.", "x", 403), "does not know"),
        (refused("SignatureDoesNotMatch", "Signature expired: 2026 is now earlier than", "x", 403), "clock"),
        (b.EndpointConnectionError(endpoint_url="https://sts.eu-nowhere-1.amazonaws.com/"), "No answer from https://sts.eu-no"),
        (b.ConnectTimeoutError(endpoint_url="https://s3.amazonaws.com/"), "No answer from https://s3.amazonaws.com/."),
        (
            b.CredentialRetrievalError(provider="custom-process", error_msg="no\nluck"),
            "The program of credential_process in your AWS profile failed: no luck. `aws configure get credential_process`",
        ),
        (b.CredentialRetrievalError(provider="custom-process", error_msg=""), "failed and printed no cause."),
        (refused("SignatureDoesNotMatch", "Signature not yet current: 2026", "x", 403), "The clock of this machine is wrong"),
        (refused("RequestTimeTooSkewed", "The difference is too large.", "x", 403), "The clock of this machine is wrong"),
        (
            refused("AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and code", "x", 403),
            "needs a code of an MFA device",
        ),
        *(
            (
                refused(
                    "AccessDenied",
                    f"User: {ASSUMED} is not authorized to perform: lambda:CreateFunction on resource: arn:aws:lambda:x {why}",
                    "x",
                    403,
                ),
                f"{what} forbids lambda:CreateFunction on arn:aws:lambda:x. Ask your administrator to allow it; "
                "docs/permissions.md, Policies that forbid,",
            )
            for why, what in {
                "with an explicit deny in a service control policy": "A policy of your organization (service control policy)",
                "because no service control policy allows the action": "A policy of your organization (service control policy)",
                "with an explicit deny in a resource control policy": "A policy of your organization (resource control policy)",
                "because no permissions boundary allows the action": "The permissions boundary of your user or role",
                "because no session policy allows the action": "The session policy of your sign-in",
                "with an explicit deny in a VPC endpoint policy": "The policy of a VPC endpoint",
                "with an explicit deny in an identity-based policy": "A policy of your user or role",
            }.items()
        ),
        (
            refused(
                "AccessDenied",
                f"User: {ASSUMED} is not authorized to perform: cloudformation:CreateChangeSet on resource: "
                "arn:aws:cloudformation:eu-central-1:123456789012:stack/lobby-dev/* because no identity-based policy allows "
                "the cloudformation:CreateChangeSet action",
                "CreateChangeSet",
                403,
            ),
            "You lack the permission cloudformation:CreateChangeSet on "
            "arn:aws:cloudformation:eu-central-1:123456789012:stack/lobby-dev/*. docs/permissions.md lists",
        ),
        (
            refused("AccessDenied", f"User: {ASSUMED} is not authorized to perform: cloudformation:DescribeStacks", "x", 403),
            "You lack the permission cloudformation:DescribeStacks. docs/permissions.md",
        ),
        (
            refused("AccessDenied", "Access Denied", "PutObject", 403),
            "You lack the permission s3:PutObject. docs/permissions.md",
        ),
        (refused("ValidationError", "No such thing", "DescribeStacks"), "AWS refused s3:DescribeStacks: No such thing"),
        (
            refused("Throttling", "Rate exceeded", "DescribeStacks"),
            "AWS refuses the request, because this account sends too many.",
        ),
    ],
)
def test_errors_of_aws_become_a_sentence_with_advice(error: Exception, said: str) -> None:
    told = str(request_error(error, "s3"))
    assert said in told
    assert "\n" not in told


def test_a_region_and_a_profile_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}.items():
        monkeypatch.setenv(name, value)
    assert Aws.connect(None, None).region == REGION
    assert Aws.connect("us-east-1", None).account == ACCOUNT
    with pytest.raises(LobbyError, match=r"profile \(nobody\) could not be found"):
        Aws.connect(None, "nobody")
    with pytest.raises(LobbyError, match="'no region' doesn't match a supported format"):
        Aws.connect("no region", None)
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(LobbyError, match="The Region is missing"):
        Aws.connect(None, None)


class Regions:
    """A session of boto3 in which only some Regions know the credentials."""

    events = None

    def __init__(self, error: Exception, *known: str) -> None:
        self.error, self.known = error, known

    def get_available_regions(self, service: str, partition: str) -> list[str]:
        return ["us-east-1", "eu-north-1", "eu-south-1"]

    def client(self, service: str, region_name: str) -> Any:
        answer, error = {"Account": ACCOUNT}, self.error

        class Sts:
            def get_caller_identity(self) -> dict[str, str]:
                if region_name not in known:
                    raise error
                return answer

        known = self.known
        return Sts()


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure"])
def test_a_region_that_is_not_enabled_is_not_reported_as_bad_credentials(code: str) -> None:
    error = refused(code, "The security token included in the request is invalid.", "GetCallerIdentity", 403)
    with pytest.raises(
        LobbyError, match=r"The Region eu-south-1 does not accept .* valid in us-east-1\. Probably this account"
    ):
        Aws(Regions(error, "us-east-1"), "eu-south-1")
    with pytest.raises(LobbyError, match="AWS does not know these credentials"):
        Aws(Regions(error), "eu-south-1")
    with pytest.raises(LobbyError, match="AWS does not know these credentials"):
        Aws(Regions(error, "us-east-1"), "cn-north-1")


def test_a_misspelt_region_is_reported_with_the_one_that_was_meant() -> None:
    error = b.EndpointConnectionError(endpoint_url="https://sts.eu-noth-1.amazonaws.com/")
    with pytest.raises(LobbyError, match=r"eu-noth-1 is not the name of a Region that boto3 knows\. Did you mean eu-north-1\?"):
        Aws(Regions(error), "eu-noth-1")
    with pytest.raises(LobbyError, match=r"^No answer from"):
        Aws(Regions(error), "eu-north-1")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sh -c 'echo the login has expired >&2; exit 1'", "failed: the login has expired. `aws configure get"),
        ("false", "failed and printed no cause."),
        ("/nowhere/credentials", "cannot be started: No such file or directory."),
        ("echo no JSON", "printed something else than JSON."),
    ],
)
def test_a_program_for_credentials_that_fails_is_reported_with_its_cause(
    command: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "config").write_text(f"[profile broken]\nregion = eu-central-1\ncredential_process = {command}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    with monkeypatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.delenv(name)  # those of moto
        with pytest.raises(LobbyError) as caught:
            Aws.connect(None, "broken")
    assert said in str(caught.value)
    assert str(caught.value).startswith("The program of credential_process in your AWS profile ")


def test_without_boto3_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(LobbyError, match="-m pip install boto3 pyyaml"):
        Aws.connect(None, None)


# ── away again ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lobby_is_deleted_and_its_names_are_forgotten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD)
    cloudformation.story = [*DELETED]
    (folder / ENV_FILE).write_text("# ours\nLOBBY_URL_DEV=wss://x\nLOBBY_URL_PROD=wss://y\nLOBBY_PORT=1\n")
    deployment(cloudformation).destroy()
    assert cloudformation.status == ""
    assert (folder / ENV_FILE).read_text() == "# ours\nLOBBY_URL_PROD=wss://y\nLOBBY_PORT=1\n"
    said = capsys.readouterr().err
    assert "3 of 3  Api  DELETE_COMPLETE" in said
    assert "The stack lobby-dev is deleted" in said
    deployment(cloudformation).destroy()
    assert "There is no stack lobby-dev" in capsys.readouterr().err


def test_nothing_is_deleted_without_the_answer_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "n\n")
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD)
    with pytest.raises(LobbyError, match="Nothing was changed"):
        deployment(cloudformation, yes=False).destroy()
    assert cloudformation.said("delete_stack") == []


@pytest.fixture
def table(account: None) -> Any:
    """The table of prod, protected."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="Table-id",
        AttributeDefinitions=[{"AttributeName": "room", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "room", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )
    return dynamodb


def test_the_protected_table_of_prod_is_deleted_after_the_switch_was_turned_only(table: Any) -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD)
    cloudformation.story = [*DELETED]
    with pytest.raises(LobbyError, match=r"protected against deletion\. `lobby destroy --stage prod --unprotect`"):
        deployment(cloudformation, "prod").destroy()
    assert cloudformation.said("delete_stack") == []
    deployment(cloudformation, "prod").destroy(unprotect=True)
    assert table.describe_table(TableName="Table-id")["Table"]["DeletionProtectionEnabled"] is False
    assert cloudformation.status == ""


def test_a_failed_deletion_is_an_error_with_the_reason() -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD)
    cloudformation.story = [
        ("stack", "DELETE_IN_PROGRESS", ""),
        (
            "Api",
            "DELETE_FAILED",
            "User: x is not authorized to perform: apigateway:DELETE on resource: arn:aws:apigateway:1::/apis/a",
        ),
        ("stack", "DELETE_FAILED", "The following resource(s) failed to delete: [Api]."),
    ]
    with pytest.raises(LobbyError) as caught:
        deployment(cloudformation).destroy()
    assert str(caught.value).startswith("Api (AWS::ApiGatewayV2::Api) could not be deleted: ")
    assert "You lack the permission apigateway:DELETE on arn:aws:apigateway:1::/apis/a. docs/permissions.md" in str(
        caught.value
    )
    cloudformation = CloudFormation("CREATE_COMPLETE", **OLD)
    denied = "User: x is not authorized to perform: cloudformation:DeleteStack on resource: arn:aws:x"
    cloudformation.errors["delete_stack"] = refused("AccessDenied", denied, "DeleteStack", 403)
    with pytest.raises(LobbyError, match="You lack the permission cloudformation:DeleteStack on arn:aws:x"):
        deployment(cloudformation).destroy()


# ── does it work? ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_lobby_is_checked_by_two_players_and_given_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lobby.deploy.CHECKS_S", (0.01,))

    tried = deployment(CloudFormation("CREATE_COMPLETE", **OLD))
    assert not await tried.works("ws://127.0.0.1:9/", ("", ""))
    said = capsys.readouterr().err
    assert "Checking again in 0.01 s" in said
    assert said.count("Nothing listens at 127.0.0.1:9") == 1
    async with serving(send_ms=10, messages_per_s=1000) as lobby:
        assert await tried.works(lobby.url, ("", ""))
    said = capsys.readouterr().err
    assert "This lobby works." in said
    assert "once more" not in said
