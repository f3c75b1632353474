"""`etalage shoppers`: lets simulated shoppers browse a running shop."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import Annotated

import typer

from schemas.errors import ServiceMissing
from streams.cli.options import Data
from streams.demo.shoppers.population import PopulationPlan, PopulationStats, browse
from streams.local.instances import gateway_url
from streams.runtime.settings import read_settings
from streams.runtime.telemetry.logs import configure, logger
from streams.runtime.telemetry.status_file import HEARTBEAT_EVERY_S, ProcessStatus, StatusFile, check_writable

log = logger("shoppers")

LOG_EVERY_S = 60.0
RATE_MAX = 500.0
"""Events a second; load tests are `make bench`, not this command."""


def run(
    url: Annotated[str | None, typer.Option(help="The gateway; default: the one that runs here.")] = None,
    shoppers: Annotated[int, typer.Option(min=1, max=2000, help="How many people.")] = 40,
    rate: Annotated[float, typer.Option(min=0.1, max=RATE_MAX, help="Events a second, all together.")] = 20.0,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal people.")] = 7,
    seconds: Annotated[float | None, typer.Option("--for", min=0.1, help="Stop after so long.")] = None,
    data: Data = None,
) -> None:
    """Let simulated shoppers browse through the public HTTP API, until Ctrl-C."""
    settings = read_settings()
    check_writable(settings.status)
    configure(level=settings.log_level, style=settings.log_format)
    plan = PopulationPlan(
        url=gateway_url(url, data), shoppers=shoppers, rate=rate, seed=seed, key=settings.key
    )
    stats = PopulationStats()
    asyncio.run(_browse(plan, stats, seconds, StatusFile(settings.status)))
    if seconds is not None and stats.failures and not stats.events:
        raise ServiceMissing(f"{plan.url} did not answer: is `etalage up` or a gateway running there?")
    log.info("stopping", visits=stats.visits, events=stats.events, orders=stats.orders)


async def _browse(
    plan: PopulationPlan, stats: PopulationStats, seconds: float | None, file: StatusFile
) -> None:
    """Let the shoppers browse until a signal, or for so many seconds; raises what a task of ours raised."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    browsing = asyncio.create_task(browse(plan, stats))
    browsing.add_done_callback(lambda _: stopping.set())
    tasks = [browsing, asyncio.create_task(_log_stats(stats)), asyncio.create_task(_keep_status(file))]
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def _log_stats(stats: PopulationStats) -> None:
    while True:
        await asyncio.sleep(LOG_EVERY_S)
        log.info("browsing", visits=stats.visits, events=stats.events, orders=stats.orders)


async def _keep_status(file: StatusFile) -> None:
    """Write the status file, and touch it as long as the loop turns."""
    while True:
        file.update(ProcessStatus(kind="shoppers", pid=os.getpid(), ready=True))
        await asyncio.sleep(HEARTBEAT_EVERY_S)
