"""Errors that the transport raises and that who owns partitions must tell apart."""

from __future__ import annotations

from schemas.errors import EtalageError

MADE_ANEW = (
    "the topic was made anew: if so, stop the workers, run `etalage topics create --adopt`, "
    "and start them again"
)
"""What an operator is told when offsets show that a topic was deleted and created again."""


class NotAssigned(EtalageError):
    """A rebalance took the partition; its new assignment takes it from here."""
