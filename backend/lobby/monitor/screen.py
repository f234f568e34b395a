"""Shows a report: as tables, and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lobby.monitor.reading import METRIC_REQUEST_DOLLARS, PERCENTILES, QUERIES, Report
from lobby.presence import Presence
from lobby.terminal import bill_table

NAMES_SHOWN = 8
"""The largest number of players named for one room."""

GROUPS: dict[str, dict[str, str]] = {
    "Lobby": {
        "players": "players in the fullest room",
        "joins": "joins",
        "leaves": "leaves",
        "messages": "valid messages",
        "gone": "posts to closed connections",
        "throttled": "posts refused",
        "errors": "failed invocations",
    },
    "AWS": {
        "messages_billed": "messages in and out",
        "invocations": "invocations",
        "write_units": "write units",
        "read_units": "read units",
        "log_bytes": "bytes of logs",
        "gateway_errors": "errors of the gateway",
        "function_errors": "errors of the function",
        "function_throttles": "refused invocations",
        "throttled_writes": "refused writes",
        "throttled_reads": "refused reads",
        "stream_late_ms": "delay of joins and leaves, ms",
    },
}
"""The figures that are shown, with their labels."""

TROUBLE = frozenset(
    {"throttled", "errors", "gateway_errors", "function_errors", "function_throttles", "throttled_writes", "throttled_reads"}
)
"""Figures that should be 0."""


def render(report: Report) -> RenderableType:
    """The report as tables."""
    return Group(_presences(report), Text(), _figures(report), Text(), _bill(report))


def _presences(report: Report) -> RenderableType:
    here = report.presences
    table = _table()
    if report.room:
        for name in ("player", "name", "status"):
            table.add_column(name)
        for name in ("x", "y", "moved", "joined"):
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
    how = f"A Scan of the table {report.lobby.table}" if here.scanned else f"A Query for the room {report.room}"
    title = f"{_count(here.players, 'player')} in {_count(len(here.rooms), 'room')} now"
    return _framed(title, table, f"{how} consumed {here.read_units:,g} read units.")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _named(rows: list[Presence]) -> str:
    names = [row.name or row.player for row in rows[:NAMES_SHOWN]]
    return ", ".join(names) + (f" and {len(rows) - NAMES_SHOWN} more" if len(rows) > NAMES_SHOWN else "")


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M:%S}" if ms else ""


def _figures(report: Report) -> RenderableType:
    table = _table()
    for name in ("", "", "a minute"):
        table.add_column(name, justify="right" if name else "left")
    table.columns[1].justify = "right"
    for group, lines in GROUPS.items():
        for key, name in lines.items():
            value = report.figures[key]
            style = "bold red" if key in TROUBLE and value else ""
            is_sum = value is not None and QUERIES[key].stat == "Sum"
            a_minute = f"{value / report.minutes:,.1f}" if is_sum and value is not None else ""
            table.add_row(f"{group}: {name}", "–" if value is None else f"{value:,.0f}", a_minute, style=style)
    for name in ("handler_ms", "fanout_ms"):
        found = [(stat, report.figures[f"{name}_{stat}"]) for stat in PERCENTILES]
        shown = "  ".join(f"{stat} {'–' if value is None else f'{value:,.0f}'}" for stat, value in found)
        table.add_row(f"Lobby: {name}", shown, "")
    asked = len({(wanted.namespace, wanted.name) for wanted in QUERIES.values()})
    until = f"{datetime.fromtimestamp(report.end_s, UTC):%H:%M}"
    price = f"CloudWatch charges ${asked * METRIC_REQUEST_DOLLARS:.5f} for the request of these {asked} metrics."
    return _framed(f"The {_count(report.minutes, 'minute')} until {until} UTC", table, price)


def _bill(report: Report) -> RenderableType:
    return _framed(
        f"The bill of the {_count(report.minutes, 'minute')} above, and at the same rate",
        bill_table(report.bill, ("per hour", "per day", "per month")),
        "An estimate from these metrics, at list prices of us-east-1 (lobby/billing.py), without the free tier and taxes. "
        f"Connection time is that of the {_count(len(report.presences.rows), 'connection')} above. AWS has no metrics of "
        "traffic ($0.09 a GB after 100 GB) and of the time of cold starts, so both are left out.",
    )


def _table() -> Table:
    return Table(box=None, header_style="bold")


def _framed(title: str, table: Table, note: str) -> RenderableType:
    return Group(Text(title, "bold"), table, Text(note, "dim"))


def as_json(report: Report) -> dict[str, Any]:
    """The report as an object for JSON."""
    it = report.bill
    return {
        "account": report.account,
        "region": report.region,
        "stage": report.lobby.stage,
        "until": datetime.fromtimestamp(report.end_s, UTC).isoformat(),
        "minutes": report.minutes,
        "here": {
            "scanned": report.presences.scanned,
            "read_units": report.presences.read_units,
            "connections": len(report.presences.rows),
            "players": report.presences.players,
            "rooms": {name: [_player(row) for row in rows] for name, rows in report.presences.rooms.items()},
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
