"""The way from functions to the emulator: AWS's addresses lead here, by a proxy for HTTPS that ends TLS.

A certificate authority is made at the start. Only the functions of the stack trust it, and its key never leaves this process.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import trustme
from aiohttp import web

from lobby.emulator.aws_hosts import is_aws
from lobby.emulator.connections import FilteredProtocol
from lobby.emulator.http2_refusals import Http2Refusals, Refuse
from lobby.logs import bounded_logger

HERE = "127.0.0.1"
CONNECT_S = 10.0
"""How long the proxy waits for a host that is not of AWS."""

HEAD_BYTES = 16_384
_CONNECT = re.compile(rb"CONNECT \[?([^\s\]]+?)\]?:(\d+) HTTP/1\.[01]\r\n")

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class AwsProxy:
    """Answers for AWS's hosts on loopback. ``async with`` it.

    ``answer`` answers each request to a host of AWS and to ``own()``, which are host and port of the gateway. Connections to
    all other hosts are passed on. ``refuse`` answers requests that come by HTTP/2. ``folder`` is for the certificates.
    """

    def __init__(self, answer: Answer, refuse: Refuse, own: Callable[[], tuple[str, int]], folder: Path) -> None:
        self._own, self._refuse = own, refuse
        self._authority = trustme.CA(organization_name="local emulator")
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._http = web.Server(answer, logger=bounded_logger(f"{__name__}.http"), access_log=None)
        self._tls: asyncio.Server
        self._proxy: asyncio.Server
        self._relays: set[asyncio.Task[None]] = set()
        self.authority, self.bundle = folder / "authority.pem", folder / "bundle.pem"

    @property
    def tls_port(self) -> int:
        """The port of 127.0.0.1 that answers for each host of AWS, by TLS."""
        port: int = self._tls.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The address for ``HTTPS_PROXY``."""
        return f"http://{HERE}:{self._proxy.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        from botocore.httpsession import get_cert_path

        own = self._authority.cert_pem.bytes()
        self.authority.write_bytes(own)
        self.bundle.write_bytes(Path(get_cert_path(True)).read_bytes() + b"\n" + own)
        # A client that gives no name has an address: that of the gateway.
        context = self._context(self._own()[0])
        context.sni_callback = self._choose
        loop = asyncio.get_running_loop()
        self._tls = await loop.create_server(lambda: _Chosen(self._http, self._refuse), HERE, 0, ssl=context)
        self._proxy = await asyncio.start_server(self._serve, HERE, 0, limit=HEAD_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in (self._proxy, self._tls):
            server.close()
        for relay in set(self._relays):
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        self._http.pre_shutdown()
        await self._http.shutdown(1.0)

    def _context(self, name: str) -> ssl.SSLContext:
        """A context with a certificate for a name."""
        if name not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["http/1.1", "h2"])
            self._authority.issue_cert(*dict.fromkeys((name, "localhost", HERE))).configure_cert(context)
            self._contexts[name] = context
        return self._contexts[name]

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name and (is_aws(name) or name == "localhost"):  # other names would only fill the memory
            connection.context = self._context(name)

    # ── CONNECT ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        try:
            await self._relay(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self._relays.discard(task)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _CONNECT.match(head)
        if found is None:
            writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\nContent-Length: 0\r\n\r\n")
            return
        host, port = found[1].decode("ascii", "replace"), int(found[2])
        if is_aws(host) or (host, port) == self._own():
            host, port = HERE, self.tls_port
        try:
            async with asyncio.timeout(CONNECT_S):
                there_reader, there = await asyncio.open_connection(host, port)
        except (OSError, OverflowError, ValueError):  # also a port or a name that cannot exist
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_copy(reader, there), _copy(there_reader, writer))
        finally:
            there.close()


class _Chosen(asyncio.Protocol):
    """Gives a connection to the protocol that client and server have agreed on."""

    def __init__(self, http: web.Server, refuse: Refuse) -> None:
        self._http, self._refuse = http, refuse

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        is_http2 = transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        chosen = Http2Refusals(self._refuse) if is_http2 else FilteredProtocol(self._http)
        transport.set_protocol(chosen)
        chosen.connection_made(transport)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies bytes to the end."""
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()
