"""What a group's process does with rounds: the engine of the workers, the aggregator of the items process."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from msgspec import Struct

from schemas.errors import Fenced, Regressed
from streams.kafka.transport.chunks import Record
from streams.workers.group.ownership import Holding


class HeldChunk(Struct, frozen=True, gc=False):
    """A partition's share of a round: records by ascending offset, and the offset behind the last of them."""

    holding: Holding
    records: list[Record]
    end: int


class Outcome(Struct, frozen=True, gc=False):
    """What became of a chunk.

    `refused`: nothing may be acknowledged, the partition must be acquired again. `published` completes once
    all that was published is acknowledged; None: nothing was.
    """

    refused: Fenced | Regressed | None = None
    published: Awaitable[None] | None = None


Prepared = Any
"""What a processor makes of a chunk in `prepare`, and takes in `write`."""


class RoundProcessor(Protocol):
    """What settles rounds.

    Rounds are prepared one after the other and written one after the other, in the same order; a round may
    be prepared while the one before is written. Whatever is raised halts the process.
    """

    async def prepare(self, chunks: Sequence[HeldChunk]) -> Sequence[Prepared]:
        """All that can be done before the round before is written; a result for each chunk, in order."""
        ...

    async def write(self, prepared: Sequence[Prepared]) -> Sequence[Outcome]:
        """Write what was prepared, but for partitions that were lost since; an outcome for each, in order."""
        ...

    async def verify(self, holding: Holding) -> None:
        """Raises Fenced or Regressed unless the store stands at the holding's `done` and `part`."""
        ...
