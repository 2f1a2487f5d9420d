"""The metrics of one daemon as text: counters of calls and requests, of the process, and families made for a scrape."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector

from gpushopper.engine.executor import HEARTBEAT, OUTPUTS, PULL
from gpushopper.engine.metrics.call_observer import OK

OVER_SSH = frozenset({HEARTBEAT, OUTPUTS, PULL})
"""Operations that log in to an instance; all others are calls to a cloud."""
CALL_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40)
TRIES = (1, 2, 3, 5, 8, 13, 21)
REQUEST_BOUNDS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60)


class CallMetrics:
    """Counts calls to clouds and logins to instances; `observe` is called once for each, on any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        named = ["provider", "operation"]
        self._calls = Counter(
            "gpu_provider_api_calls", "Calls to a cloud that have ended.", [*named, "status"], registry=registry
        )
        self._errors = Counter(
            "gpu_provider_api_errors", "Calls to a cloud without a usable answer.", named, registry=registry
        )
        self._seconds = Histogram(
            "gpu_provider_api_response_time_seconds", "How long calls to a cloud took.", named,
            registry=registry, buckets=CALL_BOUNDS_S,
        )  # fmt: skip
        self._destroys = Counter(
            "gpu_destroy_failures", "Destroys that were not acknowledged.", ["provider"], registry=registry
        )
        self._logins = Histogram(
            "gpu_ssh_verify_duration_seconds", "How long logins to instances took.", named,
            registry=registry, buckets=CALL_BOUNDS_S,
        )  # fmt: skip
        self._tries = Histogram(
            "gpu_ssh_verify_attempts", "Logins to an instance until the first that worked.", ["provider"],
            registry=registry, buckets=TRIES,
        )  # fmt: skip
        self._login_errors = Counter(
            "gpu_ssh_verify_errors_by_type", "Logins without an answer.", ["provider", "error_type"], registry=registry
        )

    def observe(self, account: str, operation: str, outcome: str, seconds: float) -> None:
        """Note one call (`engine/metrics/call_observer.py`)."""
        if operation in OVER_SSH:
            self._logins.labels(account, operation).observe(seconds)
            if outcome != OK:
                self._login_errors.labels(account, outcome).inc()
            return
        self._calls.labels(account, operation, outcome).inc()
        self._seconds.labels(account, operation).observe(seconds)
        if outcome != OK:
            self._errors.labels(account, operation).inc()
            if operation == "destroy":
                self._destroys.labels(account).inc()

    def observe_first_login(self, account: str, tries: int) -> None:
        """Note the first login to an instance that has worked."""
        self._tries.labels(account).observe(tries)


class RequestMetrics:
    """Counts requests of the local API; `path` is the route's rule, so that it holds no name of a session."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "http_request_duration_seconds", "How long requests of the local API took.", ["method", "path", "status"],
            registry=registry, buckets=REQUEST_BOUNDS_S,
        )  # fmt: skip
        self._requests = Counter(
            "http_requests", "Requests of the local API.", ["method", "path", "status"], registry=registry
        )

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Note one request."""
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(method, path, str(status)).observe(seconds)


class _Families(Collector):
    """What a registry collects, with families that were made for this scrape."""

    def __init__(self, registry: CollectorRegistry, made: Iterable[Metric]) -> None:
        self._registry, self._made = registry, made

    def collect(self) -> Iterable[Metric]:
        yield from self._made
        yield from self._registry.collect()


class Exposition:
    """What one daemon counts while it runs."""

    def __init__(self) -> None:
        # Else each counter has a second family, which nothing reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self.calls = CallMetrics(self._registry)
        self.requests = RequestMetrics(self._registry)
        ProcessCollector(registry=self._registry)

    def render(self, families: Iterable[Metric]) -> bytes:
        """All of it as text, with the families that follow from the records now."""
        return generate_latest(_Families(self._registry, families))
