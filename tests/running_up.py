"""`etalage up` as a process of its own, for tests and benchmarks, and what its status file says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from streams.runtime.ports import wait_until

READY_WITHIN_S = 200.0
END_WITHIN_S = 60.0


class Up:
    """A running `etalage up` with the data folder `folder`; `settings` are its only ETALAGE_ variables."""

    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
        self.folder = folder
        self._errors = folder.with_suffix(".err")
        given = {f"ETALAGE_{name.upper()}": value for name, value in settings.items()}
        words = ["up", "--port", "0", "--data", str(folder), *options]
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli.main", *words],
                env=_bare_environment() | given, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
            )  # fmt: skip

    def status(self) -> dict[str, Any]:
        path = self.folder / "status.json"
        said: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
        return said

    def await_ready(self) -> dict[str, Any]:
        def ready() -> bool:
            assert self.process.poll() is None, self.output()
            status = self.status()  # a killed run leaves its own behind
            return status.get("pid") == self.process.pid and bool(status["ready"])

        assert wait_until(ready, within_s=READY_WITHIN_S, every_s=0.2), self.output()
        return self.status()

    def await_restarted(self, name: str, pid: int) -> None:
        """Until a process other than `pid` runs under that name and is ready."""

        def restarted() -> bool:
            child = self.status()["children"][name]
            return bool(child["ready"]) and child["pid"] != pid

        assert wait_until(restarted, within_s=READY_WITHIN_S), self.output()

    def pid_of(self, name: str) -> int:
        return int(self.status()["children"][name]["pid"])

    @property
    def address(self) -> str:
        """`host:port` of the shop."""
        return str(self.status()["url"]).removeprefix("http://").rstrip("/")

    def output(self) -> str:
        return self._errors.read_text(errors="replace")

    def pids(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.process.pid).children(recursive=True)}

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(END_WITHIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGTERM if exc is None else signal.SIGKILL)


def command(*words: str, within_s: float = 60, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command of ours with `settings` as its only ETALAGE_ variables."""
    given = {f"ETALAGE_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "streams.cli.main", *words],
        env=_bare_environment() | given, capture_output=True, text=True, timeout=within_s, check=False,
    )  # fmt: skip


def _bare_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
