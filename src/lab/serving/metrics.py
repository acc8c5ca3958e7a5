"""The counters of a server in Prometheus' text format; each server has a registry of its own.

Names follow Prometheus' rules: a unit in each name, `_total` for counters.
"""

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Counters that the parts of a server raise."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "lab_requests", "Requests that were answered.", ("path", "status"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "lab_request_seconds", "Time to the end of an answer.", ("path",), buckets=SECONDS, registry=self.registry
        )
        self.refused_connections = Counter(
            "lab_refused_connections", "Connections beyond the limit.", registry=self.registry
        )
        self.rows = Counter("lab_rows", "Rows that were predicted.", registry=self.registry)
        self.rejected = Counter("lab_rejected_rows", "Rows without a prediction.", registry=self.registry)
        self.batch_requests = Histogram(
            "lab_batch_requests", "Requests that share a batch.", buckets=SIZES, registry=self.registry
        )
        self.batch_rows = Histogram("lab_batch_rows", "Rows of a batch.", buckets=SIZES, registry=self.registry)
        self.batch_seconds = Histogram(
            "lab_batch_seconds", "Time that the model needs for a batch.", buckets=SECONDS, registry=self.registry
        )
        self.waiting = Gauge("lab_waiting_requests", "Requests that wait for the model.", registry=self.registry)
        self.reloads = Counter(
            "lab_reloads", "Versions that were loaded or refused.", ("outcome",), registry=self.registry
        )
        self.model = Info("lab_model", "The version that answers.", registry=self.registry)

    def batch(self, rows: Sequence[int], seconds: float) -> None:
        """Count a batch. rows: number of rows of each of its requests."""
        self.batch_requests.observe(len(rows))
        self.batch_rows.observe(sum(rows))
        self.batch_seconds.observe(seconds)
        self.rows.inc(sum(rows))

    def text(self) -> bytes:
        """Return all counters in Prometheus' text format."""
        return generate_latest(self.registry)
