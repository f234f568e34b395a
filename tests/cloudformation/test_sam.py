"""Templates of SAM become CloudFormation; their code stays where it is."""

from __future__ import annotations

import pytest

from lobby.cloudformation.reading import parse
from lobby.cloudformation.sam import transformed
from lobby.errors import LobbyError

SMALL = """
Transform: AWS::Serverless-2016-10-31
Globals: { Function: { Runtime: python3.13, MemorySize: 256 } }
Parameters: { Name: { Type: String, Default: chat } }
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      FunctionName: !Ref Name
      Layers: [!Ref Layer]
      Policies: AWSXrayWriteOnlyAccess
      CodeUri: "src/my code"
  Layer: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: layer/ } }
  Flow: { Type: AWS::Serverless::StateMachine, Properties: { DefinitionUri: flow.json } }
  Nested: { Type: AWS::Serverless::Application, Properties: { Location: nested.yaml } }
  Site: { Type: AWS::Serverless::HttpApi }
"""


def test_a_path_is_the_code_of_a_function_and_of_a_layer() -> None:
    resources = transformed(parse(SMALL), {})["Resources"]
    assert resources["Function"]["Properties"]["Code"] == "src/my code"
    [layer] = [one for one in resources.values() if one["Type"] == "AWS::Lambda::LayerVersion"]
    assert layer["Properties"]["Content"] == "layer/"


def test_code_in_a_bucket_and_in_the_template_stays_what_it_is() -> None:
    there = transformed(parse(SMALL.replace('"src/my code"', "s3://bucket/key.zip")), {})["Resources"]["Function"]
    assert there["Properties"]["Code"] == {"S3Bucket": "bucket", "S3Key": "key.zip"}
    inline = transformed(parse(SMALL.replace('CodeUri: "src/my code"', "InlineCode: x = 1")), {})["Resources"]["Function"]
    assert inline["Properties"]["Code"] == {"ZipFile": "x = 1"}
    neither = transformed(parse(SMALL.replace('CodeUri: "src/my code"', "")), {})["Resources"]["Function"]
    assert neither["Properties"]["Code"] == "."


def test_globals_become_properties() -> None:
    assert transformed(parse(SMALL), {})["Resources"]["Function"]["Properties"]["MemorySize"] == 256


def test_a_template_without_a_transform_is_unchanged() -> None:
    template = parse("Resources: { A: { Type: AWS::SNS::Topic } }")
    assert transformed(template, {}) == template


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("Handler: app", "Handlr: app", r"Function.*Handlr"),
        ("MemorySize", "MemorySise", r"MemorySise"),
        ("Policies: AWSXrayWriteOnlyAccess", "Policies: 7", r"Function"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_resource_or_the_property(right: str, wrong: str, said: str) -> None:
    assert right in SMALL
    with pytest.raises(LobbyError, match=said) as raised:
        transformed(parse(SMALL.replace(right, wrong, 1)), {})
    assert "\n" not in str(raised.value)
