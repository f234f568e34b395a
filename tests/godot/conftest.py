"""Fixtures of the Godot tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.godot.engine import GAME, addon_project, import_project


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user folder, with the project of the addon in it."""
    folder = tmp_path_factory.mktemp("home")
    addon_project(folder)
    return folder


@pytest.fixture(scope="session")
def game(home: Path) -> Path:
    """The demo game, imported."""
    import_project(home, GAME)
    return GAME
