"""AWS over warm connections, with as little around it as one call needs: a post to a player must cost little.

The parts, from the inside out:

``signing``  Signature Version 4, the signing side (pure)
``answers``  an HTTP answer, read from bytes as they arrive (pure)
``lines``    connections that stay open, many exchanges over them at once
``client``   a service at an endpoint: requests in, signed and sent, outcomes out
``dynamodb`` one call of DynamoDB: its errors, and when it is tried again
"""

from lobby.aws.answers import Answer
from lobby.aws.client import Client, Request, connection_path
from lobby.aws.dynamodb import AwsError, DynamoDB
from lobby.aws.dynamodb import endpoint as dynamodb_endpoint
from lobby.aws.lines import Outcome, Unreachable
from lobby.aws.signing import Credentials, sign

__all__ = [
    "Answer", "AwsError", "Client", "Credentials", "DynamoDB", "Outcome", "Request", "Unreachable", "connection_path",
    "dynamodb_endpoint", "sign",
]  # fmt: skip
