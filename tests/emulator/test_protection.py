"""What protects an API protects it here, or the stack does not start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lobby.emulator import ApiGateway, Authorizer, Route, parse, read_stack
from lobby.emulator.api import ApiKeys, Quota, RouteThrottle, UsagePlan
from lobby.errors import LobbyError
from tests.emulator.worlds import KEYS, ROUTES, Clock, Handler, api, heard_json, joined, refused_with

PROTECTED = (Path(__file__).parent / "stacks/protected.yaml").read_text()
SIGNED = (Path(__file__).parent / "stacks/signed.yaml").read_text()
KEY = "0123456789-0123456789"


def keys(plan: UsagePlan | None = None, **options: Any) -> ApiKeys:
    return ApiKeys({KEY: ("id", plan or UsagePlan())}, **options)


async def test_a_client_without_a_valid_api_key_does_not_enter() -> None:
    handler = Handler()
    async with ApiGateway(api(keys=keys()), handler) as gateway:
        assert await refused_with(gateway) == 403
        assert await refused_with(gateway, additional_headers={"x-api-key": "guessed"}) == 403
        assert handler.events == []
        async with joined(gateway, additional_headers={"X-Api-Key": KEY}):
            context = (await handler.told("CONNECT"))["requestContext"]
            assert (context["identity"]["apiKey"], context["identity"]["apiKeyId"]) == (KEY, "id")


async def test_the_authorizer_may_give_the_api_key() -> None:
    def authorize(event: dict[str, Any], context: Any) -> dict[str, Any]:
        statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
        given = event["queryStringParameters"].get("key", "")
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        return {"principalId": "ann", "policyDocument": policy, "usageIdentifierKey": given}

    wanted = api(keys=keys(source="$context.authorizer.usageIdentifierKey"), authorizer=Authorizer())
    async with ApiGateway(wanted, Handler(), authorize=authorize) as gateway:
        assert await refused_with(gateway, "?key=guessed") == 403
        assert await refused_with(gateway, additional_headers={"x-api-key": KEY}) == 403
        assert await refused_with(gateway, f"?key={KEY}") == 101


async def test_a_usage_plan_limits_the_requests_of_a_key() -> None:
    clock = Clock()
    plan = UsagePlan(rate=1, burst=2, quota=3, period="DAY")
    async with ApiGateway(api(keys=keys(plan)), Handler(), clock=clock) as gateway:
        header: dict[str, Any] = {"additional_headers": {"x-api-key": KEY}}
        assert [await refused_with(gateway, **header) for _ in range(3)] == [101, 101, 429]
        clock.now += 10
        assert [await refused_with(gateway, **header) for _ in range(2)] == [101, 429]
        clock.now += 86_400
        assert await refused_with(gateway, **header) == 101


@pytest.mark.parametrize(("period", "days"), [("DAY", 1), ("WEEK", 7), ("MONTH", 31)])
def test_a_quota_begins_anew_with_its_period(period: str, days: int) -> None:
    quota, monday = Quota(UsagePlan(quota=2, offset=1, period=period)), 1_767_571_200.0  # 5 January 2026
    assert [quota.take(monday), quota.take(monday)] == [True, False]
    later = monday + days * 86_400
    assert [quota.take(later), quota.take(later), quota.take(later)] == [True, True, False]


async def test_a_route_has_a_throttle_of_its_own() -> None:
    clock = Clock()
    routes = {**ROUTES, "$default": Route(throttle=RouteThrottle(1, 1)), "free": Route(response=True)}
    async with ApiGateway(api(routes=routes), Handler(), clock=clock) as gateway, joined(gateway) as client:
        await client.send("one")
        await client.send("two")
        assert (await heard_json(client))["message"] == "Too Many Requests"
    routes = {**ROUTES, "$connect": Route(throttle=RouteThrottle(1, 1))}
    async with ApiGateway(api(routes=routes), Handler(), clock=clock) as gateway:
        assert [await refused_with(gateway) for _ in range(2)] == [101, 429]


async def test_an_integration_may_have_less_time() -> None:
    import threading

    release = threading.Event()
    handler = Handler(default=lambda event: release.wait(5))
    routes = {**ROUTES, "$default": Route(timeout_s=0.01)}
    async with ApiGateway(api(routes=routes), handler) as gateway, joined(gateway) as client:
        await client.send("slow")
        assert (await heard_json(client))["message"] == "Endpoint request timed out"
        release.set()


def signed_headers(gateway: ApiGateway, query: str, secret: str = "secret") -> dict[str, Any]:
    url = gateway.url.replace("ws:", "http:") + query
    request = AWSRequest(method="GET", url=url, headers={"Host": urlsplit(url).netloc})
    SigV4Auth(Credentials("AKIDEXAMPLE", secret), "execute-api", "us-east-1").add_auth(request)
    return {"additional_headers": {name: value for name, value in request.headers.items() if name != "Host"}}


def signed_query(gateway: ApiGateway, query: dict[str, str], secret: str = "secret", expires: int = 60) -> str:
    request = AWSRequest(method="GET", url=gateway.url.replace("ws:", "http:"), params=query)
    SigV4QueryAuth(Credentials("AKIDEXAMPLE", secret), "execute-api", "us-east-1", expires=expires).add_auth(request)
    return f"?{urlsplit(request.prepare().url).query}"


async def test_a_client_must_sign_its_handshake_if_the_route_has_iam() -> None:
    handler = Handler()
    async with ApiGateway(api(requires_signature=True), handler, credentials=KEYS) as gateway:
        assert await refused_with(gateway) == 403
        assert await refused_with(gateway, "?pid=ann", **signed_headers(gateway, "?pid=ann", "guessed")) == 403
        assert await refused_with(gateway, "?pid=bea", **signed_headers(gateway, "?pid=ann")) == 403
        assert handler.events == []
        assert await refused_with(gateway, "?pid=ann", **signed_headers(gateway, "?pid=ann")) == 101
        identity = (await handler.told("CONNECT"))["requestContext"]["identity"]
        assert (identity["accessKey"], identity["accountId"]) == ("AKIDEXAMPLE", "123456789012")


async def test_a_browser_may_sign_the_address() -> None:
    async with ApiGateway(api(requires_signature=True), Handler(), credentials=KEYS) as gateway:
        assert await refused_with(gateway, signed_query(gateway, {"pid": "ann b"})) == 101
        assert await refused_with(gateway, signed_query(gateway, {"pid": "ann"}, secret="guessed")) == 403
        assert await refused_with(gateway, signed_query(gateway, {"pid": "ann"}).replace("pid=ann", "pid=bea")) == 403
        assert await refused_with(gateway, signed_query(gateway, {}, expires=700_000)) == 403
        forged = urlencode({"X-Amz-Signature": "0" * 64, "X-Amz-Expires": "60", "X-Amz-Date": "20260101T000000Z"})
        assert await refused_with(gateway, f"?{forged}") == 403


async def test_without_credentials_no_signature_is_valid() -> None:
    async with ApiGateway(api(requires_signature=True), Handler()) as gateway:
        assert await refused_with(gateway, **signed_headers(gateway, "")) == 403


def test_the_protection_of_a_template_is_read() -> None:
    found = read_stack(parse(PROTECTED)).api
    assert found.keys is not None
    [(value, (_, plan))] = found.keys.plans.items()
    assert (value, plan) == (KEY, UsagePlan(rate=10, burst=20, quota=3, period="DAY"))
    assert found.authorizer == Authorizer(("route.request.querystring.token",))
    assert found.routes["$default"].throttle == RouteThrottle(1, 2)
    assert (found.throttle_rate, found.throttle_burst, found.routes["$connect"].timeout_s) == (100, 50, 5)
    assert read_stack(parse(SIGNED)).api == replace(read_stack(parse(SIGNED)).api, requires_signature=True)


def test_a_key_without_a_value_gets_one_and_a_key_that_is_off_admits_no_client() -> None:
    without = read_stack(parse(PROTECTED.replace(f", Value: {KEY}", "")))
    assert without.api.keys is not None
    [value] = without.api.keys.plans
    assert f"the value of Key is {value}" in without.notes
    off = read_stack(parse(PROTECTED.replace("Enabled: true", "Enabled: false")))
    assert off.api.keys is not None
    assert (dict(off.api.keys.plans), any("admits no client" in note for note in off.notes)) == ({}, True)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "AuthorizationType: CUSTOM",
            "AuthorizationType: CUSTM",
            r"Connect\.Properties\.AuthorizationType: 'CUSTM' is not one of",
        ),
        (
            "AuthorizationType: CUSTOM",
            "AuthorizationTyp: CUSTOM",
            r"there is no such property\. Did you mean AuthorizationType",
        ),
        ("AuthorizationType: CUSTOM", "AuthorizationType: NONE", r"the authorizer has no effect with AuthorizationType NONE"),
        ("      AuthorizationType: CUSTOM\n", "", r"the authorizer has no effect with AuthorizationType NONE"),
        (
            "AuthorizationType: CUSTOM",
            "AuthorizationType: AWS_IAM",
            r"the authorizer has no effect with AuthorizationType AWS_IAM",
        ),
        ("AuthorizationType: CUSTOM", "AuthorizationType: JWT", r"'JWT' is not one of NONE, AWS_IAM, CUSTOM"),
        ("      AuthorizerId: !Ref Authorizer\n", "", r"Resources\.Connect: AuthorizationType is CUSTOM, and AuthorizerId"),
        ("AuthorizerId: !Ref Authorizer", "AuthorizerId: !Ref Guard", r"is not an authorizer of the API"),
        ("AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Authoriser", r"Did you mean AWS::ApiGatewayV2::Authorizer"),
        ("AuthorizerType: REQUEST", "AuthorizerType: JWT", r"has authorizers of the type REQUEST only"),
        ("route.request.querystring.token", "route.request.body.token", r"Authorizer\.Properties\.IdentitySource: "),
        ("ApiKeyRequired: true", "ApiKeyRequired: yess", r"Connect\.Properties\.ApiKeyRequired: it must be true or false"),
        ("ApiKeyRequired: true", "ApiKeyRequierd: true", r"Did you mean ApiKeyRequired"),
        (
            "ApiKeyRequired: true",
            "ApiKeyRequired: true\n      RequestParameters: { route.request.querystring.a: { Required: true } }",
            r"Connect\.Properties\.RequestParameters: a mapping is not supported",
        ),
        (
            "ApiKeyRequired: true",
            "ApiKeyRequired: true\n      RequestModels: { $default: Move }",
            r"RequestModels: a mapping is not",
        ),
        ("RouteKey: $default,", "RouteKey: $default, ApiKeyRequired: true,", r"keys are supported on \$connect only"),
        (
            "$default: { ThrottlingRateLimit",
            "$defualt: { ThrottlingRateLimit",
            r"RouteSettings\.\$defualt: the API has no such route",
        ),
        (
            "{ ThrottlingRateLimit: 1,",
            "{ ThrotlingRateLimit: 1,",
            r"RouteSettings\.\$default\.ThrotlingRateLimit: there is no such",
        ),
        (
            "ThrottlingRateLimit: 100",
            "ThrottlingRateLimit: many",
            r"DefaultRouteSettings\.ThrottlingRateLimit: it must be a number",
        ),
        ("KeyId: !Ref Key", "KeyId: !Ref Plan", r"KeyOfPlan\.Properties\.KeyId: .* is not in the template"),
        (
            "/live/*",
            "/test/*",
            r"Integration: the gateway may not call the function .* for arn:aws:execute-api:.*/live/\$connect",
        ),
        ("/authorizers/${Authorizer}", "/authorizers/other", r"Resources\.Authorizer: the gateway may not call the function"),
        ("Action: lambda:InvokeFunction", "Action: lambda:GetFunction", r"the gateway may not call the function"),
        ("Principal: apigateway.amazonaws.com", "Principal: s3.amazonaws.com", r"the gateway may not call the function"),
        ("AWS::ApiGateway::UsagePlanKey", "AWS::ApiGateway::UsagePlanKeys", r"Did you mean AWS::ApiGateway::UsagePlanKey"),
    ],
)
def test_a_protection_is_never_dropped_by_a_mistake(right: str, wrong: str, said: str) -> None:
    assert right in PROTECTED
    with pytest.raises(LobbyError, match=said):
        read_stack(parse(PROTECTED.replace(right, wrong, 1)))


def test_an_authorizer_that_no_route_uses_is_noted() -> None:
    text = PROTECTED.replace("      AuthorizationType: CUSTOM\n      AuthorizerId: !Ref Authorizer\n", "")
    assert "Authorizer protects nothing: no route uses this authorizer" in read_stack(parse(text)).notes


def test_a_deployment_that_may_miss_a_route_is_noted() -> None:
    notes = read_stack(parse(PROTECTED.replace("DependsOn: [Connect, Default]", "DependsOn: Connect"))).notes
    assert any("Deployment does not depend on Default" in note for note in notes)
    assert not any("depend" in note for note in read_stack(parse(PROTECTED)).notes)
