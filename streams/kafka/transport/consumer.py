"""Faust's consumer with chunks: what is delivered, acknowledged, committed and drained.

Overrides of Faust 0.15.3 that stand or fall with its internals: `getmany`, `ack`, the commit computation,
`perform_seek` and `on_partitions_revoked`. Where a partition is read on from is decided by its owner
(`streams.workers.group.ownership`), never by the committed offset.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, cast

from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types.tuples import TP, ConsumerMessage
from mode.utils.futures import notify

from streams.kafka.transport.chunks import Acknowledged, Chunk, Fetched, in_rounds
from streams.kafka.transport.consumer_thread import ChunkThread

NOTHING_TO_FETCH_S = 0.02
"""Pause while no partition may be read: a claim takes a few milliseconds."""


class Owner(Protocol):
    """Who decides where reading begins."""

    def assign(self, partitions: Iterable[int], generation: int) -> None:
        """These and no others are ours in this generation of the group."""
        ...

    def revoke(self) -> None:
        """None is ours any more; work under way may end."""
        ...


class NoReadOffsets(dict[Any, Any]):
    """Faust drops what lies below the highest offset it delivered; after a seek back that would be wrong."""

    def __getitem__(self, tp: Any) -> None:
        return None

    def __setitem__(self, tp: Any, offset: Any) -> None:
        pass


class Round:
    """The chunks of one message, one a partition; `open` are those not yet settled or forgotten."""

    __slots__ = ("chunks", "open")

    def __init__(self, chunks: Mapping[TP, Chunk]) -> None:
        self.chunks = list(chunks.values())
        self.open = {chunk.partition for chunk in self.chunks}


class ChunkConsumer(Consumer):
    """One message for a round of chunks: a turn or two of the loop for each would be most of the latency."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = NoReadOffsets()
        self._turns: dict[TP, int] = {}
        self._prefixes: defaultdict[Any, Acknowledged] = defaultdict(Acknowledged)

    def _new_consumer_thread(self) -> ChunkThread:
        return ChunkThread(self, loop=self.loop, beacon=self.beacon)

    # -- delivering

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        fetched, active = await self._next_records(timeout)
        generation = self.app.consumer_generation_id
        if not fetched or self.should_stop:
            return
        for round_ in in_rounds(fetched):
            # What is dropped here is missed by the owner, who finds that chunks do not follow each other.
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            wanted = {tp: c for tp, c in round_.items() if tp in active or tp in self._buffered_partitions}
            if wanted:
                for tp, chunk in wanted.items():
                    self._prefixes[tp].deliver(chunk.end)
                yield next(iter(wanted)), self._message_of(wanted, generation)

    async def _next_records(self, timeout: float) -> tuple[Mapping[TP, Fetched], set[TP]]:  # noqa: ASYNC109
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # as Faust itself does
        if not await self._chunk_transport.has_capacity(timeout):
            return {}, set()
        active = self._get_active_partitions()
        if not active:
            await self.sleep(NOTHING_TO_FETCH_S)
            return {}, active
        fetched: Any = await self._getmany(active_partitions=active, timeout=timeout)
        return fetched, active

    def _message_of(self, chunks: dict[TP, Chunk], generation: int) -> ConsumerMessage:
        """One message for a whole round, under the name of its first chunk."""
        value: Any = Round(chunks)  # Faust's type says bytes; the raw codec hands on whatever it is
        tp, chunk = next(iter(chunks.items()))
        return ConsumerMessage(
            tp.topic, tp.partition, chunk.end - 1, chunk.records[-1].timestamp / 1000, 0, None, None, value,
            None, 0, 0, tp, generation_id=generation,
        )  # fmt: skip

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps within a log are no business of the commit: prefixes count chunks, not offsets."""

    # -- acknowledging and committing

    def ack(self, message: Any) -> bool:
        """Faust's own acknowledgement, of a round it skipped: nothing of it is waited for or committed."""
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return False

    def ack_chunk(self, message: Any, chunk: Chunk) -> None:
        """The chunk was settled: it may be committed."""
        tp = TP(message.topic, chunk.partition)
        if self._turns.get(tp) == chunk.turn:  # of before a seek: it was delivered again, or will be
            self._prefixes[tp].ack(chunk.end)
        self.forget_chunk(message, chunk)

    def forget_chunk(self, message: Any, chunk: Chunk) -> None:
        """The chunk is not waited for any longer; without `ack_chunk` it is never committed."""
        waiting: Round = message.value
        waiting.open.discard(chunk.partition)
        if not waiting.open:
            message.acked = True
            self._unacked_messages.discard(message)
            notify(self._waiting_for_ack)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        for tp, prefix in list(self._prefixes.items()):
            if prefix.pending and (topics is None or tp in topics or tp.topic in topics):
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        return self._prefixes[tp].take()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        good = await super()._commit(offsets)
        self._chunk_transport.committed(good)
        return good

    def _should_commit(self, tp: TP, offset: int) -> bool:
        return bool(offset != self._committed_offset[tp])  # also backwards: the lag is real again

    # -- rebalances

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let chunks under way end, commit them, and only then let Faust forget what was acknowledged."""
        self.stop_flow()
        self.owner.revoke()
        await self._drained(self._chunk_transport.drain_s)
        if revoked:
            await self._commit_within(self._chunk_transport.drain_s)
        await super().on_partitions_revoked(revoked)
        self._prefixes.clear()

    async def perform_seek(self) -> None:
        """Faust asks where to go on: the owner decides for each partition, which stays paused until then."""
        assigned = set(self.assignment())
        self.pause_partitions(assigned)
        self.owner.assign((tp.partition for tp in assigned), self.app.consumer_generation_id)

    async def seek_to(self, tp: TP, offset: int) -> int:
        """Read on from `offset`; the turn that begins."""
        turn = await cast(ChunkThread, self._thread).seek_to(tp, offset)
        self._prefixes[tp].forget()
        self._turns[tp] = turn
        return turn

    # -- ending

    async def wait_empty(self) -> None:
        """Bounded, unlike Faust's: what is not settled by then is read again by the next owner."""
        await self._drained(self._chunk_transport.drain_s)
        await self._commit_within(self._chunk_transport.drain_s)

    async def _drained(self, within_s: float) -> None:
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
            self.log.warning("commit took too long; it serves lag tools only")

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's stall detector compares two different clocks; `watchdog` watches progress."""

    @property
    def owner(self) -> Owner:
        return self._chunk_transport.owner

    @property
    def _chunk_transport(self) -> ChunkTransport:
        return cast(ChunkTransport, self.transport)


class ChunkTransport(Transport):
    """`owner` must be set before the app starts; `has_capacity` says within seconds whether more is welcome.

    `committed` is told of each commit whether it went well, `lost` how many offsets are gone unapplied.
    """

    Consumer = ChunkConsumer
    owner: Owner
    has_capacity: Callable[[float], Awaitable[bool]]

    def __init__(
        self,
        *args: Any,
        drain_s: float,
        committed: Callable[[bool], None],
        lost: Callable[[int], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.drain_s, self.committed, self.lost = drain_s, committed, lost
