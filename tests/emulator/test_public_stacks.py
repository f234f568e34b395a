"""The program that tries stacks of others reports which run, which stop, and which fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STACKS = Path(__file__).parent / "stacks"


def test_a_stack_runs_stops_with_its_sentence_or_starts_with_a_handler_that_fails(tmp_path: Path) -> None:
    folder = tmp_path / "framework"
    folder.mkdir()
    (folder / "serverless.yml").write_text("service: chat\nfunctions: { open: { handler: a.b } }\n")
    broken = tmp_path / "broken.yaml"
    broken.write_text((STACKS / "inline.yaml").read_text().replace('"body": event.get("body")', '"body": missing'))
    results = tmp_path / "results.json"
    words = [f"inline={STACKS / 'inline.yaml'}", str(folder), str(broken), "--json", str(results)]
    subprocess.run([sys.executable, "bench/public_stacks.py", *words], cwd=ROOT, check=True, timeout=120, capture_output=True)
    found = {one["stack"]: one["outcome"] for one in json.loads(results.read_text())}
    assert found["inline"] == "runs unchanged"
    assert found["framework"].startswith("stops: This is the configuration of the Serverless Framework")
    assert "NameError" in found["broken.yaml"]
