"""The values of ``Ref`` and ``Fn::GetAtt``: names, ids and ARNs, invented in the style of AWS. Pure.

The types whose attributes are known here are those that the emulator reads; an attribute that they do not have is an error. For
all other types any attribute has an invented value, so that an output or a variable that mentions them can be resolved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"
STACK = "stack"

NAMES: dict[str, str] = {
    "AWS::ApiGatewayV2::DomainName": "DomainName",
    "AWS::ApiGatewayV2::Stage": "StageName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
}
"""The types whose ``Ref`` is or contains a name, and the property that sets this name."""

PSEUDO: dict[str, Any] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NotificationARNs": [],
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}
"""The pseudo parameters that are the same for each stack."""

_HERE = f"{REGION}:{ACCOUNT}"

_ARNS: dict[str, str] = {
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/{{}}",
    "AWS::Lambda::LayerVersion": f"arn:aws:lambda:{_HERE}:layer:{{}}:1",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{_HERE}:secret:{{}}",
    "AWS::SNS::Topic": f"arn:aws:sns:{_HERE}:{{}}",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{_HERE}:stateMachine:{{}}",
}
"""The types whose ``Ref`` is an ARN."""

_ATTRIBUTES: dict[tuple[str, str], Callable[[str, str], Any]] = {
    ("AWS::ApiGateway::ApiKey", "APIKeyId"): lambda name, ref: ref,
    ("AWS::ApiGateway::UsagePlan", "Id"): lambda name, ref: ref,
    ("AWS::ApiGateway::UsagePlanKey", "Id"): lambda name, ref: ref,
    ("AWS::ApiGatewayV2::Api", "ApiEndpoint"): lambda name, ref: f"wss://{ref}.execute-api.{REGION}.amazonaws.com",
    ("AWS::ApiGatewayV2::Api", "ApiId"): lambda name, ref: ref,
    ("AWS::ApiGatewayV2::Api", "ExecuteApiArn"): lambda name, ref: f"arn:aws:execute-api:{_HERE}:{ref}",
    ("AWS::ApiGatewayV2::Authorizer", "AuthorizerId"): lambda name, ref: ref,
    ("AWS::ApiGatewayV2::Deployment", "DeploymentId"): lambda name, ref: ref,
    ("AWS::ApiGatewayV2::Integration", "IntegrationId"): lambda name, ref: ref,
    ("AWS::ApiGatewayV2::Route", "RouteId"): lambda name, ref: ref,
    ("AWS::ApiGatewayV2::RouteResponse", "RouteResponseId"): lambda name, ref: ref,
    ("AWS::DynamoDB::GlobalTable", "Arn"): lambda name, ref: f"arn:aws:dynamodb:{_HERE}:table/{ref}",
    ("AWS::DynamoDB::GlobalTable", "StreamArn"): lambda name, ref: _stream(ref),
    ("AWS::DynamoDB::GlobalTable", "TableId"): lambda name, ref: _id(name, 32),
    ("AWS::DynamoDB::Table", "Arn"): lambda name, ref: f"arn:aws:dynamodb:{_HERE}:table/{ref}",
    ("AWS::DynamoDB::Table", "StreamArn"): lambda name, ref: _stream(ref),
    ("AWS::Lambda::Alias", "AliasArn"): lambda name, ref: ref,
    ("AWS::Lambda::EventSourceMapping", "Id"): lambda name, ref: ref,
    ("AWS::Lambda::EventSourceMapping", "EventSourceMappingArn"): lambda name, ref: (
        f"arn:aws:lambda:{_HERE}:event-source-mapping:{ref}"
    ),
    ("AWS::Lambda::Function", "Arn"): lambda name, ref: f"arn:aws:lambda:{_HERE}:function:{ref}",
    ("AWS::Lambda::Function", "SnapStartResponse.ApplyOn"): lambda name, ref: "None",
    ("AWS::Lambda::Function", "SnapStartResponse.OptimizationStatus"): lambda name, ref: "Off",
    ("AWS::Lambda::LayerVersion", "LayerVersionArn"): lambda name, ref: ref,
    ("AWS::Lambda::Permission", "Id"): lambda name, ref: ref,
    ("AWS::Lambda::Version", "FunctionArn"): lambda name, ref: ref,
    ("AWS::Lambda::Version", "Version"): lambda name, ref: ref.rpartition(":")[2],
}
"""The attributes of the types that the emulator reads."""

_KNOWN = {kind for kind, _ in _ATTRIBUTES}

_OTHERS: dict[tuple[str, str], Callable[[str, str], Any]] = {
    ("AWS::ApiGatewayV2::DomainName", "RegionalDomainName"): lambda name, ref: (
        f"d-{_id(name, 10)}.execute-api.{REGION}.amazonaws.com"
    ),
    ("AWS::IAM::Role", "Arn"): lambda name, ref: f"arn:aws:iam::{ACCOUNT}:role/{ref}",
    ("AWS::IAM::User", "Arn"): lambda name, ref: f"arn:aws:iam::{ACCOUNT}:user/{ref}",
    ("AWS::Logs::LogGroup", "Arn"): lambda name, ref: f"arn:aws:logs:{_HERE}:log-group:{ref}:*",
    ("AWS::S3::Bucket", "Arn"): lambda name, ref: f"arn:aws:s3:::{ref}",
    ("AWS::SNS::Topic", "TopicArn"): lambda name, ref: ref,
    ("AWS::SQS::Queue", "Arn"): lambda name, ref: f"arn:aws:sqs:{_HERE}:{ref.rpartition('/')[2]}",
}


def pseudo(stack: str) -> dict[str, Any]:
    """The pseudo parameters of a stack with this name, except ``AWS::NoValue``."""
    arn = f"arn:aws:cloudformation:{_HERE}:stack/{stack}/00000000-0000-0000-0000-000000000000"
    return {**PSEUDO, "AWS::StackId": arn, "AWS::StackName": stack}


def physical_of(name: str, kind: str, given: str | None, stack: str) -> str:
    """The value of ``Ref`` for the resource ``name`` of a type; ``given`` is the name that the template sets."""
    if kind == "AWS::SNS::Topic":
        return _ARNS[kind].format(given or name)
    if kind == "AWS::SQS::Queue":
        return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{given or f'{stack}-{name}'}"
    if given is not None:
        return given
    if kind.startswith(("AWS::ApiGatewayV2::", "AWS::ApiGateway::")):
        return _id(name, 10 if kind.endswith("Api") else 7)
    made = f"{stack}-{name}-{_id(name, 12).upper()}"
    return _ARNS[kind].format(made) if kind in _ARNS else made


def attribute_of(name: str, kind: str, ref: str, attribute: str) -> Any:
    """The value of an attribute of the resource ``name``, whose ``Ref`` is ``ref``; None if its type has no such attribute."""
    known = _ATTRIBUTES.get((kind, attribute)) or _OTHERS.get((kind, attribute))
    if known is not None:
        return known(name, ref)
    if kind in _KNOWN:
        return None
    if attribute.lower().endswith("arn"):
        service, _, part = kind.removeprefix("AWS::").lower().partition("::")
        return ref if ref.startswith("arn:") else f"arn:aws:{service}:{_HERE}:{part or 'resource'}/{ref}"
    return f"{ref}-{attribute}"


def _stream(table: str) -> str:
    return f"arn:aws:dynamodb:{_HERE}:table/{table}/stream/2026-01-01T00:00:00.000"


def _id(name: str, length: int) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:length]
