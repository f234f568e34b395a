"""The code and the arguments on the page about the emulator are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/emulator.md").read_text()


def test_the_snippet_of_the_page_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    snippet = re.search(r"```python\n(.*?)```", PAGE, re.S)
    assert snippet is not None
    exec(compile(snippet[1], "docs/emulator.md", "exec"), {"__name__": "__main__"})
    said = re.search(r"It prints `(.*?)`", PAGE)
    assert said is not None
    assert capsys.readouterr().out.strip() == said[1]


def test_every_argument_and_limit_is_on_the_page() -> None:
    import dataclasses
    import inspect

    from lobby.emulator import Api, ApiGateway, FunctionOptions, GatewayFaults, Limits

    names = [name for name in inspect.signature(ApiGateway).parameters if name not in ("api", "invoke")]
    names += [field.name for kind in (Api, Limits, GatewayFaults, FunctionOptions) for field in dataclasses.fields(kind)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
