"""How many events a worker keeps up with, and how fast it catches up."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.load.bed import Bed, Gauge, bare_consumer, cpu_seconds, finish, generate
from tests.load.figures import Figure, figure
from tests.stack import Stack

BACKLOG = 60_000
DECIDE_ALL = "100000"  # seconds: a backlog is decided too, so that the figure includes every decision


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    backlog, control, cost = _backlogs(bed, runs, say, {})
    rate = min(backlog) * 0.9
    sustained = _sustained(bed, runs, 60, rate, say, {})
    trees = _lightgbm(bed)
    backlog_trees, _, _ = _backlogs(bed, 1, say, {"ranker": str(trees)}, control=False)
    sustained_trees = _sustained(bed, runs, 20, backlog_trees[0] * 0.9, say, {"ranker": str(trees)})
    load = f"1 worker, {runs} runs, open loop, all on the same cores"
    return [
        figure("stream.events_per_second", sustained, "events/s", load=load + ", 60 s each", at_least=5000),
        figure("stream.events_per_second_lightgbm", sustained_trees, "events/s", load=load + ", 20 s each"),
        figure("stream.backlog_events_per_second", backlog, "events/s", load=f"{BACKLOG}, all decided"),
        figure("stream.cpu_us_per_event", cost, "µs", load="worker, catching up, all decided"),
        figure(
            "stream.control_ratio", [a / b for a, b in zip(backlog, control, strict=True)], "ratio",
            load="backlog rate / bare aiokafka with an empty body on the same log",
        ),
    ]  # fmt: skip


def measure_backlog(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Catching up alone, without the search for a rate that is kept up: a tenth of the time of `measure`."""
    backlog, _, cost = _backlogs(bed, runs, say, {}, control=False)
    return [
        figure("stream.backlog_events_per_second", backlog, "events/s", load=f"{BACKLOG}, all decided"),
        figure("stream.cpu_us_per_event", cost, "µs", load="worker, catching up, all decided"),
    ]


def _backlogs(
    bed: Bed, runs: int, say: Callable[[str], None], settings: dict[str, str], *, control: bool = True
) -> tuple[list[float], list[float], list[float]]:
    rates, bare, cost = [], [], []
    for run in range(runs):
        with bed.stack(decide_within_s=DECIDE_ALL, **settings) as stack:
            out = stack.folder / "sent.npz"
            finish(generate(stack, out, count=BACKLOG, rate=0, seed=run + 1))
            if control:
                bare.append(_bare_rate(stack))
            rate, us = _catch_up(stack)
            rates.append(rate)
            cost.append(us)
            say(f"backlog run {run + 1}: {rate:,.0f} events/s, {us:.0f} µs CPU/event")
    return rates, bare, cost


def _bare_rate(stack: Stack) -> float:
    out = stack.folder / "bare.npz"
    finish(bare_consumer(stack, out, "--from-start", "--until", str(BACKLOG)))
    read = np.load(out)  # from before the first read: one answer may hold most of the log
    return float(len(read["at"]) / (read["at"][-1] - read["begun"]))


def _catch_up(stack: Stack) -> tuple[float, float]:
    """Events/s between the first tenth and the end, so that booting is not counted, and CPU per event."""
    gauge = Gauge(stack)
    worker = stack.start("worker")
    end = gauge.ends()
    try:
        while gauge.done() < end * 0.1:
            assert worker.alive, worker.log()
            time.sleep(0.01)
        first, started, cpu = gauge.done(), time.monotonic(), cpu_seconds(worker)
        gauge.wait_drained(240)
        spent = time.monotonic() - started
        return (end - first) / spent, (cpu_seconds(worker) - cpu) / (end - first) * 1e6
    finally:
        worker.terminate()
        gauge.close()


def _sustained(
    bed: Bed, runs: int, seconds: int, rate: float, say: Callable[[str], None], settings: dict[str, str]
) -> list[float]:
    """The highest tried rate, per run, at which lag does not grow over `seconds`."""
    rates = []
    with bed.stack(**settings) as stack:
        worker = stack.start("worker").wait_ready()
        for run in range(runs):
            while not _keeps_up(stack, rate, seconds, run, say):
                assert worker.alive, worker.log()
                rate *= 0.9
            rates.append(rate)
        worker.terminate()
    return rates


def _keeps_up(stack: Stack, rate: float, seconds: int, run: int, say: Callable[[str], None]) -> bool:
    gauge = Gauge(stack)
    try:
        generator = generate(stack, stack.folder / "sent.npz", rate=rate, seconds=seconds, seed=run + 100)
        lags = _sample_lag(gauge, generator)
        gauge.wait_drained(120)
    finally:
        gauge.close()
    early, late = np.mean(lags[5:15]), np.mean(lags[-10:])
    good = bool(late <= early + 0.25 * rate and late <= rate)
    verdict = "kept up" if good else "fell behind"
    say(f"{rate:,.0f} events/s for {seconds} s: lag {early:,.0f} → {late:,.0f} records, {verdict}")
    return good


def _sample_lag(gauge: Gauge, generator: subprocess.Popen[bytes]) -> list[int]:
    """Lag each second while the generator sends."""
    start, lags = gauge.ends(), []
    while generator.poll() is None and gauge.ends() == start:
        time.sleep(0.05)
    while generator.poll() is None:
        lags.append(gauge.lag())
        time.sleep(1)
    assert generator.returncode == 0
    return lags


def _lightgbm(bed: Bed) -> Path:
    folder = bed.folder / "lightgbm"
    if not folder.exists():
        Stack(bed.folder, "train", bed.kafka, bed.redis).run(
            "train", "--kind", "lightgbm", "--out", str(folder), within_s=900
        )
    return folder
