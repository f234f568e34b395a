"""`lobby deploy` and `lobby destroy`: a lobby on AWS with one command, and away again.

The order is that of harm: first what can be found wrong without changing anything (credentials, parameters, files, the state of
the stack), then the zip, which hurts nobody, then a plan that a person says yes to, and only then the stack. What was begun and
is not carried out is taken back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lobby.cloudformation.reading import check_parameters, parse, read_template, stack_name
from lobby.deploy import names
from lobby.deploy.aws import Aws, AwsError
from lobby.deploy.package import build
from lobby.deploy.screen import Screen
from lobby.deploy.stack import DEAD, Event, Plan, Stack, State
from lobby.errors import LobbyError
from lobby.settings import ENV_FILE
from lobby.tokens import check_secret
from lobby.tools import game_config

OURS = {
    "Stage": "say --stage",
    "ArtifactBucket": "say --bucket",
    "ArtifactKey": "it follows from the contents of the zip",
    "Secret": "say --secret-file FILE, or set LOBBY_SECRET; other people on this machine see what a command line says",
}
"""Parameters that the command gives by itself, and what to do instead of giving them."""

FEW_INVOCATIONS = 100
"""An account may have 1,000 invocations at once; a new one begins with as few as 10."""

ANYBODY = "No secret is set: whoever knows the address may come in, under any name. `lobby token --new-secret` makes a secret."

CHECKS_S = (5.0, 15.0)
"""Pauses before a lobby is tried again: an API that was made just now may answer 403 for some seconds."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to have deployed."""

    bucket: str = ""
    """Empty: that of the stack as it is, or else the template's."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    """Empty: as it is; none in a new stack."""
    create_bucket: bool = False
    recreate: bool = False
    godot_config: Path | None = None
    """The game's configuration, which will point to this lobby."""


class Deployment:
    """The lobby of one stage in one account and Region, there or not."""

    def __init__(self, aws: Aws, stage: str, screen: Screen, wait: Callable[[float], None] = time.sleep) -> None:
        """``wait`` is given the seconds between two looks at what AWS does."""
        self.stage, self._aws, self._screen = stage, aws, screen
        self.stack = Stack(aws.client("cloudformation"), stack_name(stage), wait)

    def deploy(self, wish: Wish) -> Mapping[str, str]:
        """Makes the lobby, or changes the one that is there. Returns the stack's outputs. Raises :class:`LobbyError`."""
        self._introduce()
        template = read_template()
        known = parse(template)["Parameters"]
        _check(wish, known)
        state = self._usable_state(wish)
        is_there = state is not None and not state.is_only_planned
        before = state.parameters if state and is_there else {}
        bucket = wish.bucket or before.get("ArtifactBucket") or known["ArtifactBucket"]["Default"]
        given = {"Stage": self.stage, "ArtifactBucket": bucket, **wish.parameters}
        given |= {"Secret": wish.secret} if wish.secret else {}
        check_parameters(given, known)
        if not is_there:
            self._warn_beforehand(wish)
        given["ArtifactKey"] = self._upload(bucket, wish)
        kept = sorted(before.keys() & known.keys() - given.keys())
        with self._screen.working("AWS looks what would change"):
            plan = self.stack.plan(template, given, kept, state)
        if plan:
            self._agree(plan)
            self._follow("Deploying", {change.name for change in plan.changes}, self.stack.execute(plan))
        else:
            self._screen.say(f"The stack {self.stack.name} is up to date: nothing changes.")
        state = self.stack.state()
        outputs = state.outputs if state else {}
        self._write_down(outputs, wish)
        return outputs

    def destroy(self, *, unprotect: bool = False) -> None:
        """Takes the lobby away. Raises :class:`LobbyError`."""
        self._introduce()
        state = self.stack.state()
        if state is None:
            self._screen.say(f"There is no stack {self.stack.name} in {self._aws.region}, so there is nothing to delete.")
        else:
            self._refuse_if_busy(state)
            self._delete(state, unprotect=unprotect)
        names.forget([*names.variables(self.stage)], Path(ENV_FILE))

    async def works(self, url: str, tokens: tuple[str, str]) -> bool:
        """Whether the lobby does, by `lobby check`. One that was made just now is given a little time."""
        from lobby.tools.check import Step, check, print_step

        pauses = [*CHECKS_S]
        while True:
            steps: list[Step] = []
            with self._screen.working(f"Two players try {url}"):
                ok = await check(url, token=tokens[0], token_b=tokens[1], report=steps.append)
            if ok or not pauses:
                break
            self._screen.say(f"Not yet. API Gateway may need a moment; once more in {pauses[0]:g} s.")
            await asyncio.sleep(pauses.pop(0))
        for step in steps:
            print_step(step, self._screen.console)
        return ok

    # ── before anything changes ─────────────────────────────────────────────────────────────────────────────────────

    def _introduce(self) -> None:
        self._screen.say(f"AWS account {self._aws.account}, Region {self._aws.region}")

    def _usable_state(self, wish: Wish) -> State | None:
        """The stack as it is, if it can be made or changed."""
        state, name = self.stack.state(), self.stack.name
        if state is None:
            return None
        self._refuse_if_busy(state)
        if state.status == "UPDATE_ROLLBACK_FAILED":
            raise LobbyError(
                f"The last change of the stack {name} failed, and so did taking it back. Before anything else: "
                f"`aws cloudformation continue-update-rollback --stack-name {name} --region {self._aws.region}`."
            )
        if state.status not in DEAD:
            return state
        if not wish.recreate:
            raise LobbyError(
                f"The stack {name} is {state.status} and must be deleted before it can be made. --recreate does both."
            )
        self._delete(state)
        return None

    def _refuse_if_busy(self, state: State) -> None:
        if state.is_busy:
            raise LobbyError(
                f"Somebody is at it: the stack {self.stack.name} is {state.status}. Try again when that is over; "
                f"{self._how_to_look()} shows it."
            )

    def _warn_beforehand(self, wish: Wish) -> None:
        try:
            limit = self._aws.client("lambda")("get_account_settings")["AccountLimit"]["ConcurrentExecutions"]
        except AwsError:  # only a warning hangs on it, so nobody needs the permission
            limit = FEW_INVOCATIONS
        if limit < FEW_INVOCATIONS:
            self._screen.say(
                f"This account runs {limit} functions at once, as new ones do. That is enough to try, not for a crowd: ask AWS "
                "for more (Service Quotas, AWS Lambda, Concurrent executions).",
                "yellow",
            )
        if self.stage == "prod" and not wish.secret:
            self._screen.say(ANYBODY, "yellow")
            self._screen.ask("Deploy prod without a secret?")

    # ── the zip ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _upload(self, bucket: str, wish: Wish) -> str:
        """Brings the zip into the bucket. Returns its key."""
        package, s3 = build(), self._aws.client("s3")
        if wish.create_bucket:
            self._create_bucket(bucket)
        try:
            found = s3("list_objects_v2", Bucket=bucket, Prefix=package.key, MaxKeys=1)
        except AwsError as error:
            if error.code == "NoSuchBucket":
                raise LobbyError(
                    f"There is no bucket {bucket}. --create-bucket makes it, --bucket NAME takes another."
                ) from None
            if error.code in ("AccessDenied", "403"):
                raise LobbyError(f"The bucket {bucket} is somebody else's, or: {error} --bucket NAME takes another.") from None
            raise
        region = found["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", self._aws.region)
        if region != self._aws.region:
            raise LobbyError(
                f"The bucket {bucket} is in {region}, and Lambda in {self._aws.region} reads no zip from there. "
                f"--bucket NAME --create-bucket makes another in {self._aws.region}."
            )
        if found.get("Contents"):
            self._screen.say(f"{package.key} is in the bucket {bucket} already")
        else:
            with self._screen.working(f"Uploading {package.key} ({len(package.data):,} bytes)"):
                s3("put_object", Bucket=bucket, Key=package.key, Body=package.data, ContentType="application/zip")
            self._screen.say(f"{package.key} is now in the bucket {bucket}")
        return package.key

    def _create_bucket(self, bucket: str) -> None:
        """Makes a private bucket, unless it is there."""
        s3, region = self._aws.client("s3"), self._aws.region
        # us-east-1 is where a bucket comes to be when nothing is said, and must not be said.
        where: dict[str, Any] = {}
        if region != "us-east-1":
            where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            s3("create_bucket", Bucket=bucket, **where)
        except AwsError as error:
            if error.code == "BucketAlreadyOwnedByYou":
                return
            if error.code == "BucketAlreadyExists":
                raise LobbyError(
                    f"Somebody else has a bucket {bucket}; names of buckets are worldwide. Take another."
                ) from None
            raise
        closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        s3("put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
        self._screen.say(f"The bucket {bucket} was made; nobody but this account reads it")

    # ── the stack ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _agree(self, plan: Plan) -> None:
        """Shows what would happen and asks. Takes the plan back where nothing will."""
        try:
            self._screen.show(plan.changes)
            lost = [change.name for change in plan.changes if change.loses]
            if lost and self.stage == "prod":
                self._screen.say(
                    f"In prod this takes away or replaces {', '.join(lost)}. What is replaced is made anew, the old one goes: "
                    "players are cut, and another Api has another address.",
                    "bold red",
                )
            self._screen.ask(f"{'Make' if plan.is_first else 'Change'} the stack {self.stack.name} so?")
        except BaseException:
            plan.drop()
            raise

    def _follow(self, what: str, resources: set[str], events: Iterator[Event]) -> None:
        try:
            with self._screen.progress(what, resources) as hear:
                for event in events:
                    hear(event)
        except KeyboardInterrupt:
            raise LobbyError(
                f"You have stopped looking; AWS goes on with {self.stack.name}. {self._how_to_look()} shows how far it is."
            ) from None

    def _how_to_look(self) -> str:
        return f"`aws cloudformation describe-stack-events --stack-name {self.stack.name} --region {self._aws.region}`"

    def _delete(self, state: State, *, unprotect: bool = False) -> None:
        resources = self.stack.resources()
        protected = [table for _, kind, table in resources if kind == "AWS::DynamoDB::Table" and self._is_protected(table)]
        if protected and not unprotect:
            raise LobbyError(
                f"The table {protected[0]} is protected against deletion. `lobby destroy --stage {self.stage} --unprotect` "
                "takes that off and deletes it."
            )
        self._screen.say(f"The stack {self.stack.name} is {state.status} and has {len(resources)} resources:")
        for name, kind, _ in resources:
            self._screen.say(f"  {name:24}{kind}")
        self._screen.ask(f"Delete the stack {self.stack.name} and all of them?")
        for table in protected:
            self._aws.client("dynamodb")("update_table", TableName=table, DeletionProtectionEnabled=False)
        self._follow("Deleting", {name for name, _, _ in resources}, self.stack.delete(state))
        self._screen.say(f"The stack {self.stack.name} is gone")

    def _is_protected(self, table: str) -> bool:
        try:
            found = self._aws.client("dynamodb")("describe_table", TableName=table)["Table"]
        except AwsError as error:
            if error.code == "ResourceNotFoundException":  # it was deleted by hand, or by a deletion that failed elsewhere
                return False
            raise
        return bool(found.get("DeletionProtectionEnabled"))

    # ── afterwards ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _write_down(self, outputs: Mapping[str, str], wish: Wish) -> None:
        file = Path(ENV_FILE)
        found = {name: outputs[output] for name, output in names.variables(self.stage).items() if outputs.get(output)}
        if found:
            names.write(found, file)
            self._screen.say(f"{file} has the names and the address")
        url = outputs.get("WebSocketUrl")
        if url and wish.godot_config:
            names.write_config(url, wish.godot_config)
            self._screen.say(f"{wish.godot_config} points the game to {self.stage}")
        if outputs.get("DomainTarget"):
            self._screen.say(f"Your domain must lead there: make a CNAME of it to {outputs['DomainTarget']}")


def _check(wish: Wish, known: Mapping[str, Any]) -> None:
    """What can be found wrong on this machine. Raises :class:`LobbyError`."""
    for name, instead in OURS.items():
        if name in wish.parameters:
            raise LobbyError(f"{name} is not to be given with --parameter: {instead}.")
    check_parameters(wish.parameters, known)
    if wish.secret:
        check_secret(wish.secret)
    if wish.godot_config:
        game_config.read(wish.godot_config)
