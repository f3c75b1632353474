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
    """Counters, gauges and histograms with a registry of their own: two in one process do not meet.

    To be used by one thread. A wrong label is a ValueError at the first use; a wrong name is refused by the
    type checker.
    """

    def __init__(self) -> None:
        self._series: dict[str, dict[tuple[str, ...], Series]] = {}  # by label values in declared order
        self._found: dict[tuple[object, ...], Series] = {}  # the same, by what callers say
        self._watched: dict[GaugeName, Callable[[], float]] = {}
        for name, metric in _all():
            # A gauge that nobody put anywhere is no 0: a process tells only of what it knows.
            told = not metric.labels and name not in GAUGES
            self._series[name] = {(): Series(metric.buckets)} if told else {}
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def count(self, name: CounterName, n: float = 1, **labels: str | int) -> None:
        """Add `n` to a counter."""
        (self._found.get((name, *labels.items())) or self._new(name, labels)).value += n

    def observe(self, name: HistogramName, value: float, **labels: str | int) -> None:
        """One observation of a histogram, in the unit of its name."""
        (self._found.get((name, *labels.items())) or self._new(name, labels)).observe(value)

    def set(self, name: GaugeName, value: float, **labels: str | int) -> None:
        """Put a gauge to `value`."""
        (self._found.get((name, *labels.items())) or self._new(name, labels)).value = value

    def watch(self, name: GaugeName, read: Callable[[], float]) -> None:
        """Ask `read` for an unlabelled gauge whenever somebody looks: it costs nothing in between."""
        self._watched[name] = read

    def forget(self, name: GaugeName, **labels: str | int) -> None:
        """Take one labelled series of a gauge away, as for a partition that left."""
        gone = self._series[name].pop(_values(name, labels), None)
        self._found = {key: series for key, series in self._found.items() if series is not gone}

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Family]:
        """What the registry asks for."""
        for watched, read in self._watched.items():
            self.set(watched, read())
        for name, metric in _all():
            yield _family(name, metric, self._series[name].items())

    def _new(self, name: str, labels: Labels) -> Series:
        series = self._series[name].setdefault(_values(name, labels), Series(_METRICS[name].buckets))
        self._found[(name, *labels.items())] = series
        return series


def _all() -> Iterator[tuple[str, Metric]]:
    yield from COUNTERS.items()
    yield from GAUGES.items()
    yield from HISTOGRAMS.items()


_METRICS = dict(_all())


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
