"""AWS over warm connections, with as little around it as one call needs: a post to a player must cost little.

The parts, from the inside out:

``signing``  Signature Version 4, the signing side (pure)
``answers``  an HTTP answer, read from bytes as they arrive (pure)
``lines``    connections that stay open, many exchanges over them at once
``client``   a service at an endpoint: requests in, signed and sent, outcomes out
``dynamodb`` one call of DynamoDB: its errors, and when it is tried again
"""

from lobby.serverless.aws.answers import Answer
from lobby.serverless.aws.client import Client, Request, connection_path
from lobby.serverless.aws.dynamodb import AwsError, DynamoDB
from lobby.serverless.aws.dynamodb import endpoint as dynamodb_endpoint
from lobby.serverless.aws.lines import Outcome, Unreachable
from lobby.serverless.aws.signing import Credentials, sign

__all__ = [
    "Answer", "AwsError", "Client", "Credentials", "DynamoDB", "Outcome", "Request", "Unreachable", "connection_path",
    "dynamodb_endpoint", "sign",
]  # fmt: skip
