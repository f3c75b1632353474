"""`etalage shoppers`: simulated shoppers with tastes browse a running shop."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Annotated

import typer

from schemas.errors import ServiceMissing
from streams.cli.options import Data
from streams.demo.shoppers.crowd import CrowdPlan, Tally, browse
from streams.local.instances import gateway_url
from streams.runtime.settings import read_settings
from streams.runtime.telemetry.logs import configure, logger
from streams.runtime.telemetry.status_file import HEARTBEAT_EVERY_S, Status, StatusFile, refuse_unwritable

REPORT_EVERY_S = 60.0
RATE_MAX = 500.0
"""A demo is no load test; `make bench` is."""


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
    refuse_unwritable(settings.status)
    configure(level=settings.log_level, style=settings.log_format)
    plan = CrowdPlan(url=gateway_url(url, data), shoppers=shoppers, rate=rate, seed=seed)
    tally = Tally()
    asyncio.run(_browse(plan, tally, seconds, StatusFile(settings.status)))
    if seconds is not None and tally.away and not tally.events:
        raise ServiceMissing(f"{plan.url} did not answer: is `etalage up` or a gateway running there?")
    logger("shoppers").info("left", visits=tally.visits, events=tally.events, orders=tally.orders)


async def _browse(plan: CrowdPlan, tally: Tally, seconds: float | None, file: StatusFile) -> None:
    """Until a signal comes or the time is over."""
    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leaving.set)
    crowd = asyncio.create_task(browse(plan, tally))
    crowd.add_done_callback(lambda _: leaving.set())
    report = asyncio.create_task(_report(tally))
    telling = asyncio.create_task(_tell(file))
    try:
        async with asyncio.timeout(seconds):
            await leaving.wait()
    except TimeoutError:
        pass
    tasks = crowd, report, telling
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


async def _report(tally: Tally) -> None:
    """One line a minute."""
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        logger("shoppers").info("browsing", visits=tally.visits, events=tally.events, orders=tally.orders)


async def _tell(file: StatusFile) -> None:
    """That we live, as long as we do."""
    while True:
        file.update(Status(kind="shoppers", pid=os.getpid(), ready=True))
        await asyncio.sleep(HEARTBEAT_EVERY_S)
