"""Signature Version 4: the same as that of botocore, and accepted by the local API Gateway."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from lobby.emulator import signatures
from lobby.errors import LobbyError
from lobby.serverless.aws import Credentials, connection_path, sign

ADDED = {"authorization", "date", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}
UNSIGNED = set(botocore.auth.SIGNED_HEADERS_BLACKLIST)

encoded = st.one_of(st.text("a-", max_size=2), st.text(max_size=12).map(lambda text: quote(text, safe="")))
ids = st.binary(min_size=11, max_size=11).map(lambda raw: urlsafe_b64encode(raw).decode())
segments = encoded.filter(lambda text: text not in ("", ".", ".."))
paths = st.one_of(
    st.just("/"),
    st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    ids.map(lambda one: "/prod" + connection_path(one)),
)
queries = st.lists(st.one_of(encoded, st.tuples(encoded, encoded).map("=".join)), max_size=5).map("&".join)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,15}", fullmatch=True).filter(lambda name: name.lower() not in ADDED | UNSIGNED)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
requests = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
        "host": st.sampled_from(["dynamodb.eu-central-1.amazonaws.com", "127.0.0.1:8000", "[::1]:8000"]),
        "path": paths,
        "query": queries,
        "headers": st.lists(st.tuples(names, values), max_size=4, unique_by=lambda pair: pair[0].lower()).map(dict),
        "body": st.binary(max_size=64),
    }
)
keys = st.builds(Credentials, words, secrets, st.one_of(st.just(""), secrets))


@given(requests, keys, words, words, st.integers(0, 4_102_444_800))
def test_a_signature_is_the_same_as_that_of_botocore(
    request: dict[str, Any], credentials: Credentials, region: str, service: str, now: int
) -> None:
    url = f"https://{request['host']}{request['path']}{'?' if request['query'] else ''}{request['query']}"
    botocores = botocore.awsrequest.AWSRequest(request["method"], url, dict(request["headers"]), request["body"])
    known = botocore.credentials.Credentials(credentials.key, credentials.secret, credentials.token or None)
    with patch("botocore.auth.get_current_datetime", lambda: datetime.fromtimestamp(now, UTC)):
        botocore.auth.SigV4Auth(known, service, region).add_auth(botocores)
    ours = sign(**request, credentials=credentials, region=region, service=service, now=now)
    assert ours.pop("Host") == request["host"]
    assert ours == dict(botocores.headers.items())


@given(requests, keys, words, st.integers(0, 4_102_444_800))
def test_the_local_api_gateway_accepts_a_signed_request(
    request: dict[str, Any], credentials: Credentials, region: str, now: int
) -> None:
    headers = CIMultiDict(sign(**request, credentials=credentials, region=region, service="execute-api", now=now))
    target = f"{request['path']}?{request['query']}"
    known = {credentials.key: credentials.secret}

    def refusal(body: bytes) -> object:
        return signatures.verify(request["method"], target, headers, body, secrets=known, region=region, now=now)

    assert refusal(request["body"]) is None
    assert refusal(request["body"] + b"!") is not None


def test_the_id_of_a_connection_is_percent_encoded() -> None:
    assert connection_path("d0vtKecBjoECH-A=") == "/@connections/d0vtKecBjoECH-A%3D"
    assert connection_path("a/b?c") == "/@connections/a%2Fb%3Fc"


def test_credentials_are_read_from_the_environment_of_a_lambda_function() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert Credentials.of(environment) == Credentials("key", "secret")
    assert Credentials.of(environment | {"AWS_SESSION_TOKEN": "token"}) == Credentials("key", "secret", "token")


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({}, "no AWS_ACCESS_KEY_ID and no AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": "key"}, "has no AWS_SECRET_ACCESS_KEY;"),
    ],
)
def test_missing_credentials_are_named_in_the_error(environment: dict[str, str], missing: str) -> None:
    with pytest.raises(LobbyError, match=missing):
        Credentials.of(environment)
