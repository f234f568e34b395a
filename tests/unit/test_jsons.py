"""The JSON of the Lambda function is the same as that of `lobby serve`."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby.jsons import own_dumps, own_loads

scalars = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(-1e9, 1e9).map(lambda x: round(x, 2) + 0.0)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


@given(values)
def test_each_reads_what_the_other_writes(value: Any) -> None:
    for text in (own_dumps(value), orjson.dumps(value), orjson.dumps(value).decode()):
        assert own_loads(text) == orjson.loads(text) == value


@given(st.integers(-(10**9), 10**9).map(lambda hundredths: hundredths / 100))
def test_both_write_the_same_positions(x: float) -> None:
    assert own_dumps({"x": x}) == orjson.dumps({"x": x})


@given(st.text(alphabet='{}[]":,.0123456789eE+-ntfalsrueNI \\u\ud800', max_size=40))
def test_both_refuse_the_same_texts(text: str) -> None:
    def accepts(loads: Any) -> bool:
        try:
            loads(text)
        except ValueError:
            return False
        return True

    assert accepts(own_loads) == accepts(orjson.loads)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '"\\ud800"', "[" * 1024, "", "{"])
def test_text_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the sender receives the code bad_json, not this text
        own_loads(text)
