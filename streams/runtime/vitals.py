"""What every part of a worker needs to live: the time, a place to count, a way to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from msgspec import Struct

from streams.runtime.clock import Clock
from streams.runtime.telemetry.metrics import Metrics


class ProcessContext(Struct, frozen=True, kw_only=True):
    """`halt` ends the process without acknowledging anything, and never returns."""

    clock: Clock
    metrics: Metrics
    halt: Callable[[BaseException], NoReturn]
