"""Page stability: which modules and items keep their place when a page is decided again.

A module keeps its slot and an item its place unless another gains more than a margin, in standardised scores.
Stability never delays the answer to a click: when a module gets another subject, or most of its items would
change, they are taken anew. Nor does it show what rules removed: it only orders what may be shown. Deciding
again with the own result as the previous one changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.layout.fills import UNKNOWN_SUBJECT, Fill

FOLD = 3
"""Slots from the top that are seen without scrolling."""
SLOT_MARGIN = 0.6
"""What another module must gain to take a slot above the fold..."""
LOWER_MARGIN = 0.3
"""...and below it."""
ENTRY_MARGIN = 0.15
"""What a new item must gain over the weakest one shown to take its place..."""
PLACE_MARGIN = 0.25
"""...and any item over the one before it to pass it. All margins are own choices, not tuned on data."""

Values = Mapping[int, float]
"""Item row -> standardised score."""


def slot_margin(slot: int) -> float:
    """What the module that stands in a slot (by its number) is ahead of others by."""
    return SLOT_MARGIN if slot < FOLD else LOWER_MARGIN


def has_subject(previous: Fill, subject: int) -> bool:
    """Whether a module had this subject before; true when the previous subject is not known."""
    return previous.subject in (subject, UNKNOWN_SUBJECT)


def stabilise(fresh: list[int], shown: list[int], value: Values, size: int) -> list[int]:
    """The items to show, out of the best ones now and those shown before.

    Args:
        fresh: Item rows chosen anew, best first.
        shown: Item rows shown before, in their order, without those that may not be shown now.
        value: The score of every row of both.
        size: The most items.

    Returns:
        `fresh` when more than half of it is new; else `shown`, where a new item takes the place of the
        weakest one if it beats it by ENTRY_MARGIN, and an item passes the one before it if it beats it by
        PLACE_MARGIN. Idempotent: `stabilise(fresh, result, value, size) == result`.

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
        _insert_newcomers(new, shown, value, size)
    _reorder(shown, value)
    return shown


def _insert_newcomers(new: list[int], shown: list[int], value: Values, size: int) -> None:
    """Puts newcomers where their scores belong, each for the weakest one that it beats by the margin."""
    weakest = sorted(shown, key=lambda row: (value[row], -row))
    for row in new:
        score = value[row]
        if len(shown) >= size:
            weak = weakest.pop(0) if weakest else row
            if score <= value[weak] + ENTRY_MARGIN:
                return
            shown.remove(weak)
        limit = score - PLACE_MARGIN
        place = next((n for n, old in enumerate(shown) if value[old] < limit), len(shown))
        shown.insert(place, row)


def _reorder(shown: list[int], value: Values) -> None:
    """Lets items pass those before them by the margin, until none can."""
    moved = True
    while moved:
        moved = False
        before = shown[0] if shown else -1
        for place in range(1, len(shown)):
            row = shown[place]
            if value[row] > value[before] + PLACE_MARGIN:
                shown[place - 1], shown[place] = row, before
                moved = True
            else:
                before = row
