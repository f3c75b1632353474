"""Runs one process per job, restarts those that end or hang, and all in turn on request; stops them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from streams.local.child import STOP_WITHIN_S, Child, Job, Notify
from streams.local.up_status import ChildStatus

READY_WITHIN_S = 120.0
"""How long a restarted process may take; after it the others are left as they are."""


class RollingRestart:
    """Restarts children one at a time, the next only when the one before is ready again."""

    def __init__(self, children: Sequence[Child], notify: Notify) -> None:
        self._children, self._notify = children, notify
        self._waiting: list[Child] = []
        self._current: Child | None = None
        self._began_at = 0.0
        self.ended = 0
        """How many restarts of all came to an end, or were given up."""

    def request(self) -> None:
        """Restart all, in their order; asked again meanwhile, begin anew after the current one."""
        self._waiting = [*self._children]

    def tick(self, now: float) -> None:
        """Go on when the current child is ready again; to be called with each tick of the children.

        Args:
            now: Seconds of a monotonic clock.
        """
        if self._current is not None and not self._is_back(self._current, now):
            return
        before, self._current = self._current, self._waiting.pop(0) if self._waiting else None
        if self._current is not None:
            self._began_at = now
            self._current.restart(now)
        elif before is not None:
            self.ended += 1
            self._notify("all processes were restarted, one after the other")

    def _is_back(self, child: Child, now: float) -> bool:
        """Whether it runs and is ready; when it is not in time, the others would hardly be either."""
        if not child.restarting and child.status().ready:
            return True
        if now > self._began_at + READY_WITHIN_S:
            self._notify(
                f"{child.job.name} is not ready {READY_WITHIN_S:.0f} s after its restart (log: {child.log}); "
                "the others are left as they are"
            )
            self._current, self._waiting, self.ended = None, [], self.ended + 1
        return False


class Supervisor:
    """All children of one `etalage up`; call `tick` a few times a second."""

    def __init__(self, jobs: Sequence[Job], folder: Path, notify: Notify) -> None:
        """Create `folder` for logs and status files; the first `tick` starts the processes."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._children = [Child(job, folder, notify) for job in jobs]
        self.rolling = RollingRestart(self._children, notify)

    def tick(self) -> None:
        """Tick every child; raises the last OSError of a child once all had their turn."""
        now = time.monotonic()
        self.rolling.tick(now)
        failure: OSError | None = None
        for child in self._children:
            try:
                child.tick(now)
            except OSError as exc:
                failure = exc
        if failure is not None:
            raise failure

    def statuses(self) -> dict[str, ChildStatus]:
        """Return the status of every child by job name."""
        return {child.job.name: child.status() for child in self._children}

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """Send TERM to all at once and KILL to those that still run after `within_s` seconds."""
        for child in self._children:
            child.terminate()
        deadline = time.monotonic() + within_s
        for child in self._children:
            child.await_end(max(0.1, deadline - time.monotonic()))
