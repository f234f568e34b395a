"""Writes the tables that are made from code, in the docs and in the addon: python scripts/docs.py [--check]

A table stands between `<!-- NAME: ... -->` and `<!-- end of NAME -->`, or in GDScript between such comments.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "backend"))

from lobby.errors import CODES
from lobby.settings import Settings, flag, variable
from lobby.telemetry import COUNTED

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


def codes() -> str:
    """What ends a connection, from lobby/errors.py, in GDScript."""
    return "\n".join(
        f'\t"{name}": [{code.close}, {str(code.retry).lower()}, {json.dumps(code.meaning)}],'
        for name, code in CODES.items()
        if code.close is not None
    )


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


TABLES = {
    "errors": ("docs/protocol.md", errors),
    "codes": ("game/addons/lobby_presence/lobby_errors.gd", codes),
    "settings": ("docs/settings.md", settings),
    "metrics": ("docs/settings.md", metrics),
}


def rendered(name: str, text: str) -> str:
    """``text`` with the table ``name`` made anew."""
    start = re.search(rf"^[ \t]*(<!--|#) {name}:.*\n", text, re.M)
    end = re.search(rf"^[ \t]*(<!--|#) end of {name}\b", text, re.M)
    if not start or not end:
        raise SystemExit(f"{TABLES[name][0]} has no place for the table {name!r}")
    return text[: start.end()] + TABLES[name][1]() + "\n" + text[end.start() :]


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
