"""Read your writes: a request with a token waits until the token's event is in the visitor's state."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from models.layout.rendering.fields import field_of
from models.visitor.packing import unpack
from schemas.errors import UnknownVersion
from schemas.ids import Version, VisitorId
from streams.gateway.events.partition_map import PartitionMap
from streams.gateway.layouts.hub import Hub
from streams.gateway.layouts.store_reads import StoreReads
from streams.runtime.deadline import LoopFairDeadline
from streams.stores.protocols import Stored

POLL_EVERY_S = 0.02
"""A token's partition may pass it without a notice about this visitor (the event was buried): read again so
often."""


class TokenWait:
    """Waits by the notices of the token's partition, and by reading again."""

    def __init__(self, reads: StoreReads, partition_map: PartitionMap, hub: Hub) -> None:
        self._reads, self._partition_map, self._hub = reads, partition_map, hub

    async def wait(self, token: Version, visitor: VisitorId, until: float, *, margin_s: float) -> Stored:
        """What is stored of the visitor in the token's partition, once it includes the token's event.

        Args:
            token: the version that a post was answered with; its partition is another than the visitor's when
                the event was of before a login.
            visitor: whose state is read.
            until: when the answer must be given (event loop time, seconds).
            margin_s: waiting ends so long before `until`; only the last read may take longer.

        Returns:
            What was read last: when the time was up it may lack the event (see `is_reached`). Empty for a
            partition that there is not.

        Raises:
            ReadFailed: the store did not answer in time.
        """
        partition, give_up = token.partition, until - margin_s
        if partition >= self._partition_map.partitions:
            return Stored()
        stored = await self._reads.read_all(partition, visitor, give_up)
        if is_reached(stored, token):
            return stored
        clock = asyncio.get_running_loop().time
        with self._hub.open_mailbox(partition, visitor) as mailbox:
            while True:
                with suppress(TimeoutError), LoopFairDeadline(min(give_up, clock() + POLL_EVERY_S)):
                    await mailbox.take()
                stored = await self._reads.read_all(partition, visitor, until)
                if is_reached(stored, token) or clock() >= give_up:
                    return stored


def is_reached(stored: Stored, token: Version) -> bool:
    """Whether the visitor's state has the token's event, or its partition has passed it (it was buried)."""
    if stored.incarnation == token.incarnation and stored.done is not None and stored.done > token.offset:
        return True
    version = state_version(stored.state, token.partition)
    return version is not None and version.incarnation == token.incarnation and version.offset >= token.offset


def live_layout(stored: Stored, partition: int) -> bytes | None:
    """The live layout, when it was decided from the very state that is stored with it."""
    version = state_version(stored.state, partition)
    if stored.head is None or stored.body is None or version is None:
        return None
    return stored.head + stored.body if field_of(stored.head, b"version") == version.text() else None


def state_version(packed: bytes | None, partition: int) -> Version | None:
    """The version of a packed state; None for none, or for one that newer code wrote."""
    if packed is None:
        return None
    try:
        state = unpack(packed)
    except UnknownVersion:
        return None
    return Version(state.incarnation, partition, state.offset)
