"""`etalage worker`: fold events into visitors' states and keep their live layouts decided."""

from __future__ import annotations

import asyncio
import gc
import logging

import uvloop

from streams.runtime.process import exit_now
from streams.runtime.settings import Settings, read_settings
from streams.runtime.telemetry.logs import configure
from streams.runtime.telemetry.status_file import refuse_unwritable
from streams.workers.personalize.process import Worker, WorkerOverrides

GC_OBJECTS = 20_000


def run() -> None:
    """Run one worker; all it needs to know stands in ETALAGE_ variables."""
    run_with(read_settings())


def run_with(settings: Settings, overrides: WorkerOverrides | None = None) -> None:
    """Run one worker until it is told to end, then leave at once: library threads must not hold it up."""
    refuse_unwritable(settings.status)
    configure(level=settings.log_level, style=settings.log_format)
    logging.getLogger("streams.kafka.transport").setLevel(
        logging.WARNING
    )  # Faust speaks under its subclasses' names

    # A worker makes many objects and hardly any cycles: look for them rarely, and never among the libraries.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 100)

    async def main() -> None:
        await Worker(settings, overrides).run()
        exit_now(0)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
