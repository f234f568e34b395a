"""HTTP answers are read from bytes that arrive in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby.serverless.aws.answers import HEAD_BYTES, Answer, answer_reader

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Amzn-RequestId: r-1\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n02\r\nlo\r\n0\r\nTrailer: t\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\nDate: today\r\n\r\n"


def read(*pieces: bytes, limit: int = 1_000) -> tuple[Answer, bool]:
    reader = answer_reader(limit)
    next(reader)
    for piece in pieces:
        try:
            reader.send(piece)
        except StopIteration as stop:
            found: tuple[Answer, bool] = stop.value
            return found
    raise AssertionError("the answer is not complete")


def test_an_answer_with_a_length() -> None:
    assert read(OK) == (Answer(200, {"content-length": "5", "x-amzn-requestid": "r-1"}, b"hello"), True)


def test_an_answer_in_chunks() -> None:
    assert read(CHUNKED) == (Answer(200, {"transfer-encoding": "chunked"}, b"hello"), True)


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body(status: int) -> None:
    assert read(EMPTY.replace(b"204", b"%d" % status)) == (Answer(status, {"date": "today"}, b""), True)


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    assert read(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo", b"") == (Answer(200, {}, b"hello"), False)


@pytest.mark.parametrize(
    "sent",
    [
        OK.replace(b"X-Amzn-RequestId: r-1", b"Connection: Close"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        OK + b"and more",
        EMPTY + b"and more",
    ],
)
def test_after_some_answers_a_connection_cannot_be_used_again(sent: bytes) -> None:
    _, is_reusable = read(sent)
    assert not is_reusable


@given(st.sampled_from([OK, CHUNKED, EMPTY]), st.lists(st.integers(0, 120)))
def test_an_answer_is_the_same_however_its_bytes_are_cut_into_pieces(sent: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(sent)) for cut in cuts} | {0, len(sent)})
    pieces = [sent[start:end] for start, end in pairwise(ends)]
    assert read(*pieces) == read(sent)


@given(st.sampled_from([OK, CHUNKED, EMPTY]), st.integers(0, 200))
def test_an_answer_that_ends_in_the_middle_is_an_error(sent: bytes, length: int) -> None:
    with pytest.raises(ValueError, match="ends in the middle"):
        read(*filter(None, [sent[: length % len(sent)]]), b"")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not an HTTP answer"),
        (b"HTTP/1.1 OK\r\n\r\n", "not an HTTP answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "not an HTTP answer"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "not an HTTP answer"),
        (OK.replace(b"Length: 5", b"Length: -5"), "not a length"),
        (OK.replace(b"Length: 5", b"Length: five"), "invalid literal"),
        (OK.replace(b"Length: 5", b"Length: 1001"), "over 1000 bytes"),
        (CHUNKED.replace(b"3;", b"x;"), "invalid literal"),
        (CHUNKED.replace(b"3;", b"+3;"), "not a length"),
        (CHUNKED.replace(b"3;", b"2;"), "longer than its stated size"),
        (CHUNKED.replace(b"\r\n02", b"\r\n3e6"), "over 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_001, "over 1000 bytes"),
        (b"x" * (HEAD_BYTES + 1), "a head of over"),
        (CHUNKED[:48] + b"1" * (HEAD_BYTES + 1), "a head of over"),
    ],
)
def test_bytes_that_are_not_an_answer_are_an_error_with_the_reason(sent: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(sent, b"")


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_garbage_raises_no_other_error(first: bytes, second: bytes) -> None:
    for sent in (first, OK.replace(b"5", first), CHUNKED.replace(b"hel", first), b"HTTP/1.1 " + first + b"\r\n\r\n"):
        try:
            read(*filter(None, [sent, second]), b"")
        except ValueError:
            pass
