"""A stack of CloudFormation: its state, its change sets, and the events while a change is carried out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from lobby.deploy.aws import AwsClient, AwsRequestError, denied
from lobby.errors import LobbyError

POLL_S = 2.0
"""Pause between two requests for the progress, in seconds. AWS changes something every few seconds."""

DEAD = {"CREATE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "DELETE_FAILED"}
"""States after a failed creation or deletion. The stack must be deleted before it can be created again."""

NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
"""Parts of the messages by which AWS reports that nothing would change, which it treats as a failure."""

ADVICE = {
    "below its minimum value": "The account allows few concurrent invocations, as new accounts do. Give --parameter "
    "ReservedConcurrency=0, or ask AWS to raise the quota (Service Quotas, AWS Lambda, Concurrent executions).",
    "CloudWatch Logs role ARN": "AccessLogs needs a role in the account settings of API Gateway; see docs/permissions.md.",
    "already exists": "It belongs to another stack, or was created by hand. Delete it, or use another --stage.",
    "S3 Error Code": "The bucket of the zip must be in the Region of the stack, and you need permission to read it.",
    "could not be found in the specified region": "A certificate must be in the Region of the stack.",
    "DeletionProtection": "The table is protected against deletion: `lobby destroy --unprotect` removes the protection.",
    "deletion protection": "The table is protected against deletion: `lobby destroy --unprotect` removes the protection.",
}
"""Advice, by a part of the reason that AWS gives for a failure."""


class ResourceChange(NamedTuple):
    """A planned change of one resource. ``replacement``: whether the resource is replaced by a new one."""

    action: str
    name: str
    kind: str
    replacement: str = ""

    @property
    def loses(self) -> bool:
        """Whether the existing resource is deleted, or may be."""
        return self.action == "Remove" or self.replacement in ("True", "Conditional")


class StackEvent(NamedTuple):
    """A change of the state of one resource."""

    name: str
    kind: str
    status: str
    reason: str


@dataclass
class StackState:
    """The state of a stack."""

    id: str
    status: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_only_planned(self) -> bool:
        """Whether the stack has only a change set that was never executed, and no resources."""
        return self.status == "REVIEW_IN_PROGRESS"

    @property
    def is_busy(self) -> bool:
        """Whether an operation is in progress."""
        return self.status.endswith("_IN_PROGRESS") and not self.is_only_planned


class DeployedStack:
    """The stack ``name``, which may not exist."""

    def __init__(self, client: AwsClient, name: str, wait: Callable[[float], None] = time.sleep) -> None:
        """``wait`` is called with the seconds to wait between two requests for the progress."""
        self.name, self._client, self._wait = name, client, wait

    def state(self) -> StackState | None:
        """The state; None if there is no such stack."""
        try:
            [found] = self._client("describe_stacks", StackName=self.name)["Stacks"]
        except AwsRequestError as error:
            if error.code == "ValidationError" and "does not exist" in str(error):
                return None
            raise
        return StackState(
            found["StackId"],
            found["StackStatus"],
            {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs") or []},
            {item["ParameterKey"]: item["ParameterValue"] for item in found.get("Parameters") or []},
        )

    def resources(self) -> list[tuple[str, str, str]]:
        """The resources: names, types and physical ids."""
        found = self._client.each("list_stack_resources", "StackResourceSummaries", StackName=self.name)
        return [
            (item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId", ""))
            for item in found
            if item.get("ResourceStatus") != "DELETE_COMPLETE"
        ]

    # ── a change ────────────────────────────────────────────────────────────────────────────────────────────────────

    def plan(self, template: str, given: Mapping[str, str], kept: Iterable[str], state: StackState | None) -> ChangeSet | None:
        """Creates a change set for a stack in this ``state``; None if nothing would change. ``given`` are values of parameters,
        ``kept`` are parameters that keep their values. Raises :class:`LobbyError`.
        """
        values = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
        before = [{"ParameterKey": name, "UsePreviousValue": True} for name in kept]
        try:
            made = self._client(
                "create_change_set",
                StackName=self.name,
                ChangeSetName=f"lobby-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}",
                ChangeSetType="CREATE" if state is None or state.is_only_planned else "UPDATE",
                TemplateBody=template,
                Parameters=[*values, *before],
                Capabilities=["CAPABILITY_IAM"],
            )
        except AwsRequestError as error:
            if _is_nothing(str(error)):
                return None
            raise
        plan = ChangeSet(self, made["Id"], made["StackId"], is_first=state is None)
        try:
            plan.changes = self._changes(plan.id)
        except BaseException:
            plan.drop()
            raise
        if not plan.changes:
            plan.drop()
        return plan if plan.changes else None

    def _changes(self, change_set: str) -> list[ResourceChange]:
        while True:
            found = self._client("describe_change_set", StackName=self.name, ChangeSetName=change_set)
            if not found["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
                break
            self._wait(POLL_S)
        reason = found.get("StatusReason") or "AWS gives no reason."
        if found["Status"] == "FAILED" and _is_nothing(reason):
            return []
        if found["Status"] == "FAILED":
            raise LobbyError(f"AWS refuses the template or its parameters: {_explained(reason)} Nothing was changed.")
        pages = self._client.each("describe_change_set", "Changes", StackName=self.name, ChangeSetName=change_set)
        changes = (item["ResourceChange"] for item in pages if "ResourceChange" in item)
        return [
            ResourceChange(item["Action"], item["LogicalResourceId"], item["ResourceType"], item.get("Replacement") or "")
            for item in changes
        ]

    def execute(self, plan: ChangeSet) -> Iterator[StackEvent]:
        """Executes a change set and yields its events until it is complete. Raises :class:`LobbyError` with the first
        failure."""
        seen = self._newest_event(plan.stack_id)
        self._client("execute_change_set", StackName=self.name, ChangeSetName=plan.id)
        yield from self._follow(plan.stack_id, seen)

    def delete(self, state: StackState) -> Iterator[StackEvent]:
        """Deletes the stack and yields its events until it is gone. Raises :class:`LobbyError` with the first failure."""
        seen = self._newest_event(state.id)
        self._client("delete_stack", StackName=self.name)
        yield from self._follow(state.id, seen)

    def drop(self, change_set: str, *, with_stack: bool) -> None:
        """Deletes a change set, and ``with_stack`` the stack that has nothing else. Errors are ignored: nothing depends on
        it."""
        with suppress(LobbyError):
            self._client("delete_change_set", StackName=self.name, ChangeSetName=change_set)
            if with_stack:
                self._client("delete_stack", StackName=self.name)

    def _newest_event(self, stack: str) -> str:
        events = self._client.each("describe_stack_events", "StackEvents", StackName=stack)
        return next((str(event["EventId"]) for event in events), "")

    def _follow(self, stack: str, seen: str) -> Iterator[StackEvent]:
        """Yields the events after ``seen``. The final event of the stack itself ends it; the state from DescribeStacks may be
        out of date by then."""
        first: StackEvent | None = None
        while True:
            fresh = []
            for item in self._client.each("describe_stack_events", "StackEvents", StackName=stack):  # the newest first
                if item["EventId"] == seen:
                    break
                fresh.append(item)
            for item in reversed(fresh):
                event = StackEvent(
                    item["LogicalResourceId"],
                    item["ResourceType"],
                    item["ResourceStatus"],
                    item.get("ResourceStatusReason", ""),
                )
                own = item.get("PhysicalResourceId") == stack
                # After the first failure AWS cancels the other operations, and reports them as failed, too.
                if first is None and not own and event.status.endswith("_FAILED") and "cancelled" not in event.reason:
                    first = event
                yield event
                if own and not event.status.endswith("_IN_PROGRESS"):
                    if event.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"):
                        raise LobbyError(self._failure(event, first))
                    return
            seen = fresh[0]["EventId"] if fresh else seen
            self._wait(POLL_S)

    def _failure(self, last: StackEvent, first: StackEvent | None) -> str:
        reason = first or last
        done = (
            "deleted" if reason.status.startswith("DELETE") else "changed" if reason.status.startswith("UPDATE") else "created"
        )
        failure = f"{reason.name} ({reason.kind}) could not be {done}: {_explained(reason.reason)}"
        return f"{failure} {OUTCOMES.get(last.status, f'The stack {self.name} is now {last.status}.').format(self.name)}"


OUTCOMES = {
    "ROLLBACK_COMPLETE": "AWS has deleted everything again. Correct the cause, then run the same command with --recreate.",
    "ROLLBACK_FAILED": "AWS could not delete everything again. Correct the cause, then run the same command with --recreate.",
    "UPDATE_ROLLBACK_COMPLETE": "AWS has rolled back the change; the lobby is as it was before.",
    "UPDATE_ROLLBACK_FAILED": "AWS could not roll back the change. Run `aws cloudformation "
    "continue-update-rollback --stack-name {}`.",
    "DELETE_FAILED": "The rest of the stack is deleted. Correct the cause, then run the same command again.",
}
"""The outcome of a failed change, by the last state of the stack."""


@dataclass
class ChangeSet:
    """A change set: planned changes that are not executed yet."""

    stack: DeployedStack
    id: str
    stack_id: str
    is_first: bool
    """Whether the stack exists only because of this change set."""
    changes: list[ResourceChange] = field(default_factory=list)

    def drop(self) -> None:
        """Deletes the change set, and the stack if it has nothing else."""
        self.stack.drop(self.id, with_stack=self.is_first)


def _is_nothing(reason: str) -> bool:
    return any(words in reason for words in NOTHING_TO_DO)


def _explained(reason: str) -> str:
    """The reason of AWS without technical parts, and advice."""
    text = re.sub(r'^Resource handler returned message: "(.*)" \(RequestToken: .*\)$', r"\1", reason.strip(), flags=re.S)
    text = re.sub(r" \(Service: [^)]*\)", "", " ".join(text.split()))
    advice = denied(text) or next((advice for part, advice in ADVICE.items() if part in text), "")
    return f"{text.rstrip('.')}.{f' {advice}' if advice else ''}"
