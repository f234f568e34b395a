"""AWS for the tests of deploying: moto where it can, and a CloudFormation that fails as the real one does where it cannot.

Messages and shapes of errors are those that people have reported of AWS.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from lobby.deploy.package import build

REGION, ACCOUNT, BUCKET = "eu-central-1", "123456789012", "lobby-artifacts"
STACK_TYPE = "AWS::CloudFormation::Stack"
KINDS = {"Table": "AWS::DynamoDB::Table", "Function": "AWS::Lambda::Function", "Api": "AWS::ApiGatewayV2::Api"}
OUTPUTS = {
    "WebSocketUrl": "wss://abc123.execute-api.eu-central-1.amazonaws.com/dev",
    "FunctionName": "lobby-websocket-dev",
    "TableName": "LobbyConnections-dev",
    "Tokens": "none",
    "CallbackEndpoint": "https://abc123.execute-api.eu-central-1.amazonaws.com/dev",
}
PAGE = 2
"""Items on a page, so that everything has several."""


def refused(code: str, message: str, operation: str, status: int = 400) -> ClientError:
    """The exception of boto3 for a refusal of AWS."""
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


class CloudFormation:
    """One stack, and what happens to it next: ``changes`` and ``story`` are to be set by the test."""

    def __init__(self, status: str = "", **parameters: str) -> None:
        self.status, self.name, self.id = status, "lobby-dev", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/lobby-dev/1"
        self.parameters, self.outputs = parameters, dict(OUTPUTS)
        self.changes: list[tuple[str, str, str]] = [("Add", name, "") for name in KINDS]
        self.plan_reason: str | None = None
        """Why there is no plan, if there is none."""
        self.story: list[tuple[str, str, str]] = []
        """(resource, status, reason); the stack itself is ``stack``."""
        self.resources = list(KINDS)
        self.errors: dict[str, Exception] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._events: list[dict[str, Any]] = []
        self._looks = 0
        if status:
            self._happens("stack", status, "")

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        """Any operation of boto3's client."""

        def call(**arguments: Any) -> dict[str, Any]:
            self.asked.append((operation, arguments))
            if operation in self.errors:
                raise self.errors[operation]
            answer: dict[str, Any] = getattr(self, f"_{operation}")(**arguments)
            return answer

        if operation.startswith("_"):
            raise AttributeError(operation)
        return call

    def said(self, operation: str) -> list[dict[str, Any]]:
        """With what an operation was asked for."""
        return [arguments for name, arguments in self.asked if name == operation]

    def _describe_stacks(self, StackName: str) -> dict[str, Any]:
        if not self.status:
            raise refused("ValidationError", f"Stack with id {StackName} does not exist", "DescribeStacks")
        stack = {
            "StackId": self.id,
            "StackStatus": self.status,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()],
        }
        return {"Stacks": [stack]}

    def _create_change_set(self, **arguments: Any) -> dict[str, Any]:
        self._looks = 0
        if not self.status:
            self.status = "REVIEW_IN_PROGRESS"
            self._happens("stack", "REVIEW_IN_PROGRESS", "User Initiated")
        return {"Id": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{arguments['ChangeSetName']}/1", "StackId": self.id}

    def _describe_change_set(self, NextToken: str = "0", **arguments: Any) -> dict[str, Any]:
        self._looks += 1
        if self._looks == 1:
            return {"Status": "CREATE_IN_PROGRESS"}
        if self.plan_reason is not None:
            return {"Status": "FAILED", "StatusReason": self.plan_reason, "Changes": []}
        changes = [
            {
                "Type": "Resource",
                "ResourceChange": {
                    "Action": action,
                    "LogicalResourceId": name,
                    "ResourceType": KINDS[name],
                    **({"Replacement": replacement} if replacement else {}),
                },
            }
            for action, name, replacement in self.changes
        ]
        return {"Status": "CREATE_COMPLETE", **_page(changes, "Changes", NextToken)}

    def _delete_change_set(self, **arguments: Any) -> dict[str, Any]:
        return {}

    def _execute_change_set(self, **arguments: Any) -> dict[str, Any]:
        return {}

    def _delete_stack(self, **arguments: Any) -> dict[str, Any]:
        if self.status == "REVIEW_IN_PROGRESS":
            self.status = ""
        return {}

    def _list_stack_resources(self, NextToken: str = "0", **arguments: Any) -> dict[str, Any]:
        found = [
            {"LogicalResourceId": name, "ResourceType": KINDS[name], "PhysicalResourceId": f"{name}-id"}
            for name in self.resources
        ]
        return _page(found, "StackResourceSummaries", NextToken)

    def _describe_stack_events(self, NextToken: str = "0", **arguments: Any) -> dict[str, Any]:
        """Between two looks one more thing has happened."""
        begun = any(name in ("execute_change_set", "delete_stack") for name, _ in self.asked)
        if begun and NextToken == "0":
            assert self.story, "the test would wait for ever"
            self._happens(*self.story.pop(0))
        return _page(self._events[::-1], "StackEvents", NextToken)

    def _happens(self, name: str, status: str, reason: str) -> None:
        own = name == "stack"
        event = {
            "EventId": f"{len(self._events)}",
            "LogicalResourceId": self.name if own else name,
            "PhysicalResourceId": self.id if own else f"{name}-id",
            "ResourceType": STACK_TYPE if own else KINDS[name],
            "ResourceStatus": status,
        }
        self._events.append(event | ({"ResourceStatusReason": reason} if reason else {}))
        if own:
            self.status = "" if status == "DELETE_COMPLETE" else status


def _page(items: list[dict[str, Any]], name: str, token: str) -> dict[str, Any]:
    start = int(token)
    more = {"NextToken": str(start + PAGE)} if start + PAGE < len(items) else {}
    return {name: items[start : start + PAGE], **more}


MADE = [
    ("stack", "CREATE_IN_PROGRESS", "User Initiated"),
    ("Table", "CREATE_IN_PROGRESS", ""),
    ("Table", "CREATE_COMPLETE", ""),
    ("Function", "CREATE_COMPLETE", ""),
    ("Api", "CREATE_COMPLETE", ""),
    ("stack", "CREATE_COMPLETE", ""),
]
"""How it goes when all is well."""

DELETED = [
    ("stack", "DELETE_IN_PROGRESS", "User Initiated"),
    *((name, "DELETE_COMPLETE", "") for name in KINDS),
    ("stack", "DELETE_COMPLETE", ""),
]


class Lambda:
    """Knows how many invocations the account may have at once, and the SHA-256 of the code that a function runs."""

    def __init__(self, limit: int, code_sha256: str = "") -> None:
        self.limit, self.code_sha256 = limit, code_sha256

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        """As boto3's."""
        return {"CodeSha256": b64encode(bytes.fromhex(self.code_sha256 or build().sha256)).decode()}

    def get_account_settings(self) -> dict[str, Any]:
        """As boto3's."""
        return {"AccountLimit": {"ConcurrentExecutions": self.limit}}


@cache
def client(service: str, region_name: str = REGION) -> Any:
    """One of boto3's, which takes its time to be made."""
    return boto3.client(service, region_name=region_name)


class Session:
    """boto3's session, with some clients of our own."""

    def __init__(self, **clients: Any) -> None:
        self._clients = {"lambda": clients.pop("functions", Lambda(1000)), **clients}

    def client(self, service: str, region_name: str) -> Any:
        """As boto3's."""
        return self._clients.get(service) or client(service, region_name)
