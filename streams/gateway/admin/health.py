"""Probes, metrics and what this process knows of the shop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from msgspec import Struct

from models.policy.snapshot import Snapshot
from streams.gateway.access.callers import caller_of
from streams.gateway.access.key_ring import KeyRing
from streams.gateway.events.event_log import Log
from streams.gateway.events.partition_map import PartitionMap
from streams.gateway.http.asgi_io import Receive, Scope, Send, send_bytes
from streams.gateway.http.parameters import refuse_parameters
from streams.gateway.layouts.store_reads import StoreReads
from streams.runtime.telemetry.metrics import CONTENT_TYPE, Metrics
from streams.runtime.telemetry.probes import Readiness

ASK = "not ready: a server or admin key, and the log, tell why"


class ShopSource(Protocol):
    """Where the shop of this process comes from, as streams.shop.follower.ShopFollower offers it."""

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def ready(self) -> bool: ...

    @property
    def reason(self) -> str: ...

    @property
    def source(self) -> str: ...


class ShopReport(Struct, frozen=True, kw_only=True):
    """The snapshot in use; layouts made from it carry its `edition`.

    `source` is none, cache or kafka; `built_at` in epoch seconds.
    """

    generation: int
    edition: str
    items: int
    built_at: float
    source: str
    ready: bool
    reason: str
    ranker: str | None
    ranker_version: str | None
    partitions: int
    kafka: bool
    redis: str


Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class HealthRoutes:
    """Reads only; nothing here waits. `started` and `stopping` are set by the gateway."""

    def __init__(
        self,
        follower: ShopSource,
        partition_map: PartitionMap,
        key_ring: KeyRing,
        log: Log,
        reads: StoreReads,
        metrics: Metrics,
    ) -> None:
        self._follower, self._partition_map, self._log = follower, partition_map, log
        self._key_ring = key_ring
        self._reads, self._metrics = reads, metrics
        self.started = False
        self.stopping = False

    def readiness(self) -> Readiness:
        """Ready once the shop was read whole and the partition count is known.

        A Kafka or Redis that goes away later leaves it ready: layouts are answered without them, and taking
        every gateway out of service would help nobody. So do workers that are behind. The reason tells it.
        An events topic that is gone, or is not the one of the states, is no outage that passes: not ready.
        """
        trouble = self._reads.trouble
        if self.stopping:
            return Readiness(False, "stopping")
        if not self._follower.ready:
            return Readiness(False, self._follower.reason or "the shop is being read")
        if self._partition_map.incarnation is None:
            return Readiness(False, "; ".join(filter(None, (self._partition_map.reason, trouble))))
        if self._key_ring.state == "unread":
            return Readiness(False, self._key_ring.why_unread)
        return Readiness(True, trouble or self._reads.progress.reason())

    def routes(self) -> dict[str, dict[str, Handler]]:
        """The handlers of its routes, by path and method."""
        handlers = {
            "/v1/admin/shop": self.shop,
            "/livez": self.livez,
            "/readyz": self.readyz,
            "/startupz": self.startupz,
            "/metrics": self.metrics,
        }
        return {path: {"GET": handler} for path, handler in handlers.items()}

    async def livez(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _send_readiness(send, Readiness(True))

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """For anybody; where keys are needed the reason, which names services, is not."""
        readiness = self.readiness()
        if self._key_ring.state == "closed" and not caller_of(scope).sees_internals:
            readiness = Readiness(readiness.ready, "" if readiness.ready else ASK)
        await _send_readiness(send, readiness)

    async def startupz(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _send_readiness(send, Readiness(self.started, "" if self.started else "starting"))

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_bytes(send, self.render_metrics(), content_type=CONTENT_TYPE.encode())

    def render_metrics(self) -> bytes:
        """The text of /metrics."""
        self._metrics.set("circuit_open", float(self._reads.circuit.state != "closed"))
        self._metrics.set("kafka_connected", float(self._log.connected))
        self._metrics.set("ready", float(self.readiness().ready))
        return self._metrics.render()

    async def shop(self, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_parameters(scope["query_string"])
        await send_bytes(send, msgspec.json.encode(self._report(self._follower.snapshot)))

    def _report(self, snapshot: Snapshot) -> ShopReport:
        shop, ranker = snapshot.shop, snapshot.ranker
        readiness = self.readiness()
        return ShopReport(
            generation=shop.generation,
            edition=shop.edition.text(),
            items=shop.items.n,
            built_at=shop.built_at,
            source=self._follower.source,
            ready=readiness.ready,
            reason=readiness.reason,
            ranker=ranker.name if ranker else None,
            ranker_version=ranker.version if ranker else None,
            partitions=self._partition_map.partitions,
            kafka=self._log.connected,
            redis=self._reads.circuit.state,
        )


async def _send_readiness(send: Send, readiness: Readiness) -> None:
    await send_bytes(send, msgspec.json.encode(readiness), status=200 if readiness.ready else 503)
