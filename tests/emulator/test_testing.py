"""The fixture for tests of other projects, in a project that knows nothing of this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lobby.emulator.testing import running_api
from lobby.errors import LobbyError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/emulator.md").read_text(encoding="utf-8")
PYTHON = f"python3.{sys.version_info.minor}"
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: shouts, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Shout:
    Type: AWS::Serverless::Function
    Properties: {Runtime: PYTHON, Handler: app.shout, CodeUri: src/}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: shout
      RouteResponseSelectionExpression: $default
      Target: !Sub integrations/${Integration}
  Answer:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref Route, RouteResponseKey: $default}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Shout.Arn}/invocations
  Permission:
    Type: AWS::Lambda::Permission
    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref Shout, Principal: apigateway.amazonaws.com}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: dev, AutoDeploy: true}
""".replace("PYTHON", PYTHON)
HANDLER = """
import json

def shout(event, context):
    print("shouted")
    return {"statusCode": 200, "body": json.loads(event["body"])["text"].upper()}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a template and a handler."""
    (tmp_path / "src").mkdir()
    (tmp_path / "template.yaml").write_text(TEMPLATE, encoding="utf-8")
    (tmp_path / "src/app.py").write_text(HANDLER, encoding="utf-8")
    return tmp_path


def test_the_tests_of_the_page_pass_in_a_project_of_a_stranger(project: Path) -> None:
    plugins, test, *_ = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    (project / "conftest.py").write_text(plugins, encoding="utf-8")
    (project / "test_api.py").write_text(test, encoding="utf-8")
    (project / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT / "backend")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_stack_that_cannot_run_is_an_error_of_the_test(project: Path) -> None:
    (project / "template.yaml").write_text(TEMPLATE.replace("AWS_PROXY", "MOCK"), encoding="utf-8")
    with pytest.raises(LobbyError, match="Integration"), running_api(project / "template.yaml"):
        raise AssertionError("it has started")
