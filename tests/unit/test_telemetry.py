"""When the function writes its metrics into its log."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from lobby.telemetry import FLUSH_MS, PROMPT, VALUES, Metrics, log


def read(line: str | None) -> dict[str, Any]:
    assert line is not None
    parsed: dict[str, Any] = json.loads(line)
    return {name: value for name, value in parsed.items() if name not in ("_aws", "Stage")}


def test_times_are_collected_for_ten_seconds_and_counts_are_added_up() -> None:
    metrics = Metrics("dev")
    for ms in (3.5, 4.5):
        metrics.measured("handler_ms", ms)
        metrics.measured("messages", 1)
        assert metrics.line(1_000) is None
    assert metrics.line(1_000 + FLUSH_MS - 1) is None
    assert read(metrics.line(1_000 + FLUSH_MS)) == {"handler_ms": [3.5, 4.5], "messages": 2}
    assert metrics.line(1_000 + 2 * FLUSH_MS) is None


def test_no_line_has_more_values_of_one_metric_than_cloudwatch_reads() -> None:
    metrics = Metrics("dev")
    lines = []
    for ms in range(VALUES):
        metrics.measured("handler_ms", ms)
        lines.append(metrics.line(1_000))
    assert lines[:-1] == [None] * (VALUES - 1)
    assert len(read(lines[-1])["handler_ms"]) == VALUES


@pytest.mark.parametrize("name", PROMPT)
def test_rare_metrics_are_written_at_once(name: str) -> None:
    metrics = Metrics("dev")
    metrics.measured("handler_ms", 3.5)
    assert metrics.line(1_000) is None
    metrics.measured(name, 1)
    assert read(metrics.line(1_001)) == {"handler_ms": 3.5, name: 1}


def test_each_line_of_the_log_begins_with_its_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lobby")
    log("joined", player="ann")
    line = json.loads(caplog.messages[0])
    assert list(line) == ["time", "level", "event", "player"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
