"""The bill, calculated a second time and independently, from the raw events: python bench/bill.py EVENTS.jsonl

`lobby emulate --events FILE` writes the events. Prices and rules are written down here a second time, from AWS's pages and not
from `lobby.billing`: two calculations with the same mistakes would prove nothing.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# us-east-1, dollars for one of each
MESSAGE, CONNECTION_MINUTE = 1.00 / 1_000_000, 0.25 / 1_000_000
REQUEST, GB_SECOND_ARM = 0.20 / 1_000_000, 0.0000133334
WRITE_UNIT, READ_UNIT = 0.625 / 1_000_000, 0.125 / 1_000_000
LOG_BYTE = 0.50 / 1_000_000_000

LINES = (
    "WebSocket messages",
    "connection time",
    "Lambda requests",
    "Lambda time, arm64",
    "DynamoDB writes",
    "DynamoDB reads",
    "logs written",
)


def dollars(events: Iterable[dict[str, Any]]) -> dict[str, float]:
    """What each line costs, by the names of `lobby.billing`. Connections that are still open are not in it."""
    lines = dict.fromkeys(LINES, 0.0)
    for event in events:
        match event["kind"]:
            case "message_in" | "message_out":
                lines["WebSocket messages"] += math.ceil(max(event["bytes"], 1) / 32_768) * MESSAGE
            case "connection_closed":
                lines["connection time"] += event["seconds"] / 60 * CONNECTION_MINUTE
            case "invocation":
                share_of_a_core = min(1.0, event["memory_mb"] / 1769)
                busy, waiting = event["cpu_ms"] / share_of_a_core, event["ms"] - event["cpu_ms"]
                billed_s = math.ceil(event["init_ms"] + busy + waiting) / 1000
                lines["Lambda requests"] += REQUEST
                lines["Lambda time, arm64"] += billed_s * event["memory_mb"] / 1024 * GB_SECOND_ARM
            case "table":
                lines["DynamoDB writes"] += event["writes"] * WRITE_UNIT
                lines["DynamoDB reads"] += event["reads"] * READ_UNIT
            case "log":
                lines["logs written"] += event["bytes"] * LOG_BYTE
    return lines


def read(file: Path) -> list[dict[str, Any]]:
    """The events of a file."""
    return [json.loads(line) for line in file.read_text().splitlines()]


if __name__ == "__main__":
    for name, sum_ in dollars(read(Path(sys.argv[1]))).items():
        print(f"{name:20} ${sum_:.6f}")
