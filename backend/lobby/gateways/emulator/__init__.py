"""An API Gateway WebSocket API on your desk: the handler of a Lambda behind it, real sockets in front of it.

It knows nothing of what the handler is for, so it serves anybody's. The parts, from the inside out:

``api``          what there is to know of an API, which route a message takes, what an authorizer's answer means (pure)
``events``       what a handler is given, key for key as AWS gives it (pure)
``answers``      what a handler's answer means to the gateway (pure)
``frames``       too large a frame, seen in the bytes before anybody else sees them (pure)
``signatures``   Signature Version 4, verified (pure)
``environments`` the handler in worker threads, one event at a time in each, as in Lambda
``connections``  open sockets
``gateway``      HTTP and the lives of connections, by aiohttp
"""

from lobby.gateways.emulator.api import Api, Authorizer, Limits, Route
from lobby.gateways.emulator.environments import Context, HandlerError
from lobby.gateways.emulator.gateway import ApiGateway

__all__ = ["Api", "ApiGateway", "Authorizer", "Context", "HandlerError", "Limits", "Route"]
