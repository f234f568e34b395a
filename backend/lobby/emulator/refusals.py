"""Answers to requests that are not emulated, in the form of each protocol. So each SDK raises an error with their text, and
does not try again."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

from aiohttp import web

from lobby.emulator.aws_hosts import Asked

CODE = "NotEmulated"
"""The code of the error. No SDK repeats a request after a code that it does not know with the status 400."""


def refusal_line(asked: Asked) -> str:
    """The line for a call that is not emulated."""
    return f"not emulated: {asked}. The call ended here and did not reach AWS."


def refused(asked: Asked) -> web.Response:
    """The answer to a call that is not emulated."""
    return error_response(asked.protocol, CODE, refusal_line(asked))


def error_response(protocol: str, code: str, message: str) -> web.Response:
    """An error of the client in a protocol: ``json``, ``rest-json``, ``query``, ``rest-xml``, ``ec2`` or ``cbor``."""
    headers = {"x-amzn-ErrorType": code}
    if protocol == "cbor":
        body = b"\xa2" + b"".join(map(_cbor_text, ("__type", code, "message", message)))
        return web.Response(status=400, body=body, content_type="application/cbor", headers={"smithy-protocol": "rpc-v2-cbor"})
    if protocol in ("json", "rest-json"):
        text = json.dumps({"__type": code, "message": message})
        kind = "application/x-amz-json-1.0" if protocol == "json" else "application/json"
        return web.Response(status=400, text=text, content_type=kind, headers=headers)
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if protocol == "rest-xml":
        text = f"<Error>{error}</Error>"
    elif protocol == "ec2":
        text = f"<Response><Errors><Error>{error}</Error></Errors></Response>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    return web.Response(status=400, text=text, content_type="text/xml", headers=headers)


def _cbor_text(text: str) -> bytes:
    """A text in CBOR (RFC 8949, section 3.1)."""
    data = text.encode()
    size = bytes([0x60 + len(data)]) if len(data) < 24 else b"\x79" + len(data).to_bytes(2, "big")
    return size + data
