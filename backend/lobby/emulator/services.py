"""The services that monitoring tools call: STS, CloudFormation and CloudWatch, each with a few of its operations. Calls to all
other services are refused.

moto parses the requests and writes the answers, so clients with the query protocol and with JSON work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from lobby.emulator import signatures
from lobby.emulator.aws_hosts import Asked, asked
from lobby.emulator.cloudwatch import CloudWatch, Metric
from lobby.emulator.refusals import error_response, refusal_line, refused

MODELS = {"sts": "sts", "cloudformation": "cloudformation", "monitoring": "cloudwatch"}
"""The names with which requests to the services are signed, and botocore's names of the services."""


class Services:
    """Answers requests to these services. ``stack()`` returns the stack in the form of DescribeStacks. ``log`` is called with a
    line for each call that is not emulated."""

    def __init__(
        self,
        metrics: CloudWatch,
        stack: Callable[[], dict[str, Any]],
        *,
        account: str,
        region: str,
        credentials: Mapping[str, str],
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._log = log
        self._metrics, self._stack = metrics, stack
        self._account, self._region, self._credentials = account, region, credentials
        self._operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "GetCallerIdentity": self._identity,
            "DescribeStacks": self._stacks,
            "PutMetricData": self._put,
            "GetMetricData": self._get,
            "ListMetrics": self._list,
        }

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Answers a request to one of these services."""
        await asyncio.to_thread(_libraries)  # importing takes a while, and would delay connections
        wanted = await asyncio.to_thread(asked, request.method, request.host, request.raw_path, request.headers, body)
        return self._answer(request, body, wanted)

    def _answer(self, request: web.BaseRequest, body: bytes, wanted: Asked) -> web.Response:
        from moto.core.parse import PROTOCOL_PARSERS
        from moto.core.request import Request, determine_request_protocol
        from moto.core.serialize import get_serializer_class
        from moto.core.utils import get_service_model

        if wanted.service not in MODELS:
            return self._refused(wanted)
        # Only signed requests are parsed: the parsers of moto raise all kinds of exceptions.
        refusal = signatures.verify_request(
            request, body, secrets=self._credentials, region=self._region, service=wanted.service
        )
        if refusal is not None:
            return error_response("json" if "json" in request.content_type else "query", refusal.type, refusal.message)
        if wanted.operation not in self._operations:
            return self._refused(wanted)
        sent = Request.from_primitives(request.method, f"http://{request.host}{request.raw_path}", request.headers, body)
        model = get_service_model(MODELS[wanted.service])
        protocol, name = determine_request_protocol(model, sent.content_type), wanted.operation
        operation = model.operation_model(name)
        parsed = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": sent.method,
                "values": sent.values,
                "headers": sent.headers,
                "body": sent.data,
                "url_path": sent.path,
                "url_params": {},
            }
        )
        try:
            result = self._operations[name](parsed)
        except _InvalidRequestError as error:
            return error_response(protocol, "ValidationError", str(error))
        answer = get_serializer_class(model.service_name, protocol)(operation).serialize(result)
        return web.Response(status=answer["status_code"], body=answer["body"], headers=dict(answer["headers"]))

    async def refuse(self, method: str, host: str, target: str, headers: Mapping[str, str]) -> web.Response:
        """Answers a request that is not emulated, whatever it asks for."""
        return self._refused(await asyncio.to_thread(asked, method, host, target, headers, b""))

    def _refused(self, wanted: Asked) -> web.Response:
        self._log(refusal_line(wanted))
        return refused(wanted)

    # ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _identity(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"Account": self._account, "UserId": "emulator", "Arn": f"arn:aws:iam::{self._account}:user/emulator"}

    def _stacks(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        stack = self._stack()
        if asked.get("StackName", stack["StackName"]) != stack["StackName"]:
            raise _InvalidRequestError(f"Stack with id {asked['StackName']} does not exist")
        return {"Stacks": [stack]}

    def _put(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        for datum in asked["MetricData"]:
            values = datum.get("Values") or [datum["Value"]]
            counts = datum.get("Counts") or [1] * len(values)
            at_s = _seconds(datum["Timestamp"]) if datum.get("Timestamp") else None
            for value, times in zip(values, counts, strict=True):
                dimensions = _dimensions(datum)
                self._metrics.put(asked["Namespace"], datum["MetricName"], dimensions, float(value), int(times), at_s)
        return {}

    def _get(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        results = []
        for query in asked["MetricDataQueries"]:
            if "MetricStat" not in query:
                raise _InvalidRequestError("Metric math is not supported.")
            wanted = query["MetricStat"]
            metric = wanted["Metric"]
            key = Metric(metric["Namespace"], metric["MetricName"], frozenset(_dimensions(metric).items()))
            start_s = _seconds(asked["StartTime"]) // 60 * 60
            try:
                found = self._metrics.statistic(
                    key, wanted["Stat"], start_s, _seconds(asked["EndTime"]), float(wanted["Period"])
                )
            except ValueError as error:
                raise _InvalidRequestError(str(error)) from None
            times = [datetime.fromtimestamp(at_s, UTC) for at_s, _ in found]
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label", metric["MetricName"]),
                    "Timestamps": times,
                    "Values": [value for _, value in found],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results}

    def _list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        found = [
            {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(metric.dimensions)],
            }
            for metric in self._metrics.metrics
            if asked.get("Namespace", metric.namespace) == metric.namespace
            and asked.get("MetricName", metric.name) == metric.name
            and _dimensions(asked).items() <= metric.dimensions
        ]
        return {"Metrics": found}


class _InvalidRequestError(Exception):
    """The request asks for something that does not exist or is not supported."""


def _dimensions(of: Mapping[str, Any]) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in of.get("Dimensions") or ()}


def _seconds(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _libraries() -> None:
    import moto.core.parse
    import moto.core.responses
    import moto.core.serialize  # noqa: F401
