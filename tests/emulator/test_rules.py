"""The functions without sockets: routes, policies, buckets, frames, signatures."""

from __future__ import annotations

import json
import logging
import random
from datetime import datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lobby.emulator import Authorizer
from lobby.emulator.api import Throttle, permitted, select_route
from lobby.emulator.frames import FrameFilter
from lobby.emulator.handshakes import HEAD_BYTES, address, head_size, prepared
from lobby.emulator.signatures import verify
from lobby.logs import Bounded

ARN = "arn:aws:execute-api:us-east-1:123456789012:abc/dev/$connect"


@pytest.mark.parametrize(
    ("expression", "body", "key"),
    [
        ("$request.body.action", {"action": "chat"}, "chat"),
        ("${request.body.action}", {"action": "chat"}, "chat"),
        ("$request.body.a.b", {"a": {"b": "chat"}}, "chat"),
        ("${request.body.service}/${request.body.action}", {"service": "v1", "action": "chat"}, "v1/chat"),
        ("${request.body.service}/${request.body.action}", {"action": "chat"}, None),
        ("$request.body.action", {"action": 7}, "7"),
        ("$request.body.action", {"action": {"chat": 1}}, None),
        ("$request.body.action", {"action": None}, None),
        ("$request.body.action", "chat", None),
    ],
)
def test_the_expression_selects_a_route(expression: str, body: Any, key: str | None) -> None:
    assert select_route(expression, ["chat", "v1/chat", "7"], json.dumps(body)) == key
    assert select_route(expression, ["chat", "v1/chat", "7", "$default"], json.dumps(body)) == (key or "$default")


def statement(effect: str = "Allow", action: Any = "execute-api:Invoke", resource: Any = ARN) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        (statement(), True),
        ([statement(resource="*")], True),
        ([statement(resource=["x", ARN])], True),
        ([statement(resource="arn:aws:execute-api:*:*:abc/dev/*")], True),
        ([statement(action="execute-api:*")], True),
        ([statement(), statement("Deny")], False),
        ([statement(resource=ARN + "/x")], False),
        ([statement(action="lambda:Invoke")], False),
        ([], False),
    ],
)
def test_a_policy_allows_what_it_names_and_denies_everything_else(statements: Any, allowed: bool) -> None:
    answer = {"principalId": "ann", "policyDocument": {"Statement": statements}}
    assert permitted(answer, ARN, 8192) == ({"principalId": "ann"} if allowed else None)


@pytest.mark.parametrize("source", ["token", "route.request.body.token", "context.identity.sourceIp"])
def test_an_unsupported_identity_source_is_an_error_at_once(source: str) -> None:
    with pytest.raises(ValueError, match="is neither"):
        Authorizer((source,))


def test_a_throttle_allows_a_burst_and_then_its_rate() -> None:
    throttle = Throttle(rate=2, burst=3)
    assert [throttle.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert [throttle.take(100.5), throttle.take(100.5)] == [True, False]
    assert [throttle.take(1000.0) for _ in range(4)] == [True, True, True, False]


def frame(opcode: int, payload: bytes, fin: bool = True) -> bytes:
    size = len(payload)
    length = (
        bytes([0x80 | size])
        if size < 126
        else b"\xfe" + size.to_bytes(2, "big")
        if size < 65536
        else b"\xff" + size.to_bytes(8, "big")
    )
    return bytes([(0x80 if fin else 0) | opcode]) + length + b"mask" + payload


@pytest.mark.parametrize("seed", range(20))
def test_however_the_bytes_are_cut_the_same_frames_pass(seed: int) -> None:
    chance = random.Random(seed)
    good = frame(1, b"a" * 300) + frame(9, b"ping") + frame(1, b"b" * 400, fin=False) + frame(10, b"") + frame(0, b"c" * 600)
    late = frame(1, b"f" * 10) + frame(8, b"\x03\xe8") + frame(2, b"g" * 70_000)
    sent = good + frame(1, b"d" * 1001) + late
    frames, passed = FrameFilter(1000, 1000), b""
    while sent:
        size = chance.randint(1, 800)
        passed += frames.feed(sent[:size])
        sent = sent[size:]
    assert passed == good
    assert frames.violation == (1009, "Message too big")


def test_fragments_add_up_and_messages_do_not() -> None:
    frames = FrameFilter(1000, 1500)
    frames.feed(frame(1, b"a" * 1000) + frame(1, b"a" * 1000, fin=False) + frame(0, b"a" * 500))
    assert frames.violation is None
    frames.feed(frame(1, b"a" * 1000, fin=False) + frame(0, b"a" * 501))
    assert frames.violation is not None


def test_control_frames_and_small_fragments_are_counted_and_other_frames_are_not() -> None:
    left = iter([True] * 3)
    frames = FrameFilter(1000, 1500, lambda: next(left, False))
    frames.feed(frame(9, b"ping") + frame(10, b"") + frame(1, b"", fin=False) + frame(0, b"x" * 64, fin=False) + frame(0, b"x"))
    assert frames.violation is None
    frames.feed(frame(1, b"x"))
    assert frames.violation is None
    frames.feed(frame(10, b""))
    assert frames.violation == (1008, "Too many control frames or small fragments")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/dev?name=Zo%C3%AB&a=1+2", "/dev", {"name": "Zoë", "a": "1 2"}),
        ("/dev?a=1&a=2&b=&c", "/dev", {"a": "2", "b": "", "c": ""}),
        ("/dev?a=%zz&b=%EB&c=%", "/dev", {"a": "%zz", "b": "\ufffd", "c": "%"}),
        ("http://127.0.0.1:80/dev?a=/b", "/dev", {"a": "/b"}),
        ("ws://[::1/dev?a=1", "/dev", {"a": "1"}),
        ("http://h?a=1", "", {"a": "1"}),
        ("//dev?a=http://x/", "//dev", {"a": "http://x/"}),
        ("/d%65v/?a=1#b?c", "/dev/", {"a": "1"}),
        ("*", "*", {}),
    ],
)
def test_any_target_has_a_path_and_parameters(target: str, path: str, query: dict[str, str]) -> None:
    found = address(target)
    assert (found[0], dict(found[1])) == (path, query)


def test_a_head_is_changed_only_where_the_library_would_refuse_it() -> None:
    plain = b"GET /dev?a=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nX-Upgrade: a, websocket\r\n\r\n"
    assert prepared(plain) == plain
    assert (
        prepared("GET /dev?name=Zoë HTTP/1.1\r\nX: ë\r\n\r\n".encode())
        == "GET /dev?name=Zo%C3%AB HTTP/1.1\r\nX: ë\r\n\r\n".encode()
    )
    assert b"\r\nupgrade: websocket\r\n" in prepared(b"GET / HTTP/1.1\r\nupgrade:h2c, WebSocket\r\n\r\n")


def test_a_head_ends_with_its_empty_line_or_is_refused_early() -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert head_size(head + b"rest") == len(head)
    assert head_size(head[:-1], len(head) - 2) is None
    assert head_size(head + b"rest", len(head) - 1) == len(head)
    assert head_size(b"GET / HTTP/1.1\n\n") == 16
    assert head_size(b"\x16\x03\x01") == 3
    assert head_size(b"GET /" + b"x" * HEAD_BYTES) == HEAD_BYTES + 5


def test_log_lines_of_libraries_are_one_line_each_and_few() -> None:
    lines, now = [], [0.0]
    handler, logger = logging.Handler(), logging.Logger("library")
    handler.emit = lambda record: lines.append(record)  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.addFilter(Bounded(lambda: now[0]))

    def fails(error: Exception) -> None:
        try:
            raise error
        except Exception:
            logger.exception("it failed for %s\nwith more", "ann")

    for _ in range(5):
        fails(ValueError("bad\nnews" + "x" * 1000))
        fails(OSError(24, "Too many open files"))
    assert [line.getMessage()[:60] for line in lines] == [
        "it failed for ann (ValueError: bad news" + "x" * 21,
        "it failed for ann (OSError: [Errno 24] Too many open files)",
    ]
    assert all(len(logging.Formatter().format(line).splitlines()) == 1 and len(line.getMessage()) < 300 for line in lines)
    now[0] += 10
    fails(ValueError("again"))
    assert len(lines) == 3


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "target",
    [
        "/dev/@connections/AbC_-123456789%3D",
        "/dev/%40connections/x%20y",
        "/",
        "/a~b/c?b=2&a=1&a=0&flag",
        "/a?x=%20%2F&y=",
        "/?a=1&a-=1",
    ],
)
def test_only_requests_signed_by_botocore_are_accepted(method: str, target: str) -> None:
    signed = AWSRequest(method, f"http://127.0.0.1:3001{target}", data="grüße".encode(), headers={"X-Other": "  a   b "})
    SigV4Auth(Credentials("AKID", "secret", "session"), "execute-api", "us-east-1").add_auth(signed)
    headers = {"Host": "127.0.0.1:3001", **dict(signed.headers.items())}
    now = datetime.fromisoformat(signed.headers["X-Amz-Date"]).timestamp()

    def check(method: str = method, target: str = target, body: bytes = "grüße".encode(), **changes: Any) -> str | None:
        lookup = _AnyCase({**headers, **changes.pop("headers", {})})
        options = {"secrets": {"AKID": "secret"}, "region": "us-east-1", "now": now, **changes}
        refusal = verify(method, target, lookup, body, **options)
        return refusal and refusal.type

    assert check() is None
    assert check(now=now + 299) is None
    wrong = "InvalidSignatureException"
    assert check(method="PUT") == wrong
    assert check(target=target + "x") == wrong
    assert check(body=b"other") == wrong
    assert check(headers={"Host": "elsewhere"}) == wrong
    assert check(headers={"X-Amz-Security-Token": "other"}) == wrong
    assert check(secrets={"AKID": "other"}) == wrong
    assert check(region="eu-west-1") == wrong
    assert check(now=now + 600) == wrong
    assert check(secrets={"OTHER": "secret"}) == "UnrecognizedClientException"
    assert check(headers={"Authorization": ""}) == "MissingAuthenticationTokenException"
    assert check(headers={"Authorization": "Bearer x"}) == "IncompleteSignatureException"


class _AnyCase(dict[str, str]):
    """Headers are found however they are written."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)
