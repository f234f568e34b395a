"""The page on AWS matches the code: commands, options, messages, parameters, policies. So does the page on permissions."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import click
import pytest
from botocore import xform_name

from lobby.cli import main
from lobby.cloudformation.lobby_template import STAGES, lobby_template
from lobby.cloudformation.reading import parse
from lobby.cloudformation.resolving import resolve
from lobby.deploy import CHECKS_S
from lobby.deploy.local_files import OUTPUTS, variables
from lobby.monitor.command import command as monitor
from lobby.monitor.reading import METRIC_REQUEST_DOLLARS, PUBLISHED, QUERIES
from lobby.telemetry import METRICS
from tests.infrastructure.traps import EVERYTHING, of_type

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deploy.md").read_text()
COST = (ROOT / "docs/cost.md").read_text()
PERMISSIONS = (ROOT / "docs/permissions.md").read_text()
SOURCE = "\n".join(path.read_text() for folder in ("backend/lobby", "tests/deploy") for path in (ROOT / folder).rglob("*.py"))
"""The code, and the messages of AWS in the tests."""
TEMPLATE = parse(lobby_template())

PLAN = (
    "backend/trading_lobby_ws.py",
    "infrastructure/lobby-trust-policy.json",
    "infrastructure/lobby-s3-policy.json",
    "infrastructure/lobby-cloudformation.yaml",
    "infrastructure_setup.env",
    ".github/workflows/deploy-lobby.yml",
    "scripts/monitoring/lobby-metrics.py",
    "game/project.godot",
    "game/scripts/LobbyController.gd",
    "game/scripts/LocalPlayerData.gd",
    "game/scripts/TradingMarketplace.gd",
    "game/scripts/NetworkManager.gd",
    "game/scripts/ZoneMain3D.gd",
    "game/scripts/PlayerShip3D.gd",
    "game/scripts/RemoteLobbyPlayer.gd",
    "game/scenes/lobby/RemoteLobbyPlayer.tscn",
    "game/scripts/ZoneUIManager.gd",
    "game/scripts/LobbyZone3D.gd",
    "game/scenes/zones/LobbyZone3D.tscn",
    "game/scripts/TradingHub3D.gd",
    "game/scenes/objects/TradingHub3D.tscn",
)
"""Files that the first plan of the project names; those of the game are in ``game/``."""

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
FREE_ALARMS = 10
"""Alarms for which AWS does not charge, in each account."""

HIGH_LEVEL = {"s3 mb", "s3 cp", "s3 rm", "s3 rb", "cloudformation deploy", "logs tail", "login", "sso login", "configure"}
"""Commands of AWS that make more than one request, so they are in no model of a service."""


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", PAGE, re.M | re.S)
    return [re.sub(rf"^{indent}", "", text, flags=re.M).replace("\\\n", " ") for indent, text in found]


def commands(program: str) -> list[list[str]]:
    """The commands on the page, in blocks and in sentences: the words after the name of the program."""
    lines = [line for block in blocks("sh") for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", PAGE)
    said = [found[1] for line in lines if (found := re.match(rf"(?:url=\$\()?{program} (.+?)(?:\)| > .*)?$", line))]
    return [words for command in said if (words := shlex.split(command)) and words[0].islower()]


@pytest.mark.parametrize("path", PLAN)
def test_the_files_of_the_plan_are_where_it_says(path: str) -> None:
    assert (ROOT / path).is_file()


def test_every_lobby_command_of_the_page_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").touch()
    said = commands("lobby")
    assert {words[0] for words in said} >= {"deploy", "destroy", "package", "check", "token"}
    for name, *options in said:
        if name in ("deploy", "destroy") and "--stage" not in options:
            continue  # the name of the command in a sentence
        try:
            main.commands[name].make_context(name, [*options])
        except click.UsageError as error:
            pytest.fail(f"lobby {name} {' '.join(options)}: {error.format_message()}")


def tables_of_options() -> list[set[str]]:
    """The options in the first column of each table that has some, in the order of the page."""
    tables = re.findall(r"(?:^\|.*\n)+", PAGE, re.M)
    found = [set(re.findall(r"`(--[a-z-]+)`", "\n".join(re.findall(r"^\| (`--.*?) \|", table, re.M)))) for table in tables]
    return [options for options in found if options]


def test_the_tables_of_options_are_those_of_the_commands() -> None:
    shared = {"--stage", "--region", "--profile"}
    assert tables_of_options() == [
        {option for parameter in main.commands["deploy"].params for option in parameter.opts},
        {option for parameter in monitor.params for option in parameter.opts} - shared,
    ]


def test_the_page_states_what_reading_the_metrics_costs() -> None:
    look = len({(wanted.namespace, wanted.name) for wanted in QUERIES.values()}) * METRIC_REQUEST_DOLLARS
    [paragraph] = [paragraph for paragraph in PAGE.split("\n\n") if f"${look:.4f}" in paragraph]
    assert f"${look * 24 * 60:.2f}" in paragraph
    assert "`--watch`" in paragraph
    for name in PUBLISHED:
        assert f"`{name}`" in PAGE


def test_every_command_of_aws_exists_with_its_options() -> None:
    """By AWS's own model of each service. The command line has its own options beside them."""
    session: Any = botocore.session.get_session()
    everywhere = {"query", "region", "output", "profile"}
    said = commands("aws")
    assert len(said) > 10
    for words in said:
        if words[0] in HIGH_LEVEL or " ".join(words[:2]) in HIGH_LEVEL:
            continue
        model = session.get_service_model(words[0])
        operations = {xform_name(name, "-"): name for name in model.operation_names}
        assert words[1] in operations, " ".join(words)
        members = {xform_name(name, "-") for name in model.operation_model(operations[words[1]]).input_shape.members}
        options = {word.removeprefix("--") for word in words if word.startswith("--")}
        assert options <= members | everywhere, " ".join(words)


def test_the_sentences_of_the_last_table_are_those_of_the_code() -> None:
    [table] = re.findall(r"^\| you see \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.M)
    said = [phrase for row in re.findall(r"^\| (.+?) \| ", table, re.M) for phrase in re.findall(r"`([^`]+)`", row)]
    assert len(said) > 12
    for phrase in said:
        parts = [
            re.escape(part)
            for part in re.split(r" ?\.\.\. ?|us-east-1|SERVICE:ACTION|ROLLBACK_COMPLETE", phrase)
            if part.strip()
        ]
        assert re.search(r"[^\n]*".join(parts), SOURCE + lobby_template()), phrase


def test_parameters_and_names_of_the_page_exist() -> None:
    known = parse(lobby_template())["Parameters"]
    assert set(re.findall(r"--parameter (\w+)=", PAGE)) <= set(known)
    assert set(re.findall(r"`([A-Z]\w+)=(?:yes|no)`", PAGE)) <= set(known)
    assert known["Stage"]["AllowedValues"] == list(STAGES)
    for name in variables("dev"):
        assert f"`{name}`" in PAGE
    assert set(OUTPUTS.values()) <= set(TEMPLATE["Outputs"])
    everything = resolve(TEMPLATE, {**EVERYTHING, "Stage": "dev"})
    names = {
        value
        for item in everything["Resources"].values()
        for value in item.get("Properties", {}).values()
        if isinstance(value, str)
    }
    for name in (
        "lobby-dev",
        "lobby-websocket-dev",
        "LobbyConnections-dev",
        "/aws/lambda/lobby-websocket-dev",
        "lobby-dev-slow",
    ):
        assert f"`{name}`" in PAGE
        assert name in names


def numbers(things: str, page: str) -> list[int]:
    """The numbers that stand before a word on a page, in figures or in words, as cardinals or as ordinals."""
    words = [word.lower() for word in re.findall(rf"\b([\w,]+) (?:{things})\b", page)]
    figures = [int(word.replace(",", "")) for word in words if re.fullmatch(r"\d[\d,]*", word)]
    ordinals = [ORDINALS.index(word) + 1 for word in words if word in ORDINALS]
    return figures + ordinals + [NUMBERS.index(word) for word in words if word in NUMBERS]


@pytest.mark.parametrize(
    ("text", "found"),
    [("Seven routes", [7]), ("1,234 routes", [1234]), ("the third routes", [3]), ("7 other routes", []), ("eight", [])],
)
def test_numbers_are_read_from_figures_and_words(text: str, found: list[int]) -> None:
    assert numbers("routes|paths", f"{text} of an API") == found


def test_the_numbers_on_the_pages_are_those_of_the_template_and_the_code() -> None:
    everything = resolve(TEMPLATE, {**EVERYTHING, "Stage": "dev"})
    alarms = len(of_type(everything, "AWS::CloudWatch::Alarm"))
    assert numbers("routes", PAGE) == [len(of_type(everything, "AWS::ApiGatewayV2::Route"))]
    assert sorted(numbers("alarms", PAGE)) == [alarms, FREE_ALARMS]
    assert numbers("alarms", COST) == [alarms]
    assert numbers("metrics", PAGE) == numbers("metrics", COST) == [len(METRICS)]
    assert max(numbers("try|attempt", PAGE)) == len(CHECKS_S) + 1


def test_the_role_of_the_pipeline_trusts_one_environment_of_one_repository() -> None:
    [policy] = [json.loads(block) for block in blocks("json")]
    [statement] = policy["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    [(operator, conditions)] = statement["Condition"].items()
    assert operator == "StringEquals"
    assert {key.partition(":")[2] for key in conditions} == {"aud", "sub"}
    assert conditions["token.actions.githubusercontent.com:sub"].endswith(":environment:dev")
    assert "*" not in json.dumps(policy)
    workflow = (ROOT / ".github/workflows/deploy-lobby.yml").read_text()
    for name in set(re.findall(r"(?:vars|secrets)\.(\w+)", workflow)):
        assert f"`{name}`" in PAGE


def test_links_lead_to_headings_that_exist() -> None:
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        text = page.read_text()
        for target, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", text):
            headings = re.findall(r"^#+ (.+)$", (page.parent / target).read_text() if target else text, re.M)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name}: {target}#{anchor}"


def test_the_policy_for_another_bucket_is_made_by_the_command_of_the_page(tmp_path: Path) -> None:
    (command,) = re.findall(r"^    (sed .+)$", PERMISSIONS, re.M)
    command = command.replace("> policy.json", f"> {tmp_path}/policy.json")
    subprocess.run(["sh", "-c", command], cwd=ROOT, check=True, timeout=10)
    text = (tmp_path / "policy.json").read_text()
    things, bucket = json.loads(text)["Statement"]
    assert (things["Resource"], bucket["Resource"]) == (
        "arn:aws:s3:::my-lobby-artifacts/lobby/*",
        "arn:aws:s3:::my-lobby-artifacts",
    )
    assert "children" not in text
