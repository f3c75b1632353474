"""Where the gateway listens, and how it stops to: no request that was sent to it is lost.

A socket that was handed over (`ETALAGE_LISTEN_FD`) belongs to whoever made it. Several gateways accept from
it, and what waits in its backlog is served by another of them, or by the next. One of our own is closed at
the end, and with it what waits there: `ETALAGE_UNREADY_S` gives a load balancer time to send nothing more.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import nullcontext
from typing import cast

import uvicorn

from schemas.errors import ServiceMissing
from streams.gateway.http.connection_limits import CONNECTIONS_MAX, EndingState, LimitedHttpProtocol
from streams.gateway.http.limits.client_address import PeerConnections
from streams.runtime.ports import listening_socket, shared_socket
from streams.runtime.settings import Settings

IDLE_WITHIN_S = 2.0
"""How long connections on which no request is under way may bring one more; busy clients' bring it sooner."""
LOOK_EVERY_S = 0.02
SPARE_DESCRIPTORS = 200
"""For what is no client's connection."""


def listen(settings: Settings) -> socket.socket:
    """The socket to accept from: the one handed over, else one bound to host and port.

    Raises:
        ServiceMissing: the port is taken, or the descriptor is no listening socket.
    """
    return _take_over(settings.listen_fd) if settings.listen_fd >= 0 else _bind(settings.host, settings.port)


def listen_for_admin(settings: Settings) -> list[socket.socket]:
    """The socket that admin routes have for their own, if any: all gateways of this account share it.

    A connection comes to one of them, and all say the same of the shop. /metrics are of the one it comes to.

    Raises:
        ServiceMissing: the port is taken.
    """
    if settings.admin_address is None:
        return []
    host, _, port = settings.admin_address.rpartition(":")
    try:
        return [shared_socket(host.strip("[]"), int(port))]
    except OSError as exc:
        raise ServiceMissing(
            f"{settings.admin_address} cannot be had ({exc.strerror}): set ETALAGE_ADMIN_ADDRESS"
        ) from exc


def host_of(sock: socket.socket) -> str:
    """The address that a socket listens at; empty for one that only this machine has a path to."""
    name = sock.getsockname()
    return str(name[0]) if isinstance(name, tuple) else ""


def raise_descriptors() -> int:
    """Raise this process's own limit of file descriptors (often 1,024) as far as it may.

    Returns:
        How many connections fit, CONNECTIONS_MAX at most: Redis, Kafka and files need some, too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return max(1, min(CONNECTIONS_MAX, soft - SPARE_DESCRIPTORS))


def _take_over(descriptor: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=descriptor)
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as exc:
        raise ServiceMissing(f"ETALAGE_LISTEN_FD={descriptor} is no socket: {exc.strerror}") from exc
    if not listens:
        sock.close()
        raise ServiceMissing(f"ETALAGE_LISTEN_FD={descriptor} is a socket that does not listen")
    return sock


def _bind(host: str, port: int) -> socket.socket:
    try:
        return listening_socket(host, port)
    except OSError as exc:
        raise ServiceMissing(
            f"port {port} of {host} cannot be had ({exc.strerror}): set ETALAGE_PORT"
        ) from exc


class GracefulServer(uvicorn.Server):
    """uvicorn's server, which at its end lets connections bring the request they may be sending.

    uvicorn closes those that wait for a request: one that is on its way to such a connection is lost. Here
    each is answered `connection: close`, and only what stays idle for IDLE_WITHIN_S is closed. `unready_s` is
    how long new connections are still accepted.
    `peers` counts those of each address, `connections_max` is how many there may be (None: CONNECTIONS_MAX).
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        unready_s: float,
        peers: PeerConnections | None = None,
        connections_max: int | None = None,
    ) -> None:
        super().__init__(config)
        self.server_state = self._state = EndingState()
        self._state.peers, self._state.connections_max = peers, connections_max
        self._unready_s = unready_s
        self.capture_signals = nullcontext  # type: ignore[assignment]  # the signals are ours

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, have every connection answered once more, close the rest."""
        self._state.ending = True
        for connection in cast("set[LimitedHttpProtocol]", self._state.connections):
            connection.end_with_answer()
        await asyncio.sleep(self._unready_s)
        for server in self.servers:
            server.close()
        await self._await_last_requests()
        await super().shutdown(sockets)

    async def _await_last_requests(self) -> None:
        """Until no connection is open, IDLE_WITHIN_S at most."""
        clock = asyncio.get_running_loop().time
        until = clock() + IDLE_WITHIN_S
        while True:
            await asyncio.sleep(LOOK_EVERY_S)  # first: what was accepted last is made a connection meanwhile
            if not self._state.connections or clock() > until:
                return
