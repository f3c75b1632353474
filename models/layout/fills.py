"""Fills: which module with which items is in which slot, as numbers and in the packed form that is stored.

The packed form is small enough to keep for every active visitor and can be compared without making JSON: a
decision with the same content as the visitor's last one keeps its layout id.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from weakref import ref

import msgspec
from msgspec import Struct

from models.storefront.view import StorefrontView
from schemas.codec import DECODE_ERRORS
from schemas.layouts import Mode, Reason
from schemas.storefront import PageType

NO_SUBJECT = -1
"""The subject of a module that is about nothing. An item's is its row; see `hash_subject` for others."""

UNKNOWN_SUBJECT = -(1 << 40)
"""The subject of fills read back from a stored answer, which does not hold it."""


class Provenance(Struct, frozen=True):
    """Mode, reason and model of a layout; a change of it is a change of content.

    Attributes:
        mode: How good the answer is.
        reason: Why the mode is not full, or ok.
        model: Name of the ranker.
        model_version: Its version.
        role: champion, understudy or none.
    """

    mode: Mode
    reason: Reason
    model: str
    model_version: str
    role: str


class Fill(Struct, frozen=True, array_like=True):
    """One module in one slot.

    Attributes:
        slot: The slot's number on its page.
        module: The module's number in the storefront.
        subject: What the module is about: an item row, `hash_subject` of a category, brand or query,
            NO_SUBJECT or UNKNOWN_SUBJECT.
        rows: Item rows, in the order shown.
    """

    slot: int
    module: int
    subject: int
    rows: list[int]


def absent_view() -> None:
    """Stands in for the view of fills whose view is not known: returns None."""


class PackedFills(Struct, frozen=True, eq=False, kw_only=True):
    """The content of one page, packed.

    Either `view` gives the view whose numbers `codes` and `rows` are, or the fills were restored from a
    stored answer and `texts` holds names. The view is referenced weakly: fills of visitors of long ago would
    keep many catalogues in memory.

    Attributes:
        layout_id: The id of the content.
        provenance: How it was made.
        codes: Slot, module, subject and number of items of each fill, one after the other.
        rows: All item rows as int32 bytes.
        view: Gives the view, or None once no Shop holds it.
        texts: Names in place of numbers.
    """

    layout_id: str
    provenance: Provenance
    codes: tuple[int, ...] = ()
    rows: bytes = b""
    view: Callable[[], StorefrontView | None] = absent_view
    texts: RestoredFills | None = None


class RestoredFills(Struct, frozen=True, eq=False):
    """Fills of a stored answer: (slot id, module id, item ids) of each, and its slots as JSON without id."""

    fills: list[tuple[str, str, list[str]]]
    json: bytes


def hash_subject(key: int) -> int:
    """The subject for the hash32 of a category, a brand or a query; below NO_SUBJECT."""
    return -2 - key


def subject_hash(subject: int) -> int:
    """The hash32 of a subject; the inverse of `hash_subject`."""
    return -2 - subject


def pack_fills(
    fills: Sequence[Fill], layout_id: str, provenance: Provenance, view: StorefrontView
) -> PackedFills:
    """Packs the fills of a page.

    Args:
        fills: From the top, in the numbers of `view`.
        layout_id: The id of the content.
        provenance: How it was made.
        view: Kept by a weak reference.
    """
    codes: list[int] = []
    rows: list[int] = []
    for fill in fills:
        codes += (fill.slot, fill.module, fill.subject, len(fill.rows))
        rows += fill.rows
    return PackedFills(
        layout_id=layout_id,
        provenance=provenance,
        codes=tuple(codes),
        rows=array("i", rows).tobytes(),
        view=ref(view),
    )


def unpack_fills(fills: PackedFills) -> list[Fill]:
    """The fills in the numbers of their own view; the inverse of `pack_fills`."""
    rows = array("i", fills.rows).tolist()
    codes = iter(fills.codes)
    unpacked = []
    start = 0
    for slot, module, subject, count in zip(codes, codes, codes, codes, strict=True):
        unpacked.append(Fill(slot, module, subject, rows[start : start + count]))
        start += count
    return unpacked


def translate_fills(
    fills: PackedFills, view: StorefrontView, page: PageType, row_by_id: Mapping[str, int]
) -> list[Fill]:
    """The fills in the numbers of another view.

    Args:
        fills: Of `page`, from any view or from a stored answer.
        view: The view to translate to.
        page: The page type.
        row_by_id: Item id -> row in `view`.

    Returns:
        The fills whose slot and module `view` has, without the items it does not have; empty when the view
        they were made from is gone. Their subject is UNKNOWN_SUBJECT when it cannot be told.
    """
    if fills.view() is view:
        return unpack_fills(fills)
    if fills.texts is not None:
        names = [(slot, module, UNKNOWN_SUBJECT, items) for slot, module, items in fills.texts.fills]
    else:
        names = _names_of(fills, page, row_by_id)
    slots = {slot.id: slot.code for slot in view.storefront.pages[page].slots}
    codes = view.storefront.module_codes
    return [
        Fill(slots[slot], codes[module], subject, [row for i in items if (row := row_by_id.get(i, -1)) >= 0])
        for slot, module, subject, items in names
        if slot in slots and module in codes
    ]


def _names_of(
    fills: PackedFills, page: PageType, row_by_id: Mapping[str, int]
) -> list[tuple[str, str, int, list[str]]]:
    """(slot id, module id, subject, item ids) of each fill; an item as subject is a row of `row_by_id`."""
    old = fills.view()
    if old is None:
        return []
    slots, modules = old.storefront.pages[page].slots, old.storefront.modules
    names = []
    for fill in unpack_fills(fills):
        subject = fill.subject
        if subject >= 0:
            subject = row_by_id.get(old.ids[subject], UNKNOWN_SUBJECT)
        items = [old.ids[row] for row in fill.rows]
        names.append((slots[fill.slot].id, modules[fill.module].id, subject, items))
    return names


class _BodyItem(Struct):
    id: str


class _BodyModule(Struct):
    id: str
    items: list[_BodyItem]


class _BodySlot(Struct):
    slot: str
    module: _BodyModule


class _BodyModel(Struct):
    name: str
    version: str
    role: str


class _Body(Struct):
    layout_id: str
    mode: Mode
    reason: Reason
    model: _BodyModel
    slots: msgspec.Raw


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_slots = msgspec.json.Decoder(list[_BodySlot]).decode


def fills_of_body(body: bytes) -> PackedFills | None:
    """The content of a stored answer.

    Args:
        body: The second part of a stored answer, `,"layout_id":…}`.

    Returns:
        Fills with `texts`; None when the body is not one that this version of the code writes.
    """
    try:
        answer = _decode_body(b"{" + body[1:])
        raw = bytes(answer.slots)
        slots = _decode_slots(raw)
    except DECODE_ERRORS:
        return None
    if not answer.layout_id:
        return None
    model = answer.model
    return PackedFills(
        layout_id=answer.layout_id,
        provenance=Provenance(answer.mode, answer.reason, model.name, model.version, model.role),
        texts=RestoredFills(
            [(s.slot, s.module.id, [item.id for item in s.module.items]) for s in slots],
            raw.replace(answer.layout_id.encode(), b""),
        ),
    )
