"""JSON: by orjson where it is installed, by Python's own library in the Lambda, whose zip has no compiled parts.

Both read the same texts and write the same bytes; ``tests/unit/test_jsons.py`` compares them. JSON is read or written twice for
each message, so its speed matters where one core serves a thousand players. In the Lambda each message is an invocation of its
own, and it does not.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def own_loads(frame: bytes | str) -> Any:
    """The value of ``frame``. Raises ValueError for text that is not JSON: NaN, infinities and lone surrogates are not."""
    try:
        text = frame if isinstance(frame, str) else frame.decode()
        text.encode()
        value = json.loads(text, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()  # an escaped surrogate without its other half is no text
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def own_dumps(value: object) -> bytes:
    """``value`` as JSON, without spaces."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


try:
    import orjson
except ImportError:
    loads, dumps = own_loads, own_dumps
else:
    loads, dumps = orjson.loads, orjson.dumps  # type: ignore[assignment]
