"""`etalage items`: runs the process that sums crowd signals per product."""

from __future__ import annotations

import asyncio

import uvloop

from streams.runtime.process_context import exit_now
from streams.runtime.settings import read_settings
from streams.runtime.telemetry.logs import configure
from streams.runtime.telemetry.status_file import check_writable
from streams.workers.signals.process import ItemsProcess


def run() -> None:
    """Run one items process; all it needs to know stands in ETALAGE_ variables."""
    settings = read_settings()
    check_writable(settings.status)
    configure(level=settings.log_level, style=settings.log_format)

    async def main() -> None:
        await ItemsProcess(settings).run()
        exit_now(0)  # at once: threads of libraries, and our own that poll Kafka, would delay the exit

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
