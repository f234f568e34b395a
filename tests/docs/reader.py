"""A reader of the docs: a folder, a shell, and a Python that has only what the docs asked the reader to install."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0

MARKER = re.compile(r"^([A-Za-z0-9_.-]+)==", re.M)


def locked(file: str = "requirements.txt") -> list[str]:
    """The names of the packages in a lock file that are installed on this system."""
    names = MARKER.findall((ROOT / file).read_text(encoding="utf-8"))
    return [name for name in names if _found(name) is not None]


def _found(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except ModuleNotFoundError:
        return None


def _closure(requirements: Iterable[str]) -> set[str]:
    """The names of packages, and of all that they need on this system."""
    names: set[str] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker and not any(wanted.marker.evaluate({"extra": it}) for it in {extra, ""}):
            continue
        found = _found(wanted.name)
        if found is None or (wanted.name in names and not wanted.extras):
            continue
        names.add(wanted.name)
        for text in found.requires or ():
            waiting += [(Requirement(text), it) for it in {"", *wanted.extras}]
    return names


def blocks(page: str, language: str) -> list[str]:
    """The blocks of code in a page, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


class Reader:
    """A reader with an empty home, who has run ``make setup`` of what a lobby needs, and nothing of what the tests need.

    The packages are links to those of this process, so that they need not be installed again.
    """

    def __init__(self, folder: Path, *, project: bool = True) -> None:
        self.folder = folder
        venv.create(folder / ".venv", with_pip=False, symlinks=True)
        self.bin = folder / ".venv/bin"
        self._packages = next((folder / ".venv/lib").glob("python3.*")) / "site-packages"
        self.install(locked())
        if project:
            (self._packages / "lobby.pth").write_text(str(ROOT / "backend"), encoding="utf-8")
            self._write_command()

    def install_extra(self, extra: str) -> None:
        """Links what an extra of the project needs, as ``pip install '.[extra]'`` does."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        self.install(_closure(project["optional-dependencies"][extra]))

    def install(self, names: Iterable[str]) -> None:
        """Links packages. Raises AssertionError for one that the tests' environment lacks."""
        for name in names:
            package = _found(name)
            assert package is not None, f"{name} is not installed here"
            for top in {file.parts[0] for file in package.files or () if ".." not in file.parts}:
                link = self._packages / top
                if not link.exists():
                    link.symlink_to(Path(str(package.locate_file(top))))

    def install_wheel(self, wheel: Path) -> None:
        """Installs a wheel, as pipx does."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python")]
        words = ["install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", str(wheel)]
        subprocess.run([*pip, *words], check=True, env=self.environment, timeout=PATIENCE_S)

    def _write_command(self) -> None:
        command = self.bin / "lobby"
        command.write_text(f'#!/bin/sh\nexec "{self.bin}/python" -m lobby "$@"\n', encoding="utf-8")
        command.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the reader's shell."""
        return {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def run(self, script: str, **variables: str) -> str:
        """What a script of the shell prints. Raises AssertionError if it fails."""
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def running(self, script: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """A script of the shell that goes on. Its output and its errors are one stream."""
        with subprocess.Popen(
            ["bash", "-euc", f"exec {script}"],
            cwd=self.folder,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


def lines_until(process: subprocess.Popen[str], pattern: str) -> str:
    """What a process prints up to the line with ``pattern``."""
    assert process.stdout is not None
    printed = ""
    while line := process.stdout.readline():
        printed += line
        if re.search(pattern, line):
            return printed
    raise AssertionError(f"it ended without {pattern!r}: {printed}")
