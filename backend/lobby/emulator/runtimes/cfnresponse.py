"""The module ``cfnresponse``, which AWS puts beside inline code: reports the result of a custom resource to CloudFormation
(CloudFormation User Guide, "cfn-response module")."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

SUCCESS, FAILED = "SUCCESS", "FAILED"


def send(
    event: dict[str, Any],
    context: Any,
    responseStatus: str,
    responseData: dict[str, Any],
    physicalResourceId: str | None = None,
    noEcho: bool = False,
    reason: str | None = None,
) -> None:
    """Sends the result to the address in the event. The names of the arguments are AWS's."""
    answer = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    try:
        urlopen(Request(event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT")).close()
    except OSError as error:
        print(f"send(..) failed executing the request: {error}")
