"""The lobby's own template: where it is (``infrastructure/``), its stages, and the names of its stacks."""

from __future__ import annotations

from pathlib import Path

from lobby.cloudformation.reading import read_template
from lobby.errors import LobbyError

TEMPLATE = "lobby-cloudformation.yaml"

STAGES = ("dev", "staging", "prod")
"""The stages that the parameter ``Stage`` allows. An account has at most one lobby for each."""


def stack_name(stage: str) -> str:
    """The name of the stack of a stage. The policies in docs/permissions.md depend on its beginning."""
    return f"lobby-{stage}"


def infrastructure() -> Path:
    """The folder with the template and the policies: in the package, or at the root of a checkout. Raises
    :class:`LobbyError`."""
    package = Path(__file__).parents[1]
    for folder in (package / "infrastructure", package.parents[1] / "infrastructure"):
        if (folder / TEMPLATE).is_file():
            return folder
    raise LobbyError(f"{TEMPLATE} is missing in {package / 'infrastructure'}. Install serverless-lobby again.")


def lobby_template() -> str:
    """The text of the lobby's template. Raises :class:`LobbyError`."""
    return read_template(infrastructure() / TEMPLATE)
