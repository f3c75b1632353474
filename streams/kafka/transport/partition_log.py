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
from streams.kafka.endpoint.errors import translate_errors
from streams.kafka.transport.chunk_client import ChunkClient
from streams.kafka.transport.consumer import ChunkConsumer
from streams.kafka.transport.errors import NotAssigned

LOOK_EVERY_S = 0.05


@contextmanager
def _translate_client_errors() -> Iterator[None]:
    """NotAssigned or StreamUnavailable in place of what the consumer and its client raise."""
    with translate_errors("Kafka"):
        try:
            yield
        except IllegalStateError as exc:
            raise NotAssigned(str(exc)) from exc


class PartitionLog:
    """The partitions of a topic that a running Faust app consumes; by number, all of the same topic."""

    def __init__(self, app: Any, topic: str) -> None:
        """`app` is a Faust app with a ChunkTransport, `topic` the full name."""
        self._app, self._topic = app, topic

    @property
    def _consumer(self) -> ChunkConsumer:
        return cast(ChunkConsumer, self._app.consumer)

    @property
    def _client(self) -> ChunkClient:
        client = self._consumer.client
        if client.should_stop:  # it ends before those who still ask it
            raise StreamUnavailable("the consumer has ended")
        if not client.connected:
            raise StreamUnavailable("the consumer has not connected yet")
        return client

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
        with _translate_client_errors():
            return self._consumer.seek_to(self._tp(partition), offset)

    def pause(self, partition: int) -> None:
        """Fetch nothing more of the partition until `resume`."""
        self._consumer.pause_partitions({self._tp(partition)})

    def resume(self, partition: int) -> None:
        """Fetch from the partition again."""
        self._consumer.resume_partitions({self._tp(partition)})

    async def bounds(self, partition: int) -> tuple[int, int]:
        """The first offset that the partition holds, and the next one to be written.

        Raises:
            NotAssigned: The partition is not, or no longer, assigned.
            StreamUnavailable: Kafka did not answer.
        """
        tp = self._tp(partition)
        with _translate_client_errors():
            client = self._client
            # Both at once: an answer waits behind the fetch under way on its connection.
            starts, ends = await asyncio.gather(client.earliest_offsets(tp), client.highwaters(tp))
        if tp not in self._consumer.assignment():
            raise NotAssigned(f"partition {partition}")
        return starts[tp], ends[tp]

    async def ends(self) -> Mapping[int, int]:
        """The offset after the last record that can be read, of every assigned partition.

        Raises:
            NotAssigned: A rebalance took one of them meanwhile.
            StreamUnavailable: Kafka did not answer.
        """
        with _translate_client_errors():
            ends = await self._client.ends(self._consumer.assignment())
        return {tp.partition: end for tp, end in ends.items()}

    async def member_since(self, moment: float) -> None:
        """Return once the coordinator called us a member in answer to a heartbeat sent after `moment`.

        Args:
            moment: Monotonic seconds.
        """
        while self._consumer.client.heartbeat_sent_at <= moment:  # noqa: ASYNC110 - Kafka's client tells nobody
            await asyncio.sleep(LOOK_EVERY_S)
