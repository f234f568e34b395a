"""Packages of npm for tests: installed once into a folder for temporary files, and used again by later sessions."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SDK = (
    *(
        f"@aws-sdk/{name}@3.1169.0"
        for name in ("client-apigatewaymanagementapi", "client-dynamodb", "lib-dynamodb", "client-sqs", "client-s3")
    ),
    "@aws-sdk/client-bedrock-runtime@3.1164.0",
)


def node_modules(*packages: str) -> Path:
    """The folder ``node_modules`` with these packages."""
    program = shutil.which("npm")
    assert program, "These tests need npm. On Debian: sudo apt-get install npm"
    folder = Path(tempfile.gettempdir()) / f"lobby-npm-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:12]}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent) as new:
            words = [
                program,
                "install",
                "--silent",
                "--no-save",
                "--no-package-lock",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
            ]
            subprocess.run([*words, *packages], cwd=new, check=True, timeout=180)
            try:
                os.rename(Path(new), folder)
            except OSError:  # another process was faster
                assert folder.exists()
            else:
                Path(new).mkdir()  # for the end of the `with`
    return folder / "node_modules"
