"""The form of a CloudFormation template: its sections, the attributes of resources, and the declarations of parameters. No I/O.

Source: CloudFormation User Guide, "Template sections", "Resource attribute reference" and "Parameters". CloudFormation refuses
a name that it does not know, so that a misspelled ``Condition`` or ``Conditions`` never goes unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from lobby.errors import LobbyError

SERVERLESS, LANGUAGE = "AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"
"""The transforms that are supported: SAM, and the functions Fn::ForEach, Fn::Length and Fn::ToJsonString."""

SECTIONS = (
    "AWSTemplateFormatVersion", "Conditions", "Description", "Hooks", "Mappings", "Metadata", "Outputs", "Parameters",
    "Resources", "Rules", "Transform",
)  # fmt: skip
ATTRIBUTES = (
    "Condition", "CreationPolicy", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdatePolicy",
    "UpdateReplacePolicy",
)  # fmt: skip
OUTPUT = ("Condition", "Description", "Export", "Value")
PARAMETER = (
    "AllowedPattern", "AllowedValues", "ConstraintDescription", "Default", "Description", "MaxLength", "MaxValue", "MinLength",
    "MinValue", "NoEcho", "Type",
)  # fmt: skip

_TYPE = re.compile(r"(AWS|Alexa|[A-Za-z0-9]+)::[A-Za-z0-9]+::[A-Za-z0-9]+(::MODULE)?|Custom::[\w@-]+|AWS::CloudFormation::\w+")
_PARAMETER_TYPE = re.compile(
    r"String|Number|CommaDelimitedList|List<(Number|String)>|AWS::\w+::\w+::\w+|List<AWS::\w+::\w+::\w+>"
    r"|AWS::SSM::Parameter::Value<(String|List<String>|CommaDelimitedList|AWS::\w+::\w+::\w+|List<AWS::\w+::\w+::\w+>)>"
)
_LISTS = ("CommaDelimitedList", "List<")
_SSM = "AWS::SSM::Parameter::Value<"


class TemplateError(LobbyError, ValueError):
    """CloudFormation would refuse the template or a parameter, or the template uses something that is not supported here. The
    message begins with the place in the template."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}" if place else reason)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """`` Did you mean X?``, or nothing if no known name is close."""
    close = get_close_matches(name, known, 1)
    return f" Did you mean {close[0]}?" if close else ""


def transforms(template: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the transforms of a template. Raises :class:`TemplateError` for one that is not supported."""
    listed = template.get("Transform", [])
    names = tuple(listed) if isinstance(listed, list) else (listed,)
    for name in names:
        if not isinstance(name, str):
            kind = name.get("Name", name) if isinstance(name, Mapping) else name
            raise TemplateError("Transform", f"the macro {kind} is not supported; supported are {SERVERLESS} and {LANGUAGE}.")
        if name not in (SERVERLESS, LANGUAGE):
            hint = did_you_mean(name, (SERVERLESS, LANGUAGE)) or f" Supported are {SERVERLESS} and {LANGUAGE}."
            raise TemplateError("Transform", f"{name} is not supported.{hint}")
    return names


def check_structure(template: Mapping[str, Any]) -> None:
    """Checks the form of a template, before any value is resolved. Raises :class:`TemplateError`."""
    is_serverless = SERVERLESS in transforms(template)
    _names(template, (*SECTIONS, "Globals") if is_serverless else SECTIONS, "", "section")
    version = template.get("AWSTemplateFormatVersion", "2010-09-09")
    if str(version) != "2010-09-09":
        raise TemplateError("AWSTemplateFormatVersion", f"{version!r} is not a version of CloudFormation; it is 2010-09-09.")
    if "Resources" not in template:
        raise TemplateError("Resources", "the section is missing.")
    for section in ("Resources", "Parameters", "Conditions", "Mappings", "Outputs", "Rules", "Globals"):
        mapping(template.get(section, {}), section)
    for name, item in template.get("Mappings", {}).items():
        for key, values in mapping(item, f"Mappings.{name}").items():
            mapping(values, f"Mappings.{name}.{key}")
    for name, item in template.get("Parameters", {}).items():
        _check_parameter(f"Parameters.{name}", item)
    for section in ("Conditions", "Resources", "Outputs"):
        loop = next((name for name in template.get(section, {}) if name.startswith("Fn::ForEach::")), None)
        if loop is not None and LANGUAGE not in transforms(template):
            raise TemplateError(f"{section}.{loop}", f"Fn::ForEach needs the transform {LANGUAGE}.")
    for name, item in template["Resources"].items():
        if not name.startswith("Fn::ForEach::"):
            _check_resource(f"Resources.{name}", item, is_serverless)
    for name, item in template.get("Outputs", {}).items():
        if not name.startswith("Fn::ForEach::"):
            place = f"Outputs.{name}"
            _names(mapping(item, place), OUTPUT, place, "attribute")
            if "Value" not in item:
                raise TemplateError(place, "Value is missing.")
            _check_condition(place, item)


def _check_resource(place: str, item: Any, is_serverless: bool) -> None:
    more = ("Connectors", "IgnoreGlobals") if is_serverless else ()
    _names(mapping(item, place), (*ATTRIBUTES, *more), place, "attribute")
    kind = item.get("Type")
    if kind is None:
        raise TemplateError(place, "Type is missing.")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise TemplateError(f"{place}.Type", f"{kind!r} is not a type of a resource.")
    mapping(item.get("Properties", {}), f"{place}.Properties")
    _check_condition(place, item)
    depends = item.get("DependsOn", [])
    if not isinstance(depends, str) and not (isinstance(depends, list) and all(isinstance(one, str) for one in depends)):
        raise TemplateError(f"{place}.DependsOn", "it must be the name of a resource, or a list of names.")


def _check_condition(place: str, item: Mapping[str, Any]) -> None:
    if not isinstance(item.get("Condition", ""), str):
        raise TemplateError(f"{place}.Condition", "it must be the name of a condition.")


def _check_parameter(place: str, item: Any) -> None:
    _names(mapping(item, place), PARAMETER, place, "attribute")
    kind = item.get("Type")
    if kind is None:
        raise TemplateError(place, "Type is missing.")
    if not isinstance(kind, str) or not _PARAMETER_TYPE.fullmatch(kind):
        hint = did_you_mean(str(kind), ("String", "Number", "CommaDelimitedList", "List<Number>"))
        raise TemplateError(f"{place}.Type", f"{kind!r} is not a type of a parameter.{hint}")
    if isinstance(item.get("Default", ""), dict | list):
        raise TemplateError(f"{place}.Default", "it must be a text or a number; lists are texts with commas.")
    if not isinstance(item.get("AllowedValues", []), list):
        raise TemplateError(f"{place}.AllowedValues", "it must be a list.")
    for name in ("MinLength", "MaxLength", "MinValue", "MaxValue"):
        if name in item:
            number(item[name], f"{place}.{name}")
    pattern = item.get("AllowedPattern", "")
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise TemplateError(f"{place}.AllowedPattern", f"{pattern!r} is not a regular expression ({error}).") from None


def _names(item: Mapping[Any, Any], known: Collection[str], place: str, what: str) -> None:
    for name in item:
        if name not in known:
            raise TemplateError(place, f"{name} is not a known {what} of a template.{did_you_mean(str(name), known)}")


def mapping(value: Any, place: str) -> Mapping[str, Any]:
    """``value``, which must be a mapping whose keys are texts. Raises :class:`TemplateError`."""
    if not isinstance(value, Mapping):
        raise TemplateError(place, f"it must be a mapping, and it is {described(value)}.")
    for key in value:
        if not isinstance(key, str):
            raise TemplateError(place, f"the key {key!r} must be a text; put it in quotes.")
    return value


def number(value: Any, place: str) -> float:
    """``value`` as a number; CloudFormation takes numbers in quotes, too. Raises :class:`TemplateError`."""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        return float(value)
    except ValueError:
        raise TemplateError(place, f"it must be a number, and it is {described(value)}.") from None


def described(value: Any) -> str:
    """A value in a message: short, and with its kind if it is not a text."""
    text = "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else repr(value)
    return "empty" if value is None or value == "" else text if len(text) <= 60 else f"{text[:57]}..."


def is_list(kind: str) -> bool:
    """Whether a parameter of this type is a list."""
    return kind.removeprefix(_SSM).startswith(_LISTS)


def is_stored(kind: str) -> bool:
    """Whether the value of a parameter of this type is in the Parameter Store of Systems Manager, under the given name."""
    return kind.startswith(_SSM)


def elements(value: Any) -> list[str]:
    """The elements of a parameter that is a list: separated by commas, without spaces around them."""
    return [part.strip() for part in str(value).split(",")]
