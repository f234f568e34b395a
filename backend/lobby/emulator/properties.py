"""What the emulator does with each property of each resource that it reads: a table, and the check by it. Pure.

A property is *supported*, *ignored* with a reason, or *refused* with a reason. A property that is not in the table is a
mistake, because the table has all properties of these types. Nothing that protects an API is ignored.

Source: CloudFormation Template Reference, one page for each type. A test compares the table with AWS's own schemas.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lobby.cloudformation.structure import SERVERLESS, TemplateError, described, did_you_mean, mapping, number


@dataclass(frozen=True)
class Property:
    """One property. ``kind`` is the kind of its value: ``text``, ``whole``, ``number``, ``flag``, ``texts`` (a list), ``table``
    (names and texts), ``json``, ``object``, ``objects`` (a list), ``named`` (names and objects), ``any``.

    ``ignored`` or ``refused`` is the reason, in a form that fits after "because". ``harmless`` are values that a refused
    property may have, because they change nothing. ``choices`` are the values that AWS allows.
    """

    kind: str = "text"
    ignored: str = ""
    refused: str = ""
    harmless: tuple[Any, ...] = ()
    choices: tuple[str, ...] = ()
    required: bool = False
    least: float = float("-inf")
    most: float = float("inf")


def _ignored(reason: str, *names: str) -> dict[str, Property]:
    return {name: Property("any", ignored=reason) for name in names}


def _refused(reason: str, *names: str) -> dict[str, Property]:
    return {name: Property("any", refused=reason, harmless=({}, [], "", None)) for name in names}


_NAME = Property("text", required=True)
_HTTP = "only HTTP APIs have it"
_PEOPLE = "it is for people"
_BACKUP = "tables end with the emulator"
_RATES = "a table here has no limit of its own, and is billed on demand"
_SECRECY = "data stays on this machine"
_AWS_ONLY = "it concerns how AWS operates the function"
_TEMPLATES = "mapping templates are not emulated, and a handler would get another event than on AWS"
_QUEUES = "only other event sources have it"

_SETTINGS = {
    "ThrottlingRateLimit": Property("number", least=0),
    "ThrottlingBurstLimit": Property("whole", least=0),
    **_ignored("no access logs and detailed metrics are written", "DataTraceEnabled", "DetailedMetricsEnabled", "LoggingLevel"),
}


def _within(place: str, properties: Mapping[str, Property]) -> dict[str, Property]:
    return {f"{place}.{name}": one for name, one in properties.items()}


_KEYS = {
    "KeySchema": Property("objects", required=True),
    "KeySchema[].AttributeName": _NAME,
    "KeySchema[].KeyType": Property(choices=("HASH", "RANGE"), required=True),
}
_INDEX = {
    "IndexName": _NAME,
    **_KEYS,
    "Projection": Property("object", required=True),
    "Projection.ProjectionType": Property(choices=("ALL", "INCLUDE", "KEYS_ONLY")),
    "Projection.NonKeyAttributes": Property("texts"),
}
_TABLE = {
    "TableName": Property(),
    "AttributeDefinitions": Property("objects", required=True),
    "AttributeDefinitions[].AttributeName": _NAME,
    "AttributeDefinitions[].AttributeType": Property(choices=("S", "N", "B"), required=True),
    **_KEYS,
    "GlobalSecondaryIndexes": Property("objects"),
    **_within("GlobalSecondaryIndexes[]", _INDEX),
    "LocalSecondaryIndexes": Property("objects"),
    **_within("LocalSecondaryIndexes[]", _INDEX),
    "StreamSpecification": Property("object"),
    "StreamSpecification.StreamViewType": Property(
        choices=("KEYS_ONLY", "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE"), required=True
    ),
    "TimeToLiveSpecification": Property("object"),
    "TimeToLiveSpecification.AttributeName": Property(),
    "TimeToLiveSpecification.Enabled": Property("flag", required=True),
    "BillingMode": Property(choices=("PAY_PER_REQUEST", "PROVISIONED"), ignored=_RATES),
    **_ignored(_RATES, "WarmThroughput", "GlobalSecondaryIndexes[].WarmThroughput"),
    **_ignored(_SECRECY, "SSESpecification"),
    **_refused("vector indexes are not emulated", "VectorIndexes"),
}

PROPERTIES: dict[str, dict[str, Property]] = {
    "AWS::ApiGatewayV2::Api": {
        "ProtocolType": Property(choices=("WEBSOCKET", "HTTP"), required=True),
        "RouteSelectionExpression": Property(required=True),
        "ApiKeySelectionExpression": Property(
            choices=("$request.header.x-api-key", "$context.authorizer.usageIdentifierKey")
        ),
        "Name": Property(required=True, ignored=_PEOPLE),
        **_ignored(_PEOPLE, "Description", "Tags", "Version"),
        **_ignored("the address of the emulator stands for the one that remains", "DisableExecuteApiEndpoint"),
        **_ignored("it concerns models, which are refused", "DisableSchemaValidation"),
        **_ignored("the address of the emulator is that of --host", "IpAddressType"),
        **_refused(
            _HTTP, "BasePath", "Body", "BodyS3Location", "CorsConfiguration", "CredentialsArn", "FailOnWarnings", "RouteKey",
            "Target",
        ),
    },
    "AWS::ApiGatewayV2::Stage": {
        "ApiId": _NAME,
        "StageName": _NAME,
        "DeploymentId": Property(),
        "AutoDeploy": Property("flag"),
        "StageVariables": Property("table"),
        "DefaultRouteSettings": Property("object"),
        **_within("DefaultRouteSettings", _SETTINGS),
        "RouteSettings": Property("named"),
        **_within("RouteSettings.*", _SETTINGS),
        **_ignored(_PEOPLE, "Description", "Tags"),
        **_ignored("no access logs and detailed metrics are written", "AccessLogSettings"),
        **_ignored("it concerns calls of HTTP backends", "ClientCertificateId"),
    },
    "AWS::ApiGatewayV2::Deployment": {"ApiId": _NAME, "StageName": Property(), **_ignored(_PEOPLE, "Description")},
    "AWS::ApiGatewayV2::Route": {
        "ApiId": _NAME,
        "RouteKey": _NAME,
        "Target": Property(),
        "AuthorizationType": Property(choices=("NONE", "AWS_IAM", "CUSTOM")),
        "AuthorizerId": Property(),
        "ApiKeyRequired": Property("flag"),
        "RouteResponseSelectionExpression": Property(choices=("$default",)),
        **_ignored(_PEOPLE, "OperationName"),
        **_refused(_HTTP, "AuthorizationScopes"),
        **_refused("models are not emulated, and would let invalid messages pass", "ModelSelectionExpression", "RequestModels"),
        **_refused("required parameters are not emulated, and would let requests without them pass", "RequestParameters"),
    },
    "AWS::ApiGatewayV2::RouteResponse": {
        "ApiId": _NAME,
        "RouteId": _NAME,
        "RouteResponseKey": Property(choices=("$default",), required=True),
        **_refused("answers are not changed here", "ModelSelectionExpression", "ResponseModels", "ResponseParameters"),
    },
    "AWS::ApiGatewayV2::Integration": {
        "ApiId": _NAME,
        "IntegrationType": Property(
            refused="only functions are emulated behind an API, and they have the type AWS_PROXY",
            harmless=("AWS_PROXY",),
            choices=("AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"),
            required=True,
        ),
        "IntegrationUri": Property(required=True),
        "CredentialsArn": Property(),
        "TimeoutInMillis": Property("whole", least=50, most=29_000),
        **_ignored(_PEOPLE, "Description"),
        **_ignored("a function is always called with POST", "IntegrationMethod"),
        "ConnectionType": Property(
            refused="private connections are not emulated", harmless=("INTERNET",), choices=("INTERNET", "VPC_LINK")
        ),
        "ContentHandlingStrategy": Property(
            refused="contents are not converted here",
            harmless=("CONVERT_TO_TEXT",),
            choices=("CONVERT_TO_BINARY", "CONVERT_TO_TEXT"),
        ),
        "PassthroughBehavior": Property(
            choices=("NEVER", "WHEN_NO_MATCH", "WHEN_NO_TEMPLATES"), ignored="it concerns mapping templates, which are refused"
        ),
        "PayloadFormatVersion": Property(refused=_HTTP, harmless=("1.0",), choices=("1.0", "2.0")),
        "TemplateSelectionExpression": Property(ignored="it concerns mapping templates, which are refused"),
        **_refused(_TEMPLATES, "RequestParameters", "RequestTemplates"),
        **_refused(_HTTP, "IntegrationSubtype", "ResponseParameters"),
        **_refused("private connections are not emulated", "ConnectionId", "TlsConfig"),
    },
    "AWS::ApiGatewayV2::IntegrationResponse": {
        "ApiId": _NAME,
        "IntegrationId": _NAME,
        "IntegrationResponseKey": Property(
            required=True, ignored="the answer of a function is its answer, whatever the key is"
        ),
        "TemplateSelectionExpression": Property(ignored="it concerns mapping templates, which are refused"),
        "ContentHandlingStrategy": Property(
            refused="contents are not converted here",
            harmless=("CONVERT_TO_TEXT",),
            choices=("CONVERT_TO_BINARY", "CONVERT_TO_TEXT"),
        ),
        **_refused("answers are not changed here", "ResponseParameters", "ResponseTemplates"),
    },
    "AWS::ApiGatewayV2::Authorizer": {
        "ApiId": _NAME,
        "AuthorizerType": Property(choices=("REQUEST", "JWT"), required=True),
        "AuthorizerUri": Property(required=True),
        "AuthorizerCredentialsArn": Property(),
        "IdentitySource": Property("texts"),
        "Name": Property(required=True, ignored=_PEOPLE),
        **_ignored("a WebSocket API does not store the answers of an authorizer", "AuthorizerResultTtlInSeconds"),
        "AuthorizerPayloadFormatVersion": Property(refused=_HTTP, harmless=("1.0",), choices=("1.0", "2.0")),
        "EnableSimpleResponses": Property("flag", refused=_HTTP, harmless=(False,)),
        **_refused(_HTTP, "IdentityValidationExpression", "JwtConfiguration"),
    },
    "AWS::ApiGateway::ApiKey": {
        "Enabled": Property("flag"),
        "Value": Property(),
        **_ignored(_PEOPLE, "CustomerId", "Description", "GenerateDistinctId", "Name", "Tags"),
        **_refused("usage plans have replaced it", "StageKeys"),
    },
    "AWS::ApiGateway::UsagePlan": {
        "ApiStages": Property("objects"),
        "ApiStages[].ApiId": Property(),
        "ApiStages[].Stage": Property(),
        **_refused("only REST APIs have it", "ApiStages[].Throttle"),
        "Throttle": Property("object"),
        "Throttle.BurstLimit": Property("whole", least=0),
        "Throttle.RateLimit": Property("number", least=0),
        "Quota": Property("object"),
        "Quota.Limit": Property("whole", least=0),
        "Quota.Offset": Property("whole", least=0),
        "Quota.Period": Property(choices=("DAY", "WEEK", "MONTH")),
        **_ignored(_PEOPLE, "Description", "Tags", "UsagePlanName"),
    },
    "AWS::ApiGateway::UsagePlanKey": {
        "KeyId": _NAME,
        "KeyType": Property(choices=("API_KEY",), required=True),
        "UsagePlanId": _NAME,
    },
    "AWS::Lambda::Function": {
        "FunctionName": Property(),
        "Handler": Property(),
        "Runtime": Property(),
        "Code": Property("object or text", required=True),
        "Code.ZipFile": Property(),
        "Code.S3Bucket": Property(),
        "Code.S3Key": Property(),
        "Code.S3ObjectVersion": Property(ignored="the code is a file or a folder of this machine"),
        **_ignored("the code is a file or a folder of this machine", "Code.S3ObjectStorageMode", "Code.SourceKMSKeyArn"),
        "Code.ImageUri": Property(refused="container images are not emulated"),
        "MemorySize": Property("whole", least=128, most=10_240),
        "Timeout": Property("number", least=1, most=900),
        "ReservedConcurrentExecutions": Property("whole", least=0),
        "Environment": Property("object"),
        "Environment.Variables": Property("table"),
        "Layers": Property("texts"),
        "PackageType": Property(choices=("Zip", "Image")),
        "LoggingConfig": Property("object"),
        "LoggingConfig.ApplicationLogLevel": Property(choices=("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")),
        "LoggingConfig.LogFormat": Property(choices=("Text", "JSON")),
        "LoggingConfig.LogGroup": Property(),
        "LoggingConfig.SystemLogLevel": Property(choices=("DEBUG", "INFO", "WARN")),
        "Architectures": Property("texts"),
        "Role": Property(required=True, ignored="permissions of functions are not evaluated"),
        **_ignored(_PEOPLE, "Description", "Tags"),
        **_ignored("permissions of functions are not evaluated", "CodeSigningConfigArn"),
        **_ignored("it concerns asynchronous calls, and the gateway waits for answers", "DeadLetterConfig", "RecursiveLoop"),
        **_ignored(
            _AWS_ONLY, "CapacityProviderConfig", "EphemeralStorage", "FunctionScalingConfig", "PublishToLatestPublished",
            "RuntimeManagementConfig", "SnapStart", "TracingConfig",
        ),
        **_ignored(_SECRECY, "KmsKeyArn"),
        **_ignored("functions have the network of this machine", "VpcConfig"),
        **_refused("container images are not emulated", "ImageConfig"),
        **_refused("file systems are not emulated", "FileSystemConfigs"),
        **_refused("durable functions are not emulated", "DurableConfig"),
        **_refused("tenants would share environments here", "TenancyConfig"),
    },
    "AWS::Lambda::LayerVersion": {
        "Content": Property("object or text", required=True),
        "Content.S3Bucket": Property(),
        "Content.S3Key": Property(),
        **_ignored("the code is a file or a folder of this machine", "Content.S3ObjectVersion", "Content.S3ObjectStorageMode"),
        **_ignored(_PEOPLE, "Description", "LicenseInfo", "LayerName"),
        **_ignored("each function uses its layers", "CompatibleArchitectures", "CompatibleRuntimes"),
    },
    "AWS::Lambda::Version": {
        "FunctionName": _NAME,
        **_ignored(_PEOPLE, "Description"),
        **_ignored("a version has the code of its function here", "CodeSha256"),
        **_ignored(_AWS_ONLY, "FunctionScalingConfig", "ProvisionedConcurrencyConfig", "RuntimePolicy"),
    },
    "AWS::Lambda::Alias": {
        "FunctionName": _NAME,
        "FunctionVersion": _NAME,
        "Name": _NAME,
        **_ignored(_PEOPLE, "Description"),
        **_ignored(_AWS_ONLY, "ProvisionedConcurrencyConfig"),
        **_refused("versions have the same code here", "RoutingConfig"),
    },
    "AWS::Lambda::Permission": {
        "Action": _NAME,
        "FunctionName": _NAME,
        "Principal": _NAME,
        "SourceAccount": Property(),
        "SourceArn": Property(),
        **_ignored("it concerns callers other than the gateway", "EventSourceToken", "FunctionUrlAuthType"),
        **_ignored("it concerns callers other than the gateway", "InvokedViaFunctionUrl", "PrincipalOrgID"),
    },
    "AWS::Lambda::EventSourceMapping": {
        "EventSourceArn": Property(),
        "FunctionName": _NAME,
        "BatchSize": Property("whole", least=1, most=10_000),
        "BisectBatchOnFunctionError": Property("flag"),
        "Enabled": Property("flag"),
        "FilterCriteria": Property("object"),
        "FilterCriteria.Filters": Property("objects"),
        "FilterCriteria.Filters[].Pattern": Property(),
        "MaximumRecordAgeInSeconds": Property("whole", least=-1),
        "MaximumRetryAttempts": Property("whole", least=-1),
        "StartingPosition": Property(
            choices=("LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"), ignored="a table is empty when the emulator starts"
        ),
        **_ignored("a table is empty when the emulator starts", "StartingPositionTimestamp"),
        **_ignored("a batch is sent at once", "MaximumBatchingWindowInSeconds"),
        **_ignored("one batch is sent at a time", "ParallelizationFactor", "ProvisionedPollerConfig", "ScalingConfig"),
        **_ignored("records that fail are dropped", "DestinationConfig"),
        **_ignored(_PEOPLE, "LoggingConfig", "MetricsConfig", "Tags"),
        **_ignored(_SECRECY, "KmsKeyArn"),
        **_refused("a batch succeeds or fails as a whole here", "FunctionResponseTypes"),
        "TumblingWindowInSeconds": Property("whole", refused="windows of batches are not emulated", harmless=(0,)),
        **_ignored(
            _QUEUES, "AmazonManagedKafkaEventSourceConfig", "DocumentDBEventSourceConfig", "Queues", "SelfManagedEventSource",
            "SelfManagedKafkaEventSourceConfig", "SourceAccessConfigurations", "Topics",
        ),
    },
    "AWS::DynamoDB::Table": {
        **_TABLE,
        **_ignored(_RATES, "OnDemandThroughput", "ProvisionedThroughput", "TableClass"),
        **_ignored(_RATES, "GlobalSecondaryIndexes[].OnDemandThroughput", "GlobalSecondaryIndexes[].ProvisionedThroughput"),
        **_ignored(_PEOPLE, "ContributorInsightsSpecification", "Tags", "StreamSpecification.Tags"),
        **_ignored(_PEOPLE, "GlobalSecondaryIndexes[].ContributorInsightsSpecification"),
        **_ignored(_BACKUP, "DeletionProtectionEnabled", "PointInTimeRecoverySpecification"),
        **_ignored("permissions of functions are not evaluated", "ResourcePolicy", "StreamSpecification.ResourcePolicy"),
        **_refused("data of a bucket is not imported", "ImportSourceSpecification"),
        **_ignored("streams of Kinesis are not emulated", "KinesisStreamSpecification"),
    },
    "AWS::DynamoDB::GlobalTable": {
        **_TABLE,
        **_ignored("the table exists in this Region only", "GlobalTableSourceArn", "GlobalTableWitnesses", "Replicas"),
        **_ignored("the table exists in this Region only", "MultiRegionConsistency", "TableType"),
        **_ignored(_RATES, "ReadOnDemandThroughputSettings", "ReadProvisionedThroughputSettings"),
        **_ignored(_RATES, "WriteOnDemandThroughputSettings", "WriteProvisionedThroughputSettings"),
        **_ignored(
            _RATES,
            "GlobalSecondaryIndexes[].ReadOnDemandThroughputSettings",
            "GlobalSecondaryIndexes[].ReadProvisionedThroughputSettings",
            "GlobalSecondaryIndexes[].WriteOnDemandThroughputSettings",
            "GlobalSecondaryIndexes[].WriteProvisionedThroughputSettings",
        ),
    },
}  # fmt: skip
"""The types that are read, and their properties by the path within ``Properties``. ``[]`` stands for each item of a list, and
``.*`` for each value of a mapping."""

COUNTED = frozenset({"AWS::CloudWatch::Dashboard", "AWS::CloudWatch::Alarm"})
"""Types that the bill counts. Their properties are not read."""

_LIKE_OURS = frozenset(
    {
        *(f"AWS::ApiGateway::{name}" for name in ("Authorizer", "Deployment", "Stage")),
        *(
            f"AWS::ApiGatewayV2::{name}"
            for name in (
                "ApiGatewayManagedOverrides", "ApiMapping", "DomainName", "Model", "PortalProduct", "RoutingRule", "VpcLink",
            )
        ),
        *(
            f"AWS::Lambda::{name}"
            for name in (
                "CapacityProvider", "CodeSigningConfig", "EventInvokeConfig", "LayerVersionPermission", "MicrovmImage",
                "NetworkConnector", "ResourcePolicy", "Url", "WebFunction", "WebFunctionEndpoint", "WebFunctionRevision",
            )
        ),
    }
)  # fmt: skip
"""Types of AWS that resemble a type that is read, or are beside it, and are none of them."""

_READ_WHOLE = ("AWS::ApiGatewayV2::", "AWS::DynamoDB::", "AWS::Lambda::")
_SERVERLESS = "AWS::Serverless::"


def check_type(place: str, kind: str) -> None:
    """Raises :class:`TemplateError` if ``kind`` is probably a misspelled type that the emulator reads."""
    if kind in PROPERTIES or kind in COUNTED or kind in _LIKE_OURS or kind.startswith("Custom::"):
        return
    if kind.startswith(_SERVERLESS):
        raise TemplateError(
            f"{place}.Type", f"{kind} is not a known type of SAM, or the template lacks Transform: {SERVERLESS}."
        )
    close = did_you_mean(kind, PROPERTIES)
    if kind.startswith(_READ_WHOLE) or (close and _resembles(kind)):
        raise TemplateError(f"{place}.Type", f"{kind} is not a known type of a resource.{close}")


def _resembles(kind: str) -> bool:
    """Whether only a few characters are missing, added or changed."""
    from difflib import SequenceMatcher

    return any(SequenceMatcher(None, kind, one).ratio() > 0.92 for one in PROPERTIES)


def checked(place: str, kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved properties of a resource of ``kind``, with numbers as numbers and truth values as truth values. Ignored
    properties are left out. ``place`` names the resource. Raises :class:`TemplateError` for the first mistake."""
    return _checked_object(f"{place}.Properties", PROPERTIES[kind], "", properties)


def _checked_object(place: str, table: Mapping[str, Property], path: str, value: Any) -> dict[str, Any]:
    found = {}
    known = {
        name.removeprefix(path): one
        for name, one in table.items()
        if name.startswith(path) and not set(".[") & set(name.removeprefix(path))
    }
    for name in mapping(value, place):
        if name not in known:
            raise TemplateError(f"{place}.{name}", f"there is no such property.{did_you_mean(name, known)}")
    for name, one in known.items():
        if name in value:
            result = _checked(f"{place}.{name}", table, f"{path}{name}", value[name])
            if not one.ignored:
                found[name] = result
        elif one.required:
            raise TemplateError(place, f"{name} is missing.")
    return found


def _checked(place: str, table: Mapping[str, Property], path: str, value: Any) -> Any:
    rule = table[path]
    result = _typed(place, rule, table, path, value)
    if rule.choices and result not in rule.choices:
        hint = did_you_mean(str(result), rule.choices)
        raise TemplateError(place, f"{described(result)} is not one of {', '.join(rule.choices)}.{hint}")
    if rule.refused and result not in rule.harmless:
        raise TemplateError(place, f"{described(value)} is not supported, because {rule.refused}.")
    return result


def _typed(place: str, rule: Property, table: Mapping[str, Property], path: str, value: Any) -> Any:
    match rule.kind:
        case "any":
            return value
        case "text":
            return _text(place, value)
        case "flag":
            if str(value).lower() not in ("true", "false"):
                raise TemplateError(place, f"it must be true or false, and it is {described(value)}.")
            return str(value).lower() == "true"
        case "whole" | "number":
            count = number(value, place)
            if rule.kind == "whole" and not count.is_integer():
                raise TemplateError(place, f"it must be a whole number, and it is {described(value)}.")
            if not rule.least <= count <= rule.most:
                raise TemplateError(place, f"{described(value)} is not between {rule.least:g} and {rule.most:g}.")
            return int(count) if rule.kind == "whole" else count
        case "texts":
            return [_text(f"{place}[{index}]", one) for index, one in enumerate(_list(place, value))]
        case "table":
            return {name: _text(f"{place}.{name}", one) for name, one in _mapping(place, value).items()}
        case "objects":
            return [
                _checked_object(f"{place}[{index}]", table, f"{path}[].", one) for index, one in enumerate(_list(place, value))
            ]
        case "named":
            return {
                name: _checked_object(f"{place}.{name}", table, f"{path}.*.", one)
                for name, one in _mapping(place, value).items()
            }
        case "object or text" if isinstance(value, str):
            return value
    return _checked_object(place, table, f"{path}.", value)


def _mapping(place: str, value: Any) -> Mapping[str, Any]:
    """A mapping, or JSON of one: some properties of CloudFormation allow both."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            pass
    return mapping(value, place)


def _list(place: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TemplateError(place, f"it must be a list, and it is {described(value)}.")
    return value


def _text(place: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise TemplateError(place, f"it must be a text, and it is {described(value)}.")
    return str(value)
