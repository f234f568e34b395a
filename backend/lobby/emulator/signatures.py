"""Verification of Signature Version 4: takes a request and the secrets, returns a refusal or None. No I/O."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, quote

if TYPE_CHECKING:
    from aiohttp import web

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "execute-api"
SKEW_S = 300.0
"""The largest difference between the clock of the signer and ours."""
LONGEST_S = 604_800
"""The longest time for which a signed address is valid (IAM User Guide, "Query parameters": X-Amz-Expires)."""

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


def verify_handshake(request: web.BaseRequest, *, secrets: Mapping[str, str], region: str) -> str | Refusal:
    """Verifies the request that opens a WebSocket, signed in its header, or in its query as browsers must do it. Returns the
    access key, or why it is refused. Times are those of this machine."""
    path, _, query = request.raw_path.partition("?")
    signed = dict(parse_qsl(query, keep_blank_values=True))
    if "Authorization" in request.headers or "X-Amz-Signature" not in signed:
        refusal = verify_request(request, b"", secrets=secrets, region=region)
        found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", "").strip())
        return refusal or (found["key"] if found else "")
    lifetime = signed.get("X-Amz-Expires", "")
    if not lifetime.isdecimal() or not 1 <= int(lifetime) <= LONGEST_S:
        return Refusal("IncompleteSignatureException", f"X-Amz-Expires must be 1 to {LONGEST_S} seconds.")
    age_s = time.time() - _seconds(signed.get("X-Amz-Date", ""))
    if not -SKEW_S <= age_s <= int(lifetime):
        return Refusal(
            "InvalidSignatureException", f"Signature expired: {signed.get('X-Amz-Date')} is too old, or in the future."
        )
    # The signature in a query signs the rest of the query; else it is like one in a header.
    rest = "&".join(part for part in query.split("&") if not part.startswith("X-Amz-Signature="))
    headers = {
        **request.headers,
        "X-Amz-Date": signed.get("X-Amz-Date", ""),
        "Authorization": f"{ALGORITHM} Credential={signed.get('X-Amz-Credential', '')}, "
        f"SignedHeaders={signed.get('X-Amz-SignedHeaders', '')}, Signature={signed['X-Amz-Signature']}",
    }
    lowered = {name.lower(): value for name, value in headers.items()}
    names = {"Authorization": lowered["authorization"], "X-Amz-Date": lowered["x-amz-date"]}
    refusal = verify(
        request.method,
        f"{path}?{rest}",
        {**lowered, **names},
        b"",
        secrets=secrets,
        region=region,
        now=_seconds(names["X-Amz-Date"]),
    )
    return refusal or signed["X-Amz-Credential"].partition("/")[0]


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
