"""The log of one topic as those see it who own its partitions: seek, pause, resume, bounds, membership.

Errors of Faust and aiokafka leave as NotAssigned or StreamUnavailable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from aiokafka.errors import IllegalStateError
from faust.types.tuples import TP

from schemas.errors import StreamUnavailable
from streams.kafka.errors import translate_errors
from streams.kafka.transport.consumer import ChunkConsumer
from streams.kafka.transport.consumer_thread import ChunkThread
from streams.kafka.transport.errors import NotAssigned

LOOK_EVERY_S = 0.05


@contextmanager
def _translate_thread_errors() -> Iterator[None]:
    """NotAssigned or StreamUnavailable in place of what the consumer and its thread raise."""
    with translate_errors("Kafka"):
        try:
            yield
        except IllegalStateError as exc:
            raise NotAssigned(str(exc)) from exc
        except RuntimeError as exc:  # the thread ends before those who still ask it
            if str(exc) != "Event loop is closed":
                raise
            raise StreamUnavailable("the consumer has ended") from exc


class PartitionLog:
    """The partitions of a topic that a running Faust app consumes; by number, all of the same topic."""

    def __init__(self, app: Any, topic: str) -> None:
        """`app` is a Faust app with a ChunkTransport, `topic` the full name."""
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
        """Read on from `offset`.

        Returns:
            The number of the turn that begins; chunks of it bear that number.

        Raises:
            NotAssigned: A rebalance took the partition.
            StreamUnavailable: The consumer has ended.
        """
        with _translate_thread_errors():
            return await self._consumer.seek_to(self._tp(partition), offset)

    def pause(self, partition: int) -> None:
        """Fetch nothing more of the partition until `resume`."""
        self._consumer.pause_partitions({self._tp(partition)})

    def resume(self, partition: int) -> None:
        """Fetch from the partition again."""
        self._consumer.resume_partitions({self._tp(partition)})

    async def bounds(self, partition: int) -> tuple[int, int]:
        """The first offset that the partition holds, and the next one to be written.

        Those who ask at the same time share one answer for all partitions: each answer waits behind a fetch
        of half a second, so sixteen of their own would not come within a deadline of two seconds.

        Raises:
            NotAssigned: The partition is not, or no longer, assigned.
            StreamUnavailable: Kafka did not answer.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._all_bounds())
            self._asking.add_done_callback(lambda asking: asking.cancelled() or asking.exception())
        bounds = await asyncio.shield(self._asking)
        if partition not in bounds:
            raise NotAssigned(f"partition {partition}")
        return bounds[partition]

    async def _all_bounds(self) -> Mapping[int, tuple[int, int]]:
        with _translate_thread_errors():
            assigned = tuple(self._consumer.assignment())
            starts = await self._thread.earliest_offsets(*assigned)
            ends = await self._thread.highwaters(*assigned)
        return {tp.partition: (starts[tp], ends[tp]) for tp in assigned}

    async def ends(self) -> Mapping[int, int]:
        """The offset after the last record that can be read, of every assigned partition.

        Raises:
            NotAssigned: A rebalance took one of them meanwhile.
            StreamUnavailable: Kafka did not answer.
        """
        with _translate_thread_errors():
            ends = await self._thread.ends(self._consumer.assignment())
        return {tp.partition: end for tp, end in ends.items()}

    async def member_since(self, moment: float) -> None:
        """Return once the coordinator called us a member in answer to a heartbeat sent after `moment`.

        Args:
            moment: Monotonic seconds.
        """
        while self._thread.heartbeat_sent_at <= moment:  # noqa: ASYNC110 - set on another thread
            await asyncio.sleep(LOOK_EVERY_S)
