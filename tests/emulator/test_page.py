"""The code and the arguments on the page about the emulator are right."""

from __future__ import annotations

from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/emulator.md").read_text()


def test_the_page_states_what_its_program_prints() -> None:
    """``tests/docs/test_pages.py`` runs it."""
    assert "It prints `HELLO`" in PAGE


def test_every_argument_and_limit_is_on_the_page() -> None:
    import dataclasses
    import inspect

    from lobby.emulator import Api, ApiGateway, FunctionOptions, GatewayFaults, Limits

    names = [name for name in inspect.signature(ApiGateway).parameters if name not in ("api", "invoke")]
    names += [field.name for kind in (Api, Limits, GatewayFaults, FunctionOptions) for field in dataclasses.fields(kind)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
