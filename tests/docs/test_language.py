"""Documents, help texts and code use plain words: each sentence names its actor, and no sentence leaves out what it needs.

``CLEAN`` lists what is checked. ``python -m tests.docs.language PATTERN`` lists what is wrong in anything else.
"""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from tests.docs import language
from tests.docs.language import RULES, Allowance, Finding, allowed, findings, of_command, of_file

CLEAN = [
    "*.md",
    "docs/**/*.md",
    "docs/own-server/*",
    "game/addons/lobby_presence/**/*.md",
    "tests/**/*.md",
    ".github/**/*.yml",
    "Makefile",
    "infrastructure/*.yaml",
    "backend/**/*.py",
    "backend/lobby/viewer/*.js",
    "clients/javascript/**/*.js",
    "clients/javascript/*.md",
    "tests/javascript/*.js",
    "game/**/*.gd",
    "scripts/**/*.py",
    "bench/**/*.py",
    "bench/**/*.gd",
    "tests/[a-ce-z]*/**/*.py",
    "tests/*.py",
    "tests/godot/**/*.gd",
    "tests/viewer/*.js",
    "lobby*",
]
"""What must be free of findings: globs from the root of the repository, and names of commands for their ``--help``."""

WRAPPED = ["*.md", "docs/**/*.md", "game/**/*.md", "tests/playbooks/*.md"]
"""Pages whose prose is wrapped. Tables, headings and code may be longer."""

ALLOWED: list[Allowance] = []
"""Sentences that may break a rule, each with its reason. A test fails if one is not needed any more."""


@pytest.mark.parametrize("pattern", CLEAN)
def test_sentences_are_plain(pattern: str) -> None:
    found = findings(pattern)
    assert found is not None, f"{pattern} means no file and no command"
    wrong = [each for each in found if allowed(each, ALLOWED) is None]
    assert not wrong, "\n" + "\n".join(map(str, wrong))


@pytest.mark.parametrize("pattern", WRAPPED)
def test_prose_is_wrapped_at_128_columns(pattern: str) -> None:
    pages = sorted(language.ROOT.glob(pattern))
    assert pages
    wide = [
        f"{page.relative_to(language.ROOT)}:{number}"
        for page in pages
        for number, line in enumerate(language.without_code(page.read_text()), 1)
        if len(line) > 128 and not re.match(r"\s*(?:\||<|!\[|#)", line)
    ]
    assert wide == []


def test_every_allowance_is_needed_and_has_a_reason() -> None:
    found = [each for pattern in CLEAN for each in findings(pattern) or []]
    used = {allowed(each, ALLOWED) for each in found}
    assert [each for each in ALLOWED if each not in used or not each.reason] == []


# ── the check itself ────────────────────────────────────────────────────────────────────────────────────────────────

BAD = {
    "without what": [
        "Bucket for the zip; the one before without.",
        "The room to enter (any room without).",
        "It is asked for by a Query; without, the whole table is scanned.",
    ],
    "free who": [
        "Who is too fast is refused.",
        "Top speed; who is faster is refused.",
        "**Who is here.** A list.",
    ],
    "person as actor": [
        "Nobody announces a leave.",
        "Somebody is at it: the stack is busy.",
        "Everybody receives it.",
        "Anybody may join.",
        "Whoever broadcasts next delivers it.",
    ],
    "tell": [
        "A client is told so.",
        "The lobby tells the room.",
        "Tell the lobby what is possible.",
        "A telling takes a write.",
    ],
    "hear": ["Far players are heard less often.", "A connection hears of its neighbours."],
    "owe": ["What is owed can be read.", "The room owes a welcome."],
    "pay for work": ["The next invocation pays."],
    "knock": ["It knocks again.", "A client stops knocking."],
}

GOOD = [
    "A lobby answers one question: who is here?",
    "Who is here, and where are they?",
    "Default: the room of the lobby, without a token.",
    "A player who reconnects keeps its number.",
    "AWS charges for each message; paying less is possible.",
    "The function `tell()` writes a line.",
    "`nobody` is the name of a player here.",
]


@pytest.mark.parametrize(("name", "sentence"), [(name, sentence) for name, all_ in BAD.items() for sentence in all_])
def test_a_bad_sentence_is_found(name: str, sentence: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\nA good sentence that\nneeds two lines. {sentence}\n")
    [found] = of_file(page, "page.md")
    assert found.rule.name == name
    assert found.sentence.source == "page.md"
    assert found.sentence.line == 4


def test_every_rule_has_a_bad_sentence() -> None:
    assert set(BAD) == {rule.name for rule in RULES}


@pytest.mark.parametrize("sentence", GOOD)
def test_a_good_sentence_is_not_found(sentence: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(sentence)
    assert of_file(page, "page.md") == []


PLACES = {
    "page.md": """# Nobody

```sh
echo nobody
```

    echo nobody

| a | b |
|---|---|
| fine | nobody |

- one
- two and
  nobody

    Nobody again.

![nobody](x.png) `nobody` [a link](nobody.md)
<!-- nobody -->
""",
    "code.py": '''"""A module.

It has two paragraphs; nobody
reads them.
"""

# A comment of two
# lines for nobody.
NAME = "nobody"
TEXT = "for nobody"
OTHER = f"{NAME} and nobody {NAME}"
HELP = "``nobody`` is code"
''',
    "code.gd": """extends Node
## For nobody.
var a := "nobody"  # For nobody.
var b := "For nobody # at all"
## [code]nobody[/code].
""",
    "code.js": """/**
 * For nobody.
 */
const a = "nobody"; // For nobody.
const b = "For nobody // at all";
""",
    "file.yml": """# For nobody.
name: For nobody
run: nobody # For nobody.
Description: >-
  For a person,
  nobody else.
Other: nobody
""",
}
LINES = {
    "page.md": [1, 11, 14, 17, 19],
    "code.py": [3, 7, 10, 11],
    "code.gd": [2, 3, 4],
    "code.js": [2, 4, 5],
    "file.yml": [1, 2, 3, 5],
}


@pytest.mark.parametrize("name", PLACES)
def test_prose_is_found_in_each_kind_of_file_and_code_is_not(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(PLACES[name])
    assert sorted(found.sentence.line for found in of_file(file, name)) == LINES[name]


def test_the_help_of_a_command_is_read() -> None:
    @click.command()
    @click.option("--room", help="The room to enter; the lobby's own without.")
    @click.option("--name", help="A name. " * 20 + "For nobody.")
    def command(room: str, name: str) -> None:
        """Fine."""

    assert [found.rule.name for found in of_command("a command", command)] == ["without what", "person as actor"]


def test_every_command_can_be_checked() -> None:
    assert {"lobby", "lobby serve", "lobby deploy", "lobby-metrics.py"} <= set(language.commands())
    assert findings("lobby serve") is not None
    assert findings("lobby nonsense") is None
    assert findings("no/such/*.md") is None


def test_a_finding_names_file_line_sentence_rule_and_advice() -> None:
    sentence = language.Sentence("docs/page.md", 7, "Nobody reads it.")
    shown = str(Finding(sentence, RULES[2]))
    assert shown.startswith("docs/page.md:7: Nobody reads it.")
    assert RULES[2].name in shown
    assert RULES[2].advice in shown


def test_an_allowance_holds_for_its_phrase_in_its_sources_only() -> None:
    allowance = Allowance("docs/*.md", "Nobody reads", "an example")
    [rule] = [rule for rule in RULES if rule.name == "person as actor"]

    def finding(source: str, text: str) -> Finding:
        return Finding(language.Sentence(source, 1, text), rule)

    assert allowed(finding("docs/page.md", "Nobody reads it."), [allowance]) == allowance
    assert allowed(finding("docs/page.md", "Nobody writes it."), [allowance]) is None
    assert allowed(finding("README.md", "Nobody reads it."), [allowance]) is None
