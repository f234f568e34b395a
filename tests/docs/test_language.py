"""Plain English: a check for idioms that engineers stop at who read English as a second language.

It reads sentences from documents, help texts, docstrings, comments, messages and the template, and compares each with
:data:`RULES`. :data:`CLEAN` lists what must pass. To see the findings of any other part::

    python tests/docs/test_language.py 'backend/lobby/deploy/*.py' 'help/lobby deploy'
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import pytest

ROOT = Path(__file__).parents[2]

CLEAN = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/glossary.md",
    "docs/godot.md",
    "docs/own-server.md",
    "docs/own-server/*",
    "docs/performance.md",
    "docs/protocol.md",
    "docs/tutorial.md",
    "game/**/*.md",
    "tests/**/*.md",
    "game/**/*.gd",
    "backend/lobby/__init__.py",
    "backend/lobby/presence.py",
    "backend/lobby/rules.py",
    "backend/lobby/limits.py",
    "backend/lobby/fanout.py",
    "backend/lobby/ports.py",
    "backend/lobby/delivery.py",
    "backend/lobby/admission.py",
    "backend/lobby/messages.py",
    "backend/lobby/jsons.py",
    "backend/lobby/server/*.py",
    "backend/lobby/serverless/*.py",
    "backend/lobby/client/*.py",
    "help/lobby demo",
)
"""What is checked: globs of paths, and ``help/lobby COMMAND`` for help texts. ``**`` is any number of folders.

To add all of the rest: ``**/*.md``, ``backend/**/*.py``, ``backend/lobby/viewer/*.js``, ``infrastructure/*``, ``help/*``.
"""

COLUMNS = 128
"""The width of prose. Tables, code, headings and pictures may be wider."""

ALLOWED = {
    "and ws:// for one without": "TLS is named in the same clause",
}
"""Exact phrases that a rule would find, each with the reason why it stays."""


class Rule(NamedTuple):
    """``pattern`` is searched in a sentence whose code is replaced by ``X``; it ignores case."""

    name: str
    pattern: str
    advice: str


RULES = (
    Rule(
        "without",
        r"\bwithout\W*(?:;|$)",
        'Name what is absent. For a default: "Default: the last used bucket."',
    ),
    Rule(
        "who",
        r"(?:^|; (?:and |but |or )?)\W*who\b(?![^?]*\?)",
        "Name the actor: the client, the server, the connection, the invocation, the reader.",
    ),
    Rule(
        "tell, hear",
        r"\b(?:tells?|told|hears?|heard)\b",
        "Use send, broadcast, report, print, receive.",
    ),
    Rule(
        "owe, pay, knock",
        r"\b(?:owe[sd]?|pays|knocks?)\b",
        "Use pending, deliver, cost, retry.",
    ),
    Rule(
        "somebody",
        r"\b(?:no|some|every|any)body\b|\bwhoever\b",
        "Name the actor: no client, each player, any program, a person.",
    ),
)


class Sentence(NamedTuple):
    """One sentence of a file. ``file`` is relative to the repository; ``line`` is where its text begins."""

    file: str
    line: int
    text: str
    is_heading: bool = False


class Finding(NamedTuple):
    """A sentence that breaks a rule."""

    sentence: Sentence
    rule: Rule

    def __str__(self) -> str:
        file, line, text, _ = self.sentence
        return f"{file}:{line}: {text}\n    {self.rule.name}: {self.rule.advice}"


def findings(sentences: Iterable[Sentence]) -> list[Finding]:
    """The rules that these sentences break."""
    return [Finding(sentence, rule) for sentence in sentences for rule in RULES if _breaks(sentence, rule)]


def _breaks(sentence: Sentence, rule: Rule) -> bool:
    text = re.sub(
        r"``.+?``|`[^`]+`|\[code\].+?\[/code\]|\[(?:param|method|member|signal|constant) [\w.]+\]", "X", sentence.text
    )
    for phrase in ALLOWED:
        text = text.replace(phrase, "X")
    if sentence.is_heading and text.lower().startswith("who"):
        return False
    return re.search(rule.pattern, text, re.IGNORECASE) is not None


# ── sentences of each kind of file ──────────────────────────────────────────────────────────────────────────────────


def sentences(file: str, line: int, prose: str) -> Iterator[Sentence]:
    """The sentences of a piece of prose that begins at ``line``. An empty line and a list item begin a new sentence as well."""
    for block in re.split(r"(\n(?=\s*(?:\n|[-*] )))", prose):
        for found in re.finditer(r"\S.*?(?:[.!?][\"')\]*`]*(?=\s)|\Z)", block, re.DOTALL):
            yield Sentence(file, line + block.count("\n", 0, found.start()), " ".join(found[0].split()))
        line += block.count("\n")


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def markdown(file: str, text: str) -> Iterator[Sentence]:
    """Paragraphs, list items, cells of tables, headings. Code, comments and the targets of links are left out."""

    text = re.sub(r"^( *)```.*?^\1```$|<!--.*?-->|^    \S[^\n]*$", _blank, text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\]\([^)\s]*\)", "]", text)
    paragraphs = []
    for number, line in enumerate(text.split("\n"), 1):
        is_paragraph = not line.startswith(("#", "|"))
        paragraphs.append(line if is_paragraph else "")
        if line.startswith("#"):
            yield Sentence(file, number, line.lstrip("# "), is_heading=True)
        elif not is_paragraph:
            for cell in line.strip("| ").split(" | "):
                yield from sentences(file, number, cell)
    yield from sentences(file, 1, "\n".join(paragraphs))


def comments(file: str, lines: Iterable[tuple[int, str]]) -> Iterator[Sentence]:
    """Comments, by line. Those of lines that follow each other belong together."""
    begun, text, last = 0, "", -1
    for number, comment in lines:
        if number != last + 1:
            yield from sentences(file, begun, text)
            begun, text = number, ""
        text += comment.strip() + "\n"
        last = number
    yield from sentences(file, begun, text)


def python(file: str, text: str) -> Iterator[Sentence]:
    """Docstrings, comments, and strings of at least three words: messages, help texts and what a log says."""
    tree = ast.parse(text)
    in_f_strings = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            string = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in in_f_strings:
            string = node.value
        else:
            continue
        if len(string.split()) >= 3:
            yield from sentences(file, node.lineno, re.sub(r"::\n\n.*|^    .*>>>.*$", "", string))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    found = [(token.start[0], token.string.lstrip("#:! ")) for token in tokens if token.type == tokenize.COMMENT]
    yield from comments(file, found)


def _comments_of(text: str, comment: str) -> list[tuple[int, str]]:
    """The comments of a file by line. ``comment`` matches one, with its text as a group; strings are passed over."""
    string = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    return [
        (text.count("\n", 0, found.start(found.lastindex)) + 1 + index, line)
        for found in re.finditer(f"{string}|{comment}", text, re.DOTALL)
        if found.lastindex
        for index, line in enumerate(found[found.lastindex].split("\n"))
    ]


def gdscript(file: str, text: str) -> Iterator[Sentence]:
    """Comments, documentation comments among them."""
    without_codeblocks = re.sub(
        r"\[codeblock.*?\].*?\[/codeblock\]", lambda found: "\n## " * found[0].count("\n"), text, flags=re.S
    )
    yield from comments(file, _comments_of(without_codeblocks, r"#+ ?([^\n]*)"))


def javascript(file: str, text: str) -> Iterator[Sentence]:
    """Comments of lines and of blocks."""
    found = _comments_of(text, r"`(?:\\.|[^`\\])*`|//([^\n]*)|/\*+(.*?)\*/")
    yield from comments(file, [(number, line.strip(" *")) for number, line in found])


def template(file: str, text: str) -> Iterator[Sentence]:
    """Comments and descriptions of a CloudFormation template."""
    lines = list(enumerate(text.split("\n"), 1))
    yield from comments(file, [(number, found[1]) for number, line in lines if (found := re.search(r"(?:^|\s)#+ (.*)$", line))])
    for found in re.finditer(r"^( *)\w*Description: *[>|]?-?(.*(?:\n\1 +.*)*)", text, re.MULTILINE):
        yield from sentences(file, text.count("\n", 0, found.start()) + 1, found[2].strip(" \n'\""))


def help_texts() -> Iterator[Sentence]:
    """What ``--help`` prints, for every command: ``help/lobby serve`` stands in place of a file."""
    from lobby.cli import main

    def walk(name: str, command: click.Command) -> Iterator[Sentence]:
        texts = [command.help, *(getattr(parameter, "help", None) for parameter in command.params)]
        for text in texts:
            # Below a \b the line breaks stay: each line is a sentence of its own.
            for number, part in enumerate((text or "").split("\b")):
                yield from sentences(f"help/{name}", 1, part.replace("\n", "\n\n") if number else part)
        if isinstance(command, click.Group):
            for child, below in command.commands.items():
                yield from walk(f"{name} {child}", below)

    return walk("lobby", main)


def configuration(file: str, text: str) -> Iterator[Sentence]:
    """Comments of configuration files, on lines of their own."""
    lines = enumerate(text.split("\n"), 1)
    yield from comments(file, [(number, line.strip().lstrip("# ")) for number, line in lines if line.strip().startswith("#")])


KINDS = {".md": markdown, ".py": python, ".gd": gdscript, ".js": javascript, ".yaml": template}
"""By the ending of a file; any other file is a configuration."""
FOLDERS = ("docs", "game", "tests", "bench", "scripts", "infrastructure", ".github", "backend")


@cache
def files() -> tuple[Path, ...]:
    """Everything that can be checked: all documents, and code that people read."""
    found = [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
    found += [*(ROOT / "backend").rglob("*.py"), *(ROOT / "game").rglob("*.gd")]
    found += [*(ROOT / "backend/lobby/viewer").glob("*.js"), ROOT / "infrastructure/lobby-cloudformation.yaml"]
    found += [path for path in (ROOT / "docs/own-server").iterdir() if path.is_file()]
    return tuple(sorted(path for path in found if ".godot" not in path.parts))


@cache
def _sentences_of(path: Path) -> tuple[Sentence, ...]:
    return tuple(KINDS.get(path.suffix, configuration)(path.relative_to(ROOT).as_posix(), path.read_text()))


def _is_match(name: str, glob: str) -> bool:
    is_deep = name.count("/") == glob.count("/")
    return fnmatch(name, glob.replace("**/", "*")) if "**" in glob else is_deep and fnmatch(name, glob)


def matching(globs: Iterable[str]) -> Iterator[Sentence]:
    """The sentences of all files and help texts that one of ``globs`` matches."""
    globs = tuple(globs)
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if any(_is_match(name, glob) for glob in globs):
            yield from _sentences_of(path)
    if any(glob.startswith(("help/", "*")) for glob in globs):
        yield from (sentence for sentence in help_texts() if any(_is_match(sentence.file, glob) for glob in globs))


# ── tests ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("glob", CLEAN)
def test_the_english_is_plain(glob: str) -> None:
    read = list(matching([glob]))
    assert read, f"nothing matches {glob}"
    assert not (found := findings(read)), "\n".join(["", *map(str, found)])


def wide_lines(text: str) -> list[int]:
    """The lines of prose of a document that are too wide."""
    without_code = re.sub(r"^( *)```.*?^\1```$", _blank, text, flags=re.DOTALL | re.MULTILINE)
    lines = enumerate(without_code.split("\n"), 1)
    return [number for number, line in lines if len(line) > COLUMNS and not re.match(r" *(?:\||<|!\[|#)|    ", line)]


def test_prose_is_wrapped() -> None:
    names = {path.relative_to(ROOT).as_posix(): path for path in files() if path.suffix == ".md"}
    clean = [path for name, path in names.items() if any(_is_match(name, glob) for glob in CLEAN)]
    assert {path.name: wide for path in clean if (wide := wide_lines(path.read_text()))} == {}
    assert wide_lines("short\n" + "word " * 30 + "\n| " + "cell " * 30) == [2]


def test_every_allowed_phrase_has_a_reason_and_occurs() -> None:
    read = " ".join(sentence.text for sentence in matching(CLEAN))
    for phrase, reason in ALLOWED.items():
        assert reason
        assert phrase in read


BAD = [
    ("without", "Bucket for the zip; the one before without."),
    ("without", "How long; until Ctrl-C without."),
    ("who", "Who is too fast is refused."),
    ("who", "Time between two pings; who misses two has left."),
    ("who", "Who lags is cut. Is that right?"),
    ("tell, hear", "A restart tells the clients to come back."),
    ("tell, hear", "Far players are heard less often."),
    ("owe, pay, knock", "The table has what is owed to a room."),
    ("owe, pay, knock", "The next invocation pays for it."),
    ("owe, pay, knock", "A post knocks until the connection is open."),
    ("somebody", "Somebody is at it."),
    ("somebody", "It is sent to everybody, by whoever comes first."),
]

GOOD = [
    "A client that sends too fast is refused.",
    "S3 bucket for the zip. Default: the last used bucket.",
    "Raised for a lobby without ``--open``.",
    "Without a secret, a lobby listens on this machine only.",
    "The lobby works without a server.",
    "Who is in the room?",
    "Players who stand still stay connected.",
    "Call `tell()`, ``hear`` or [code]nobody[/code], which are code.",
    "The store is a shoulder, unheard-of.",
]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_bad_sentence_of_each_kind_is_found(rule: str, text: str) -> None:
    found = findings(sentences("page.md", 1, text))
    assert rule in [finding.rule.name for finding in found]


@pytest.mark.parametrize("text", GOOD)
def test_a_good_sentence_is_not_found(text: str) -> None:
    assert findings(sentences("page.md", 1, text)) == []


def test_a_heading_may_ask_and_a_sentence_may_not() -> None:
    assert findings(markdown("page.md", "## Who is here\n")) == []
    assert len(findings(markdown("page.md", "Who is here stays here.\n"))) == 1


SOURCES = {
    "page.md": """# A page

Good prose that
nobody reads.

- A list; and nothing without.

| Who has a table | reads it |
|---|---|

```sh
lobby tell nobody
```
""",
    "code.py": '''"""A module.

Nobody reads this.
"""

LIMIT = 1
"""Who has more is refused."""
# A comment that
# tells a story.
message = f"Cannot connect to {1}: " "somebody is there."
key = "nobody"
''',
    "script.gd": """## A node that
## hears things.
var text := "# nobody"  # a word for everybody
""",
    "page.js": """// Said by somebody.
const url = "https://nobody.example/";
/**
 * What is
 * owed.
 */
""",
    "template.yaml": """# Who changes this changes that.
Parameters:
  Secret:
    Description: >-
      A key that
      nobody knows.
""",
}


@pytest.mark.parametrize(
    ("file", "lines"),
    [("page.md", [3, 6, 8]), ("code.py", [3, 7, 8, 10]), ("script.gd", [1, 3]), ("page.js", [1, 4]), ("template.yaml", [1, 4])],
)
def test_each_kind_of_file_is_read_and_the_line_is_named(file: str, lines: list[int]) -> None:
    found = findings(KINDS[Path(file).suffix](file, SOURCES[file]))
    assert sorted(finding.sentence.line for finding in found) == lines


def test_the_help_of_every_command_is_read() -> None:
    read = {sentence.file for sentence in help_texts()}
    assert {"help/lobby serve", "help/lobby deploy", "help/lobby emulate"} <= read


def test_a_finding_names_file_line_sentence_rule_and_advice() -> None:
    [finding] = findings(markdown("page.md", "Nobody knows.\n"))
    assert str(finding) == f"page.md:1: Nobody knows.\n    somebody: {RULES[-1].advice}"


if __name__ == "__main__":
    print(*findings(matching(sys.argv[1:] or ["**", "help/**"])), sep="\n")
