"""Whose decisions are recorded for training."""

from __future__ import annotations

from schemas.ids import VisitorId, hash64

CROWDED = 2.0
"""How much more of the decisions may be recorded than the share of visitors says. Which visitors those are
anybody can compute, and a record is thirty times as long as the event behind it."""
KEPT_MAX = 100.0
"""Records that a quiet time saves up."""


class DecisionSample:
    """A share of the visitors, always the same ones, and at most CROWDED times as much of all decisions.

    Args:
        share: of the visitors, 0 to 1.
    """

    def __init__(self, share: float) -> None:
        self._below = int(share * 2**64)
        self._earned = CROWDED * share
        self._left = KEPT_MAX

    def takes(self, visitor: VisitorId) -> bool:
        """Whether a decision for the visitor is to be recorded; to be asked once for each decision."""
        self._left = min(KEPT_MAX, self._left + self._earned)
        if hash64(visitor) >= self._below or self._left < 1.0:
            return False
        self._left -= 1.0
        return True
