"""One supervised process: started, restarted when it ends or hangs, and stopped.

Each child has a session, a log and a status file of its own, and dies with the supervisor.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from streams.local.processes import Popen, await_end, last_log_message, signal_session, spawn, terminate
from streams.local.up_status import ChildStatus
from streams.runtime.telemetry.logs import LogOnce
from streams.runtime.telemetry.status_file import ProcessStatus, read_status

STOP_WITHIN_S = 20.0
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STABLE_RUN_S = 60.0
"""After a run longer than this the backoff starts again at FIRST_WAIT_S."""
STABLE_REQUESTED_RUN_S = 5.0
"""The same for a run that ended on request; shorter, but a child that ends at once still backs off."""
REQUESTED_EXITS = (0, -signal.SIGTERM, -signal.SIGINT)
"""Exit codes of a child that somebody asked to end."""
SILENT_S = 10.0
"""Without a heartbeat for so long a child counts as hanging: a loop may be busy for seconds."""
HANGS = f"no sign of life for {SILENT_S:.0f} s"
KILL_AFTER_S = 30.0
"""A child without a heartbeat for so long is killed and restarted."""

Notify = Callable[[str], None]
"""Takes one line for a person: what ended, hangs, or hangs no longer."""


class RestartBackoff:
    """Decides when a process that ended may start again: exponential backoff, reset by a stable run.

    All moments are seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._wait_s = FIRST_WAIT_S
        self._started_at = self._due_at = 0.0

    def is_due(self, now: float) -> bool:
        """Whether the process may start at `now`."""
        return now >= self._due_at

    def note_start(self, now: float) -> None:
        """Note that the process started at `now`."""
        self._started_at = now

    def note_end(self, now: float, *, requested: bool = False) -> float:
        """Note that the process ended at `now`; returns the seconds to wait before the next start.

        `requested` says that somebody asked it to end, so that a shorter run counts as stable.
        """
        stable_s = STABLE_REQUESTED_RUN_S if requested else STABLE_RUN_S
        wait_s = FIRST_WAIT_S if now - self._started_at > stable_s else self._wait_s
        self._due_at, self._wait_s = now + wait_s, min(wait_s * 2, LONGEST_WAIT_S)
        self.restarts += 1
        return wait_s

    def note_restart(self) -> None:
        """Note that the process was ended to be started again at once."""
        self._due_at = float("-inf")
        self.restarts += 1


class HeartbeatMonitor:
    """Measures how long a process gave no heartbeat.

    One observation adds at most OBSERVATION_MAX_S, so that an observer which was itself stopped, starved or
    asleep does not take the process for a hanging one.
    """

    OBSERVATION_MAX_S = 1.0

    def __init__(self) -> None:
        self.silent_s = 0.0
        self._observed_at: float | None = None

    def observe(self, now: float, *, heartbeat: bool) -> float:
        """Note whether there was a heartbeat since the last call; returns the seconds without one."""
        since_s = 0.0 if self._observed_at is None else now - self._observed_at
        self._observed_at = now
        self.silent_s = 0.0 if heartbeat else self.silent_s + min(since_s, self.OBSERVATION_MAX_S)
        return self.silent_s


class Job(Struct, frozen=True, kw_only=True):
    """A process to keep running. It writes the status file named by ETALAGE_STATUS, and touches it.

    Attributes:
        name: Names the log and the status file.
        argv: Program and arguments.
        env: Added to the environment of the supervisor.
        keep: File descriptors that it inherits.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    keep: Sequence[int] = ()


class Child:
    """A job and the process that runs it now, if any."""

    def __init__(self, job: Job, folder: Path, notify: Notify) -> None:
        self.job, self._notify = job, notify
        self.log = folder / f"{job.name}.log"
        self.status_path = folder / f"{job.name}.json"
        self._backoff = RestartBackoff()
        self._process: Popen | None = None
        self._heartbeat, self._hang_reported = HeartbeatMonitor(), LogOnce()
        self._touched_ns = 0
        self._restarting_since: float | None = None

    @property
    def restarting(self) -> bool:
        """Whether the process that `restart` has told to end still runs."""
        return self._restarting_since is not None

    def restart(self, now: float) -> None:
        """Have the process end, and `tick` start it again at once; one that has ended is due anyway.

        Args:
            now: Seconds of a monotonic clock, as for `tick`, which kills it STOP_WITHIN_S later.
        """
        if self._process is not None:
            self._restarting_since = now
            self.terminate()

    def tick(self, now: float) -> None:
        """Start the process when it is due; report that it ended or hangs; kill it when it hangs too long.

        Args:
            now: Seconds of a monotonic clock.

        Raises:
            OSError: The process could not be started, or its status file not removed; the next tick retries.
        """
        if self._process is not None and self._process.poll() is not None:
            self._handle_exit(self._process.returncode, now)
        elif self._process is not None and now > (self._restarting_since or now) + STOP_WITHIN_S:
            signal_session(self._process, signal.SIGKILL)
        if self._process is None and self._backoff.is_due(now):
            self.status_path.unlink(missing_ok=True)
            env = {**self.job.env, "ETALAGE_STATUS": str(self.status_path)}
            self._process = spawn(self.job.argv, log=self.log, env=env, keep=self.job.keep)
            self._backoff.note_start(now)
            self._heartbeat, self._hang_reported = HeartbeatMonitor(), LogOnce()
        self._check_heartbeat(now)

    def status(self) -> ChildStatus:
        """Return the status as of now, for status.json."""
        status = self._read_status()
        running = self._process is not None and self._process.poll() is None
        hangs = running and self._heartbeat.silent_s > SILENT_S
        ready = running and not hangs and status is not None and status.ready
        return ChildStatus(
            pid=self._process.pid if self._process and running else None,
            log=str(self.log),
            restarts=self._backoff.restarts,
            ready=ready,
            reason=HANGS if hangs else status.reason if status and running else None,
            status=str(self.status_path),
            address=status.address if status else None,
            probe=status.probe if status else None,
        )

    def terminate(self) -> None:
        """Send TERM without waiting."""
        if self._process is not None:
            terminate(self._process)

    def await_end(self, within_s: float) -> None:
        """After `terminate`: wait at most `within_s` seconds, then KILL whatever is left of its session."""
        if self._process is not None:
            await_end(self._process, within_s=within_s)
            self._process = None

    def _check_heartbeat(self, now: float) -> None:
        silent_s = self._heartbeat.observe(now, heartbeat=self._gave_heartbeat())
        if self._process is None:
            return
        if silent_s > SILENT_S and self._hang_reported.begins():
            self._notify(
                f"{self.job.name} gives no sign of life for {SILENT_S:.0f} s; "
                f"after {KILL_AFTER_S:.0f} s it is killed and started again"
            )
        elif silent_s == 0 and self._hang_reported.ends():
            self._notify(f"{self.job.name} gives signs of life again")
        if silent_s > KILL_AFTER_S:
            signal_session(self._process, signal.SIGKILL)

    def _gave_heartbeat(self) -> bool:
        """Whether the status file was touched since the last call.

        Also true while there is no status file, and when its times cannot be set (a full or read-only disk):
        then no child could give a heartbeat.
        """
        try:
            stat = self.status_path.stat()
            if stat.st_mtime_ns == self._touched_ns:
                os.utime(self.status_path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
                return False
        except OSError:
            return True
        self._touched_ns = stat.st_mtime_ns
        return True

    def _read_status(self) -> ProcessStatus | None:
        try:
            return read_status(self.status_path)
        except msgspec.MsgspecError:
            return None

    def _handle_exit(self, code: int, now: float) -> None:
        if self.restarting:
            self._process = self._restarting_since = None
            self._backoff.note_restart()
            return
        self._process, wait_s = None, self._backoff.note_end(now, requested=code in REQUESTED_EXITS)
        # A killed process logs nothing more: its last line may be old and does not name the cause.
        last = f"; its last words: {last_log_message(self.log)}" if code >= 0 else ""
        self._notify(f"{self.job.name} ended with {code}, again in {wait_s:.1f} s (log: {self.log}){last}")
