"""What all commands print in the same way."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lobby.billing import Usage, bill
from lobby.terminal import bill_table, one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Ann", "Ann"),
        ("\x1b[2Jx\n", "·[2Jx·"),
        ("a\u202eb\u061cc", "abc"),
        ("e\u0301", "é"),
        ("z\u0335\u0336", "z"),
    ],
)
def test_one_line_has_no_characters_that_a_terminal_would_obey(text: str, line: str) -> None:
    assert one_line(text) == line


def shown(usage: Usage, *columns: str) -> str:
    console = Console(width=120, file=io.StringIO())
    console.print(bill_table(bill(usage), columns) if columns else bill_table(bill(usage)))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_bill_shows_lines_with_a_quantity_and_the_total() -> None:
    lines = [line.split() for line in shown(Usage(messages_in=2_000_000, invocations=10, hours=0.5)).splitlines()]
    assert lines == [
        ["quantity", "so", "far", "per", "hour", "per", "day", "per", "month"],
        ["WebSocket", "messages", "2,000,000", "of", "32", "KB", "$2.000000", "$3.4740", "$83.375", "$2,536.00"],
        ["Lambda", "requests", "10", "requests", "$0.000002", "$0.0000", "$0.000", "$0.00"],
        ["total", "$2.000002", "$3.4740", "$83.375", "$2,536.00"],
    ]


def test_a_bill_shows_the_columns_that_it_is_asked_for() -> None:
    text = shown(Usage(messages_in=1e6, hours=1), "so far", "per month")
    assert "per month" in text
    assert "per day" not in text


def test_without_metered_time_a_bill_has_no_price_per_month() -> None:
    assert "$1.000000" in shown(Usage(messages_in=1e6))
    assert shown(Usage(messages_in=1e6)).count("$") == 2
