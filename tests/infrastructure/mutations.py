"""Changes to a parsed template, each a function that changes a template in place. Tests break the lobby's template with them.

A path names a value: its steps are joined by ``/``. A step is a key, the index of a list, an item of a list of strings, or
``KEY=VALUE``: the item of a list or of a mapping that has this value under the key. A change fails if there is nothing at its
path. So a test does not pass because a name in the template has changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Template = dict[str, Any]
Mutation = Callable[[Template], None]


def set_to(path: str, value: Any) -> Mutation:
    """Replaces a value by another one."""

    def change(template: Template) -> None:
        container, key = _locate(template, path)
        assert container[key] != value, f"{path} is {value!r} already"
        container[key] = value

    return change


def remove(path: str) -> Mutation:
    """Removes a value with its key, or an item of a list."""

    def change(template: Template) -> None:
        container, key = _locate(template, path)
        del container[key]

    return change


def rename(path: str, name: str) -> Mutation:
    """Gives a value another key."""

    def change(template: Template) -> None:
        container, key = _locate(template, path)
        assert name not in container
        container[name] = container.pop(key)

    return change


def replace(path: str, old: str, new: str) -> Mutation:
    """Replaces a part of a text."""

    def change(template: Template) -> None:
        container, key = _locate(template, path)
        assert old in container[key], f"{path} does not contain {old!r}"
        container[key] = container[key].replace(old, new)

    return change


def in_json(path: str, mutation: Mutation) -> Mutation:
    """Applies a mutation to the JSON value of a text."""

    def change(template: Template) -> None:
        container, key = _locate(template, path)
        value = json.loads(container[key])
        mutation(value)
        container[key] = json.dumps(value)

    return change


def every(*mutations: Mutation) -> Mutation:
    """Applies several mutations."""

    def change(template: Template) -> None:
        for mutation in mutations:
            mutation(template)

    return change


def _locate(template: Any, path: str) -> tuple[Any, Any]:
    """The mapping or list that holds the value at a path, and the key or index of the value in it."""
    *steps, last = path.split("/")
    for step in steps:
        template = template[_key(template, step, path)]
    return template, _key(template, last, path)


def _key(container: Any, step: str, path: str) -> Any:
    name, _, value = step.partition("=")
    pairs: list[tuple[Any, Any]] = list(enumerate(container) if isinstance(container, list) else container.items())
    if value:
        found = [key for key, item in pairs if isinstance(item, dict) and str(item.get(name)) == value]
    elif isinstance(container, list):
        found = [key for key, item in pairs if step in (item, str(key))]
    else:
        found = [key for key, _ in pairs if key == step]
    assert len(found) == 1, f"{path}: {len(found)} values fit the step {step}"
    return found[0]
