"""Hosts of AWS, and the service and operation that a request names. No network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

AWS_HOSTS = r"(^|\.)(amazonaws\.(com|com\.cn|eu)|api\.aws|on\.aws)$"
"""A pattern of the names of AWS's hosts, for Python and for JavaScript."""

_HOST = re.compile(AWS_HOSTS)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d|dualstack|fips|global")
_SCOPE = re.compile(r"Credential=[^/\s]+/\d+/[^/]+/([\w-]+)/aws4_request")

MODELS = {
    "email": "sesv2",
    "events": "events",
    "execute-api": "apigatewaymanagementapi",
    "iotdata": "iot-data",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "streams": "dynamodbstreams",
    "tagging": "resourcegroupstaggingapi",
}
"""botocore's names of services that sign with another name. Others sign with botocore's name."""


class Asked(NamedTuple):
    """What a request asks for. ``protocol`` is that of its answer: ``json``, ``rest-json``, ``query``, ``rest-xml``, ``ec2`` or
    ``cbor``."""

    service: str
    operation: str
    protocol: str

    def __str__(self) -> str:
        return f"{MODELS.get(self.service, self.service)} {self.operation}"


def is_aws(host: str) -> bool:
    """Whether a host is one of AWS."""
    return _HOST.search(host.lower().rstrip(".")) is not None


def api_host(api_id: str, region: str) -> str:
    """The host of an API on AWS."""
    return f"{api_id}.execute-api.{region}.amazonaws.com"


def asked(method: str, host: str, target: str, headers: Mapping[str, str], body: bytes) -> Asked:
    """What a request to a host of AWS asks for. ``target`` is its path and query as they were sent; names in ``headers`` are
    compared as the mapping does."""
    path, _, query = target.partition("?")
    labels = _labels(host)
    service = _service(labels, headers, query)
    if headers.get("Smithy-Protocol") == "rpc-v2-cbor":
        return Asked(service, path.rpartition("/")[2], "cbor")
    if name := headers.get("X-Amz-Target"):
        return Asked(service, name.rpartition(".")[2], "json")
    text = body.decode(errors="replace") if "x-www-form-urlencoded" in headers.get("Content-Type", "") else query
    if action := parse_qs(text).get("Action"):
        return Asked(service, action[0], "ec2" if service == "ec2" else "query")
    protocol, operations = _model(MODELS.get(service, service))
    if protocol not in ("rest-xml", "rest-json"):
        return Asked(service, f"{method} {path}", protocol or "rest-json")
    if service == "s3" and labels[:-1]:  # the bucket is in the host
        path = f"/{'.'.join(labels[:-1])}{path}"
    given, plain = parse_qs(query, keep_blank_values=True), unquote(path).rstrip("/") or "/"
    matching = [
        (len(needed), literals, name)
        for name, verb, pattern, needed, literals in operations
        if verb == method and pattern.fullmatch(plain) and needed <= given.keys()
    ]
    return Asked(service, max(matching)[2] if matching else f"{method} {path}", protocol)


def _labels(host: str) -> list[str]:
    """The parts of a host of AWS that name a service and what belongs to it; empty for another host."""
    name = host.lower().partition(":")[0]
    return [label for label in _HOST.sub("", name).split(".") if label and not _REGION.fullmatch(label)] if is_aws(name) else []


def _service(labels: list[str], headers: Mapping[str, str], query: str) -> str:
    """The name of the service in its host, or the name with which requests to it are signed."""
    if labels and _model(MODELS.get(labels[-1], labels[-1]))[0]:
        return labels[-1]
    signed = _SCOPE.search(headers.get("Authorization", "")) or _SCOPE.search(unquote(query).replace("X-Amz-", ""))
    if signed is not None:
        return signed[1]
    return labels[-1] if labels else "an unknown service"


Operation = tuple[str, str, re.Pattern[str], frozenset[str], int]
"""The name of an operation, its method, the pattern of its path, the names in its query, and the length of its fixed part."""


@cache
def _model(service: str) -> tuple[str, list[Operation]]:
    """The protocol of a service and its operations, from botocore's model; empty for an unknown service."""
    from botocore.exceptions import UnknownServiceError
    from botocore.loaders import Loader

    try:
        model: dict[str, Any] = Loader().load_service_model(service, "service-2")
    except UnknownServiceError:
        return "", []
    operations = []
    for name, item in model["operations"].items():
        path, _, query = item["http"]["requestUri"].rstrip("/").partition("?")
        parts = re.split(r"(\{\w+\+?\})", path)
        pattern = "".join(_part(part) for part in parts)
        fixed = sum(len(part) for part in parts if not part.startswith("{"))
        shape = model["shapes"].get(item.get("input", {}).get("shape"), {})
        places = {
            member: about.get("locationName", member)
            for member, about in shape.get("members", {}).items()
            if about.get("location") == "querystring"
        }
        required = {places[member] for member in shape.get("required", ()) if member in places}
        needed = required | parse_qs(query, keep_blank_values=True).keys()
        operations.append((name, item["http"]["method"], re.compile(pattern), frozenset(needed), fixed))
    return model["metadata"]["protocol"], operations


def _part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return ".+" if part.endswith("+}") else "[^/]+"
