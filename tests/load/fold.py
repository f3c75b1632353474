"""What folding costs: µs of CPU an event from the record's bytes to the packed state; the size of states.

    python -m tests.load.fold [--visitors 500] [--events 24]

Closed loop in one process, no I/O: a bound for `rebuild.events_per_second`, not a throughput. Records come in
chunks of 64 as to a worker: decoded, checked against their keys, folded in order, each touched state packed.
Unpacking, paid once for a visitor who is not cached, is told apart. The control does what the careless twin
does with the same bytes.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median
from time import process_time
from types import SimpleNamespace
from typing import Any

import orjson

from schemas.ids import VisitorId
from streams.demo.catalogue import OPENED, demo_items
from streams.workers.personalize.decoding import EventsTopic, decode_chunk
from tests.load.bed import ITEMS
from tests.load.careless_twin import counts_of
from tests.load.figures import Figure, figure
from tests.load.states import NEW, fold_record, from_bytes, to_bytes
from tests.load.traffic import browsing_events

CHUNK = 64
ROUNDS = 5
VISITORS, EVENTS = 500, 24
TOPIC = EventsTopic("bench.events.v1", 1, 7)


def measure(runs: int, say: Callable[[str], None]) -> list[Figure]:
    """`fold.*`: ours and the twin's in turn."""
    records = records_of(VISITORS, EVENTS)
    folds, unpacks, twins = [], [], []
    for _ in range(runs):
        states = fold_all(records)
        packed = [to_bytes(state) for state in states.values()] * EVENTS
        folds.append(best_us(lambda: fold_all(records), len(records)))
        unpacks.append(best_us(lambda p=packed: [from_bytes(one) for one in p], len(packed)))  # type: ignore[misc]
        twins.append(best_us(lambda: count_all(records), len(records)))
        say(f"{folds[-1]:.1f} µs an event, unpacking {unpacks[-1]:.1f}, the twin {twins[-1]:.1f}")
    load = f"best of {ROUNDS} rounds, {VISITORS} visitors with {EVENTS} events each, one process, {runs} runs"
    return [
        figure("fold.cpu_us", folds, "µs", load="decode, key check, fold, pack; chunks of 64, " + load),
        figure("fold.unpack_cpu_us", unpacks, "µs", load="a state that was not cached, " + load),
        figure("fold.twin_cpu_us", twins, "µs", load="the twin: decode and count, " + load),
    ]


def records_of(visitors: int, events: int) -> list[Any]:
    """The benchmarks' traffic as aiokafka gives records, two seconds apart."""
    shop = demo_items(ITEMS, at=datetime.now(UTC))
    prepared = browsing_events(shop, visitors=visitors, count=visitors * events, seed=20)
    stamp, at = OPENED.isoformat().encode(), int(OPENED.timestamp() * 1000)
    return [
        SimpleNamespace(
            key=one.key, value=one.value(stamp), offset=n, timestamp=at + n * 2000, partition=0, headers=()
        )
        for n, one in enumerate(prepared)
    ]  # fmt: skip


def fold_all(records: Sequence[Any]) -> dict[VisitorId, Any]:
    """The states after all records; every state that a chunk touched was packed."""
    states: dict[VisitorId, Any] = {}
    for start in range(0, len(records), CHUNK):
        decoded = decode_chunk(TOPIC, 0, records[start : start + CHUNK])
        for visitor, entries in decoded.by_visitor.items():
            state = states.get(visitor, NEW)
            for entry in entries:
                state = fold_record(state, entry)
            states[visitor] = state
            to_bytes(state)
    return states


def count_all(records: Sequence[Any]) -> dict[bytes, dict[str, float]]:
    """The twin's counters after all records."""
    visitors: dict[bytes, dict[str, float]] = {}
    for record in records:
        counters = visitors.setdefault(record.key, {})
        for name, amount in counts_of(orjson.loads(record.value)):
            counters[name] = counters.get(name, 0) + amount
    return visitors


def best_us(work: Callable[[], object], count: int) -> float:
    """µs of CPU for each of `count`, in the best round."""
    times = []
    for _ in range(ROUNDS):
        since = process_time()
        work()
        times.append(process_time() - since)
    return min(times) / count * 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--visitors", type=int, default=VISITORS)
    options.add_argument("--events", type=int, default=EVENTS)
    arguments = options.parse_args()
    records = records_of(arguments.visitors, arguments.events)
    gc.collect()
    gc.freeze()
    packed = [to_bytes(state) for state in fold_all(records).values()]
    sizes = sorted(map(len, packed))
    for name, us in (
        ("decode, check, fold, pack", best_us(lambda: fold_all(records), len(records))),
        ("unpack", best_us(lambda: [from_bytes(one) for one in packed], len(packed))),
        ("the twin: decode, count", best_us(lambda: count_all(records), len(records))),
    ):
        show(f"{name:28} {us:6.2f} µs")
    show(f"packed: median {median(sizes)} B, max {sizes[-1]} B ({arguments.events} events a visitor)")


def show(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
