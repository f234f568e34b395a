"""Requests over real sockets: every one has an outcome, in bounded time, whatever the server does."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lobby.errors import LobbyError
from lobby.serverless.aws import Answer, Outcome, Request, ServiceClient, Unreachable, pool
from tests.serverless.aws.servers import KEYS, OK, Conversation, Server, Talk, ending, polite, saying, silent

LONG_S, SHORT_S = 20.0, 0.15
"""Limits that no test may reach, and one that a test waits for."""


def client(server: Server, **options: Any) -> ServiceClient:
    return ServiceClient(
        "execute-api", server.endpoint, **{"environment": KEYS, "connect_s": LONG_S, "answer_s": LONG_S, **options}
    )


def asks(count: int) -> list[Request]:
    return [Request("POST", f"/{number}", b"x" * number) for number in range(count)]


def bodies(outcomes: list[Outcome]) -> list[bytes]:
    return [outcome.body if isinstance(outcome, Answer) else outcome.reason.encode() for outcome in outcomes]


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Unreachable), outcome
    return outcome.reason


# ── all is well ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 199])
def test_every_request_has_its_own_answer_in_order_over_a_few_connections_that_stay_open(count: int) -> None:
    with Server(polite) as server, client(server, connections=4) as aws:
        for _ in range(3):
            assert bodies(aws.send(asks(count))) == [b"/%d" % number for number in range(count)]
        assert server.connections == min(count, 4)


def test_a_request_arrives_as_it_was_meant() -> None:
    heard = []

    def conversation(talk: Talk) -> None:
        heard.append(talk.hear())
        talk.say(OK)

    with Server(conversation) as server:
        aws = ServiceClient("dynamodb", f"{server.endpoint}/prod/", environment={**KEYS, "AWS_SESSION_TOKEN": "token"})
        with aws:
            assert aws.send([Request("DELETE", "/a%3D?b=c", b"body", {"X-Amz-Target": "T.Op"})]) == [
                Answer(200, {"content-length": "2"}, b"ok")
            ]
    [(method, target, headers, body)] = heard
    assert (method, target, body) == ("DELETE", "/prod/a%3D?b=c", b"body")
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert (headers["x-amz-target"], headers["x-amz-security-token"]) == ("T.Op", "token")
    assert "/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date" in headers["authorization"]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "body"),
    [(CHUNKED, b"ok"), (b"HTTP/1.1 204 No Content\r\n\r\n", b""), (OK.replace(b"2", b"300000") + b"k" * 299_998, None)],
)
def test_answers_come_in_chunks_or_without_a_body_or_are_long_and_the_connection_goes_on(
    said: bytes, body: bytes | None
) -> None:
    with Server(saying(said[:60], said[60:])) as server, client(server) as aws:
        for _ in range(2):
            [found] = bodies(aws.send(asks(1)))
            assert found == (b"ok" + b"k" * 299_998 if body is None else body)
        assert server.connections == 1


@pytest.mark.parametrize("said", [OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), b"HTTP/1.1 200 OK\r\n\r\nok"])
def test_a_server_may_end_the_connection_with_its_answer(said: bytes) -> None:
    with Server(ending(said)) as server, client(server) as aws:
        for _ in range(3):
            assert bodies(aws.send(asks(2))) == [b"ok", b"ok"]
        assert server.connections == 6


def test_a_long_request_may_be_refused_before_it_was_read() -> None:
    def conversation(talk: Talk) -> None:
        talk.connection.recv(1_000)
        talk.answer(b"too long", 413)

    with Server(conversation) as server, client(server) as aws:
        [outcome] = aws.send([Request("POST", "/", b"x" * 20_000_000)])
        assert outcome == Answer(413, {"content-length": "8"}, b"too long")


def test_threads_do_not_wait_for_each_other() -> None:
    both_are_here = threading.Barrier(2, timeout=5)

    def conversation(talk: Talk) -> None:
        talk.hear()
        both_are_here.wait()
        talk.say(OK)

    with Server(conversation) as server, client(server, connections=1) as aws:
        found: list[list[Outcome]] = []
        threads = [threading.Thread(target=lambda: found.append(aws.send(asks(1)))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [bodies(outcomes) for outcomes in found] == [[b"ok"], [b"ok"]]


# ── a connection that had stayed open ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_known", [True, False])
def test_a_connection_that_has_ended_meanwhile_is_replaced_and_nobody_hears_of_it(is_known: bool) -> None:
    # Either its end has arrived before the next request, or it comes instead of the answer.
    first = ending(OK) if is_known else ending(b"", requests=2)
    with Server(first, polite) as server, client(server) as aws:
        aws.send(asks(1))
        if is_known:
            server.ended.acquire(timeout=5)
        assert bodies(aws.send(asks(1))) == [b"/0"]
        assert server.connections == 2


def test_many_that_have_ended_are_replaced_at_once() -> None:
    with Server(*[ending(b"", requests=2)] * 8, polite) as server, client(server, connections=8) as aws:
        for _ in range(2):
            assert bodies(aws.send(asks(8))) == [b"/%d" % number for number in range(8)]
        assert server.connections == 16


def test_a_request_is_tried_once_more_and_not_for_ever() -> None:
    with Server(ending(b"", requests=2), ending(b""), polite) as server, client(server) as aws:
        aws.send(asks(1))
        assert "ended before an answer" in reason(aws.send(asks(1))[0])
        assert server.connections == 2


def test_a_new_connection_that_ends_is_not_tried_again() -> None:
    with Server(ending(b""), polite) as server, client(server) as aws:
        assert "ended before an answer" in reason(aws.send(asks(1))[0])
        assert server.connections == 1


def test_what_was_half_answered_is_not_asked_again() -> None:
    with Server(ending(OK[:-1], requests=2), polite) as server, client(server) as aws:
        aws.send(asks(1))
        assert "ends in the middle" in reason(aws.send(asks(1))[0])
        assert server.connections == 1


def test_what_speaks_unasked_is_not_used_again() -> None:
    is_said = threading.Event()

    def conversation(talk: Talk) -> None:
        talk.answer(talk.hear().target.encode())
        talk.say(OK)
        is_said.set()
        talk.wait()

    with Server(conversation, polite) as server, client(server) as aws:
        aws.send(asks(1))
        is_said.wait(5)
        assert bodies(aws.send(asks(1))) == [b"/0"]
        assert server.connections == 2


def test_a_connection_that_was_idle_for_too_long_is_not_trusted() -> None:
    now = time.time()
    with Server(polite) as server, client(server, clock=lambda: now) as aws:
        for passes_s, connections in ((0.0, 1), (pool.IDLE_S, 1), (pool.IDLE_S + 1, 2)):
            now += passes_s
            aws.send(asks(1))
            assert server.connections == connections


# ── bounded time ────────────────────────────────────────────────────────────────────────────────────────────────────


def timed(ask: Callable[[], list[Outcome]]) -> tuple[list[Outcome], float]:
    began = time.monotonic()
    outcomes = ask()
    return outcomes, time.monotonic() - began


def test_one_that_never_answers_delays_nobody_and_is_given_up_at_the_deadline() -> None:
    answered_s = []

    def conversation(talk: Talk) -> None:
        while True:
            heard = talk.hear()
            if heard.target == "/7":
                talk.wait()
            talk.answer(heard.target.encode())
            answered_s.append(time.monotonic())

    with Server(conversation) as server, client(server, connections=8) as aws:
        began = time.monotonic()
        outcomes, took_s = timed(lambda: aws.send(asks(50), within_s=0.5))
        assert bodies(outcomes) == [b"given up at the deadline" if number == 7 else b"/%d" % number for number in range(50)]
        assert max(answered_s[:49]) - began < 0.4, "the others had their answers long before"
        assert 0.5 <= took_s < 2.0
        assert bodies(aws.send(asks(3))) == [b"/0", b"/1", b"/2"], "the answer that comes too late is not heard"


def test_one_that_never_answers_is_given_up_after_a_while_and_its_place_goes_to_the_next() -> None:
    with Server(silent, polite) as server, client(server, connections=1, answer_s=SHORT_S) as aws:
        outcomes, took_s = timed(lambda: aws.send(asks(20)))
        assert bodies(outcomes) == [b"no answer within 0.15 s", *(b"/%d" % number for number in range(1, 20))]
        assert SHORT_S <= took_s < 2.0
        assert server.ended.acquire(timeout=5), "its connection is closed"


def test_when_nobody_answers_all_is_given_up_at_the_deadline_also_what_was_never_sent() -> None:
    with Server(silent) as server, client(server, connections=4) as aws:
        outcomes, took_s = timed(lambda: aws.send(asks(50), within_s=SHORT_S))
        assert bodies(outcomes) == [b"given up at the deadline"] * 50
        assert SHORT_S <= took_s < 2.0
        for _ in range(4):
            assert server.ended.acquire(timeout=5)


def test_who_answers_byte_by_byte_is_given_up_all_the_same() -> None:
    def conversation(talk: Talk) -> None:
        talk.hear()
        talk.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        while True:
            time.sleep(0.001)
            talk.say(b"a: b\r\n")

    with Server(conversation) as server, client(server, answer_s=SHORT_S) as aws:
        outcomes, took_s = timed(lambda: aws.send(asks(1)))
        assert reason(outcomes[0]) == "no answer within 0.15 s"
        assert took_s < 2.0


def test_a_handshake_that_does_not_end_is_given_up() -> None:
    with Server(lambda talk: talk.wait()) as server:
        endpoint = server.endpoint.replace("http:", "https:")
        with ServiceClient("execute-api", endpoint, environment=KEYS, connect_s=SHORT_S) as aws:
            outcomes, took_s = timed(lambda: aws.send(asks(1)))
        assert reason(outcomes[0]) == f"no connection to 127.0.0.1:{server.port} within 0.15 s"
        assert took_s < 2.0


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        (ending(OK[:30]), "ends in the middle"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "not an HTTP answer"),
        (saying(b"\0" * 70_000), "a head of over"),
        (saying(OK.replace(b": 2", b": 99999999")), "over 16777216 bytes"),
    ],
)
def test_what_is_no_answer_is_an_outcome_like_any_other(conversation: Conversation, expected: str) -> None:
    with Server(conversation, polite) as server, client(server, connections=1) as aws:
        outcomes = aws.send(asks(2))
        assert expected in reason(outcomes[0])
        assert bodies(outcomes[1:]) == [b"/1"]


# ── getting there ───────────────────────────────────────────────────────────────────────────────────────────────────


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_who_is_not_there_is_refused_for_all() -> None:
    with ServiceClient("dynamodb", f"http://127.0.0.1:{closed_port()}", environment=KEYS) as aws:
        assert ["Connection refused" in reason(outcome) for outcome in aws.send(asks(40))] == [True] * 40


def test_a_name_that_is_not_known_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def unknown(host: str, port: int, **_: Any) -> Any:
        asked.append((host, port))
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with ServiceClient("dynamodb", "https://nowhere.example", environment=KEYS) as aws:
        assert ["not known" in reason(outcome) for outcome in aws.send(asks(40))] == [True] * 40
    assert asked == [("nowhere.example", 443)]


def test_the_next_address_is_tried_where_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(polite) as server, client(server) as aws:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (closed_port(), server.port)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert bodies(aws.send(asks(2))) == [b"/0", b"/1"]


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:8000", "ftp://host", "https://", "http://host:port", "http://[::1"])
def test_an_endpoint_that_is_none_is_named(endpoint: str) -> None:
    with pytest.raises(LobbyError, match="is not an endpoint; an endpoint looks like https://HOST/STAGE"):
        ServiceClient("dynamodb", endpoint)


@pytest.mark.parametrize("lacking", KEYS)
def test_without_credentials_or_region_nothing_is_sent(lacking: str) -> None:
    environment = {name: value for name, value in KEYS.items() if name != lacking}
    with Server(polite) as server, client(server, environment=environment) as aws:
        with pytest.raises(LobbyError, match=f"no {lacking}"):
            aws.send(asks(1))
        assert server.connections == 0


def test_credentials_are_read_anew_for_each_send() -> None:
    keys, heard = dict(KEYS), []

    def conversation(talk: Talk) -> None:
        while True:
            heard.append(talk.hear().headers["authorization"].split("/")[0])
            talk.say(OK)

    with Server(conversation) as server, client(server, environment=keys) as aws:
        for key in ("FIRST", "SECOND"):
            keys["AWS_ACCESS_KEY_ID"] = key
            aws.send(asks(1))
    assert heard == ["AWS4-HMAC-SHA256 Credential=FIRST", "AWS4-HMAC-SHA256 Credential=SECOND"]


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def serving_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.mark.parametrize("is_trusted", [True, False])
def test_tls_is_spoken_with_whom_the_system_trusts(
    certificate: tuple[Path, Path], is_trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    pool.tls_context.cache_clear()
    long = Request("POST", "/long", b"x" * 3_000_000)
    try:
        with Server(polite, tls=serving_tls(certificate)) as server, client(server, connections=4) as aws:
            for _ in range(3):
                outcomes = aws.send([*asks(10), long])
                if is_trusted:
                    assert bodies(outcomes) == [*(b"/%d" % number for number in range(10)), b"/long"]
                else:
                    assert ["certificate verify failed" in reason(outcome) for outcome in outcomes] == [True] * 11
            assert not is_trusted or server.connections == 4
    finally:
        pool.tls_context.cache_clear()


def test_over_tls_a_long_answer_arrives_and_an_ended_connection_is_replaced(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    pool.tls_context.cache_clear()
    body = b"k" * 3_000_000
    said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    try:
        with Server(ending(b"", requests=2), saying(said), tls=serving_tls(certificate)) as server, client(server) as aws:
            assert bodies(aws.send(asks(1))) == [b"/0"]
            assert bodies(aws.send(asks(1))) == [body]
            assert bodies(aws.send(asks(1))) == [body]
            assert server.connections == 2
    finally:
        pool.tls_context.cache_clear()
