"""Resolving a CloudFormation template: parameters, conditions and functions become values. No account, no network.

``resolve`` removes resources whose condition is false, and replaces each ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub`` by its value.
Ids and ARNs are invented but stable: the same template always resolves to the same values. Functions and attributes that this
module does not know raise :class:`ResolveError`; nothing stays unresolved.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from lobby.cloudformation.reading import check_parameters
from lobby.errors import LobbyError

ACCOUNT = "123456789012"
REGION = "us-east-1"
STACK = "stack"

PSEUDO: dict[str, str] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/00000000-0000-0000-0000-000000000000",
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}

NAMES: dict[str, str] = {
    "AWS::ApiGatewayV2::DomainName": "DomainName",
    "AWS::ApiGatewayV2::Stage": "StageName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
}
"""The types whose ``Ref`` is a name, and the property that sets this name."""

_NOTHING = object()


class ResolveError(LobbyError, ValueError):
    """CloudFormation would refuse the template or a parameter, or the template uses something that is not supported here."""


def resolve(template: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The resolved template: ``Parameters`` and ``Conditions`` with their values, the ``Resources`` and ``Outputs`` whose
    condition is true, and in ``Refs`` the value of ``Ref`` for each resource. Raises :class:`ResolveError`."""
    return _Resolver(template, parameters or {}).resolved()


class _Resolver:
    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self.template = template
        self.parameters = self._parameters(parameters)
        self.conditions: dict[str, bool] = {}
        for name in template.get("Conditions", {}):
            self.condition(name)
        self.existing: dict[str, Any] = {
            name: resource for name, resource in template["Resources"].items() if self._exists(resource)
        }

    def resolved(self) -> dict[str, Any]:
        self._rules()
        resources = {
            name: self.value({k: v for k, v in item.items() if k != "Condition"}) for name, item in self.existing.items()
        }
        for name, resource in resources.items():
            for other in _listed(resource.get("DependsOn", [])):
                if other not in self.template["Resources"]:
                    raise ResolveError(f"{name} depends on {other}, which is not in the template.")
        outputs = {
            name: self.value({k: v for k, v in item.items() if k != "Condition"})
            for name, item in self.template.get("Outputs", {}).items()
            if self._exists(item)
        }
        return {
            "Parameters": self.parameters,
            "Conditions": self.conditions,
            "Resources": resources,
            "Outputs": outputs,
            "Refs": {name: self.physical(name) for name in self.existing},
        }

    # ---- parameters, rules, conditions

    def _parameters(self, given: Mapping[str, Any]) -> dict[str, str]:
        declared = self.template.get("Parameters", {})
        check_parameters({name: _text(value) for name, value in given.items()}, declared)
        values: dict[str, str] = {}
        for name, item in declared.items():
            if name not in given and "Default" not in item:
                raise ResolveError(f"The parameter {name} has no default, so it needs a value.")
            values[name] = _text(given.get(name, item.get("Default")))
        check_parameters(values, declared)
        return values

    def _rules(self) -> None:
        for rule in self.template.get("Rules", {}).values():
            if "RuleCondition" not in rule or self.truth(rule["RuleCondition"]):
                for assertion in rule["Assertions"]:
                    if not self.truth(assertion["Assert"]):
                        raise ResolveError(assertion.get("AssertDescription", "A rule of the template is violated."))

    def condition(self, name: str) -> bool:
        if name not in self.conditions:
            if name not in self.template.get("Conditions", {}):
                raise ResolveError(f"The template has no condition {name}.")
            self.conditions[name] = self.truth(self.template["Conditions"][name])
        return self.conditions[name]

    def truth(self, expression: Any) -> bool:
        if not isinstance(expression, dict) or len(expression) != 1:
            raise ResolveError(f"This is not a condition: {expression}.")
        [(function, argument)] = expression.items()
        if function == "Condition":
            return self.condition(argument)
        if function == "Fn::Equals":
            left, right = argument
            return _text(self.value(left)) == _text(self.value(right))
        if function == "Fn::Not":
            return not self.truth(argument[0])
        if function == "Fn::And":
            return all(self.truth(part) for part in argument)
        if function == "Fn::Or":
            return any(self.truth(part) for part in argument)
        raise ResolveError(f"Conditions with {function} are not supported.")

    def _exists(self, item: Mapping[str, Any]) -> bool:
        return "Condition" not in item or self.condition(item["Condition"])

    # ---- values

    def value(self, node: Any) -> Any:
        """``node`` with each function replaced by its value. Parts that are ``AWS::NoValue`` are left out."""
        if isinstance(node, list):
            return [value for value in map(self.value, node) if value is not _NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(function, argument)] = node.items()
            if function == "Ref":
                return self.ref(argument)
            if function.startswith("Fn::"):
                return self.function(function, argument)
        return {key: value for key, value in ((key, self.value(item)) for key, item in node.items()) if value is not _NOTHING}

    def function(self, function: str, argument: Any) -> Any:
        if function == "Fn::If":
            name, yes, no = argument
            return self.value(yes if self.condition(name) else no)
        if function == "Fn::GetAtt":
            return self.attribute(*argument)
        if function == "Fn::Sub":
            text, own = (argument, {}) if isinstance(argument, str) else (argument[0], self.value(argument[1]))
            return re.sub(r"\$\{([^}]+)\}", lambda found: self._substitute(found[1], own), text)
        if function == "Fn::Join":
            return argument[0].join(_text(part) for part in self.value(argument[1]))
        if function == "Fn::Select":
            return self.value(argument[1])[int(argument[0])]
        raise ResolveError(f"{function} is not supported.")

    def _substitute(self, name: str, own: Mapping[str, Any]) -> str:
        if name.startswith("!"):
            return "${" + name[1:] + "}"
        if name in own:
            return _text(own[name])
        return _text(self.attribute(*name.split(".", 1)) if "." in name else self.ref(name))

    def ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        return self.physical(name)

    def _resource(self, name: str) -> Any:
        if name not in self.template["Resources"]:
            raise ResolveError(f"The template has no resource {name}.")
        if name not in self.existing:
            raise ResolveError(f"{name} is used, but its condition is false.")
        return self.existing[name]

    def physical(self, name: str) -> str:
        """The value of ``Ref`` for a resource: its name if it has one, else an id in the style of AWS."""
        resource = self._resource(name)
        kind = resource["Type"]
        given = resource.get("Properties", {}).get(NAMES.get(kind, ""))
        if given is not None:
            return _text(self.value(given))
        if kind == "AWS::SNS::Topic":
            return str(self.attribute(name, "TopicArn"))
        if kind.startswith("AWS::ApiGatewayV2::"):
            return _id(name, 10 if kind.endswith("::Api") else 7)
        return f"{STACK}-{name}-{_id(name, 12).upper()}"

    def attribute(self, name: str, attribute: str) -> Any:
        resource = self._resource(name)
        kind, here = resource["Type"], f"{REGION}:{ACCOUNT}"
        known = {
            ("AWS::DynamoDB::Table", "Arn"): lambda: f"arn:aws:dynamodb:{here}:table/{self.physical(name)}",
            ("AWS::DynamoDB::Table", "StreamArn"): lambda: (
                f"arn:aws:dynamodb:{here}:table/{self.physical(name)}/stream/2026-01-01T00:00:00.000"
            ),
            ("AWS::IAM::Role", "Arn"): lambda: f"arn:aws:iam::{ACCOUNT}:role/{self.physical(name)}",
            ("AWS::Lambda::Function", "Arn"): lambda: f"arn:aws:lambda:{here}:function:{self.physical(name)}",
            ("AWS::Logs::LogGroup", "Arn"): lambda: f"arn:aws:logs:{here}:log-group:{self.physical(name)}:*",
            ("AWS::SNS::Topic", "TopicArn"): lambda: (
                f"arn:aws:sns:{here}:{_text(self.value(resource.get('Properties', {}).get('TopicName', name)))}"
            ),
            ("AWS::ApiGatewayV2::Api", "ApiEndpoint"): lambda: (
                f"wss://{self.physical(name)}.execute-api.{REGION}.amazonaws.com"
            ),
            ("AWS::ApiGatewayV2::DomainName", "RegionalDomainName"): lambda: (
                f"d-{_id(name, 10)}.execute-api.{REGION}.amazonaws.com"
            ),
        }
        if (kind, attribute) not in known:
            raise ResolveError(f"The attribute {attribute} of {name} ({kind}) is not supported.")
        if attribute == "StreamArn" and "StreamSpecification" not in resource["Properties"]:
            raise ResolveError(f"{name} has no stream.")
        return known[kind, attribute]()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _id(name: str, length: int) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:length]
