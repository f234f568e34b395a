"""One account and Region of AWS, through boto3. What goes wrong there is an :class:`AwsError`: one sentence for a person."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from lobby.errors import LobbyError

PERMISSIONS = "docs/permissions.md lists what deploying needs."

MISSING = "No credentials of AWS are here. `aws login` or `aws configure` brings some; docs/deploy.md says more."
EXPIRED = "The credentials of AWS have expired. Sign in again with `aws login` or `aws sso login`, or set up new ones."
UNKNOWN = "AWS does not know these credentials. Sign in again with `aws login`; is this machine's clock right?"

SENTENCES = {
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
    "AuthFailure": UNKNOWN,
}
"""What to say, by the name of botocore's exception or AWS's code."""

DENIED = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation", "403"}

ACTIONS = {"ListObjectsV2": "s3:ListBucket", "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock"}
"""Operations whose permission has another name than they have themselves."""


class AwsError(LobbyError):
    """AWS did not do it. ``code`` is AWS's own name for the reason, or that of botocore's exception."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Client:
    """A boto3 client whose operations raise :class:`AwsError`."""

    def __init__(self, client: Any, service: str) -> None:
        self._client, self._service = client, service

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """``client("create_bucket", Bucket=...)``: what boto3's ``client.create_bucket(Bucket=...)`` returns."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except (BotoCoreError, ClientError) as error:
            raise sentence(error, self._service) from error
        return answer

    def each(self, operation: str, items: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """The items of all pages, as far as they are wanted."""
        while True:
            page = self(operation, **arguments)
            yield from page.get(items, [])
            if not page.get("NextToken"):
                return
            arguments["NextToken"] = page["NextToken"]


class Aws:
    """Who one is, where, and the clients of the services there."""

    def __init__(self, session: Any, region: str) -> None:
        """``session`` is boto3's, or anything else with its method ``client``."""
        self.region, self._session = region, session
        self.account = str(self.client("sts")("get_caller_identity")["Account"])

    @classmethod
    def connect(cls, region: str | None, profile: str | None) -> Aws:
        """Uses what boto3 finds: environment, profiles, sign-ins, roles. Raises :class:`LobbyError`."""
        try:
            import boto3
            from botocore.exceptions import BotoCoreError
        except ImportError:
            raise LobbyError(f"AWS needs boto3 and PyYAML: {sys.executable} -m pip install boto3 pyyaml") from None
        try:
            # AWS_REGION is what AWS's own tools read, and pipelines set; boto3 knows AWS_DEFAULT_REGION only.
            session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"), profile_name=profile)
        except BotoCoreError as error:  # no such profile; botocore says which
            raise LobbyError(f"{error}. `aws configure list-profiles` tells what there is.") from None
        if not session.region_name:
            raise LobbyError("Which Region? Say --region eu-central-1, for example, set AWS_REGION, or use `aws configure`.")
        return cls(session, session.region_name)

    def client(self, service: str) -> Client:
        """The client of a service."""
        from botocore.exceptions import BotoCoreError

        try:
            return Client(self._session.client(service, region_name=self.region), service)
        except BotoCoreError as error:  # what is said to be a Region cannot be one
            raise sentence(error, service) from error


def sentence(error: Any, service: str) -> AwsError:
    """What a person should know of an exception of botocore's."""
    answer = getattr(error, "response", {})
    code = answer.get("Error", {}).get("Code") or type(error).__name__
    said = answer.get("Error", {}).get("Message") or str(error)
    if code in SENTENCES:
        return AwsError(code, SENTENCES[code])
    if code in DENIED:
        return AwsError(code, denied(said) or f"You may not do {_action(error, service)}. {PERMISSIONS}")
    if answer:
        return AwsError(code, f"AWS refused {_action(error, service)}: {said}")
    url = error.kwargs.get("endpoint_url")
    if url:
        return AwsError(code, f"No answer from {url}. Is there a network, and a Region of that name?")
    return AwsError(code, f"AWS was not asked: {' '.join(said.split())}")


def denied(said: str) -> str:
    """What somebody may not do, if that is what AWS ``said``."""
    found = re.search(r"not authorized to perform: ([\w:-]+\w)(?: on resource: (\S+))?", said)
    if not found:
        return ""
    on = f" on {found[2].rstrip('.,;)')}" if found[2] else ""
    return f"You may not do {found[1]}{on}. {PERMISSIONS}"


def _action(error: Any, service: str) -> str:
    operation = getattr(error, "operation_name", "a request")
    return ACTIONS.get(operation, f"{service}:{operation}")
