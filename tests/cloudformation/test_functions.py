"""Every documented intrinsic function has the value that CloudFormation would give it, or is named."""

from __future__ import annotations

from typing import Any

import pytest

from lobby.cloudformation.reading import parse
from lobby.cloudformation.resolving import ResolveError, expand, resolve

PARTS = """
Transform: AWS::LanguageExtensions
Parameters:
  Stage: { Type: String, Default: dev }
  Topics: { Type: CommaDelimitedList, Default: "join, leave" }
  Stored: { Type: "AWS::SSM::Parameter::Value<String>", Default: /a/path }
  StoredList: { Type: "AWS::SSM::Parameter::Value<List<String>>", Default: /a/list }
  Numbers: { Type: List<Number>, Default: "1,2" }
Mappings:
  Sizes: { dev: { Memory: 128, Zones: [a, b] } }
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
Resources:
  Queue: { Type: AWS::SQS::Queue }
  Topic: { Type: AWS::SNS::Topic }
  Machine: { Type: AWS::StepFunctions::StateMachine }
  Function: { Type: AWS::Lambda::Function }
  Version: { Type: AWS::Lambda::Version, Properties: { FunctionName: !Ref Function } }
  Alias:
    Type: AWS::Lambda::Alias
    Properties: { FunctionName: !Ref Function, FunctionVersion: !GetAtt Version.Version, Name: live }
  Own: { Type: "Custom::Thing" }
  User: { Type: AWS::IAM::User }
"""
OUTSIDE = {"shared": "s-1", "ssm:/a/b": "c"}


def value(expression: str, **parameters: str) -> Any:
    text = f"{PARTS}Outputs: {{ It: {{ Value: {expression} }} }}\n"
    return resolve(parse(text), parameters, kinds=(), imports=OUTSIDE)["Outputs"]["It"]["Value"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Base64 hello", "aGVsbG8="),
        ("!Cidr [10.0.0.0/16, 2, 8]", ["10.0.0.0/24", "10.0.1.0/24"]),
        ("!Cidr [10.0.0.0/24, 1]", ["10.0.0.0/24"]),
        ("!FindInMap [Sizes, !Ref Stage, Memory]", 128),
        ("!FindInMap [Sizes, dev, Zones]", ["a", "b"]),
        ("!FindInMap [Sizes, prod, Memory, { DefaultValue: !Ref Stage }]", "dev"),
        ("!GetAZs ''", ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ("!GetAZs { Ref: AWS::Region }", ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ("!If [IsDev, yes, no]", True),
        ("!ImportValue shared", "s-1"),
        ("!ImportValue { 'Fn::Join': ['', [sha, red]] }", "s-1"),
        ("!Join ['-', [a, !Ref Stage, 7, true]]", "a-dev-7-true"),
        ("!Join [',', !Ref Topics]", "join,leave"),
        ("{ 'Fn::Length': !Ref Topics }", 2),
        ("{ 'Fn::ToJsonString': { a: [1, !Ref Stage] } }", '{"a":[1,"dev"]}'),
        ("!Select [1, !Ref Topics]", "leave"),
        ("!Select ['0', !Split ['/', a/b]]", "a"),
        ("!Sub '${Stage} ${AWS::AccountId} ${!Not}'", "dev 123456789012 ${Not}"),
        ("!Sub ['${A}-${Stage}', { A: !Ref Stage }]", "dev-dev"),
        ("'{{resolve:ssm:/a/b}}-x'", "c-x"),
        ("!Ref AWS::NotificationARNs", []),
        ("!Ref Numbers", ["1", "2"]),
        ("!GetAtt Version.Version", "1"),
    ],
)
def test_a_function_has_the_value_of_cloudformation(expression: str, expected: Any) -> None:
    assert value(expression) == expected


def test_versions_and_aliases_have_the_arns_of_their_function() -> None:
    function = value("!GetAtt Function.Arn")
    assert value("!Ref Version") == f"{function}:1"
    assert value("!Ref Alias") == value("!GetAtt Alias.AliasArn") == f"{function}:live"


def test_a_resource_that_is_not_read_has_an_invented_address() -> None:
    assert value("!GetAtt Queue.Arn").startswith("arn:aws:sqs:us-east-1:123456789012:stack-Queue")
    assert value("!Ref Queue").startswith("https://sqs.us-east-1.amazonaws.com/123456789012/")
    assert value("!Ref Machine").startswith("arn:aws:states:us-east-1:123456789012:stateMachine:stack-Machine-")
    assert value("!GetAtt Machine.Arn") == value("!Ref Machine")
    assert value("!GetAtt User.Arn").startswith("arn:aws:iam::123456789012:user/")
    assert value("!GetAtt Own.WhateverArn").startswith("arn:aws:")


def test_a_stored_parameter_is_its_value_and_never_its_path() -> None:
    assert value("!Ref Stored", Stored="real") == "real"
    assert value("!Ref StoredList", StoredList="a, b") == ["a", "b"]
    with pytest.raises(ResolveError, match=r"stored in Systems Manager at /a/path; give its value: --parameter Stored=VALUE"):
        value("!Ref Stored")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (
            "!ImportValue other",
            r"Outputs\.It\.Value\.Fn::ImportValue: other is exported by another stack; .* --import other=VALUE",
        ),
        ("'{{resolve:secretsmanager:key}}'", r"give its value: --import secretsmanager:key=VALUE"),
        ("!FindInMap [Sizes, prod, Memory]", r"Fn::FindInMap: Mappings has no Sizes\.prod\.Memory"),
        ("!FindInMap [Sises, dev, Memory]", r"Did you mean Sizes\?"),
        ("!FindInMap [Sizes, dev]", r"it needs a list of 3 to 4 arguments"),
        ("!Select [2, !Ref Topics]", r"Fn::Select: there is no item '2' in a list of 2|no item 2 in a list of 2"),
        ("!Select [0, text]", r"Fn::Select: it must be a list"),
        ("!Join [!Ref Topics, a]", r"Fn::Join: it must be a text, and it is a mapping"),
        ("!Split ['', a]", r"the delimiter is empty"),
        ("!Cidr [10.0.0.300, 2, 8]", r"Fn::Cidr: "),
        ("!Sbu x", r"Fn::Sbu is not a supported function\. Did you mean Fn::Sub\?"),
        ("{ 'Fn::GetStackOutput': { StackName: a } }", r"Fn::GetStackOutput is not a supported function"),
        ("{ 'Fn::Transform': { Name: AWS::Include, Parameters: {} } }", r"the macro 'AWS::Include' runs on AWS"),
        ("{ Ref: Stage, Other: 1 }", r"Ref must stand alone, and Other is there"),
        ("!Ref [Stage]", r"Ref: it must be a text, and it is a list"),
        ("!Ref AWS::Regoin", r"AWS::Regoin is not a pseudo parameter\. Did you mean AWS::Region\?"),
        ("!GetAtt Function", r"Fn::GetAtt: it must be a resource and an attribute"),
        ("!GetAtt Function.Arm", r"The attribute Arm of Function"),
        ("!If [IsDve, a, b]", r"The template has no condition IsDve\. Did you mean IsDev\?"),
        ("!Sub '${Stagee}'", r"The template has no resource Stagee\. Did you mean Stage\?"),
        ("!Sub '${Topics}'", r"it must be a text, and it is a list"),
    ],
)
def test_a_mistake_is_named_with_its_place(expression: str, said: str) -> None:
    with pytest.raises(ResolveError, match=said):
        value(expression)


def test_functions_of_the_language_extensions_need_their_transform() -> None:
    text = PARTS.replace("Transform: AWS::LanguageExtensions\n", "")
    for expression in ("{ 'Fn::Length': [] }", "!FindInMap [Sizes, x, Memory, { DefaultValue: 1 }]"):
        with pytest.raises(ResolveError, match=r"needs the transform AWS::LanguageExtensions"):
            resolve(parse(f"{text}Outputs: {{ It: {{ Value: {expression} }} }}"), kinds=())


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("!Equals [1, '1']", True),
        ("!Equals [true, 'true']", True),
        ("!Equals [[a], [a]]", True),
        ("!And [!Condition IsDev, !Equals [a, b]]", False),
        ("!Or [!Condition IsDev, !Equals [a, b]]", True),
        ("!Not [!Condition IsDev]", False),
        ("!Equals [!Select [0, !Ref Topics], join]", True),
    ],
)
def test_conditions(condition: str, expected: bool) -> None:
    text = PARTS.replace("  IsDev:", f"  It: {condition}\n  IsDev:")
    assert resolve(parse(text), kinds=())["Conditions"]["It"] is expected


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ("{ 'Fn::Contains': [[dev, prod], !Ref Stage] }", True),
        ("{ 'Fn::Contains': [[prod], !Ref Stage] }", False),
        ("{ 'Fn::EachMemberIn': [!Ref Topics, [join, leave, more]] }", True),
        ("{ 'Fn::EachMemberIn': [!Ref Topics, [join]] }", False),
        ("{ 'Fn::EachMemberEquals': [!Ref Topics, join] }", False),
        ("{ 'Fn::EachMemberEquals': [[a, a], a] }", True),
    ],
)
def test_rules(assertion: str, holds: bool) -> None:
    template = parse(f"{PARTS}Rules: {{ One: {{ Assertions: [{{ Assert: {assertion}, AssertDescription: Not so. }}] }} }}")
    if holds:
        assert resolve(template, kinds=())["Unchecked"] == []
    else:
        with pytest.raises(ResolveError, match=r"Rules\.One: Not so\."):
            resolve(template, kinds=())


def test_a_rule_that_asks_an_account_is_not_checked_and_is_listed() -> None:
    rule = "{ 'Fn::EachMemberIn': [{ 'Fn::ValueOfAll': [AWS::EC2::Subnet::Id, VpcId] }, { 'Fn::RefAll': AWS::EC2::VPC::Id }] }"
    template = parse(f"{PARTS}Rules: {{ One: {{ Assertions: [{{ Assert: {rule} }}] }} }}")
    assert resolve(template, kinds=())["Unchecked"] == ["One"]


def test_for_each_copies_its_body_for_each_value() -> None:
    more = """
  Fn::ForEach::Queues:
    - Name
    - !Ref Topics
    - Queue${Name}:
        Type: AWS::SQS::Queue
        Properties: { QueueName: !Sub "${Name}-queue", Tags: [{ Key: a, Value: !Ref Name }] }
  Fn::ForEach::Pairs:
    - A
    - [x, y.z]
    - Fn::ForEach::Inner:
        - B
        - ["1"]
        - "Pair&{A}${B}": { Type: AWS::SNS::Topic }
"""
    found = expand(parse(PARTS + more), {})["Resources"]
    assert found["Queuejoin"]["Properties"] == {
        "QueueName": {"Fn::Sub": "join-queue"},
        "Tags": [{"Key": "a", "Value": "join"}],
    }
    assert {"Queueleave", "Pairx1", "Pairyz1"} <= set(found)
    with pytest.raises(ResolveError, match=r"it makes Queue twice"):
        expand(parse(PARTS + more.replace("Queue${Name}", "Queue").replace("    - Queue:", "    - Queue:")), {})


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("Conditions:", "Condition:", r"^Condition is not a known section of a template\. Did you mean Conditions\?"),
        (
            "Type: AWS::SQS::Queue",
            "Typ: AWS::SQS::Queue",
            r"^Resources\.Queue: Typ is not a known attribute .* Did you mean Type\?",
        ),
        ("Type: AWS::SQS::Queue", "Metadata: {}", r"^Resources\.Queue: Type is missing"),
        ("Type: AWS::SQS::Queue", "Type: AWS:SQS::Queue", r"^Resources\.Queue\.Type: 'AWS:SQS::Queue' is not a type"),
        ("Type: AWS::SQS::Queue", "Type: AWS::SQS::Queue, DependsOn: Qeue", r"^Resources\.Queue\.DependsOn: Qeue"),
        ("Type: AWS::SQS::Queue", "Type: AWS::SQS::Queue, Condition: [IsDev]", r"^Resources\.Queue\.Condition: "),
        (
            "Type: String",
            "Type: Strnig",
            r"^Parameters\.Stage\.Type: 'Strnig' is not a type of a parameter. Did you mean String",
        ),
        ("Type: String", "Type: String, MinLength: short", r"^Parameters\.Stage\.MinLength: it must be a number"),
        ("Type: String", "Type: String, AllowedPattern: '('", r"^Parameters\.Stage\.AllowedPattern: '\(' is not a regular"),
        ("Transform: AWS::LanguageExtensions", "Transform: AWS::Include", r"^Transform: AWS::Include is not supported"),
        ("Transform: AWS::LanguageExtensions", "Transform: MyMacro", r"^Transform: MyMacro is not supported"),
        (
            "!Equals [!Ref Stage, dev]",
            "!Equal [!Ref Stage, dev]",
            r"^Conditions\.IsDev: Fn::Equal is not .* Did you mean Fn::Equals",
        ),
        ("!Equals [!Ref Stage, dev]", "!Condition IsDev", r"refers to itself"),
        ("!Ref Function, FunctionVersion", "!Ref Alias, FunctionVersion", r"Resources|refers to itself"),
    ],
)
def test_a_mistake_in_the_form_of_a_template_is_named_with_its_place(right: str, wrong: str, said: str) -> None:
    assert right in PARTS
    with pytest.raises(ResolveError, match=said):
        resolve(parse(PARTS.replace(right, wrong, 1)))
