"""Which events of the logs of functions `lobby emulate` shows without --logs."""

from __future__ import annotations

import pytest

from lobby.tools.emulate import is_detail

AT = "2026-12-01T15:30:02.034Z"


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (f"[INFO]\t{AT}\tid\thello", True),
        (f"[WARNING]\t{AT}\tid\thello", False),
        ("[ERROR] KeyError: 'x'\nTraceback", False),
        (f"{AT}\tid\tINFO\thello", True),
        (f"{AT}\t\tDEBUG\thello", True),
        (f"{AT}\tid\tERROR\thello", False),
        ('{"level": "INFO", "message": "x"}', True),
        ('{"level": "WARN", "message": "x"}', False),
        ('{"_aws": {}}', True),
        ("[1, 2]", False),
        ("printed", False),
        ("not emulated: sqs SendMessage. The call ended here and did not reach AWS.", False),
    ],
)
def test_events_of_the_level_info_and_below_are_details(line: str, detail: bool) -> None:
    assert is_detail(line) is detail
