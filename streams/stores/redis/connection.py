"""A connection to Redis that is made anew whenever it is lost or stuck, in the background, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from schemas.errors import EtalageError, StoreUnavailable
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.logs import logger
from streams.stores.redis.endpoint.address import Command, RedisAddress, parse_address
from streams.stores.redis.endpoint.connect_errors import connect_error_text
from streams.stores.redis.endpoint.sentinel import find_masters, is_master
from streams.stores.redis.pipeline import (
    Host,
    OnMessage,
    PipelinedConnection,
    RedisArgument,
    Reply,
    raise_error,
)

T = TypeVar("T")
log = logger("redis")

CONNECT_WITHIN_S = 2.0
TRY_WITHIN_S = 0.5
"""For each but the last of the places that disagreeing Sentinels name: an old master may be cut off."""
RECONNECT_S = (0.05, 0.1, 0.25, 0.5)
"""Pauses between attempts to connect; the last one repeats."""

TOLD_MAX = 8
"""Of the different errors while a connection is made anew, so many are logged, each once."""

STUCK_S = 0.75
"""A connection that is silent for so long with a command unanswered is dropped: Redis is stopped or gone."""


class ReconnectingConnection:
    """Keeps a PipelinedConnection open: connects in the background for ever, and drops one that is stuck.

    `async with` runs it while the block does; else its owner calls `start` and `stop`.

    Args:
        address: of the settings (`redis_address`); or `host:port` or a URL, see parse_address.
        stuck_s: seconds of silence after which an unanswered connection is dropped.
        on_message: takes published messages; makes this a connection for subscriptions.
        on_connect: runs on each new connection before anybody else may use it; it fails the attempt by
            raising.

    Raises:
        InvalidSetting: `address` cannot be used.
    """

    def __init__(
        self,
        address: RedisAddress | str,
        *,
        stuck_s: float = STUCK_S,
        on_message: OnMessage | None = None,
        on_connect: Callable[[PipelinedConnection], Awaitable[None]] | None = None,
    ) -> None:
        self.address = parse_address(address) if isinstance(address, str) else address
        self.current: PipelinedConnection | None = None
        self._stuck_s, self._on_message, self._on_connect = stuck_s, on_message, on_connect
        self._trouble = f"Redis at {self.address} is not connected yet"
        self._attempted = asyncio.Event()
        """Set for a moment as each attempt to connect ends, and for good by `stop`."""
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> ReconnectingConnection:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def trouble(self) -> str:
        """Why there is no connection now, and what to do where that is known; empty while there is one."""
        return "" if self.current is not None else self._trouble

    def start(self) -> None:
        """Connect in the background; a second time changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_connected(), name="redis-connection")

    async def stop(self) -> None:
        """Disconnect for good; commands that wait end in StoreUnavailable."""
        await cancel_and_wait(self._task)
        if self.current is not None:
            self.current.close()
            await self._lost.wait()
        self._trouble = f"the connection to Redis at {self.address} was ended"
        self._attempted.set()

    async def wait_connected(self) -> None:
        """Return as soon as there is a connection; StoreUnavailable after `stop`."""
        while self.current is None:
            if self._attempted.is_set():  # for good: no attempt will follow
                raise StoreUnavailable(self._trouble)
            await self._attempted.wait()

    def ask(self, *words: RedisArgument) -> asyncio.Future[Reply]:
        """As PipelinedConnection.ask, for callers who cannot wait for a connection.

        Raises:
            StoreUnavailable: at once, while there is no connection.
        """
        if self.current is None:
            raise StoreUnavailable(self._trouble)
        return self.current.ask(*words)

    async def call(self, *words: RedisArgument) -> Reply:
        """The reply to a command; without a connection, waits for the end of the attempt under way.

        There is no deadline but those of connecting and of `stuck_s`: the caller puts one around its work.

        Raises:
            StoreUnavailable: Redis cannot be reached, stopped answering, or cannot serve now.
            CommandRefused: it answered with an error that does not pass.
        """
        if self.current is None:
            await self._attempted.wait()
        return raise_error(await self.ask(*words))

    async def call_all(self, commands: Sequence[Sequence[RedisArgument]]) -> list[Reply]:
        """The replies to commands that leave in one write and are carried out in their order, as `call`.

        Returns:
            A reply each; in place of one, StoreUnavailable or CommandRefused as a value.

        Raises:
            StoreUnavailable: there is no connection; nothing was sent.
        """
        if self.current is None:
            await self._attempted.wait()
        futures = [self.ask(*words) for words in commands]
        return [await future for future in futures]

    async def _keep_connected(self) -> None:
        failures, told = 0, set[str]()
        while True:
            try:
                self.current = await self._connect()
            except Exception as exc:
                self._trouble = self._explain(exc)
                self._end_attempt()
                if self._trouble not in told and len(told) < TOLD_MAX:
                    told.add(self._trouble)
                    log.warning("reconnecting", service="redis", error=self._trouble)
                await asyncio.sleep(RECONNECT_S[min(failures, len(RECONNECT_S) - 1)])
                failures += 1
                continue
            failures = 0
            told.clear()
            self._end_attempt()
            await self._watch(self.current)

    async def _watch(self, connection: PipelinedConnection) -> None:
        """Return once it is lost; it is asked now and then, so that silence means something."""
        while not self._lost.is_set():
            if not connection.stuck_for:
                self._check_up(connection)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._stuck_s / 3):
                    await self._lost.wait()
            if connection.stuck_for > self._stuck_s:
                connection.close(f"has not answered for {self._stuck_s:g} s")

    def _check_up(self, connection: PipelinedConnection) -> None:
        """Ask something cheap; a master of Sentinels is asked whether it still is one."""
        if self.address.sentinels is None or self._on_message is not None:
            connection.ask("PING")  # all that a connection with subscriptions may ask
            return

        def leave_replica(role: asyncio.Future[Reply]) -> None:
            if not role.cancelled() and not is_master(role.result()):
                connection.close("is no master any more")

        connection.ask("ROLE").add_done_callback(leave_replica)

    def _explain(self, exc: Exception) -> str:
        return connect_error_text(self.address, exc, CONNECT_WITHIN_S, tls=self.address.tls is not None)

    def _lose(self, why: str) -> None:
        self.current, self._trouble = None, why
        self._lost.set()

    def _end_attempt(self) -> None:
        self._attempted.set()
        self._attempted.clear()

    async def _connect(self) -> PipelinedConnection:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            *others, last = await self._find_hosts()
            first_failure: Exception | None = None
            for host in others:
                try:
                    async with asyncio.timeout(TRY_WITHIN_S):
                        return await self._open(host)
                except (EtalageError, OSError, TimeoutError) as exc:
                    first_failure = first_failure or exc
            try:
                return await self._open(last)
            except (EtalageError, OSError):
                if first_failure is None:
                    raise
                raise first_failure from first_failure.__cause__

    async def _open(self, host: Host) -> PipelinedConnection:
        self._lost.clear()
        greeting = self.address.greeting()
        place = f"{host[0]}:{host[1]}"
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: PipelinedConnection(place, self._lose, self._on_message), *host, ssl=self.address.tls
        )
        try:
            await self._introduce(connection, greeting, place)
            if self._on_connect is not None:
                await self._on_connect(connection)
            if self._lost.is_set():
                raise StoreUnavailable(self._trouble)
        except BaseException:
            connection.close()
            await self._lost.wait()
            raise
        return connection

    async def _introduce(
        self, connection: PipelinedConnection, greeting: Sequence[Command], place: str
    ) -> None:
        first, *others = greeting
        reply = await connection.ask(*first)
        if self._lost.is_set():
            raise StoreUnavailable(f"{reply} before it said anything")
        raise_error(reply)
        for words in others:
            raise_error(await connection.ask(*words))
        if self.address.sentinels is not None and not is_master(raise_error(await connection.ask("ROLE"))):
            raise StoreUnavailable(f"Sentinels still name {place} as a master, and it is none")

    async def _find_hosts(self) -> list[Host]:
        """Host and port to connect to: those of the address, or those that its Sentinels name."""
        sentinels = self.address.sentinels
        if sentinels is None:
            return [(self.address.host, self.address.port)]
        return await find_masters(
            sentinels.hosts, sentinels.service, sentinels.login.command(), self.address.tls
        )


def run_blocking(
    address: RedisAddress | str,
    work: Callable[[ReconnectingConnection], Coroutine[Any, Any, T]],
    *,
    within_s: float,
) -> T:
    """What `work` returns, over a connection of its own, for callers that cannot await.

    It runs in a thread of its own, as the caller's may have a running event loop.

    Raises:
        StoreUnavailable: Redis cannot be reached, or the work took more than `within_s` seconds.
    """

    async def run() -> T:
        try:
            async with asyncio.timeout(within_s), ReconnectingConnection(address) as connection:
                return await work(connection)
        except TimeoutError as exc:
            where = parse_address(address) if isinstance(address, str) else address
            raise StoreUnavailable(connect_error_text(where, exc, within_s)) from exc

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()
