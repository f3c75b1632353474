"""`etalage up`: runs everything on this machine, until Ctrl-C."""

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
from streams.local.up import LocalStack, ProcessCounts
from streams.runtime.settings import Settings, read_settings, validate
from streams.runtime.telemetry import logs

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
    gateways: Annotated[int, typer.Option(min=0, max=64, help="How many, all at one address.")] = 2,
) -> None:
    """Start Kafka, Redis, workers, gateways, items and simulated shoppers; print the shop's address.

    `etalage restart` (or SIGUSR1) restarts the processes one after the other. ETALAGE_KAFKA and
    ETALAGE_REDIS name running servers to use instead. Everything ends with Ctrl-C.
    """
    settings = _settings(port=port, namespace=namespace, data=data)
    logs.configure(level=settings.log_level, style=settings.log_format)
    # A new topic has no leader for a moment; the client retries, but would log an error each time.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    stopped = threading.Event()
    with data_folder(settings.data) as folder:
        counts = ProcessCounts(workers=workers, gateways=gateways, shoppers=int(shoppers))
        stack = LocalStack(settings, folder, counts)
        signal.signal(signal.SIGUSR1, lambda *_: stack.restart())
        _on_stop_signal(lambda: _request_stop(stack, stopped))
        try:
            stack.start()
            stack.run(stopped)
        except KeyboardInterrupt:
            pass  # a stop was requested during the start
        finally:
            _on_stop_signal(lambda: None)  # a second signal must not leave servers running
            stack.stop()


def _on_stop_signal(handle: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: handle())


def _request_stop(stack: LocalStack, stopped: threading.Event) -> None:
    """End `LocalStack.run`; during the start, break off the step under way."""
    stopped.set()
    if not stack.started:
        raise KeyboardInterrupt


def _settings(*, port: int | None, namespace: str | None, data: Path | None) -> Settings:
    """Options win over the environment; both are checked alike."""
    environment = msgspec.structs.asdict(read_settings())
    options: dict[str, object] = {"port": port, "namespace": namespace, "data": data and str(data)}
    merged = environment | {name: value for name, value in options.items() if value is not None}
    return validate(merged, lambda name: f"--{name}")
