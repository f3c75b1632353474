"""`etalage worker`: runs the process that folds events into visitor states and decides live layouts."""

from __future__ import annotations

import asyncio
import gc
import logging

import uvloop

from streams.runtime.process_context import exit_now
from streams.runtime.settings import Settings, read_settings
from streams.runtime.telemetry.logs import configure
from streams.runtime.telemetry.status_file import check_writable
from streams.shop.policy_build import require_compiled
from streams.workers.personalize.process import Worker, WorkerOverrides

GC_OBJECTS = 20_000
"""New objects before a collection of the youngest generation. Own choice, not tuned."""


def run() -> None:
    """Run one worker; all it needs to know stands in ETALAGE_ variables."""
    run_with(read_settings())


def run_with(settings: Settings, overrides: WorkerOverrides | None = None) -> None:
    """Run one worker until a signal stops it, then exit at once: threads of libraries would delay the exit.

    `overrides` replaces what a test runs in place of ours.
    """
    check_writable(settings.status)
    configure(level=settings.log_level, style=settings.log_format)
    require_compiled(settings)
    # Faust logs under the names of its subclasses.
    logging.getLogger("streams.kafka.transport").setLevel(logging.WARNING)

    # A worker makes many objects and hardly any cycles: collect rarely, and never traverse the libraries.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 100)

    async def main() -> None:
        await Worker(settings, overrides).run()
        exit_now(0)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
