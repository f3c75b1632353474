"""Who waits for which visitor, and what wakes them: a mailbox for each open page, the latest notice wins.

For the demo's panel a stream opened with `journey=1` also gets `event: journey` for each notice of its
visitor, whether the layout changed or not. Its data is JSON; times are epoch milliseconds, and absent when
this gateway does not know them:

    {"version": "…", "layout_changed": true, "received": …, "accepted": …, "applied": …, "folded": …,
     "ranked": …, "noticed": …, "pushed": …}

received and accepted (by Kafka) come from this gateway's own POST /v1/events; applied (chunk taken), folded
and ranked from the worker, when its notice carries them; noticed and pushed are the gateway's again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct
from msgspec.structs import replace

from schemas.ids import VisitorId
from streams.runtime.clock import Clock
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Following, Notice, Notices

HEARTBEAT_S = 15.0
UNFOLLOW_AFTER_S = 30.0
"""A partition is followed for so long after its last listener left: the next one is often on its way."""

REREAD_AT_ONCE, REREAD_PAUSE_S = 10, 0.02
"""Open pages that are decided anew together: 10 take the loop for 7 ms, 1,000 have their turn in 2 s."""


class Mail(Struct, frozen=True):
    """Why a listener was woken: a notice, `reread` (some may have been missed), or neither: a heartbeat."""

    notice: Notice | None = None
    noticed_at: float = 0.0  # when the notice came (epoch seconds)
    reread: bool = False
    closed: bool = False


class Mailbox:
    """Holds one mail until it is taken: the newest notice, with all that was asked for since the last take.

    For one reader.
    """

    def __init__(self) -> None:
        self._notice: Notice | None = None
        self._noticed_at = 0.0
        self._reread = self._heartbeat = self._changed = False
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, notice: Notice, at: float) -> bool:
        """Replace the notice; `at` (epoch seconds) is when it came.

        Returns:
            Whether an older one was not taken yet. That it had changed the layout is not forgotten.
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
        """Every take from now on says closed, at once."""
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
    """Follows the partitions that somebody listens to, and hands each notice to its visitor's mailboxes.

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
        """A mailbox while the block runs; its first mail (`reread`) comes once no notice can be missed."""
        mailbox = Mailbox()
        if self._closed:
            mailbox.close()
        followed = self._mailboxes.get(partition)
        if followed is None:
            followed = self._mailboxes[partition] = {}
            self._tasks.append(asyncio.create_task(self._notices.follow(partition)))
        else:
            mailbox.request_reread()
        self._empty_since.pop(partition, None)
        followed.setdefault(visitor, set()).add(mailbox)
        try:
            yield mailbox
        finally:
            self._remove(partition, visitor, mailbox)

    def _remove(self, partition: int, visitor: VisitorId, mailbox: Mailbox) -> None:
        followed = self._mailboxes[partition]
        own = followed[visitor]
        own.discard(mailbox)
        if not own:
            del followed[visitor]
        if not followed:
            self._empty_since[partition] = asyncio.get_running_loop().time()

    async def reread_all(self) -> None:
        """Wake every open page to read again, some at a time: other requests must not wait for them all."""
        for number, mailbox in enumerate(self._all_mailboxes(), start=1):
            mailbox.request_reread()
            if number % REREAD_AT_ONCE == 0:
                await asyncio.sleep(REREAD_PAUSE_S)

    async def _listen(self) -> None:
        async for notice in self._notices:
            try:
                self._deliver(notice)
            except Exception:  # one odd notice must not end the pushes of everybody
                logger("gateway").exception("delivering a notice failed", partition=notice.partition)

    def _deliver(self, notice: Notice | Following) -> None:
        followed = self._mailboxes.get(notice.partition, {})
        if isinstance(notice, Following):
            for mailboxes in followed.values():
                for mailbox in mailboxes:
                    mailbox.request_reread()
            return
        self._metrics.count("notices_total")
        for mailbox in followed.get(notice.visitor, ()):
            if mailbox.put(notice, self._clock.now()):
                self._metrics.count("pushes_replaced_total")

    async def _tick(self) -> None:
        """For ever: heartbeats, and an end to following partitions that nobody listens to any more."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for mailbox in self._all_mailboxes():
                mailbox.request_heartbeat()
            now = asyncio.get_running_loop().time()
            for partition in [p for p, since in self._empty_since.items() if now - since > UNFOLLOW_AFTER_S]:
                # While another was unfollowed, somebody may have come to this one.
                if self._empty_since.pop(partition, None) is not None:
                    self._mailboxes.pop(partition, None)
                    await self._notices.unfollow(partition)
            self._tasks = [task for task in self._tasks if not task.done()]

    def _all_mailboxes(self) -> list[Mailbox]:
        return [box for followed in self._mailboxes.values() for boxes in followed.values() for box in boxes]
