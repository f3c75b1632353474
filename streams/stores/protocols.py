"""What workers and gateways ask of a store; the memory and the Redis store pass one suite.

A partition in a store has one writer at a time, named by its epoch (a fencing token), and a checkpoint (done,
part): `done` is the next offset to apply, `part` counts the slices already written of the chunk that begins
there. So (epoch, done, part) names exactly one content of the partition, and a write that expects it cannot
be carried out on any other.

A visitor's key may hold what no worker wrote. A layout is derived, so whatever stands in its place is written
over; an unreadable state is set aside (quarantine), and the visitor begins anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol
from uuid import uuid4

from msgspec import Struct

from schemas.errors import Fenced, Regressed, StoreUnavailable
from schemas.ids import VisitorId
from streams.stores.progress import PartitionProgress, ProgressReport

CLAIM_PATIENCE_S = 300
"""Seconds for which a claim of an older Kafka generation is refused: it comes from a worker that was stopped
and woke up. After them it comes from a group that began to count anew. Own choice, not tuned."""


STATE_BYTES_MAX = 1024
"""No state is longer (`models.visitor.state_fields`): of longer values this and one byte is read."""
WINDOW_BYTES_MAX = 5 + 9 * 4096
"""No window is longer, likewise."""
BODY_BYTES_MAX = 1 << 20
"""A longer body is none that a worker wrote: it counts as not stored."""
QUARANTINE_MAX = 10
"""States of one partition that may be set aside and not repaired: more is no trouble of single visitors."""
REPAIRED = -1
"""The `part` after a repair: the owner, which stands at 0 or beyond, finds that the store went back, and
loads its visitors again."""


class Claim(Struct, frozen=True):
    """The right to write a partition; `done` is the next offset to apply, None before the first."""

    epoch: str
    done: int | None


class Loaded(Struct, frozen=True, gc=False):
    """What a store has of a visitor: packed state, body of the live layout, window; None where there is none.

    `misplaced`: what of them, "state", "layout" or "window", is a value of another type.
    """

    state: bytes | None = None
    body: bytes | None = None
    misplaced: tuple[str, ...] = ()
    window: bytes | None = None


class Quarantined(Struct, frozen=True, kw_only=True):
    """A state that was set aside: what was found in its place, where that is kept, when (epoch s)."""

    visitor: VisitorId
    partition: int
    found: str
    key: str
    at: float


class VisitorWrite(Struct, frozen=True, kw_only=True, gc=False):
    """A visitor's new packed state and what becomes of the live layout.

    head and body: both are written. head alone: same content for a newer state. drop_layout: it is deleted.
    None of these: it stays as it is.
    """

    visitor: VisitorId
    state: bytes
    version: str
    head: bytes | None = None
    body: bytes | None = None
    drop_layout: bool = False


class WindowWrite(Struct, frozen=True, kw_only=True, gc=False):
    """What becomes of a visitor's window: of what is stored the first `kept` bytes, then what is `added`.

    Without any bytes it is deleted. What is stored is taken on trust: where it is shorter zeros stand in
    between, so that the next load finds no window there.
    """

    visitor: VisitorId
    kept: int = 0
    added: bytes = b""


class SliceWrite(Struct, frozen=True, kw_only=True, gc=False):
    """Some visitors of one chunk, written together with where the partition then stands, or not at all.

    Args:
        epoch: of the claim under which this is written.
        expect_done, expect_part: where the partition must stand now.
        done, part: where it stands afterwards.
        last: where it stands after the last of the slices that are sent together; None: this is the last.
        windows: of whatever visitors of the partition.
        notify: whether those who follow the partition get a Notice of each visitor.
        times: sent with the notices: chunk taken, folded, ranked (epoch milliseconds).
    """

    partition: int
    epoch: str
    expect_done: int | None
    expect_part: int
    done: int | None
    part: int
    last: tuple[int | None, int] | None = None
    visitors: Sequence[VisitorWrite] = ()
    windows: Sequence[WindowWrite] = ()
    notify: bool = True
    times: tuple[float, ...] = ()


WriteOutcome = Fenced | Regressed | StoreUnavailable | None
"""What became of a slice: None when it is written; StoreUnavailable when that is unknown."""


class Stored(Struct, frozen=True, kw_only=True):
    """A visitor as of one moment, with where the partition stands; None where there is nothing."""

    state: bytes | None = None
    head: bytes | None = None
    body: bytes | None = None
    done: int | None = None
    incarnation: int | None = None


class Notice(Struct, frozen=True, gc=False):
    """A visitor's state was written; `version` is its version, as text.

    `times`, when the worker sends them: chunk taken, folded, ranked (epoch milliseconds).
    """

    partition: int
    visitor: VisitorId
    layout_changed: bool
    version: str
    times: tuple[float, ...] = ()


class Following(Struct, frozen=True):
    """From here on no notice of `partition` is missed; what came before may be: read again."""

    partition: int


class VisitorStore(Protocol):
    """For workers. No method has a deadline of its own: the caller puts one around each call.

    Each may raise StoreUnavailable: the store cannot be reached or cannot serve now. Whether the call took
    effect is then unknown, and it may be repeated as it is.
    """

    async def claim(
        self, partition: int, owner: str, kafka_generation: int, *, nonce: str | None = None
    ) -> Claim:
        """Become the partition's only writer.

        Args:
            owner: the worker's name, for operators.
            kafka_generation: of the consumer group that assigned the partition.
            nonce: makes a repeated claim the same claim; None: a fresh one.

        Raises:
            Fenced: a newer Kafka generation claimed within the last CLAIM_PATIENCE_S seconds.
        """
        ...

    async def load(
        self, partition: int, visitors: Sequence[VisitorId], *, bodies: bool = True
    ) -> list[Loaded]:
        """What is stored of each visitor, in the order asked, in one round trip.

        Args:
            bodies: whether layout bodies are wanted too; without them every `body` is None.

        Returns:
            A state longer than STATE_BYTES_MAX is cut behind that and one byte, which no state is; so are
            windows, behind WINDOW_BYTES_MAX.
        """
        ...

    async def quarantine(
        self, partition: int, epoch: str, visitor: VisitorId, seen: bytes | None, *, window: bool = False,
        nonce: str | None = None,
    ) -> Quarantined | None:  # fmt: skip
        """Set the state or the window of a visitor aside, when it still is what was seen.

        Args:
            epoch: of the claim under which it was loaded.
            seen: as it was loaded; None when it is misplaced.
            window: which of the two; the window of a state that is set aside is deleted.
            nonce: makes a repeated call the same call; None: a fresh one.

        Returns:
            None when something else stands there now: it is to be loaded again.

        Raises:
            Fenced, Regressed: as `write`.
            QuarantineFull: QUARANTINE_MAX states of the partition are set aside already.
        """
        ...

    async def write(self, write: SliceWrite) -> None:
        """Write a slice, whole or not at all. Repeated after a lost answer it succeeds without effect.

        Raises:
            Fenced: another owner claimed the partition, or this is a write of long ago.
            Regressed: the store forgot writes of ours (crash, restore, flush); `done` is where it stands.
        """
        ...

    async def write_all(self, writes: Sequence[SliceWrite]) -> list[WriteOutcome]:
        """Write slices in their order, of any partitions, in one round trip.

        Each is written or refused as by `write`, whatever became of the others. Slices of one partition may
        follow each other: then each names the `last` of them, and all those that were written before an
        answer was lost succeed when they are repeated, in their order.

        Returns:
            What became of each. StoreUnavailable is only raised when nothing was sent.
        """
        ...

    async def report(self, reports: Sequence[ProgressReport]) -> None:
        """Tell readers how far behind each partition is; one whose claim no longer holds is left as it is."""
        ...


class Notices(Protocol):
    """A subscription: who changed, in the partitions that are followed.

    One task iterates, others follow and unfollow. No method raises StoreUnavailable: what a lost connection
    kept from being done is done when it is back.
    """

    async def follow(self, partition: int) -> None:
        """Begin with a partition; a Following in the stream says from when on nothing is missed."""
        ...

    async def unfollow(self, partition: int) -> None:
        """End with a partition; its notices no longer come."""
        ...

    def __aiter__(self) -> AsyncIterator[Notice | Following]:
        """Runs until `close`; after a lost connection each partition is Following again."""
        ...

    async def close(self) -> None:
        """Give up all partitions."""
        ...


class LayoutReader(Protocol):
    """For gateways. No method has a deadline of its own; while there is no connection each fails at once.

    Each read may raise StoreUnavailable, and KeyUnreadable when the key of this one visitor is at fault.
    """

    @property
    def trouble(self) -> str:
        """Why nothing can be read now, in one line for an operator; empty as far as is known."""
        ...

    async def layout(self, partition: int, visitor: VisitorId) -> tuple[bytes, bytes] | None:
        """Head and body of the live layout; None when none is stored."""
        ...

    async def state(self, partition: int, visitor: VisitorId) -> bytes | None:
        """The packed state; None for a visitor who is not known."""
        ...

    async def state_layout_done(self, partition: int, visitor: VisitorId) -> Stored:
        """State, layout and where the partition stands, read in one moment."""
        ...

    async def progress(self, partitions: int) -> list[PartitionProgress]:
        """How far each of the partitions 0 to `partitions` - 1 was applied."""
        ...

    def notices(self) -> Notices:
        """A new, empty subscription."""
        ...


def fresh_nonce() -> str:
    """16 random hex digits that name one claim: a restored store may hand out a counter twice, not these."""
    return uuid4().hex[:16]
