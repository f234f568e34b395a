"""The permissions that docs/permissions.md lists for `lobby deploy` and `lobby destroy` are those that the commands need.

The test plays both commands against the imitation of AWS, and records each request at the client of boto3. The names of
variables in the code do not matter.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

import lobby.deploy
from lobby.cloudformation.lobby_template import infrastructure
from lobby.deploy import Deployment, DeployOptions
from lobby.deploy.aws import ACTIONS, Aws
from lobby.deploy.screen import Screen
from tests.deploy.clouds import BUCKET, DELETED, MADE, REGION, CloudFormation, Session, client

PAGE = (Path(__file__).parents[2] / "docs/permissions.md").read_text()
CODE = Path(lobby.deploy.__file__).parent

NEVER_DENIED = ("sts", "get_caller_identity")
"""IAM allows it always, so no policy lists it."""

Request = tuple[str, str]
"""A service and an operation, both as boto3 names them."""


class RecordingSession:
    """A session whose clients record each request."""

    def __init__(self, session: Session, requests: set[Request]) -> None:
        self._session, self._requests = session, requests

    def client(self, service: str, region_name: str) -> Any:
        """Like boto3's."""
        return RecordingClient(self._session.client(service, region_name), service, self._requests)


class RecordingClient:
    """A client of boto3, or its imitation, that records each operation."""

    def __init__(self, client: Any, service: str, requests: set[Request]) -> None:
        self._client, self._service, self._requests = client, service, requests

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._client, operation)

        def recorded(**arguments: Any) -> Any:
            self._requests.add((self._service, operation))
            return call(**arguments)

        return recorded


@pytest.fixture
def requests(account: None) -> set[Request]:
    """The requests of a deployment of prod into a new bucket, of one without changes, and of a deletion."""
    found: set[Request] = set()

    def deployment(cloudformation: CloudFormation) -> Deployment:
        cloudformation.name = "lobby-prod"
        session = RecordingSession(Session(cloudformation=cloudformation), found)
        return Deployment(Aws(session, REGION), "prod", Screen(yes=True), wait=lambda _: None)

    new = CloudFormation()
    new.story = [*MADE]
    deployment(new).deploy(DeployOptions(BUCKET, create_bucket=True))
    unchanged = CloudFormation("CREATE_COMPLETE", ArtifactBucket=BUCKET)
    unchanged.plan_reason = "No updates are to be performed."
    deployment(unchanged).deploy(DeployOptions())
    client("dynamodb").create_table(
        TableName="Table-id",
        AttributeDefinitions=[{"AttributeName": "room", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "room", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )
    gone = CloudFormation("CREATE_COMPLETE")
    gone.story = [*DELETED]
    deployment(gone).destroy(unprotect=True)
    return found


def listed(service: str) -> set[str]:
    """The actions that the page lists for a service, without the name of the service. Those for S3 include the policy's."""
    table = PAGE.partition("## Permissions to deploy")[2].partition("\n## ")[0]
    rows = [row for row in re.findall(r"^\| (.*) \|$", table, re.M) if row.startswith(service)]
    actions = {action for row in rows for action in re.findall(r"`([A-Z]\w+)`", row.split(" | ")[1])}
    if service == "S3":
        policy = json.loads((infrastructure() / "lobby-s3-policy.json").read_text())
        allowed = [statement["Action"] for statement in policy["Statement"]]
        actions |= {action.removeprefix("s3:") for one in allowed for action in ([one] if isinstance(one, str) else one)}
    return actions


def permission(request: Request) -> tuple[str, str]:
    """The service as the page names it, and the action that a policy must allow."""
    service, operation = request
    model = botocore.session.get_session().get_service_model(service)
    [name] = [name for name in model.operation_names if xform_name(name) == operation]
    return str(model.service_id), ACTIONS.get(name, name).removeprefix("s3:")


def test_the_page_lists_each_permission_that_the_commands_need(requests: set[Request]) -> None:
    needed = {permission(request) for request in requests - {NEVER_DENIED}}
    assert {service for service, _ in needed} == {"CloudFormation", "DynamoDB", "Lambda", "S3"}
    assert {(service, action) for service, action in needed if action not in listed(service)} == set()


def test_the_page_lists_no_action_of_cloudformation_that_the_commands_do_not_need(requests: set[Request]) -> None:
    needed = {action for service, action in map(permission, requests) if service == "CloudFormation"}
    assert listed("CloudFormation") == needed


def test_the_recorded_requests_are_all_that_the_code_contains(requests: set[Request]) -> None:
    """An operation in the code is a string that a service of AWS knows as one. None is left out of the recording."""
    words = {
        node.value
        for path in CODE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    session = botocore.session.get_session()
    services = words & set(session.get_available_services())
    assert services >= {service for service, _ in requests}
    known = {xform_name(name) for service in services for name in session.get_service_model(service).operation_names}
    assert words & known == {operation for _, operation in requests}
