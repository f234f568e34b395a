"""Writes the tables in the docs that are made from code, and those of the benches' results: python scripts/docs.py [--check]

A table stands between `<!-- NAME: ... -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "backend"))

from lobby.errors import CODES
from lobby.settings import Settings, flag, variable
from lobby.telemetry import COUNTED, METRICS

ROOT = Path(__file__).parent.parent


def errors() -> str:
    """Every code, from lobby/errors.py."""
    rows = ["| code | meaning | closes with | come back? |", "|---|---|---|---|"]
    for name, code in CODES.items():
        retry = "stays" if code.close is None else "yes" if code.retry else "no"
        rows.append(
            f"| `{name}` | {code.meaning} | {code.close or '–'}{f', HTTP {code.http}' if code.http else ''} | {retry} |"
        )
    return "\n".join(rows)


def settings() -> str:
    """Every setting, from lobby/settings.py."""
    rows = ["| flag | variable | default | between | meaning |", "|---|---|---|---|---|"]
    for item in fields(Settings):
        meta, default = item.metadata, item.default
        shown = (
            "off"
            if default is False
            else "none"
            if default == ""
            else f"{default:g}"
            if isinstance(default, float)
            else str(default)
        )
        unit = f" {meta['unit']}" if meta["unit"] else ""
        bounds = f"{meta['low']:,} – {meta['high']:,}" if meta["low"] is not None else ""
        rows.append(f"| `{flag(item.name)}` | `{variable(item.name)}` | {shown}{unit} | {bounds} | {meta['meaning']} |")
    return "\n".join(rows)


def metrics() -> str:
    """Every counter, from lobby/telemetry.py."""
    rows = ["| counter | label | meaning |", "|---|---|---|"]
    for name, (label, meaning) in COUNTED.items():
        rows.append(f"| `lobby_{name}_total` | {f'`{label}`' if label else ''} | {meaning} |")
    return "\n".join(rows)


def cloudwatch() -> str:
    """Every metric of the function, from lobby/telemetry.py."""
    rows = ["| metric | unit | meaning |", "|---|---|---|"]
    return "\n".join([*rows, *(f"| `{name}` | {unit} | {meaning} |" for name, (unit, meaning) in METRICS.items())])


def memory() -> str:
    """What memory changes, as bench/memory.py measured it."""
    rows = [
        "| MB | of a core | a position, ms | telling 50 takes longer, ms | a start's work, ms | $ a million positions | "
        "$ a million windows |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in json.loads((ROOT / "bench/results/memory.json").read_text())["sizes"]:
        cells = [f"{row['memory_mb']:,}", f"{row['core']:.2f}"]
        cells += [f"{row[name]:.0f}" for name in ("position_ms", "fanout_longer_ms", "start_ms")]
        cells += [f"{row[name]:.2f}" for name in ("dollars_positions", "dollars_windows")]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _measured() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "bench/results/cost.json").read_text())
    return found


def _dollars(value: float, *, over: bool = False) -> str:
    return (f"{value:,.0f}" if value >= 1_000 else f"{value:,.2f}") + ("\\*" if over else "")


def plan() -> str:
    """The plan's table and what is true, as bench/cost.py calculated it."""
    heads = ["line", "the plan", "its design, all moving", "its design, 15 %"]
    heads += ["windowed, all moving", "windowed, 15 %", "nobody moves"]
    rows = [f"| {' | '.join(heads)} |", "|---|---:|---:|---:|---:|---:|---:|"]
    for row in _measured()["plan"]:
        name, *values = row.values()
        if len(values) == len(heads) - 1:
            cells = [str(name), *(f"{value:,.2f}" if value != "" else "" for value in values)]
            rows.append(f"| {' | '.join(f'**{cell}**' if name == 'total' else cell for cell in cells)} |")
    return "\n".join(rows)


def players() -> str:
    """Dollars a month over players, as bench/cost.py calculated them."""
    rows = [
        "| players | moving | each hears, a second: AWS, server | to tell all, ms | naive | windowed | $5 server "
        "| $5 buys, player-hours | that is hours a day |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in _measured()["players"]:
        buys = row["server_buys_player_hours"]
        cells = [
            f"{row['players']:,}",
            f"{row['moving']:.0%}".replace("%", " %"),
            f"{row['told'] / row['players']:.1f}, {row['server_told'] / row['players']:.1f}",
            f"{row['telling_ms']:,.0f}",
            _dollars(row["naive"], over=row["naive_throttled"]),
            _dollars(row["windowed"], over=row["windowed_throttled"]),
            _dollars(row["server"]),
            f"{buys:,.0f}",
            f"{buys / row['players'] / 30:.1f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def windows() -> str:
    """Dollars a month over the length of the window, as bench/cost.py calculated them."""
    rows = [
        "| moving | window, ms | positions at least so far apart, ms | said/s | heard/s | $/month | $5 buys, player-hours |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in _measured()["windows"]:
        cells = [
            f"{row['moving']:.0%}".replace("%", " %"),
            f"{row['window_ms']:,}",
            f"{row['send_ms']:,}",
            f"{row['positions'] / row['players']:.2f}",
            f"{row['told'] / row['players']:.2f}",
            _dollars(row["windowed"]),
            f"{row['server_buys_player_hours']:,.0f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


TABLES = {
    "errors": ("docs/protocol.md", errors),
    "settings": ("docs/settings.md", settings),
    "metrics": ("docs/settings.md", metrics),
    "cloudwatch": ("docs/settings.md", cloudwatch),
    "plan": ("docs/cost.md", plan),
    "players": ("docs/cost.md", players),
    "windows": ("docs/cost.md", windows),
    "memory": ("docs/performance.md", memory),
}


def rendered(name: str, text: str) -> str:
    """``text`` with the table ``name`` made anew."""
    start, end = re.compile(rf"<!-- {name}:.*?-->\n"), f"<!-- end of {name} -->"
    found = start.search(text)
    if not found or end not in text:
        raise SystemExit(f"{TABLES[name][0]} has no place for the table {name!r}")
    return text[: found.end()] + TABLES[name][1]() + "\n" + text[text.index(end) :]


def main() -> None:
    """Writes the tables, or says which are not up to date."""
    for name, (path, _) in TABLES.items():
        file = ROOT / path
        text = rendered(name, file.read_text())
        if "--check" in sys.argv and text != file.read_text():
            raise SystemExit(f"{path}: the table {name!r} is not what the code says; run python scripts/docs.py")
        file.write_text(text)


if __name__ == "__main__":
    main()
