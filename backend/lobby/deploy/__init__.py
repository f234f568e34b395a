"""`lobby deploy` and `lobby destroy`: they create, change and delete a lobby on AWS.

A deployment first checks everything that needs no change: credentials, parameters, files, the state of the stack. Then it
uploads the zip, which affects no running lobby. Then it plans the change and asks. Only after the answer yes does it change the
stack. A planned change that is not carried out is deleted.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lobby.admission import check_origins
from lobby.billing import flood_dollars
from lobby.cloudformation.lobby_template import lobby_template, stack_name
from lobby.cloudformation.reading import check_parameters, parse
from lobby.deploy import local_files
from lobby.deploy.aws import Aws, AwsRequestError
from lobby.deploy.package import Package, build
from lobby.deploy.screen import Screen
from lobby.deploy.stack import DEAD, ChangeSet, DeployedStack, StackEvent, StackState
from lobby.errors import LobbyError
from lobby.settings import ENV_FILE, Settings
from lobby.tokens import check_secret
from lobby.tools import game_config

OURS = {
    "Stage": "use --stage",
    "ArtifactBucket": "use --bucket",
    "ArtifactKey": "it depends on the contents of the zip",
    "Secret": "use --secret-file FILE or LOBBY_SECRET; other users of this machine can read a command line",
}
"""Parameters that the command sets by itself, and what to use instead of ``--parameter``."""

FEW_INVOCATIONS = 100
"""Below this, a warning appears. An account may have 1,000 concurrent invocations; a new account has as few as 10."""

NO_SECRET = "No secret is set: every client that knows the address may join as any player. --new-secret creates a secret."

CHECKS_S = (5.0, 15.0)
"""Pauses before a lobby is checked again, in seconds. A new API may answer 403 for some seconds."""


@dataclass(frozen=True)
class DeployOptions:
    """The options of `lobby deploy`."""

    bucket: str = ""
    """The S3 bucket for the zip. Empty: that of the existing stack, else one whose name is made of account and Region."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    """The secret that signs tokens. Empty: that of the existing stack, or none in a new stack."""
    new_secret: bool = False
    """Whether to make a secret, in a file of this folder, for a lobby that has none."""
    create_bucket: bool = False
    recreate: bool = False
    godot_config: Path | None = None
    """The game's configuration, which gets the address of this lobby."""
    rooms: str = ""
    """The text of a file with settings of rooms; empty: there is none."""


class Deployment:
    """The lobby of one stage in one account and Region, which may not exist yet."""

    def __init__(self, aws: Aws, stage: str, screen: Screen, wait: Callable[[float], None] = time.sleep) -> None:
        """``wait`` is called with the seconds to wait between two requests for the progress."""
        self.stage, self._aws, self._screen = stage, aws, screen
        self.secret = ""
        """The secret with which the lobby was deployed; empty if it was not given and not made."""
        self.stack = DeployedStack(aws.client("cloudformation"), stack_name(stage), wait)

    def deploy(self, options: DeployOptions) -> Mapping[str, str]:
        """Creates the lobby, or changes the existing one. Returns the outputs of the stack. Raises :class:`LobbyError`."""
        self._introduce()
        template = lobby_template()
        known = parse(template)["Parameters"]
        _check(options, known)
        state = self.stack.state()
        bucket, options = self._bucket(options, state)
        state = self._usable_state(state, options)
        is_there = state is not None and not state.is_only_planned
        before = state.parameters if state and is_there else {}
        options = self._with_secret(options, state if is_there else None)
        given = {"Stage": self.stage, "ArtifactBucket": bucket, **options.parameters}
        given |= {"Secret": options.secret} if options.secret else {}
        self.secret = options.secret
        check_parameters(given, known)
        if not is_there:
            self._warn_beforehand(options)
        self._state_exposure(given, before, known, needs_tokens=bool(options.secret or _requires_tokens(state)))
        package = build(options.rooms)
        given["ArtifactKey"] = self._upload(package, bucket, options)
        kept = sorted(before.keys() & known.keys() - given.keys())
        with self._screen.working("Planning the change"):
            plan = self.stack.plan(template, given, kept, state)
        if plan:
            self._confirm(plan)
            self._follow("Deploying", {change.name for change in plan.changes}, self.stack.execute(plan))
        else:
            self._screen.print(f"The stack {self.stack.name} is up to date. Nothing changes.")
        state = self.stack.state()
        outputs = state.outputs if state else {}
        self._check_code(package, outputs.get("FunctionName", ""))
        self._write_files(outputs, options)
        return outputs

    def destroy(self, *, unprotect: bool = False) -> None:
        """Deletes the lobby. Raises :class:`LobbyError`."""
        self._introduce()
        state = self.stack.state()
        if state is None:
            self._screen.print(f"There is no stack {self.stack.name} in {self._aws.region}. Nothing to delete.")
        else:
            self._refuse_if_busy(state)
            self._delete(state, unprotect=unprotect)
        local_files.forget([*local_files.variables(self.stage)], Path(ENV_FILE))

    async def works(self, url: str, tokens: tuple[str, str]) -> bool:
        """Whether the lobby works, by `lobby check`, which is repeated after the pauses in :data:`CHECKS_S`."""
        from lobby.tools.check import Step, check, print_step

        pauses = [*CHECKS_S]
        while True:
            steps: list[Step] = []
            with self._screen.working(f"Checking {url} with two players"):
                ok = await check(url, token=tokens[0], token_b=tokens[1], report=steps.append)
            if ok or not pauses:
                break
            self._screen.print(f"Not yet. A new API may need a moment. Checking again in {pauses[0]:g} s.")
            await asyncio.sleep(pauses.pop(0))
        for step in steps:
            print_step(step, self._screen.console)
        return ok

    # ── before the first change ─────────────────────────────────────────────────────────────────────────────────────

    def _introduce(self) -> None:
        self._screen.print(f"AWS account {self._aws.account}, Region {self._aws.region}")

    def _usable_state(self, state: StackState | None, options: DeployOptions) -> StackState | None:
        """The state of a stack that can be created (None) or changed. Deletes a stack that must be recreated. Raises
        :class:`LobbyError` if the stack cannot be created or changed."""
        name = self.stack.name
        if state is None:
            return None
        self._refuse_if_busy(state)
        if state.status == "UPDATE_ROLLBACK_FAILED":
            raise LobbyError(
                f"The last change of the stack {name} failed, and so did its rollback. First run "
                f"`aws cloudformation continue-update-rollback --stack-name {name} --region {self._aws.region}`."
            )
        if state.status not in DEAD:
            return state
        if not options.recreate:
            raise LobbyError(
                f"The stack {name} is {state.status} and must be deleted before it can be created. --recreate does both."
            )
        self._delete(state)
        return None

    def _refuse_if_busy(self, state: StackState) -> None:
        if state.is_busy:
            raise LobbyError(
                f"Another operation is in progress: the stack {self.stack.name} is {state.status}. Try again when it is "
                f"complete; {self._how_to_look()} shows the progress."
            )

    def _warn_beforehand(self, options: DeployOptions) -> None:
        try:
            limit = self._aws.client("lambda")("get_account_settings")["AccountLimit"]["ConcurrentExecutions"]
        except AwsRequestError:  # it is only for a warning, so the permission is optional
            limit = FEW_INVOCATIONS
        if limit < FEW_INVOCATIONS:
            self._screen.print(
                f"This account allows {limit} concurrent invocations, as new accounts do. That is enough for tests, but "
                "not for many players: ask AWS for more (Service Quotas, AWS Lambda, Concurrent executions).",
                "yellow",
            )
        if self.stage == "prod" and not options.secret:
            self._screen.ask("Deploy prod without a secret?")

    def _with_secret(self, options: DeployOptions, state: StackState | None) -> DeployOptions:
        """The options with a new secret, if the lobby has none, and the user wants one."""
        if options.secret or _requires_tokens(state):
            return options
        file = Path(f"lobby-secret-{self.stage}.txt")
        if not options.new_secret:
            self._screen.print(NO_SECRET, "yellow")
            if state is not None or not self._screen.offer(f"Create a secret in {file}, so that each player needs a token?"):
                return options
        secret = local_files.secret(file)
        self._screen.print(
            f"The secret is in {file}. Your backend signs tokens with it. Keep the file out of the game and of git."
        )
        self._screen.print(f"A token for a first try: LOBBY_SECRET=$(cat {file}) lobby token ann")
        return replace(options, secret=secret)

    def _state_exposure(
        self, given: Mapping[str, str], before: Mapping[str, str], known: Mapping[str, Any], *, needs_tokens: bool
    ) -> None:
        """Prints which clients may connect, and what a flood of messages can cost."""

        def number(name: str) -> float:
            return float(given.get(name) or before.get(name) or known[name]["Default"])

        rate, daily = number("ThrottleRate"), number("DailyBudget")
        most = flood_dollars(rate, number("MemoryMb"), daily)
        limit = f"DailyBudget is ${daily:g}" if daily else "DailyBudget is 0, which is no limit"
        flood = (
            f"A flood costs up to ${most:,.0f} a day: {rate:,.0f} requests a second are accepted (ThrottleRate), and {limit}."
        )
        if needs_tokens:
            refused = flood_dollars(rate, number("MemoryMb"), daily, are_refused=True)
            self._screen.print("Players need a token of your backend.")
            self._screen.print(f"{flood} Without a token, it costs up to ${refused:,.0f}.")
        else:
            self._screen.print(flood)

    # ── the zip ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _bucket(self, options: DeployOptions, state: StackState | None) -> tuple[str, DeployOptions]:
        """The bucket for the zip: that of the options, or that of the existing stack, or else one of this account, which the
        command creates if it may."""
        found = options.bucket or (state.parameters.get("ArtifactBucket", "") if state else "")
        if found:
            return found, options
        own = f"lobby-artifacts-{self._aws.account}-{self._aws.region}"
        self._screen.print("Lambda takes the zip from an S3 bucket. --bucket NAME names one of yours.")
        self._screen.ask(f"Use the private bucket {own}, and create it if it does not exist?")
        return own, replace(options, create_bucket=True)

    def _upload(self, package: Package, bucket: str, options: DeployOptions) -> str:
        """Uploads the zip to the bucket, unless the same zip is there. Returns its key.

        Each request names this account as the owner of the bucket, so that a bucket of another account is never used: its owner
        could put other code there.
        """
        s3, ours = self._aws.client("s3"), {"Bucket": bucket, "ExpectedBucketOwner": self._aws.account}
        if options.create_bucket:
            self._create_bucket(bucket)
        try:
            found = s3("list_objects_v2", **ours, Prefix=package.key, MaxKeys=1)
        except AwsRequestError as error:
            if error.code == "NoSuchBucket":
                raise LobbyError(
                    f"There is no bucket {bucket}. --create-bucket creates it; --bucket NAME names another."
                ) from None
            if error.code in ("AccessDenied", "403"):
                raise LobbyError(
                    f"You have no access to the bucket {bucket}; it may belong to another account. {error} "
                    "--bucket NAME names another bucket."
                ) from None
            raise
        region = found["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", self._aws.region)
        if region != self._aws.region:
            raise LobbyError(
                f"The bucket {bucket} is in {region}, but Lambda in {self._aws.region} needs a bucket in its own Region. "
                f"--bucket NAME --create-bucket creates one in {self._aws.region}."
            )
        if found.get("Contents"):
            # Downloaded, because only the bytes prove what the object is: its name and its metadata can be chosen.
            data = s3("get_object", **ours, Key=package.key)["Body"].read()
            if hashlib.sha256(data).hexdigest() == package.sha256:
                self._screen.print(f"{package.key} is already in the bucket {bucket}")
                return package.key
            self._screen.print(
                f"The object {package.key} in the bucket {bucket} is not the zip that this command builds. It is replaced. "
                "Find out which program or person wrote it.",
                "bold red",
            )
        with self._screen.working(f"Uploading {package.key} ({len(package.data):,} bytes)"):
            checksum = base64.b64encode(bytes.fromhex(package.sha256)).decode()
            s3(
                "put_object",
                **ours,
                Key=package.key,
                Body=package.data,
                ContentType="application/zip",
                ChecksumSHA256=checksum,
            )
        self._screen.print(f"{package.key} is now in the bucket {bucket}")
        return package.key

    def _check_code(self, package: Package, function: str) -> None:
        """Compares the code that Lambda runs with the zip. Raises :class:`LobbyError` if it is another one."""
        if not function:
            return
        try:
            runs = self._aws.client("lambda")("get_function_configuration", FunctionName=function)["CodeSha256"]
        except AwsRequestError as error:
            self._screen.print(f"The code of the function was not compared with the zip. {error}", "yellow")
            return
        if base64.b64decode(runs).hex() != package.sha256:
            raise LobbyError(
                f"The function {function} does not run the zip of this command: its SHA-256 is {base64.b64decode(runs).hex()}, "
                f"and that of the zip is {package.sha256}. Another program changes the bucket or the function. Find it, then "
                "deploy again."
            )

    def _create_bucket(self, bucket: str) -> None:
        """Creates a private bucket, unless the account has it."""
        s3, region = self._aws.client("s3"), self._aws.region
        # us-east-1 is the default, and S3 refuses it as an explicit location.
        where: dict[str, Any] = {}
        if region != "us-east-1":
            where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            s3("create_bucket", Bucket=bucket, **where)
        except AwsRequestError as error:
            if error.code == "BucketAlreadyOwnedByYou":
                return
            if error.code == "BucketAlreadyExists":
                raise LobbyError(
                    f"Another account has a bucket {bucket}; bucket names are unique worldwide. Choose another name."
                ) from None
            raise
        closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        s3(
            "put_public_access_block",
            Bucket=bucket,
            ExpectedBucketOwner=self._aws.account,
            PublicAccessBlockConfiguration=dict.fromkeys(closed, True),
        )
        self._screen.print(f"The bucket {bucket} is created; only this account can read it")

    # ── the stack ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _confirm(self, plan: ChangeSet) -> None:
        """Shows the changes and asks. Deletes the change set if the answer is not yes."""
        try:
            self._screen.show(plan.changes)
            lost = [change.name for change in plan.changes if change.loses]
            if lost and self.stage == "prod":
                self._screen.print(
                    f"In prod this deletes or replaces {', '.join(lost)}. A replaced resource is deleted: connections "
                    "are closed, and a new Api has a new address.",
                    "bold red",
                )
            self._screen.ask(f"{'Create' if plan.is_first else 'Change'} the stack {self.stack.name}?")
        except BaseException:
            plan.drop()
            raise

    def _follow(self, what: str, resources: set[str], events: Iterator[StackEvent]) -> None:
        try:
            with self._screen.progress(what, resources) as show_event:
                for event in events:
                    show_event(event)
        except KeyboardInterrupt:
            raise LobbyError(
                f"The command has stopped, but AWS continues with {self.stack.name}. {self._how_to_look()} shows the progress."
            ) from None

    def _how_to_look(self) -> str:
        return f"`aws cloudformation describe-stack-events --stack-name {self.stack.name} --region {self._aws.region}`"

    def _delete(self, state: StackState, *, unprotect: bool = False) -> None:
        resources = self.stack.resources()
        protected = [table for _, kind, table in resources if kind == "AWS::DynamoDB::Table" and self._is_protected(table)]
        if protected and not unprotect:
            raise LobbyError(
                f"The table {protected[0]} is protected against deletion. `lobby destroy --stage {self.stage} --unprotect` "
                "removes the protection and deletes it."
            )
        self._screen.print(f"The stack {self.stack.name} is {state.status} and has {len(resources)} resources:")
        for name, kind, _ in resources:
            self._screen.print(f"  {name:24}{kind}")
        self._screen.ask(f"Delete the stack {self.stack.name} and all its resources?")
        for table in protected:
            self._aws.client("dynamodb")("update_table", TableName=table, DeletionProtectionEnabled=False)
        self._follow("Deleting", {name for name, _, _ in resources}, self.stack.delete(state))
        self._screen.print(f"The stack {self.stack.name} is deleted")

    def _is_protected(self, table: str) -> bool:
        try:
            found = self._aws.client("dynamodb")("describe_table", TableName=table)["Table"]
        except AwsRequestError as error:
            if error.code == "ResourceNotFoundException":  # it was deleted by hand, or by an earlier deletion that failed later
                return False
            raise
        return bool(found.get("DeletionProtectionEnabled"))

    # ── afterwards ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _write_files(self, outputs: Mapping[str, str], options: DeployOptions) -> None:
        file = Path(ENV_FILE)
        found = {name: outputs[output] for name, output in local_files.variables(self.stage).items() if outputs.get(output)}
        if found:
            local_files.write(found, file)
            self._screen.print(f"{file} contains the names and the address")
        url = outputs.get("WebSocketUrl")
        if url and options.godot_config:
            local_files.write_config(url, options.godot_config)
            self._screen.print(f"{options.godot_config} contains the address of {self.stage}")
        if outputs.get("DomainTarget"):
            self._screen.print(f"Your domain needs a DNS record: a CNAME to {outputs['DomainTarget']}")


def _requires_tokens(state: StackState | None) -> bool:
    return state is not None and state.outputs.get("Tokens") == "required"


def _check(options: DeployOptions, known: Mapping[str, Any]) -> None:
    """Checks everything that needs no request to AWS. Raises :class:`LobbyError`."""
    for name, instead in OURS.items():
        if name in options.parameters:
            raise LobbyError(f"{name} cannot be set with --parameter: {instead}.")
    check_parameters(options.parameters, known)
    check_origins(Settings(origins=options.parameters.get("Origins", "")))
    if options.secret:
        check_secret(options.secret)
    if options.godot_config:
        game_config.read(options.godot_config)
