"""Requests over real sockets: each one has an outcome in bounded time, whatever the server does."""

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
from tests.serverless.aws.servers import KEYS, OK, Behaviour, Server, ServerSide, answering_with, echoing, ending, silent

LONG_S, SHORT_S = 20.0, 0.15
"""Timeouts in seconds: one that no test may reach, and one for which a test waits."""


def client(server: Server, **options: Any) -> ServiceClient:
    return ServiceClient(
        "execute-api", server.endpoint, **{"environment": KEYS, "connect_s": LONG_S, "answer_s": LONG_S, **options}
    )


def requests(count: int) -> list[Request]:
    return [Request("POST", f"/{number}", b"x" * number) for number in range(count)]


def bodies(outcomes: list[Outcome]) -> list[bytes]:
    return [outcome.body if isinstance(outcome, Answer) else outcome.reason.encode() for outcome in outcomes]


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Unreachable), outcome
    return outcome.reason


# ── servers without faults ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 199])
def test_each_request_gets_its_own_answer_over_a_few_connections_that_stay_open(count: int) -> None:
    with Server(echoing) as server, client(server, connections=4) as aws:
        for _ in range(3):
            assert bodies(aws.send(requests(count))) == [b"/%d" % number for number in range(count)]
        assert server.connections == min(count, 4)


def test_a_request_arrives_complete_and_signed() -> None:
    received = []

    def behaviour(server_side: ServerSide) -> None:
        received.append(server_side.receive())
        server_side.send(OK)

    with Server(behaviour) as server:
        aws = ServiceClient("dynamodb", f"{server.endpoint}/prod/", environment={**KEYS, "AWS_SESSION_TOKEN": "token"})
        with aws:
            assert aws.send([Request("DELETE", "/a%3D?b=c", b"body", {"X-Amz-Target": "T.Op"})]) == [
                Answer(200, {"content-length": "2"}, b"ok")
            ]
    [(method, target, headers, body)] = received
    assert (method, target, body) == ("DELETE", "/prod/a%3D?b=c", b"body")
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert (headers["x-amz-target"], headers["x-amz-security-token"]) == ("T.Op", "token")
    assert "/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date" in headers["authorization"]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "body"),
    [(CHUNKED, b"ok"), (b"HTTP/1.1 204 No Content\r\n\r\n", b""), (OK.replace(b"2", b"300000") + b"k" * 299_998, None)],
)
def test_the_connection_stays_open_after_chunked_empty_and_long_answers(answer: bytes, body: bytes | None) -> None:
    with Server(answering_with(answer[:60], answer[60:])) as server, client(server) as aws:
        for _ in range(2):
            [found] = bodies(aws.send(requests(1)))
            assert found == (b"ok" + b"k" * 299_998 if body is None else body)
        assert server.connections == 1


@pytest.mark.parametrize("answer", [OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), b"HTTP/1.1 200 OK\r\n\r\nok"])
def test_a_server_may_close_the_connection_after_its_answer(answer: bytes) -> None:
    with Server(ending(answer)) as server, client(server) as aws:
        for _ in range(3):
            assert bodies(aws.send(requests(2))) == [b"ok", b"ok"]
        assert server.connections == 6


def test_a_server_may_refuse_a_long_request_before_it_has_read_all_of_it() -> None:
    def behaviour(server_side: ServerSide) -> None:
        server_side.connection.recv(1_000)
        server_side.answer(b"too long", 413)

    with Server(behaviour) as server, client(server) as aws:
        [outcome] = aws.send([Request("POST", "/", b"x" * 20_000_000)])
        assert outcome == Answer(413, {"content-length": "8"}, b"too long")


def test_threads_do_not_wait_for_each_other() -> None:
    both_are_here = threading.Barrier(2, timeout=5)

    def behaviour(server_side: ServerSide) -> None:
        server_side.receive()
        both_are_here.wait()
        server_side.send(OK)

    with Server(behaviour) as server, client(server, connections=1) as aws:
        found: list[list[Outcome]] = []
        threads = [threading.Thread(target=lambda: found.append(aws.send(requests(1)))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [bodies(outcomes) for outcomes in found] == [[b"ok"], [b"ok"]]


# ── connections that stayed open ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_known", [True, False])
def test_a_connection_that_ended_since_the_last_request_is_replaced_without_an_error(is_known: bool) -> None:
    # The end of the connection arrives before the next request, or instead of its answer.
    first = ending(OK) if is_known else ending(b"", requests=2)
    with Server(first, echoing) as server, client(server) as aws:
        aws.send(requests(1))
        if is_known:
            server.ended.acquire(timeout=5)
        assert bodies(aws.send(requests(1))) == [b"/0"]
        assert server.connections == 2


def test_many_connections_that_ended_are_replaced_at_the_same_time() -> None:
    with Server(*[ending(b"", requests=2)] * 8, echoing) as server, client(server, connections=8) as aws:
        for _ in range(2):
            assert bodies(aws.send(requests(8))) == [b"/%d" % number for number in range(8)]
        assert server.connections == 16


def test_a_request_is_retried_only_once() -> None:
    with Server(ending(b"", requests=2), ending(b""), echoing) as server, client(server) as aws:
        aws.send(requests(1))
        assert "ended before an answer" in reason(aws.send(requests(1))[0])
        assert server.connections == 2


def test_a_request_over_a_new_connection_is_not_retried() -> None:
    with Server(ending(b""), echoing) as server, client(server) as aws:
        assert "ended before an answer" in reason(aws.send(requests(1))[0])
        assert server.connections == 1


def test_a_request_with_half_an_answer_is_not_retried() -> None:
    with Server(ending(OK[:-1], requests=2), echoing) as server, client(server) as aws:
        aws.send(requests(1))
        assert "ends in the middle" in reason(aws.send(requests(1))[0])
        assert server.connections == 1


def test_a_connection_with_bytes_that_no_request_asked_for_is_not_used_again() -> None:
    is_sent = threading.Event()

    def behaviour(server_side: ServerSide) -> None:
        server_side.answer(server_side.receive().target.encode())
        server_side.send(OK)
        is_sent.set()
        server_side.wait()

    with Server(behaviour, echoing) as server, client(server) as aws:
        aws.send(requests(1))
        is_sent.wait(5)
        assert bodies(aws.send(requests(1))) == [b"/0"]
        assert server.connections == 2


def test_a_connection_that_was_idle_for_too_long_is_replaced() -> None:
    now = time.time()
    with Server(echoing) as server, client(server, clock=lambda: now) as aws:
        for passes_s, connections in ((0.0, 1), (pool.IDLE_S, 1), (pool.IDLE_S + 1, 2)):
            now += passes_s
            aws.send(requests(1))
            assert server.connections == connections


# ── bounded time ────────────────────────────────────────────────────────────────────────────────────────────────────


def timed(send: Callable[[], list[Outcome]]) -> tuple[list[Outcome], float]:
    began = time.monotonic()
    outcomes = send()
    return outcomes, time.monotonic() - began


def test_a_request_without_an_answer_delays_no_other_and_is_given_up_at_the_deadline() -> None:
    answered_s = []

    def behaviour(server_side: ServerSide) -> None:
        while True:
            request = server_side.receive()
            if request.target == "/7":
                server_side.wait()
            server_side.answer(request.target.encode())
            answered_s.append(time.monotonic())

    with Server(behaviour) as server, client(server, connections=8) as aws:
        began = time.monotonic()
        outcomes, took_s = timed(lambda: aws.send(requests(50), within_s=0.5))
        assert bodies(outcomes) == [b"given up at the deadline" if number == 7 else b"/%d" % number for number in range(50)]
        assert max(answered_s[:49]) - began < 0.4, "the other requests had their answers long before"
        assert 0.5 <= took_s < 2.0
        assert bodies(aws.send(requests(3))) == [b"/0", b"/1", b"/2"], "the late answer is ignored"


def test_a_request_without_an_answer_is_given_up_after_the_timeout_and_the_next_one_is_sent() -> None:
    with Server(silent, echoing) as server, client(server, connections=1, answer_s=SHORT_S) as aws:
        outcomes, took_s = timed(lambda: aws.send(requests(20)))
        assert bodies(outcomes) == [b"no answer within 0.15 s", *(b"/%d" % number for number in range(1, 20))]
        assert SHORT_S <= took_s < 2.0
        assert server.ended.acquire(timeout=5), "its connection is closed"


def test_without_answers_all_requests_are_given_up_at_the_deadline_also_those_that_were_never_sent() -> None:
    with Server(silent) as server, client(server, connections=4) as aws:
        outcomes, took_s = timed(lambda: aws.send(requests(50), within_s=SHORT_S))
        assert bodies(outcomes) == [b"given up at the deadline"] * 50
        assert SHORT_S <= took_s < 2.0
        for _ in range(4):
            assert server.ended.acquire(timeout=5)


def test_an_answer_that_arrives_byte_by_byte_is_given_up_at_the_timeout() -> None:
    def behaviour(server_side: ServerSide) -> None:
        server_side.receive()
        server_side.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        while True:
            time.sleep(0.001)
            server_side.send(b"a: b\r\n")

    with Server(behaviour) as server, client(server, answer_s=SHORT_S) as aws:
        outcomes, took_s = timed(lambda: aws.send(requests(1)))
        assert reason(outcomes[0]) == "no answer within 0.15 s"
        assert took_s < 2.0


def test_a_tls_handshake_that_does_not_end_is_given_up() -> None:
    with Server(lambda server_side: server_side.wait()) as server:
        endpoint = server.endpoint.replace("http:", "https:")
        with ServiceClient("execute-api", endpoint, environment=KEYS, connect_s=SHORT_S) as aws:
            outcomes, took_s = timed(lambda: aws.send(requests(1)))
        assert reason(outcomes[0]) == f"no connection to 127.0.0.1:{server.port} within 0.15 s"
        assert took_s < 2.0


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (ending(OK[:30]), "ends in the middle"),
        (answering_with(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "not an HTTP answer"),
        (answering_with(b"\0" * 70_000), "a head of over"),
        (answering_with(OK.replace(b": 2", b": 99999999")), "over 16777216 bytes"),
    ],
)
def test_bytes_that_are_not_an_answer_are_an_outcome(behaviour: Behaviour, expected: str) -> None:
    with Server(behaviour, echoing) as server, client(server, connections=1) as aws:
        outcomes = aws.send(requests(2))
        assert expected in reason(outcomes[0])
        assert bodies(outcomes[1:]) == [b"/1"]


# ── addresses and credentials ───────────────────────────────────────────────────────────────────────────────────────


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_without_a_server_every_request_is_refused() -> None:
    with ServiceClient("dynamodb", f"http://127.0.0.1:{closed_port()}", environment=KEYS) as aws:
        assert ["Connection refused" in reason(outcome) for outcome in aws.send(requests(40))] == [True] * 40


def test_an_unknown_host_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    def unknown(host: str, port: int, **_: Any) -> Any:
        looked_up.append((host, port))
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with ServiceClient("dynamodb", "https://nowhere.example", environment=KEYS) as aws:
        assert ["not known" in reason(outcome) for outcome in aws.send(requests(40))] == [True] * 40
    assert looked_up == [("nowhere.example", 443)]


def test_the_next_address_is_tried_where_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(echoing) as server, client(server) as aws:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (closed_port(), server.port)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert bodies(aws.send(requests(2))) == [b"/0", b"/1"]


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:8000", "ftp://host", "https://", "http://host:port", "http://[::1"])
def test_an_address_that_is_not_an_endpoint_is_named(endpoint: str) -> None:
    with pytest.raises(LobbyError, match="is not an endpoint; an endpoint looks like https://HOST/STAGE"):
        ServiceClient("dynamodb", endpoint)


@pytest.mark.parametrize("missing", KEYS)
def test_without_credentials_or_region_nothing_is_sent(missing: str) -> None:
    environment = {name: value for name, value in KEYS.items() if name != missing}
    with Server(echoing) as server, client(server, environment=environment) as aws:
        with pytest.raises(LobbyError, match=f"no {missing}"):
            aws.send(requests(1))
        assert server.connections == 0


def test_credentials_are_read_again_for_each_send() -> None:
    keys, received = dict(KEYS), []

    def behaviour(server_side: ServerSide) -> None:
        while True:
            received.append(server_side.receive().headers["authorization"].split("/")[0])
            server_side.send(OK)

    with Server(behaviour) as server, client(server, environment=keys) as aws:
        for key in ("FIRST", "SECOND"):
            keys["AWS_ACCESS_KEY_ID"] = key
            aws.send(requests(1))
    assert received == ["AWS4-HMAC-SHA256 Credential=FIRST", "AWS4-HMAC-SHA256 Credential=SECOND"]


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
def test_tls_accepts_only_servers_that_the_system_trusts(
    certificate: tuple[Path, Path], is_trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    pool.tls_context.cache_clear()
    long = Request("POST", "/long", b"x" * 3_000_000)
    try:
        with Server(echoing, tls=serving_tls(certificate)) as server, client(server, connections=4) as aws:
            for _ in range(3):
                outcomes = aws.send([*requests(10), long])
                if is_trusted:
                    assert bodies(outcomes) == [*(b"/%d" % number for number in range(10)), b"/long"]
                else:
                    assert ["certificate verify failed" in reason(outcome) for outcome in outcomes] == [True] * 11
            assert not is_trusted or server.connections == 4
    finally:
        pool.tls_context.cache_clear()


def test_over_tls_a_long_answer_arrives_and_a_connection_that_ended_is_replaced(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    pool.tls_context.cache_clear()
    body = b"k" * 3_000_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    try:
        with (
            Server(ending(b"", requests=2), answering_with(answer), tls=serving_tls(certificate)) as server,
            client(server) as aws,
        ):
            assert bodies(aws.send(requests(1))) == [b"/0"]
            assert bodies(aws.send(requests(1))) == [body]
            assert bodies(aws.send(requests(1))) == [body]
            assert server.connections == 2
    finally:
        pool.tls_context.cache_clear()
