"""Finds wordings that readers stop at: in Markdown, in help texts, in docstrings, comments and messages.

To list what it finds: ``python -m tests.docs.language 'backend/**/*.py' 'lobby *'``. A pattern that begins with ``lobby`` means
the ``--help`` of commands; any other pattern is a glob from the root of the repository.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import click

from lobby.cli import main
from tests.sources import parsed

ROOT = Path(__file__).parents[2]

CODE = "CODE"
"""Stands for inline code, which is not checked."""


class Rule(NamedTuple):
    """``pattern`` finds a wording in one sentence; ``advice`` is what to write instead."""

    name: str
    pattern: re.Pattern[str]
    advice: str
    is_fine_in_questions: bool = False


def _words(*words: str) -> re.Pattern[str]:
    # Not the name of a function, such as `tell()`.
    return re.compile(rf"(?<![-\w.])(?:{'|'.join(words)})(?![-\w]|\(|\.\w)", re.IGNORECASE)


RULES = (
    Rule(
        "without what",
        re.compile(r"\bwithout(?=[\"')*]*(?:[.,;:!?)]|$))", re.IGNORECASE),
        'Write "Default: ...", "Without this option, ..." or "If ... is missing, ...".',
    ),
    Rule(
        "free who",
        re.compile(r"(?:^\W*|[;:]\W+)who\b", re.IGNORECASE),
        'Name the actor: "A client that sends too fast is refused", not "Who sends too fast is refused".',
        is_fine_in_questions=True,
    ),
    Rule(
        "person as actor",
        _words("nobody", "somebody", "everybody", "anybody", "whoever", "whomever"),
        "Name the actor: the client, the connection, the invocation, the reader, a person.",
    ),
    Rule("tell", _words("tell", "tells", "told", "telling"), "Write send, broadcast, report, show or state."),
    Rule("hear", _words("hear", "hears", "heard", "hearing"), "Write receive."),
    Rule("owe", _words("owe", "owes", "owed"), "Write pending, or what must still be sent."),
    Rule("pay for work", _words("pays"), "Write deliver, do or cost; AWS charges."),
    Rule("knock", _words("knock", "knocks", "knocked", "knocking"), "Write retry or try again."),
)


class Sentence(NamedTuple):
    """One sentence of a source, and the line on which it begins."""

    source: str
    line: int
    text: str


class Finding(NamedTuple):
    """A sentence that breaks a rule."""

    sentence: Sentence
    rule: Rule

    def __str__(self) -> str:
        source, line, text = self.sentence
        return f"{source}:{line}: {text}\n    {self.rule.name}: {self.rule.advice}"


class Allowance(NamedTuple):
    """A sentence of a source matching ``sources`` may break rules if it contains ``phrase``, for a stated ``reason``."""

    sources: str
    phrase: str
    reason: str


# ── from a source to paragraphs ─────────────────────────────────────────────────────────────────────────────────────

Paragraph = list[tuple[int, str]]
"""The lines of one paragraph, with their numbers."""


def _paragraphs(lines: Iterable[tuple[int, str]]) -> Iterator[Paragraph]:
    """Paragraphs end at empty lines, and before bullets and headings."""
    paragraph: Paragraph = []
    for number, line in lines:
        is_start = re.match(r"\s*(?:[-*] |\d+\. |#)", line)
        if paragraph and (is_start or not line.strip()):
            yield paragraph
            paragraph = []
        if line.strip():
            paragraph.append((number, re.sub(r"^\s*(?:[-*] +|\d+\. +|#+ +)?", "", line)))
    if paragraph:
        yield paragraph


def without_code(text: str) -> Iterator[str]:
    """The lines of a Markdown page; those of code blocks are empty."""
    is_fenced = is_list = False
    is_after_space = True
    for line in text.splitlines():
        if re.match(r"\S", line):
            is_list = bool(re.match(r"(?:[-*]|\d+\.) ", line))
        is_fence = line.lstrip().startswith("```")
        is_code = is_fenced or is_fence or (line.startswith("    ") and is_after_space and not is_list)
        is_fenced ^= is_fence
        is_after_space = is_code or not line.strip()
        yield "" if is_code else line


def markdown(text: str) -> Iterator[Paragraph]:
    """Prose, headings, each cell of a table, and the alternative texts of pictures; no code."""
    prose: list[tuple[int, str]] = []
    for number, line in enumerate(without_code(text), 1):
        line = re.sub(r'<img[^>]*alt="([^"]*)"[^>]*>', r"\1. ", line)
        line = re.sub(r"<!--.*?-->|</?\w[^>]*>", "", line)
        line = re.sub(r"`[^`]+`", CODE, line)
        line = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", line)
        line = line.replace("**", "")
        if line.lstrip().startswith("|"):
            yield from ([(number, cell.strip())] for cell in re.split(r"(?<!\\)\|", line) if cell.strip(" -:"))
            line = ""
        prose.append((number, line))
        if re.match(r"#+ ", line):
            prose.append((number, ""))
    yield from _paragraphs(prose)


_PYTHON = re.compile(
    r'"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"' r"|'''(?:\\.|[^\\])*?'''|'(?:\\.|[^'\\\n])*'" r"|#[^\n]*", re.DOTALL
)
"""A string or a comment."""


def python(text: str) -> Iterator[Paragraph]:
    """Docstrings, strings of more than one word, comments."""
    # Not by `tokenize`, which takes longer than all the rest.
    comments = [
        (text.count("\n", 0, found.start()) + 1, found[0]) for found in _PYTHON.finditer(text) if found[0].startswith("#")
    ]
    yield from _comments(comments, "#")
    inside: set[int] = set()
    for node in ast.walk(parsed(text)):
        value = None
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in node.values)
            parts = [part.value if isinstance(part, ast.Constant) else CODE for part in node.values]
            value = "".join(part for part in parts if isinstance(part, str))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            value = node.value
        if value is not None and isinstance(node, ast.expr):
            yield from _text(node.lineno, value)


def gdscript(text: str) -> Iterator[Paragraph]:
    """Comments, strings of more than one word."""
    yield from _scanned(text, re.compile(r'"""(?:.|\n)*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*'), "#")


def javascript(text: str) -> Iterator[Paragraph]:
    """Comments, strings of more than one word."""
    strings = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`'
    yield from _scanned(text, re.compile(strings + r"|//[^\n]*|/\*(?:.|\n)*?\*/"), "/*")


def comments(text: str) -> Iterator[Paragraph]:
    """Comments that begin with ``#``, as in YAML, TOML, Makefiles and configurations; the texts of a workflow."""
    lines = list(enumerate(text.splitlines(), 1))
    yield from _comments([(number, line[line.index("#") :]) for number, line in lines if re.search(r"(^|\s)#", line)], "#")
    for number, line in lines:
        if described := re.match(r"( *)(?:- )?(?:description|name|\w*Description): *(?:([>|])-?)?(.*)", line):
            # A text below its key is one paragraph: `Description: >-`, and lines that are indented more.
            below = takewhile(lambda each: each[1].startswith(described[1] + "  "), lines[number:]) if described[2] else ()
            yield from _text(number, "\n".join([described[3], *(each.strip() for _, each in below)]))


def _comments(found: list[tuple[int, str]], marks: str) -> Iterator[Paragraph]:
    """Comments of consecutive lines belong together."""
    previous = 0
    lines: list[tuple[int, str]] = []
    for number, comment in found:
        if number > previous + 1:
            lines.append((number, ""))
        text = comment.lstrip().lstrip(marks).removesuffix("*/")
        lines.append((number, re.sub(r"\[(code|codeblock)\].*?\[/\1\]|`+[^`]+`+", CODE, text)))
        previous = number
    yield from _paragraphs(lines)


def _text(line: int, text: str) -> Iterator[Paragraph]:
    """A string, unless it is a single word."""
    if " " in text.strip():
        text = re.sub(r"(?::\w+:)?(`+)[^`]+\1", lambda code: CODE + "\n" * code[0].count("\n"), text)
        yield from _paragraphs((line + number, each) for number, each in enumerate(text.split("\n")))


def _scanned(text: str, pattern: re.Pattern[str], marks: str) -> Iterator[Paragraph]:
    found: list[tuple[int, str]] = []
    for match in pattern.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match[0].startswith(("#", "//", "/*")):
            found += [(line + number, each) for number, each in enumerate(match[0].split("\n"))]
        else:
            yield from _text(line, match[0].strip("\"'`"))
    yield from _comments(found, marks)


READERS: dict[str, Callable[[str], Iterator[Paragraph]]] = {
    ".md": markdown,
    ".py": python,
    ".gd": gdscript,
    ".js": javascript,
    **dict.fromkeys((".yaml", ".yml", ".toml", ".conf", ".service", ".env", ".cfg", "Caddyfile", "Makefile"), comments),
}
"""How each kind of file is read. Other kinds are not."""


# ── from paragraphs to findings ─────────────────────────────────────────────────────────────────────────────────────


def sentences(source: str, paragraphs: Iterable[Paragraph]) -> Iterator[Sentence]:
    """Each sentence of ``paragraphs``, in one line."""
    for paragraph in paragraphs:
        text = " ".join(line.strip() for _, line in paragraph)
        begins = 0
        for sentence in re.split(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)[\"')*]*\s+", text):
            begins = text.index(sentence, begins)
            end = 0
            for number, line in paragraph:
                end += len(line.strip()) + 1
                if begins < end:
                    yield Sentence(source, number, sentence)
                    break
            begins += len(sentence)


def check(found: Iterable[Sentence]) -> list[Finding]:
    """What breaks a rule."""
    return [
        Finding(sentence, rule)
        for sentence in found
        for rule in RULES
        if rule.pattern.search(sentence.text) and not (rule.is_fine_in_questions and re.search(r"\?\W*$", sentence.text))
    ]


def of_file(path: Path, name: str = "") -> list[Finding]:
    """What breaks a rule in a file."""
    return check(sentences(name or str(path.relative_to(ROOT)), READERS[_kind(path)](path.read_text())))


def _kind(path: Path) -> str:
    return path.suffix or path.name


def of_command(name: str, command: click.Command) -> list[Finding]:
    """What breaks a rule in the ``--help`` of a command."""
    # With the settings of the command: click remembers the help option of the first context, and other tests use it.
    wide: dict[str, Any] = {**command.context_settings, "terminal_width": 10_000, "max_content_width": 10_000}
    with click.Context(command, info_name=name, **wide) as context:
        lines = list(enumerate(command.get_help(context).splitlines(), 1))
    # Each option, and each part of the text, is a paragraph of its own.
    spaced = [each for number, line in lines for each in ((number, ""), (number, re.sub(r"^  (-\S.*?)   *", "", line)))]
    return check(sentences(f"{name} --help", _paragraphs(spaced)))


def commands() -> dict[str, click.Command]:
    """Every command, by what a person types."""
    from lobby.monitor.command import command as monitor

    return {
        "lobby": main,
        **{f"lobby {name}": command for name, command in main.commands.items()},
        "lobby-metrics.py": monitor,
    }


@cache
def findings(pattern: str) -> list[Finding] | None:
    """What breaks a rule in the sources that ``pattern`` means. None if it means no source."""
    if pattern.startswith("lobby"):
        matching = {name: command for name, command in commands().items() if fnmatch(name, pattern)}
        return [found for name, command in matching.items() for found in of_command(name, command)] if matching else None
    paths = [path for path in sorted(ROOT.glob(pattern)) if _kind(path) in READERS]
    return [found for path in paths for found in of_file(path)] if paths else None


def allowed(finding: Finding, allowances: Iterable[Allowance]) -> Allowance | None:
    """The allowance for a finding; None if there is none."""
    source, _, text = finding.sentence
    return next((each for each in allowances if fnmatch(source, each.sources) and each.phrase in text), None)


if __name__ == "__main__":
    for pattern in sys.argv[1:]:
        for each in findings(pattern) or []:
            print(each)
