"""A stack of CloudFormation: in which state it is, what would change, and how a change goes on, event by event."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from lobby.deploy.aws import AwsError, Client, denied
from lobby.errors import LobbyError

POLL_S = 2.0
"""How often AWS is asked how far it is. It changes something every few seconds."""

DEAD = {"CREATE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "DELETE_FAILED"}
"""States that nothing leads out of but deleting the stack: its making has failed, or its deleting has."""

NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
"""How AWS says that nothing would change. It calls that a failure."""

ADVICE = {
    "below its minimum value": "The account allows few invocations at once, as new ones do. Say --parameter "
    "ReservedConcurrency=0, or have AWS raise the quota (Service Quotas, AWS Lambda, Concurrent executions).",
    "CloudWatch Logs role ARN": "AccessLogs needs a role in the account's settings of API Gateway; see docs/permissions.md.",
    "already exists": "It is left from another stack or was made by hand: delete it, or take another --stage.",
    "S3 Error Code": "The bucket of the zip must be in the Region of the stack, and you must be allowed to read it.",
    "could not be found in the specified region": "A certificate must be in the Region of the stack.",
    "DeletionProtection": "The table is protected against deletion: `lobby destroy --unprotect` takes that off.",
    "deletion protection": "The table is protected against deletion: `lobby destroy --unprotect` takes that off.",
}
"""What to do, by a part of the reason that AWS gives for a failure."""


class Change(NamedTuple):
    """What would happen to one resource. ``replacement``: the old one goes and another takes its place."""

    action: str
    name: str
    kind: str
    replacement: str = ""

    @property
    def loses(self) -> bool:
        """Whether what is there now goes, or may go."""
        return self.action == "Remove" or self.replacement in ("True", "Conditional")


class Event(NamedTuple):
    """What happened to one resource."""

    name: str
    kind: str
    status: str
    reason: str


@dataclass
class State:
    """A stack as it is."""

    id: str
    status: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_only_planned(self) -> bool:
        """Whether there is a change set and nothing else: somebody has looked and not yet said yes."""
        return self.status == "REVIEW_IN_PROGRESS"

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return self.status.endswith("_IN_PROGRESS") and not self.is_only_planned


class Stack:
    """The stack ``name``, there or not."""

    def __init__(self, client: Client, name: str, wait: Callable[[float], None] = time.sleep) -> None:
        """``wait`` is given the seconds between two looks."""
        self.name, self._client, self._wait = name, client, wait

    def state(self) -> State | None:
        """How it is; None where there is none."""
        try:
            [found] = self._client("describe_stacks", StackName=self.name)["Stacks"]
        except AwsError as error:
            if error.code == "ValidationError" and "does not exist" in str(error):
                return None
            raise
        return State(
            found["StackId"],
            found["StackStatus"],
            {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs") or []},
            {item["ParameterKey"]: item["ParameterValue"] for item in found.get("Parameters") or []},
        )

    def resources(self) -> list[tuple[str, str, str]]:
        """What it consists of: names, types, and ids by which AWS knows them."""
        found = self._client.each("list_stack_resources", "StackResourceSummaries", StackName=self.name)
        return [
            (item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId", ""))
            for item in found
            if item.get("ResourceStatus") != "DELETE_COMPLETE"
        ]

    # ── a change ────────────────────────────────────────────────────────────────────────────────────────────────────

    def plan(self, template: str, given: Mapping[str, str], kept: Iterable[str], state: State | None) -> Plan | None:
        """A change set: what would happen to a stack in this ``state``; None where nothing would.

        ``kept``: parameters that keep their value.
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
        except AwsError as error:
            if _is_nothing(str(error)):
                return None
            raise
        plan = Plan(self, made["Id"], made["StackId"], is_first=state is None)
        try:
            plan.changes = self._changes(plan.id)
        except BaseException:
            plan.drop()
            raise
        if not plan.changes:
            plan.drop()
        return plan if plan.changes else None

    def _changes(self, change_set: str) -> list[Change]:
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
            Change(item["Action"], item["LogicalResourceId"], item["ResourceType"], item.get("Replacement") or "")
            for item in changes
        ]

    def execute(self, plan: Plan) -> Iterator[Event]:
        """Carries a plan out; yields what happens, until it is over. Raises :class:`LobbyError` with the first reason."""
        seen = self._newest_event(plan.stack_id)
        self._client("execute_change_set", StackName=self.name, ChangeSetName=plan.id)
        yield from self._follow(plan.stack_id, seen)

    def delete(self, state: State) -> Iterator[Event]:
        """Deletes it; yields what happens, until it is over. Raises :class:`LobbyError` with the first reason."""
        seen = self._newest_event(state.id)
        self._client("delete_stack", StackName=self.name)
        yield from self._follow(state.id, seen)

    def drop(self, change_set: str, *, with_stack: bool) -> None:
        """Takes a change set back, and the stack that was only planned. What fails here is no news for anybody."""
        with suppress(LobbyError):
            self._client("delete_change_set", StackName=self.name, ChangeSetName=change_set)
            if with_stack:
                self._client("delete_stack", StackName=self.name)

    def _newest_event(self, stack: str) -> str:
        events = self._client.each("describe_stack_events", "StackEvents", StackName=stack)
        return next((str(event["EventId"]) for event in events), "")

    def _follow(self, stack: str, seen: str) -> Iterator[Event]:
        """The events after ``seen``. The stack's own last one ends it: its state lags behind, and so may tell of yesterday."""
        first: Event | None = None
        while True:
            fresh = []
            for item in self._client.each("describe_stack_events", "StackEvents", StackName=stack):  # the newest first
                if item["EventId"] == seen:
                    break
                fresh.append(item)
            for item in reversed(fresh):
                event = Event(
                    item["LogicalResourceId"],
                    item["ResourceType"],
                    item["ResourceStatus"],
                    item.get("ResourceStatusReason", ""),
                )
                own = item.get("PhysicalResourceId") == stack
                # Whatever was under way beside the first failure is cancelled, and that is called a failure, too.
                if first is None and not own and event.status.endswith("_FAILED") and "cancelled" not in event.reason:
                    first = event
                yield event
                if own and not event.status.endswith("_IN_PROGRESS"):
                    if event.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"):
                        raise LobbyError(self._failure(event, first))
                    return
            seen = fresh[0]["EventId"] if fresh else seen
            self._wait(POLL_S)

    def _failure(self, last: Event, first: Event | None) -> str:
        reason = first or last
        done = "deleted" if reason.status.startswith("DELETE") else "changed" if reason.status.startswith("UPDATE") else "made"
        told = f"{reason.name} ({reason.kind}) could not be {done}: {_explained(reason.reason)}"
        return f"{told} {OUTCOMES.get(last.status, f'The stack {self.name} is now {last.status}.').format(self.name)}"


OUTCOMES = {
    "ROLLBACK_COMPLETE": "AWS has taken everything back. Mend the cause, then say the same with --recreate.",
    "ROLLBACK_FAILED": "AWS could not take everything back. Mend the cause, then say the same with --recreate.",
    "UPDATE_ROLLBACK_COMPLETE": "AWS has taken the change back; the lobby is as it was before.",
    "UPDATE_ROLLBACK_FAILED": "AWS could not take it back: `aws cloudformation continue-update-rollback --stack-name {}`.",
    "DELETE_FAILED": "The rest of the stack is gone. Mend the cause, then say the same again.",
}
"""How a change ended that did not go well, by the last state of the stack."""


@dataclass
class Plan:
    """A change set."""

    stack: Stack
    id: str
    stack_id: str
    is_first: bool
    """Whether the stack is there only because of this plan."""
    changes: list[Change] = field(default_factory=list)

    def drop(self) -> None:
        """Takes it back: nothing has happened, and nothing stays behind."""
        self.stack.drop(self.id, with_stack=self.is_first)


def _is_nothing(reason: str) -> bool:
    return any(words in reason for words in NOTHING_TO_DO)


def _explained(reason: str) -> str:
    """AWS's reason without its wrapping, and what to do about it."""
    text = re.sub(r'^Resource handler returned message: "(.*)" \(RequestToken: .*\)$', r"\1", reason.strip(), flags=re.S)
    text = re.sub(r" \(Service: [^)]*\)", "", " ".join(text.split()))
    advice = denied(text) or next((advice for part, advice in ADVICE.items() if part in text), "")
    return f"{text.rstrip('.')}.{f' {advice}' if advice else ''}"
