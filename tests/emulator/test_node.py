"""Node.js functions run with the installed `node`: handlers of all kinds, the context, logs, and the SDK for JavaScript."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from lobby.emulator import CodeOptions
from lobby.emulator.programs import RUNTIMES_FOLDER
from tests.emulator.npm import SDK, node_modules
from tests.emulator.small_stacks import NODE, asked, running, template
from tests.emulator.worlds import heard, heard_json, joined, until

CHAT = """
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";
import { ApiGatewayManagementApiClient, PostToConnectionCommand, GetConnectionCommand, DeleteConnectionCommand }
  from "@aws-sdk/client-apigatewaymanagementapi";

const tables = DynamoDBDocumentClient.from(new DynamoDBClient({}));

export const handler = async (event) => {
  const about = event.requestContext;
  if (about.routeKey === "$connect") {
    await tables.send(new PutCommand({ TableName: process.env.TABLE, Item: { id: about.connectionId } }));
    return { statusCode: 200 };
  }
  const body = JSON.parse(event.body);
  const endpoint = body.endpoint.replace(/{(\\w+)}/g, (_, name) => about[name] ?? process.env.AWS_REGION);
  const api = new ApiGatewayManagementApiClient({ endpoint });
  const { ConnectedAt } = await api.send(new GetConnectionCommand({ ConnectionId: about.connectionId }));
  console.log("connected", ConnectedAt.getFullYear());
  const { Items } = await tables.send(new ScanCommand({ TableName: process.env.TABLE, ProjectionExpression: "id" }));
  await Promise.all(Items.map(({ id }) => api.send(new PostToConnectionCommand({ ConnectionId: id, Data: body.text }))));
  try {
    await api.send(new PostToConnectionCommand({ ConnectionId: "AAAAAAAAAAAAAAA=", Data: "x" }));
  } catch (error) {
    if (error.name === "GoneException" && error.$metadata.httpStatusCode === 410) {
      await api.send(new DeleteConnectionCommand({ ConnectionId: about.connectionId }));
    }
  }
  return { statusCode: 200 };
};
"""

ENDPOINTS = (
    "https://{domainName}/{stage}",
    "https://{apiId}.execute-api.{region}.amazonaws.com/{stage}",
    "https://{host}/{stage}",
)


@pytest.fixture(scope="module")
def sdk() -> Path:
    return node_modules(*SDK)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_chat_with_the_sdk_for_javascript_broadcasts_to_two_clients(endpoint: str, sdk: Path, tmp_path: Path) -> None:
    (tmp_path / "app.mjs").write_text(CHAT)
    (tmp_path / "node_modules").symlink_to(sdk)
    function = {"Environment": {"Variables": {"TABLE": {"Ref": "Table"}}}, "Runtime": NODE, "Timeout": 20}
    async with running(template({"Connect": function, "Send": function}), tmp_path) as it, AsyncExitStack() as clients:
        ann, bea = [await clients.enter_async_context(joined(it.stack.gateway)) for _ in range(2)]
        where = endpoint.replace("{host}", it.stack.gateway.address)
        await ann.send(json.dumps({"do": "send", "text": "hello", "endpoint": where}))
        assert [await heard(client) for client in (ann, bea)] == ["hello", "hello"], it.lines
        await ann.wait_closed()
        assert (ann.close_code, bea.close_code) == (1000, None)
        line = await it.logged("connected")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[\da-f-]{36}\tINFO\tconnected \d{4}", line)


async def test_the_sdk_is_found_by_import_and_require_in_a_layer_as_in_awss_runtime(sdk: Path, tmp_path: Path) -> None:
    layer, code = tmp_path / "layer", tmp_path / "code"
    (layer / "nodejs").mkdir(parents=True)
    (layer / "nodejs/node_modules").symlink_to(sdk)
    code.mkdir()
    (code / "esm.mjs").write_text(
        'import { S3Client } from "@aws-sdk/client-s3";\n'
        "export const handler = async () => ({ body: JSON.stringify(S3Client.name) });"
    )
    (code / "cjs.js").write_text(
        'const { S3Client } = require("@aws-sdk/client-s3");\n'
        "exports.handler = async () => ({ body: JSON.stringify(S3Client.name) });"
    )
    layers = {"Shared": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": "layer"}}}
    functions = {
        name: {
            "Runtime": NODE,
            "Handler": f"{name.lower()}.handler",
            "Code": "code",
            "Layers": [{"Ref": "Shared"}],
            "Timeout": 9,
        }
        for name in ("Esm", "Cjs")
    }
    async with asked(template(functions, layers), CodeOptions(tmp_path)) as (it, client):
        assert [await it.ask(client, name) for name in ("esm", "cjs")] == ["S3Client"] * 2, it.lines


@pytest.mark.parametrize(
    ("service", "command", "words", "named"),
    [
        ("client-sqs", "SendMessageCommand", {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/1/q", "MessageBody": "x"},
         "sqs SendMessage"),
        ("client-bedrock-runtime", "ConverseCommand", {"modelId": "m", "messages": []}, "bedrock-runtime Converse"),
        ("client-s3", "PutObjectCommand", {"Bucket": "mine", "Key": "k", "Body": "x"}, "s3 PutObject"),
    ],
)  # fmt: skip
async def test_a_call_to_another_service_fails_at_its_first_try(
    service: str, command: str, words: dict[str, object], named: str, sdk: Path, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(sdk)
    (tmp_path / "app.js").write_text(f"""
const sdk = require("@aws-sdk/{service}");
exports.handler = async () => {{
  const name = Object.keys(sdk).find((name) => /^[A-Za-z0-9]+Client$/.test(name) && name !== "__Client");
  try {{
    await new sdk[name]({{}}).send(new sdk.{command}({json.dumps(words)}));
  }} catch (error) {{
    return {{ body: JSON.stringify({{ message: error.message, attempts: error.$metadata?.attempts }}) }};
  }}
}};
""")
    async with asked(template({"Ask": {"Runtime": NODE, "Timeout": 20}}), tmp_path) as (it, client):
        message = f"not emulated: {named}. The call ended here and did not reach AWS."
        assert await it.ask(client, "ask") == {"message": message, "attempts": 1}
        assert message in it.lines


FETCH = """
exports.handler = async (event) => {
  const answer = await fetch("https://sqs.us-east-1.amazonaws.com/?Action=ListQueues");
  const https = require("node:https");
  const status = await new Promise((resolve, reject) =>
    https.get("https://sns.us-east-1.amazonaws.com/?Action=ListTopics", (got) => resolve(got.statusCode)).on("error", reject));
  return { body: JSON.stringify([await answer.text(), status]) };
};
"""


async def test_fetch_and_https_reach_the_emulator_and_not_aws_too(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text(FETCH)
    async with asked(template({"Ask": {"Runtime": NODE}}), tmp_path) as (it, client):
        text, status = await it.ask(client, "ask")
        assert "not emulated: sqs ListQueues" in text
        assert status == 400
        assert any("sns ListTopics" in line for line in it.lines)


HANDLERS = {
    "async": ("app.js", 'exports.handler = async (event) => ({ body: \'"async"\' });'),
    "promise": ("app.js", 'exports.handler = (event) => Promise.resolve({ body: \'"promise"\' });'),
    "callback": ("app.js", 'exports.handler = (e, c, callback) => setTimeout(callback, 5, null, { body: \'"callback"\' });'),
    "succeed": ("app.js", 'exports.handler = (event, context) => { context.succeed({ body: \'"succeed"\' }); };'),
    "commonjs": ("app.cjs", 'module.exports = { handler: async () => ({ body: \'"commonjs"\' }) };'),
    "esm": ("app.mjs", 'import os from "node:os"; export const handler = async () => ({ body: \'"esm"\' });'),
    "default": ("app.mjs", 'export default { handler: async () => ({ body: \'"default"\' }) };'),
    "top-level": ("app.mjs", 'const body = await \'"top-level"\'; export const handler = async () => ({ body });'),
}  # fmt: skip


@pytest.mark.parametrize("kind", HANDLERS)
async def test_a_handler_of_each_kind_answers(kind: str, tmp_path: Path) -> None:
    name, source = HANDLERS[kind]
    (tmp_path / name).write_text(source)
    async with asked(template({"Ask": {"Runtime": NODE}}), tmp_path) as (it, client):
        assert await it.ask(client, "ask") == kind, it.lines
        assert await it.ask(client, "ask") == kind


async def test_a_package_of_the_type_module_and_a_handler_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{ "type": "module" }')
    (tmp_path / "src/deep").mkdir(parents=True)
    (tmp_path / "src/deep/app.js").write_text(
        'import { text } from "./text.js"; export const routes = { ask: { handler: async () => ({ body: text }) } };'
    )
    (tmp_path / "src/deep/text.js").write_text("export const text = '\"deep\"';")
    function = {"Runtime": NODE, "Handler": "src/deep/app.routes.ask.handler"}
    async with asked(template({"Ask": function}), tmp_path) as (it, client):
        assert await it.ask(client, "ask") == "deep", it.lines


CONTEXT = """
let calls = 0;
exports.handler = async (event, context) => {
  const { PATH, NODE_PATH, NODE_EXTRA_CA_CERTS, ...variables } = process.env;
  const { getRemainingTimeInMillis, succeed, fail, done, ...fields } = context;
  const folder = process.cwd(), left = getRemainingTimeInMillis();
  return { body: JSON.stringify({ calls: ++calls, variables, fields, left, folder }) };
};
"""


async def test_the_context_and_the_variables_are_those_of_lambda(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text(CONTEXT)
    function = {"Runtime": NODE, "Timeout": 9, "MemorySize": 256, "Environment": {"Variables": {"COLOUR": "red"}}}
    async with asked(template({"Ask": function}), tmp_path) as (it, client):
        first, second = [await it.ask(client, "ask") for _ in range(2)]
    assert (first["calls"], second["calls"]) == (1, 2)
    assert 0 < first["left"] <= 9_000
    fields, variables = first["fields"], first["variables"]
    assert first["folder"] == variables["LAMBDA_TASK_ROOT"] == str(tmp_path.resolve())
    stream = variables["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert fields == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionName": "ask",
        "functionVersion": "$LATEST",
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:ask",
        "memoryLimitInMB": "256",
        "awsRequestId": fields["awsRequestId"],
        "logGroupName": "/aws/lambda/ask",
        "logStreamName": stream,
    }
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][\da-f]{32}", stream)
    assert (variables["AWS_EXECUTION_ENV"], variables["_HANDLER"], variables["COLOUR"]) == (
        f"AWS_Lambda_{NODE}",
        "app.handler",
        "red",
    )
    assert first["variables"]["_X_AMZN_TRACE_ID"] != second["variables"]["_X_AMZN_TRACE_ID"]
    assert not {"HOME", "HTTPS_PROXY"} & set(variables)


@pytest.mark.parametrize("kind", ["commonjs", "module"])
async def test_the_sdk_that_a_function_uses_is_installed_once_as_awss_runtime_contains_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code = tmp_path / "code"
    code.mkdir()
    (code / "package.json").write_text(json.dumps({"type": kind}))
    use = {
        "commonjs": 'const { default: crc } = { default: require("@smithy/is-array-buffer") };\nexports.handler = ',
        "module": 'import * as crc from "@smithy/is-array-buffer";\nexport const handler = ',
    }
    (code / "app.js").write_text(use[kind] + "async () => ({ body: JSON.stringify(Object.keys(crc)) });")
    for installs in (1, 0):
        async with asked(template({"Ask": {"Runtime": NODE}}), code) as (it, client):
            assert "isArrayBuffer" in await it.ask(client, "ask"), it.lines
            assert sum("npm installs it" in line for line in it.lines) == installs


async def test_what_npm_cannot_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    (tmp_path / "app.js").write_text('const { S3Client } = require("@aws-sdk/client-s3");')
    async with running(template({"Ask": {"Runtime": NODE}}), tmp_path) as it:
        assert "npm could not install the AWS SDK" in it.lines[-1]
        assert it.lines[-1].endswith("Run `npm install @aws-sdk/client-s3` beside the template.")


def test_the_programs_for_nodejs_are_typed() -> None:
    modules = node_modules("typescript@5", "@types/node@22")
    options = ("--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--module", "nodenext")
    types = ("--typeRoots", str(modules / "@types"), "--types", "node")
    files = [str(file) for file in RUNTIMES_FOLDER.glob("*.mjs")]
    words = ["node", str(modules / "typescript/bin/tsc"), *options, *types, *files]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("", 0)
    assert len(files) == 2


FAILING = {
    "throws": ('exports.handler = async () => { throw new TypeError("spoilt"); };', "ERROR\tInvoke Error", "spoilt"),
    "calls back": ('exports.handler = (e, c, callback) => callback(new Error("called"));', "ERROR\tInvoke Error", "called"),
    "never settles": ("exports.handler = () => new Promise(() => {});", "never settled", "Runtime.NodeJsExit"),
    "exits": ('exports.handler = () => { setTimeout(() => { throw new Error("late"); }); return new Promise(() => {}); };',
              "Uncaught Exception", "late"),
    "rejects": ('exports.handler = async () => { Promise.reject(new Error("lost")); await new Promise(() => {}); };',
                "Unhandled Promise Rejection", "lost"),
    "is no JSON": ("exports.handler = async () => { const a = {}; a.a = a; return a; };", "Runtime.MarshalError", "circular"),
    "does not exist": ("exports.other = 1;", "Runtime.HandlerNotFound", "undefined or not exported"),
    "is wrong": ("exports.handler = (;", "Runtime.UserCodeSyntaxError", "Unexpected token"),
    "needs version 2": ('const sdk = require("aws-sdk");', "Runtime.ImportModuleError",
                        "AWS's nodejs22.x does not contain aws-sdk either"),
    "needs the SDK": ('const sdk = require("@aws-sdk/client-nothing");', "Runtime.ImportModuleError",
                      "npm install @aws-sdk/client-nothing"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILING)
async def test_a_handler_that_fails_is_an_error_with_one_event_in_the_log(case: str, tmp_path: Path) -> None:
    source, *said = FAILING[case]
    (tmp_path / "app.js").write_text(source)
    async with asked(template({"Ask": {"Runtime": NODE}}), tmp_path) as (it, client):
        await client.send('{"do": "ask"}')
        assert (await heard_json(client))["message"] == "Internal server error"
        line = await it.logged(said[0])
        assert said[1] in line
        await until(lambda: bool(it.meter.of("invocation")))
        assert it.meter.of("invocation")[0]["failed"] == 1


async def test_a_callback_waits_for_the_rest_unless_the_handler_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("""
let finished = 0;
exports.handler = (event, context, callback) => {
  const { wait } = JSON.parse(event.body);
  context.callbackWaitsForEmptyEventLoop = wait;
  setTimeout(() => { finished += 1; console.log("finished", finished); }, 30);
  callback(null, { body: JSON.stringify(finished) });
};
""")
    async with asked(template({"Ask": {"Runtime": NODE}}), tmp_path) as (it, client):
        await it.ask(client, "ask", wait=True)
        assert "finished 1" in await it.logged("finished")
        assert await it.ask(client, "ask", wait=False) == 1


async def test_what_is_left_over_stands_still_until_the_next_event(tmp_path: Path) -> None:
    """As on AWS: a promise that the handler does not await makes no progress between two events."""
    (tmp_path / "app.js").write_text("""
let ticks = 0;
exports.handler = async () => {
  const before = ticks;
  setInterval(() => { ticks += 1; }, 1);
  return { body: JSON.stringify(before) };
};
""")
    async with asked(template({"Ask": {"Runtime": NODE}}), tmp_path) as (it, client):
        await it.ask(client, "ask")
        await asyncio.sleep(0.1)
        assert await it.ask(client, "ask") <= 5  # far fewer than the hundred that fit into the pause


async def test_logs_are_events_with_request_ids_and_are_metered(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("""
exports.handler = async () => {
  console.debug("a\\nb"); console.info({ c: 1 }); console.warn("%s!", "d"); console.error(new Error("e"));
  process.stdout.write("plain\\n");
  return { body: "1" };
};
""")
    async with asked(template({"Ask": {"Runtime": NODE}}), tmp_path) as (it, client):
        await it.ask(client, "ask")
        await it.logged("plain")
        texts = [line.partition("Z\t")[2][37:] for line in it.lines if "Z\t" in line]
        assert [text.partition("\n")[0] for text in texts] == ["DEBUG\ta", "INFO\t{ c: 1 }", "WARN\td!", "ERROR\tError: e"]
        assert texts[0] == "DEBUG\ta\nb"
        assert sum(one["bytes"] for one in it.meter.of("log")) == sum(
            len(line.encode()) + 1 for line in it.lines if "Z\t" in line or line == "plain"
        )


async def test_logs_in_json_have_levels_that_are_filtered(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("""
exports.handler = async () => { console.info("low"); console.warn({ a: 1 }); console.error("bad", new TypeError("e")); };
""")
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "LogGroup": "mine"}
    async with running(template({"Ask": {"Runtime": NODE, "LoggingConfig": logging}}), tmp_path) as it:
        async with joined(it.stack.gateway) as client:
            await client.send('{"do": "ask"}')
            await it.logged("bad")
    lines: list[dict[str, Any]] = [json.loads(line) for line in it.lines if line.startswith("{")]
    assert [(line["level"], line["message"]) for line in lines[:1]] == [("WARN", {"a": 1})]
    assert (lines[1]["errorType"], lines[1]["errorMessage"], len(lines)) == ("TypeError", "e", 2)
