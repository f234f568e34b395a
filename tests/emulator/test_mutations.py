"""A mistake in a template has two outcomes: it works as on AWS, or it is one sentence with its place.

Each template is changed in one place: a key is deleted or misspelled, a value is misspelled or gets another type. A sample of
these changes is tried; ``--every-mutation`` tries all of them.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lobby.cloudformation.lobby_template import lobby_template
from lobby.cloudformation.reading import parse
from lobby.emulator import StackDefinition, read_stack
from lobby.errors import LobbyError

STACKS = Path(__file__).parent / "stacks"
OUTSIDE = {
    "shared-role": "arn:aws:iam::123456789012:role/any",
    "shared-dev-key": "k",
    "secretsmanager:chat:SecretString:key": "s",
}
TEXTS = {path.name: path.read_text() for path in sorted(STACKS.glob("*.*")) if path.suffix != ".md"} | {
    "our own": lobby_template()
}
SAMPLE = 60
"""The number of changes of each template, unless all are tried."""

REMOVABLE = {
    "ApiKeyRequired": "without it a route requires no key, on AWS as here",
    "AuthorizationType": "without it a route has no authorization, on AWS as here; with an AuthorizerId it is refused",
    "DefaultRouteSettings": "without it the stage has the throttle of the account",
    "IdentitySource": "without it the authorizer is always asked",
    "RouteSettings": "without it no route has a throttle of its own",
    "$connect": "without it there is no such route",
    "$default": "without it there is no such route, or it has no throttle of its own",
    "ThrottlingBurstLimit": "without it the burst is that of the account",
    "ThrottlingRateLimit": "without it the rate is that of the account",
}
"""Keys whose removal removes a protection on AWS, too, with the reason. The removal of a route removes its protection, too."""

PLACE = re.compile(
    r"(Resources|Parameters|Conditions|Mappings|Outputs|Rules|Globals|Transform|AWSTemplateFormatVersion)\b"
    r"|The parameter \w+ |\w+ is not a known section "
)


class Change(NamedTuple):
    """One change of a template: its kind, and the path of the key."""

    kind: str
    path: tuple[str | int, ...]


@cache
def template(name: str) -> dict[str, Any]:
    return parse(TEXTS[name])


def keys(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every key in a template."""
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in parts:
        if isinstance(node, dict):
            yield (*path, key)
        yield from keys(item, (*path, key))


def changes(name: str) -> list[Change]:
    found = []
    for path in keys(template(name)):
        value = at(template(name), path)
        kinds = ["delete", "misspell", "list", "mapping", "nothing", "number"]
        found += [Change(kind, path) for kind in [*kinds, *(["value"] if isinstance(value, str) and len(value) > 2 else [])]]
    return found


def at(node: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        node = node[part]
    return node


def changed(name: str, change: Change) -> dict[str, Any]:
    result = copy.deepcopy(template(name))
    *parents, key = change.path
    node = at(result, tuple(parents))
    value = node[key]
    match change.kind:
        case "delete":
            del node[key]
        case "misspell":
            items = [(misspelled(str(one)) if one == key else one, item) for one, item in node.items()]
            node.clear()
            node.update(items)
        case "value":
            node[key] = misspelled(value)
        case "list":
            node[key] = [value] if not isinstance(value, list) else (value or ["x"])[0]
        case "mapping":
            node[key] = {"Key": value} if not isinstance(value, dict) else "text"
        case "nothing":
            node[key] = None
        case "number":
            node[key] = 7 if not isinstance(value, int) or value == 7 else "seven"
    return result


def misspelled(text: str) -> str:
    """The same text with two letters exchanged, or with one more."""
    middle = len(text) // 2
    swapped = text[: middle - 1] + text[middle] + text[middle - 1] + text[middle + 1 :] if len(text) > 2 else text
    return swapped if swapped != text else f"{text}x"


def protection(stack: StackDefinition) -> dict[str, Any]:
    """What protects the API of a stack."""
    return {
        "authorizer": (stack.authorizer is not None, stack.api.authorizer is not None),
        "signature": stack.api.requires_signature,
        "keys": stack.api.keys is not None,
        "throttle": (stack.api.throttle_rate, stack.api.throttle_burst),
        "routes": {key: route.throttle for key, route in stack.api.routes.items()},
    }


def outcome(name: str, change: Change) -> StackDefinition | str:
    """The definition of the changed template, or the sentence that refuses it."""
    try:
        return read_stack(changed(name, change), imports=OUTSIDE)
    except LobbyError as error:
        return str(error)


def sample(name: str, tries_all: bool) -> list[Change]:
    every = changes(name)
    return every if tries_all else random.Random(name).sample(every, min(SAMPLE, len(every)))


@pytest.mark.parametrize("name", TEXTS)
def test_a_change_of_a_template_works_or_is_one_sentence_with_its_place(name: str, request: pytest.FixtureRequest) -> None:
    before = protection(read_stack(template(name), imports=OUTSIDE))
    wrong = []
    for change in sample(name, request.config.getoption("--every-mutation")):
        found = outcome(name, change)  # a traceback fails the test
        if isinstance(found, str):
            if "\n" in found or not PLACE.match(found) or not found.endswith((".", "?")):
                wrong.append((change, found))
            continue
        after = protection(found)
        lost = [part for part in before if after[part] != before[part]]
        if lost and not is_removal(change) and not is_value(change, lost):
            wrong.append((change, f"lost {lost}"))
    assert not wrong, "\n".join(map(str, wrong))


def is_removal(change: Change) -> bool:
    """Whether the change removes a protection on AWS, too, or a whole resource."""
    return change.kind == "delete" and (change.path[-1] in REMOVABLE or len(change.path) == 2)


def is_value(change: Change, lost: list[str]) -> bool:
    """Whether the change gave a protection another value, as the template says: a rate of 7, another name of a route."""
    return set(lost) <= {"throttle", "routes"} and change.kind in ("number", "value")
