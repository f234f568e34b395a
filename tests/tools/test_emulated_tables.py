"""`lobby emulate` states which table it took, and what that means."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobby.emulator.tables import Dynoxide, Endpoint, Moto
from lobby.errors import LobbyError
from lobby.tools.emulate import INSTALL, about, engine


def test_each_table_states_for_how_many_players_it_is_good() -> None:
    assert "ten moving players" in about(Moto())
    assert INSTALL in about(Moto())
    assert "50 moving players" in about(Dynoxide(Path("dynoxide")))
    assert about(Endpoint("http://127.0.0.1:8000")) == "The tables are at http://127.0.0.1:8000."


def test_a_table_that_is_not_installed_names_the_command_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dynoxide, "find", staticmethod(lambda: None))
    with pytest.raises(LobbyError, match=f"`{INSTALL}` installs it"):
        engine("dynoxide")
    assert isinstance(engine("auto"), Moto)
    assert INSTALL.startswith("npm install --no-save @dynoxide/")
