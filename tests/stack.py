"""Real processes of ours for tests and benchmarks: start, wait until ready, stop, kill.

A process is `python -m streams.cli.main <kind>` with its settings in the environment and a status file
that it writes when it listens. Everything started here is ended by `Stack.close`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


def poll_until(probe: Callable[[], T | None], *, within_s: float, what: str, every_s: float = 0.05) -> T:
    """Return the first truthy answer of `probe`; AssertionError naming `what` when none came in time."""
    deadline = time.monotonic() + within_s
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:.0f} s: {what}")
        time.sleep(every_s)


@dataclass
class Running:
    """One process of ours, in a session of its own."""

    kind: str
    name: str
    popen: subprocess.Popen[bytes]
    status_path: Path
    log_path: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def status(self) -> dict[str, Any] | None:
        """Return the content of the status file, None while there is none."""
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            status: dict[str, Any] = json.loads(self.status_path.read_text())
            return status
        return None

    def log(self, last_bytes: int = 4000) -> str:
        return self.log_path.read_bytes()[-last_bytes:].decode(errors="replace")

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.popen.wait(10)

    def terminate(self, within_s: float = 25) -> int:
        """Send TERM and wait; returns the exit code, AssertionError when it does not end in time."""
        self.send(signal.SIGTERM)
        try:
            return self.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            tail = self.log()
            self.kill()
            raise AssertionError(f"{self.name} ignored SIGTERM for {within_s} s:\n{tail}") from None

    def ready(self) -> bool:
        """Whether /readyz of this process answers 200."""
        status = self.status()
        probe = status and (status.get("probe") or status.get("address"))
        if not probe:
            return False
        try:
            with urllib.request.urlopen(f"http://{probe}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait_ready(self, within_s: float = 60) -> Self:
        def probe() -> bool:
            assert self.alive, f"{self.name} exited with {self.popen.returncode}:\n{self.log()}"
            return self.ready()

        poll_until(probe, within_s=within_s, what=f"{self.name} ready\n{self.log()}", every_s=0.1)
        return self

    @property
    def address(self) -> str:
        status = self.status()
        assert status, f"{self.name} has no status file yet"
        return str(status.get("address") or status["probe"])

    def metrics(self) -> str:
        status = self.status()
        assert status, f"{self.name} has no status file yet"
        with urllib.request.urlopen(
            f"http://{status.get('probe') or status['address']}/metrics", timeout=5
        ) as answer:
            return str(answer.read().decode())


@dataclass
class Stack:
    """Processes of one namespace against given servers."""

    folder: Path
    namespace: str
    kafka: str
    redis: str
    settings: Mapping[str, str] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)

    def environment(self, **extra: str) -> dict[str, str]:
        """Return the caller's environment with the settings of this stack alone; `extra` wins."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
        ours = {
            "compiled": os.environ.get("ETALAGE_COMPILED", "auto"),
            "kafka": self.kafka,
            "redis": self.redis,
            "namespace": self.namespace,
            "open": "1",
            **self.settings,
            **extra,
        }
        return env | {f"ETALAGE_{name.upper()}": value for name, value in ours.items()}

    def start(self, kind: str, *, module: str = "streams.cli.main", **settings: str) -> Running:
        """Start a process of `kind` (worker, gateway, items); it may still be booting on return."""
        name = f"{kind}-{len(self.running)}"
        status, log = self.folder / f"{name}.json", self.folder / f"{name}.log"
        if kind == "gateway":
            settings.setdefault("port", "0")
        env = self.environment(status=str(status), worker_id=name, **settings)
        with log.open("wb") as out:
            popen = subprocess.Popen(
                [sys.executable, "-m", module, kind],
                env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        running = Running(kind, name, popen, status, log)
        self.running.append(running)
        return running

    def run(self, *arguments: str, within_s: float = 120) -> str:
        """Run one command of ours; returns its standard output, AssertionError with its text on failure."""
        done = self.run_unchecked(*arguments, within_s=within_s)
        assert done.returncode == 0, f"etalage {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def run_unchecked(self, *arguments: str, within_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run one command of ours to its end, whatever its exit code."""
        return subprocess.run(
            [sys.executable, "-m", "streams.cli.main", *arguments],
            env=self.environment(), capture_output=True, text=True, timeout=within_s, check=False,
        )  # fmt: skip

    def live(self, kind: str | None = None) -> Iterator[Running]:
        return (r for r in self.running if r.alive and kind in (None, r.kind))

    def close(self) -> None:
        for running in self.running:
            if running.alive:
                running.send(signal.SIGCONT)
                running.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()
