"""The structure of the Python package is the one that docs/architecture.md describes."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.sources import parsed

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "backend/lobby"
OUTSIDE = {"", "__init__", "__main__"}
"""The package itself and its entry point: not in the list of layers."""


def modules() -> dict[str, Path]:
    """Each module by its name below ``lobby``: ``server.host``."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(file: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of the package that a module imports, also those that a function imports later."""
    for node in ast.walk(parsed(file.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # A name that is imported from a package may be a module.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("lobby.") in known else node.module for name in names]
        for name in names:
            if name == "lobby" or name.startswith("lobby."):
                yield name.removeprefix("lobby").removeprefix(".")


def layers() -> dict[str, int]:
    """The height of each module or folder, from docs/architecture.md; 0 is the lowest."""
    text = (ROOT / "docs/architecture.md").read_text()
    block = re.search(r"<!-- layers -->\n```\n(.+?)```", text, re.DOTALL)
    assert block, "docs/architecture.md has no block of layers"
    lines = block[1].strip().splitlines()
    return {name: height for height, line in enumerate(reversed(lines)) for name in line.split()}


GRAPH = {name: set(imports(file, modules())) for name, file in modules().items()}


def test_every_module_has_a_layer_and_every_layer_a_module() -> None:
    tops = {name.partition(".")[0] for name in GRAPH} - OUTSIDE
    assert tops == set(layers())


def test_a_module_imports_only_modules_of_lower_layers_or_of_its_own_folder() -> None:
    height = layers()
    upward = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if (top := name.partition(".")[0]) not in OUTSIDE
        and (below := other.partition(".")[0]) not in OUTSIDE
        and top != below
        and height[below] >= height[top]
    ]
    assert not upward


def test_no_imports_form_a_cycle() -> None:
    # A package re-exports names of its own modules; that is no import of a module by another one.
    graph = {
        name: {other for other in others if not (other and name.startswith(f"{other}."))} for name, others in GRAPH.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle of imports: {' -> '.join(error.args[1])}")


def test_the_emulator_knows_nothing_of_lobbies() -> None:
    outside = {
        other
        for name, others in GRAPH.items()
        if name.startswith("emulator")
        for other in others
        if not other.startswith("emulator")
    }
    assert outside <= {
        "addresses",
        "errors",
        "logs",
        "billing",
        "cloudformation",
        "cloudformation.reading",
        "cloudformation.names",
        "cloudformation.resolving",
        "cloudformation.sam",
        "cloudformation.structure",
    }


def test_the_core_does_no_input_or_output() -> None:
    core = ("presence", "data", "messages", "rules", "limits", "fanout", "budget", "billing", "ports", "delivery")
    forbidden = {"asyncio", "socket", "time", "random", "os", "secrets", "threading", "datetime", "urllib.request"}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in core:
        for node in ast.walk(parsed(modules()[name].read_text())):
            if isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names} & forbidden
            elif isinstance(node, ast.ImportFrom):
                found[name] |= {node.module or ""} & forbidden
    assert not {name: used for name, used in found.items() if used}


def test_no_two_public_classes_have_the_same_name() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, file in modules().items():
        for node in parsed(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    assert not {cls: where for cls, where in places.items() if len(where) > 1}
