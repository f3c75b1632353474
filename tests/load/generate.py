"""An open-loop generator in its own process: events leave when they are due, whatever comes back.

`python -m tests.load.generate OPTIONS` sends `rate × seconds` events with librdkafka (partitioner of the
Java client, linger 1 ms) and writes an .npz with, per event: partition, offset and the moment it was handed
to the producer (CLOCK_MONOTONIC, seconds). `--rate 0` sends as fast as it can.
"""

from __future__ import annotations

import argparse
import gc
import time
from datetime import UTC, datetime

import numpy as np
from confluent_kafka import Producer

from streams.demo.catalogue import demo_items
from tests.load.traffic import Prepared, browsing_events, now_text


class Ledger:
    """Where each event was stored and when it was sent, by its number."""

    def __init__(self, count: int) -> None:
        self.sent = np.zeros(count)
        self.partition = np.full(count, -1, np.int32)
        self.offset = np.full(count, -1, np.int64)

    def receipt(self, n: int):  # type: ignore[no-untyped-def]  # librdkafka's callback has no types
        def delivered(error, message) -> None:  # type: ignore[no-untyped-def]  # as above
            if error is None:
                self.partition[n], self.offset[n] = message.partition(), message.offset()

        return delivered

    def save(self, path: str) -> None:
        np.savez(path, sent=self.sent, partition=self.partition, offset=self.offset)


def send(producer: Producer, topic: str, events: list[Prepared], *, rate: float, ledger: Ledger) -> None:
    """Send each event at its due time; a late loop catches up, it never skips."""
    start = time.monotonic()
    stamp, stamped = now_text(), start
    for n, event in enumerate(events):
        now = time.monotonic()
        due = start + n / rate if rate else now
        while now < due:
            producer.poll(0)
            time.sleep(min(0.001, max(0.0, due - time.monotonic())))
            now = time.monotonic()
        if now - stamped > 0.005:
            stamp, stamped = now_text(), now
        ledger.sent[n] = now
        _produce(producer, topic, event, stamp, ledger.receipt(n))
    producer.flush(60)


def _produce(producer: Producer, topic: str, event: Prepared, stamp: bytes, receipt) -> None:  # type: ignore[no-untyped-def]  # as above
    while True:
        try:
            producer.produce(topic, event.value(stamp), event.key, on_delivery=receipt)
        except BufferError:
            producer.poll(0.01)
        else:
            producer.poll(0)
            return


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("kafka", "topic", "out"):
        parser.add_argument(f"--{name}", required=True)
    for name, default in (("rate", 1000.0), ("seconds", 20.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    for name, default in (("visitors", 20_000), ("seed", 1), ("count", 0), ("items", 2000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    count = args.count or int(args.rate * args.seconds)
    shop = demo_items(args.items, at=datetime.now(UTC))
    events = browsing_events(shop, visitors=args.visitors, count=count, seed=args.seed)
    producer = Producer({
        "bootstrap.servers": args.kafka, "linger.ms": 1, "partitioner": "murmur2_random", "acks": "all",
        "queue.buffering.max.messages": 500_000,
    })  # fmt: skip
    producer.list_topics(args.topic, timeout=10)
    ledger = Ledger(count)
    gc.disable()
    send(producer, args.topic, events, rate=args.rate, ledger=ledger)
    ledger.save(args.out)


if __name__ == "__main__":
    main()
