"""JSON text: by orjson where there is one, by Python's own library in the Lambda, whose zip has no compiled parts.

Both read the same texts and write the same ones; ``tests/unit/test_jsons.py`` holds them against each other. Twice a message,
so speed counts where a thousand players are served by one core, and does not where each message is an invocation of its own.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def own_loads(text: str) -> Any:
    """What ``text`` says. Raises ValueError for what is not JSON: NaN, infinities and lone surrogates are not."""
    try:
        text.encode()
        value = json.loads(text, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()  # an escaped surrogate without its other half is no text
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def own_dumps(value: object) -> str:
    """``value`` as JSON, without spaces."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


try:
    import orjson
except ImportError:
    loads, dumps = own_loads, own_dumps
else:
    loads = orjson.loads  # type: ignore[assignment]  # which takes bytes as well

    def dumps(value: object) -> str:
        """``value`` as JSON, without spaces."""
        return orjson.dumps(value).decode()
