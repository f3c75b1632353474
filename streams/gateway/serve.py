"""Runs the gateway: socket, uvicorn, status file, signals, a stop within `drain_s`."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from contextlib import nullcontext

import uvicorn

from schemas.errors import ServiceMissing, StoreUnavailable, error_text
from streams.gateway.http.connection_limits import LimitedHttpProtocol
from streams.gateway.wiring import LiveGateway
from streams.runtime.settings import Settings
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.status_file import ProcessStatus, StatusFile
from streams.stores.api_keys import read_api_keys, refuse_unguarded
from streams.stores.keys import Keys
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.pipeline import CommandRefused
from streams.stores.redis.server_checks import refuse_cluster

STATUS_EVERY_S = 0.25
BACKLOG = 2048
CHECK_WITHIN_S = 1.0


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish within `drain_s` seconds.

    Raises:
        ServiceMissing: no address of Kafka or Redis is set, Redis is a cluster, or the port is taken.
    """
    if not settings.kafka or not settings.redis:
        raise ServiceMissing("set ETALAGE_KAFKA and ETALAGE_REDIS, or run `etalage up`")
    live = LiveGateway(settings)
    await _check_redis(settings, live.redis)
    sock = _bind(settings.host, settings.port, "ETALAGE_PORT")
    sockets = [sock, *_bind_admin(settings)]
    if len(sockets) > 1:
        live.gateway.app.admin_port = sockets[1].getsockname()[1]
    stop = _catch_stop_signals()
    await live.start()
    _tune_garbage_collector()
    server = _build_server(live, settings)
    serving = asyncio.create_task(server.serve(sockets=sockets), name="uvicorn")
    reporting = asyncio.create_task(_report_status(live, settings, sock), name="status")
    await asyncio.wait([serving, reporting, stop], return_when=asyncio.FIRST_COMPLETED)
    if reporting.done():
        logger("gateway").error(
            "writing the status file failed", action="stop", exc_info=reporting.exception()
        )
    await _stop(live, server, serving, settings.drain_s)
    reporting.cancel()  # only now: a supervisor takes a process without signs of life for one that hangs


async def _check_redis(settings: Settings, connection: ReconnectingConnection) -> None:
    """Raises ServiceMissing when Redis is a cluster, which we cannot use, or API keys are needed and missing.

    No answer is accepted: until the keys are read nothing that needs one is answered. `connection` is started
    here, and stopped when it is of no use.
    """
    connection.start()
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            await refuse_cluster(connection)
            refuse_unguarded(settings, await read_api_keys(connection, Keys(settings.namespace)))
    except (StoreUnavailable, CommandRefused, TimeoutError) as exc:
        if str(exc) != connection.trouble:  # which the connection has logged
            logger("gateway").warning(
                "checking Redis failed", service="redis", error=error_text(exc), action="start"
            )
    except ServiceMissing:
        await connection.stop()
        raise


async def _stop(
    live: LiveGateway, server: uvicorn.Server, serving: asyncio.Task[None], drain_s: float
) -> None:
    server.should_exit = True
    try:
        async with asyncio.timeout(drain_s):
            await live.gateway.hub.stop()  # streams end first: uvicorn waits for its connections
            await serving
            await live.stop()
    except TimeoutError:
        os._exit(0)  # what is left is background work whose loss is counted elsewhere


def _build_server(live: LiveGateway, settings: Settings) -> uvicorn.Server:
    config = uvicorn.Config(
        live.gateway.app,
        loop="none",
        http=LimitedHttpProtocol,
        ws="none",
        lifespan="off",
        access_log=False,  # query strings carry visitors
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, int(settings.drain_s / 2)),
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[assignment]  # the signals are ours
    return server


def _bind_admin(settings: Settings) -> list[socket.socket]:
    """The socket that admin routes have for their own, if any."""
    if settings.admin_address is None:
        return []
    host, _, port = settings.admin_address.rpartition(":")
    return [_bind(host.strip("[]"), int(port), "ETALAGE_ADMIN_ADDRESS")]


def _bind(host: str, port: int, variable: str) -> socket.socket:
    """The bound socket; ServiceMissing with what to do when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as exc:
        sock.close()
        raise ServiceMissing(f"port {port} of {host} cannot be had ({exc.strerror}): set {variable}") from exc
    sock.listen(BACKLOG)
    return sock


def _catch_stop_signals() -> asyncio.Future[None]:
    """Done once SIGTERM or SIGINT came."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def request_stop() -> None:
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, request_stop)
    return stop


def _tune_garbage_collector() -> None:
    """Freeze what lives as long as the process; collections become rare and short."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _report_status(live: LiveGateway, settings: Settings, sock: socket.socket) -> None:
    """For ever: write the status file when it changes; measure how late the loop comes back each time."""
    host, port = sock.getsockname()[:2]
    file = StatusFile(settings.status)
    clock = asyncio.get_running_loop().time
    while True:
        readiness = live.gateway.health.readiness()
        status = ProcessStatus(
            kind="gateway", pid=os.getpid(), ready=readiness.ready, probe=f"{host}:{port}",
            address=f"{host}:{port}", reason=readiness.reason or None,
        )  # fmt: skip
        if file.is_due(status):
            await asyncio.to_thread(file.update, status)
        due = clock() + STATUS_EVERY_S
        await asyncio.sleep(STATUS_EVERY_S)
        live.gateway.metrics.observe("event_loop_lag_seconds", clock() - due)
