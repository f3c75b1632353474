"""Page stability: what a visitor is looking at moves only for a reason.

A module keeps its slot, and an item its place, unless another one gains more than a margin (in standardised
scores). Calm never holds back an answer to a click: when a module speaks of something new, its items are
taken afresh. Nor does it keep what rules removed: it only orders what the shelves hold.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from models.fills import UNKNOWN_SUBJECT, Fill
from models.shelves import Shelf

FOLD = 3
"""Slots from the top that are seen without scrolling."""
SLOT_MARGIN = 0.6
"""What another module must gain to take a slot above the fold..."""
LOWER_MARGIN = 0.3
"""...and below it."""
ENTRY_MARGIN = 0.15
"""What a new item must gain over the weakest one shown to take its place..."""
PLACE_MARGIN = 0.25
"""...and any item over the one before it to pass it."""


def slot_margin(slot: int) -> float:
    """The head start of the module that is in the slot now."""
    return SLOT_MARGIN if slot < FOLD else LOWER_MARGIN


def still_about(previous: Fill | None, subject: int) -> bool:
    """Whether a module speaks of the same thing as before."""
    return previous is not None and previous.subject in (subject, UNKNOWN_SUBJECT)


def settle(
    fresh: list[int], previous: Sequence[int], shelf: Shelf, taken: Container[int], size: int
) -> list[int]:
    """The rows to show, out of `fresh` ones (best first) and those shown before, which keep their places.

    Settling its own result again changes nothing.
    """
    if fresh == previous:
        return fresh
    value = dict(zip(shelf.rows, shelf.scores, strict=True))
    shown = [row for row in previous if row in value and row not in taken][:size]
    for row in fresh:
        if row not in shown and not _enter(row, shown, value, size):
            break
    _pass_by(shown, value)
    return shown


def _enter(row: int, shown: list[int], value: dict[int, float], size: int) -> bool:
    """Put a newcomer where its score belongs; whether it came in."""
    if len(shown) >= size:
        weakest = min(shown, key=lambda old: (value[old], -old), default=row)
        if value[row] <= value[weakest] + ENTRY_MARGIN:
            return False
        shown.remove(weakest)
    score = value[row] - PLACE_MARGIN
    place = next((n for n, old in enumerate(shown) if value[old] < score), len(shown))
    shown.insert(place, row)
    return True


def _pass_by(shown: list[int], value: dict[int, float]) -> None:
    """Let items pass those before them by the margin, until none can."""
    moved = True
    while moved:
        moved = False
        for n in range(1, len(shown)):
            if value[shown[n]] > value[shown[n - 1]] + PLACE_MARGIN:
                shown[n - 1], shown[n] = shown[n], shown[n - 1]
                moved = True
