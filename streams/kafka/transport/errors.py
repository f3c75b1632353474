"""Errors that the transport raises and that who owns partitions must tell apart."""

from __future__ import annotations

from schemas.errors import EtalageError


class NotAssigned(EtalageError):
    """A rebalance took the partition; its new assignment takes it from here."""
