"""A report for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lobby.billing import MONTH_HOURS
from lobby.monitor.reading import ASKING, PERCENTILES, WANTED, Report
from lobby.presence import Presence

NAMES_SHOWN = 8
"""Players named in a line of the table of rooms."""

GROUPS: dict[str, dict[str, str]] = {
    "Lobby": {
        "players": "players in the fullest room",
        "joins": "joins",
        "leaves": "leaves",
        "messages": "messages understood",
        "gone": "posts to nobody",
        "throttled": "posts not taken",
        "errors": "invocations that failed",
    },
    "AWS": {
        "messages_billed": "messages, both ways",
        "invocations": "invocations",
        "write_units": "write units",
        "read_units": "read units",
        "log_bytes": "bytes of logs",
        "gateway_errors": "errors of the gateway",
        "function_errors": "errors of the function",
        "function_throttles": "invocations refused",
        "throttled_writes": "writes refused",
        "throttled_reads": "reads refused",
        "stream_late_ms": "joins and leaves late by, ms",
    },
}
"""What is shown of the figures, and how it is called."""

TROUBLE = frozenset(
    {"throttled", "errors", "gateway_errors", "function_errors", "function_throttles", "throttled_writes", "throttled_reads"}
)
"""Figures that should be 0."""


def drawn(report: Report) -> RenderableType:
    """The report for people."""
    return Group(_here(report), Text(), _measured(report), Text(), _billed(report))


def _here(report: Report) -> RenderableType:
    here = report.who
    table = _table()
    if report.room:
        for name in ("player", "name", "status"):
            table.add_column(name)
        for name in ("x", "y", "moved", "here since"):
            table.add_column(name, justify="right")
        for row in here.rooms.get(report.room, []):
            place = f"{row.at.x:,.2f}", f"{row.at.y:,.2f}", _clock(row.moved_ms), _clock(row.joined_ms)
            table.add_row(*map(Text, (row.player, row.name, row.status)), *place)
    else:
        table.add_column("room")
        table.add_column("players", justify="right")
        table.add_column("")
        for room, rows in here.rooms.items():
            table.add_row(Text(room), f"{len(rows)}", Text(_named(rows)))
    how = f"The table {report.lobby.table} was {'scanned' if here.scanned else f'asked for the room {report.room}'}"
    title = f"{_count(here.players, 'player')} in {_count(len(here.rooms), 'room')} now"
    return _framed(title, table, f"{how}: {here.read_units:,g} read units.")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _named(rows: list[Presence]) -> str:
    names = [row.name or row.player for row in rows[:NAMES_SHOWN]]
    return ", ".join(names) + (f" and {len(rows) - NAMES_SHOWN} more" if len(rows) > NAMES_SHOWN else "")


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M:%S}" if ms else ""


def _measured(report: Report) -> RenderableType:
    table = _table()
    for name in ("", "", "a minute"):
        table.add_column(name, justify="right" if name else "left")
    table.columns[1].justify = "right"
    for group, lines in GROUPS.items():
        for key, name in lines.items():
            value = report.figures[key]
            style = "bold red" if key in TROUBLE and value else ""
            is_sum = value is not None and WANTED[key].stat == "Sum"
            a_minute = f"{value / report.minutes:,.1f}" if is_sum and value is not None else ""
            table.add_row(f"{group}: {name}", "–" if value is None else f"{value:,.0f}", a_minute, style=style)
    for name in ("handler_ms", "fanout_ms"):
        found = [(stat, report.figures[f"{name}_{stat}"]) for stat in PERCENTILES]
        shown = "  ".join(f"{stat} {'–' if value is None else f'{value:,.0f}'}" for stat, value in found)
        table.add_row(f"Lobby: {name}", shown, "")
    asked = len({(wanted.namespace, wanted.name) for wanted in WANTED.values()})
    until = f"{datetime.fromtimestamp(report.end_s, UTC):%H:%M}"
    price = f"CloudWatch charges ${asked * ASKING:.5f} for being asked for these {asked} metrics."
    return _framed(f"The {_count(report.minutes, 'minute')} until {until} UTC", table, price)


def _billed(report: Report) -> RenderableType:
    table = _table()
    table.add_column("")
    for name in ("quantity", "per hour", "per day", "per month"):
        table.add_column(name, justify="right")
    for line in report.bill.lines:
        if line.quantity:
            month = line.per_month or 0.0
            quantity = f"{line.quantity:,.0f}" if line.quantity >= 100 else f"{line.quantity:.3g}"
            table.add_row(line.name, f"{quantity} {line.unit}", *_each(month))
    table.add_row("total", "", *_each(report.bill.per_month or 0.0), style="bold")
    return _framed(
        f"The bill, if it went on as in the {_count(report.minutes, 'minute')} above",
        table,
        "An estimate from these metrics, at list prices of us-east-1 (lobby/budget.py), no free tier, no taxes. Connection "
        f"time is that of the {_count(len(report.who.rows), 'connection')} above. Not in it, since AWS has no metric of them: "
        "traffic ($0.09 a GB after 100) and what cold starts take.",
    )


def _each(month: float) -> Iterator[str]:
    yield f"${month / MONTH_HOURS:,.4f}"
    yield f"${month / MONTH_HOURS * 24:,.3f}"
    yield f"${month:,.2f}"


def _table() -> Table:
    return Table(box=None, header_style="bold")


def _framed(title: str, table: Table, small_print: str) -> RenderableType:
    return Group(Text(title, "bold"), table, Text(small_print, "dim"))


def plain(report: Report) -> dict[str, Any]:
    """The report for machines: what JSON can say."""
    it = report.bill
    return {
        "account": report.account,
        "region": report.region,
        "stage": report.lobby.stage,
        "until": datetime.fromtimestamp(report.end_s, UTC).isoformat(),
        "minutes": report.minutes,
        "here": {
            "scanned": report.who.scanned,
            "read_units": report.who.read_units,
            "connections": len(report.who.rows),
            "players": report.who.players,
            "rooms": {name: [_player(row) for row in rows] for name, rows in report.who.rooms.items()},
        },
        "metrics": dict(report.figures),
        "bill": {
            "what": "estimate at list prices of us-east-1, without free tiers, taxes, traffic and cold starts",
            "lines": {
                line.name: {"quantity": line.quantity, "unit": line.unit, "per_month": line.per_month} for line in it.lines
            },
            "per_hour": it.per_hour,
            "per_day": None if it.per_hour is None else it.per_hour * 24,
            "per_month": it.per_month,
        },
    }


def _player(row: Presence) -> dict[str, Any]:
    return {
        "player": row.player,
        "name": row.name,
        "status": row.status,
        "x": row.at.x,
        "y": row.at.y,
        "joined_ms": row.joined_ms,
        "moved_ms": row.moved_ms,
    }
