"""Player data and the data of events: JSON objects of the game, which the lobby stores or passes on and never interprets. Pure.

A change is a JSON merge patch (RFC 7396): an object is merged into the object that is there, null removes a key, and every
other value replaces. A token may grant data: the player cannot change its keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lobby.errors import Refused
from lobby.jsons import dumps

Data = Mapping[str, Any]
"""A JSON object. It is never changed in place."""

NO_DATA: Data = {}

DEPTH = 8
"""How deep objects and lists may be nested. Deeper ones would cost every client a deep recursion."""

FORBIDDEN = frozenset({"__proto__"})
"""Keys that change the prototype of an object where a JavaScript client copies it."""

NUMBER = 1e15
"""Larger numbers are refused: a float of this size has no fractions left, and clients read them differently."""


def check(value: object, code: str, is_text: Any) -> dict[str, Any]:
    """``value``, if it is an object that a lobby passes on. Raises :class:`Refused` with ``code`` and a text that states where
    the mistake is.

    ``is_text(text, where)`` returns a text in the form in which it is stored, and raises Refused where it may not be.
    """
    if type(value) is not dict:
        raise Refused(code, "data must be a JSON object")
    return dict(_members(value, code, is_text, "data", 1))


def _members(value: dict[str, Any], code: str, is_text: Any, where: str, depth: int) -> list[tuple[str, Any]]:
    if depth > DEPTH:
        raise Refused(code, f"data is nested more than {DEPTH} deep")
    members = []
    for name, item in value.items():
        if name in FORBIDDEN:
            raise Refused(code, f"{where} must not have the key {name}")
        key = is_text(name, f"a key of {where}")
        members.append((key, _checked(item, code, is_text, f"{where}.{key[:32]}", depth)))
    return members


def _checked(value: Any, code: str, is_text: Any, where: str, depth: int) -> Any:
    if isinstance(value, str):
        return is_text(value, where)
    if isinstance(value, dict):
        return dict(_members(value, code, is_text, where, depth + 1))
    if isinstance(value, list):
        if depth + 1 > DEPTH:
            raise Refused(code, f"data is nested more than {DEPTH} deep")
        return [_checked(item, code, is_text, where, depth + 1) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not -NUMBER < value < NUMBER:
        raise Refused(code, f"{where} must be a number within ±{NUMBER:g}")
    return value


def merge(known: Data, patch: Data) -> dict[str, Any]:
    """``known`` after the merge patch ``patch`` (RFC 7396)."""
    merged = dict(known)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            before = merged.get(name)
            merged[name] = merge(before if isinstance(before, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def combine(first: Data, second: Data) -> dict[str, Any]:
    """One merge patch that does what ``first`` and then ``second`` do."""
    combined = dict(first)
    for name, value in second.items():
        before = combined.get(name)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        combined[name] = combine(before, value) if both else value  # type: ignore[arg-type]
    return combined


def size(data: Data) -> int:
    """The bytes of ``data`` as JSON without spaces."""
    return len(dumps(data))
