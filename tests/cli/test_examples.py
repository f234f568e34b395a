"""Every example in the help of a command is run, as it stands there. Addresses lead to lobbies of the tests."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner

from lobby.cli import main
from lobby.deploy.aws import Aws
from tests.cli.test_cli import LOBBY, PATIENCE_S, announced, ended, environment, running
from tests.deploy.clouds import BUCKET, MADE, REGION, CloudFormation, Session, client
from tests.deploy.conftest import account, folder
from tests.hosts import joined, serving
from tests.server.test_admin import KEY, administered

__all__ = ["account", "folder"]  # fixtures

ROOT = Path(__file__).parents[2]
SECRET = "a secret of thirty-two characters"
ADDRESS = re.compile(r"wss?://\S+")


CHAT = """
Resources:
  Api: {{ Type: "AWS::ApiGatewayV2::Api", Properties: {{ Name: chat, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action }} }}
  Stage: {{ Type: "AWS::ApiGatewayV2::Stage", Properties: {{ ApiId: !Ref Api, StageName: dev, AutoDeploy: true }} }}
  Chat: {{ Type: "AWS::Lambda::Function", Properties: {{ Handler: app.handler, Runtime: python3.13, Role: "arn:aws:iam::123456789012:role/chat", Code: {code} }} }}
  Integration: {{ Type: "AWS::ApiGatewayV2::Integration", Properties: {{ ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !Sub "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${{Chat.Arn}}/invocations" }} }}
  Route: {{ Type: "AWS::ApiGatewayV2::Route", Properties: {{ ApiId: !Ref Api, RouteKey: $default, Target: !Sub "integrations/${{Integration}}" }} }}
  Permission: {{ Type: "AWS::Lambda::Permission", Properties: {{ Action: lambda:InvokeFunction, FunctionName: !Ref Chat, Principal: apigateway.amazonaws.com }} }}
"""  # noqa: E501


def examples(command: str) -> list[str]:
    """The examples of a command, without the remarks that stand behind three spaces."""
    found = main.commands[command].help
    assert found is not None
    lines = found.partition("Examples:")[2].splitlines()
    return [re.split(r" {3,}", line.strip())[0] for line in lines if line.strip()]


def words_of(example: str) -> list[str]:
    words = shlex.split(example)
    assert words[0] == "lobby"
    return words[1:]


def of(*commands: str) -> list[str]:
    return [example for command in commands for example in examples(command)]


def shell(script: str, **variables: str) -> str:
    """What bash prints, with `lobby` as the command that is tested."""
    begin = f'lobby() {{ {shlex.join(LOBBY)} "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", begin + script],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_has_examples_and_every_example_is_in_a_test() -> None:
    here = {"admin", "bots", "check", "demo", "deploy", "destroy", "emulate", "install-godot", "package", "rooms", "serve"}
    assert set(main.commands) == here | {"token", "watch"}
    for command in main.commands:
        assert examples(command), command


@pytest.mark.parametrize("example", of("serve", "demo"))
def test_an_example_that_starts_a_lobby(example: str) -> None:
    """It runs until Ctrl-C, and then ends with 0, also while bots are still connecting."""
    secret = {"LOBBY_SECRET": SECRET} if example.startswith("LOBBY_SECRET=... ") else {}
    words = words_of(example.removeprefix("LOBBY_SECRET=... ").replace("9000", "0"))
    if words[0] == "demo" and "--no-browser" not in words:
        words.append("--no-browser")
    with running(*words, LOBBY_PORT="0", **secret) as child:
        assert announced(child)
        status, errors, _ = ended(child, signal.SIGINT)
    assert status == 0, errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("example", of("bots", "watch", "rooms", "check"))
async def test_an_example_that_uses_a_lobby(example: str) -> None:
    """200 bots find room in the lobby that the remark of the example starts."""
    async with serving(list_rooms=True, room_size=250, handshake_s=20) as lobby, joined(lobby.at(pid="ann", v=2)):
        words = example.split(" ", 2)  # without an address, a command uses the port of `lobby serve`, which may be taken here
        command = ADDRESS.sub(lobby.url, example) if ADDRESS.search(example) else " ".join([*words[:2], lobby.url, *words[2:]])
        if "--seconds" not in command and command.split()[1] in {"bots", "watch"}:
            command += " --seconds 1"
        command = re.sub(r"--seconds (10|60)", "--seconds 1", command)
        printed = await asyncio.to_thread(shell, command)
        if "rooms" in example:
            assert "lobby" in printed


def test_the_remark_on_a_large_room_names_the_option_that_makes_room() -> None:
    assert "--room-size 250" in str(main.commands["bots"].help)


def test_the_examples_of_tokens_are_one_session_of_a_shell() -> None:
    printed = shell("\n".join(examples("token"))).splitlines()
    assert len(printed) == 3
    assert all(line.count(".") == 2 for line in printed)


def test_the_examples_of_install_godot_change_a_game_and_check_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    game = home / "games/mine"
    game.mkdir(parents=True)
    (game / "project.godot").write_text('config_version=5\n\n[application]\n\nconfig/name="mine"\n', encoding="utf-8")
    for example in examples("install-godot"):
        shell(example, HOME=str(home))
    assert (game / "addons/lobby_presence/plugin.cfg").is_file()
    assert "wss://lobby.example/" in "".join(path.read_text("utf-8") for path in game.glob("*.json"))


@pytest.mark.parametrize("example", of("package"))
def test_an_example_that_writes_the_zip(example: str, tmp_path: Path) -> None:
    printed = shell(f"cd {tmp_path}\n" + example.replace("/tmp/", f"{tmp_path}/"), PYTHONPATH=str(ROOT / "backend"))
    assert re.search(r"lobby-function\S*\.zip  [\d,]+ bytes", printed)
    assert list(tmp_path.glob("*.zip"))


@pytest.mark.parametrize("example", of("emulate"))
def test_an_example_that_starts_the_emulator(example: str, tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(CHAT.format(code="chat/"), "utf-8")
    (tmp_path / "my-api.yaml").write_text(CHAT.format(code="{ S3Bucket: mine, S3Key: chat.zip }"), "utf-8")
    (tmp_path / "chat").mkdir()
    (tmp_path / "dist").mkdir()
    (tmp_path / "chat/app.py").write_text("def handler(event, context):\n    return {'statusCode': 200}\n", "utf-8")
    with ZipFile(tmp_path / "dist/chat.zip", "w") as archive:
        archive.write(tmp_path / "chat/app.py", "app.py")
    variables = {"AWS_PROFILE": "nope", "PYTHONPATH": str(ROOT / "backend")}
    with running(*words_of(example), "--port", "0", "--table", "moto", cwd=tmp_path, **variables) as child:
        assert announced(child)
        status, errors, _ = ended(child, signal.SIGINT)
    assert status == 0, errors
    assert "Traceback" not in errors


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("example", of("deploy", "destroy"))
def test_an_example_for_aws(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It changes an account in moto, whose stacks are made at once."""
    made = CloudFormation()
    made.story = [*MADE]
    monkeypatch.setattr(Aws, "connect", lambda *_: Aws(Session(cloudformation=made), REGION))
    monkeypatch.setattr("lobby.deploy.stack.POLL_S", 0)
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    client("s3").create_bucket(Bucket=BUCKET, **place)
    monkeypatch.setenv("LOBBY_BUCKET", BUCKET)
    (tmp_path / "secret.txt").write_text(SECRET + "\n", encoding="utf-8")
    words = words_of(example)
    more = ["--no-check"] if words[0] == "deploy" else []
    result = CliRunner().invoke(main, [*words, *more], input="y\n" * 5)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("example", [it for it in of("admin") if "--stage" not in it])
async def test_an_example_for_operators(example: str) -> None:
    """`--stage` is the same command against AWS: tests/serverless/test_admin.py runs it."""
    async with administered() as (lobby, api), joined(lobby.at(pid="bea", v=2)), joined(lobby.at(pid="ann", room="hub")):
        await asyncio.to_thread(
            shell, example, LOBBY_ADMIN_KEY=KEY, LOBBY_ADMIN_PORT=api.url.rpartition(":")[2], PYTHONPATH=str(ROOT / "backend")
        )
