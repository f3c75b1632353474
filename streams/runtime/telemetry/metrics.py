"""The metrics of one process: counted here, rendered for Prometheus; every name stands in `metric_names`.

Plain numbers of one thread: the Prometheus client's own take a lock for each, 2 to 3 µs that every chunk
would pay ten times.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.utils import floatToGoString

from streams.runtime.telemetry.metric_names import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    CounterName,
    GaugeName,
    HistogramName,
    Metric,
)

PREFIX = "etalage_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str | int]


class Series:
    """One counter or gauge under one set of labels, or one histogram."""

    __slots__ = ("counts", "edges", "value")

    def __init__(self, edges: tuple[float, ...] = ()) -> None:
        self.value = 0.0  # of a histogram the sum
        self.edges = edges
        self.counts = [0] * (len(edges) + 1)

    def observe(self, value: float) -> None:
        """An observation that equals an edge belongs below it."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.value += value


class Metrics:
    """Counters, gauges and histograms of `metric_names`, with a registry of their own.

    Two instances in one process share nothing. To be used by one thread. `count`, `observe` and `set` take
    constant time: one look-up in a dictionary once a series exists.

    Raises:
        ValueError: labels other than those declared, at their first use. (A wrong name is refused by the
            type checker.)
    """

    def __init__(self) -> None:
        self._series: dict[str, dict[tuple[str, ...], Series]] = {}  # by label values in declared order
        self._by_call: dict[tuple[object, ...], Series] = {}  # the same, as callers name them
        self._watched: dict[GaugeName, Callable[[], float]] = {}
        for name, metric in _every_metric():
            # A gauge that nobody set is no 0: a process exports only what it knows.
            from_start = not metric.labels and name not in GAUGES
            self._series[name] = {(): Series(metric.buckets)} if from_start else {}
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def count(self, name: CounterName, n: float = 1, **labels: str | int) -> None:
        """Add `n` to a counter."""
        (self._by_call.get((name, *labels.items())) or self._new(name, labels)).value += n

    def observe(self, name: HistogramName, value: float, **labels: str | int) -> None:
        """One observation of a histogram, in the unit of its name."""
        (self._by_call.get((name, *labels.items())) or self._new(name, labels)).observe(value)

    def set(self, name: GaugeName, value: float, **labels: str | int) -> None:
        """Set a gauge to `value`."""
        (self._by_call.get((name, *labels.items())) or self._new(name, labels)).value = value

    def series(self, name: CounterName | HistogramName, **labels: str | int) -> Series:
        """The series itself, to be counted or observed by those who do so for every request."""
        return self._by_call.get((name, *labels.items())) or self._new(name, labels)

    def watch(self, name: GaugeName, read: Callable[[], float]) -> None:
        """Read an unlabelled gauge by `read` at each `render`: it costs nothing in between."""
        self._watched[name] = read

    def forget(self, name: GaugeName, **labels: str | int) -> None:
        """Remove one labelled series of a gauge, as for a partition that was revoked."""
        gone = self._series[name].pop(_values(name, labels), None)
        self._by_call = {key: series for key, series in self._by_call.items() if series is not gone}

    def render(self) -> bytes:
        """All metrics in Prometheus' text format (CONTENT_TYPE)."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Family]:
        """The metric families; what the registry calls."""
        for watched, read in self._watched.items():
            self.set(watched, read())
        for name, metric in _every_metric():
            yield _family(name, metric, self._series[name].items())

    def _new(self, name: str, labels: Labels) -> Series:
        series = self._series[name].setdefault(_values(name, labels), Series(_METRICS[name].buckets))
        self._by_call[(name, *labels.items())] = series
        return series


def _every_metric() -> Iterator[tuple[str, Metric]]:
    yield from COUNTERS.items()
    yield from GAUGES.items()
    yield from HISTOGRAMS.items()


_METRICS = dict(_every_metric())


def _values(name: str, labels: Labels) -> tuple[str, ...]:
    declared = _METRICS[name].labels
    if set(labels) != set(declared):
        raise ValueError(f"{name} has the labels {declared}, not {tuple(labels)}")
    return tuple(str(labels[label]) for label in declared)


def _family(name: str, metric: Metric, series: Iterable[tuple[tuple[str, ...], Series]]) -> Family:
    described = PREFIX + name, metric.help
    if name in HISTOGRAMS:
        family = HistogramMetricFamily(*described, labels=metric.labels)
        edges = [*map(floatToGoString, metric.buckets), "+Inf"]
        for values, one in series:
            buckets = list(zip(edges, accumulate(one.counts), strict=True))
            family.add_metric(values, buckets, one.value)
        return family
    kind = CounterMetricFamily if name in COUNTERS else GaugeMetricFamily
    simple = kind(*described, labels=metric.labels)
    for values, one in series:
        simple.add_metric(values, one.value)
    return simple
