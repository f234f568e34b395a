"""The emulator is a product of its own: it neither imports nor mentions the lobby."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import lobby.emulator
from tests.sources import parsed

MODULES = sorted(Path(lobby.emulator.__file__).parent.glob("*.py"))
ALLOWED = (
    "lobby.emulator",
    "lobby.addresses",
    "lobby.logs",
    "lobby.billing",
    "lobby.cloudformation.names",
    "lobby.cloudformation.reading",
    "lobby.cloudformation.resolving",
    "lobby.cloudformation.sam",
    "lobby.cloudformation.structure",
)


def imports(module: Path) -> Iterator[str]:
    """Every name of our package that a module imports, with the module that it comes from."""
    for node in ast.walk(parsed(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_imports_only_addresses_prices_templates_and_the_error(module: Path) -> None:
    ours = {name for name in imports(module) if name.partition(".")[0] == "lobby"} - {"lobby.errors.LobbyError"}
    assert {name for name in ours if not name.startswith(ALLOWED)} == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_does_not_mention_lobbies(module: Path) -> None:
    text = re.sub(r"lobby(\.\w+)+|LobbyError", "", module.read_text())
    assert [line for line in text.splitlines() if re.search("lobby|lobbies", line, re.I)] == []
