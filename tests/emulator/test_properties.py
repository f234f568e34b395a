"""The table of properties agrees with AWS's own schemas, which cfn-lint contains."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from lobby.cloudformation.structure import TemplateError
from lobby.emulator.properties import PROPERTIES, check_type, checked

REGION = "us-east-1"
DESCRIPTION = {"AWS::ApiGatewayV2::Api": {"Name", "ProtocolType", "RouteSelectionExpression"}}
"""What the schemas do not require, and the service does, for a WebSocket API: API Gateway v2 API Reference, CreateApi."""
ASKED_BY_GATEWAY = {
    "AWS::ApiGatewayV2::Authorizer": {"AuthorizerUri"},
    "AWS::ApiGatewayV2::Integration": {"IntegrationUri"},
    "AWS::DynamoDB::Table": {"AttributeDefinitions", "KeySchema"},
    "AWS::DynamoDB::GlobalTable": {"AttributeDefinitions", "KeySchema"},
}
NOT_READ = {"AWS::DynamoDB::GlobalTable": {"Replicas"}}
"""What the schemas require, and the emulator has no use for."""


@cache
def schema(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    return found


def definition(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in item:
        return dict(schema(kind)["definitions"][item["$ref"].rpartition("/")[2]])
    return item


def settable(kind: str) -> set[str]:
    read_only = {path.split("/")[2] for path in schema(kind).get("readOnlyProperties", []) if path.count("/") == 2}
    return set(schema(kind)["properties"]) - read_only


def level(kind: str, path: str) -> set[str]:
    """The names in the table below a path."""
    return {
        name.removeprefix(path) for name in PROPERTIES[kind] if name.startswith(path) and not set(".[") & set(name[len(path) :])
    }


def nested(kind: str) -> Iterator[tuple[str, set[str]]]:
    """Every path of the table that has properties of its own, and the names that AWS's schema has there."""
    for path in {name.rpartition(".")[0] for name in PROPERTIES[kind] if "." in name}:
        item: dict[str, Any] = schema(kind)
        for part in path.split("."):
            if part == "*":
                break
            item = definition(kind, item["properties"][part.removesuffix("[]")])
            if part.endswith("[]"):
                variants = [item, *(definition(kind, one) for one in item.get("oneOf", []))]
                item = definition(kind, next(one["items"] for one in variants if "items" in one))
        if not path.endswith("*") and item.get("properties"):
            yield path, set(item["properties"])


@pytest.mark.parametrize("kind", sorted(PROPERTIES))
def test_the_table_has_every_property_of_a_type_and_no_other(kind: str) -> None:
    assert level(kind, "") == settable(kind)


@pytest.mark.parametrize("kind", sorted(PROPERTIES))
def test_the_table_has_every_property_within_properties(kind: str) -> None:
    for path, names in nested(kind):
        assert (path, level(kind, f"{path}.")) == (path, names)


@pytest.mark.parametrize("kind", sorted(PROPERTIES))
def test_what_aws_requires_is_required(kind: str) -> None:
    ours = {name for name in level(kind, "") if PROPERTIES[kind][name].required}
    aws = (set(schema(kind).get("required", [])) - NOT_READ.get(kind, set())) & settable(kind)
    assert ours == aws | DESCRIPTION.get(kind, set()) | ASKED_BY_GATEWAY.get(kind, set())


@pytest.mark.parametrize("kind", sorted(PROPERTIES))
def test_choices_are_those_of_aws(kind: str) -> None:
    for name in level(kind, ""):
        listed = definition(kind, schema(kind)["properties"][name]).get("enum")
        if listed and PROPERTIES[kind][name].choices:
            assert set(PROPERTIES[kind][name].choices) == set(listed), name


@pytest.mark.parametrize("kind", sorted(PROPERTIES))
def test_each_property_is_supported_or_has_one_reason(kind: str) -> None:
    for name, one in PROPERTIES[kind].items():
        assert not (one.ignored and one.refused), name
        assert not (one.harmless and not one.refused), name


def test_no_true_type_of_aws_is_taken_for_a_misspelled_one() -> None:
    for kind in PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION):
        if kind != "Module" and not kind.startswith(("Custom::", "AWS::Serverless::")):
            check_type("Resources.It", kind)


@pytest.mark.parametrize("kind", sorted(PROPERTIES))
def test_a_misspelled_type_is_named(kind: str) -> None:
    for wrong in (kind[:-1], f"{kind}s", kind.replace("AWS::", "AWS::x"), kind[:-3] + kind[-2:]):
        with pytest.raises(TemplateError, match=r"^Resources\.It\.Type: .* is not a known type"):
            check_type("Resources.It", wrong)


def test_values_are_converted_and_ignored_properties_are_left_out() -> None:
    properties = {"StageName": 7, "ApiId": "a", "AutoDeploy": "true", "Description": [1], "StageVariables": '{"a": 1}'}
    assert checked("Resources.It", "AWS::ApiGatewayV2::Stage", properties) == {
        "StageName": "7",
        "ApiId": "a",
        "AutoDeploy": True,
        "StageVariables": {"a": "1"},
    }
