"""How many events a worker keeps up with, and how fast it catches up."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np

from tests.load.bed import Bed, Gauge, bare_consumer, cpu_seconds, finish, generate
from tests.load.figures import Figure, figure
from tests.load.twin import twin_worker
from tests.stack import Stack, poll_until

BACKLOG = 80_000
DECIDE_ALL = "100000"  # seconds: a backlog is decided too, so that the figure includes every decision
PROBE_S, TRIAL_S, TREES_S = 20, 60, 20
TRIALS_MAX = 6
"""Of a run; each that fails lowers the rate by a tenth."""
_SEEDS = count(100)
"""A seed once more would be message ids once more, which a worker need not fold or decide."""


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    figures, backlog = _measure_backlog(bed, runs, say)
    sustained = _sustained(bed, runs, TRIAL_S, min(backlog) * 0.9, say, {})
    trees = {"ranker": str(_lightgbm(bed))}
    with _backlog(bed, 1, trees) as stack:
        rate, _ = _catch_up(stack)
    sustained_trees = _sustained(bed, runs, TREES_S, rate * 0.9, say, trees)
    load = f"1 worker, {runs} runs, open loop, all decided, all on the same cores"
    return [
        *figures,
        figure("stream.events_per_second", sustained, "events/s", load=f"{load}, {TRIAL_S} s each"),
        figure(
            "stream.events_per_second_lightgbm", sustained_trees, "events/s", load=f"{load}, {TREES_S} s each"
        ),
    ]


def measure_backlog(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    """Catching up alone, without the search for a rate that is kept up: a quarter of the time."""
    return _measure_backlog(bed, runs, say)[0]


def _measure_backlog(bed: Bed, runs: int, say: Callable[[str], None]) -> tuple[list[Figure], list[float]]:
    rates, cost, twins, shares = [], [], [], []
    for run in range(runs):
        with _backlog(bed, run + 1, {}) as stack:
            bare, twin = _bare_rate(stack), twin_rate(stack)
            rate, us = _catch_up(stack)
        rates.append(rate)
        cost.append(us)
        twins.append(twin)
        shares.append(rate / bare)
        say(f"backlog run {run + 1}: {rate:,.0f} events/s, {us:.0f} µs CPU/event, the twin {twin:,.0f}")
    load = f"{BACKLOG}, all decided, {runs} runs"
    return [
        figure("stream.backlog_events_per_second", rates, "events/s", load=load),
        figure("stream.twin_backlog_events_per_second", twins, "events/s", load="the careless twin, " + load),
        figure("stream.cpu_us_per_event", cost, "µs", load="worker process, catching up with " + load),
        figure(
            "stream.control_ratio", shares, "ratio",
            load="backlog rate / bare aiokafka with an empty body on the same log",
        ),
    ], rates  # fmt: skip


@contextmanager
def _backlog(bed: Bed, seed: int, settings: dict[str, str]) -> Iterator[Stack]:
    """A stack with a log that nobody has read yet."""
    with bed.stack(decide_within_s=DECIDE_ALL, **settings) as stack:
        finish(generate(stack, stack.folder / "sent.npz", count=BACKLOG, rate=0, seed=seed))
        yield stack


def _bare_rate(stack: Stack) -> float:
    out = stack.folder / "bare.npz"
    finish(bare_consumer(stack, out, "--from-start", "--until", str(BACKLOG)))
    read = np.load(out)  # from before the first read: one answer may hold most of the log
    return float(len(read["at"]) / (read["at"][-1] - read["begun"]))


def twin_rate(stack: Stack, *, until: int = BACKLOG, ranking: bool = True) -> float:
    """Events/s of the twin between the first tenth of `until` and its end."""
    with twin_worker(stack, from_start=True, ranking=ranking) as twin:
        poll_until(lambda: twin.done() >= until * 0.1, within_s=60, what="the twin at work", every_s=0.01)
        first, started = twin.done(), time.monotonic()
        poll_until(lambda: twin.done() >= until, within_s=240, what="the twin done", every_s=0.01)
        return (twin.done() - first) / (time.monotonic() - started)


def _catch_up(stack: Stack) -> tuple[float, float]:
    """Events/s between the first tenth and the end, so that booting is not counted, and CPU per event."""
    gauge = Gauge(stack)
    worker = stack.start("worker")
    end = gauge.ends()
    try:
        while gauge.done() < end * 0.1:
            assert worker.alive, worker.log()
            time.sleep(0.01)
        first, started, cpu = gauge.done(), time.monotonic(), cpu_seconds(worker.pid)
        gauge.wait_drained(240)
        spent = time.monotonic() - started
        return (end - first) / spent, (cpu_seconds(worker.pid) - cpu) / (end - first) * 1e6
    finally:
        worker.terminate()
        gauge.close()


def _sustained(
    bed: Bed, runs: int, seconds: int, rate: float, say: Callable[[str], None], settings: dict[str, str]
) -> list[float]:
    """The highest tried rate, per run, at which lag does not grow over `seconds`; short probes come first."""
    rates = []
    with bed.stack(decide_within_s=DECIDE_ALL, **settings) as stack:
        worker = stack.start("worker").wait_ready()
        try:
            rate = _kept_rate(stack, rate, PROBE_S, say)
            for _ in range(runs):
                rate = _kept_rate(stack, rate, seconds, say)
                rates += [rate]
        finally:
            assert worker.alive, worker.log()
        worker.terminate()
    return rates


def _kept_rate(stack: Stack, rate: float, seconds: int, say: Callable[[str], None]) -> float:
    """The first rate that is kept up, each a tenth lower than the one before."""
    for _ in range(TRIALS_MAX):
        if _keeps_up(stack, rate, seconds, say):
            return rate
        rate *= 0.9
    raise AssertionError(f"no rate down to {rate:,.0f} events/s was kept up with")


def _keeps_up(stack: Stack, rate: float, seconds: int, say: Callable[[str], None]) -> bool:
    gauge = Gauge(stack)
    try:
        generator = generate(stack, stack.folder / "sent.npz", rate=rate, seconds=seconds, seed=next(_SEEDS))
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
