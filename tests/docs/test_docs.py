"""The docs describe what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench import aws_clients
from lobby import messages as m
from scripts import docs

ROOT = Path(__file__).parents[2]
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("name", docs.TABLES)
def test_tables_made_from_code_are_up_to_date(name: str) -> None:
    text = (ROOT / docs.TABLES[name][0]).read_text()
    assert docs.rendered(name, text) == text, "run python scripts/docs.py"


def examples(direction: str, version: int) -> list[str]:
    part = PROTOCOL.split("## Version ")[version].split("### ")[0]
    return re.findall(rf"^\| {direction} \| `(.*?)` \|", part, re.M)


def test_the_docs_have_every_message_of_a_client_and_the_lobby_understands_it() -> None:
    parsed = [m.parse(example) for example in examples("client", 1) + examples("client", 2)]
    assert {type(message) for message in parsed} == set(m.ACTIONS)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_message_of_the_server_in_the_docs_is_encoded_like_that(version: int) -> None:
    documented = examples("server", version)
    assert documented
    for example in documented:
        message = m.decode(example)
        assert message is not None, f"no such message: {example}"
        frame = m.encode(message, version)
        assert frame is not None
        assert json.loads(frame) == json.loads(example)


def test_no_message_of_the_server_is_missing_in_the_docs() -> None:
    documented = [m.decode(example) for version in (1, 2, 3) for example in examples("server", version)]
    assert {type(message) for message in documented} == set(m.TYPES)


@pytest.mark.parametrize("script", sorted(docs.ADDON.glob("*.gd")), ids=lambda path: path.name)
def test_everything_public_in_the_addon_has_a_comment_that_the_editor_shows(script: Path) -> None:
    text = script.read_text()
    assert re.search(r"^(class_name \w+|@tool)\nextends \w+\n## \w", text)
    public = r"(?m)^(.*)\n(?:@\w+ )?((?:class|signal|enum|var|func|static func) [A-Za-z]\w*)"
    assert [what for before, what in re.findall(public, text) if not before.startswith(("##", "var "))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_the_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text()) + re.findall(
        r'src="([^"]+)"', page.read_text()
    ):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", ["README.md", "docs/performance.md"])
def test_the_figures_in_the_docs_are_those_that_the_bench_wrote(page: str) -> None:
    text = (ROOT / page).read_text()
    for row in json.loads((ROOT / "bench/results/serve.json").read_text()):
        latency = f"| {row['players']:,} | {row['p50_ms']} ms | {row['p99_ms']} ms |"
        assert f"{latency} {row['server_core']:.2f} | {row['server_mb']:.0f} MB |" in text


def test_the_figures_of_calls_to_aws_are_those_that_the_bench_wrote() -> None:
    text = (ROOT / "docs/performance.md").read_text()
    for row in json.loads((ROOT / "bench/results/aws_clients.json").read_text()):
        assert f"| {' | '.join(aws_clients.cells(row))} |" in text


@pytest.mark.parametrize("path", docs.FILES)
def test_files_made_from_code_are_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text() == docs.FILES[path](), "run python scripts/docs.py"
