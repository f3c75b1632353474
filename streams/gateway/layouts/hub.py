"""Fan-out of notices to open pages: a mailbox for each, in which the latest notice wins."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct
from msgspec.structs import replace

from schemas.ids import VisitorId
from streams.runtime.clock import Clock
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Following, Notice, Notices

HEARTBEAT_S = 15.0
"""Time between heartbeats of open pages; as often partitions without listeners are looked for."""
UNFOLLOW_AFTER_S = 30.0
"""How long a partition stays followed after its last mailbox closed: the next is often on its way."""

REREAD_AT_ONCE, REREAD_PAUSE_S = 10, 0.02
"""How many open pages are woken to read again before a pause, and the pause: 10 pages occupy the loop for
7 ms, 1,000 are through in 2 s."""


class Mail(Struct, frozen=True):
    """Why the reader of a mailbox was woken; a heartbeat when nothing is set.

    Attributes:
        notice: The newest notice; `layout_changed` when any since the last take had it.
        noticed_at: When it came, epoch seconds.
        reread: Whether to read the store again: notices may have been missed, or the shop changed.
        closed: Whether the client left or the process stops; nothing comes after it.
    """

    notice: Notice | None = None
    noticed_at: float = 0.0
    reread: bool = False
    closed: bool = False


class Mailbox:
    """A conflating slot for one reader: the newest notice, and what else was requested since."""

    def __init__(self) -> None:
        self._notice: Notice | None = None
        self._noticed_at = 0.0
        self._reread = self._heartbeat = self._changed = False
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, notice: Notice, at: float) -> bool:
        """Replace the notice; `at` (epoch seconds) is when it came.

        Returns:
            True when an untaken notice was replaced; `layout_changed` of both is OR-ed.
        """
        replaced = self._notice is not None
        self._noticed_at = at
        self._changed = notice.layout_changed or self._changed
        self._notice = notice
        self._wake()
        return replaced

    def request_reread(self) -> None:
        """Wake the reader to read the store again: notices may have been missed, or the shop moved on."""
        self._reread = True
        self._wake()

    def request_heartbeat(self) -> None:
        """Wake the reader to show its client that the connection lives."""
        self._heartbeat = True
        self._wake()

    def close(self) -> None:
        """Makes every later `take` return a closed mail at once."""
        self._closed = True
        self._wake()

    async def take(self) -> Mail:
        """The next mail; waits until there is some."""
        while not (self._closed or self._notice or self._reread or self._heartbeat):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        notice = self._notice
        if notice is not None and notice.layout_changed != self._changed:
            notice = replace(notice, layout_changed=True)
        mail = Mail(notice, self._noticed_at, self._reread, self._closed)
        self._notice, self._reread, self._heartbeat, self._changed = None, False, False, False
        return mail

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Hub:
    """Follows the partitions of open mailboxes; delivers each notice to its visitor's.

    Args:
        notices: the store's subscription; closed by `stop`.
        clock: when notices came.
        metrics: counts notices, and those that replaced one not taken yet.
    """

    def __init__(self, notices: Notices, clock: Clock, metrics: Metrics) -> None:
        self._notices, self._clock, self._metrics = notices, clock, metrics
        self._mailboxes: dict[int, dict[VisitorId, set[Mailbox]]] = {}  # by followed partition
        self._empty_since: dict[int, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def start(self) -> None:
        """Begin to listen; needs a running loop."""
        self._tasks = [
            asyncio.create_task(self._listen(), name="hub-listen"),
            asyncio.create_task(self._tick(), name="hub-tick"),
        ]

    async def stop(self) -> None:
        """Close every mailbox, also those opened later, and stop listening."""
        self._closed = True
        for mailbox in self._all_mailboxes():
            mailbox.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._notices.close()

    @contextmanager
    def open_mailbox(self, partition: int, visitor: VisitorId) -> Iterator[Mailbox]:
        """A mailbox while the block runs.

        A `reread` mail comes once the partition is followed: from then on no notice is missed. When others
        listen to the partition already it comes at once too.
        """
        mailbox = Mailbox()
        if self._closed:
            mailbox.close()
        by_visitor = self._mailboxes.get(partition)
        if by_visitor is None:
            by_visitor = self._mailboxes[partition] = {}
            self._tasks.append(asyncio.create_task(self._notices.follow(partition)))
        else:
            mailbox.request_reread()
        self._empty_since.pop(partition, None)
        by_visitor.setdefault(visitor, set()).add(mailbox)
        try:
            yield mailbox
        finally:
            self._remove(partition, visitor, mailbox)

    def _remove(self, partition: int, visitor: VisitorId, mailbox: Mailbox) -> None:
        by_visitor = self._mailboxes[partition]
        mailboxes = by_visitor[visitor]
        mailboxes.discard(mailbox)
        if not mailboxes:
            del by_visitor[visitor]
        if not by_visitor:
            self._empty_since[partition] = asyncio.get_running_loop().time()

    async def reread_all(self) -> None:
        """Wake every open page to read again, some at a time: other requests must not wait for them all."""
        await _request_rereads(self._all_mailboxes())

    async def reread(self, partition: int) -> None:
        """As `reread_all`, for the open pages of one partition."""
        by_visitor = self._mailboxes.get(partition, {})
        await _request_rereads([box for boxes in by_visitor.values() for box in boxes])

    async def _listen(self) -> None:
        async for notice in self._notices:
            try:
                self._deliver(notice)
            except Exception:  # a defect in one notice must not end all pushes
                logger("gateway").exception("delivering a notice failed", partition=notice.partition)

    def _deliver(self, notice: Notice | Following) -> None:
        by_visitor = self._mailboxes.get(notice.partition, {})
        if isinstance(notice, Following):
            for mailboxes in by_visitor.values():
                for mailbox in mailboxes:
                    mailbox.request_reread()
            return
        self._metrics.count("notices_total")
        for mailbox in by_visitor.get(notice.visitor, ()):
            if mailbox.put(notice, self._clock.now()):
                self._metrics.count("pushes_replaced_total")

    async def _tick(self) -> None:
        """For ever: requests heartbeats; unfollows partitions without mailboxes after UNFOLLOW_AFTER_S."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for mailbox in self._all_mailboxes():
                mailbox.request_heartbeat()
            now = asyncio.get_running_loop().time()
            for partition in [p for p, since in self._empty_since.items() if now - since > UNFOLLOW_AFTER_S]:
                # While another was unfollowed, a mailbox of this one may have been opened.
                if self._empty_since.pop(partition, None) is not None:
                    self._mailboxes.pop(partition, None)
                    await self._notices.unfollow(partition)
            self._tasks = [task for task in self._tasks if not task.done()]

    def _all_mailboxes(self) -> list[Mailbox]:
        return [
            box for by_visitor in self._mailboxes.values() for boxes in by_visitor.values() for box in boxes
        ]


async def _request_rereads(mailboxes: Sequence[Mailbox]) -> None:
    for number, mailbox in enumerate(mailboxes, start=1):
        mailbox.request_reread()
        if number % REREAD_AT_ONCE == 0:
            await asyncio.sleep(REREAD_PAUSE_S)
