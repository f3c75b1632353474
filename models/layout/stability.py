"""Page stability: which modules and items keep their place when a page is decided again.

A module keeps its slot and an item its place unless another gains more than a margin. Margins are in the
scores that `pools` standardises over the page's candidates: 1 is one standard deviation. If a module's
subject changed, or more than half of its items, the new list is used unchanged, so a click is answered at
once. Rows that rules removed never come back. Idempotent: deciding again from its own result returns it
unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.layout.fills import UNKNOWN_SUBJECT, Fill

SLOTS_ABOVE_FOLD = 3
"""Slots from the top that are seen without scrolling."""
UPPER_SLOT_MARGIN = 0.6
"""What another module must gain to take a slot above the fold."""
LOWER_SLOT_MARGIN = 0.3
"""What another module must gain to take a slot below the fold."""
ITEM_ENTRY_MARGIN = 0.15
"""What a new item must gain over the lowest-scored one shown to replace it."""
ITEM_SWAP_MARGIN = 0.25
"""What an item must gain over the one before it to pass it. All these are own choices, not tuned on data."""

ScoreByRow = Mapping[int, float]
"""Item row -> standardised score."""


def slot_margin(slot: int) -> float:
    """Margin that another module must exceed to take slot `slot` (0 is the top one)."""
    return UPPER_SLOT_MARGIN if slot < SLOTS_ABOVE_FOLD else LOWER_SLOT_MARGIN


def has_subject(previous: Fill, subject: int) -> bool:
    """Whether a module had this subject before; true when the previous subject is not known."""
    return previous.subject in (subject, UNKNOWN_SUBJECT)


def stabilise(fresh: list[int], shown: list[int], score: ScoreByRow, size: int) -> list[int]:
    """The items to show, out of the best ones now and those shown before.

    Args:
        fresh: Item rows chosen anew, best first.
        shown: Item rows shown before, in their order, without those that may not be shown now.
        score: The standardised score of every row of both.
        size: The most items.

    Returns:
        `fresh` when more than half of it is new; else `shown`, where a new item replaces the
        lowest-scored one if it beats it by ITEM_ENTRY_MARGIN, and an item passes the one before it if it
        beats it by ITEM_SWAP_MARGIN. Idempotent: `stabilise(fresh, result, score, size) == result`.

    Complexity: O(size²), size at most 48.

    Reference: Own heuristic, not tuned on data.
    """
    if fresh == shown:
        return fresh
    new = [row for row in fresh if row not in shown]
    if 2 * len(new) > len(fresh):
        return fresh
    shown = shown[:size]
    if new:
        _insert_newcomers(new, shown, score, size)
    _reorder(shown, score)
    return shown


def _insert_newcomers(new: list[int], shown: list[int], score: ScoreByRow, size: int) -> None:
    """Replaces the lowest-scored shown items one by one with newcomers, each put where its score belongs.

    Stops at the first newcomer that does not win by the margin.
    """
    weakest = sorted(shown, key=lambda row: (score[row], -row))
    for row in new:
        if len(shown) >= size:
            # Without a shown item left to replace the newcomer is compared with itself, and loses.
            weak = weakest.pop(0) if weakest else row
            if score[row] <= score[weak] + ITEM_ENTRY_MARGIN:
                return
            shown.remove(weak)
        limit = score[row] - ITEM_SWAP_MARGIN
        index = next((n for n, old in enumerate(shown) if score[old] < limit), len(shown))
        shown.insert(index, row)


def _reorder(shown: list[int], score: ScoreByRow) -> None:
    """Lets items pass those before them by the margin, until none can."""
    moved = True
    while moved:
        moved = False
        before = shown[0] if shown else -1
        for index in range(1, len(shown)):
            row = shown[index]
            if score[row] > score[before] + ITEM_SWAP_MARGIN:
                shown[index - 1], shown[index] = row, before
                moved = True
            else:
                before = row
