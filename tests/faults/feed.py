"""The producer of a fault run: a thread that sends at a steady rate whatever happens to the broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Producer

from tests.faults.hostile import Sent


class Feed:
    """Sends every record; `unsent` counts those the broker never confirmed."""

    def __init__(self, kafka: str, topic: str, records: Sequence[Sent], *, rate: float) -> None:
        self.topic, self.records, self.rate = topic, records, rate
        self.confirmed = 0
        self.failures: list[str] = []
        self._producer = Producer({
            "bootstrap.servers": kafka, "partitioner": "murmur2_random", "linger.ms": 2,
            "acks": "all", "message.timeout.ms": 120_000, "reconnect.backoff.max.ms": 500,
        })  # fmt: skip
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def join(self, within_s: float) -> None:
        self._thread.join(within_s)
        assert not self.running, f"only {self.confirmed} of {len(self.records)} records confirmed"
        assert not self.failures, self.failures[:3]

    def _run(self) -> None:
        start = time.monotonic()
        for n, record in enumerate(self.records):
            wait = start + n / self.rate - time.monotonic()
            if wait > 0:
                self._producer.poll(wait)
            self._send(record)
        self._producer.flush(120)

    def _send(self, record: Sent) -> None:
        place: dict[str, Any] = {} if record.partition is None else {"partition": record.partition}
        while True:
            try:
                self._producer.produce(
                    self.topic, record.value, record.key, on_delivery=self._delivered, **place
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: Any, _message: Any) -> None:
        if error is None:
            self.confirmed += 1
        else:
            self.failures.append(str(error))
