"""What `lobby serve` answers to plain HTTP requests: the page, ``/healthz`` and ``/metrics``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from lobby import __version__
from lobby.telemetry import COUNTED, Counts
from lobby.viewer import client, pages

PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src *; "
    "frame-ancestors 'none'",
}


CLIENT_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*"}
"""A page of any origin may import the JavaScript client: it is public, and connecting is another question."""


class HttpAnswer(NamedTuple):
    """The answer to an HTTP request."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Health(NamedTuple):
    """The state of a running lobby, as numbers."""

    players: int
    rooms: int
    connections: int
    window_ms: int
    uptime_s: int
    draining: bool = False


class Observed(Protocol):
    """What is observed."""

    counts: Counts

    def health(self) -> Health:
        """The state now."""


class Site:
    """The answers to HTTP requests that are no WebSocket handshakes."""

    def __init__(self, observed: Observed, with_metrics: bool) -> None:
        self._observed, self._with_metrics = observed, with_metrics
        self._pages = pages()
        self._registry = CollectorRegistry()
        self._registry.register(_LobbyCollector(observed))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def answer(self, path: str) -> HttpAnswer | None:
        """The answer to ``GET path``; None where there is nothing."""
        if path == "/healthz":
            health = self._observed.health()
            status = "draining" if health.draining else "ok"
            body = {"status": status, "version": __version__, "players": health.players, "rooms": health.rooms}
            data = json.dumps({**body, "uptime_s": health.uptime_s}).encode() + b"\n"
            # A load balancer sends no players to a lobby that is not healthy.
            return _ok(data, "application/json")._replace(status=503 if health.draining else 200)
        if path == "/metrics" and self._with_metrics:
            return self.metrics()
        if path.startswith("/client/"):
            module = client().get(path.removeprefix("/client/"))
            return _ok(module[0], f"{module[1]}; charset=utf-8", headers=CLIENT_HEADERS) if module else None
        page = self._pages.get("index.html" if path == "/" else path.removeprefix("/viewer/"))
        return _ok(page[0], f"{page[1]}; charset=utf-8", headers=PAGE_HEADERS) if page else None

    def metrics(self) -> HttpAnswer:
        """All metrics, for Prometheus."""
        return _ok(generate_latest(self._registry), CONTENT_TYPE_LATEST)


class _LobbyCollector(Collector):
    """The lobby's own metrics; names and meanings come from ``telemetry.COUNTED``."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    def collect(self) -> Iterable[Metric]:
        counts, health = self._observed.counts, self._observed.health()
        for name, (label, meaning) in COUNTED.items():
            family = CounterMetricFamily(f"lobby_{name}", meaning, labels=[label] if label else None)
            if not label:
                family.add_metric([], counts[name, ""])
            for (counted, value), times in counts.items():
                if label and counted == name:
                    family.add_metric([value], times)
            yield family
        yield GaugeMetricFamily("lobby_players", "Players in all rooms.", health.players)
        yield GaugeMetricFamily("lobby_rooms", "Rooms that have players.", health.rooms)
        yield GaugeMetricFamily("lobby_connections", "Open connections.", health.connections)
        yield GaugeMetricFamily("lobby_window_seconds", "How long a position waits for others now.", health.window_ms / 1000)


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """An answer of one line of text."""
    return HttpAnswer(status, text.encode() + b"\n", {"Content-Type": "text/plain; charset=utf-8", **(headers or {})})


def as_json(value: object, headers: Mapping[str, str]) -> HttpAnswer:
    """An answer with a JSON value."""
    return _ok(json.dumps(value).encode() + b"\n", "application/json", headers)


def _ok(body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    return HttpAnswer(200, body, {"Content-Type": kind, **(headers or {})})
