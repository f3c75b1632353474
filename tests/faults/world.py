"""A small world to break: Kafka, Redis, workers, and the ways to hurt them."""

from __future__ import annotations

import random
import shutil
import signal
import threading
import time
from pathlib import Path

from streams.local.servers.kafka import LocalKafka
from streams.local.servers.redis import LocalRedis
from tests.faults.versions import VersionWatch
from tests.stack import Running, Stack

PARTITIONS = 8
SESSION_S = 4
SETTINGS = {
    "session_timeout_s": str(SESSION_S),
    "heartbeat_s": "0.5",
    "commit_interval_s": "0.3",
    "drain_s": "5",
    "stall_exit_s": "20",
}
WORKERS_MIN, WORKERS_MAX = 2, 3
MUTANT_WORKER = "tests.faults.mutant_worker"


class World:
    """Every fault is a method; `history` keeps what was done and when."""

    def __init__(self, folder: Path, namespace: str, seed: int, *, mutant: str | None = None) -> None:
        self.folder, self.mutant = folder, mutant
        self.rng = random.Random(seed)
        self.kafka = LocalKafka(folder / "kafka")
        self.redis = LocalRedis(folder / "redis")
        self.kafka.start()
        self.redis.start()
        self.stack = Stack(folder, namespace, self.kafka.address, self.redis.address, settings=SETTINGS)
        self.watch: VersionWatch | None = None
        self.history: list[str] = []
        self.kills = 0
        self._began = time.monotonic()
        self._snapshot = folder / "snapshot"
        self._wakers: list[threading.Timer] = []
        self._expected_exits: set[int] = set()
        self._instances: dict[int, str] = {}

    def note(self, text: str) -> None:
        self.history.append(f"{time.monotonic() - self._began:7.2f} s  {text}")

    def workers(self) -> list[Running]:
        return list(self.stack.live("worker"))

    def open(self) -> None:
        """Topics, then two workers that are ready."""
        self.stack.run("topics", "create", "--partitions", str(PARTITIONS))
        for _ in range(WORKERS_MIN):
            self.add_worker()
        for worker in self.workers():
            worker.wait_ready(90)

    def tend(self) -> None:
        """What a supervisor does: replace the workers that left by themselves (a halt is no fault)."""
        for running in self.stack.running:
            if not running.alive and running.pid not in self._expected_exits:
                self._expected_exits.add(running.pid)
                self.note(f"{running.name} had left with {running.popen.returncode}")
        while len(self.workers()) < WORKERS_MIN:
            self.add_worker()

    def add_worker(self, instance: str | None = None) -> Running:
        """Start one more, as a member of its own or as the `instance` that one had which died."""
        instance = instance or f"instance-{len(self.stack.running)}"
        if self.mutant is None:
            worker = self.stack.start("worker", instance_id=instance)
        else:
            worker = self.stack.start(
                "worker", module=MUTANT_WORKER, test_mutant=self.mutant, instance_id=instance
            )
        self._instances[worker.pid] = instance
        self.note(f"{worker.name} joins as {instance}")
        return worker

    def _someone(self) -> Running:
        """One that works, if any does: killing what still boots would prove little."""
        workers = self.workers()
        return self.rng.choice([worker for worker in workers if worker.ready()] or workers)

    def kill_worker(self) -> None:
        worker = self._someone()
        self._expected_exits.add(worker.pid)
        self.note(f"{worker.name} SIGKILL")
        worker.kill()
        self.kills += 1
        self.add_worker(self._instances[worker.pid])

    def join(self) -> None:
        if len(self.workers()) < WORKERS_MAX:
            self.add_worker()

    def leave(self) -> None:
        """SIGTERM; it must go in time and with exit code 0."""
        worker = self._someone()
        self._expected_exits.add(worker.pid)
        self.note(f"{worker.name} SIGTERM")
        if len(self.workers()) <= WORKERS_MIN:
            self.add_worker()
        code = worker.terminate(25)
        self.note(f"{worker.name} left with {code}")
        assert code in (0, -signal.SIGTERM), f"{worker.name} left with {code}: {worker.log()}"

    def zombie(self) -> None:
        """Stop one until its partitions must have moved, then let it wake among the living."""
        worker = self._someone()
        self.note(f"{worker.name} SIGSTOP")
        worker.send(signal.SIGSTOP)
        if len(self.workers()) <= WORKERS_MIN:
            self.add_worker()
        waker = threading.Timer(SESSION_S + 3, self._wake, [worker])
        waker.start()
        self._wakers.append(waker)

    def _wake(self, worker: Running) -> None:
        self.note(f"{worker.name} SIGCONT")
        worker.send(signal.SIGCONT)

    def take_snapshot(self) -> None:
        self.note("snapshot of Redis")
        shutil.rmtree(self._snapshot, ignore_errors=True)
        self.redis.copy_data(self._snapshot)

    def kill_redis(self) -> None:
        self._redis_dies("Redis SIGKILL, restart", lambda: None)

    def restore_redis(self) -> None:
        """Kill it and bring it back as it was when the snapshot was taken."""
        self._redis_dies("Redis restored to the snapshot", lambda: self.redis.restore_data(self._snapshot))

    def flush_redis(self) -> None:
        """Bring it back empty, but for the meta that `topics create` writes again."""
        self._redis_dies("Redis restarted empty", lambda: shutil.rmtree(self.redis.data))
        self.stack.run("topics", "create", "--partitions", str(PARTITIONS))

    def _redis_dies(self, text: str, between: object) -> None:
        assert callable(between)
        if self.watch is None:
            self._restart_redis(text, between)
            return
        with self.watch.pause():
            self._restart_redis(text, between)
            self.watch.new_life()

    def _restart_redis(self, text: str, between: object) -> None:
        assert callable(between)
        self.note(text)
        self.redis.kill()
        between()
        self.redis.start()

    def restart_kafka(self) -> None:
        self.note("Kafka SIGKILL, restart")
        self.kafka.kill()
        self.kafka.start()
        self.note("Kafka is back")

    def close(self) -> None:
        for waker in self._wakers:
            waker.cancel()
        if self.watch is not None:
            self.watch.close()
        self.stack.close()
        self.redis.stop()
        self.kafka.stop()
