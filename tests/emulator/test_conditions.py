"""Latency, faults and what is metered."""

from __future__ import annotations

import io
import json
import statistics

import pytest

from lobby.billing import Usage
from lobby.emulator import Conditions
from lobby.emulator.conditions import FAULTS, LATENCIES
from lobby.emulator.metering import Metering, cpu_factor


@pytest.mark.parametrize("kind", LATENCIES["aws"])
def test_latencies_follow_the_table(kind: str) -> None:
    conditions, takes = Conditions("aws"), LATENCIES["aws"][kind]
    drawn = sorted(conditions.delay(kind) * 1000 for _ in range(20_000))
    assert statistics.median(drawn) == pytest.approx(takes.median, rel=0.05)
    assert drawn[-200] == pytest.approx(takes.p99, rel=0.15)


def test_without_latency_nothing_waits_and_without_faults_nothing_happens() -> None:
    conditions = Conditions()
    assert {conditions.delay(kind) for kind in LATENCIES["aws"]} == {0.0}
    assert not any(conditions.happens(fault) for fault in FAULTS)
    assert conditions.dies_after() is None


def test_the_same_seed_is_the_same_run() -> None:
    def draws(seed: int) -> list[object]:
        conditions = Conditions("aws", dict.fromkeys(FAULTS, 0.5), seed)
        return [(conditions.delay("post"), conditions.happens("throttled-posts")) for _ in range(20)]

    assert draws(1) == draws(1) != draws(2)


def test_a_fault_happens_as_often_as_it_should() -> None:
    conditions = Conditions(faults={"lost-disconnects": 0.25})
    assert sum(conditions.happens("lost-disconnects") for _ in range(10_000)) == pytest.approx(2_500, rel=0.1)


def test_events_are_metered_as_by_aws_and_written_to_the_log() -> None:
    now, log = [100.0], io.StringIO()
    metering = Metering(lambda: now[0], log)
    metering.open_s = lambda: 5.0
    metering("message_in", bytes=60)
    metering("message_out", bytes=40_000)
    metering("connection_closed", seconds=55.0)
    metering("invocation", ms=10.2, cpu_ms=2.0, init_ms=100.0, memory_mb=512, cold=1, failed=0)
    metering("table", operation="Query", reads=4.0, writes=0.0, status="200")
    metering("log", bytes=100)
    metering("post", status=200, bytes=10)
    now[0] += 3_600
    slower = 2.0 * (1769 / 512 - 1)
    assert metering.usage == Usage(
        messages_in=1,
        messages_out=2,
        connection_ms=60_000,
        invocations=1,
        gb_ms=(int(10.2 + 100 + slower) + 1) * 0.5,
        read_units=4,
        log_bytes=100,
        egress_bytes=40_004,
        hours=1,
    )
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["kind"] for line in lines] == [
        "message_in", "message_out", "connection_closed", "invocation", "table", "log", "post",
    ]  # fmt: skip
    assert lines[0] == {"t": 100.0, "kind": "message_in", "bytes": 60}


def test_a_function_with_more_than_a_core_works_no_faster() -> None:
    assert [cpu_factor(mb) for mb in (1769, 3008)] == [1.0, 1.0]
    assert cpu_factor(512) == pytest.approx(3.455, rel=0.001)
