"""docs/permissions.md lists the permissions of every call that deploying and deleting make. The fixture ``calls`` checks each
test of this folder; here one tour makes all of them."""

from __future__ import annotations

import ast
import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

import lobby.deploy
from lobby.deploy import Deployment, DeployOptions
from lobby.deploy.aws import Aws
from lobby.deploy.screen import Screen
from lobby.errors import LobbyError
from tests.deploy.clouds import DELETED, MADE, REGION, CloudFormation, Session, client
from tests.deploy.permissions import Call, action, listed, unlisted
from tests.sources import parsed

ELSEWHERE = {
    ("lambda", "GetAccountSettings"),
    ("lambda", "GetFunctionConfiguration"),
    ("dynamodb", "DescribeTable"),
    ("dynamodb", "UpdateTable"),
}
"""What the page names beside CloudFormation and S3 as calls of the commands themselves."""
FOR_LAMBDA = {"GetObjectVersion"}
"""Permissions that only Lambda uses, in the name of the user, to read the zip."""


def deployment(cloudformation: CloudFormation, *, yes: bool = True) -> Deployment:
    cloudformation.name = "lobby-prod"
    return Deployment(Aws(Session(cloudformation=cloudformation), REGION), "prod", Screen(yes=yes), wait=lambda _: None)


def operations_in_the_code() -> set[str]:
    """The operations that the code names: its strings that are operations of a service whose name is in the code too."""
    strings = {
        node.value
        for path in Path(lobby.deploy.__file__).parent.glob("*.py")
        for node in ast.walk(parsed(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    session: Any = botocore.session.get_session()
    models = [session.get_service_model(service) for service in strings & set(session.get_available_services())]
    return strings & {xform_name(name) for model in models for name in model.operation_names}


def test_the_page_lists_what_the_commands_call_and_nothing_else(
    account: None, calls: set[Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(operations_in_the_code()) > 10
    client("dynamodb").create_table(
        TableName="Table-id",
        AttributeDefinitions=[{"AttributeName": "room", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "room", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\nno\n"))
    with suppress(LobbyError):  # the plan is refused, and deleted
        deployment(CloudFormation(), yes=False).deploy(DeployOptions("lobby-new", create_bucket=True))
    cloudformation = CloudFormation()
    cloudformation.story = [*MADE]
    deployment(cloudformation).deploy(DeployOptions("lobby-new"))
    cloudformation.story = [*DELETED]
    deployment(cloudformation).destroy(unprotect=True)
    assert {operation for _, operation in calls} == operations_in_the_code()
    called = {action(call) for call in calls} - {("sts", "GetCallerIdentity")}
    page: set[Any] = {("cloudformation", name) for name in listed("cloudformation")} | ELSEWHERE
    page |= {("s3", name) for name in listed("s3") - FOR_LAMBDA}
    assert called == page
    assert all(name in listed(service) for service, name in ELSEWHERE)


def test_a_call_that_the_page_does_not_list_is_found() -> None:
    missing = {("s3", "delete_object"), ("dynamodb", "scan"), ("kms", "encrypt"), ("cloudformation", "create_table")}
    assert unlisted({("s3", "put_object"), ("sts", "get_caller_identity"), *missing}) == missing
