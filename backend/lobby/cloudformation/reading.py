"""CloudFormation templates: where ours is (``infrastructure/``), how one is read, and what it can be told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from lobby.errors import LobbyError

TEMPLATE = "lobby-cloudformation.yaml"

STAGES = ("dev", "staging", "prod")
"""The lobbies that one account may have; the parameter ``Stage`` allows the same."""


def stack_name(stage: str) -> str:
    """What CloudFormation calls the lobby of a stage. docs/permissions.md counts on how it begins."""
    return f"lobby-{stage}"


def infrastructure() -> Path:
    """The folder with the template and the policies: in a wheel it is beside this file, in a checkout at the root."""
    here = Path(__file__).parents[1]
    for folder in (here / "infrastructure", here.parents[1] / "infrastructure"):
        if (folder / TEMPLATE).is_file():
            return folder
    raise LobbyError(f"{TEMPLATE} is missing: it belongs into {here / 'infrastructure'}. Install serverless-lobby again.")


def read_template(path: Path | None = None) -> str:
    """The text of a template, ours where none is named. Raises :class:`LobbyError`."""
    path = path or infrastructure() / TEMPLATE
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LobbyError(f"Cannot read the template {path}: {getattr(error, 'strerror', None) or error}.") from None


def parse(text: str) -> dict[str, Any]:
    """The template that ``text`` is, YAML or JSON, with CloudFormation's short tags in their long form: ``!Ref x`` is
    ``{"Ref": "x"}``. Raises :class:`LobbyError`."""
    import yaml

    try:
        template = yaml.load(text, _loader())
    except yaml.YAMLError as error:
        raise LobbyError(f"The template is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise LobbyError("A template is a mapping, with Resources in it.")
    return template


@cache
def _loader() -> Any:
    import yaml

    # A class of our own, so that nobody else's learns the short tags; libyaml's is ten times as fast.
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
    # A date stays a string: "2012-10-17" is the version of a policy.
    loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
        for first, rules in base.yaml_implicit_resolvers.items()
    }
    return loader


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
