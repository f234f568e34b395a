"""A class has a name of its own, so that a reader can search for it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import lobby

PACKAGE = Path(lobby.__file__).parent

STRICT = ("billing", "budget", "cli", "cloudformation", "deploy", "emulator", "monitor", "terminal", "tools")
"""Modules and folders of the package whose public classes must have unique names."""


def public_classes(module: Path) -> Iterator[str]:
    """The public classes of a module, and its aliases of types."""
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            names = []
        yield from (name for name in names if name[0].isupper() and not name.isupper())


def test_no_two_public_classes_share_a_name() -> None:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for module in sorted(PACKAGE.rglob("*.py")):
        for name in public_classes(module):
            found[name].append(module.relative_to(PACKAGE).with_suffix("").as_posix())
    shared = {name: modules for name, modules in found.items() if len(modules) > 1}
    assert {name: modules for name, modules in shared.items() if any(one.split("/")[0] in STRICT for one in modules)} == {}
