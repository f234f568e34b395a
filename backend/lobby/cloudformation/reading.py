"""Reading a CloudFormation template, and checking the values of its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from lobby.errors import LobbyError


def read_template(path: Path) -> str:
    """The text of a template. Raises :class:`LobbyError` if the file cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LobbyError(f"Cannot read the template {path}: {getattr(error, 'strerror', None) or error}.") from None


def parse(text: str) -> dict[str, Any]:
    """The template in ``text``, YAML or JSON. Short tags of CloudFormation are in their long form: ``!Ref x`` is
    ``{"Ref": "x"}``. Raises :class:`LobbyError` if ``text`` is not a template."""
    import yaml

    try:
        template = yaml.load(text, _loader())
    except yaml.YAMLError as error:
        raise LobbyError(f"The template is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise LobbyError("A template must be a mapping that contains Resources.")
    return template


@cache
def _loader() -> Any:
    import yaml

    # A class of our own, so that PyYAML's own loaders do not get the short tags. libyaml's loader is ten times as fast.
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader", (base,), {})

    def tagged(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode):
            value: Any = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        if suffix == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}

    loader.add_multi_constructor("!", tagged)
    # Dates stay strings: "2012-10-17" is the version of a policy.
    loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
        for first, rules in base.yaml_implicit_resolvers.items()
    }
    return loader


def check_parameters(given: Mapping[str, str], known: Mapping[str, Any]) -> None:
    """Checks the values in ``given`` against the declared parameters ``known``, as CloudFormation does. Raises
    :class:`LobbyError` for an unknown name or a value that CloudFormation would refuse."""
    for name, value in given.items():
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(known))}."
            raise LobbyError(f"The template has no parameter {name}; {hint}")
        wrong = _wrong(value, known[name])
        if wrong:
            shown = "is invalid" if known[name].get("NoEcho") else f"is {value!r}"
            reason = known[name].get("ConstraintDescription", f"must be {wrong}")
            raise LobbyError(f"The parameter {name} {shown}; it {reason}.")


def _wrong(value: str, item: Mapping[str, Any]) -> str:
    """What the value of a parameter must be; empty if it is."""
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
