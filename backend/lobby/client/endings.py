"""Why connections end, and whether to come back. The codes are those of :mod:`lobby.errors`."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from lobby.client.constants import SENTENCE_CHARACTERS
from lobby.errors import CODES

CLOSES: dict[int, str] = {
    1000: "the lobby closed the connection",
    1001: "the lobby is going away",
    1006: "the connection broke off",
    1009: "a message was too large",
    1011: "the lobby had an error",
    1012: "the lobby restarts",
    1013: "the lobby is busy",
}
"""Close codes that are not the lobby's own, with their meaning for people. 1006: there was no close at all."""

FIRST, FIRST_FINAL, LAST = 4000, 4500, 4999
"""The lobby's own close codes. From ``FIRST_FINAL`` on they mean: do not come back until a person has changed something."""

# Characters that turn the reading direction around.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


class Ending(NamedTuple):
    """Why a connection ended.

    ``code``: the code of its closing error or close, empty if there is none. ``text``: half a sentence for people.
    ``is_final``: do not come back. ``is_unexplained``: a plain close without a reason. Its error may have been lost, so the
    pauses before retries grow.
    """

    code: str
    text: str
    is_final: bool = False
    is_unexplained: bool = False


def is_own(close: int) -> bool:
    """Whether ``close`` is one of the lobby's own close codes, which say whether to come back."""
    return FIRST <= close <= LAST


def is_final(code: str, close: int) -> bool:
    """Whether not to come back: as ``close`` says, and if it is not the lobby's own, as the error ``code`` says."""
    if is_own(close):
        return close >= FIRST_FINAL
    return ends(code) and not CODES[code].retry


def ends(code: str) -> bool:
    """Whether the error ``code`` ends a connection."""
    return code in CODES and CODES[code].close is not None


def code_of(close: int) -> str:
    """The error that closes with ``close``; empty if none does, and for codes that are not the lobby's own."""
    return next((code for code, row in CODES.items() if row.close == close and is_own(close)), "")


def meaning(code: str, close: int) -> str:
    """What an end means, for people."""
    return CODES[code].meaning if ends(code) else CLOSES.get(close, f"the connection was closed with {close}")


def one_line(text: str, characters: int = SENTENCE_CHARACTERS) -> str:
    """``text`` as one line that can be read: control characters and those that turn the reading direction become spaces."""
    kept = (" " if c in _BIDI or unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in text[: 4 * characters])
    return "".join(kept).strip()[:characters]
