"""An empty working directory, and an empty account in moto."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from lobby.deploy.aws import AwsClient
from tests.deploy.clouds import REGION
from tests.deploy.permissions import Call, unlisted


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


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Call]]:
    """The calls to AWS that a test makes. docs/permissions.md must list the permission for each."""
    called: set[Call] = set()
    call = AwsClient.__call__

    def noted(self: AwsClient, operation: str, **arguments: Any) -> dict[str, Any]:
        called.add((self._service, operation))
        return call(self, operation, **arguments)

    monkeypatch.setattr(AwsClient, "__call__", noted)
    yield called
    assert unlisted(called) == set()
