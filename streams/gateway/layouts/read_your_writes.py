"""Read your writes: a request with a token waits until the token's event is in the visitor's state."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from models.layout.rendering.fields import field_of
from models.visitor.packing import is_readable, version_of
from schemas.errors import InvalidToken
from schemas.ids import Version, VisitorId
from streams.gateway.events.partition_map import PartitionMap
from streams.gateway.layouts.hub import Hub, Mailbox
from streams.gateway.layouts.store_reads import MIN_COUNTED_WAIT_S, ReadFailed, StoreReads
from streams.runtime.deadline import LoopFairDeadline
from streams.stores.protocols import Stored

POLL_AFTER_S = 0.02
"""A token's partition may pass it without a notice about this visitor (the event was buried): read again
after this time, and then each time after twice the time."""

READ_AT_ONCE = 8
"""Waiting requests that read at the same moment: the loop turns for others in between."""

WAITING_MAX = 500
"""Requests that may wait for tokens; for one more the one that waits the longest is answered what is stored.
Events are folded within milliseconds: who waits long has mostly a token that never comes true. With such a
token each reads six times in the second that it may wait: together they cost a fifth of a core."""


class TokenWait:
    """Waits by the notices of the token's partition, and by reading again."""

    def __init__(self, reads: StoreReads, partition_map: PartitionMap, hub: Hub) -> None:
        self._reads, self._partition_map, self._hub = reads, partition_map, hub
        self._reading = asyncio.Semaphore(READ_AT_ONCE)
        self._waiting: dict[Mailbox, None] = {}
        """In the order of their coming."""

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
            ReadFailed: the store did not answer when it was asked first, or failed later. One that was merely
                asked too late to answer is not blamed: what was read before is returned.
        """
        partition, give_up = token.partition, until - margin_s
        if partition >= self._partition_map.partitions:
            return Stored()
        stored = await self._reads.read_all(partition, visitor, give_up)
        if is_reached(stored, token):
            return stored
        if len(self._waiting) >= WAITING_MAX:
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            longest.close()
        with self._hub.open_mailbox(partition, visitor) as mailbox:
            self._waiting[mailbox] = None
            try:
                return await self._read_until_reached(token, visitor, stored, mailbox, until, margin_s)
            finally:
                self._waiting.pop(mailbox, None)

    async def _read_until_reached(
        self,
        token: Version,
        visitor: VisitorId,
        stored: Stored,
        mailbox: Mailbox,
        until: float,
        margin_s: float,
    ) -> Stored:
        clock, give_up = asyncio.get_running_loop().time, until - margin_s
        pause, closed = POLL_AFTER_S, False
        while not (is_reached(stored, token) or closed or clock() >= give_up):
            with suppress(TimeoutError), LoopFairDeadline(min(give_up, clock() + pause)):
                closed = await _wait_for_mail(mailbox, token)
            stored = await self._read_again(token.partition, visitor, until, stored)
            pause *= 2
        return stored

    async def _read_again(self, partition: int, visitor: VisitorId, until: float, last: Stored) -> Stored:
        """As `read_all`, READ_AT_ONCE at a time; `last` when it could only be asked too late to be answered.

        Then the event was late, and not the store.
        """
        try:
            with LoopFairDeadline(until):
                await self._reading.acquire()
        except TimeoutError:
            if self._reads.circuit.state != "closed":
                raise ReadFailed("redis_timeout") from None
            return last
        asked_at = asyncio.get_running_loop().time()
        try:
            return await self._reads.read_all(partition, visitor, until)
        except ReadFailed as exc:
            if exc.reason == "redis_timeout" and until - asked_at < MIN_COUNTED_WAIT_S:
                return last
            raise
        finally:
            self._reading.release()


async def _wait_for_mail(mailbox: Mailbox, token: Version) -> bool:
    """Until there is reason to read, which an event before the token's is not.

    Returns:
        Whether the mailbox was closed: nothing will come any more.
    """
    while not (mail := await mailbox.take()).closed:
        if mail.reread or (mail.notice is not None and _may_have(mail.notice.version, token)):
            return False
    return True


def _may_have(noticed: str, token: Version) -> bool:
    """Whether a state of that version may have the token's event."""
    try:
        version = Version.parse(noticed)
    except InvalidToken:
        return True
    return version.incarnation != token.incarnation or version.offset >= token.offset


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


def is_earlier(layout: bytes, than: bytes) -> bool:
    """Whether a layout answers for an earlier state of its visitor than another one does."""
    version, other = field_of(layout, b"version"), field_of(than, b"version")
    if version == other or not (version and other):
        return False
    this, that = Version.parse(version), Version.parse(other)
    comparable = (this.incarnation, this.partition) == (that.incarnation, that.partition)
    return comparable and this.offset < that.offset


def state_version(packed: bytes | None, partition: int) -> Version | None:
    """The version of a packed state; None for none, or for one that newer code wrote."""
    return version_of(packed, partition) if packed and is_readable(packed) else None
