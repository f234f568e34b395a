"""An empty working directory, and an empty account in moto."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.deploy.clouds import REGION


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs. No settings are in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("LOBBY_"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Invalid credentials, in place of those of the user that runs the tests."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", REGION)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moto leaves files open, and warns of what it does not support
        with mock_aws():
            yield
