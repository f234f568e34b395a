"""An API Gateway WebSocket API on your desk: real sockets in front, the handlers of Lambdas behind, and their tables and
streams.

It knows nothing of what the handlers are for, so it serves anybody's. The parts, from the inside out:

``template``     a CloudFormation template, made concrete (pure)
``stacks``       from such a template to what runs (pure)
``api``          what there is to know of an API, which route a message takes, what an authorizer's answer means (pure)
``events``       what a handler is given, key for key as AWS gives it (pure)
``answers``      what a handler's answer means to the gateway (pure)
``frames``       too large a frame, seen in the bytes before anybody else sees them (pure)
``signatures``   Signature Version 4, verified (pure)
``capacity``     what a request to a table consumes (pure)
``conditions``   latency and faults, from one seed
``metering``     what AWS would have metered, from what happened
``cloudwatch``   the metrics that AWS would have, from the same and from what functions write (pure)
``environments`` handlers in threads or processes, one event at a time in each, as in Lambda; ``runtime`` is
             what runs inside of such a process
``tables``       a DynamoDB endpoint, and engines behind it
``services``     STS, CloudFormation and CloudWatch at the address of the tables
``streams``      from a table's stream to a handler
``connections``  open sockets
``gateway``      HTTP and the lives of connections, by aiohttp
``desk``         all of it for one stack
"""

from lobby.cloudformation.reading import parse, read_template
from lobby.emulator.api import Api, Authorizer, Limits, Route
from lobby.emulator.conditions import Conditions
from lobby.emulator.desk import Desk
from lobby.emulator.environments import Context, Environments, HandlerError
from lobby.emulator.gateway import ApiGateway
from lobby.emulator.meters import Meter, nobody
from lobby.emulator.stacks import Stack
from lobby.emulator.stacks import read as read_stack
from lobby.emulator.tables import Endpoint, Moto

__all__ = [
    "Api", "ApiGateway", "Authorizer", "Conditions", "Context", "Desk", "Endpoint", "Environments", "HandlerError", "Limits",
    "Meter", "Moto", "Route", "Stack", "nobody", "parse", "read_stack", "read_template",
]  # fmt: skip
