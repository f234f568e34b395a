"""Writes what is made from code and from the benches' results, in the docs, the addon and the page:
python scripts/docs.py [--check]

A table stands between `<!-- NAME: ... -->` and `<!-- end of NAME -->`, or in GDScript between such comments. Some files are
made as a whole: the constants and error codes of the clients.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, get_args

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "backend"))

from bench import compare
from lobby.client import Event, constants
from lobby.client.endings import CLOSES
from lobby.emulator.conditions import FAULTS, LATENCIES
from lobby.emulator.properties import PROPERTIES
from lobby.errors import CODES
from lobby.settings import flag, options, variable
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


def properties() -> str:
    """What the emulator does with each property that it reads, from lobby/emulator/properties.py."""
    rows = ["| resource | supported | ignored | refused |", "|---|---|---|---|"]
    for kind, table in PROPERTIES.items():
        leaves = [name for name in table if not any(other.startswith((f"{name}.", f"{name}[")) for other in table)]
        supported = [name for name in leaves if not table[name].ignored and not table[name].refused]
        ignored = {name: one.ignored for name, one in table.items() if one.ignored}
        refused = {_but(name, one.harmless): one.refused for name, one in table.items() if one.refused}
        listed = ", ".join(f"`{name}`" for name in supported)
        rows.append(f"| `{kind.removeprefix('AWS::')}` | {listed} | {_by_reason(ignored)} | {_by_reason(refused)} |")
    return "\n".join(rows)


def public_stacks() -> str:
    """Which stacks of others run unchanged, as bench/public_stacks.py tried them."""
    rows = ["| stack | command | result |", "|---|---|---|"]
    for one in json.loads((ROOT / "bench/results/public_stacks.json").read_text()):
        outcome = one["outcome"] if one["outcome"] != "runs unchanged" else "**runs unchanged**"
        rows.append(f"| {one['stack']} | `{one['command']}` | {outcome} |")
    return "\n".join(rows)


def _but(name: str, harmless: tuple[Any, ...]) -> str:
    """A refused property, and the values that it may have."""
    values = ", ".join(str(value) for value in harmless if value)
    return f"`{name}` other than `{values}`" if values else f"`{name}`"


def _by_reason(reasons: dict[str, str]) -> str:
    """Names with the same reason stand together."""
    together: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        together.setdefault(reason, []).append(name if name.startswith("`") else f"`{name}`")
    return "<br>".join(f"{', '.join(names)}: {reason}" for reason, names in together.items())


def codes() -> str:
    """What ends a connection, from lobby/errors.py, in GDScript."""
    return "\n".join(
        f'\t"{name}": [{code.close}, {str(code.retry).lower()}, {json.dumps(code.meaning)}],'
        for name, code in CODES.items()
        if code.close is not None
    )


class Constant(NamedTuple):
    """One row of the table of constants in lobby/client/constants.py."""

    name: str
    value: float
    meaning: str


def constant_table() -> list[Constant]:
    """The constants of all clients: each assignment, with the docstring below it."""
    body = ast.parse(Path(constants.__file__).read_text()).body
    table = []
    for statement, below in pairwise(body):
        if isinstance(statement, ast.Assign):
            assert isinstance(statement.targets[0], ast.Name)
            assert isinstance(below, ast.Expr), f"{statement.targets[0].id} has no docstring"
            name = statement.targets[0].id
            table.append(Constant(name, getattr(constants, name), ast.literal_eval(below.value)))
    return table


WHOLE = {
    "CLOCK_MODULUS_MS",
    "DATA_BYTES_MOST",
    "DATA_DEPTH",
    "ROSTER_MOST",
    "MESSAGES_PER_POLL",
    "ID_CHARACTERS",
    "TEXT_CHARACTERS",
    "SENTENCE_CHARACTERS",
    "TRACK_DELAY_NEEDS",
}
"""Constants that GDScript counts with; all others are floats there."""


def gd_constants() -> str:
    """The constants of all clients, in GDScript."""
    lines = [
        "extends RefCounted",
        "## Internal. The constants that the clients in GDScript, Python and JavaScript share, by the same names.",
        "## Made from backend/lobby/client/constants.py by scripts/docs.py.",
        "",
    ]
    for name, value, meaning in constant_table():
        comment = re.sub(r"``([A-Z_]+)``", r"[constant \1]", meaning)
        comment = re.sub(r"``(.*?)``", r"[code]\1[/code]", comment)
        lines += [f"## {comment}", f"const {name} := {value if name in WHOLE else float(value):_}"]
    return "\n".join(lines) + "\n"


def js_constants() -> str:
    """The constants of all clients, in JavaScript."""
    lines = [
        "// The constants that the clients in JavaScript, Python and GDScript share, by the same names.",
        "// Made from backend/lobby/client/constants.py by scripts/docs.py.",
    ]
    for name, value, meaning in constant_table():
        lines += ["", f"/** {meaning.replace('``', '`')} */", f"export const {name} = {value:_};"]
    return "\n".join(lines) + "\n"


def js_errors() -> str:
    """What ends a connection, from lobby/errors.py and lobby/client/endings.py, in JavaScript."""
    lines = [
        "// Why connections end, and whether to come back. Made from backend/lobby/errors.py by scripts/docs.py.",
        "",
        "/**",
        " * By the code of an `error`: the close code that goes with it, whether to come back, and what it means.",
        " * @type {Record<string, { close: number, retry: boolean, meaning: string }>}",
        " */",
        "export const CODES = {",
    ]
    for name, code in CODES.items():
        if code.close is not None:
            shown = f"close: {code.close}, retry: {str(code.retry).lower()}, meaning: {json.dumps(code.meaning)}"
            lines.append(f"  {name}: {{ {shown} }},")
    lines += [
        "};",
        "",
        "/**",
        " * Close codes that are not the lobby's own, with their meaning for people.",
        " * @type {Record<number, string>}",
        " */",
        "export const CLOSES = {",
        *(f"  {close}: {json.dumps(meaning)}," for close, meaning in CLOSES.items()),
        "};",
    ]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """Every setting, from lobby/settings.py."""
    rows = ["| flag | variable | default | between | meaning |", "|---|---|---|---|---|"]
    for item in options():
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


def _results(bench: str) -> Any:
    """What a bench wrote when it was last run with ``--json``."""
    found: Any = json.loads((ROOT / f"bench/results/{bench}.json").read_text())
    return found


def memory() -> str:
    """What memory changes, as bench/memory.py measured it."""
    rows = [
        "| MB | share of a core | a position, ms | a broadcast to 50 takes longer by, ms | work of a cold start, ms "
        "| $ a million positions | $ a million windows |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in _results("memory")["sizes"]:
        cells = [f"{row['memory_mb']:,}", f"{row['core']:.2f}"]
        cells += [f"{row[name]:.0f}" for name in ("position_ms", "fanout_longer_ms", "start_ms")]
        cells += [f"{row[name]:.2f}" for name in ("dollars_positions", "dollars_windows")]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def load() -> str:
    """The lobby beside an older commit and Colyseus, as bench/compare.py measured them."""
    if not (ROOT / "bench/results/load.json").is_file():
        return "No measurement is stored yet: `make bench` writes one."
    rows = [
        "| clients | server | median, ms | p99, ms | share of a core | MB | KB/s to each | join, s | cut | generator |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    found = [compare.Row(**{**row, "figures": compare.Figures(**row["figures"])}) for row in _results("load")]
    return "\n".join([*rows, *(f"| {' | '.join(compare.cells(row))} |" for row in found)])


def attacks() -> str:
    """What attackers do to other players, as bench/hostile.py measured it."""
    rows = ["| attack | median | p99 | memory | share of a core |", "|---|---:|---:|---:|---:|"]
    for row in _results("hostile"):
        cells = [row["attack"], f"{row['p50_ms']} ms", f"{row['p99_ms']} ms", f"+{row['growth_mb']} MB", f"{row['core']:.0%}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _dollars(value: float, *, over: bool = False) -> str:
    return (f"{value:,.0f}" if value >= 1_000 else f"{value:,.2f}") + ("\\*" if over else "")


def plan() -> str:
    """The plan's table and what is true, as bench/cost.py calculated it."""
    heads = ["line", "the plan", "its design, all moving", "its design, 15 %"]
    heads += ["windowed, all moving", "windowed, 15 %", "no player moves"]
    rows = [f"| {' | '.join(heads)} |", "|---|---:|---:|---:|---:|---:|---:|"]
    for row in _results("cost")["plan"]:
        name, *values = row.values()
        if len(values) == len(heads) - 1:
            cells = [str(name), *(f"{value:,.2f}" if value != "" else "" for value in values)]
            rows.append(f"| {' | '.join(f'**{cell}**' if name == 'total' else cell for cell in cells)} |")
    return "\n".join(rows)


def _in_cell(text: str) -> str:
    """Code with a ``|`` would end the cell of a table."""
    return re.sub(r"`([^`]*\|[^`]*)`", lambda found: f"<code>{found[1].replace('|', '&#124;')}</code>", text)


def _jsdoc(text: str) -> str:
    """The sentences of a JSDoc comment, for a cell of a table."""
    lines = [line.strip().removeprefix("*").strip() for line in text.strip("/* \n").splitlines()]
    sentences = re.sub(r"\s*@\w+.*$", "", " ".join(lines), flags=re.S)
    return sentences.strip().replace("|", "\\|")


def web_options() -> str:
    """The options of the JavaScript client, from its JSDoc."""
    return _web_properties("Options", "option")


def web_events() -> str:
    """The events of the JavaScript client, from its JSDoc."""
    return _web_properties("Events", "event")


def _web_properties(typedef: str, head: str) -> str:
    block = re.search(rf"@typedef \{{object\}} {typedef}\b.*?(?=@typedef|\*/)", WEB_CLIENT.read_text(), re.S)
    assert block
    joined = re.sub(r"\n \*   ", " ", block[0])
    rows = [f"| {head} | type | meaning |", "|---|---|---|"]
    for kind, name, meaning in re.findall(r"@property \{(.*?)\} \[?(\w+)\]?\s+(.*)", joined):
        rows.append(f"| `{name}` | `{kind.replace(' => void', '')}` | {_in_cell(meaning.strip())} |")
    return "\n".join(rows)


def web_methods() -> str:
    """The methods and properties of the JavaScript client, from its JSDoc."""
    source = WEB_CLIENT.read_text()
    source = source[source.index("export class Lobby") :]
    rows = ["| member | meaning |", "|---|---|"]
    pattern = r"  (/\*\*(?:(?!\*/).)*\*/)\n  (?:async )?((?:get )?\w+(?:\((?:[^()]|\([^()]*\))*\))?)(?: = [^\n]*)?(?: \{|;)?\n"
    for comment, member in re.findall(pattern, source, re.S):
        name = re.sub(r"/\*\*.*?\*/ ?", "", member.removeprefix("get "), flags=re.S).replace(" = {}", "")
        name = re.sub(r"\{ vx = 0.*?\}", "{ vx, vy, h, z, vz }", name)
        if name.startswith(("constructor", "#")):
            continue
        if member.startswith("get "):
            name = name.removesuffix("()")
        rows.append(f"| `{' '.join(name.split())}` | {_jsdoc(comment)} |")
    return "\n".join(rows)


def _docstring(text: str | None) -> str:
    """A docstring, for a cell of a table."""
    assert text
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", " ".join(text.split())).replace("``", "`")
    return _in_cell(text)


def python_client() -> str:
    """The arguments and members of the Python client, from its signatures and docstrings."""
    source = (ROOT / "backend/lobby/client/client.py").read_text(encoding="utf-8")
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    [client] = [node for node in classes if node.name == "LobbyClient"]
    functions = [node for node in client.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    [init] = [node for node in functions if node.name == "__init__"]
    rows = [
        "```python",
        textwrap.fill(f"LobbyClient({_arguments(init)})", 126, subsequent_indent=" " * 12),
        "```",
        "",
        textwrap.fill(_docstring(ast.get_docstring(client)), 126),
        "",
        "| member | meaning |",
        "|---|---|",
    ]
    rows.append(
        "| `roster.players`, `roster.you` | The other players by id, and your own player, each as the lobby knows it. |"
    )
    for node in functions:
        if not node.name.startswith("_"):
            shown = node.name if node.decorator_list else f"{node.name}({_arguments(node)})"
            prefix = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
            rows.append(f"| `{prefix}{shown}` | {_docstring(ast.get_docstring(node))} |")
    [rooms] = [
        node
        for node in ast.parse((ROOT / "backend/lobby/client/rooms.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "rooms"
    ]
    rows.append(f"| `await rooms({_arguments(rooms)})` | {_docstring(ast.get_docstring(rooms))} |")
    return "\n".join(rows)


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The arguments of a function with their defaults, without types."""
    given = node.args
    for argument in (*given.args, *given.kwonlyargs):
        argument.annotation = None
    given.args = [argument for argument in given.args if argument.arg != "self"]
    return ast.unparse(given).replace("'", '"').replace("NO_DATA", "{}").replace("random_numbers.random", "random")


def python_events() -> str:
    """The events of the Python client, from their classes."""
    rows = ["| event | meaning |", "|---|---|"]
    for event in get_args(Event):
        rows.append(f"| `{event.__name__}({', '.join(event._fields)})` | {_docstring(event.__doc__)} |")
    return "\n".join(rows)


def actions() -> str:
    """Dollars of a million actions, as bench/cost.py calculated them."""
    rows = ["| a player | 2 players | 10 players | 50 players |", "|---|---:|---:|---:|"]
    for row in _results("cost")["actions"]:
        name, *dollars = row.values()
        rows.append(f"| {name} | {' | '.join(map(_dollars, dollars))} |")
    return "\n".join(rows)


def players() -> str:
    """Dollars a month over players, as bench/cost.py calculated them."""
    rows = [
        "| players | moving | messages to each, per second: AWS, server | a broadcast, ms | naive | windowed | $5 server "
        "| $5 buys, player-hours | that is hours a day |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in _results("cost")["players"]:
        buys = row["server_buys_player_hours"]
        cells = [
            f"{row['players']:,}",
            f"{row['moving']:.0%}".replace("%", " %"),
            f"{row['received'] / row['players']:.1f}, {row['server_received'] / row['players']:.1f}",
            f"{row['broadcast_ms']:,.0f}",
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
        "| moving | window, ms | positions at most every, ms | sent/s | received/s | $/month | $5 buys, player-hours |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in _results("cost")["windows"]:
        cells = [
            f"{row['moving']:.0%}".replace("%", " %"),
            f"{row['window_ms']:,}",
            f"{row['send_ms']:,}",
            f"{row['positions'] / row['players']:.2f}",
            f"{row['received'] / row['players']:.2f}",
            _dollars(row["windowed"]),
            f"{row['server_buys_player_hours']:,.0f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def latencies() -> str:
    """How long things take with ``--latency aws``, from lobby/emulator/conditions.py."""
    kinds = {
        "connect": "to open a connection, before the function is asked",
        "message": "a message of a client, to the gateway",
        "disconnect": "until `$disconnect` is sent",
        "invoke": "to reach a function, for each event",
        "cold": "a new environment, beside what the start of the process takes here",
        "post": "a post to a connection",
        "table": "a request to the table",
    }
    rows = ["| what takes | half of the time less than | once in a hundred more than |", "|---|---:|---:|"]
    rows += [f"| {kinds[kind]} | {takes.median:g} ms | {takes.p99:g} ms |" for kind, takes in LATENCIES["aws"].items()]
    return "\n".join(rows)


def faults() -> str:
    """What ``--fault`` turns on, from lobby/emulator/conditions.py."""
    rows = ["| fault | how often, without a number | what happens |", "|---|---:|---|"]
    rows += [f"| `{name}` | {chance:g} | {meaning} |" for name, (chance, meaning) in FAULTS.items()]
    return "\n".join(rows)


def emulated() -> str:
    """How late things are behind ``lobby emulate --latency aws``, as bench/emulate.py measured it."""
    found = _results("emulate")
    rows = ["| | measured | goal |", "|---|---:|---:|"]
    for name, figure in found["figures"].items():
        if name in ("positions lost", "connections lost", "messages refused"):
            rows.append(f"| {name} | {figure} | 0 |")
        elif name == "bill off by":
            rows.append(f"| bill off from the sum of the raw events, at the most | {figure:.2%} | 1 % |")
        else:
            goal = found["goals_ms"].get(name)
            rows.append(f"| {name} | {figure:.0f} ms | {f'{goal} ms' if goal else ''} |")
    return "\n".join(rows)


def emulated_bill() -> str:
    """The bill of the same run, as the command prints it."""
    lines = _results("emulate")["bill"].rstrip().splitlines()
    return "```\n" + "\n".join(line.rstrip() for line in lines) + "\n```"


ADDON = ROOT / "game/addons/lobby_presence"
DECLARATION = re.compile(
    r"(?:@export )?(?P<kind>signal|static func|func|var)\s+(?P<name>[a-z]\w*)(?P<arguments>\(.*?\))?"
    r"(?:\s*(?:->|:)\s*(?P<type>[\w\[\], .]+?))?\s*(?::?=.*|:)?$"
)


def documented(script: str, *kinds: str) -> list[tuple[re.Match[str], str]]:
    """The public declarations of a script of the addon, each with what its ``##`` comment says."""
    found: list[tuple[re.Match[str], str]] = []
    comment: list[str] = []
    for line in (ADDON / script).read_text().splitlines():
        if line.startswith("##"):
            comment.append(line.removeprefix("##").strip())
            continue
        declaration = DECLARATION.match(line)
        if declaration and declaration["kind"] in kinds:
            if not comment:
                raise SystemExit(f"{script}: {declaration['name']} has no ## comment")
            found.append((declaration, _markdown(" ".join(comment))))
        if not line.startswith("@"):
            comment = []
    return found


def _markdown(text: str) -> str:
    """A ``##`` comment in Markdown."""
    text = re.sub(r"\[code\](.*?)\[/code\]", r"`\1`", text)
    text = re.sub(r"\[method (?:LobbyClient\.)?([\w.]+)\]", r"`\1()`", text)
    text = re.sub(r"\[(?:param|member|signal|constant) (?:LobbyClient\.)?([\w.]+)\]", r"`\1`", text)
    return re.sub(r"\[([A-Z]\w+)\]", r"`\1`", text).replace("|", "\\|")


def _plain(arguments: str) -> str:
    """Arguments as a reader needs them: names, types, defaults."""
    return arguments.replace(" := ", " = ")


def _declarations(script: str, heading: str, *kinds: str) -> str:
    rows = [f"| {heading} | |", "|---|---|"]
    for declaration, text in documented(script, *kinds):
        if declaration["kind"] == "var":
            shown = f"{declaration['name']}: {declaration['type']}" if declaration["type"] else declaration["name"]
        else:
            result = declaration["type"] if declaration["type"] not in (None, "void") else ""
            shown = declaration["name"] + _plain(declaration["arguments"] or "") + (f" -> {result}" if result else "")
        rows.append(f"| `{shown}` | {text} |")
    return "\n".join(rows)


def godot_settings() -> str:
    """Every setting of the addon, from its own table."""
    table = (ADDON / "lobby_settings.gd").read_text().partition("const TABLE")[2].partition("\n}\n")[0]
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    row = r'^\t"(\w+)":\s*\{\s*"default": "?(.*?)"?,.*?"meaning": "(.*?)"'
    for name, default, meaning in re.findall(row, table, re.M | re.S):
        rows.append(f"| `{name}` | {f'`{default}`' if default else 'none'} | {meaning} |")
    return "\n".join(rows)


def godot_smoothing() -> str:
    """How exactly players are drawn, as bench/godot/run.py measured it."""
    names = {
        "curve": "the addon: a curve through positions and velocities",
        "lines": "straight lines between positions, with the same delay",
        "easing": "easing towards the newest position",
    }
    rows = ["| drawn as | mean error | p99 error | late, median | speed ripple |", "|---|---:|---:|---:|---:|"]
    rows += [f"| {names[row['drawn']]} | {_error(row)} |" for row in _results("godot")["rows"] if row["sent"] == "5 a second"]
    return "\n".join(rows)


def godot_messages() -> str:
    """How many messages are needed, as bench/godot/run.py measured it."""
    names = {"a bend begins": "as soon as a bend begins", "a bend has shown": "a moment after a bend begins: the addon"}
    rows = [
        "| a position is sent | messages per moving second | mean error | p99 error | late, median | speed ripple |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in sorted(_results("godot")["rows"], key=lambda row: -row["per_s"]):
        if row["drawn"] == "curve":
            rows.append(f"| {names.get(row['sent'], row['sent'])} | {row['per_s']:.1f} | {_error(row)} |")
    return "\n".join(rows)


def godot_frame() -> str:
    """What fifty remote players cost per frame, as bench/godot/run.py measured it."""
    frame = _results("godot")["frame"]
    names = {"reading": "reading messages", "drawing": "moving the figures", "both": "both"}
    rows = ["| fifty remote players, headless | mean | p99 |", "|---|---:|---:|"]
    rows += [f"| {name} | {frame[part]['mean']:.2f} ms | {frame[part]['p99']:.2f} ms |" for part, name in names.items()]
    rows.append(f"| the ships of the demo game, with names, flames and separation | {frame['game']['mean']:.2f} ms | |")
    return "\n".join(rows)


def godot_waits() -> str:
    """How long a player waits, as bench/godot/run.py measured it."""
    rows = ["| ten times | median | longest |", "|---|---:|---:|"]
    rows += [f"| {name} | {median(took):.0f} ms | {max(took):.0f} ms |" for name, took in _results("godot")["waits"].items()]
    return "\n".join(rows)


def godot_soak() -> str:
    """What happened to two games, as bench/godot/soak.py counted it."""
    found = _results("soak")
    rows = [f"| in {found['minutes']:g} minutes | |", "|---|---:|"]
    rows += [f"| {name} | {times:,} |" for name, times in found["done"].items()]
    rows.append(f"| flights from one zone to the other | {found['passages']['times']} |")
    for game, looks in found["seen"].items():
        most = f"{looks['begin']['nodes']:.0f}, {looks['end']['nodes']:.0f}"
        rows.append(f"| highest number of nodes ({game}), in the first and the last quarter | {most} |")
    wrong = "**errors and warnings in the logs of the games**, without the engine's own for a refused handshake"
    rows.append(f"| {wrong} | **{len(found['wrong'])}** |")
    return "\n".join(rows)


def godot_live() -> str:
    """Two games in a real lobby, as bench/godot/run.py measured them."""
    row = _results("godot")["live"]
    return (
        f"Two games in a real lobby on one machine, thirty seconds, {row['messages']} messages: mean error {row['mean']:.3f}, "
        f"p99 {row['p99']:.3f} units, {row['late_ms']:.0f} ms late."
    )


def _error(row: dict[str, Any]) -> str:
    return f"{row['mean']:.3f} | {row['p99']:.3f} | {row['late_ms']:.0f} ms | {row['ripple']:.0%}"


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "godot-smoothing": ("docs/godot.md", godot_smoothing),
    "godot-messages": ("docs/godot.md", godot_messages),
    "godot-live": ("docs/godot.md", godot_live),
    "godot-frame": ("docs/godot.md", godot_frame),
    "godot-waits": ("docs/godot.md", godot_waits),
    "godot-soak": ("docs/godot.md", godot_soak),
    "godot-signals": ("docs/godot.md", partial(_declarations, "lobby_client.gd", "signal", "signal")),
    "godot-methods": ("docs/godot.md", partial(_declarations, "lobby_client.gd", "method", "func", "static func")),
    "godot-members": ("docs/godot.md", partial(_declarations, "lobby_client.gd", "member", "var")),
    "godot-player": ("docs/godot.md", partial(_declarations, "lobby_player.gd", "member or method", "var", "func")),
    "godot-settings": ("docs/godot.md", godot_settings),
    "errors": ("docs/protocol.md", errors),
    "latencies": ("docs/emulator.md", latencies),
    "emulated": ("docs/emulator.md", emulated),
    "bill": ("docs/emulator.md", emulated_bill),
    "faults": ("docs/emulator.md", faults),
    "properties": ("docs/emulator.md", properties),
    "public-stacks": ("docs/emulator.md", public_stacks),
    "codes": ("game/addons/lobby_presence/lobby_errors.gd", codes),
    "settings": ("docs/settings.md", settings),
    "metrics": ("docs/settings.md", metrics),
    "cloudwatch": ("docs/settings.md", cloudwatch),
    "web-options": ("docs/web.md", web_options),
    "web-events": ("docs/web.md", web_events),
    "web-members": ("docs/web.md", web_methods),
    "python-client": ("docs/python.md", python_client),
    "python-events": ("docs/python.md", python_events),
    "actions": ("docs/cost.md", actions),
    "plan": ("docs/cost.md", plan),
    "players": ("docs/cost.md", players),
    "windows": ("docs/cost.md", windows),
    "memory": ("docs/performance.md", memory),
    "attacks": ("docs/security.md", attacks),
    "load": ("docs/performance.md", load),
}

WEB_CLIENT = ROOT / "clients/javascript/client/lobby.js"

FILES: dict[str, Callable[[], str]] = {
    "game/addons/lobby_presence/internal/constants.gd": gd_constants,
    "clients/javascript/client/constants.js": js_constants,
    "clients/javascript/client/errors.js": js_errors,
}
"""Files that are made as a whole."""


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
    for path, made in FILES.items():
        file, text = ROOT / path, made()
        if "--check" in sys.argv and (not file.is_file() or text != file.read_text()):
            raise SystemExit(f"{path} is not what the code says; run python scripts/docs.py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)


if __name__ == "__main__":
    main()
