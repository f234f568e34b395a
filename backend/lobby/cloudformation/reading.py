"""Reading a CloudFormation template, and checking the values of its parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from lobby.cloudformation.structure import elements, is_list, is_stored, number
from lobby.errors import LobbyError


def read_template(path: Path) -> str:
    """The text of a template. Raises :class:`LobbyError` if the file cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LobbyError(f"Cannot read the template {path}: {getattr(error, 'strerror', None) or error}.") from None


def parse(text: str, notes: list[str] | None = None) -> dict[str, Any]:
    """The template in ``text``, YAML or JSON. Short tags of CloudFormation are in their long form: ``!Ref x`` is
    ``{"Ref": "x"}``. Raises :class:`LobbyError` if ``text`` is not a template.

    Of a key that occurs twice in one place the last value counts, as on AWS; ``notes`` gets a sentence about it.
    """
    try:
        template = _read(text, [] if notes is None else notes)
    except RecursionError:
        raise LobbyError("The template is nested too deeply, or it contains itself.") from None
    if isinstance(template, dict) and "Resources" not in template and {"service", "functions"} <= set(template):
        raise LobbyError(
            "This is the configuration of the Serverless Framework, not a template. `serverless package` writes the template, "
            ".serverless/cloudformation-template-update-stack.json."
        )
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        close = get_close_matches("Resources", [str(name) for name in template], 1) if isinstance(template, dict) else []
        hint = f" It contains {close[0]}." if close and close[0] != "Resources" else ""
        raise LobbyError(f"A template must be a mapping that contains Resources.{hint}")
    return template


def _read(text: str, notes: list[str]) -> Any:
    import yaml

    if text.lstrip().startswith("{"):
        try:
            # YAML allows no tabs at the beginning of a line, JSON does.
            return json.loads(text, object_pairs_hook=lambda pairs: _last(pairs, notes))
        except json.JSONDecodeError:
            notes.clear()
    loader = _loader()(text)
    loader.notes = notes
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise LobbyError(f"The template is not YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


def _last(pairs: list[tuple[str, Any]], notes: list[str]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    notes += [f"{name} is twice in the same place; the last one counts." for name in set(names) if names.count(name) > 1]
    return dict(pairs)


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

    def mapped(loader: Any, node: Any) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    again = f"the last one, in line {key.start_mark.line + 1}, counts"
                    loader.notes.append(f"{key.value} is twice in the same place; {again}.")
                seen.add(key.value)
        return loader.construct_yaml_map(node)

    loader.add_multi_constructor("!", tagged)
    loader.add_constructor("tag:yaml.org,2002:map", mapped)
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
            has = f"it has {', '.join(sorted(known))}." if known else "it has none."
            hint = f"did you mean {close[0]}?" if close else has
            raise LobbyError(f"The template has no parameter {name}; {hint}")
        wrong = _wrong(value, known[name], f"Parameters.{name}")
        if wrong:
            shown = "is invalid" if known[name].get("NoEcho") else f"is {value!r}"
            reason = known[name].get("ConstraintDescription", f"must be {wrong}")
            raise LobbyError(f"The parameter {name} {shown}; it {reason}.")


def _wrong(value: str, item: Mapping[str, Any], place: str) -> str:
    """What the value of a parameter must be; empty if it is."""
    kind = str(item["Type"])
    if is_stored(kind):
        return ""  # constraints concern the name, not the value
    parts = elements(value) if is_list(kind) else [value]
    allowed = [str(one) for one in item.get("AllowedValues", parts)]
    if any(part not in allowed for part in parts):
        return f"one of {', '.join(allowed)}"
    if kind in ("Number", "List<Number>"):
        low = number(item.get("MinValue", "-inf"), f"{place}.MinValue")
        high = number(item.get("MaxValue", "inf"), f"{place}.MaxValue")
        try:
            fits = all(low <= float(part) <= high for part in parts)
        except ValueError:
            return "a number"
        return "" if fits else f"between {_short(low)} and {_short(high)}"
    least = number(item.get("MinLength", 0), f"{place}.MinLength")
    most = number(item.get("MaxLength", 4096), f"{place}.MaxLength")
    if not least <= len(value) <= most:
        return f"{_short(least)} to {_short(most)} characters long"
    if not all(re.fullmatch(item.get("AllowedPattern", ".*"), part, re.S) for part in parts):
        return f"like {item['AllowedPattern']}"
    return ""


def _short(value: float) -> str:
    return f"{int(value):,}" if value.is_integer() else f"{value:,}"
