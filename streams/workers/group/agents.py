"""The Faust agent of each group: it takes rounds of chunks and hands on every chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, cast

import faust

from streams.kafka.transport.chunks import Chunk
from streams.kafka.transport.consumer import ChunkTransport, PartitionOwner
from streams.workers.group.rounds import Rounds


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


def join_group(
    app: faust.App,
    topic: Any,
    rounds: Rounds,
    *,
    name: str,
    owner: PartitionOwner,
    halt: Callable[[BaseException], NoReturn],
) -> None:
    """Finish an app that reads `topic` into `rounds`; its start joins the group.

    Any exception of the agent halts the process: raised out of it, Faust would acknowledge and lose the
    chunk (I7).

    Args:
        name: of the agent.
        owner: decides from where each partition is read.
    """
    transport = cast(ChunkTransport, app.transport)
    transport.owner = owner
    transport.wait_for_capacity = rounds.wait_for_capacity

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                for chunk in event.value.chunks:
                    await rounds.put(ChunkDelivery(app.consumer, event.message, chunk))
            except Exception as exc:
                halt(exc)

    app.agent(topic, name=name)(agent)
    app.finalize()
