"""`etalage worker`: one process, one Faust app, one engine; says when it is ready, ends in time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import aiokafka
import faust
import redis.asyncio
from msgspec import Struct

from models.fold import fold
from schemas.errors import ServiceMissing
from schemas.topics import DEAD_LETTERS, DECISIONS, EVENTS
from streams.agents.personalize import add_personalize
from streams.app import build_app, events_topic
from streams.boot import checked_meta
from streams.clock import SystemClock
from streams.dead_letters import DeadLetters, Limit
from streams.engine import Engine, Fold, Means, Terms
from streams.halting import halt, leave_after
from streams.health import ProbeServer, Readiness, Status, write_status
from streams.lanes import Lanes
from streams.logs import logger
from streams.metrics import Metrics
from streams.ownership import Ownership
from streams.publisher import Publisher
from streams.retries import Retries
from streams.settings import Settings
from streams.sifting import Place
from streams.stores.keys import Keys
from streams.stores.meta import Meta
from streams.stores.protocols import VisitorStore
from streams.stores.redis_client import connect
from streams.stores.redis_visitors import Lifetimes, RedisVisitors
from streams.transport.log import EventsLog
from streams.watchdog import Watchdog

log = logger("worker")

DAY_S = 86_400
LOOK_EVERY_S = 0.1
HARD_EXIT_EXTRA_S = 4.0
"""After the drain: what Faust, Kafka and Redis need to say goodbye."""
BIG_RECORD = 2 << 20

StoreOf = Callable[[redis.asyncio.Redis, Keys, Meta, Settings], VisitorStore]


def redis_store(client: redis.asyncio.Redis, keys: Keys, meta: Meta, settings: Settings) -> VisitorStore:
    """The store of every real worker."""
    lifetimes = Lifetimes(settings.state_ttl_days * DAY_S, settings.layout_ttl_s)
    return RedisVisitors(client, keys, incarnation=meta.incarnation, lifetimes=lifetimes)


class Parts(Struct, frozen=True, kw_only=True):
    """What tests put something else in the place of, to see that its safeguards are needed."""

    store: StoreOf = redis_store
    engine: type[Engine] = Engine
    fold: Fold = fold


class Worker:
    """`run` returns when the process was told to end and did."""

    def __init__(self, settings: Settings, parts: Parts | None = None) -> None:
        if settings.kafka is None or settings.redis is None:
            raise ServiceMissing("a worker needs ETALAGE_KAFKA and ETALAGE_REDIS (or run `etalage up`)")
        self._settings, self._parts = settings, parts or Parts()
        self._clock, self._metrics = SystemClock(), Metrics()
        self._keys = Keys(settings.namespace)
        self._retries = Retries(
            deadline_s=settings.redis_deadline_s, patience_s=settings.patience_s,
            clock=self._clock, metrics=self._metrics,
        )  # fmt: skip
        self._publishing = Retries(
            deadline_s=20.0, patience_s=settings.patience_s, clock=self._clock, metrics=self._metrics
        )
        self._ending = asyncio.Event()
        self._ownership: Ownership | None = None
        self._said: Status | None = None

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._end)
        async with AsyncExitStack() as stack:
            probe = ProbeServer(readiness=self._readiness, metrics=self._metrics.render)
            address = await probe.start(self._settings.host, self._settings.probe_port)
            stack.push_async_callback(probe.stop)
            self._say(address)
            app = await self._assembled(stack)
            await app.start()
            await self._watch(app, address)
            await self._stop(app)

    def _end(self) -> None:
        if not self._ending.is_set():
            self._ending.set()
            leave_after(self._settings.drain_s + HARD_EXIT_EXTRA_S)

    async def _assembled(self, stack: AsyncExitStack) -> faust.App:
        """The app with everything behind it, connected; closed again by `stack`."""
        settings = self._settings
        client = connect(settings.redis or "")
        stack.push_async_callback(client.aclose)
        meta = await checked_meta(client, self._keys, settings)
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=(settings.kafka or "").split(","), acks="all", linger_ms=1,
            request_timeout_ms=10_000, max_request_size=BIG_RECORD,
        )  # fmt: skip
        await producer.start()
        stack.push_async_callback(producer.stop)
        store = self._parts.store(client, self._keys, meta, settings)
        engine = self._parts.engine(self._terms(meta), self._means(store, producer))
        app = build_app(settings)
        events_log = EventsLog(app, EVENTS.full_name(settings.namespace))
        self._ownership = self._owning(store, events_log)
        lanes = Lanes(engine, self._ownership, halt=halt, metrics=self._metrics)
        transport: Any = app.transport
        transport.owner = self._ownership
        add_personalize(app, events_topic(app, settings), lanes, halt)
        app.finalize()
        await self._begin_watchdog(stack, events_log)
        return app

    def _terms(self, meta: Meta) -> Terms:
        settings = self._settings
        return Terms(
            place=Place(EVENTS.full_name(settings.namespace), meta.partitions, meta.incarnation),
            decisions_topic=DECISIONS.full_name(settings.namespace),
            decide_within_s=settings.decide_within_s,
            layout_ttl_s=settings.layout_ttl_s,
            lru_visitors=settings.lru_visitors,
        )

    def _means(self, store: VisitorStore, producer: Any) -> Means:
        settings = self._settings
        publisher = Publisher(producer, self._publishing)
        limit = Limit(share=settings.dead_letter_share, last=settings.dead_letter_min)
        letters = DeadLetters(publisher, DEAD_LETTERS.full_name(settings.namespace), limit, self._metrics)
        return Means(
            store=store, retries=self._retries, dead_letters=letters, publisher=publisher,
            clock=self._clock, metrics=self._metrics, fold=self._parts.fold,
        )  # fmt: skip

    def _owning(self, store: VisitorStore, events_log: EventsLog) -> Ownership:
        return Ownership(
            store, events_log,
            owner=self._settings.worker_id or f"worker-{os.getpid()}",
            retries=self._retries, halt=halt, metrics=self._metrics, clock=self._clock,
        )  # fmt: skip

    async def _begin_watchdog(self, stack: AsyncExitStack, events_log: EventsLog) -> None:
        assert self._ownership is not None
        watchdog = Watchdog(
            self._ownership, events_log,
            stall_s=self._settings.stall_exit_s, excused=self._excused,
            metrics=self._metrics, clock=self._clock,
        )  # fmt: skip
        task = asyncio.create_task(watchdog.run(halt), name="watchdog")
        stack.push_async_callback(_cancelled, task)

    def _excused(self) -> bool:
        return self._retries.waiting > 0 or self._publishing.waiting > 0

    async def _watch(self, app: faust.App, address: str) -> None:
        """Until told to end; halts when Faust gave up."""
        while not self._ending.is_set():
            if app.crashed:
                halt(app.crash_reason or RuntimeError("Faust stopped without a reason"))
            self._say(address)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._ending.wait()

    async def _stop(self, app: faust.App) -> None:
        """What is under way ends, within the drain; what waits is read again by the next owner."""
        assert self._ownership is not None
        self._ownership.revoked()
        await app.stop()

    def _readiness(self) -> Readiness:
        if self._ownership is None or self._ownership.generation < 0:
            return Readiness(False, "not yet a member of the group")
        if not self._ownership.taken:
            return Readiness(False, "partitions are being taken")
        return Readiness(not self._ending.is_set(), "ending" if self._ending.is_set() else "")

    def _say(self, address: str) -> None:
        """Write the status file when something changed."""
        now = self._readiness()
        self._metrics.set("ready", now.ready)
        status = Status(
            kind="worker", pid=os.getpid(), ready=now.ready, probe=address, reason=now.reason or None
        )
        if self._settings.status and status != self._said:
            write_status(self._settings.status, status)
        self._said = status


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
