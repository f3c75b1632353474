"""How much faster two workers catch up than one, on the same log."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.load.bed import PARTITIONS, Bed, Gauge, clear_states, finish, generate
from tests.load.figures import Figure, figure
from tests.load.stream import BACKLOG, DECIDE_ALL
from tests.stack import Stack, poll_until


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    one, ratios = [], []
    for run in range(runs):
        with bed.stack(decide_within_s=DECIDE_ALL) as stack:
            finish(generate(stack, stack.folder / "sent.npz", count=BACKLOG, rate=0, seed=run + 1))
            alone, together = _catch_up(stack, 1), _catch_up(stack, 2)
        one.append(alone)
        ratios.append(together / alone)
        say(f"run {run + 1}: one worker {alone:,.0f} events/s, two {together:,.0f}")
    load = f"catching up with {BACKLOG}, all decided, all on the same cores, {runs} runs"
    return [
        figure("scale.one_worker_events_per_second", one, "events/s", load=load),
        figure("scale.two_workers_ratio", ratios, "ratio", load="two workers / one, in turn, " + load),
    ]


def _catch_up(stack: Stack, count: int) -> float:
    """Events/s from when every worker has its share of the partitions until nothing is left."""
    gauge = Gauge(stack)
    clear_states(gauge.client, stack.namespace)
    workers = [stack.start("worker") for _ in range(count)]
    try:
        poll_until(lambda: _is_shared(gauge, count), within_s=60, what=f"{count} workers with partitions")
        end, first, started = gauge.ends(), gauge.done(), time.monotonic()
        gauge.wait_drained(240)
        return (end - first) / (time.monotonic() - started)
    finally:
        for worker in workers:
            worker.terminate()
        gauge.close()


def _is_shared(gauge: Gauge, count: int) -> bool:
    """Whether the partitions have that many owners, evenly, and the first tenth is applied."""
    owners = [gauge.client.hget(gauge.keys.own(p), "w") for p in range(PARTITIONS)]
    shares = {owner: owners.count(owner) for owner in owners if owner}
    even = len(shares) == count and set(shares.values()) == {PARTITIONS // count}
    return even and gauge.done() >= gauge.ends() * 0.1
