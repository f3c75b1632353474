"""The in-memory store: the same answers as Redis', for tests, replay and a single process.

`snapshot`, `restore` and `flush` do to it what operators and accidents do to Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import Fenced, KeyUnreadable, QuarantineFull, Regressed
from schemas.ids import VisitorId
from streams.runtime.clock import Clock, SystemClock
from streams.stores.memory_notices import MemoryNotices
from streams.stores.progress import PartitionProgress, ProgressReport
from streams.stores.protocols import (
    CLAIM_PATIENCE_S,
    QUARANTINE_MAX,
    STATE_BYTES_MAX,
    WINDOW_BYTES_MAX,
    Claim,
    Loaded,
    Notice,
    Quarantined,
    SliceWrite,
    Stored,
    VisitorWrite,
    WindowWrite,
    WriteOutcome,
    fresh_nonce,
)

Key = tuple[int, VisitorId]


@dataclass
class Own:
    """What `own:` of a partition holds; `done` -1 means that nothing was done yet.

    `fresh` is the moment (epoch seconds) up to which its owner said that every record is applied.
    """

    counter: int
    nonce: str
    kafka_generation: int
    incarnation: int
    claimed_at: float
    done: int = -1
    part: int = 0
    fresh: float | None = None

    @property
    def epoch(self) -> str:
        return f"{self.counter}:{self.nonce}"


@dataclass
class Contents:
    """All that the store remembers; copied whole for a snapshot. A value of another type is misplaced."""

    own: dict[int, Own] = field(default_factory=dict)
    states: dict[Key, Any] = field(default_factory=dict)
    layouts: dict[Key, Any] = field(default_factory=dict)
    windows: dict[Key, Any] = field(default_factory=dict)
    quarantined: dict[str, tuple[Quarantined, Any]] = field(default_factory=dict)


class MemoryStore:
    """VisitorStore and LayoutReader over dicts. Nothing expires here."""

    def __init__(self, *, incarnation: int, clock: Clock | None = None) -> None:
        self.contents = Contents()
        self._incarnation = incarnation
        self._clock = clock or SystemClock()
        self._listeners: list[MemoryNotices] = []

    @property
    def trouble(self) -> str:
        return ""

    def snapshot(self) -> Contents:
        """All there is, to be restored later."""
        return deepcopy(self.contents)

    def restore(self, contents: Contents) -> None:
        """Forget everything since `contents` was taken."""
        self.contents = deepcopy(contents)

    def flush(self) -> None:
        """Forget everything."""
        self.contents = Contents()

    async def claim(
        self, partition: int, owner: str, kafka_generation: int, *, nonce: str | None = None
    ) -> Claim:
        own = self.contents.own.get(partition)
        nonce = nonce or fresh_nonce()
        if own is None or own.nonce != nonce:
            own = self._successor(partition, own, kafka_generation, nonce)
            self.contents.own[partition] = own
        return Claim(epoch=own.epoch, done=_offset_or_none(own.done))

    def _successor(self, partition: int, own: Own | None, kafka_generation: int, nonce: str) -> Own:
        now = self._clock.now()
        if own is None:
            return Own(1, nonce, kafka_generation, self._incarnation, now)
        same = own.incarnation == self._incarnation
        if same and own.kafka_generation > kafka_generation and now - own.claimed_at < CLAIM_PATIENCE_S:
            raise Fenced(f"partition {partition}: a newer Kafka generation claimed it")
        done = own.done if same else -1
        fresh = own.fresh if done >= 0 else None
        return Own(own.counter + 1, nonce, kafka_generation, self._incarnation, now, done=done, fresh=fresh)

    async def load(
        self, partition: int, visitors: Sequence[VisitorId], *, bodies: bool = True
    ) -> list[Loaded]:
        kept = self.contents
        values = [kept.states, kept.layouts if bodies else {}, kept.windows]
        return [_make_loaded(*(kind.get((partition, v)) for kind in values)) for v in visitors]

    async def quarantine(
        self, partition: int, epoch: str, visitor: VisitorId, seen: bytes | None, *, window: bool = False,
        nonce: str | None = None,
    ) -> Quarantined | None:  # fmt: skip
        self._check_owner(partition, epoch)
        contents, key = self.contents, f"{partition}:{visitor}:{nonce or fresh_nonce()}"
        if key in contents.quarantined:
            return contents.quarantined[key][0]
        values = contents.windows if window else contents.states
        value = values.get((partition, visitor))
        if value is None or _cut(value, WINDOW_BYTES_MAX if window else STATE_BYTES_MAX) != seen:
            return None
        if sum(one.partition == partition for one, _ in contents.quarantined.values()) >= QUARANTINE_MAX:
            raise QuarantineFull(f"partition {partition} has {QUARANTINE_MAX} states set aside")
        found = f"{len(value)} bytes that are no " + ("window" if window else "state")
        found = found if isinstance(value, bytes) else type(value).__name__
        entry = Quarantined(visitor=visitor, partition=partition, found=found, key=key, at=self._clock.now())
        contents.quarantined[key] = entry, values.pop((partition, visitor))
        contents.windows.pop((partition, visitor), None)
        return entry

    async def write(self, write: SliceWrite) -> None:
        if self._is_repeated(write):
            return
        for one in write.visitors:
            self._put((write.partition, one.visitor), one)
        for window in write.windows:
            self._put_window((write.partition, window.visitor), window)
        own = self.contents.own[write.partition]
        own.done, own.part = _number(write.done), write.part
        if write.notify:
            self._notify(write)

    async def write_all(self, writes: Sequence[SliceWrite]) -> list[WriteOutcome]:
        outcomes: list[WriteOutcome] = []
        for write in writes:
            try:
                await self.write(write)
            except (Fenced, Regressed) as exc:
                outcomes.append(exc)
            else:
                outcomes.append(None)
        return outcomes

    async def report(self, reports: Sequence[ProgressReport]) -> None:
        for one in reports:
            own = self.contents.own.get(one.partition)
            if own is not None and own.epoch == one.epoch and own.done >= _number(one.done):
                own.fresh = self._clock.now() - one.behind_s

    def _is_repeated(self, write: SliceWrite) -> bool:
        """Whether this write was carried out before, alone or with those that were sent with it.

        Raises:
            Fenced, Regressed: As write.lua.
        """
        own = self._check_owner(write.partition, write.epoch)
        stands, expected = (own.done, own.part), (_number(write.expect_done), write.expect_part)
        if stands == expected:
            return False
        if stands < expected:
            raise Regressed(
                f"partition {write.partition}: stands at {stands}", done=_offset_or_none(own.done)
            )
        last_done, last_part = write.last or (write.done, write.part)
        if (_number(write.done), write.part) <= stands <= (_number(last_done), last_part):
            return True
        raise Fenced(f"partition {write.partition}: stands at {stands}, past {expected}")

    def _check_owner(self, partition: int, epoch: str) -> Own:
        """What `own:` holds; raises Fenced or Regressed when that is not of `epoch`."""
        own = self.contents.own.get(partition)
        if own is None:
            raise Regressed(f"partition {partition}: nobody owns it", done=None)
        if own.epoch != epoch:
            if own.counter < int(epoch.partition(":")[0]):
                done = _offset_or_none(own.done)
                raise Regressed(f"partition {partition}: an epoch of before", done=done)
            raise Fenced(f"partition {partition}: another owner has it")
        return own

    def _put(self, key: Key, one: VisitorWrite) -> None:
        layouts = self.contents.layouts
        self.contents.states[key] = one.state
        if one.head is not None and one.body is not None:
            layouts[key] = (one.head, one.body)
        elif one.head is not None:
            if isinstance(layouts.get(key), tuple):
                layouts[key] = (one.head, layouts[key][1])
            else:
                layouts.pop(key, None)
        elif one.drop_layout:
            layouts.pop(key, None)

    def _put_window(self, key: Key, one: WindowWrite) -> None:
        windows = self.contents.windows
        stored = windows.pop(key, b"") if one.kept else b""
        if not isinstance(stored, bytes):
            windows[key] = stored
        elif one.kept or one.added:
            kept = stored[: one.kept].ljust(one.kept, b"\0")
            windows[key] = kept + one.added + stored[one.kept + len(one.added) :]
        else:
            windows.pop(key, None)

    def _notify(self, write: SliceWrite) -> None:
        for notices in self._listeners:
            for v in write.visitors:
                changed = v.body is not None or v.drop_layout
                notices.deliver(Notice(write.partition, v.visitor, changed, v.version, write.times))

    async def layout(self, partition: int, visitor: VisitorId) -> tuple[bytes, bytes] | None:
        layout: tuple[bytes, bytes] | None = _readable(self.contents.layouts.get((partition, visitor)), tuple)
        return layout

    async def state(self, partition: int, visitor: VisitorId) -> bytes | None:
        state: bytes | None = _readable(self.contents.states.get((partition, visitor)), bytes)
        return state

    async def state_layout_done(self, partition: int, visitor: VisitorId) -> Stored:
        own = self.contents.own.get(partition)
        head, body = await self.layout(partition, visitor) or (None, None)
        return Stored(
            state=await self.state(partition, visitor), head=head, body=body,
            done=_offset_or_none(own.done) if own else None, incarnation=own.incarnation if own else None,
        )  # fmt: skip

    async def progress(self, partitions: int) -> list[PartitionProgress]:
        return [self._progress_of(self.contents.own.get(partition)) for partition in range(partitions)]

    def _progress_of(self, own: Own | None) -> PartitionProgress:
        if own is None:
            return PartitionProgress()
        behind_s = None if own.fresh is None else max(0.0, self._clock.now() - own.fresh)
        return PartitionProgress(
            incarnation=own.incarnation, done=_offset_or_none(own.done), behind_s=behind_s
        )

    def notices(self) -> MemoryNotices:
        notices = MemoryNotices()
        self._listeners.append(notices)
        return notices


def _readable(value: Any, kind: type) -> Any:
    """The value; KeyUnreadable when it is of another kind."""
    if value is None or isinstance(value, kind):
        return value
    raise KeyUnreadable(f"WRONGTYPE {type(value).__name__}")


def _make_loaded(state: Any, layout: Any, window: Any) -> Loaded:
    misplaced = [] if state is None or isinstance(state, bytes) else ["state"]
    misplaced += [] if layout is None or isinstance(layout, tuple) else ["layout"]
    misplaced += [] if window is None or isinstance(window, bytes) else ["window"]
    return Loaded(
        _cut(state, STATE_BYTES_MAX),
        None if "layout" in misplaced or layout is None else layout[1],
        tuple(misplaced),
        _cut(window, WINDOW_BYTES_MAX),
    )


def _cut(value: Any, most: int) -> bytes | None:
    """The bytes, of longer ones no more than shows it; None when there are none."""
    return value[: most + 1] if isinstance(value, bytes) else None


def _offset_or_none(number: int) -> int | None:
    return None if number < 0 else number


def _number(done: int | None) -> int:
    return -1 if done is None else done
