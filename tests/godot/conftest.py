"""What the tests of the Godot client share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.godot.engine import import_project


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user folder of its own, and the project imported."""
    folder = tmp_path_factory.mktemp("home")
    import_project(folder)
    return folder
