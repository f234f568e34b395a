"""The engine in tests, headless, with its own user folder, in one of two projects: one that contains the addon only, and the
demo game of ``game/``. ``$GODOT`` names another engine.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
GAME = ROOT / "game"
ADDON = "addons/lobby_presence"
HERE = Path(__file__).parent
PATIENCE_S = 60.0


def command(*words: str | Path, project: Path) -> list[str]:
    """The engine, headless, with ``words`` in its command line."""
    # Where scripts/install-godot puts it.
    godot = os.environ.get("GODOT") or shutil.which("godot") or str(Path.home() / ".local/bin/godot")
    return [godot, "--headless", "--no-header", "--path", str(project), *map(str, words)]


def environment(home: Path, **variables: str) -> dict[str, str]:
    """An environment without the lobby settings and the user folder of this machine."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LOBBY_")}
    return clean | {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)} | variables


def engine(
    *words: str | Path, home: Path, project: Path | None = None, patience_s: float = PATIENCE_S
) -> subprocess.CompletedProcess[str]:
    """Runs the engine to its end. Default project: that of the addon (:func:`addon_project`)."""
    return subprocess.run(
        command(*words, project=project or home / "addon"),
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )


def addon_project(home: Path) -> Path:
    """A project that contains the addon only, with the warnings of the demo game. It is made once."""
    project = home / "addon"
    if not project.exists():
        warnings = re.search(r"^\[debug\].*?(?=^\[)", (GAME / "project.godot").read_text(), re.M | re.S)
        assert warnings
        shutil.copytree(GAME / ADDON, project / ADDON)
        (project / "project.godot").write_text(
            'config_version=5\n\n[application]\n\nconfig/features=PackedStringArray("4.6")\n\n'
            f'[autoload]\n\nLobbyController="*res://{ADDON}/lobby_client.gd"\n\n{warnings[0]}'
        )
        import_project(home, project)
    return project


def import_project(home: Path, project: Path) -> None:
    """Imports a project as the editor does, so that the engine knows its classes."""
    with _alone(project):
        done = _newest(project)
        stamp = project / ".godot" / "tests-imported"
        if not stamp.exists() or stamp.read_text() != done:
            result = engine("--import", home=home, project=project)
            problems = [line for line in (result.stdout + result.stderr).splitlines() if "ERROR" in line or "WARNING" in line]
            assert not problems, result.stdout + result.stderr
            stamp.write_text(_newest(project))


def _newest(project: Path) -> str:
    """The paths and times of all files of a project."""
    files = sorted(path for path in project.rglob("*") if path.is_file() and ".godot" not in path.parts)
    return "\n".join(f"{path.relative_to(project)} {path.stat().st_mtime_ns}" for path in files)


@contextmanager
def _alone(project: Path) -> Iterator[None]:
    """Keeps two processes from importing the same project at once."""
    (project / ".godot").mkdir(exist_ok=True)
    with (project / ".godot" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
