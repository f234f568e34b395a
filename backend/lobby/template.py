"""The CloudFormation template: where it is, and what it can be told (``infrastructure/lobby-cloudformation.yaml``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lobby.errors import LobbyError

TEMPLATE = "lobby-cloudformation.yaml"

STAGES = ("dev", "staging", "prod")
"""The lobbies that one account may have; the parameter ``Stage`` allows the same."""


def infrastructure() -> Path:
    """The folder with the template and the policies: in a wheel it is beside this file, in a checkout at the root."""
    here = Path(__file__).parent
    for folder in (here / "infrastructure", here.parents[1] / "infrastructure"):
        if (folder / TEMPLATE).is_file():
            return folder
    raise LobbyError(f"{TEMPLATE} is missing: it belongs into {here / 'infrastructure'}. Install serverless-lobby again.")


def read_template() -> str:
    """The template's text."""
    return (infrastructure() / TEMPLATE).read_text(encoding="utf-8")


def parameters(text: str) -> dict[str, Any]:
    """The template's parameters: names, types, bounds, defaults."""
    import yaml

    # A class of our own, so that nobody else's learns CloudFormation's short tags. No parameter has any: they are passed over.
    loader: Any = type("Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})  # libyaml's is ten times as fast
    loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    found: dict[str, Any] = yaml.load(text, loader)["Parameters"]
    return found


def check_parameters(given: Mapping[str, str], known: Mapping[str, Any]) -> None:
    """Whether CloudFormation would take ``given``, as far as one can know before asking. Raises :class:`LobbyError`."""
    for name, value in given.items():
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}."
            raise LobbyError(f"The template has no parameter {name}; {hint}")
        wrong = _wrong(value, known[name])
        if wrong:
            shown = "does not fit" if known[name].get("NoEcho") else f"is {value!r}"
            reason = known[name].get("ConstraintDescription", f"must be {wrong}")
            raise LobbyError(f"The parameter {name} {shown}; it {reason}.")


def _wrong(value: str, item: Mapping[str, Any]) -> str:
    """What a parameter's value has to be, where it is not."""
    if "AllowedValues" in item and value not in [str(one) for one in item["AllowedValues"]]:
        return f"one of {', '.join(str(one) for one in item['AllowedValues'])}"
    if item["Type"] == "Number":
        low, high = item.get("MinValue", float("-inf")), item.get("MaxValue", float("inf"))
        try:
            fits = low <= float(value) <= high
        except ValueError:
            return "a number"
        return "" if fits else f"between {low:,} and {high:,}"
    if not item.get("MinLength", 0) <= len(value) <= item.get("MaxLength", 4096):
        return f"{item.get('MinLength', 0)} to {item.get('MaxLength', 4096)} characters long"
    if not re.fullmatch(item.get("AllowedPattern", ".*"), value, re.S):
        return f"like {item['AllowedPattern']}"
    return ""
