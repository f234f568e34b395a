"""The viewer's tests, in JavaScript: each file is one test here. To run them alone: `node --test tests/viewer/`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.test.js")), ids=lambda file: file.name)
def test_in_javascript(file: Path) -> None:
    node = shutil.which("node")
    assert node, "These tests need Node 18 or later. On Debian: sudo apt-get install nodejs"
    done = subprocess.run([node, "--test", file], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
