"""Names that operators see: closed, documented, and free of anybody's identity."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.runtime.telemetry.metric_names import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    CounterName,
    GaugeName,
    HistogramName,
    Metric,
)
from streams.runtime.telemetry.metrics import PREFIX, Metrics
from tests.architecture.tree import ROOT

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


def test_every_metric_is_fed_somewhere() -> None:
    fed = {name for path in sorted((ROOT / "streams").rglob("*.py")) for name in fed_in(path.read_text())}
    assert {name for name, _ in ALL} - fed == set()


def test_a_name_that_is_only_mentioned_is_not_fed() -> None:
    text = """
"ready"
metrics.forget("consumer_lag_records", partition=1)
metrics.count("fenced_total")
metrics.watch("lru_visitors", lambda: 1)
other.append("regressed_total")
"""
    assert set(fed_in(text)) == {"fenced_total", "lru_visitors"}


def fed_in(text: str) -> Iterator[str]:
    """Names given as first argument to one of the methods of Metrics, whatever they were bound to."""
    for call in ast.walk(ast.parse(text)):
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if called in {"count", "observe", "set", "series", "watch"}:
                yield str(call.args[0].value)
