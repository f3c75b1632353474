"""The metrics of one process: counted here, rendered for Prometheus; every name stands in `metric_names`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from streams.metric_names import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    CounterName,
    GaugeName,
    HistogramName,
    Metric,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody reads

PREFIX = "etalage_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters, gauges and histograms with a registry of their own: two in one process do not meet.

    A wrong label is a ValueError at the first use; a wrong name is refused by the type checker.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self._counters = {n: Counter(*_named(n, m), registry=self.registry) for n, m in COUNTERS.items()}
        self._gauges = {n: Gauge(*_named(n, m), registry=self.registry) for n, m in GAUGES.items()}
        self._histograms = {
            n: Histogram(*_named(n, m), registry=self.registry, buckets=m.buckets)
            for n, m in HISTOGRAMS.items()
        }
        self._children: dict[tuple[Any, ...], Any] = {}  # metric with its label values, looked up once

    def count(self, name: CounterName, n: float = 1, **labels: str | int) -> None:
        """Add `n` to a counter."""
        self._child(name, self._counters[name], labels).inc(n)

    def observe(self, name: HistogramName, value: float, **labels: str | int) -> None:
        """One observation of a histogram, in the unit of its name."""
        self._child(name, self._histograms[name], labels).observe(value)

    def set(self, name: GaugeName, value: float, **labels: str | int) -> None:
        """Put a gauge to `value`."""
        self._child(name, self._gauges[name], labels).set(value)

    def forget(self, name: GaugeName, **labels: str | int) -> None:
        """Take one labelled series of a gauge away, as for a partition that left."""
        self._children.pop((name, *labels.items()), None)
        metric = self._gauges[name]
        metric.remove_by_labels({key: str(value) for key, value in labels.items()})

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def _child(self, name: str, metric: Any, labels: Mapping[str, str | int]) -> Any:
        if not labels:
            return metric
        key = (name, *labels.items())
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(**labels)
        return child


def _named(name: str, metric: Metric) -> tuple[str, str, tuple[str, ...]]:
    return PREFIX + name, metric.help, metric.labels
