"""The import graph of the addon's scripts, read from their text, and the layers that ``internal/README.md`` gives them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.godot.engine import ADDON, GAME

FOLDER = GAME / ADDON
README = FOLDER / "internal/README.md"

Graph = dict[str, set[str]]
"""For each script, by its path below a folder, the scripts that it uses."""


def class_names(folder: Path) -> dict[str, str]:
    """The global class names of a folder's scripts, each with the path of its script."""
    found = {}
    for path in sorted(folder.rglob("*.gd")):
        if name := re.search(r"^class_name (\w+)", path.read_text(), re.M):
            found[name[1]] = path.relative_to(folder).as_posix()
    return found


def code(text: str) -> str:
    """A script without its comments; texts stay, since paths are texts."""
    return re.sub(r"^((?:[^\"'#\n]|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')*)#.*$", r"\1", text, flags=re.M)


def used_paths(path: Path, folder: Path) -> set[str]:
    """The scripts that a script or a scene names by path, in ``preload``, ``load``, ``extends`` or as a resource."""
    text = path.read_text() if path.suffix == ".tscn" else code(path.read_text())
    found = set()
    for match in re.finditer(r'(?:preload\(|\bload\(|^\t?extends |path=)\s*"([^"]+\.(?:gd|tscn))"', text, re.M):
        target = match[1]
        file = folder / target.split(f"{ADDON}/")[-1] if target.startswith("res://") else path.parent / target
        file = file.resolve()
        if file.suffix == ".tscn":
            found |= used_paths(file, folder)
        elif file.is_relative_to(folder):
            found.add(file.relative_to(folder).as_posix())
    return found


def imports(folder: Path) -> Graph:
    """Which script of a folder uses which, by path or by class name."""
    classes = class_names(folder)
    graph: Graph = {}
    for path in sorted(folder.rglob("*.gd")):
        name = path.relative_to(folder).as_posix()
        without_texts = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', code(path.read_text()))
        words = set(re.findall(r"\b[A-Z]\w*", without_texts))
        graph[name] = (used_paths(path, folder) | {classes[word] for word in words & classes.keys()}) - {name}
    return graph


def cycle(graph: Graph) -> list[str]:
    """One import cycle, as the scripts along it; empty if there is none."""
    done: set[str] = set()

    def search(trail: list[str]) -> list[str]:
        for used in sorted(graph[trail[-1]] - done):
            if used in trail:
                return [*trail[trail.index(used) :], used]
            if found := search([*trail, used]):
                return found
        done.add(trail[-1])
        return []

    for start in sorted(graph):
        if start not in done and (found := search([start])):
            return found
    return []


def layers() -> dict[str, int]:
    """The layer of each script, from the table in the README."""
    found: dict[str, int] = {}
    for number, scripts in re.findall(r"^\| (\d+) [^|]*\| ([^|]*)\|", README.read_text(), re.M):
        found |= dict.fromkeys(re.findall(r"`([\w/]+\.gd)`", scripts), int(number))
    return found
