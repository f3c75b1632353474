"""How far behind the log a partition is: what its owner reports, and what readers are told."""

from __future__ import annotations

from msgspec import Struct


class ProgressReport(Struct, frozen=True, kw_only=True, gc=False):
    """How far behind the log an owner is in one partition.

    Args:
        epoch: of the claim under which it reports.
        done: a checkpoint that it has written; None: none yet.
        behind_s: age of the oldest record that is not applied, at most; 0 when there is none.
    """

    partition: int
    epoch: str
    done: int | None
    behind_s: float


class PartitionProgress(Struct, frozen=True, kw_only=True, gc=False):
    """What the store knows of one partition; None for what nobody has said.

    Args:
        incarnation: of the topic that `done` is an offset of.
        done: the next offset to apply.
        behind_s: every record older than this was applied.
    """

    incarnation: int | None = None
    done: int | None = None
    behind_s: float | None = None
