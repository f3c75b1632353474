"""Runs one process of each kind, brings back those that end, and stops all of them in order.

Each child has its own session, writes its own log and status file, and dies with us. What stands where is
told in `status.json`, replaced in one step whenever it changes.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from streams.local.processes import Popen, kill, last_words, signal_session, spawn
from streams.local.processes import stop as stop_child
from streams.runtime.telemetry.logs import LogOnce
from streams.runtime.telemetry.status_file import Status, read_status

STOP_WITHIN_S = 20.0
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STEADY_S = 60.0
"""A child that lived so long has earned the first, short wait again."""
SETTLED_S = 5.0
"""One that was asked to end has earned it sooner; one that ends at once, however politely, has not."""
ASKED = (0, -signal.SIGTERM, -signal.SIGINT)
SILENT_S = 10.0
"""Without a sign of life for so long it counts as hanging: a loop may be busy for seconds."""
HANGS = f"no sign of life for {SILENT_S:.0f} s"
HUNG_S = 30.0
"""One that hangs so long is killed, and started again."""

Notice = Callable[[str], None]
"""Is told in one line what ended, hangs, or hangs no longer."""


class HeartbeatMonitor:
    """Seconds without a sign of life, as far as we were awake: one look counts for LOOK_MAX_S at most.

    So a process is not blamed for a time in which whoever looks was itself stopped, starved or asleep.
    """

    LOOK_MAX_S = 1.0

    def __init__(self) -> None:
        self.seconds = 0.0
        self._looked_at: float | None = None

    def look(self, now: float, *, sign: bool) -> float:
        """How long (s) it has been silent, with this look at `now` (monotonic s)."""
        since = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        self.seconds = 0.0 if sign else self.seconds + min(since, self.LOOK_MAX_S)
        return self.seconds


class RestartBackoff:
    """When what ended may start again: soon, and ever later while it does not last."""

    def __init__(self) -> None:
        self.restarts = 0
        self._wait_s = FIRST_WAIT_S
        self._started_at = self._due_at = 0.0

    def due(self, now: float) -> bool:
        return now >= self._due_at

    def started(self, now: float) -> None:
        self._started_at = now

    def ended(self, now: float, *, asked: bool = False) -> float:
        """How long to wait now; `asked` when somebody wanted it to end."""
        enough_s = SETTLED_S if asked else STEADY_S
        wait_s = FIRST_WAIT_S if now - self._started_at > enough_s else self._wait_s
        self._due_at, self._wait_s = now + wait_s, min(wait_s * 2, LONGEST_WAIT_S)
        self.restarts += 1
        return wait_s


class Job(Struct, frozen=True, kw_only=True):
    """One process to keep running; it writes a status file, and touches it while it lives."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]


class ChildStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One child as told in status.json."""

    pid: int | None
    log: str
    restarts: int
    ready: bool
    reason: str | None = None
    status: str | None = None
    address: str | None = None
    probe: str | None = None


class ServerStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One server as told in status.json."""

    pid: int | None
    address: str
    log: str
    restarts: int
    ready: bool
    reason: str | None = None


class UpStatus(Struct, frozen=True, kw_only=True):
    """status.json: who supervises, where the servers and processes are."""

    pid: int
    namespace: str
    partitions: int
    kafka: str
    redis: str
    url: str | None
    ready: bool
    data: str
    servers: Mapping[str, ServerStatus]
    children: Mapping[str, ChildStatus]


class Child:
    """One job with the process that does it now."""

    def __init__(self, job: Job, folder: Path, notice: Notice) -> None:
        self.job, self._notice = job, notice
        self.log = folder / f"{job.name}.log"
        self.status_path = folder / f"{job.name}.json"
        self._turns = RestartBackoff()
        self._process: Popen | None = None
        self._silence, self._sign, self._told = HeartbeatMonitor(), 0, LogOnce()

    def tend(self, now: float) -> None:
        """Start it when it is due; notice that it ended or hangs, and say so in one line."""
        if self._process is not None and self._process.poll() is not None:
            self._lost(self._process.returncode, now)
        if self._process is None and self._turns.due(now):
            self.status_path.unlink(missing_ok=True)
            env = {**self.job.env, "ETALAGE_STATUS": str(self.status_path)}
            self._process = spawn(self.job.argv, log=self.log, env=env)
            self._turns.started(now)
            self._silence, self._told = HeartbeatMonitor(), LogOnce()
        self._listen(now)

    def status(self) -> ChildStatus:
        """As it is now."""
        said = self._said()
        running = self._process is not None and self._process.poll() is None
        hangs = running and self._silence.seconds > SILENT_S
        ready = running and not hangs and said is not None and said.ready
        return ChildStatus(
            pid=self._process.pid if self._process and running else None,
            log=str(self.log),
            restarts=self._turns.restarts,
            ready=ready,
            reason=HANGS if hangs else said.reason if said and running else None,
            status=str(self.status_path),
            address=said.address if said else None,
            probe=said.probe if said else None,
        )

    def ask_to_stop(self) -> None:
        """TERM, without waiting."""
        if self._process is not None:
            stop_softly(self._process)

    def stop(self, within_s: float) -> None:
        """Wait for it to go, then KILL."""
        if self._process is not None:
            stop_child(self._process, within_s=within_s)
            kill(self._process)  # whatever it left in its session
            self._process = None

    def _listen(self, now: float) -> None:
        """Its status file is touched while it lives; one that never wrote it cannot fall silent."""
        silent_s = self._silence.look(now, sign=self._signs())
        if self._process is None:
            return
        if silent_s > SILENT_S and self._told.begins():
            self._notice(
                f"{self.job.name} gives no sign of life for {SILENT_S:.0f} s; "
                f"after {HUNG_S:.0f} s it is killed and started again"
            )
        elif silent_s == 0 and self._told.ends():
            self._notice(f"{self.job.name} gives signs of life again")
        if silent_s > HUNG_S:
            signal_session(self._process, signal.SIGKILL)

    def _signs(self) -> bool:
        """Whether there is a new sign; on a disk where nobody could give one, silence tells nothing."""
        try:
            sign = self.status_path.stat()
            if sign.st_mtime_ns == self._sign:
                os.utime(self.status_path, ns=(sign.st_atime_ns, sign.st_mtime_ns))
                return False
        except OSError:
            return True
        self._sign = sign.st_mtime_ns
        return True

    def _said(self) -> Status | None:
        try:
            return read_status(self.status_path)
        except msgspec.MsgspecError:
            return None

    def _lost(self, code: int, now: float) -> None:
        self._process, wait_s = None, self._turns.ended(now, asked=code in ASKED)
        # Who is killed has no time for words: the log's last line may be of long ago, and tells no cause.
        said = f"; its last words: {last_words(self.log)}" if code >= 0 else ""
        self._notice(f"{self.job.name} ended with {code}, again in {wait_s:.1f} s (log: {self.log}){said}")


class Supervisor:
    """All children; `tend` has to be called a few times a second."""

    def __init__(self, jobs: Sequence[Job], folder: Path, notice: Notice) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._children = [Child(job, folder, notice) for job in jobs]

    def tend(self) -> None:
        """Start what is due; OSError when one of them could not be tended, after all others were."""
        now = time.monotonic()
        failed: OSError | None = None
        for child in self._children:
            try:
                child.tend(now)
            except OSError as exc:
                failed = exc
        if failed is not None:
            raise failed

    def statuses(self) -> dict[str, ChildStatus]:
        """Every child as it is now."""
        return {child.job.name: child.status() for child in self._children}

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """TERM to all at once, one common deadline, KILL for those who stay."""
        for child in self._children:
            child.ask_to_stop()
        deadline = time.monotonic() + within_s
        for child in self._children:
            child.stop(max(0.1, deadline - time.monotonic()))


def stop_softly(process: Popen) -> None:
    """TERM to a running process, woken if it stands still."""
    if process.poll() is None:
        signal_session(process, signal.SIGTERM)
        signal_session(process, signal.SIGCONT)


def write_up_status(path: Path, status: UpStatus) -> None:
    """Replace status.json in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(status)))
    draft.replace(path)
