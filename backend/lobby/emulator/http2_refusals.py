"""Refusals for clients that use HTTP/2, by h2. The emulated services use HTTP/1.1. Some SDKs use HTTP/2 for others, as that for
JavaScript does for Bedrock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from aiohttp import web
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived
from h2.exceptions import ProtocolError

Refuse = Callable[[str, str, str, Mapping[str, str]], Awaitable[web.Response]]
"""Takes method, host, target and headers of a request. Returns the answer."""


class Http2Refusals(asyncio.Protocol):
    """One connection. Each request gets its answer at once, because some requests never end."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._transport: asyncio.Transport
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the settings."""
        self._transport = cast(asyncio.Transport, transport)
        self._http.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Reads frames. A violation of the protocol ends the connection."""
        try:
            for event in self._http.receive_data(data):
                if isinstance(event, RequestReceived):
                    task = asyncio.create_task(self._answer(event))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                elif isinstance(event, DataReceived) and event.flow_controlled_length:
                    self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        except ProtocolError:
            self._flush()
            self._transport.close()
            return
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the requests."""
        for task in self._tasks:
            task.cancel()

    async def _answer(self, request: RequestReceived) -> None:
        headers = {str(name).title(): str(value) for name, value in request.headers or ()}
        method, host, target = (headers.pop(name, "") for name in (":Method", ":Authority", ":Path"))
        response = await self._refuse(method, host or headers.get("Host", ""), target, headers)
        body = cast(bytes, response.body)
        fields = [(name.lower(), value) for name, value in response.headers.items()]
        try:
            self._http.send_headers(request.stream_id, [(":status", str(response.status)), *fields])
            self._http.send_data(request.stream_id, body, end_stream=True)
        except ProtocolError:
            return  # the client has reset the request
        self._flush()

    def _flush(self) -> None:
        if data := self._http.data_to_send():
            self._transport.write(data)
