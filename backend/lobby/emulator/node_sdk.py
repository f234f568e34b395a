"""The AWS SDK for Node.js functions. AWS's runtimes contain it, so the zips of functions often do not. npm installs it here."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

SUFFIXES = (".js", ".mjs", ".cjs")
FILE_BYTES = 2_000_000
"""Larger files are bundles, which contain what they need."""

INSTALL_S = 180.0
_IMPORT = re.compile(
    r"""(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\()\s*["']((?:@aws-sdk|@smithy)/[a-z0-9-]+|aws-sdk)["'/]"""
)


def sdk_folder() -> Path:
    """The folder in which npm installs the SDK: it stays for the next start."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or str(Path.home() / ".cache")
    return Path(base) / "aws-emulator" / "node"


def contained(runtime: str, package: str) -> bool:
    """Whether AWS's runtime contains a package: version 2 of the SDK until Node.js 16, version 3 since Node.js 18 (Lambda
    Developer Guide, "Building Lambda functions with Node.js")."""
    return (package == "aws-sdk") == (runtime == "nodejs16.x")


def used_packages(root: Path) -> set[str]:
    """The packages of the SDK that the code in a folder names, without those that its own packages use."""
    found: set[str] = set()
    for file in _sources(root):
        with suppress(OSError):
            if file.stat().st_size <= FILE_BYTES:
                found |= set(_IMPORT.findall(file.read_text(encoding="utf-8", errors="replace")))
    return found


def _sources(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "node_modules" and not name.startswith(".")]
        yield from (Path(folder, name) for name in names if name.endswith(SUFFIXES))


def missing_packages(packages: Iterable[str], root: Path, folders: Iterable[Path]) -> list[str]:
    """The packages that Node.js finds neither from ``root`` upwards nor in the other ``folders``."""
    searched = [*(parent / "node_modules" for parent in (root, *root.parents)), *folders]
    return sorted(package for package in packages if not any((folder / package).is_dir() for folder in searched))


async def install(packages: list[str], log: Callable[[str], None]) -> None:
    """Installs packages with npm. ``log`` gets a line, and another one if that fails: the functions then fail with the name of
    the package."""
    npm, folder = shutil.which("npm"), sdk_folder()
    names = " ".join(packages)
    if npm is None:
        log(f"AWS's Node.js contains the AWS SDK, and npm, which would install it here, is missing: {names}.")
        return
    log(f"AWS's Node.js contains the AWS SDK; npm installs it in {folder}: {names}.")
    folder.mkdir(parents=True, exist_ok=True)
    words = ("install", "--silent", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder))
    process = await asyncio.create_subprocess_exec(
        npm, *words, *packages, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(INSTALL_S):
            text = (await process.communicate())[0].decode(errors="replace").strip()
    except TimeoutError:
        process.kill()
        await process.communicate()
        text = f"it took more than {INSTALL_S:.0f} s"
    if process.returncode != 0:
        reason = " ".join(text.split())[:200]
        log(f"npm could not install the AWS SDK ({reason}). Run `npm install {names}` beside the template.")
