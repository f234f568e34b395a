"""Calls to AWS over connections that stay open. A post to a player must cost little CPU time, so each call does little work.

The modules, from the lowest layer to the highest:

``signing``  Signature Version 4, the signing side (pure)
``answers``  an HTTP answer, read from bytes as they arrive (pure)
``pool``     connections that stay open, with many exchanges over them at the same time
``client``   a service at one endpoint: signs and sends requests, returns an outcome for each
``dynamodb`` one call of DynamoDB: its errors, and when the call is retried
"""

from lobby.serverless.aws.answers import Answer
from lobby.serverless.aws.client import Request, ServiceClient, connection_path
from lobby.serverless.aws.dynamodb import CallFailed, DynamoDB
from lobby.serverless.aws.dynamodb import endpoint as dynamodb_endpoint
from lobby.serverless.aws.pool import Outcome, Unreachable
from lobby.serverless.aws.signing import Credentials, sign

__all__ = [
    "Answer", "CallFailed", "Credentials", "DynamoDB", "Outcome", "Request", "ServiceClient", "Unreachable",
    "connection_path", "dynamodb_endpoint", "sign",
]  # fmt: skip
