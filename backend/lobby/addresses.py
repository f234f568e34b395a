"""Network addresses of hosts and clients, IPv4 and IPv6: how they are written in URLs, and how clients are counted."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

UNKNOWN = "unknown"
"""The key under which all clients are counted together whose address cannot be read."""

_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def in_url(host: str) -> str:
    """``host`` as URLs contain it (RFC 3986 and 6874): an IPv6 address in brackets, with ``%25`` before its zone."""
    if ":" not in host or host.startswith("["):
        return host
    address, percent, zone = host.partition("%")
    return f"[{address}%25{zone}]" if percent else f"[{address}]"


def bare(host: str) -> str:
    """``host`` without the brackets of an URL. The opposite of :func:`in_url`."""
    return host[1:-1].replace("%25", "%") if host.startswith("[") and host.endswith("]") else host


def reachable(host: str) -> str:
    """The address of this machine at which a server that listens on ``host`` can be reached. ``0.0.0.0`` and ``::`` mean
    every network, and no client can connect to them everywhere."""
    return _ANY.get(bare(host), bare(host))


def listening(host: str, port: int, backlog: int = 100) -> dict[str, Any]:
    """The arguments of ``create_server`` of an event loop that listens on ``host``. Raises OSError.

    ``::`` means every network, of IPv4 too, as for most servers. Event loops would take only IPv6.
    """
    if bare(host) == "::" and socket.has_dualstack_ipv6():
        found = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=backlog)
        return {"sock": found, "backlog": backlog}
    return {"host": bare(host) or None, "port": port, "backlog": backlog}


def parse(address: str) -> _Address | None:
    """The IP address in ``address``, or None. An IPv4 address inside of IPv6 (``::ffff:192.0.2.1``) is an IPv4 address."""
    try:
        it = ipaddress.ip_address(bare(address))
    except ValueError:
        return None
    return (it.ipv4_mapped or it) if isinstance(it, ipaddress.IPv6Address) else it


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. ``localhost`` and names below it are loopback (RFC 6761)."""
    it = parse(host)
    if it is not None:
        return it.is_loopback
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def counting_key(address: str) -> str:
    """The key under which connections from ``address`` are counted together.

    An IPv4 address counts alone. An IPv6 address counts with its /64 network: that is the smallest network that providers
    assign to one customer (RFC 6177), who can use each address in it. All that is no address shares one key.
    """
    it = parse(address)
    if it is None:
        return UNKNOWN
    if isinstance(it, ipaddress.IPv4Address):
        return str(it)
    return str(ipaddress.ip_network((int(it) >> 64 << 64, 64)))


def last_hop(forwarded: str) -> str:
    """The last address in ``X-Forwarded-For``: our own proxy has added it, and clients can forge the others.

    Proxies write addresses with or without a port, brackets and quotes. What is no address becomes :data:`UNKNOWN`.
    """
    items = [item for part in forwarded.split(",") if (item := part.strip(' \t"'))]
    last = items[-1] if items else ""
    if last.startswith("["):
        last = last[1:].partition("]")[0]
    elif last.count(":") == 1:
        last = last.partition(":")[0]
    it = parse(last)
    return UNKNOWN if it is None else str(it)
