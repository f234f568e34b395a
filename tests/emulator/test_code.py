"""Code is where the template says: folders, zips, inline text, assets of CDK, zips beside the template, and layers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import pytest

from lobby.emulator import CodeOptions
from lobby.errors import LobbyError
from lobby.tools.emulate import code_options
from tests.emulator.npm import node_modules
from tests.emulator.small_stacks import NODE, asked, running, template
from tests.emulator.worlds import until

LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:x"
BUCKET = {"S3Bucket": "mine", "S3Key": "builds/42/chat.zip"}


def source(text: str) -> str:
    return f"def handler(event, context): return {{'body': '\"{text}\"'}}\n"


def zipped(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as archive:
        archive.writestr("app.py", source(text))
    return path


def folder(path: Path, text: str, name: str = "app.py") -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(source(text))
    return path


async def answers(description: dict[str, Any], code: CodeOptions) -> Any:
    """What the function Ask answers."""
    async with asked(description, code) as (it, client):
        return await it.ask(client, "ask")


async def test_each_function_has_its_own_folder_file_or_zip_beside_the_template(tmp_path: Path) -> None:
    folder(tmp_path / "one", "one")
    folder(tmp_path, "single", "single.py")
    zipped(tmp_path / "dist/two.zip", "two")
    functions = {
        "One": {"Code": "one/"},
        "Two": {"Code": "dist/two.zip"},
        "Single": {"Code": "./single.py", "Handler": "single.handler"},
    }
    async with asked(template(functions), CodeOptions(tmp_path)) as (it, client):
        assert [await it.ask(client, name) for name in ("one", "two", "single")] == ["one", "two", "single"]


async def test_inline_code_is_the_module_index(tmp_path: Path) -> None:
    functions = {
        "Python": {"Code": {"ZipFile": source("python")}, "Handler": "index.handler"},
        "Node": {
            "Code": {"ZipFile": "exports.handler = async () => ({ body: JSON.stringify('node') });"},
            "Handler": "index.handler",
            "Runtime": NODE,
        },
    }
    async with asked(template(functions), CodeOptions(tmp_path)) as (it, client):
        assert [await it.ask(client, name) for name in ("python", "node")] == ["python", "node"]


async def test_inline_code_with_another_module_is_refused(tmp_path: Path) -> None:
    functions = {"Ask": {"Code": {"ZipFile": source("x")}, "Handler": "app.handler"}}
    with pytest.raises(
        LobbyError, match="The function Ask has inline code, which AWS stores as the module index; its Handler is"
    ):
        await answers(template(functions), CodeOptions(tmp_path))


async def test_inline_code_can_report_to_cloudformation_as_on_aws(tmp_path: Path) -> None:
    """AWS puts the module ``cfnresponse`` beside inline code."""
    code = "import cfnresponse, json\ndef handler(event, context): return {'body': json.dumps(cfnresponse.SUCCESS)}"
    functions = {"Ask": {"Code": {"ZipFile": code}, "Handler": "index.handler"}}
    assert await answers(template(functions), CodeOptions(tmp_path)) == "SUCCESS"


@pytest.mark.parametrize("name", ["Ask", "ask", "builds/42/chat.zip"])
async def test_code_in_a_bucket_is_named_by_function_or_key(name: str, tmp_path: Path) -> None:
    given = code_options([f"{name}={folder(tmp_path / 'mine', 'given')}"], tmp_path / "template.yaml")
    assert await answers(template({"Ask": {"Code": BUCKET}}), given) == "given"


async def test_a_zip_with_the_name_of_its_key_beside_the_template_is_used(tmp_path: Path) -> None:
    """The Serverless Framework writes both into .serverless."""
    zipped(tmp_path / "chat.zip", "beside")
    assert await answers(template({"Ask": {"Code": BUCKET}}), CodeOptions(tmp_path)) == "beside"


async def test_an_asset_of_cdk_is_its_folder_in_cdk_out(tmp_path: Path) -> None:
    folder(tmp_path / "asset.0123abcd", "asset")
    resource = {
        "Properties": {"Code": {"S3Bucket": "cdk-hnb659fds-assets", "S3Key": "0123abcd.zip"}},
        "Metadata": {"aws:cdk:path": "S/Ask/Resource", "aws:asset:path": "asset.0123abcd", "aws:asset:property": "Code"},
    }
    assert await answers(template({"Ask": resource}), CodeOptions(tmp_path)) == "asset"


async def test_an_asset_without_metadata_is_found_by_its_key(tmp_path: Path) -> None:
    """CDK writes the metadata only if its command line asks for it."""
    folder(tmp_path / "asset.0123abcd", "asset")
    function = {"Code": {"S3Bucket": "cdk-hnb659fds-assets", "S3Key": "0123abcd.zip"}}
    assert await answers(template({"Ask": function}), CodeOptions(tmp_path)) == "asset"


async def test_one_path_is_the_code_of_all_functions_except_those_that_are_named(tmp_path: Path) -> None:
    code = code_options([str(folder(tmp_path / "all", "all")), f"One={folder(tmp_path / 'one', 'one')}"], None)
    async with asked(template({"One": {"Code": BUCKET}, "Two": {"Code": "nowhere/"}}), code) as (it, client):
        assert [await it.ask(client, name) for name in ("one", "two")] == ["one", "all"]


async def test_layers_are_folders_and_zips_and_come_after_the_code(tmp_path: Path) -> None:
    (tmp_path / "first/python").mkdir(parents=True)
    (tmp_path / "first/python/shared.py").write_text("text = 'first'")
    (tmp_path / "first/python/app.py").write_text("raise ImportError('the code comes first')")
    with ZipFile(tmp_path / "second.zip", "w") as archive:
        archive.writestr("python/lib/python3.13/site-packages/deep.py", "text = 'second'")
    folder(tmp_path / "code", "x")
    (tmp_path / "code/app.py").write_text(
        "import json, shared, deep, outside\n"
        "def handler(event, context): return {'body': json.dumps([shared.text, deep.text, outside.text])}"
    )
    (tmp_path / "external/python").mkdir(parents=True)
    (tmp_path / "external/python/outside.py").write_text("text = 'external'")
    layers = {
        "First": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": "first"}},
        "Second": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {"S3Bucket": "b", "S3Key": "second.zip"}}},
    }
    arn = "arn:aws:lambda:us-east-1:017000801446:layer:Powertools:7"
    function = {"Code": "code", "Layers": [{"Ref": "First"}, {"Ref": "Second"}, arn]}
    given = code_options([f"{arn}={tmp_path / 'external'}"], tmp_path / "template.yaml")
    assert await answers(template({"Ask": function}, layers), given) == ["first", "second", "external"]


async def test_commands_inside_a_zip_can_be_run(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr(
            "app.py", "import subprocess\ndef handler(e, c): return {'body': subprocess.check_output(['./tool']).decode()}"
        )
        info = ZipInfo("tool")
        info.external_attr = 0o755 << 16
        archive.writestr(info, "#!/bin/sh\necho 7\n")
    assert await answers(template({"Ask": {"Code": "code.zip"}}), CodeOptions(tmp_path)) == 7


@pytest.mark.parametrize(
    ("function", "words", "said"),
    [
        ({"Code": BUCKET}, [], "The code of the function Ask is in a bucket (builds/42/chat.zip). Name its folder or zip here "
         "with --code Ask=PATH."),
        ({"Code": "nowhere/"}, [], "The code of the function Ask is {0}/nowhere, which does not exist. Build it, or name "
         "another one with --code Ask=PATH."),
        ({"Code": BUCKET}, ["Ask=gone"], "The code of the function Ask is gone, which does not exist. --code Ask=PATH must "
         "name a folder or a zip."),
        ({"Code": BUCKET}, ["Aks=."], "--code Aks=...: the template has no such function or layer; its functions are Ask."),
        ({"Code": "."}, ["gone"], "gone does not exist. --code must be a folder or a zip with the handlers of the functions."),
        ({"Code": "broken.zip"}, [], "{0}/broken.zip is no zip."),
        ({"Code": ".", "Layers": [f"{LAYER}:1"]}, [], f"The layer {LAYER}:1 of Ask is not in the template. Name its folder or "
         f"zip with --code {LAYER}:1=PATH."),
    ],
)  # fmt: skip
async def test_missing_code_is_one_sentence_with_what_to_do(
    function: dict[str, Any], words: list[str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.zip").write_text("no zip")
    with pytest.raises(LobbyError) as refused:
        async with running(template({"Ask": function}), code_options(words, tmp_path / "template.yaml")):
            pass
    assert str(refused.value) == said.format(tmp_path)


def test_two_paths_for_all_functions_are_refused() -> None:
    with pytest.raises(LobbyError, match="only one path can be the code of all functions"):
        code_options(["a", "b"], None)


CHAT = """
import json, logging, os
import boto3

logging.getLogger().setLevel(logging.INFO)
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def lambda_handler(event, context):
    about = event["requestContext"]
    if about["routeKey"] == "$connect":
        table.put_item(Item={"id": about["connectionId"], "name": event["queryStringParameters"]["name"]})
        return {"statusCode": 200}
    api = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{about['domainName']}/{about['stage']}")
    name = table.get_item(Key={"id": about["connectionId"]})["Item"]["name"]
    for item in table.scan()["Items"]:
        if item["id"] != about["connectionId"]:
            api.post_to_connection(Data=f"{name}: {json.loads(event['body'])['msg']}".encode(), ConnectionId=item["id"])
    return {"statusCode": 200}
"""


async def test_two_clients_of_wscat_chat(tmp_path: Path) -> None:
    """wscat is the client of AWS's own tutorials."""
    wscat = node_modules("wscat@6.1.0") / "wscat/bin/wscat"
    (tmp_path / "lambda_chat.py").write_text(CHAT)
    function = {"Handler": "lambda_chat.lambda_handler", "Environment": {"Variables": {"TABLE": {"Ref": "Table"}}}}
    pipe = asyncio.subprocess.PIPE
    async with running(template({"Connect": function, "Sendmessage": function}), tmp_path) as it:
        clients = []
        for name in ("ann", "bea"):
            url = f"{it.stack.url}?name={name}"
            clients.append(await asyncio.create_subprocess_exec("node", wscat, "--connect", url, stdin=pipe, stdout=pipe))
        ann, bea = clients
        assert ann.stdin is not None
        assert bea.stdin is not None
        assert bea.stdout is not None
        await until(lambda: len(it.stack.gateway.connections) == 2)
        ann.stdin.write(json.dumps({"do": "sendmessage", "msg": "hello"}).encode() + b"\n")
        async with asyncio.timeout(10):
            while "ann: hello" not in (line := (await bea.stdout.readline()).decode()):
                assert line
        for client in clients:
            client.terminate()
            await client.communicate()
