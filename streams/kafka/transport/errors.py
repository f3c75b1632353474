"""What the transport's errors tell an operator to do."""

from __future__ import annotations

MADE_ANEW = (
    "the topic was made anew: if so, stop the workers, run `etalage topics create --adopt`, "
    "and start them again"
)
