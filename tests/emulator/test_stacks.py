"""The definition of a stack agrees with its template."""

from __future__ import annotations

from typing import Any

import pytest

from lobby.cloudformation.lobby_template import lobby_template
from lobby.cloudformation.reading import parse
from lobby.emulator import Api, Route, read_stack
from lobby.errors import LobbyError

OURS = lobby_template()

SMALL = """
Resources:
  Api: { Type: "AWS::ApiGatewayV2::Api", Properties: { Name: chat, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.do } }
  Stage: { Type: "AWS::ApiGatewayV2::Stage", Properties: { ApiId: !Ref Api, StageName: live, StageVariables: { colour: red } } }
  Hears: { Type: "AWS::Lambda::Function", Properties: { FunctionName: hears, Handler: a.b, Timeout: 7, MemorySize: 1024 } }
  Says: { Type: "AWS::Lambda::Function", Properties: { Handler: c.d, Environment: { Variables: { AT: !Sub "https://${Api}.execute-api.us-east-1.amazonaws.com/live" } } } }
  ToHears: { Type: "AWS::ApiGatewayV2::Integration", Properties: { IntegrationUri: !Sub "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Hears.Arn}/invocations" } }
  ToSays: { Type: "AWS::ApiGatewayV2::Integration", Properties: { IntegrationUri: !Sub "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Says.Arn}/invocations" } }
  Connect: { Type: "AWS::ApiGatewayV2::Route", Properties: { ApiId: !Ref Api, RouteKey: $connect, Target: !Sub "integrations/${ToHears}" } }
  Say: { Type: "AWS::ApiGatewayV2::Route", Properties: { ApiId: !Ref Api, RouteKey: say, Target: !Sub "integrations/${ToSays}", RouteResponseSelectionExpression: $default } }
  Said: { Type: "AWS::ApiGatewayV2::RouteResponse", Properties: { ApiId: !Ref Api, RouteId: !Ref Say, RouteResponseKey: $default } }
  Mock: { Type: "AWS::ApiGatewayV2::Route", Properties: { ApiId: !Ref Api, RouteKey: nothing } }
"""  # noqa: E501


def ours(**parameters: Any) -> Api:
    return read_stack(parse(OURS), parameters).api


def test_the_lobbys_template_is_an_api_with_its_routes_authorizer_and_throttles() -> None:
    api = ours(Stage="prod", ThrottleRate=7, ThrottleBurst=9)
    assert set(api.routes) == {"$connect", "$disconnect", "$default", "pos", "hello", "ping", "status"}
    assert (api.stage, api.throttle_rate, api.throttle_burst) == ("prod", 7, 9)
    assert api.authorizer is not None
    stack = read_stack(parse(OURS))
    [function] = stack.functions.values()
    assert (function.handler, function.memory_mb, function.timeout_s) == ("trading_lobby_ws.handler", 512, 8)
    assert stack.authorizer == function.name
    assert [source.table for source in stack.sources] == ["LobbyConnections-dev"]
    assert (stack.expiries, stack.dashboards, stack.alarms) == ({"LobbyConnections-dev": "ttl"}, 1, 0)


def test_a_route_that_is_taken_out_of_the_template_is_gone() -> None:
    start = OURS.index("  RouteStatus:\n")
    end = OURS.index("  ApiMayInvoke:")
    assert "status" not in read_stack(parse(OURS[:start] + OURS[end:].replace(", RouteStatus]", "]"))).api.routes


def test_routes_may_lead_to_several_functions_or_nowhere_and_answer() -> None:
    stack = read_stack(parse(SMALL))
    says = next(name for name in stack.functions if name != "hears")
    assert stack.api.routes == {
        "$connect": Route(function="hears"),
        "say": Route(function=says, response=True),
        "nothing": Route(integration=False),
    }
    assert (stack.api.route_selection_expression, stack.api.stage_variables) == ("$request.body.do", {"colour": "red"})
    assert (stack.functions["hears"].timeout_s, stack.functions["hears"].memory_mb, stack.functions[says].timeout_s) == (
        7,
        1024,
        3,
    )


def test_the_addresses_that_aws_would_give_become_ours() -> None:
    stack = read_stack(parse(SMALL))
    there = next(function.variables["AT"] for function in stack.functions.values() if function.variables)
    assert stack.localized(there, "127.0.0.1:8766") == "http://127.0.0.1:8766/live"
    assert stack.localized(there.replace("https", "wss"), "127.0.0.1:8766") == "ws://127.0.0.1:8766/live"
    assert stack.localized("https://example.com/live", "127.0.0.1:8766") == "https://example.com/live"


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("ProtocolType: WEBSOCKET", "ProtocolType: HTTP", "0 WebSocket APIs"),
        ('"integrations/${ToHears}"', '"integrations/elsewhere"', "leads to integrations/elsewhere"),
        ("functions/${Hears.Arn}", "functions/x", "The template has no function for"),
        ("RouteKey: say,", "RouteKey: say, AuthorizationType: CUSTOM,", "AWS allows one on"),
        ("!Ref Say", "!Ref Sya", "no resource Sya"),
    ],
)
def test_a_template_that_cannot_run_is_an_error(right: str, wrong: str, said: str) -> None:
    assert right in SMALL
    with pytest.raises(LobbyError, match=said):
        read_stack(parse(SMALL.replace(right, wrong, 1)))


def test_a_text_that_is_not_a_template_is_an_error() -> None:
    for text in ("{", "hello", "Resources: 7", "a: [b"):
        with pytest.raises(LobbyError, match="template"):
            parse(text)
