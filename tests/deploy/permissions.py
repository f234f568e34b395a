"""What docs/permissions.md lists for a deployment, and which calls to AWS are missing there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from lobby.cloudformation.lobby_template import infrastructure
from lobby.deploy.aws import ACTIONS

PAGE = (Path(__file__).parents[2] / "docs/permissions.md").read_text()
SERVICES = {"cloudformation": "CloudFormation", "s3": "S3", "lambda": "Lambda", "dynamodb": "DynamoDB"}
NEEDS_NONE = ("sts", "get_caller_identity")
"""AWS cannot deny this call."""

Call = tuple[str, str]
"""A service and an operation, as boto3 names them."""


def action(call: Call) -> tuple[str, str]:
    """The service and the permission that a call needs: ``("s3", "ListBucket")``."""
    service, operation = call
    name = "".join(word.capitalize() for word in operation.split("_"))
    return service, ACTIONS.get(name, name).removeprefix(f"{service}:")


def listed(service: str) -> set[str]:
    """The permissions for a service in the table of permissions to deploy, those of the bucket's policy included."""
    table = PAGE.partition("## Permissions to deploy")[2].partition("\n## ")[0]
    rows = re.findall(rf"^\| {SERVICES.get(service, service)}(?:,[^|]*)? \| (.*?) \|", table, re.M)
    found = {name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row)}
    if service == "s3":
        statements = json.loads((infrastructure() / "lobby-s3-policy.json").read_text())["Statement"]
        for actions in (statement["Action"] for statement in statements):
            found |= {name.removeprefix("s3:") for name in ([actions] if isinstance(actions, str) else actions)}
    return found


def unlisted(calls: Iterable[Call]) -> set[Call]:
    """The calls for which the page lists no permission."""
    return {call for call in calls if call != NEEDS_NONE and action(call)[1] not in listed(call[0])}
