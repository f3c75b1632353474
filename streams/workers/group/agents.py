"""The Faust agent of each group: it takes rounds of chunks and hands every chunk to its partition's lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import faust

from streams.kafka.transport.chunks import Chunk
from streams.workers.group.partition_lanes import PartitionLanes


class ChunkDelivery:
    """One chunk of a Faust event: acknowledged, or taken off the list of what is waited for."""

    __slots__ = ("_consumer", "_message", "chunk")

    def __init__(self, consumer: Any, message: Any, chunk: Chunk) -> None:
        self._consumer, self._message, self.chunk = consumer, message, chunk

    def ack(self) -> None:
        """The chunk may be committed."""
        self._consumer.ack_chunk(self._message, self.chunk)

    def forget(self) -> None:
        """The chunk is not waited for and never committed."""
        self._consumer.forget_chunk(self._message, self.chunk)


def add_agent(
    app: faust.App, name: str, topic: Any, lanes: PartitionLanes, halt: Callable[[BaseException], NoReturn]
) -> None:
    """Add an agent that feeds `lanes` from `topic`; any exception halts the process.

    Nothing is ever raised out of the agent: Faust would acknowledge and lose the chunk (I7).
    """

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                for chunk in event.value.chunks:
                    await lanes.put(ChunkDelivery(app.consumer, event.message, chunk))
            except Exception as exc:
                halt(exc)

    app.agent(topic, name=name)(agent)
