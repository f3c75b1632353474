"""Who waits for which visitor, and what they are told: a mailbox of one per open page, latest wins.

For the demo's panel a stream opened with `journey=1` also gets `event: journey` for each notice of its
visitor, whether the layout changed or not. Its data is JSON; times are epoch milliseconds, and absent when
this gateway does not know them:

    {"version": "…", "layout_changed": true, "received": …, "accepted": …, "applied": …, "folded": …,
     "ranked": …, "noticed": …, "pushed": …}

received and accepted (by Kafka) come from this gateway's own intake; applied (chunk taken), folded and
ranked from the worker, when its notice carries them; noticed and pushed are the gateway's again.
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
LINGER_S = 30.0
"""A partition is followed for so long after its last listener left: the next one is often on its way."""

REREAD_AT_ONCE, REREAD_PAUSE_S = 10, 0.02
"""Open pages that are decided anew together: 10 take the loop for 7 ms, 1,000 have their turn in 2 s."""


class Mail(Struct, frozen=True):
    """Why a listener was woken: a notice, `reread` (some may have been missed), or neither: a heartbeat."""

    notice: Notice | None = None
    ignore_result: float = 0.0  # when the notice came (epoch seconds)
    reread: bool = False
    closed: bool = False


class Mailbox:
    """Holds the newest notice until it is taken."""

    def __init__(self) -> None:
        self._notice: Notice | None = None
        self._heard = 0.0
        self._reread = self._beat = self._changed = False
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, notice: Notice, ignore_result: float) -> bool:
        """Whether an older notice was overtaken. That it had changed the layout is not forgotten."""
        replaced = self._notice is not None
        self._heard = ignore_result
        self._changed = notice.layout_changed or self._changed
        self._notice = notice
        self._wake()
        return replaced

    def reread(self) -> None:
        self._reread = True
        self._wake()

    def beat(self) -> None:
        self._beat = True
        self._wake()

    def close(self) -> None:
        self._closed = True
        self._wake()

    async def take(self) -> Mail:
        """The next mail; at once when there is some."""
        while not (self._closed or self._notice or self._reread or self._beat):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        notice = self._notice
        if notice is not None and notice.layout_changed != self._changed:
            notice = replace(notice, layout_changed=True)
        mail = Mail(notice, self._heard, self._reread, self._closed)
        self._notice, self._reread, self._beat, self._changed = None, False, False, False
        return mail

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Hub:
    """Follows the partitions that somebody listens to, and hands each notice to its visitor's mailboxes."""

    def __init__(self, notices: Notices, clock: Clock, metrics: Metrics) -> None:
        self._notices, self._clock, self._metrics = notices, clock, metrics
        self._rooms: dict[int, dict[VisitorId, set[Mailbox]]] = {}
        self._empty_since: dict[int, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._listen(), name="hub-listen"),
            asyncio.create_task(self._tick(), name="hub-tick"),
        ]

    async def stop(self) -> None:
        """End every stream and stop listening."""
        self._closed = True
        for box in self._boxes():
            box.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._notices.close()

    @contextmanager
    def mailbox(self, partition: int, visitor: VisitorId) -> Iterator[Mailbox]:
        """A mailbox while the block runs; its first mail comes when nothing can be missed any more."""
        box = Mailbox()
        if self._closed:
            box.close()
        room = self._rooms.get(partition)
        if room is None:
            room = self._rooms[partition] = {}
            self._tasks.append(asyncio.create_task(self._notices.follow(partition)))
        else:
            box.reread()
        self._empty_since.pop(partition, None)
        room.setdefault(visitor, set()).add(box)
        try:
            yield box
        finally:
            self._leave(partition, visitor, box)

    def _leave(self, partition: int, visitor: VisitorId, box: Mailbox) -> None:
        room = self._rooms[partition]
        boxes = room[visitor]
        boxes.discard(box)
        if not boxes:
            del room[visitor]
        if not room:
            self._empty_since[partition] = asyncio.get_running_loop().time()

    async def reread_all(self) -> None:
        """Let every open page look again, some at a time: a reader in between must not wait for them all."""
        for number, box in enumerate(self._boxes(), start=1):
            box.reread()
            if number % REREAD_AT_ONCE == 0:
                await asyncio.sleep(REREAD_PAUSE_S)

    async def _listen(self) -> None:
        async for ignore_result in self._notices:
            try:
                self._deliver(ignore_result)
            except Exception:  # one odd notice must not end the pushes of everybody
                logger("gateway").exception("notice not delivered")

    def _deliver(self, ignore_result: Notice | Following) -> None:
        room = self._rooms.get(ignore_result.partition, {})
        if isinstance(ignore_result, Following):
            for boxes in room.values():
                for box in boxes:
                    box.reread()
            return
        self._metrics.count("notices_total")
        for box in room.get(ignore_result.visitor, ()):
            if box.put(ignore_result, self._clock.now()):
                self._metrics.count("pushes_replaced_total")

    async def _tick(self) -> None:
        """Heartbeats, and farewells to partitions that nobody listens to any more."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for box in self._boxes():
                box.beat()
            now = asyncio.get_running_loop().time()
            for partition in [p for p, since in self._empty_since.items() if now - since > LINGER_S]:
                # While another was told, somebody may have come to this one.
                if self._empty_since.pop(partition, None) is not None:
                    self._rooms.pop(partition, None)
                    await self._notices.unfollow(partition)
            self._tasks = [task for task in self._tasks if not task.done()]

    def _boxes(self) -> list[Mailbox]:
        return [box for room in self._rooms.values() for boxes in room.values() for box in boxes]
