"""Settings from the environment: their names, their bounds, their meanings."""

from __future__ import annotations

import re

import pytest

from lobby.errors import LobbyError
from lobby.settings import Settings, options, variable


def test_the_environment_names_settings_by_their_variable() -> None:
    settings = Settings.from_environment({"LOBBY_WINDOW_MS": "20", "LOBBY_OPEN": "yes", "LOBBY_MAX_SPEED": "1.5", "OTHER": "x"})
    assert (settings.window_ms, settings.open, settings.max_speed) == (20, True, 1.5)


def test_an_empty_variable_means_the_default() -> None:
    assert Settings.from_environment({"LOBBY_PORT": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LOBBY_PORT", "http", "LOBBY_PORT is 'http'; it must be a whole number"),
        ("LOBBY_PORT", "70000", "--port (LOBBY_PORT) is 70000; it must be between 0 and 65,535"),
        ("LOBBY_OPEN", "perhaps", "LOBBY_OPEN is 'perhaps'; it must be yes or no"),
        ("LOBBY_MAX_SPEED", "nan", "--max-speed (LOBBY_MAX_SPEED) is nan; it must be between"),
        ("LOBBY_TLS_CERT", "x.pem", "belong together"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(name: str, value: str, message: str) -> None:
    with pytest.raises(LobbyError, match=re.escape(message)):
        Settings.from_environment({name: value})


def test_every_setting_has_a_meaning() -> None:
    for item in options():
        assert item.metadata["meaning"].endswith(".") or ":" in item.metadata["meaning"], item.name
        assert variable(item.name).isupper()
