"""Ending a process that must not go on: one log line, no acknowledgement, exit code 70."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import NoReturn

from schemas.errors import EtalageError
from streams.runtime.telemetry.logs import logger

EXIT_CODE = 70
"""EX_SOFTWARE: a supervisor starts it again."""

log = logger("halt")


def halt(exc: BaseException) -> NoReturn:
    """Say why and leave at once: what was not acknowledged is read again by the next process."""
    if isinstance(exc, EtalageError):
        log.error("halted", why=str(exc), kind=type(exc).__name__)
    else:
        log.error("halted by a defect", why=f"{type(exc).__name__}: {exc}", exc_info=exc)
    leave(EXIT_CODE)


def leave_after(seconds: float, code: int = EXIT_CODE) -> None:
    """Leave in any case after `seconds`, also when the event loop hangs."""

    def wait_and_leave() -> None:
        time.sleep(seconds)
        log.error("did not end in time", seconds=seconds)
        leave(code)

    threading.Thread(target=wait_and_leave, name="hard-exit", daemon=True).start()


def leave(code: int) -> NoReturn:
    """End the process now, with what was logged written out."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
