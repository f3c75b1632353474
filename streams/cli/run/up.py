"""`etalage up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from streams.local.instances import data_folder
from streams.local.up import LocalStack
from streams.runtime.settings import Settings, is_given, read_settings, validate
from streams.runtime.telemetry import logs

LOCAL_PARTITIONS = 16
"""Enough for what runs on one machine; each costs Kafka files and every worker a claim."""

Data = Annotated[
    Path | None,
    typer.Option(help="Folder of all data; it survives. Default: a temporary one."),
]


def run(
    shoppers: Annotated[bool, typer.Option(help="Let simulated shoppers browse.")] = True,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Of the shop; 0 is a free one.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Prefix of topics, groups and keys.")] = None,
    data: Data = None,
    workers: Annotated[int, typer.Option(min=0, max=64, help="How many worker processes.")] = 1,
) -> None:
    """Start Kafka, Redis, workers, gateway, items and simulated shoppers; print the shop's address.

    ETALAGE_KAFKA and ETALAGE_REDIS name running servers to use instead. Everything ends with Ctrl-C.
    """
    settings = _settings(port=port, namespace=namespace, data=data)
    logs.configure(level=settings.log_level, style=settings.log_format)
    # A topic just made has no leader for a moment, which the client retries and would report as errors.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    stopped = threading.Event()
    with data_folder(settings.data) as folder:
        standing = LocalStack(settings, folder, workers=workers, shoppers=shoppers)
        _listen(lambda: _stop(standing, stopped))
        try:
            standing.rise()
            standing.keep(stopped)
        except KeyboardInterrupt:
            pass  # asked to stop while still rising
        finally:
            _listen(lambda: None)  # impatience does not leave servers behind
            standing.fall()


def _listen(then: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: then())


def _stop(standing: LocalStack, stopped: threading.Event) -> None:
    """Once all stands, leave the loop; before, break off whatever step is being taken."""
    stopped.set()
    if not standing.stands:
        raise KeyboardInterrupt


def _settings(*, port: int | None, namespace: str | None, data: Path | None) -> Settings:
    """Options win over the environment; both are checked alike."""
    ours = read_settings()
    given: dict[str, object] = {"port": port, "namespace": namespace, "data": data and str(data)}
    if not is_given("partitions"):
        given["partitions"] = LOCAL_PARTITIONS
    merged = msgspec.structs.asdict(ours) | {k: v for k, v in given.items() if v is not None}
    return validate(merged, lambda name: f"--{name}")
