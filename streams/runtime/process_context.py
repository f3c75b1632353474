"""What every part of a process shares (clock, metrics, halt), and how a process ends that must not go on.

A halt is one log line, no acknowledgement and exit code 70: the next process reads the records again.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from msgspec import Struct

from schemas.errors import EtalageError
from streams.runtime.clock import Clock
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h: a supervisor starts the process again."""

log = logger("process")


class ProcessContext(Struct, frozen=True, kw_only=True):
    """Clock and metrics of one process, and `halt`, which ends it: without an acknowledgement, at once."""

    clock: Clock
    metrics: Metrics
    halt: Callable[[BaseException], NoReturn]


def halt(exc: BaseException) -> NoReturn:
    """Log why and exit at once with EXIT_CODE; a defect (no EtalageError) is logged with its traceback."""
    if isinstance(exc, EtalageError):
        log.error("halted", error=str(exc), kind=type(exc).__name__)
    else:
        log.error("halted by a defect", error=f"{type(exc).__name__}: {exc}", exc_info=exc)
    exit_now(EXIT_CODE)


def exit_after(seconds: float, code: int = EXIT_CODE) -> None:
    """Exit in any case after `seconds`, from a thread of its own: also when the event loop hangs."""

    def wait_and_exit() -> None:
        time.sleep(seconds)
        log.error("shutdown timed out", after_s=seconds)
        exit_now(code)

    threading.Thread(target=wait_and_exit, name="hard-exit", daemon=True).start()


def exit_now(code: int) -> NoReturn:
    """Exit at once, with what was logged written out; no `finally`, no waiting for threads."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
