"""Our resolver does with a template what CloudFormation does."""

from __future__ import annotations

from typing import Any

import pytest

from lobby.cloudformation.reading import parse
from lobby.cloudformation.resolving import ResolveError, resolve
from lobby.errors import LobbyError

SMALL = """
Parameters:
  Stage: { Type: String, Default: dev, AllowedValues: [dev, prod] }
  Size: { Type: Number, Default: 5, MinValue: 1, MaxValue: 9 }
  Key: { Type: String, Default: "", AllowedPattern: "^$|^.{4,}$" }
Rules:
  ProdWithKey:
    RuleCondition: !Equals [!Ref Stage, prod]
    Assertions: [{ Assert: !Not [!Equals [!Ref Key, ""]], AssertDescription: prod needs a key. }]
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsSmall: !And [!Not [!Condition IsProd], !Or [!Equals [!Ref Size, 5], !Equals [!Ref Size, 6]]]
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub rows-${Stage}
      StreamSpecification: { StreamViewType: KEYS_ONLY }
      Tags: [!If [IsProd, { Key: a, Value: b }, !Ref AWS::NoValue]]
      SSESpecification: !If [IsProd, { SSEEnabled: true }, !Ref "AWS::NoValue"]
  Topic:
    Type: AWS::SNS::Topic
    Condition: IsProd
    Properties: { TopicName: !Join ["-", [alarms, !Ref Stage]] }
  Role:
    Type: AWS::IAM::Role
    DependsOn: Table
    Properties:
      Version: 2012-10-17
      Text: !Sub ["${Word} ${Table.Arn} ${!Literal} ${AWS::Region}", { Word: !Select [1, [a, b]] }]
Outputs:
  Stream: { Value: !GetAtt Table.StreamArn }
  Alarms: { Condition: IsProd, Value: !Ref Topic }
"""


def small(**parameters: Any) -> dict[str, Any]:
    return resolve(parse(SMALL), parameters)


def test_short_tags_are_read_as_their_long_forms() -> None:
    template = parse(SMALL)
    assert template["Outputs"]["Stream"]["Value"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    assert template["Conditions"]["IsSmall"]["Fn::And"][0] == {"Fn::Not": [{"Condition": "IsProd"}]}


def test_a_date_stays_a_string_because_policies_have_one_as_their_version() -> None:
    assert small()["Resources"]["Role"]["Properties"]["Version"] == "2012-10-17"


def test_references_become_names_and_arns() -> None:
    found = small(Stage="prod", Key="long enough")
    assert found["Resources"]["Table"]["Properties"]["TableName"] == "rows-prod"
    assert found["Outputs"]["Alarms"]["Value"] == "arn:aws:sns:us-east-1:123456789012:alarms-prod"
    assert found["Outputs"]["Stream"]["Value"].startswith("arn:aws:dynamodb:us-east-1:123456789012:table/rows-prod/stream/")
    text = found["Resources"]["Role"]["Properties"]["Text"]
    assert text == "b arn:aws:dynamodb:us-east-1:123456789012:table/rows-prod ${Literal} us-east-1"


def test_a_resource_whose_condition_is_false_does_not_exist() -> None:
    found = small()
    assert "Topic" not in found["Resources"]
    assert "Alarms" not in found["Outputs"]
    assert found["Conditions"] == {"IsProd": False, "IsSmall": True}
    assert small(Size="7")["Conditions"]["IsSmall"] is False


def test_no_value_leaves_nothing_behind_in_maps_and_lists() -> None:
    assert "SSESpecification" not in small()["Resources"]["Table"]["Properties"]
    assert small()["Resources"]["Table"]["Properties"]["Tags"] == []
    assert small(Stage="prod", Key="long enough")["Resources"]["Table"]["Properties"]["Tags"] == [{"Key": "a", "Value": "b"}]


def test_the_same_template_always_resolves_to_the_same() -> None:
    assert small() == small()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"Stage": "test"}, "must be one of"),
        ({"Size": 10}, "between 1 and 9"),
        ({"Size": "many"}, "must be a number"),
        ({"Key": "abc"}, "must be like"),
        ({"Colour": "red"}, "no parameter"),
        ({"Stage": "prod"}, "prod needs a key"),
    ],
)
def test_parameters_that_cloudformation_would_refuse_are_refused(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(LobbyError, match=said):
        small(**parameters)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("!GetAtt Table.StreamArn", "!GetAtt Tabel.StreamArn", "no resource"),
        ("!GetAtt Table.StreamArn", "!GetAtt Table.Colour", "not supported"),
        ("!GetAtt Table.StreamArn", "!Ref Topic", "condition is false"),
        ("!GetAtt Table.StreamArn", "!ImportValue x", "exported by another stack"),
        ("DependsOn: Table", "DependsOn: Tabel", "which is not in the template"),
        ("Condition: IsProd, Value", "Condition: IsProud, Value", "no condition"),
    ],
)
def test_unknown_references_and_unsupported_functions_are_errors(right: str, wrong: str, said: str) -> None:
    assert right in SMALL
    with pytest.raises(ResolveError, match=said):
        resolve(parse(SMALL.replace(right, wrong)))
