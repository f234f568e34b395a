"""Handlers as people deploy them reach the emulator: they build AWS's addresses and use AWS's SDKs, without a change."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.emulator.small_stacks import asked, running, template
from tests.emulator.worlds import heard, heard_json, joined

CHAT = """
import json, logging, os
import boto3
from botocore.exceptions import ClientError

logger = logging.getLogger()
logger.setLevel(logging.INFO)
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    about = event["requestContext"]
    logger.info("Request: %s", about["routeKey"])
    if about["routeKey"] == "$connect":
        name = event.get("queryStringParameters", {"name": "guest"}).get("name")
        table.put_item(Item={"id": about["connectionId"], "name": name})
        return {"statusCode": 200}
    body = json.loads(event["body"])
    endpoint = body["endpoint"].format(**about, region=os.environ["AWS_REGION"])
    client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
    name = table.get_item(Key={"id": about["connectionId"]})["Item"]["name"]
    connected = client.get_connection(ConnectionId=about["connectionId"])["ConnectedAt"].year
    for item in table.scan(ProjectionExpression="id")["Items"]:
        try:
            client.post_to_connection(Data=f"{name}: {body['text']}".encode(), ConnectionId=item["id"])
        except client.exceptions.GoneException:
            table.delete_item(Key={"id": item["id"]})
    try:
        client.post_to_connection(Data=b"", ConnectionId="AAAAAAAAAAAAAAA=")
    except client.exceptions.GoneException:
        client.delete_connection(ConnectionId=about["connectionId"])
    return {"statusCode": 200}
"""

ENDPOINTS = ("https://{domainName}/{stage}", "https://{apiId}.execute-api.{region}.amazonaws.com/{stage}")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_chat_with_boto3_broadcasts_to_two_clients_at_the_address_that_it_builds(endpoint: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CHAT)
    function = {"Environment": {"Variables": {"TABLE": {"Ref": "Table"}}}}
    async with running(template({"Connect": function, "Send": function}), tmp_path) as it, AsyncExitStack() as clients:
        ann, bea = [await clients.enter_async_context(joined(it.stack.gateway, f"?name={name}")) for name in ("ann", "bea")]
        await ann.send(f'{{"do": "send", "text": "hello", "endpoint": "{endpoint}"}}')
        assert [await heard(client) for client in (ann, bea)] == ["ann: hello"] * 2
        await ann.wait_closed()
        assert (ann.close_code, bea.close_code) == (1000, None)
        assert "\tRequest: send" in await it.logged("Request: send")


SERVICES = """
import json, time
import boto3

def handler(event, context):
    asked = json.loads(event["body"])
    client = boto3.client(asked["service"], **asked.get("options", {}))
    began = time.monotonic()
    try:
        answer = getattr(client, asked["call"])(**asked.get("words", {}))
        answer.pop("ResponseMetadata")
    except Exception as error:
        answer = {"error": str(error), "tries": error.response["ResponseMetadata"]["RetryAttempts"]}
    return {"statusCode": 200, "body": json.dumps(answer, default=str)}
"""


@pytest.mark.parametrize(
    ("service", "call", "words", "named"),
    [
        ("sqs", "send_message", {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/1/q", "MessageBody": "x"}, "sqs SendMessage"),
        ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "x"}, "sns Publish"),
        ("s3", "get_object", {"Bucket": "mine", "Key": "a/b"}, "s3 GetObject"),
        ("s3", "put_object", {"Bucket": "mine", "Key": "a/b", "Body": "x"}, "s3 PutObject"),
        ("s3", "list_objects_v2", {"Bucket": "mine"}, "s3 ListObjectsV2"),
        ("lambda", "invoke", {"FunctionName": "f", "Payload": "{}"}, "lambda Invoke"),
        ("ssm", "get_parameter", {"Name": "n"}, "ssm GetParameter"),
        ("secretsmanager", "get_secret_value", {"SecretId": "n"}, "secretsmanager GetSecretValue"),
        ("stepfunctions", "list_state_machines", {}, "stepfunctions ListStateMachines"),
        ("events", "put_events", {"Entries": [{}]}, "events PutEvents"),
        ("ec2", "describe_vpcs", {}, "ec2 DescribeVpcs"),
        ("iam", "list_users", {}, "iam ListUsers"),
        ("dynamodbstreams", "list_streams", {}, "dynamodb ListStreams"),
        ("dynamodb", "list_global_tables", {}, "dynamodb ListGlobalTables"),
        ("sts", "assume_role", {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "se"}, "sts AssumeRole"),
        ("cloudwatch", "describe_alarms", {}, "cloudwatch DescribeAlarms"),
        ("bedrock-runtime", "invoke_model", {"modelId": "m", "body": "{}"}, "bedrock-runtime InvokeModel"),
        ("comprehend", "detect_sentiment", {"Text": "x", "LanguageCode": "en"}, "comprehend DetectSentiment"),
    ],
)  # fmt: skip
async def test_a_call_to_another_service_fails_at_its_first_try_with_a_line_that_names_it(
    service: str, call: str, words: dict[str, object], named: str, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(SERVICES)
    async with asked(template({"Ask": {"Timeout": 20}}), tmp_path) as (it, client):
        answer = await it.ask(client, "ask", service=service, call=call, words=words)
        assert f"not emulated: {named}. The call ended here and did not reach AWS." in answer["error"]
        assert answer["tries"] == 0
        assert [line for line in it.lines if line.startswith("not emulated")] == [
            f"not emulated: {named}. The call ended here and did not reach AWS."
        ]


async def test_emulated_services_answer_at_their_hosts_on_aws(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SERVICES)
    async with asked(template({"Ask": {"Timeout": 20}}), tmp_path) as (it, client):
        host = {"endpoint_url": "https://dynamodb.us-east-1.amazonaws.com"}
        assert (await it.ask(client, "ask", service="dynamodb", call="list_tables", options=host))["TableNames"] == [
            "connections"
        ]
        assert (await it.ask(client, "ask", service="sts", call="get_caller_identity"))["Account"] == "123456789012"
        await it.ask(client, "ask", service="cloudwatch", call="put_metric_data", words={
            "Namespace": "Mine", "MetricData": [{"MetricName": "m", "Value": 1}]})  # fmt: skip
        assert it.stack.metrics.metrics


OTHERS = """
import http.client, json, os, ssl, urllib.request
import urllib3

def handler(event, context):
    about, way = event["requestContext"], json.loads(event["body"])["way"]
    try:
        if way == "http.client":  # knows no proxies
            connection = http.client.HTTPSConnection("sqs.us-east-1.amazonaws.com", timeout=5)
            connection.request("GET", "/?Action=ListQueues")
            text = connection.getresponse().read().decode()
        elif way == "urllib3":
            text = urllib3.PoolManager(timeout=5).request("GET", "https://sqs.us-east-1.amazonaws.com/?Action=ListQueues").data.decode()
        elif way == "urllib":
            urllib.request.urlopen("https://sqs.us-east-1.amazonaws.com/?Action=ListQueues", timeout=5)
        elif way == "host":  # the Host of the client's request is that of the gateway on this machine
            text = urllib.request.urlopen(f"https://{json.loads(event['body'])['host']}/nowhere", timeout=5)
        else:
            text = urllib.request.urlopen(way, timeout=5).read().decode()
    except urllib.error.HTTPError as error:
        text = error.read().decode()
    except Exception as error:
        text = repr(error)
    return {"statusCode": 200, "body": json.dumps(text)}
"""


@pytest.mark.parametrize("way", ["http.client", "urllib3", "urllib"])
async def test_other_libraries_reach_the_emulator_and_not_aws_too(way: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(OTHERS)
    async with asked(template({"Ask": {"Timeout": 20}}), tmp_path) as (it, client):
        assert "not emulated: sqs ListQueues" in await it.ask(client, "ask", way=way)


async def test_the_gateways_own_address_answers_https_too(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(OTHERS)
    async with asked(template({"Ask": {"Timeout": 20}}), tmp_path) as (it, client):
        assert await it.ask(client, "ask", way="host", host=it.stack.gateway.address) == '{"message": "Forbidden"}'


async def test_a_host_that_is_not_of_aws_is_reached_through_the_proxy(tmp_path: Path) -> None:
    """The proxy opens a TCP connection to it and changes nothing; here nothing listens at the address."""
    (tmp_path / "app.py").write_text(OTHERS)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # it does not listen
        async with asked(template({"Ask": {"Timeout": 20}}), tmp_path) as (it, client):
            answer = await it.ask(client, "ask", way=f"https://127.0.0.1:{taken.getsockname()[1]}/")
            assert "502 Bad Gateway" in answer


AIOBOTOCORE = """
import asyncio, json
from aiobotocore.session import get_session

async def posted(about):
    session = get_session()
    endpoint = f"https://{about['domainName']}/{about['stage']}"
    async with session.create_client("dynamodb") as tables, session.create_client(
        "apigatewaymanagementapi", endpoint_url=endpoint
    ) as api:
        await tables.put_item(TableName="connections", Item={"id": {"S": about["connectionId"]}})
        await api.post_to_connection(ConnectionId=about["connectionId"], Data=json.dumps("posted"))

def handler(event, context):
    asyncio.run(posted(event["requestContext"]))
    return {"statusCode": 200, "body": json.dumps("done")}
"""

POWERTOOLS = """
import json
import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parameters import get_parameter

logger, metrics = Logger(service="chat"), Metrics(namespace="Mine", service="chat")

@logger.inject_lambda_context(log_event=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    about = event["requestContext"]
    metrics.add_metric(name="Posts", unit=MetricUnit.Count, value=1)
    client = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{about['domainName']}/{about['stage']}")
    client.post_to_connection(ConnectionId=about["connectionId"], Data=json.dumps("posted"))
    logger.info("posted")
    try:
        get_parameter("/mine")
    except Exception as error:
        return {"statusCode": 200, "body": json.dumps(str(error))}
"""


def with_packages(folder: Path, *names: str) -> None:
    """Puts packages beside the code, as `pip install --target` does."""
    from importlib.util import find_spec

    for name in names:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        found = Path(spec.origin)
        source = found.parent if spec.submodule_search_locations else found
        (folder / source.name).symlink_to(source)


async def test_a_handler_with_aiobotocore_posts(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(AIOBOTOCORE)
    needed = ("aiobotocore", "aiohttp", "aioitertools", "aiosignal", "attr", "attrs", "frozenlist", "multidict", "propcache")
    with_packages(tmp_path, *needed, "wrapt", "yarl", "aiohappyeyeballs", "idna", "typing_extensions")
    async with asked(template({"Ask": {"Timeout": 20}}), tmp_path) as (it, client):
        await client.send('{"do": "ask"}')
        assert [await heard_json(client), await heard_json(client)] == ["posted", "done"], it.lines


async def test_a_handler_with_powertools_posts_logs_and_measures(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(POWERTOOLS)
    with_packages(tmp_path, "aws_lambda_powertools", "typing_extensions")
    async with asked(template({"Ask": {"Timeout": 20}}), tmp_path) as (it, client):
        await client.send('{"do": "ask"}')
        assert await heard_json(client) == "posted", it.lines
        assert "not emulated: ssm GetParameter" in await heard_json(client)
        assert '"function_name":"ask"' in await it.logged('"message":"posted"')
        assert {"Posts", "ColdStart"} <= {metric.name for metric in it.stack.metrics.metrics}
