"""Faust's consumer with chunks: what is delivered, acknowledged, committed and drained.

Overrides of Faust 0.15.3 that stand or fall with its internals: `_drain_messages`, `getmany`, `ack`, the
commit computation, `perform_seek` and `on_partitions_revoked`. Where a partition is read on from is decided
by its owner (a PartitionOwner), never by the committed offset.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, cast

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types.tuples import TP, ConsumerMessage
from mode.utils.futures import notify

from streams.kafka.transport.chunk_client import ChunkClient
from streams.kafka.transport.chunks import (
    AcknowledgedPrefix,
    Chunk,
    FetchedRecords,
    interleave_partitions,
)

FETCH_WITHIN_S = 1.0
"""How long a fetch waits for records before it begins anew."""
NOTHING_TO_FETCH_S = 0.02
"""Pause while no partition may be read: a claim takes a few milliseconds."""


class PartitionOwner(Protocol):
    """Who decides from where each partition is read. Called on the loop of the Faust app."""

    def assign(self, partitions: Iterable[int], generation: int) -> None:
        """Take partitions; all of them are paused until the owner seeks and resumes each.

        Args:
            partitions: Numbers of all that this member has now; what it had before is void.
            generation: The group's generation, which rises with every rebalance.
        """
        ...

    def revoke(self) -> None:
        """Give up all partitions; work under way is waited for, within the transport's `drain_s`."""
        ...


class Round:
    """The chunks of one message, one a partition; `open` are the partitions whose chunk is under way."""

    __slots__ = ("chunks", "open")

    def __init__(self, chunks: Mapping[TP, Chunk]) -> None:
        self.chunks = list(chunks.values())
        self.open = {chunk.partition for chunk in self.chunks}


class ChunkConsumer(Consumer):
    """Delivers one Faust message for a round of chunks, one a partition, and commits acknowledged prefixes.

    A message for each chunk would cost a turn or two of the loop each, most of the latency.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turns: dict[TP, int] = {}
        self._prefixes: defaultdict[Any, AcknowledgedPrefix] = defaultdict(AcknowledgedPrefix)

    def _new_consumer_thread(self) -> ChunkClient:
        return ChunkClient(self, loop=self.loop, beacon=self.beacon)

    # -- delivering

    async def _drain_messages(self, fetcher: Any) -> None:
        """Deliver rounds until `fetcher` or this ends: Faust's loop without what each message costs there.

        Faust runs each delivery against the beginning of a rebalance: four tasks and a wait a message. A
        round that a rebalance holds up is only late here: the stream skips what is of an older generation.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for _, message in self.getmany(timeout=FETCH_WITHIN_S):
                    await self.callback(message)
                    await asyncio.sleep(0)  # the agent takes it before it is asked whether there is capacity
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Yield the next fetch in rounds: one message for up to one chunk of each partition.

        Args:
            timeout: Seconds to wait for capacity, and for records.
        """
        fetched, active = await self._fetch_next(timeout)
        generation = self.app.consumer_generation_id
        if not fetched or self.should_stop:
            return
        for round_ in interleave_partitions(fetched):
            # What is dropped here is read again: the owner sees that chunks do not follow each other.
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            wanted = {tp: c for tp, c in round_.items() if tp in active or tp in self._buffered_partitions}
            if wanted:
                for tp, chunk in wanted.items():
                    self._prefixes[tp].deliver(chunk.end)
                yield next(iter(wanted)), self._build_message(wanted, generation)

    async def _fetch_next(self, timeout: float) -> tuple[Mapping[TP, FetchedRecords], set[TP]]:  # noqa: ASYNC109
        """Records, and the partitions that were active when they were asked for; none without capacity."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # as Faust itself does
        if not await self._chunk_transport.wait_for_capacity(timeout):
            return {}, set()
        active = self._get_active_partitions()
        if not active:
            await self.sleep(NOTHING_TO_FETCH_S)
            return {}, active
        fetched: Any = await self._getmany(active_partitions=active, timeout=timeout)
        return fetched, active

    def _build_message(self, chunks: dict[TP, Chunk], generation: int) -> ConsumerMessage:
        """A message whose value is the whole round; partition and offset are those of its first chunk."""
        value: Any = Round(chunks)  # Faust's type says bytes; the raw codec hands on whatever it is
        tp, chunk = next(iter(chunks.items()))
        return ConsumerMessage(
            tp.topic, tp.partition, chunk.end - 1, chunk.records[-1].timestamp / 1000, 0, None, None, value,
            None, 0, 0, tp, generation_id=generation,
        )  # fmt: skip

    # -- acknowledging and committing

    def ack(self, message: Any) -> bool:
        """Drop a round that Faust skipped: it is not waited for any longer, and never committed.

        Agents acknowledge by `ack_chunk`; only Faust itself calls this.
        """
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return False

    def ack_chunk(self, message: Any, chunk: Chunk) -> None:
        """Allow a chunk to be committed, once all delivered before it are; it is not waited for any longer.

        Args:
            message: The Faust message with whose round the chunk came.
            chunk: One of an older turn (from before a seek) is not committed.
        """
        tp = TP(message.topic, chunk.partition)
        if self._turns.get(tp) == chunk.turn:  # else it was delivered again since, or will be
            self._prefixes[tp].ack(chunk.end)
        self.forget_chunk(message, chunk)

    def forget_chunk(self, message: Any, chunk: Chunk) -> None:
        """Stop waiting for a chunk without allowing its commit; of a round forgotten whole Faust is freed."""
        round_: Round = message.value
        round_.open.discard(chunk.partition)
        if not round_.open:
            message.acked = True
            self._unacked_messages.discard(message)
            notify(self._waiting_for_ack)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        for tp in list(self._prefixes):  # `_new_offset` knows whether there is anything to commit
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        """The end of the acknowledged prefix, and of markers right behind it: they are no lag."""
        prefix = self._prefixes[tp]
        taken, complete = prefix.take(), prefix.complete_until
        over = None if complete is None else self.client.stepped_over(tp, complete)
        return taken if over is None else over

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        good = await super()._commit(offsets)
        self._chunk_transport.on_commit(good)
        return good

    def _should_commit(self, tp: TP, offset: int) -> bool:
        return bool(offset != self._committed_offset[tp])  # also backwards: the lag is real again

    # -- rebalances

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let chunks under way end, commit them, and only then let Faust forget what was acknowledged."""
        self.stop_flow()
        self.owner.revoke()
        await self._drain(self._chunk_transport.drain_s)
        if revoked:
            await self._commit_within(self._chunk_transport.drain_s)
        await super().on_partitions_revoked(revoked)
        self._prefixes.clear()

    async def perform_seek(self) -> None:
        """Pause what is assigned and tell the owner, who seeks and resumes each partition.

        Faust calls this after a rebalance, where it would seek to the committed offsets itself.
        """
        assigned = set(self.assignment())
        self.pause_partitions(assigned)
        self.owner.assign((tp.partition for tp in assigned), self.app.consumer_generation_id)

    def seek_to(self, tp: TP, offset: int) -> int:
        """Read a partition on from `offset`; chunks delivered before are void.

        Returns:
            The number of the turn that begins: chunks read from here on bear it.

        Raises:
            IllegalStateError: aiokafka's; the partition is not assigned any more.
        """
        turn = self.client.seek_to(tp, offset)
        self._prefixes[tp].begin(offset)
        self._turns[tp] = turn
        return turn

    # -- ending

    async def wait_empty(self) -> None:
        """Wait for chunks under way, at most `drain_s`; the next owner reads the rest again."""
        await self._drain(self._chunk_transport.drain_s)
        await self._commit_within(self._chunk_transport.drain_s)

    async def _drain(self, within_s: float) -> None:
        deadline = self.loop.time() + within_s
        while self._unacked_messages and self.loop.time() < deadline:
            await self._wait_for_ack(timeout=1)
        # Faust asks again while it stops; these were waited for.
        self._unacked_messages.clear()

    async def _wait_for_ack(self, timeout: float) -> None:  # noqa: ASYNC109 - Faust's signature
        self._waiting_for_ack = self.loop.create_future()
        try:
            async with asyncio.timeout(0.1):
                await self._waiting_for_ack
        except TimeoutError:
            pass
        finally:
            self._waiting_for_ack = None

    async def _commit_within(self, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self.commit()
        except TimeoutError:
            self.log.warning("committing offsets timed out after %s s; only lag tools read them", within_s)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's stall detector compares two different clocks; our watchdog watches progress."""

    @property
    def client(self) -> ChunkClient:
        """What fetches, seeks and commits; Faust calls it a thread."""
        return cast(ChunkClient, self._thread)

    @property
    def owner(self) -> PartitionOwner:
        return self._chunk_transport.owner

    @property
    def _chunk_transport(self) -> ChunkTransport:
        return cast(ChunkTransport, self.transport)


class ChunkTransport(Transport):
    """Faust's aiokafka transport with a ChunkConsumer.

    Attributes:
        owner: Must be set before the app starts.
        wait_for_capacity: Must be set before the app starts. Awaited before each fetch (backpressure):
            returns True as soon as more may be fetched, False when not within the given seconds.
    """

    Consumer = ChunkConsumer
    owner: PartitionOwner
    wait_for_capacity: Callable[[float], Awaitable[bool]]

    def __init__(
        self,
        *args: Any,
        drain_s: float,
        on_commit: Callable[[bool], None],
        on_lost: Callable[[int], None],
        **kwargs: Any,
    ) -> None:
        """Set up what does not come from Faust's own settings.

        Args:
            args: Faust's: addresses and app.
            drain_s: Seconds that a rebalance or the end waits for chunks under way, and again for the commit.
            on_commit: Called after each commit with whether it succeeded.
            on_lost: Called with the number of offsets that the log dropped before they were read.
            kwargs: Faust's.
        """
        super().__init__(*args, **kwargs)
        self.drain_s, self.on_commit, self.on_lost = drain_s, on_commit, on_lost
