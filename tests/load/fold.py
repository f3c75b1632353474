"""Median cost of one event through decode, fold, pack and unpack, and the size of packed states.

    python -m tests.load.fold [--visitors 500] [--events 40]

Closed loop in one process, no I/O: a bound for `rebuild.events_per_second`, not a throughput.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from random import Random
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from models.visitor.fold import fold
from models.visitor.packing import pack, unpack
from models.visitor.state import EMPTY, EventRecord, VisitorState
from schemas.codec import decode_event
from tests.random_events import START, random_event


def time_calls(call: Callable[[Any], Any], inputs: Iterable[Any], every: int = 200) -> list[float]:
    """Microseconds of one call, taken over batches of `every`."""
    inputs = list(inputs)
    times = []
    for first in range(0, len(inputs) - every + 1, every):
        batch = inputs[first : first + every]
        since = perf_counter()
        for value in batch:
            call(value)
        times.append((perf_counter() - since) / every * 1e6)
    return times


def as_records(raws: list[tuple[str, bytes]]) -> list[tuple[str, EventRecord]]:
    return [
        (visitor, EventRecord(decode_event(raw), 0, offset, START + offset * 2.0, 1))
        for offset, (visitor, raw) in enumerate(raws)
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--visitors", type=int, default=500)
    options.add_argument("--events", type=int, default=40)
    arguments = options.parse_args()
    rng = Random(20)
    names = [f"a:visitor-{number}" for number in range(arguments.visitors)]
    raws = [(name, random_event(rng, name, n)) for n in range(arguments.events) for name in names]
    states: dict[str, VisitorState] = {}

    def fold_one(entry: tuple[str, EventRecord]) -> None:
        visitor, record = entry
        states[visitor] = fold(states.get(visitor, EMPTY), record)

    def decode_fold_pack(entry: tuple[int, tuple[str, bytes]]) -> None:
        offset, (visitor, raw) = entry
        record = EventRecord(decode_event(raw), 0, offset, START + offset * 2.0, 1)
        states[visitor] = state = fold(states.get(visitor, EMPTY), record)
        pack(state)

    rows = {
        "decode": time_calls(lambda entry: decode_event(entry[1]), raws),
        "fold": time_calls(fold_one, as_records(raws)),
        "pack": time_calls(pack, states.values(), 100),
        "unpack": time_calls(unpack, [pack(state) for state in states.values()], 100),
    }
    sizes = sorted(len(pack(state)) for state in states.values())
    states.clear()
    rows["decode+fold+pack"] = time_calls(decode_fold_pack, enumerate(raws))
    for name, times in rows.items():
        show(f"{name:18} median {median(times):6.2f} µs   p90 {quantiles(times, n=10)[-1]:6.2f} µs")
    show(
        f"{'packed':18} median {median(sizes)} B   max {sizes[-1]} B   ({arguments.events} events a visitor)"
    )


def show(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
