"""What workers and gateways ask of a store; the memory and the Redis twin pass one suite.

A partition in a store has one writer at a time, named by its epoch, and stands at (done, part): `done` is the
next offset to apply, `part` counts the slices already written of the chunk that begins there. So
(epoch, done, part) names exactly one content of the partition, and a write that expects it cannot be
carried out on any other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol
from uuid import uuid4

from msgspec import Struct

from schemas.ids import VisitorId

CLAIM_PATIENCE_S = 300
"""For so long a claim of an older Kafka generation is refused: a zombie's last act."""


class Claim(Struct, frozen=True):
    """The right to write a partition; `done` is the next offset to apply, None where nothing was done."""

    epoch: str
    done: int | None


class Loaded(Struct, frozen=True, gc=False):
    """What a store has of a visitor: packed state, body of the live layout."""

    state: bytes | None = None
    body: bytes | None = None


class VisitorWrite(Struct, frozen=True, kw_only=True, gc=False):
    """A visitor's new packed state and what becomes of the live layout.

    head and body: both are written. head alone: same content for a newer state. drop_layout: it goes.
    None of these: it stays as it is.
    """

    visitor: VisitorId
    state: bytes
    version: str
    head: bytes | None = None
    body: bytes | None = None
    drop_layout: bool = False


class SliceWrite(Struct, frozen=True, kw_only=True, gc=False):
    """Some visitors of one chunk, written together with where the partition then stands, or not at all."""

    partition: int
    epoch: str
    expect_done: int | None
    expect_part: int
    done: int | None
    part: int
    visitors: Sequence[VisitorWrite] = ()
    notify: bool = True
    times: tuple[float, ...] = ()
    """Told with the notices: chunk taken, folded, ranked (epoch milliseconds)."""


class Stored(Struct, frozen=True, kw_only=True):
    """A visitor as of one moment, with where the partition stands."""

    state: bytes | None = None
    head: bytes | None = None
    body: bytes | None = None
    done: int | None = None
    incarnation: int | None = None


class Notice(Struct, frozen=True, gc=False):
    """A visitor's state was written; `version` is its version, as text.

    `times`, when the worker tells them: chunk taken, folded, ranked (epoch milliseconds).
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
    """For workers. Every method may raise StoreUnavailable; none has a deadline of its own."""

    async def claim(
        self, partition: int, owner: str, kafka_generation: int, *, nonce: str | None = None
    ) -> Claim:
        """Become the partition's only writer; Fenced when a newer Kafka generation claimed lately.

        A claim tried again with the same nonce is the same claim.
        """
        ...

    async def load(
        self, partition: int, visitors: Sequence[VisitorId], *, bodies: bool = True
    ) -> list[Loaded]:
        """What is stored of each visitor, in the order asked; layout bodies only when wanted."""
        ...

    async def write(self, part: SliceWrite) -> None:
        """Write a slice; Fenced: another owns the partition; Regressed: the store forgot writes of ours.

        The same write tried again after a lost answer succeeds without effect.
        """
        ...


class Notices(Protocol):
    """Who changed, in the partitions that are followed."""

    async def follow(self, partition: int) -> None: ...

    async def unfollow(self, partition: int) -> None: ...

    def __aiter__(self) -> AsyncIterator[Notice | Following]:
        """Endless; survives a store that goes away and comes back (each partition is `Following` again)."""
        ...

    async def close(self) -> None: ...


class LayoutReader(Protocol):
    """For gateways. Every method may raise StoreUnavailable; none has a deadline of its own."""

    async def layout(self, partition: int, visitor: VisitorId) -> tuple[bytes, bytes] | None:
        """Head and body of the live layout."""
        ...

    async def state(self, partition: int, visitor: VisitorId) -> bytes | None:
        """The packed state."""
        ...

    async def state_layout_done(self, partition: int, visitor: VisitorId) -> Stored:
        """State, layout and where the partition stands, read in one moment."""
        ...

    def notices(self) -> Notices:
        """A new, empty subscription."""
        ...


def fresh_nonce() -> str:
    """A claim's own name: a restored store may hand a counter out twice, never a nonce."""
    return uuid4().hex[:16]
