"""A Python function sees what AWS documents, and nothing else: context, variables, packages, logs, errors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from lobby.emulator import read_stack
from lobby.emulator.functions import RESERVED
from lobby.errors import LobbyError
from tests.emulator.small_stacks import PYTHON, asked, running, template
from tests.emulator.worlds import heard_json, joined, until

CONTEXT = """
import json, os, sys

def handler(event, context):
    names = [name for name in dir(context) if not name.startswith("_") and not callable(getattr(context, name))]
    fields = {name: getattr(context, name) for name in names if name != "identity"}
    identity = [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]
    return {"body": json.dumps({"fields": fields, "identity": identity, "variables": dict(os.environ), "folder": os.getcwd(),
                                "left": context.get_remaining_time_in_millis(), "argv": sys.argv[1:]})}
"""


async def test_the_context_and_the_variables_are_those_of_lambda(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CONTEXT)
    function = {"Timeout": 9, "MemorySize": 256, "Environment": {"Variables": {"COLOUR": "red", "TZ": "Asia/Tokyo"}}}
    async with asked(template({"Ask": function}), tmp_path) as (it, client):
        first, second = [await it.ask(client, "ask") for _ in range(2)]
    fields, variables, root = first["fields"], first["variables"], str(tmp_path.resolve())
    stream = variables["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert fields == {
        "aws_request_id": fields["aws_request_id"],
        "client_context": None,
        "function_name": "ask",
        "function_version": "$LATEST",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:ask",
        "log_group_name": "/aws/lambda/ask",
        "log_stream_name": stream,
        "memory_limit_in_mb": "256",
        "tenant_id": None,
    }
    assert fields["aws_request_id"] != second["fields"]["aws_request_id"]
    assert (first["identity"], first["folder"], first["argv"]) == ([None, None], root, [])
    assert 0 < first["left"] <= 9_000
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][\da-f]{32}", stream)
    assert variables.keys() >= RESERVED - {"AWS_LAMBDA_RUNTIME_API"}
    expected = {
        "_HANDLER": "app.handler",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
        "AWS_LAMBDA_FUNCTION_NAME": "ask",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/ask",
        "LAMBDA_TASK_ROOT": root,
        "LANG": "en_US.UTF-8",
        "TZ": "Asia/Tokyo",  # not reserved, so the template's value counts
        "COLOUR": "red",
    }
    assert {name: variables[name] for name in expected} == expected
    trace = re.compile(r"Root=1-[\da-f]{8}-[\da-f]{24};Parent=[\da-f]{16};Sampled=0")
    assert trace.fullmatch(variables["_X_AMZN_TRACE_ID"])
    assert variables["_X_AMZN_TRACE_ID"] != second["variables"]["_X_AMZN_TRACE_ID"]
    assert not {"HOME", "USER", "PYTHONPATH", "VIRTUAL_ENV"} & set(variables)


@pytest.mark.parametrize("name", ["AWS_REGION", "LAMBDA_TASK_ROOT", "_HANDLER"])
def test_a_reserved_variable_in_the_template_is_refused_as_on_aws(name: str) -> None:
    with pytest.raises(LobbyError, match=f"The function Ask sets the variable {name}, which only Lambda sets"):
        read_stack(template({"Ask": {"Environment": {"Variables": {name: "x"}}}}))


IMPORTS = """
import importlib, json

def handler(event, context):
    found = {}
    for name in json.loads(event["body"])["names"]:
        try:
            found[name] = importlib.import_module(name).__name__
        except ImportError as error:
            found[name] = str(error)
    return {"body": json.dumps(found)}
"""


async def test_the_emulators_own_packages_cannot_be_imported_and_those_of_awss_runtime_can(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(IMPORTS)
    awss = ["boto3", "botocore.session", "s3transfer.manager", "jmespath", "dateutil.parser", "six.moves", "urllib3", "json"]
    ours = [
        "lobby",
        "lobby.emulator",
        "aiohttp",
        "moto",
        "yaml",
        "trustme",
        "websockets",
        "pytest",
        "pip",
        "environments",
        "python",
    ]
    async with asked(template({"Ask": {}}), tmp_path) as (it, client):
        found = await it.ask(client, "ask", names=awss + ours)
    assert {name: found[name] for name in awss} == {name: name for name in awss}
    assert {name: found[name] for name in ours} == {
        name: f"No module named '{name if name != 'lobby.emulator' else 'lobby'}'" for name in ours
    }


async def test_a_package_in_a_zip_comes_before_that_of_the_runtime_and_a_compiled_module_works(tmp_path: Path) -> None:
    import orjson

    with ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr(
            "a/b.py", "import boto3, json, orjson\ndef handler(e, c): return {'body': orjson.dumps(boto3.mine).decode()}"
        )
        archive.writestr("boto3/__init__.py", "mine = 'own'")
        for file in Path(orjson.__file__).parent.iterdir():
            if file.is_file():
                archive.write(file, f"orjson/{file.name}")
    for handler in ("a/b.handler", "a.b.handler"):
        async with asked(template({"Ask": {"Handler": handler}}), tmp_path / "code.zip") as (it, client):
            assert await it.ask(client, "ask") == "own", it.lines


LOGS = """
import logging
print("while it starts")
logger = logging.getLogger("mine")

def handler(event, context):
    logger.info("hidden")
    logger.warning("two\\nlines")
    logging.getLogger().setLevel(logging.INFO)
    logger.info("shown %s", 1)
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("failed")
    print("plain")
    return {"body": "1"}
"""


async def test_logs_are_what_cloudwatch_would_show_and_their_bytes_are_metered(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(LOGS)
    async with asked(template({"Ask": {}}), tmp_path) as (it, client):
        await it.ask(client, "ask")
        await it.logged("plain")
        lines = it.lines
        pattern = r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,3}Z\t[\da-f-]{36}\ttwo\nlines"
        assert lines[0] == "while it starts"
        assert re.fullmatch(pattern, lines[1])
        assert lines[2].endswith("\tshown 1")
        assert lines[3].startswith("[ERROR]\t")
        assert lines[3].splitlines()[-1] == "ZeroDivisionError: division by zero"
        assert lines[4:] == ["plain"]
        await until(lambda: len(it.meter.of("log")) == 5)
        assert [one["bytes"] for one in it.meter.of("log")] == [len(line.encode()) + 1 for line in lines]


async def test_logs_in_json_have_the_level_of_the_template(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(LOGS.replace("logging.getLogger().setLevel(logging.INFO)", ""))
    function = {"LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "LogGroup": "mine"}}
    async with asked(template({"Ask": function}), tmp_path) as (it, client):
        await it.ask(client, "ask")
        await it.logged("plain")
    lines: list[dict[str, Any]] = [json.loads(line) for line in it.lines if line.startswith("{")]
    assert [(line["level"], line["message"], line["logger"]) for line in lines] == [
        ("INFO", "hidden", "mine"),
        ("WARNING", "two\nlines", "mine"),
        ("INFO", "shown 1", "mine"),
        ("ERROR", "failed", "mine"),
    ]
    assert (lines[3]["errorType"], lines[3]["errorMessage"]) == ("ZeroDivisionError", "division by zero")
    assert len({line["requestId"] for line in lines}) == 1


FAILING = {
    "raises": ("def handler(event, context): raise KeyError('spoilt')", "[ERROR] KeyError: 'spoilt'\nTraceback"),
    "exits": ("import sys\ndef handler(event, context): sys.exit(1)", None),
    "is no JSON": ("def handler(event, context): return {1, 2}", "[ERROR] Runtime.MarshalError: Unable to marshal response"),
    "has a missing module": ("import nowhere", "[ERROR] Runtime.ImportModuleError: Unable to import module 'app'"),
    "has wrong syntax": ("def handler(:", "[ERROR] Runtime.UserCodeSyntaxError: Syntax error in module 'app'"),
    "is missing": ("x = 1", "[ERROR] Runtime.HandlerNotFound: Handler 'handler' missing on module 'app'"),
    "fails at its import": ("1 / 0", "[ERROR] ZeroDivisionError: division by zero"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILING)
async def test_a_handler_that_fails_is_an_error_with_one_event_in_the_log(case: str, tmp_path: Path) -> None:
    source, said = FAILING[case]
    (tmp_path / "app.py").write_text(source)
    async with asked(template({"Ask": {}}), tmp_path) as (it, client):
        for _ in range(2):
            await client.send('{"do": "ask"}')
            assert (await heard_json(client))["message"] == "Internal server error"
        await until(lambda: len(it.meter.of("invocation")) == 2)
        assert [one["failed"] for one in it.meter.of("invocation")] == [1, 1]
        if said is not None:
            assert "site-packages" not in await it.logged(said)


async def test_a_handler_and_its_programs_get_an_empty_input(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("""
import json, subprocess, sys
def handler(event, context):
    return {"body": json.dumps([sys.stdin.read(), subprocess.run(["cat"], capture_output=True, text=True).stdout])}
""")
    async with asked(template({"Ask": {}}), tmp_path) as (it, client):
        assert [await it.ask(client, "ask") for _ in range(2)] == [["", ""], ["", ""]]


async def test_an_answer_may_contain_numbers_of_dynamodb(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("""
from decimal import Decimal
def handler(event, context):
    return {"statusCode": Decimal(200), "body": "1", "more": Decimal("1.5")}
""")
    async with asked(template({"Ask": {}}), tmp_path) as (it, client):
        assert await it.ask(client, "ask") == 1


async def test_changed_code_is_loaded_for_the_next_event_and_a_line_says_so(tmp_path: Path) -> None:
    source = "import time\nfrom shared import text\ndef handler(event, context):\n    return {'body': '\"' + text + '\"'}\n"
    (tmp_path / "app.py").write_text(source)
    (tmp_path / "shared.py").write_text("text = 'old'")
    async with asked(template({"Ask": {}, "Other": {}}), tmp_path) as (it, client):
        assert [await it.ask(client, name) for name in ("ask", "other")] == ["old", "old"]
        (tmp_path / "shared.py").write_text("text = 'new one'")
        for name in ("Ask", "Other"):
            line = await it.logged(f"{name}: the code has changed")
            assert line == f"{name}: the code has changed (shared.py). The next event loads it."
        assert [await it.ask(client, name) for name in ("ask", "other")] == ["new one", "new one"]
        assert [one["cold"] for one in it.meter.of("invocation")] == [1, 1, 1, 1]


async def test_a_changed_zip_is_unpacked_again(tmp_path: Path) -> None:
    def packed(text: str) -> None:
        with ZipFile(tmp_path / "new.zip", "w") as archive:
            archive.writestr("app.py", f"def handler(event, context): return {{'body': '\"{text}\"'}}")
        (tmp_path / "new.zip").replace(tmp_path / "code.zip")

    packed("old")
    async with asked(template({"Ask": {}}), tmp_path / "code.zip") as (it, client):
        assert await it.ask(client, "ask") == "old"
        packed("new")
        await it.logged("the code has changed (code.zip)")
        assert await it.ask(client, "ask") == "new"


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("python2.7", "The function Ask has the runtime python2.7, with which AWS creates no functions any more."),
        ("nodejs8.10", "The function Ask has the runtime nodejs8.10, with which AWS creates no functions any more."),
        ("java21", "The function Ask has the runtime java21; only Python and Node.js functions run here."),
        ("provided.al2023", "The function Ask has the runtime provided.al2023; only Python and Node.js functions run here."),
        ("pyhton3.13", "The function Ask has the runtime pyhton3.13, which AWS does not have."),
        ("python3.99", "The function Ask has the runtime python3.99, which AWS does not have."),
    ],
)
async def test_a_runtime_that_does_not_run_here_is_refused_by_name(runtime: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("")
    with pytest.raises(LobbyError) as refused:
        async with running(template({"Ask": {"Runtime": runtime}}), tmp_path):
            pass
    assert str(refused.value) == said


async def test_a_function_that_nothing_calls_may_have_any_runtime(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context): return {'body': '1'}")
    other = {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "java21", "Handler": "a", "Role": "arn:r", "Code": "x"}}
    async with asked(template({"Ask": {}}, {"Cron": other}), tmp_path) as (it, client):
        assert await it.ask(client, "ask") == 1


async def test_another_version_of_the_language_is_stated_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("")
    (tmp_path / "app.js").write_text("")
    functions = {"Ask": {"Runtime": "python3.14"}, "Other": {"Runtime": "nodejs16.x"}, "Same": {}}
    async with running(template(functions), tmp_path) as it:
        assert [re.sub(r"\d+\.\d+ of", "N of", line) for line in it.lines] == [
            "Ask: python3.14 on AWS, Python N of this machine here.",
            "Other: nodejs16.x on AWS, Node.js N of this machine here.",
        ]


async def test_without_node_a_nodejs_function_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LobbyError, match="The function Ask needs node, which is not installed"):
        async with running(template({"Ask": {"Runtime": "nodejs22.x"}}), tmp_path):
            pass


def test_the_table_of_runtimes_agrees_with_the_dates_that_aws_has_published() -> None:
    """On the first day of December 2026, by the data of cfn-lint: a runtime is listed while functions can be created."""
    import cfnlint

    from lobby.emulator.functions import REMOVED, RUNTIMES

    text = (Path(cfnlint.__file__).parent / "data/AdditionalSpecs/LmbdRuntimeLifecycle.json").read_text()
    dates = {name: item["create-block"] for name, item in json.loads(text).items() if item["create-block"]}
    listed = {name for names in RUNTIMES.values() for name in names}
    known = {name for name, date in dates.items() if date > "2026-12-01"}
    assert known <= listed
    assert {name for name in listed & dates.keys() if dates[name] <= "2026-12-01"} == set()
    assert dates.keys() - listed == REMOVED


async def test_a_handler_in_a_thread_gets_the_same_fields_of_the_context(tmp_path: Path) -> None:
    from lobby.emulator import Api, ApiGateway, Context, Route

    seen: list[Context] = []

    def handler(event: Any, context: Context) -> Any:
        seen.append(context)
        return {"statusCode": 200}

    async with ApiGateway(Api(routes={"$connect": Route()}), handler) as gateway, joined(gateway):
        context = seen[0]
        assert (context.log_group_name, context.client_context) == ("/aws/lambda/handler", None)
        assert context.identity.cognito_identity_id is None
        assert context.log_stream_name[10:21] == "/[$LATEST]" + context.log_stream_name[20]
