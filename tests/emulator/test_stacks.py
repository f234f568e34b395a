"""The definition of a stack agrees with its template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lobby.cloudformation.lobby_template import lobby_template
from lobby.cloudformation.reading import parse
from lobby.emulator import Api, Route, StackDefinition, read_stack
from lobby.errors import LobbyError

OURS = lobby_template()

STACKS = Path(__file__).parent / "stacks"
SMALL = (STACKS / "plain.yaml").read_text()
OUTSIDE = {
    "shared-role": "arn:aws:iam::123456789012:role/any",
    "shared-dev-key": "k",
    "secretsmanager:chat:SecretString:key": "s",
}


def read(name: str, **parameters: str) -> StackDefinition:
    return read_stack(parse((STACKS / name).read_text()), parameters, imports=OUTSIDE)


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
    outbox = next(name for name in stack.functions if name != "inbox")
    assert stack.api.routes == {
        "$connect": Route(function="inbox"),
        "say": Route(function=outbox, response=True),
        "nothing": Route(integration=False),
    }
    assert (stack.api.route_selection_expression, stack.api.stage_variables) == ("$request.body.do", {"colour": "red"})
    assert (stack.functions["inbox"].timeout_s, stack.functions["inbox"].memory_mb, stack.functions[outbox].timeout_s) == (
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


def test_the_shapes_that_tools_produce_are_read() -> None:
    found = {path.name: read(path.name) for path in sorted(STACKS.glob("*.*")) if path.suffix != ".md"}
    assert {name: sorted(stack.api.routes) for name, stack in found.items()} == {
        "cdk.json": ["$connect", "$default"],
        "chalice.json": ["$connect", "$default", "$disconnect"],
        "functions.yaml": ["join", "leave"],
        "inline.yaml": ["$default"],
        "plain.yaml": ["$connect", "nothing", "say"],
        "protected.yaml": ["$connect", "$default"],
        "sam.yaml": ["$connect", "send"],
        "serverless.json": ["$connect", "message"],
        "signed.yaml": ["$connect"],
        "websocketapi.yaml": ["$connect", "$default"],
    }
    assert {name for name, stack in found.items() if stack.authorizer} == {"cdk.json", "protected.yaml"}


def test_a_sam_template_becomes_functions_tables_and_sources() -> None:
    stack = read("sam.yaml", TableName="people")
    assert {(one.handler, one.memory_mb, one.timeout_s) for one in stack.functions.values()} == {
        ("app.connect", 256, 10),
        ("app.send", 256, 10),
    }
    assert "people" in [table["TableName"] for table in stack.tables]
    assert [(source.table, source.settings.batch_size) for source in stack.sources] == [("people", 10)]


def test_an_integration_may_lead_to_an_alias_and_needs_a_permission_for_it() -> None:
    text = (STACKS / "sam.yaml").read_text()
    assert read("sam.yaml").api.routes["send"].function.startswith("stack-SendFunction-")
    with pytest.raises(LobbyError, match=r"may not call the function stack-SendFunction-[0-9A-F]+:live"):
        read_stack(parse(text.replace("!Ref SendFunction.Alias, Principal", "!Ref SendFunction, Principal")))


def test_resources_that_are_not_read_are_named_once_a_type() -> None:
    notes = read("serverless.json").notes
    assert "not emulated: OpenLogGroup, MessageLogGroup (AWS::Logs::LogGroup)" in notes
    assert "not emulated: ApiGatewayRestApi (AWS::ApiGateway::RestApi)" in notes
    assert any("the rule CheckBootstrapVersion" in note for note in read("cdk.json").notes)
    assert not any("AWS::Lambda" in note or "AWS::DynamoDB" in note for note in notes)


def test_a_rule_is_checked_if_its_value_is_given() -> None:
    with pytest.raises(LobbyError, match="CDK bootstrap stack version 6 required"):
        read("cdk.json", BootstrapVersion="5")
    assert not any("rule" in note for note in read("cdk.json", BootstrapVersion="21").notes)


def test_a_global_table_is_a_table() -> None:
    [table] = read("cdk.json").tables
    assert (table["KeySchema"], table["BillingMode"]) == ([{"AttributeName": "id", "KeyType": "HASH"}], "PAY_PER_REQUEST")


def test_the_address_of_a_function_may_contain_stage_variables() -> None:
    changed = SMALL.replace(
        "functions/${Inbox.Arn}/", "functions/arn:aws:lambda:us-east-1:123456789012:function:${!stageVariables.target}/"
    )
    stack = read_stack(parse(changed.replace("{ colour: red }", "{ target: inbox }")))
    assert stack.api.routes["$connect"].function == "inbox"
    with pytest.raises(LobbyError, match=r"ToInbox.Properties.IntegrationUri: the stage has no variable target"):
        read_stack(parse(changed))


def test_an_http_api_in_the_same_template_is_not_read() -> None:
    more = """
  Site: { Type: AWS::ApiGatewayV2::Api, Properties: { Name: site, ProtocolType: HTTP, CorsConfiguration: { MaxAge: 1 } } }
  SiteRoute: { Type: AWS::ApiGatewayV2::Route, Properties: { ApiId: !Ref Site, RouteKey: GET /, AuthorizationType: JWT } }
  SiteStage: { Type: AWS::ApiGatewayV2::Stage, Properties: { ApiId: !Ref Site, StageName: $default, AutoDeploy: true } }
"""
    stack = read_stack(parse(SMALL + more))
    assert stack.api == read_stack(parse(SMALL)).api
    assert "not emulated: Site (AWS::ApiGatewayV2::Api)" in stack.notes
    assert "not emulated: SiteRoute (AWS::ApiGatewayV2::Route)" in stack.notes


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("ProtocolType: WEBSOCKET", "ProtocolType: HTTP", "0 WebSocket APIs"),
        (
            '"integrations/${ToInbox}"',
            '"integrations/elsewhere"',
            "Connect.Properties.Target: .* leads to integrations/elsewhere",
        ),
        ("functions/${Inbox.Arn}", "functions/x", "ToInbox.Properties.IntegrationUri: The template has no function for"),
        (
            "RouteKey: say\n",
            "RouteKey: say\n      AuthorizationType: CUSTOM\n",
            "Say.Properties.AuthorizationType: .* AWS allows one on",
        ),
        ("!Ref Say,", "!Ref Sya,", "Said.Properties.RouteId.Ref: The template has no resource Sya. Did you mean Say?"),
        ("StageName: live, AutoDeploy: true", "StageName: live", "Resources.Stage: .* nothing is deployed"),
        ("IntegrationType: AWS_PROXY", "IntegrationType: MOCK", "ToInbox.Properties.IntegrationType: 'MOCK' is not supported"),
        ("IntegrationType: AWS_PROXY", "IntegrationType: AWS", "ToInbox.Properties.IntegrationType: 'AWS' is not supported"),
        ("RouteKey: $connect", "RouteKey: $conect", "there is no route \\$conect. Did you mean \\$connect?"),
        ("RouteKey: nothing", "RouteKey: say", "Nothing.Properties.RouteKey: the API has the route say twice"),
        ('Timeout: "7"', 'Timeout: "seven"', "Inbox.Properties.Timeout: it must be a number, and it is 'seven'"),
        (
            "MemorySize: 1024",
            "MemorySise: 1024",
            "Inbox.Properties.MemorySise: there is no such property. Did you mean MemorySize?",
        ),
        (
            "Type: AWS::Lambda::Permission",
            "Type: AWS::Lambda::Permision",
            "MayInbox.Type: .* Did you mean AWS::Lambda::Permission?",
        ),
        ("FunctionName: inbox", "FunctionName: !Sub '${Outbox}'", "two functions have the name"),
    ],
)
def test_a_template_that_cannot_run_is_an_error_with_its_place(right: str, wrong: str, said: str) -> None:
    assert right in SMALL
    with pytest.raises(LobbyError, match=said):
        read_stack(parse(SMALL.replace(right, wrong, 1)))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("Handler: app.connect", "Handler: [app]", r"ConnectFunction.Properties.Handler: it must be a text|ConnectFunction"),
        (
            "AWS::Serverless::Function",
            "AWS::Serverless::Funktion",
            "ConnectFunction.Type: AWS::Serverless::Funktion is not a known",
        ),
        ("Transform: AWS::Serverless-2016-10-31", "Metadata: {}", "Globals is not a known section|lacks Transform"),
    ],
)
def test_a_mistake_in_a_sam_template_is_named_with_its_place(right: str, wrong: str, said: str) -> None:
    text = (STACKS / "sam.yaml").read_text()
    assert right in text
    with pytest.raises(LobbyError, match=said):
        read_stack(parse(text.replace(right, wrong, 1)))


def test_the_configuration_of_the_serverless_framework_is_told_from_a_template() -> None:
    with pytest.raises(LobbyError, match="serverless package"):
        parse("service: chat\nprovider: { name: aws }\nfunctions: { open: { handler: a.b } }\n")


def test_of_a_key_that_is_there_twice_the_last_counts_and_a_note_says_so() -> None:
    for text in (
        "Resources: {}\nOutputs: {}\nOutputs: {A: {Value: 1}}\n",
        '{"Resources": {}, "Outputs": {}, "Outputs": {"A": {"Value": 1}}}',
    ):
        notes: list[str] = []
        assert parse(text, notes)["Outputs"] == {"A": {"Value": 1}}
        assert [note.partition(" is")[0] for note in notes] == ["Outputs"]


def test_a_text_that_is_not_a_template_is_an_error() -> None:
    for text in ("{", "hello", "Resources: 7", "a: [b"):
        with pytest.raises(LobbyError, match="template"):
            parse(text)
