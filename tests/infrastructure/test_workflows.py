"""The workflows are valid, run nothing that may change behind our backs, and hold no right and no secret longer than needed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lobby.cli import main

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in (*WORKFLOWS, *ACTIONS)}
DEPLOY, ACTION = ".github/workflows/deploy-lobby.yml", ".github/actions/deploy/action.yml"
READ, ROLE = {"contents": "read"}, {"contents": "read", "id-token": "write"}
STAGES = ("dev", "staging", "prod")


def steps(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The steps of a workflow or of an action."""
    for part in [found.get("runs", {}), *found.get("jobs", {}).values()]:
        yield from part.get("steps", [])


def wrong(text: str) -> list[str]:
    """What actionlint lets pass and we do not, in sentences."""
    found: dict[Any, Any] = yaml.safe_load(text)
    bad = []
    for line in text.splitlines():
        used = re.search(r"uses:\s*(\S+)(.*)", line)
        if used and not used[1].startswith("./") and not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", used[1] + used[2]):
            bad.append(f"{used[1]} is not pinned to a commit, with its version in a comment.")
    for step in steps(found):
        if "${{" in step.get("run", ""):
            bad.append(f"A shell reads an expression, and may take it for commands or print it: {step['run']}")
        if (
            step.get("uses", "").startswith("actions/checkout@")
            and step.get("with", {}).get("persist-credentials") is not False
        ):
            bad.append("A checkout leaves its token behind.")
    for key in ("aws-access-key-id", "aws-secret-access-key", "AWS_SECRET_ACCESS_KEY"):
        if key in text:
            bad.append(f"{key} is a key that lasts.")
    if "jobs" in found:
        if found.get("permissions") != READ:
            bad.append(f"The workflow may {found.get('permissions')}.")
        if "pull_request_target" in found[True]:  # YAML's own reading of "on"
            bad.append("A stranger's pull request would run with our rights.")
        for name, job in found["jobs"].items():
            if job.get("permissions", READ) != (ROLE if name in STAGES else READ):
                bad.append(f"The job {name} may {job.get('permissions')}.")
            if "uses" not in job and "timeout-minutes" not in job:
                bad.append(f"The job {name} may run for six hours.")
    return bad


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_unpinned_no_right_too_many_no_secret_in_a_shell(name: str) -> None:
    assert wrong(TEXTS[name]) == []


def test_actionlint_has_nothing_to_say() -> None:
    """Without the shell linters that actionlint uses where they are installed, so that the result is the same everywhere."""
    tool = Path(sys.executable).with_name("actionlint")
    words = [str(tool), "-no-color", "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_actionlint_sees_what_is_broken(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(TEXTS[DEPLOY].replace("needs: staging", "needs: stageing"))
    done = subprocess.run(
        [Path(sys.executable).with_name("actionlint"), "-no-color", broken],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "stageing" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("name", "right", "wrong_"),
    [
        (DEPLOY, r"@[0-9a-f]{40} # v[\d.]+", "@v7"),
        (DEPLOY, r" # v7.0.1", ""),
        (DEPLOY, r"permissions:\n  contents: read\n\njobs", "permissions: write-all\n\njobs"),
        (DEPLOY, r"  package:\n", "  package:\n    permissions: {contents: write}\n"),
        (DEPLOY, r"      id-token: write\n", ""),
        (DEPLOY, r"persist-credentials: false", "persist-credentials: true"),
        (DEPLOY, r"  push:\n", "  pull_request_target:\n  push:\n"),
        (DEPLOY, r"    timeout-minutes: 45\n", ""),
        (ACTION, r'"\$STAGE"', "${{ inputs.secret }}"),
        (ACTION, r"role-to-assume: .*", "aws-access-key-id: AKIA"),
    ],
)
def test_what_we_look_for_is_found(name: str, right: str, wrong_: str) -> None:
    broken = re.sub(right, wrong_, TEXTS[name], count=1)
    assert broken != TEXTS[name]
    assert wrong(broken)


def test_a_commit_goes_from_stage_to_stage_each_with_its_environment_and_one_at_a_time() -> None:
    jobs = yaml.safe_load(TEXTS[DEPLOY])["jobs"]
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    before = {"package": "test", "dev": "package", "staging": "dev", "prod": "staging"}
    assert {name: job.get("needs") for name, job in jobs.items() if name != "test"} == before
    for stage in STAGES:
        assert jobs[stage]["environment"] == stage
        assert jobs[stage]["concurrency"] == {"group": f"lobby-{stage}", "cancel-in-progress": False}
        assert jobs[stage]["steps"][-1]["with"]["stage"] == stage
    assert "on:\n  push:\n    branches: [main]\n  workflow_dispatch:\n" in TEXTS[DEPLOY]


def test_the_workflows_run_commands_that_exist() -> None:
    run = [step["run"] for text in TEXTS.values() for step in steps(yaml.safe_load(text)) if "run" in step]
    assert any(command.endswith(".ci/run") for command in run)
    targets = [command.removeprefix("make ") for command in run if command.startswith("make ")]
    makefile = (ROOT / "Makefile").read_text()
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets)
    ours = [command for command in run if ".venv/bin/lobby" in command]
    assert len(ours) == 2
    for command in ours:
        [_, name, *options] = shlex.split(command.replace('"$STAGE"', "dev").partition(" >>")[0])
        main.commands[name].make_context(name, options)


def test_credentials_are_asked_for_when_everything_else_is_installed() -> None:
    order = [step.get("run") or step["uses"].partition("@")[0] for step in steps(yaml.safe_load(TEXTS[ACTION]))]
    assert order.index("make setup") < order.index("aws-actions/configure-aws-credentials") == len(order) - 2
    assert order[-1].startswith(".venv/bin/lobby deploy")
