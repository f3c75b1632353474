"""Runs the gateway: socket, uvicorn, status file, signals, a bounded end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from contextlib import nullcontext

import uvicorn
from redis.exceptions import RedisError

from schemas.errors import ServiceMissing, StoreUnavailable
from streams.gateway.http.connection_limits import LimitedHttpProtocol
from streams.gateway.wiring import LiveGateway
from streams.runtime.settings import Settings
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.status_file import Status, StatusFile
from streams.stores.redis.client import connect, refuse_cluster

STATUS_EVERY_S = 0.25
BACKLOG = 2048
LOOK_WITHIN_S = 1.0


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish within `drain_s`."""
    if not settings.kafka or not settings.redis:
        raise ServiceMissing("set ETALAGE_KAFKA and ETALAGE_REDIS, or run `etalage up`")
    await _refuse_unfit(settings.redis)
    live = LiveGateway(settings)
    sock = _listening(settings)
    stop = _stop_signal()
    await live.start()
    _settle_garbage()
    server = _server(live, settings)
    serving = asyncio.create_task(server.serve(sockets=[sock]), name="uvicorn")
    telling = asyncio.create_task(_tell(live, settings, sock), name="status")
    await asyncio.wait([serving, telling, stop], return_when=asyncio.FIRST_COMPLETED)
    if telling.done():
        logger("gateway").error("the status cannot be told: ending", exc_info=telling.exception())
    await _end(live, server, serving, settings.drain_s)
    telling.cancel()  # who ends gives signs of life too


async def _refuse_unfit(address: str) -> None:
    """ServiceMissing when Redis is of a kind that we cannot use; one that does not answer may come later."""
    client = connect(address, connections=1)
    try:
        async with asyncio.timeout(LOOK_WITHIN_S):
            await refuse_cluster(client)
    except (StoreUnavailable, RedisError, TimeoutError):
        logger("gateway").warning("Redis could not be looked at before the start")
    finally:
        await client.aclose()


async def _end(
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


def _server(live: LiveGateway, settings: Settings) -> uvicorn.Server:
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


def _listening(settings: Settings) -> socket.socket:
    """The bound socket; ServiceMissing with what to do when the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as exc:
        sock.close()
        raise ServiceMissing(
            f"port {settings.port} of {settings.host} cannot be had ({exc.strerror}): set ETALAGE_PORT"
        ) from exc
    sock.listen(BACKLOG)
    return sock


def _stop_signal() -> asyncio.Future[None]:
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def ask() -> None:
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    return stop


def _settle_garbage() -> None:
    """What lives as long as the process is not looked at again; collections become rare and short."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _tell(live: LiveGateway, settings: Settings, sock: socket.socket) -> None:
    """Keep the status file true; how late the loop comes back each time says how busy it is."""
    host, port = sock.getsockname()[:2]
    file = StatusFile(settings.status)
    clock = asyncio.get_running_loop().time
    while True:
        readiness = live.gateway.admin.readiness()
        status = Status(
            kind="gateway", pid=os.getpid(), ready=readiness.ready, probe=f"{host}:{port}",
            address=f"{host}:{port}", reason=readiness.reason or None,
        )  # fmt: skip
        if file.is_due(status):
            await asyncio.to_thread(file.update, status)
        due = clock() + STATUS_EVERY_S
        await asyncio.sleep(STATUS_EVERY_S)
        live.gateway.metrics.observe("event_loop_lag_seconds", clock() - due)
