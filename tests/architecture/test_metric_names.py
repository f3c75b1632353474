"""Names that operators see: closed, documented, and free of anybody's identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.metric_names import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    CounterName,
    GaugeName,
    HistogramName,
    Metric,
)
from streams.metrics import PREFIX, Metrics

PERSONAL = {"visitor", "visitor_id", "user", "user_id", "anonymous_id", "session", "item", "key", "ip"}
LISTS = ((CounterName, COUNTERS), (GaugeName, GAUGES), (HistogramName, HISTOGRAMS))
ALL = [(name, metric) for _, described in LISTS for name, metric in described.items()]


@pytest.mark.parametrize(("names", "described"), LISTS)
def test_every_name_is_described(names: object, described: Mapping[str, Metric]) -> None:
    assert set(get_args(names)) == set(described)


@pytest.mark.parametrize(("name", "metric"), ALL, ids=[name for name, _ in ALL])
def test_a_metric_has_a_meaning_and_harmless_labels(name: str, metric: Metric) -> None:
    assert metric.help.endswith(".")
    assert PERSONAL.isdisjoint(metric.labels)
    assert name.endswith("_total") == (name in COUNTERS)
    assert bool(metric.buckets) == (name in HISTOGRAMS)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_what_is_rendered_is_what_is_described() -> None:
    families = {f.name: f for f in text_string_to_metric_families(Metrics().render().decode())}
    for name, metric in ALL:
        assert families[PREFIX + name.removesuffix("_total")].documentation == metric.help
