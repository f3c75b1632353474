"""Metrics of one process: counted, labelled, forgotten, rendered."""

from __future__ import annotations

import pytest

from streams.runtime.telemetry.metrics import Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_counting_adds_up_by_label(metrics: Metrics) -> None:
    metrics.count("dead_letters_total", reason="invalid")
    metrics.count("dead_letters_total", 2, reason="invalid")
    metrics.count("dead_letters_total", reason="misplaced")
    text = metrics.render().decode()
    assert 'etalage_dead_letters_total{reason="invalid"} 3.0' in text
    assert 'etalage_dead_letters_total{reason="misplaced"} 1.0' in text


def test_observations_fall_into_buckets(metrics: Metrics) -> None:
    metrics.observe("stage_duration_seconds", 0.004, stage="score")
    text = metrics.render().decode()
    assert 'etalage_stage_duration_seconds_bucket{le="0.003",stage="score"} 0.0' in text
    assert 'etalage_stage_duration_seconds_bucket{le="0.005",stage="score"} 1.0' in text


def test_a_partition_that_left_leaves_the_metrics(metrics: Metrics) -> None:
    metrics.set("consumer_lag_records", 5, partition=3)
    metrics.set("consumer_lag_records", 6, partition=4)
    metrics.forget("consumer_lag_records", partition=3)
    text = metrics.render().decode()
    assert 'partition="3"' not in text
    assert 'etalage_consumer_lag_records{partition="4"} 6.0' in text
    metrics.set("consumer_lag_records", 7, partition=3)
    assert 'etalage_consumer_lag_records{partition="3"} 7.0' in metrics.render().decode()


def test_a_wrong_label_is_an_error(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="label"):
        metrics.count("dead_letters_total", visitor="a:x")


def test_two_processes_in_one_do_not_meet(metrics: Metrics) -> None:
    metrics.count("fenced_total")
    assert "etalage_fenced_total 0.0" in Metrics().render().decode()


def test_the_process_itself_is_measured(metrics: Metrics) -> None:
    assert b"process_resident_memory_bytes" in metrics.render()


def test_an_observation_on_an_edge_belongs_below_it(metrics: Metrics) -> None:
    for value in (0.003, 0.0031, 7.0):
        metrics.observe("stage_duration_seconds", value, stage="score")
    text = metrics.render().decode()
    assert 'etalage_stage_duration_seconds_bucket{le="0.003",stage="score"} 1.0' in text
    assert 'etalage_stage_duration_seconds_bucket{le="1.0",stage="score"} 2.0' in text
    assert 'etalage_stage_duration_seconds_bucket{le="+Inf",stage="score"} 3.0' in text
    assert 'etalage_stage_duration_seconds_count{stage="score"} 3.0' in text
    assert 'etalage_stage_duration_seconds_sum{stage="score"} 7.0061' in text


def test_labels_in_another_order_are_the_same_series(metrics: Metrics) -> None:
    metrics.count("layouts_decided_total", mode="full", reason="ok")
    metrics.count("layouts_decided_total", reason="ok", mode="full")
    assert 'etalage_layouts_decided_total{mode="full",reason="ok"} 2.0' in metrics.render().decode()


def test_what_is_watched_is_asked_when_somebody_looks(metrics: Metrics) -> None:
    held: list[int] = []
    metrics.watch("lru_visitors", lambda: len(held))
    assert "etalage_lru_visitors 0.0" in metrics.render().decode()
    held += [1, 2]
    assert "etalage_lru_visitors 2.0" in metrics.render().decode()


def test_a_gauge_that_nobody_set_is_not_told(metrics: Metrics) -> None:
    assert not [line for line in metrics.render().decode().splitlines() if line.startswith("etalage_ready")]
    metrics.set("ready", 0)
    assert "\netalage_ready 0.0\n" in metrics.render().decode()
