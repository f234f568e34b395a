"""The meaning of a handler's answer to the gateway. No I/O."""

from __future__ import annotations

import base64
import re
from typing import Any

_NAME, _CONTROL = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DROPPED_FROM_CONNECT = {"connection", "upgrade", "content-length", "transfer-encoding", "sec-websocket-accept"}


def connect_answer(result: Any) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers from the answer of ``$connect``. Raises ValueError if the answer is not a proxy response."""
    status = result.get("statusCode") if isinstance(result, dict) else None
    if not (isinstance(status, int | str) and str(status).isdecimal() and 200 <= int(status) < 600):
        raise ValueError("a proxy response needs a statusCode")
    single, many = result.get("headers") or {}, result.get("multiValueHeaders") or {}
    if not (isinstance(single, dict) and isinstance(many, dict) and all(isinstance(values, list) for values in many.values())):
        raise ValueError("the headers of a proxy response must be an object")
    pairs = [(name, str(value)) for name, value in single.items()]
    pairs += [(name, str(value)) for name, values in many.items() for value in values]
    if not all(_NAME.fullmatch(name) and not _CONTROL.search(value) and _is_text(value) for name, value in pairs):
        raise ValueError("a header of a proxy response has a name or a value that HTTP does not allow")
    return int(status), [pair for pair in pairs if pair[0].lower() not in _DROPPED_FROM_CONNECT]


def response_body(result: Any) -> str | None:
    """The text that a route response sends: the body of the proxy response. None if there is no body. Raises ValueError if the
    body should be base64 and is not."""
    body = result.get("body") if isinstance(result, dict) else None
    if not isinstance(body, str):
        return None
    return base64.b64decode(body).decode(errors="replace") if result.get("isBase64Encoded") else body


def _is_text(value: str) -> bool:
    """Whether UTF-8 can represent the text. Half of a surrogate pair, which JSON can contain, is no text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
