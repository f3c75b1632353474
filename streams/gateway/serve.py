"""Runs the gateway: socket, uvicorn, status file, signals, a stop within `drain_s`."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from msgspec.structs import replace

from schemas.errors import ServiceMissing, StoreUnavailable, error_text
from streams.gateway.http.connection_limits import LimitedHttpProtocol
from streams.gateway.http.listening import (
    GracefulServer,
    host_of,
    listen,
    listen_for_admin,
    raise_descriptors,
)
from streams.gateway.wiring import LiveGateway
from streams.runtime.ports import HOST
from streams.runtime.settings import Settings
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.probes import ProbeApp, serve_probes
from streams.runtime.telemetry.status_file import ProcessStatus, StatusFile
from streams.stores.api_keys import read_api_keys, refuse_unguarded
from streams.stores.keys import Keys
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.pipeline import CommandRefused
from streams.stores.redis.server_checks import refuse_cluster

STATUS_EVERY_S = 0.25
CHECK_WITHIN_S = 1.0
ACCEPT_WITHIN_S = 3.0
"""From a socket handed over a gateway accepts once it is ready, or after so long: others may be ready."""


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish within `unready_s` and `drain_s` seconds.

    Raises:
        ServiceMissing: no address of Kafka or Redis is set, Redis is a cluster, the port is taken, or there
            are no API keys where others than this machine could call.
    """
    if not settings.kafka or not settings.redis:
        raise ServiceMissing("set ETALAGE_KAFKA and ETALAGE_REDIS, or run `etalage up`")
    sock = listen(settings)
    settings = replace(settings, host=host_of(sock) or settings.host)  # of a socket handed over: as it is
    live = LiveGateway(settings)
    try:
        await _check_redis(settings, live.redis)
    except ServiceMissing:
        sock.close()
        raise
    sockets = [sock, *listen_for_admin(settings)]
    if len(sockets) > 1:
        live.gateway.app.admin_port = sockets[1].getsockname()[1]
    stop = _catch_stop_signals()
    async with _probe_address(live, settings, sock) as probe:
        await live.start()
        _tune_garbage_collector()
        reporting = asyncio.create_task(_report_status(live, settings, sock, probe), name="status")
        await _await_ready(live, settings, stop)
        server = _build_server(live, settings)
        serving = asyncio.create_task(server.serve(sockets=sockets), name="uvicorn")
        await asyncio.wait([serving, reporting, stop], return_when=asyncio.FIRST_COMPLETED)
        if reporting.done():
            logger("gateway").error(
                "writing the status file failed", action="stop", exc_info=reporting.exception()
            )
        await _stop(live, server, serving, settings)
        reporting.cancel()  # only now: a supervisor takes a process without signs of life for one that hangs


@asynccontextmanager
async def _probe_address(live: LiveGateway, settings: Settings, sock: socket.socket) -> AsyncIterator[str]:
    """`host:port` of /livez, /readyz and /metrics of this process and no other that accepts from `sock`."""
    if settings.listen_fd < 0:
        yield _address_of(sock)
        return
    health = live.gateway.health
    app = ProbeApp(readiness=health.readiness, metrics=health.render_metrics)
    # A port of its own choosing serves this machine alone: /metrics asks for no key there.
    host = settings.host if settings.probe_port else HOST
    async with serve_probes(app, host, settings.probe_port) as address:
        yield address


async def _await_ready(live: LiveGateway, settings: Settings, stop: asyncio.Future[None]) -> None:
    """Where others may accept, wait until answers are good, for ACCEPT_WITHIN_S at most."""
    if settings.listen_fd < 0:
        return
    until = asyncio.get_running_loop().time() + ACCEPT_WITHIN_S
    while not (live.gateway.health.readiness().ready or stop.done()):
        if asyncio.get_running_loop().time() > until:
            return
        await asyncio.sleep(0.02)


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
    live: LiveGateway, server: uvicorn.Server, serving: asyncio.Task[None], settings: Settings
) -> None:
    server.should_exit = True
    live.gateway.begin_end()  # streams end first: uvicorn waits for its connections
    try:
        async with asyncio.timeout(settings.unready_s + settings.drain_s):
            await serving
            await live.stop()
    except TimeoutError:
        os._exit(0)  # what is left is background work whose loss is counted elsewhere


def _build_server(live: LiveGateway, settings: Settings) -> GracefulServer:
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
    return GracefulServer(
        config,
        unready_s=settings.unready_s,
        peers=live.gateway.limits.peer_connections(),
        connections_max=raise_descriptors(),
    )


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


def _address_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"{host}:{port}"


async def _report_status(live: LiveGateway, settings: Settings, sock: socket.socket, probe: str) -> None:
    """For ever: write the status file when it changes; measure how late the loop comes back each time."""
    address = _address_of(sock)
    file = StatusFile(settings.status)
    clock = asyncio.get_running_loop().time
    while True:
        readiness = live.gateway.health.readiness()
        status = ProcessStatus(
            kind="gateway", pid=os.getpid(), ready=readiness.ready, probe=probe,
            address=address, reason=readiness.reason or None,
        )  # fmt: skip
        if file.is_due(status):
            await asyncio.to_thread(file.update, status)
        due = clock() + STATUS_EVERY_S
        await asyncio.sleep(STATUS_EVERY_S)
        live.gateway.metrics.observe("event_loop_lag_seconds", clock() - due)
