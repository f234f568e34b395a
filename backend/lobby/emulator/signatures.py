"""Verification of Signature Version 4: takes a request and the secrets, returns a refusal or None. No I/O."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from aiohttp import web

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "execute-api"
SKEW_S = 300.0
"""The largest difference between the clock of the signer and ours."""

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} +Credential=(?P<key>[^/,\s]+)/(?P<date>\d{{8}})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/aws4_request"
    r", *SignedHeaders=(?P<names>[^,\s]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


class Refusal(NamedTuple):
    """Why a request is refused: the type of the exception that a client raises, and the message."""

    type: str
    message: str


def verify_request(
    request: web.BaseRequest, body: bytes, *, secrets: Mapping[str, str], region: str, service: str = SERVICE
) -> Refusal | None:
    """Verifies a request of aiohttp with :func:`verify`. Time is that of this machine, because signers use their own clocks."""
    target, now = request.raw_path, time.time()
    return verify(request.method, target, request.headers, body, secrets=secrets, region=region, now=now, service=service)


def verify(
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Mapping[str, str],
    region: str,
    now: float,
    service: str = SERVICE,
) -> Refusal | None:
    """Checks that the request was signed with one of the ``secrets`` (access key to secret key). Returns why it is refused, or
    None. ``target`` is the path and query as they were sent; ``now`` is in seconds since 1970."""
    authorization = headers.get("Authorization", "")
    if not authorization:
        return Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = _AUTHORIZATION.fullmatch(authorization.strip())
    signed_at = headers.get("X-Amz-Date", "")
    if found is None or not re.fullmatch(r"\d{8}T\d{6}Z", signed_at) or "host" not in found["names"].split(";"):
        return Refusal("IncompleteSignatureException", "The Authorization header or X-Amz-Date is not a complete signature.")
    if found["key"] not in secrets:
        return Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    if (found["region"], found["service"], found["date"]) != (region, service, signed_at[:8]):
        return Refusal("InvalidSignatureException", f"Credential should be scoped to {signed_at[:8]}/{region}/{service}.")
    if abs(_seconds(signed_at) - now) > SKEW_S:
        return Refusal("InvalidSignatureException", f"Signature expired: {signed_at} is more than {SKEW_S:.0f} s off.")
    scope = f"{found['date']}/{region}/{service}/aws4_request"
    request = canonical_request(method, target, {name: headers.get(name, "") for name in found["names"].split(";")}, body)
    if not hmac.compare_digest(signature(secrets[found["key"]], signed_at, scope, request), found["signature"]):
        return Refusal(
            "InvalidSignatureException", "The request signature we calculated does not match the signature you provided."
        )
    return None


def canonical_request(method: str, target: str, signed: Mapping[str, str], body: bytes) -> str:
    """The canonical form of a request, which both sides sign. The path is encoded once more than it was sent."""
    path, _, query = target.partition("?")
    parameters = sorted(part.partition("=")[::2] for part in query.split("&")) if query else []
    names = sorted(name.lower() for name in signed)
    values = {name.lower(): " ".join(value.split()) for name, value in signed.items()}
    lines = [method, quote(path, safe="/~"), "&".join(f"{name}={value}" for name, value in parameters)]
    lines += [*(f"{name}:{values[name]}" for name in names), "", ";".join(names), hashlib.sha256(body).hexdigest()]
    return "\n".join(lines)


def signature(secret: str, signed_at: str, scope: str, request: str) -> str:
    """The signature of a canonical request."""
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join([ALGORITHM, signed_at, scope, hashlib.sha256(request.encode()).hexdigest()])
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _seconds(stamp: str) -> float:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return 0.0
