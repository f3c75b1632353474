"""`python -m tests.integration.held_worker`: a worker whose event loop a signal holds.

SIGUSR2: for 50 of every 70 ms from now on. SIGUSR1: once, for longer than a session, between reading a state
and writing it.
"""

from __future__ import annotations

import signal
import time

from models.visitor.fold import fold_packed
from models.visitor.state import EventRecord
from streams.cli.run.worker import run_with
from streams.runtime.settings import read_settings
from streams.workers.personalize.process import WorkerOverrides

OFTEN_S, EVERY_S = 0.05, 0.07
LONG_S = 12.0
"""Twice as long as `worker_world.SETTINGS` let a session last: in the rest of it others take over."""

_asked: list[int] = []


def fold_held(packed: bytes, record: EventRecord) -> bytes:
    """As `fold_packed`, but late by LONG_S when a signal asked for it."""
    if _asked:
        _asked.clear()
        time.sleep(LONG_S)
    return fold_packed(packed, record)


def main() -> None:
    signal.signal(signal.SIGUSR1, lambda number, _: _asked.append(number))
    signal.signal(signal.SIGUSR2, lambda *_: signal.setitimer(signal.ITIMER_REAL, EVERY_S, EVERY_S))
    signal.signal(signal.SIGALRM, lambda *_: time.sleep(OFTEN_S))
    run_with(read_settings(), WorkerOverrides(fold=fold_held))


if __name__ == "__main__":
    main()
