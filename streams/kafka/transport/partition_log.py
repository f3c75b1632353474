"""The events topic as ownership sees it: seek, pause, resume, bounds, membership."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from aiokafka.errors import IllegalStateError, KafkaError
from faust.types.tuples import TP

from schemas.errors import StreamUnavailable, error_text
from streams.kafka.transport.consumer import ChunkConsumer
from streams.kafka.transport.consumer_thread import ChunkThread
from streams.kafka.transport.errors import NotAssigned

LOOK_EVERY_S = 0.05


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IllegalStateError as exc:
        raise NotAssigned(str(exc)) from exc
    except (KafkaError, OSError) as exc:
        raise StreamUnavailable(f"Kafka: {error_text(exc)}") from exc
    except RuntimeError as exc:  # the thread ends before those who still ask it
        if str(exc) != "Event loop is closed":
            raise
        raise StreamUnavailable("the consumer has ended") from exc


class EventsLog:
    """Over the consumer of a running Faust app."""

    def __init__(self, app: Any, topic: str) -> None:
        self._app, self._topic = app, topic
        self._asking: asyncio.Future[Mapping[int, tuple[int, int]]] | None = None

    @property
    def _consumer(self) -> ChunkConsumer:
        return cast(ChunkConsumer, self._app.consumer)

    @property
    def _thread(self) -> ChunkThread:
        return cast(ChunkThread, self._consumer._thread)

    def _tp(self, partition: int) -> TP:
        return TP(self._topic, partition)

    async def seek(self, partition: int, offset: int) -> int:
        with _translated():
            return await self._consumer.seek_to(self._tp(partition), offset)

    def pause(self, partition: int) -> None:
        self._consumer.pause_partitions({self._tp(partition)})

    def resume(self, partition: int) -> None:
        self._consumer.resume_partitions({self._tp(partition)})

    async def bounds(self, partition: int) -> tuple[int, int]:
        """Asked once for all partitions: an answer waits behind a fetch of half a second, two at a time.

        Sixteen partitions that each ask for themselves never get theirs within a deadline of two seconds.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._all_bounds())
            self._asking.add_done_callback(lambda asking: asking.cancelled() or asking.exception())
        bounds = await asyncio.shield(self._asking)
        if partition not in bounds:
            raise NotAssigned(f"partition {partition}")
        return bounds[partition]

    async def _all_bounds(self) -> Mapping[int, tuple[int, int]]:
        with _translated():
            assigned = tuple(self._consumer.assignment())
            starts = await self._thread.earliest_offsets(*assigned)
            ends = await self._thread.highwaters(*assigned)
        return {tp.partition: (starts[tp], ends[tp]) for tp in assigned}

    async def ends(self) -> Mapping[int, int]:
        """The offset behind the last record there is, of every assigned partition."""
        with _translated():
            ends = await self._thread.ends(self._consumer.assignment())
        return {tp.partition: end for tp, end in ends.items()}

    async def member_since(self, moment: float) -> None:
        while self._thread.heartbeat_sent_at <= moment:  # noqa: ASYNC110 - set on another thread
            await asyncio.sleep(LOOK_EVERY_S)
