"""From a stream to a handler: in order, in batches, and what becomes of a batch that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from lobby.emulator import streams
from lobby.emulator.streams import EventSourceMapping, MappingSettings, passes
from tests.emulator.worlds import until


def record(number: int, written_at: float = 0.0) -> dict[str, Any]:
    keys = {"id": {"N": str(number)}}
    return {"eventName": "INSERT", "dynamodb": {"Keys": keys, "ApproximateCreationDateTime": written_at}}


class Handler:
    """Remembers the batches it got; fails for those in which one of ``poison`` is, so many times."""

    def __init__(self, poison: dict[int, int] | None = None) -> None:
        self.batches: list[list[int]] = []
        self.events: list[dict[str, Any]] = []
        self.poison = poison or {}

    async def __call__(self, event: dict[str, Any]) -> None:
        numbers = [int(one["dynamodb"]["Keys"]["id"]["N"]) for one in event["Records"]]
        for number in numbers:
            if self.poison.get(number, 0) > 0:
                self.poison[number] -= 1
                raise RuntimeError("poison")
        self.events.append(event)
        self.batches.append(numbers)


def mapping(
    settings: MappingSettings, records: Sequence[dict[str, Any]], handler: Handler, **options: Any
) -> EventSourceMapping:
    waiting = list(records)

    async def read() -> list[dict[str, Any]]:
        fresh, waiting[:] = list(waiting), []
        return fresh

    return EventSourceMapping(
        settings, read, handler, stream_arn="arn:stream", region="eu-central-1", pause=lambda: 0.001, **options
    )


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RETRY_S", 0.0)


async def test_records_arrive_in_order_in_batches_with_their_source() -> None:
    handler = Handler()
    async with mapping(MappingSettings(batch_size=2), [record(n) for n in range(5)], handler):
        await until(lambda: sum(map(len, handler.batches)) == 5)
    assert handler.batches == [[0, 1], [2, 3], [4]]
    about = {"eventSource": "aws:dynamodb", "eventSourceARN": "arn:stream", "awsRegion": "eu-central-1"}
    assert about.items() <= handler.events[0]["Records"][0].items()


async def test_a_batch_that_fails_is_tried_again_and_everything_behind_it_waits() -> None:
    handler = Handler({1: 2})
    async with mapping(MappingSettings(batch_size=2), [record(n) for n in range(4)], handler):
        await until(lambda: len(handler.batches) == 2)
    assert handler.batches == [[0, 1], [2, 3]]


async def test_a_batch_that_fails_is_halved_where_that_is_wanted() -> None:
    handler = Handler({2: 2})
    async with mapping(MappingSettings(bisects=True), [record(n) for n in range(4)], handler):
        await until(lambda: sum(map(len, handler.batches)) == 4)
    assert handler.batches == [[0, 1], [2], [3]]


async def test_a_batch_that_fails_too_often_is_given_up() -> None:
    handler = Handler({0: 9})
    async with mapping(MappingSettings(batch_size=1, retries=3), [record(n) for n in range(2)], handler):
        await until(lambda: bool(handler.batches))
    assert handler.batches == [[1]]
    assert handler.poison == {0: 9 - 4}


async def test_records_that_are_too_old_are_given_up() -> None:
    handler = Handler()
    records = [record(0, written_at=10), record(1, written_at=95)]
    async with mapping(MappingSettings(max_age_s=60), records, handler, clock=lambda: 100.0):
        await until(lambda: bool(handler.batches))
    assert handler.batches == [[1]]


async def test_a_batch_may_come_twice() -> None:
    handler, again = Handler(), [True, False]
    async with mapping(MappingSettings(), [record(0)], handler, repeats=lambda: again.pop(0)):
        await until(lambda: len(handler.batches) == 2)
    assert handler.batches == [[0], [0]]


async def test_a_record_that_matches_no_filter_is_not_delivered() -> None:
    handler = Handler()
    only = {"dynamodb": {"Keys": {"id": {"N": ["3"]}}}}
    async with mapping(MappingSettings(patterns=(only,)), [record(n) for n in range(5)], handler):
        await until(lambda: bool(handler.batches))
        await asyncio.sleep(0.01)
    assert handler.batches == [[3]]


def test_filters_match_values_existence_and_prefixes() -> None:
    value = {"a": {"S": "hello"}, "b": None}
    assert passes({"a": {"S": ["hi", "hello"]}}, value)
    assert not passes({"a": {"S": ["hi"]}}, value)
    assert passes({"a": {"S": [{"prefix": "he"}]}}, value)
    assert not passes({"a": {"S": [{"prefix": "hi"}]}}, value)
    assert passes({"a": {"S": [{"exists": True}]}, "c": {"S": [{"exists": False}]}}, value)
    assert not passes({"a": [{"exists": True}]}, value), "leaves only"
    with pytest.raises(ValueError, match="is not supported"):
        passes({"a": {"S": [{"begins-with": "h"}]}}, value)
