"""One module in one slot, as a value."""

from __future__ import annotations

from msgspec import Struct


class Fill(Struct, frozen=True, array_like=True):
    """One module in one slot.

    Attributes:
        slot: The slot's number on its page.
        module: The module's number in the storefront.
        subject: What the module is about: an item row, `hash_subject` of a category, brand or query,
            NO_SUBJECT or UNKNOWN_SUBJECT (models.layout.fills.page_fills).
        rows: Item rows, in the order shown.
    """

    slot: int
    module: int
    subject: int
    rows: list[int]
