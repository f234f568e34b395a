"""`lobby deploy` and `lobby destroy` as people type them, against an account in moto."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lobby.cli import main
from lobby.deploy.aws import Aws
from lobby.deploy.package import build
from lobby.settings import ENV_FILE
from tests.deploy.clouds import BUCKET, MADE, OUTPUTS, REGION, CloudFormation, Session, client

pytestmark = pytest.mark.usefixtures("account")

SECRET = "a secret of thirty-two characters"


def lobby(*words: str, text: str = "") -> Result:
    return CliRunner().invoke(main, words, input=text)


@pytest.fixture
def cloudformation(account: None, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    """A stack that is made at once, in the place of moto's."""
    made = CloudFormation()
    made.story = [*MADE]
    monkeypatch.setattr(Aws, "connect", lambda *_: Aws(Session(cloudformation=made), REGION))
    monkeypatch.setattr("lobby.deploy.stack.POLL_S", 0)
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return made


def stack() -> Any:
    """The stack as moto has it."""
    return client("cloudformation").describe_stacks(StackName="lobby-dev")["Stacks"][0]


def test_from_nothing_to_a_stack_once_more_without_a_change_and_away_again() -> None:
    """With the CloudFormation of moto, which makes all but the API, and sees no change of a parameter."""
    words = ("deploy", "--stage", "dev", "--bucket", BUCKET, "--no-check")
    result = lobby(*words, "--create-bucket", "--parameter", "RoomSize=20", text="y\n")
    assert result.exit_code == 0, result.output
    assert "Create the stack lobby-dev? [y/N]" in result.output
    function = client("lambda").get_function(FunctionName="lobby-websocket-dev")["Configuration"]
    assert str(function["Environment"]["Variables"]["LOBBY_ROOM_SIZE"]) == "20"
    assert {"ParameterKey": "ArtifactKey", "ParameterValue": build().key} in [
        {name: item[name] for name in ("ParameterKey", "ParameterValue")} for item in stack()["Parameters"]
    ]
    assert "Nothing changes" in lobby(*words, "--yes").output
    result = lobby("destroy", "--stage", "dev", text="y\n")
    assert result.exit_code == 0, result.output
    assert client("dynamodb").list_tables()["TableNames"] == []
    assert "Nothing to delete" in lobby("destroy", "--stage", "dev").output


def test_without_credentials_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.delenv(name)  # those of moto
        for command in ("deploy", "destroy"):
            result = lobby(command, "--stage", "dev")
            assert result.exit_code == 1
            assert result.output.startswith("lobby: There are no AWS credentials.")
            assert result.output.count("\n") == 1


def test_the_address_is_all_that_goes_to_standard_output(cloudformation: CloudFormation, folder: Path) -> None:
    (folder / "game").mkdir()
    result = lobby("deploy", "--stage", "dev", "--bucket", BUCKET, "--yes", "--no-check")
    assert (result.exit_code, result.stdout) == (0, OUTPUTS["WebSocketUrl"] + "\n")
    assert json.loads((folder / "game/lobby_config.json").read_text()) == {"url": OUTPUTS["WebSocketUrl"]}
    assert "contains the address of dev" in result.stderr


def test_the_secret_comes_from_a_file_or_the_environment_and_is_shown_nowhere(
    cloudformation: CloudFormation, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "secret.txt").write_text(f"{SECRET}\n")
    words = ("deploy", "--stage", "dev", "--bucket", BUCKET, "--yes", "--no-check")
    first = lobby(*words, "--secret-file", "secret.txt")
    cloudformation.status, cloudformation.story = "", [*MADE]
    monkeypatch.setenv("LOBBY_SECRET", SECRET)
    second = lobby(*words)
    for result, asked in zip((first, second), cloudformation.said("create_change_set"), strict=True):
        assert result.exit_code == 0
        assert {"ParameterKey": "Secret", "ParameterValue": SECRET} in asked["Parameters"]
        assert SECRET not in result.output
    assert SECRET not in (folder / ENV_FILE).read_text()


def test_a_lobby_whose_secret_is_not_known_here_is_not_checked(cloudformation: CloudFormation) -> None:
    cloudformation.outputs["Tokens"] = "required"
    result = lobby("deploy", "--stage", "dev", "--bucket", BUCKET, "--yes")
    assert result.exit_code == 0
    assert "Not checked: the lobby requires tokens, and LOBBY_SECRET is not set." in result.stderr
    assert f"Set it, then: lobby check {OUTPUTS['WebSocketUrl']}" in result.stderr


def test_a_lobby_that_does_not_work_ends_the_command_with_1(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lobby.deploy.CHECKS_S", ())
    cloudformation.outputs["WebSocketUrl"] = "ws://127.0.0.1:9/"
    result = lobby("deploy", "--stage", "dev", "--bucket", BUCKET, "--yes")
    assert (result.exit_code, result.stdout) == (1, "ws://127.0.0.1:9/\n")
    assert "This lobby does not work" in result.stderr


@pytest.mark.parametrize(
    "words", [["deploy"], ["deploy", "--stage", "test"], ["deploy", "--stage", "dev", "--parameter", "RoomSize"]]
)
def test_a_wrong_word_is_an_error_of_usage(words: list[str]) -> None:
    assert lobby(*words).exit_code == 2
