"""The agent that keeps visitors' states: it takes rounds of chunks and hands each chunk to its lane."""

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
        self._consumer.ack_chunk(self._message, self.chunk)

    def forget(self) -> None:
        self._consumer.forget_chunk(self._message, self.chunk)


async def hand_over(app: faust.App, event: Any, lanes: PartitionLanes) -> None:
    """Give every chunk of a round to its lane."""
    for chunk in event.value.chunks:
        await lanes.put(ChunkDelivery(app.consumer, event.message, chunk))


def add_personalize(
    app: faust.App, topic: Any, lanes: PartitionLanes, halt: Callable[[BaseException], NoReturn]
) -> None:
    """Add the agent to the app. Nothing is raised out of it: Faust would acknowledge and lose the chunk."""

    async def personalize(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await hand_over(app, event, lanes)
            except Exception as exc:
                halt(exc)

    app.agent(topic, name="personalize")(personalize)
