"""Starts and stops the careless twin beside a stack: the same Kafka, Redis, topic and catalogue."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from schemas.topics import EVENTS
from streams.runtime.ports import HOST, free_port, listens
from tests.load.bed import open_redis
from tests.stack import Stack, poll_until


@dataclass
class TwinWorker:
    """A running worker of the twin and what it tells in Redis."""

    process: subprocess.Popen[bytes]
    prefix: str
    redis: Any

    @property
    def channel(self) -> str:
        return f"{self.prefix}:notices"

    def done(self) -> int:
        """Events applied since its start."""
        return int(self.redis.get(f"{self.prefix}:done") or 0)


@contextmanager
def twin_worker(stack: Stack, *, from_start: bool = False, ranking: bool = True) -> Iterator[TwinWorker]:
    """A worker that has its partitions; each start is a group and a prefix of its own."""
    redis = open_redis(stack.redis)
    prefix = f"twin-{stack.namespace}-{redis.incr('twins')}"
    flags = ["--from-start"] * from_start + ["--no-rank"] * (not ranking)
    process = _start(stack, "worker", prefix, *flags, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == b"ready", "the twin's worker did not start"
        yield TwinWorker(process, prefix, redis)
    finally:
        _stop(process)
        process.stdout.close()
        for key in redis.scan_iter(match=f"{prefix}:*", count=5000):
            redis.unlink(key)


@contextmanager
def twin_gateway(stack: Stack, prefix: str = "twin") -> Iterator[str]:
    """The address of its HTTP side, which reads the counters that a worker keeps under `prefix`."""
    port = free_port()
    process = _start(stack, "gateway", prefix, "--port", str(port))
    try:
        poll_until(
            lambda: process.poll() is not None or listens(port), within_s=30, what="the twin's gateway"
        )
        assert process.poll() is None, "the twin's gateway did not start"
        yield f"{HOST}:{port}"
    finally:
        _stop(process)


def _start(stack: Stack, what: str, prefix: str, *flags: str, stdout: Any = None) -> subprocess.Popen[bytes]:
    options = {
        "kafka": stack.kafka, "redis": stack.redis, "topic": EVENTS.full_name(stack.namespace),
        "items": str(stack.folder / "items.ndjson"), "prefix": prefix,
    }  # fmt: skip
    given = [text for name, value in options.items() for text in (f"--{name}", value)]
    command = [sys.executable, "-m", "tests.load.careless_twin", what, *given, *flags]
    return subprocess.Popen(command, stdout=stdout)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)
