"""One account and Region of AWS, through boto3. Failed requests raise :class:`AwsRequestError` with one sentence for the
user."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from lobby.errors import LobbyError

PERMISSIONS = "docs/permissions.md lists the permissions."

ADMINISTRATOR = "Ask your administrator to allow it; docs/permissions.md, Policies that forbid, lists what a lobby needs."

PROCESS = "The program of credential_process in your AWS profile"
CHECK_PROCESS = "`aws configure get credential_process` prints the command; run it by itself."

MISSING = "There are no AWS credentials. Run `aws login` or `aws configure`; docs/deploy.md says more."
EXPIRED = "The AWS credentials have expired. Sign in again with `aws login` or `aws sso login`, or create new ones."
BUSY = "AWS refuses the request, because this account sends too many. Try again in a minute."
UNKNOWN = "AWS does not know these credentials. Sign in again with `aws login`, and check the clock of this machine."

CLOCK = "The clock of this machine is wrong: AWS refuses requests that are more than five minutes old. Set it, then try again."
MFA = "The profile needs a code of an MFA device. Run `aws sts get-session-token` with the code, or sign in with `aws login`."

SENTENCES = {
    "RequestTimeTooSkewed": CLOCK,
    "RequestInTheFuture": CLOCK,
    "NoCredentialsError": MISSING,
    "PartialCredentialsError": MISSING,
    "SSOTokenLoadError": EXPIRED,
    "UnauthorizedSSOTokenError": EXPIRED,
    "TokenRetrievalError": EXPIRED,
    "LoginRefreshRequired": EXPIRED,
    "ExpiredToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "RequestExpired": EXPIRED,
    "InvalidClientTokenId": UNKNOWN,
    "InvalidAccessKeyId": UNKNOWN,
    "UnrecognizedClientException": UNKNOWN,
    "SignatureDoesNotMatch": UNKNOWN,
    "InvalidSignatureException": UNKNOWN,
    "AuthFailure": UNKNOWN,
    "Throttling": BUSY,
    "ThrottlingException": BUSY,
    "RequestLimitExceeded": BUSY,
    "ProvisionedThroughputExceededException": BUSY,
}
"""Messages by the name of botocore's exception or the error code of AWS."""

FOREIGN = {"InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId"}
"""Error codes for credentials that a Region does not know: they are wrong, or the Region is not enabled."""

HOME = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""A Region of each partition that every account can use."""

POLICIES = {
    "service control policy": "A policy of your organization (service control policy)",
    "resource control policy": "A policy of your organization (resource control policy)",
    "permissions boundary": "The permissions boundary of your user or role",
    "session policy": "The session policy of your sign-in",
    "VPC endpoint policy": "The policy of a VPC endpoint",
    "resource-based policy": "A policy of the resource",
}
"""Policies that limit what a user or role may do, whatever permissions it has: a part of the message of AWS, and what it is
(IAM User Guide, "Troubleshoot access denied error messages")."""

DENIED = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation", "403"}

ACTIONS = {"ListObjectsV2": "s3:ListBucket", "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock"}
"""Permissions whose name is not that of the operation."""


class AwsRequestError(LobbyError):
    """A request to AWS failed. ``code`` is the error code of AWS, or the name of botocore's exception."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class AwsClient:
    """A boto3 client whose operations raise :class:`AwsRequestError`."""

    def __init__(self, client: Any, service: str) -> None:
        self._client, self._service = client, service

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """``client("create_bucket", Bucket=...)`` is boto3's ``client.create_bucket(Bucket=...)``."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ResponseParserError:
            raise AwsRequestError(
                "ResponseParserError", f"The answer to a request to {self._service} is not in the form of AWS."
            ) from None
        except (BotoCoreError, ClientError) as error:
            raise request_error(error, self._service) from error
        return answer

    def each(self, operation: str, items: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yields the items of all pages; it requests a page when its first item is needed."""
        while True:
            page = self(operation, **arguments)
            yield from page.get(items, [])
            if not page.get("NextToken"):
                return
            arguments["NextToken"] = page["NextToken"]


class Aws:
    """An account, a Region, and clients of its services."""

    def __init__(self, session: Any, region: str, endpoint: str | None = None) -> None:
        """``session`` is a session of boto3, or an object with the same method ``client``. ``endpoint`` is the address of all
        services, if it is not AWS."""
        self.region, self._session = region, session
        self._elsewhere = {"endpoint_url": endpoint} if endpoint else {}
        self._clients: dict[str, AwsClient] = {}
        try:
            self.account = str(self.client("sts")("get_caller_identity")["Account"])
        except AwsRequestError as error:
            raise self._about_the_region(error) from None

    def _about_the_region(self, error: AwsRequestError) -> AwsRequestError:
        """The error of the first request, or a better one where the Region is its cause."""
        known = self._session.get_available_regions("sts", self._partition()) if hasattr(self._session, "events") else []
        if error.code == "EndpointConnectionError" and known and self.region not in known:
            near = get_close_matches(self.region, known, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            return AwsRequestError(error.code, f"{self.region} is not the name of a Region that boto3 knows.{meant} {error}")
        home = HOME.get(self._partition(), "")
        if error.code in FOREIGN and home and home != self.region and not self._elsewhere:
            try:
                AwsClient(self._session.client("sts", region_name=home), "sts")("get_caller_identity")
            except LobbyError:
                return error
            return AwsRequestError(
                error.code,
                f"The Region {self.region} does not accept these credentials, which are valid in {home}. Probably this account "
                f"has not enabled the Region: enable it (AWS console, Account, AWS Regions), or use another --region. If it is "
                "enabled, sign in again with AWS_STS_REGIONAL_ENDPOINTS=regional.",
            )
        return error

    def _partition(self) -> str:
        return next(
            (name for name, start in (("aws-cn", "cn-"), ("aws-us-gov", "us-gov-")) if self.region.startswith(start)), "aws"
        )

    @classmethod
    def connect(cls, region: str | None, profile: str | None) -> Aws:
        """Connects with the credentials that boto3 finds: environment, profiles, sign-ins, roles. Raises
        :class:`LobbyError`."""
        try:
            import boto3
            from botocore.exceptions import BotoCoreError
        except ImportError:
            raise LobbyError(f"boto3 and PyYAML are not installed: {sys.executable} -m pip install boto3 pyyaml") from None
        try:
            # The tools of AWS read AWS_REGION, and pipelines set it; boto3 reads AWS_DEFAULT_REGION only.
            session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"), profile_name=profile)
        except BotoCoreError as error:  # no such profile; the message of botocore names it
            raise LobbyError(f"{error}. `aws configure list-profiles` lists the profiles.") from None
        if not session.region_name:
            raise LobbyError(
                "The Region is missing. Give --region (such as eu-central-1), set AWS_REGION, or run `aws configure`."
            )
        return cls(session, session.region_name)

    def client(self, service: str, endpoint: str = "") -> AwsClient:
        """The client of a service. ``endpoint`` is its address, if the service has one of its own for each API."""
        from botocore.exceptions import BotoCoreError

        try:
            if service + endpoint not in self._clients:
                where = {"endpoint_url": endpoint} if endpoint else self._elsewhere
                client = self._session.client(service, region_name=self.region, **where)
                self._clients[service + endpoint] = AwsClient(client, service)
            return self._clients[service + endpoint]
        except BotoCoreError as error:  # an invalid Region
            raise request_error(error, service) from error
        except OSError as error:  # the program of credential_process does not exist
            raise LobbyError(f"{PROCESS} cannot be started: {error.strerror or error}. {CHECK_PROCESS}") from None
        except json.JSONDecodeError:
            raise LobbyError(f"{PROCESS} printed something else than JSON. {CHECK_PROCESS}") from None
        except ValueError as error:  # an invalid address
            raise LobbyError(f"{error}.") from None


def request_error(error: Any, service: str) -> AwsRequestError:
    """The error for an exception of botocore."""
    answer = getattr(error, "response", {})
    code = answer.get("Error", {}).get("Code") or type(error).__name__
    message = answer.get("Error", {}).get("Message") or str(error)
    if code == "CredentialRetrievalError" and "custom-process" in message:
        cause = " ".join(message.partition("custom-process")[2].lstrip(": ").split())
        ended = f"failed: {cause.rstrip('.')}" if cause else "failed and printed no cause"
        return AwsRequestError(code, f"{PROCESS} {ended}. {CHECK_PROCESS}")
    if re.search(r"Signature (expired|not yet current)", message):
        return AwsRequestError(code, CLOCK)
    if "MultiFactorAuthentication" in message:
        return AwsRequestError(code, MFA)
    if code in SENTENCES:
        return AwsRequestError(code, SENTENCES[code])
    if code in DENIED:
        return AwsRequestError(code, denied(message) or f"You lack the permission {_action(error, service)}. {PERMISSIONS}")
    if answer:
        return AwsRequestError(code, f"AWS refused {_action(error, service)}: {message}")
    url = error.kwargs.get("endpoint_url")
    if url:
        return AwsRequestError(code, f"No answer from {url}. Check the network and the name of the Region.")
    return AwsRequestError(code, f"The request was not sent to AWS: {' '.join(message.split())}")


def denied(message: str) -> str:
    """A sentence that names the missing permission, if the ``message`` of AWS is about one; else empty."""
    found = re.search(r"not authorized to perform: ([\w:-]+\w)(?: on resource: (\S+))?", message)
    if not found:
        return ""
    on = f" on {found[2].rstrip('.,;)')}" if found[2] else ""
    policy = next((what for part, what in POLICIES.items() if re.search(rf"\b{part}\b", message, re.I)), "")
    if not policy and "explicit deny" in message:
        policy = "A policy of your user or role"
    if policy:
        return f"{policy} forbids {found[1]}{on}. {ADMINISTRATOR}"
    return f"You lack the permission {found[1]}{on}. {PERMISSIONS}"


def _action(error: Any, service: str) -> str:
    operation = getattr(error, "operation_name", "a request")
    return ACTIONS.get(operation, f"{service}:{operation}")
