"""An AWS WebSocket stack on this machine: real sockets in front, the handlers of Lambda functions behind, their tables and
streams, and a meter of what AWS would charge.

The package does not know what the handlers do, so it runs any stack of this kind. From the inside out:

``api``            an API, the route of a message, the meaning of an authorizer's answer (pure)
``definition``     what a CloudFormation template describes, as far as it runs here (pure)
``functions``      the functions of a template: runtime, handler, code, layers (pure)
``properties``     what is supported, ignored and refused of each resource that is read (pure)
``events``         the events that a handler gets, with exactly the keys that AWS sends (pure)
``answers``        the meaning of a handler's answer to the gateway (pure)
``handshakes``     what a request for a WebSocket must contain, and its address (pure)
``frames``         finds frames that break RFC 6455 or are too large, in the bytes of a connection (pure)
``logs``           bounds the log lines of libraries
``signatures``     verifies Signature Version 4 (pure)
``capacity``       the units that a request to a table consumes (pure)
``counting``       asks a table engine, and counts those units
``waits``          how long functions wait for tables that are slower than AWS's, which is not billed (pure)
``machine_load``   notices when this machine is too slow
``conditions``     latency and faults, drawn from a seed
``meters``         the interface of a meter
``metering``       a meter that adds up what AWS would charge for
``cloudwatch``     the metrics that CloudWatch would have (pure)
``environments``   handlers in threads or processes, one event at a time in each, as in Lambda
``programs``       command line and variables of a process, as AWS documents the environment of a function (pure); ``runtimes``
                   contains the programs that run inside, one for each language
``function_code``  finds the code of functions, unpacks it, and notices changes
``node_sdk``       the AWS SDK for Node.js functions, which AWS's runtimes contain
``aws_hosts``      AWS's hosts, and the service and operation that a request names (pure)
``refusals``       the answers to calls that are not emulated (pure)
``http2_refusals`` the same for clients that use HTTP/2
``aws_proxy``      leads AWS's addresses to the emulator: a proxy that ends TLS
``function_processes``
                   what functions in processes need: code, proxy and programs together
``tables``         a DynamoDB endpoint in front of an engine
``services``       STS, CloudFormation and CloudWatch at the address of the tables
``streams``        event source mappings: from the stream of a table to a handler
``connections``    open sockets
``gateway``        the gateway: HTTP and the lifetime of connections, by aiohttp
``emulated_stack`` all of it together, for one stack
``testing``        a fixture of pytest, for tests of other projects; nothing else imports it
"""

from lobby.cloudformation.reading import parse, read_template
from lobby.emulator.api import Api, Authorizer, Limits, Route
from lobby.emulator.conditions import Conditions
from lobby.emulator.definition import StackDefinition, read_stack
from lobby.emulator.emulated_stack import EmulatedStack
from lobby.emulator.environments import Context, Environments, HandlerError
from lobby.emulator.function_code import CodeOptions
from lobby.emulator.functions import LambdaFunction
from lobby.emulator.gateway import ApiGateway, FunctionOptions, GatewayFaults
from lobby.emulator.meters import Meter, no_meter
from lobby.emulator.tables import Endpoint, Moto

__all__ = [
    "Api", "ApiGateway", "Authorizer", "CodeOptions", "Conditions", "Context", "EmulatedStack", "Endpoint", "Environments",
    "FunctionOptions", "GatewayFaults", "HandlerError", "LambdaFunction", "Limits", "Meter", "Moto", "Route",
    "StackDefinition", "no_meter", "parse", "read_stack", "read_template",
]  # fmt: skip
