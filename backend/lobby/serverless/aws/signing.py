"""Signature Version 4, the signing side: a request and credentials in, the headers of the signed request out. No I/O.

As AWS describes it: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. The tests
compare it with botocore's signer, byte for byte.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import quote

from lobby.errors import LobbyError

ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """The keys of the sender. ``token`` is empty for keys that do not expire; the keys of a Lambda function expire."""

    key: str
    secret: str
    token: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The credentials in ``environment``, that of a Lambda function or of a shell.

        Raises LobbyError where a variable is missing.
        """
        missing = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not environment.get(name)]
        if missing:
            raise LobbyError(
                f"The environment has no {' and no '.join(missing)}; Lambda sets both; elsewhere set them yourself."
            )
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return cls(*(environment.get(name, "") for name in names))


def region_of(environment: Mapping[str, str]) -> str:
    """The region that the environment names. Raises LobbyError where it names none."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise LobbyError(
            "The environment has no AWS_REGION and no AWS_DEFAULT_REGION; Lambda sets both; elsewhere set one yourself."
        )
    return region


def sign(
    method: str,
    host: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    now: float,
) -> dict[str, str]:
    """The headers to send: ``headers``, and ``Host``, ``X-Amz-Date``, the token and ``Authorization``. All of them are signed.

    ``path`` and ``query`` are percent-encoded, as they are sent; no part of the path is empty, ``.`` or ``..``. ``headers``
    contains none of the added headers, and no two names that differ only in case. ``now`` is in seconds since 1970; AWS accepts
    a difference of up to five minutes.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    sent = {**headers, "Host": host, "X-Amz-Date": stamp}
    if credentials.token:
        sent["X-Amz-Security-Token"] = credentials.token
    signed = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    names = ";".join(sorted(signed))
    # Every service but S3 expects the path to be encoded once more than it is sent.
    lines = [method, quote(path, safe="/~"), _canonical(query), *(f"{name}:{signed[name]}" for name in sorted(signed)), ""]
    request = "\n".join([*lines, names, _digest(body)])
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.digest(_signing_key(credentials.secret, scope), text.encode(), "sha256").hex()
    sent["Authorization"] = f"{ALGORITHM} Credential={credentials.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return sent


def _canonical(query: str) -> str:
    """The parameters, sorted by name and then by value."""
    pairs = sorted(part.partition("=")[::2] for part in query.split("&")) if query else []
    return "&".join(f"{name}={value}" for name, value in pairs)


@lru_cache(maxsize=1)
def _digest(body: bytes) -> str:
    """Cached, because a broadcast sends the same body to all receivers."""
    return hashlib.sha256(body).hexdigest()


@lru_cache(maxsize=8)
def _signing_key(secret: str, scope: str) -> bytes:
    """Cached, because the key is the same for a whole day."""
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
