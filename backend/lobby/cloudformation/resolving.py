"""Resolving a CloudFormation template: parameters, conditions and functions become values. No account, no network.

``resolve`` removes resources whose condition is false, and replaces each function by its value. Ids and ARNs are invented but
stable: the same template always resolves to the same values. A function that CloudFormation does not know, or that needs an
account, raises :class:`ResolveError` with its place; nothing stays unresolved.

Source: CloudFormation User Guide, "Intrinsic function reference", "Condition functions" and "Rule functions".
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from lobby.cloudformation.names import ACCOUNT, NAMES, REGION, STACK, attribute_of, physical_of, pseudo
from lobby.cloudformation.reading import check_parameters
from lobby.cloudformation.structure import (
    LANGUAGE,
    TemplateError,
    check_structure,
    described,
    did_you_mean,
    elements,
    is_list,
    is_stored,
    mapping,
    transforms,
)

__all__ = ["ACCOUNT", "NAMES", "REGION", "STACK", "ResolveError", "resolve"]

ResolveError = TemplateError

_NOTHING = object()
_RESOLVED = re.compile(r"\{\{resolve:([^{}]+)\}\}")
_ELSEWHERE = ("Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll")
"""Rule functions that ask the account for its resources."""


class _MissingValue(ResolveError):
    """A value that is outside the template, and was not given."""


def resolve(
    template: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    kinds: Collection[str] | None = None,
    imports: Mapping[str, str] | None = None,
    stack: str = STACK,
) -> dict[str, Any]:
    """The resolved template: ``Parameters`` and ``Conditions`` with their values, the ``Resources`` and ``Outputs`` whose
    condition is true, and in ``Refs`` the value of ``Ref`` for each resource. Raises :class:`ResolveError`.

    Only the properties of resources of these ``kinds`` are resolved; None: of all. ``imports`` holds what is outside the
    template: exports of other stacks by their names, and dynamic references by the text between ``{{resolve:`` and ``}}``.
    ``Unchecked`` lists the rules that need such a value and were not checked.
    """
    check_structure(template)
    try:
        return _Resolver(template, parameters or {}, imports or {}, stack).resolved(kinds)
    except RecursionError:
        raise ResolveError("", "The template is nested too deeply, or a value refers to itself.") from None


def parameter_values(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each parameter: a text, or a list for a type that is a list. A parameter whose value is in the Parameter
    Store is missing, unless it is in ``given``. Raises :class:`ResolveError`."""
    declared = template.get("Parameters", {})
    texts = {name: _text(value, f"Parameters.{name}") for name, value in given.items()}
    check_parameters(texts, declared)
    for name, item in declared.items():
        if name not in texts and "Default" not in item:
            raise ResolveError("", f"The parameter {name} has no default, so it needs a value: --parameter {name}=VALUE.")
        if name not in texts and not is_stored(item["Type"]):
            texts[name] = _text(item["Default"], f"Parameters.{name}.Default")
    check_parameters(texts, declared)
    return {name: elements(text) if is_list(declared[name]["Type"]) else text for name, text in texts.items()}


def expand(template: Mapping[str, Any], given: Mapping[str, Any], imports: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The template with each ``Fn::ForEach`` replaced by what it stands for. Raises :class:`ResolveError`."""
    check_structure(template)
    try:
        resolver = _Resolver(template, given, imports or {}, STACK, evaluates=False)
        found = {
            section: resolver.unrolled(value, section) if section in ("Conditions", "Resources", "Outputs") else value
            for section, value in template.items()
        }
    except RecursionError:
        raise ResolveError("", "The template is nested too deeply, or a value refers to itself.") from None
    check_structure(found)
    return found


class _Resolver:
    def __init__(
        self,
        template: Mapping[str, Any],
        parameters: Mapping[str, Any],
        imports: Mapping[str, str],
        stack: str,
        *,
        evaluates: bool = True,
    ) -> None:
        self.template, self.imports = template, imports
        self.extended = LANGUAGE in transforms(template)
        self.pseudo = pseudo(stack)
        self.parameters = parameter_values(template, parameters)
        self.conditions: dict[str, bool] = {}
        self.existing: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._naming: set[str] = set()
        if evaluates:
            for name in template.get("Conditions", {}):
                self.condition(name, f"Conditions.{name}")
            self.existing = {
                name: item
                for name, item in template["Resources"].items()
                if "Condition" not in item or self.condition(item["Condition"], f"Resources.{name}.Condition")
            }

    def resolved(self, kinds: Collection[str] | None) -> dict[str, Any]:
        unchecked = self._rules()
        resources = {}
        for name, item in self.existing.items():
            for other in _listed(item.get("DependsOn", [])):
                if other not in self.template["Resources"]:
                    raise ResolveError(f"Resources.{name}.DependsOn", f"{other} is a resource which is not in the template.")
            resources[name] = {key: value for key, value in item.items() if key not in ("Condition", "Properties")}
            if "Properties" in item and (kinds is None or item["Type"] in kinds):
                resources[name]["Properties"] = self.value(item["Properties"], f"Resources.{name}.Properties")
        outputs = {
            name: self.value({k: v for k, v in item.items() if k != "Condition"}, f"Outputs.{name}")
            for name, item in self.template.get("Outputs", {}).items()
            if "Condition" not in item or self.condition(item["Condition"], f"Outputs.{name}.Condition")
        }
        return {
            "Parameters": {
                name: ",".join(value) if isinstance(value, list) else value for name, value in self.parameters.items()
            },
            "Conditions": self.conditions,
            "Resources": resources,
            "Outputs": outputs,
            "Refs": {name: self.physical(name, f"Resources.{name}") for name in self.existing},
            "Unchecked": unchecked,
        }

    # ---- rules, conditions

    def _rules(self) -> list[str]:
        unchecked = []
        for name, rule in self.template.get("Rules", {}).items():
            place = f"Rules.{name}"
            assertions = mapping(rule, place).get("Assertions")
            if not isinstance(assertions, list) or not all(isinstance(one, Mapping) and "Assert" in one for one in assertions):
                raise ResolveError(place, "Assertions must be a list of mappings with Assert.")
            try:
                if "RuleCondition" in rule and not self.truth(rule["RuleCondition"], f"{place}.RuleCondition"):
                    continue
                for assertion in assertions:
                    if not self.truth(assertion["Assert"], f"{place}.Assertions"):
                        raise ResolveError(place, str(assertion.get("AssertDescription", "The rule is violated.")))
            except _MissingValue:
                unchecked.append(name)
        return unchecked

    def condition(self, name: str, place: str) -> bool:
        if name not in self.conditions:
            known = self.template.get("Conditions", {})
            if name not in known:
                raise ResolveError(place, f"The template has no condition {name}.{did_you_mean(str(name), known)}")
            self.conditions[name] = self.truth(known[name], f"Conditions.{name}")
        return self.conditions[name]

    def truth(self, expression: Any, place: str) -> bool:
        if not isinstance(expression, Mapping) or len(expression) != 1:
            raise ResolveError(place, f"it must be a condition, and it is {described(expression)}.")
        [(function, argument)] = expression.items()
        here = f"{place}.{function}"
        match function:
            case "Condition":
                return self.condition(self._a_text(argument, here), here)
            case "Fn::Equals":
                left, right = self._arguments(argument, here, 2)
                return bool(self._same(left, here) == self._same(right, here))
            case "Fn::Not":
                return not self.truth(self._arguments(argument, here, 1)[0], here)
            case "Fn::And":
                return all(self.truth(part, here) for part in self._arguments(argument, here, 2, 10))
            case "Fn::Or":
                return any(self.truth(part, here) for part in self._arguments(argument, here, 2, 10))
            case "Fn::Contains":
                values, wanted = self._arguments(argument, here, 2)
                return self._same(wanted, here) in self._texts(values, here)
            case "Fn::EachMemberEquals":
                values, wanted = self._arguments(argument, here, 2)
                return all(one == self._same(wanted, here) for one in self._texts(values, here))
            case "Fn::EachMemberIn":
                values, among = self._arguments(argument, here, 2)
                return set(self._texts(values, here)) <= set(self._texts(among, here))
        known = (
            "Condition",
            "Fn::And",
            "Fn::Contains",
            "Fn::EachMemberEquals",
            "Fn::EachMemberIn",
            "Fn::Equals",
            "Fn::Not",
            "Fn::Or",
        )
        raise ResolveError(place, f"{function} is not a function for conditions.{did_you_mean(str(function), known)}")

    def _same(self, node: Any, place: str) -> Any:
        """A value in the form in which conditions compare it: numbers and truth values are texts."""
        value = self.value(node, place)
        return value if isinstance(value, dict | list) else _text(value, place)

    # ---- values

    def value(self, node: Any, place: str) -> Any:
        """``node`` with each function replaced by its value. Parts that are ``AWS::NoValue`` are left out."""
        if isinstance(node, str):
            return _RESOLVED.sub(lambda found: self._dynamic(found[1], place), node) if "{{resolve:" in node else node
        if isinstance(node, list):
            items = [self.value(part, f"{place}[{number}]") for number, part in enumerate(node)]
            return [value for value in items if value is not _NOTHING]
        if not isinstance(node, dict):
            return node
        function = next((key for key in node if key == "Ref" or str(key).startswith("Fn::")), None)
        if function is not None:
            if len(node) != 1:
                raise ResolveError(
                    place, f"{function} must stand alone, and {', '.join(sorted(set(node) - {function}))} is there."
                )
            return self._function(function, node[function], f"{place}.{function}")
        values = {key: self.value(item, f"{place}.{key}") for key, item in mapping(node, place).items()}
        return {key: value for key, value in values.items() if value is not _NOTHING}

    def _function(self, function: str, argument: Any, place: str) -> Any:
        known: dict[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Fn::Base64": self._base64,
            "Fn::Cidr": self._cidr,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::GetAZs": self._zones,
            "Fn::If": self._if,
            "Fn::ImportValue": self._import_value,
            "Fn::Join": self._join,
            "Fn::Length": self._length,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
            "Fn::ToJsonString": self._to_json_string,
            "Fn::Transform": self._transform,
        }
        if function in _ELSEWHERE:
            raise _MissingValue(place, f"{function} asks an account for its resources, and there is none.")
        if function in ("Fn::Length", "Fn::ToJsonString") and not self.extended:
            raise ResolveError(place, f"{function} needs the transform {LANGUAGE}.")
        if function not in known:
            raise ResolveError(place, f"{function} is not a supported function.{did_you_mean(function, known)}")
        return known[function](argument, place)

    def _ref(self, argument: Any, place: str) -> Any:
        name = self._a_text(argument, place)
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        if name in self.template.get("Parameters", {}):
            path = self.template["Parameters"][name]["Default"]
            raise _MissingValue(
                place, f"the parameter {name} is stored in Systems Manager at {path}; give its value: --parameter {name}=VALUE."
            )
        if name.startswith("AWS::"):
            raise ResolveError(place, f"{name} is not a pseudo parameter.{did_you_mean(name, (*self.pseudo, 'AWS::NoValue'))}")
        return self.physical(name, place)

    def _get_att(self, argument: Any, place: str) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) < 2 or not isinstance(parts[0], str):
            raise ResolveError(place, f"it must be a resource and an attribute, and it is {described(argument)}.")
        return self.attribute(parts[0], ".".join(self._a_text(self.value(one, place), place) for one in parts[1:]), place)

    def _sub(self, argument: Any, place: str) -> str:
        own: Mapping[str, Any] = {}
        if isinstance(argument, list):
            argument, names = self._arguments(argument, place, 2)
            own = {name: self.value(item, f"{place}.{name}") for name, item in mapping(names, place).items()}
        text = self.value(self._a_text(argument, place), place)

        def substitute(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in own:
                return _text(own[name], place)
            is_attribute = "." in name and name not in self.parameters
            return _text(self._get_att(name, place) if is_attribute else self._ref(name, place), place)

        return re.sub(r"\$\{([^}]+)\}", substitute, text)

    def _join(self, argument: Any, place: str) -> str:
        delimiter, parts = self._arguments(argument, place, 2)
        return self._a_text(delimiter, place).join(self._texts(parts, place))

    def _split(self, argument: Any, place: str) -> list[str]:
        delimiter, text = self._arguments(argument, place, 2)
        if not self._a_text(delimiter, place):
            raise ResolveError(place, "the delimiter is empty.")
        return _text(self.value(text, place), place).split(delimiter)

    def _select(self, argument: Any, place: str) -> Any:
        index, items = self._arguments(argument, place, 2)
        values = self._list(items, place)
        at = self.value(index, place)
        if not str(at).isdecimal() or int(at) >= len(values):
            raise ResolveError(place, f"there is no item {described(at)} in a list of {len(values)}.")
        return values[int(at)]

    def _if(self, argument: Any, place: str) -> Any:
        name, yes, no = self._arguments(argument, place, 3)
        return self.value(yes if self.condition(self._a_text(name, place), place) else no, place)

    def _find_in_map(self, argument: Any, place: str) -> Any:
        parts = self._arguments(argument, place, 3, 4)
        name, first, second = (_text(self.value(part, place), place) for part in parts[:3])
        more = mapping(parts[3], place) if len(parts) == 4 else {}
        if more and (set(more) != {"DefaultValue"} or not self.extended):
            raise ResolveError(place, f"the fourth argument must be DefaultValue, and needs the transform {LANGUAGE}.")
        found: Any = self.template.get("Mappings", {})
        for key in (name, first, second):
            if not isinstance(found, Mapping) or key not in found:
                if more:
                    return self.value(more["DefaultValue"], place)
                raise ResolveError(
                    place, f"Mappings has no {name}.{first}.{second}.{did_you_mean(key, [str(one) for one in found])}"
                )
            found = found[key]
        if isinstance(found, Mapping):
            raise ResolveError(place, f"Mappings.{name}.{first}.{second} must be a text or a list.")
        return found

    def _import_value(self, argument: Any, place: str) -> str:
        name = _text(self.value(argument, place), place)
        if name not in self.imports:
            raise _MissingValue(place, f"{name} is exported by another stack; give its value: --import {name}=VALUE.")
        return self.imports[name]

    def _dynamic(self, reference: str, place: str) -> str:
        if reference not in self.imports:
            raise _MissingValue(
                place, f"{{{{resolve:{reference}}}}} is outside the template; give its value: --import {reference}=VALUE."
            )
        return self.imports[reference]

    def _base64(self, argument: Any, place: str) -> str:
        return base64.b64encode(_text(self.value(argument, place), place).encode()).decode()

    def _cidr(self, argument: Any, place: str) -> list[str]:
        block, count, bits = (
            _text(self.value(part, place), place) for part in (*self._arguments(argument, place, 2, 3), "8")[:3]
        )
        try:
            network = ipaddress.ip_network(block)
            subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits))
            return [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]
        except ValueError as error:
            raise ResolveError(place, f"{error}.") from None

    def _zones(self, argument: Any, place: str) -> list[str]:
        region = _text(self.value(argument, place), place) or REGION
        return [f"{region}{letter}" for letter in "abc"]

    def _length(self, argument: Any, place: str) -> int:
        return len(self._list(argument, place))

    def _to_json_string(self, argument: Any, place: str) -> str:
        if not isinstance(argument, dict | list):
            raise ResolveError(place, f"it must be a mapping or a list, and it is {described(argument)}.")
        return json.dumps(self.value(argument, place), separators=(",", ":"))

    def _transform(self, argument: Any, place: str) -> Any:
        name = argument.get("Name", "") if isinstance(argument, Mapping) else argument
        raise ResolveError(place, f"the macro {described(name)} runs on AWS and is not supported here.")

    # ---- Fn::ForEach

    def unrolled(self, node: Any, place: str, own: Mapping[str, str] | None = None) -> Any:
        """``node`` with each ``Fn::ForEach`` replaced by its copies; ``own`` holds the identifiers and their values."""
        own = own or {}
        if isinstance(node, str):
            for name, value in own.items():
                node = node.replace("${" + name + "}", value)
                node = node.replace("&{" + name + "}", re.sub(r"[^A-Za-z0-9]", "", value))
            return node
        if isinstance(node, list):
            return [self.unrolled(part, f"{place}[{number}]", own) for number, part in enumerate(node)]
        if not isinstance(node, dict):
            return node
        if set(node) == {"Ref"} and isinstance(node["Ref"], str) and node["Ref"] in own:
            return own[node["Ref"]]
        found: dict[str, Any] = {}
        for key, item in node.items():
            if not str(key).startswith("Fn::ForEach::"):
                found[self.unrolled(key, place, own)] = self.unrolled(item, f"{place}.{key}", own)
                continue
            here = f"{place}.{key}"
            if not self.extended:
                raise ResolveError(here, f"Fn::ForEach needs the transform {LANGUAGE}.")
            identifier, collection, body = self._arguments(item, here, 3)
            values = self._texts(self.unrolled(collection, here, own), here)
            for value in values:
                copy = self.unrolled(mapping(body, here), here, {**own, self._a_text(identifier, here): value})
                twice = next((one for one in copy if one in found or one in node), None)
                if twice is not None:
                    raise ResolveError(here, f"it makes {twice} twice; its key must contain ${{{identifier}}}.")
                found.update(copy)
        return found

    # ---- arguments of functions

    def _arguments(self, argument: Any, place: str, least: int, most: int | None = None) -> list[Any]:
        if not isinstance(argument, list) or not least <= len(argument) <= (most or least):
            wanted = f"{least} to {most}" if most else str(least)
            raise ResolveError(place, f"it needs a list of {wanted} arguments, and it has {described(argument)}.")
        return argument

    def _a_text(self, value: Any, place: str) -> str:
        if not isinstance(value, str):
            raise ResolveError(place, f"it must be a text, and it is {described(value)}.")
        return value

    def _list(self, node: Any, place: str) -> list[Any]:
        value = self.value(node, place)
        if not isinstance(value, list):
            raise ResolveError(place, f"it must be a list, and it is {described(value)}.")
        return value

    def _texts(self, node: Any, place: str) -> list[str]:
        return [_text(one, place) for one in self._list(node, place)]

    # ---- resources

    def _resource(self, name: str, place: str) -> Any:
        if name not in self.template["Resources"]:
            close = did_you_mean(name, (*self.template["Resources"], *self.parameters, *self.pseudo))
            raise ResolveError(place, f"The template has no resource {name}.{close}")
        if name not in self.existing:
            raise ResolveError(place, f"{name} is used, but its condition is false.")
        return self.existing[name]

    def physical(self, name: str, place: str) -> str:
        """The value of ``Ref`` for a resource: its name if it has one, else an id or an ARN in the style of AWS."""
        item = self._resource(name, place)
        if name not in self._names:
            if name in self._naming:
                raise ResolveError(place, f"{name} refers to itself.")
            self._naming.add(name)
            kind, own = item["Type"], NAMES.get(item["Type"], "")
            given = item.get("Properties", {}).get(own) if own else None
            value = None if given is None else self.value(given, f"Resources.{name}.Properties.{own}")
            if value is not None and value is not _NOTHING:
                value = _text(value, f"Resources.{name}.Properties.{own}")
                if not value:
                    raise ResolveError(f"Resources.{name}.Properties.{own}", "it is empty.")
            if kind in ("AWS::Lambda::Version", "AWS::Lambda::Alias"):
                value = self._qualified(name, item)
            self._names[name] = physical_of(
                name, kind, value if isinstance(value, str) else None, self.pseudo["AWS::StackName"]
            )
        return self._names[name]

    def _qualified(self, name: str, item: Mapping[str, Any]) -> str:
        """The ARN of a version or an alias. The first version of a function is 1."""
        place, properties = f"Resources.{name}.Properties", item.get("Properties", {})
        if "FunctionName" not in properties:
            raise ResolveError(place, "FunctionName is missing.")
        function = _text(self.value(properties["FunctionName"], f"{place}.FunctionName"), f"{place}.FunctionName")
        if item["Type"] == "AWS::Lambda::Alias":
            qualifier = _text(self.value(properties.get("Name", ""), f"{place}.Name"), f"{place}.Name")
        else:
            qualifier = self._number(name)
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.rpartition('function:')[2].split(':')[0]}:{qualifier}"

    def _number(self, name: str) -> str:
        versions = [one for one, item in self.existing.items() if item["Type"] == "AWS::Lambda::Version"]
        wanted = json.dumps(self.existing[name]["Properties"].get("FunctionName"))
        same = [one for one in versions if json.dumps(self.existing[one].get("Properties", {}).get("FunctionName")) == wanted]
        return str(same.index(name) + 1)

    def attribute(self, name: str, attribute: str, place: str) -> Any:
        item = self._resource(name, place)
        kind, physical = item["Type"], self.physical(name, place)
        is_table = kind == "AWS::DynamoDB::Table"
        if attribute == "StreamArn" and is_table and "StreamSpecification" not in item.get("Properties", {}):
            raise ResolveError(place, f"{name} has no stream.")
        found = attribute_of(name, kind, physical, attribute)
        if found is None:
            raise ResolveError(place, f"The attribute {attribute} of {name} ({kind}) is not supported.")
        return found


def _text(value: Any, place: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value is _NOTHING or isinstance(value, dict | list):
        shown = "AWS::NoValue" if value is _NOTHING else described(value)
        raise ResolveError(place, f"it must be a text, and it is {shown}.")
    return str(value)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
