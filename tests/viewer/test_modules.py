"""The tests in JavaScript: each file is one test here.

To run them alone: `node --import ./tests/javascript/resolve.js --test tests/viewer/ tests/console/ tests/javascript/`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
CLIENT = FOLDER.parent / "javascript"
CONSOLE = FOLDER.parent / "console"
FILES = sorted(file for folder in (FOLDER, CONSOLE, CLIENT) for file in folder.glob("*.test.js"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_in_javascript(file: Path) -> None:
    node = shutil.which("node")
    assert node, "These tests need Node 20 or later. On Debian: sudo apt-get install nodejs"
    done = subprocess.run(
        [node, "--import", CLIENT / "resolve.js", "--test", file], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
