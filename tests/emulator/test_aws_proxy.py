"""The proxy between functions and AWS's addresses: what it leads where, and what it withstands."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from lobby.emulator.aws_hosts import asked, is_aws
from lobby.emulator.aws_proxy import AwsProxy
from tests.emulator.worlds import PATIENCE_S

OWN = ("127.0.0.1", 8766)


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"{request.host} {request.path} {len(await request.read())}")


async def refuse(method: str, host: str, target: str, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=400, text=f"{method} {host} {target}")


@asynccontextmanager
async def proxy(folder: Path) -> AsyncIterator[AwsProxy]:
    async with AwsProxy(answer, refuse, lambda: OWN, folder) as it:
        yield it


async def sent(it: AwsProxy, *parts: bytes) -> bytes:
    """What the proxy answers to bytes, up to the end of the connection or a pause."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(it.url.rpartition(":")[2]))
    for part in parts:
        writer.write(part)
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError) as ended:
        return ended.partial if isinstance(ended, asyncio.IncompleteReadError) else b""
    finally:
        writer.close()


async def through(it: AwsProxy, place: str, name: str | None, request: bytes) -> tuple[str, bytes]:
    """The name in the certificate and the answer of a host, by TLS behind CONNECT."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(it.url.rpartition(":")[2]))
    writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    context = ssl.create_default_context(cafile=str(it.authority))
    await writer.start_tls(context, server_hostname=name or place.partition(":")[0])
    certificate = writer.get_extra_info("peercert")
    writer.write(request)
    text = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    return str(certificate["subjectAltName"][0][1]), text


@pytest.mark.parametrize(
    "place", ["sqs.eu-west-1.amazonaws.com:443", "a.execute-api.us-east-1.amazonaws.com:443", "127.0.0.1:8766"]
)
async def test_a_host_of_aws_and_the_gateway_have_a_certificate_that_only_functions_trust(place: str, tmp_path: Path) -> None:
    host = place.partition(":")[0]
    async with proxy(tmp_path) as it:
        name, text = await through(
            it, place, None, f"POST /a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi".encode()
        )
        assert name == host
        assert text.endswith(f"{host} /a 2".encode())
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", it.tls_port, ssl=ssl.create_default_context(), server_hostname=host)


async def test_another_host_is_passed_on_byte_by_byte(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(5))[::-1])
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as other, proxy(tmp_path) as it:
        place = f"127.0.0.1:{other.sockets[0].getsockname()[1]}"
        reader, writer = await asyncio.open_connection("127.0.0.1", int(it.url.rpartition(":")[2]))
        writer.write(f"CONNECT {place} HTTP/1.1\r\n\r\nhello".encode())
        assert (await reader.read()).endswith(b"\r\n\r\nolleh")
        writer.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET http://example.com/ HTTP/1.1\r\n\r\n", b"405"),
        (b"CONNECT nowhere HTTP/1.1\r\n\r\n", b"405"),
        (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT 127.0.0.1:99999 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT " + b"a" * 300 + b":443 HTTP/1.1\r\n\r\n", b"502"),
        (b"\x16\x03\x01" + b"\0" * 20_000, b""),
        (b"a" * 40_000, b""),
    ],
    ids=["no CONNECT", "no port", "nothing listens", "no port number", "no name", "TLS", "no head"],
)
async def test_what_is_no_request_gets_an_error_or_nothing(data: bytes, status: bytes, tmp_path: Path) -> None:
    async with proxy(tmp_path) as it:
        assert (await sent(it, data))[9:12] == status
        assert (await sent(it, b"CONNECT sqs.eu-west-1.amazonaws.com:443 HTTP/1.1\r\n\r\n"))[9:12] == b"200"


async def test_frames_that_break_http2_end_their_connection_only(tmp_path: Path) -> None:
    host = "bedrock-runtime.us-east-1.amazonaws.com"
    async with proxy(tmp_path) as it:
        for data in (b"nonsense" * 10, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\1\0\0\0\0\0\0a"):
            context = ssl.create_default_context(cafile=str(it.authority))
            context.set_alpn_protocols(["h2"])
            reader, writer = await asyncio.open_connection("127.0.0.1", it.tls_port, ssl=context, server_hostname=host)
            writer.write(data)
            await asyncio.wait_for(reader.read(), PATIENCE_S)
            writer.close()
        assert (await through(it, f"{host}:443", None, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))[1].endswith(
            b"x / 0"
        )


def test_hosts_of_aws_are_recognized_and_others_are_not() -> None:
    for host in (
        "sqs.eu-west-1.amazonaws.com",
        "S3.AMAZONAWS.COM",
        "a.b.amazonaws.com.cn",
        "x.lambda-url.us-east-1.on.aws",
        "amazonaws.com.",
    ):
        assert is_aws(host), host
    for host in ("example.com", "amazonaws.com.example.org", "notamazonaws.com", "127.0.0.1", "aws", "docs.aws.amazon.com"):
        assert not is_aws(host), host


@pytest.mark.parametrize(
    ("method", "host", "target", "headers", "body", "named"),
    [
        ("POST", "sqs.eu-west-1.amazonaws.com", "/", {"X-Amz-Target": "AmazonSQS.SendMessage"}, b"", "sqs SendMessage"),
        ("POST", "sqs.eu-west-1.amazonaws.com", "/", {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=A",
         "sqs A"),
        ("GET", "b.s3.eu-west-1.amazonaws.com", "/a%20b/c?x-id=GetObject", {}, b"", "s3 GetObject"),
        ("GET", "s3.dualstack.eu-west-1.amazonaws.com", "/bucket/key?acl", {}, b"", "s3 GetObjectAcl"),
        ("GET", "b.s3.amazonaws.com", "/?list-type=2", {}, b"", "s3 ListObjectsV2"),
        ("DELETE", "b.s3.amazonaws.com", "/", {}, b"", "s3 DeleteBucket"),
        ("POST", "lambda.us-east-1.amazonaws.com", "/2015-03-31/functions/f/invocations", {}, b"", "lambda Invoke"),
        ("GET", "other.execute-api.us-east-1.amazonaws.com", "/x", {}, b"", "apigatewaymanagementapi GET /x"),
        ("POST", "nothing.us-east-1.amazonaws.com", "/x", {}, b"", "nothing POST /x"),
        ("POST", "x", "/service/S/operation/O", {"Smithy-Protocol": "rpc-v2-cbor"}, b"", "an unknown service O"),
    ],
)  # fmt: skip
def test_service_and_operation_of_a_request_are_found(
    method: str, host: str, target: str, headers: dict[str, str], body: bytes, named: str
) -> None:
    assert str(asked(method, host, target, headers, body)) == named
