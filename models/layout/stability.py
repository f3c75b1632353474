"""Page stability: what a visitor is looking at moves only for a reason.

A module keeps its slot, and an item its place, unless another one gains more than a margin (in standardised
scores). Calm never holds back an answer to a click: when a module speaks of something new, or most of it
would change, its items are taken afresh. Nor does it keep what rules removed: it only orders what may be
shown. Deciding again with the own result as the previous one changes nothing.
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
"""...and any item over the one before it to pass it."""

Values = Mapping[int, float]


def slot_margin(slot: int) -> float:
    """The head start of the module that is in the slot now."""
    return SLOT_MARGIN if slot < FOLD else LOWER_MARGIN


def still_about(previous: Fill, subject: int) -> bool:
    """Whether a module speaks of the same thing as before."""
    return previous.subject in (subject, UNKNOWN_SUBJECT)


def stabilise(fresh: list[int], shown: list[int], value: Values, size: int) -> list[int]:
    """The rows to show, out of `fresh` ones (best first) and those `shown` before that may still be."""
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
    """Put newcomers where their scores belong, each for the weakest one that it beats by the margin."""
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
    """Let items pass those before them by the margin, until none can."""
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
