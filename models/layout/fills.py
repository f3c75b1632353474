"""What fills the slots of one page, small enough to keep for every active visitor, and comparable.

Calm compares a new decision with the visitor's last Fills; equal content keeps its layout id, and no JSON
is made at all.
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
"""A module that speaks of nothing in particular. An item is its row; see `hash_subject` for the rest."""

UNKNOWN_SUBJECT = -(1 << 40)
"""Of fills read back from an answer, which does not say it."""


class Provenance(Struct, frozen=True):
    """How a layout was made, as far as a change of it is a change of content."""

    mode: Mode
    reason: Reason
    model: str
    model_version: str
    role: str


class Fill(Struct, frozen=True, array_like=True):
    """One module in one slot: numbers of both, what it speaks of, and the rows of its items in order."""

    slot: int
    module: int
    subject: int
    rows: list[int]


def no_view() -> None:
    """The window of fills that have none."""


class PackedFills(Struct, frozen=True, eq=False, kw_only=True):
    """`codes` holds slot, module, subject and item count of each fill, `rows` all rows as int32.

    Numbers and rows are those of `view`, which fills do not keep alive: many visitors of long ago would
    keep many catalogues. Fills restored from a stored answer have no window, but `texts`.
    """

    layout_id: str
    provenance: Provenance
    codes: tuple[int, ...] = ()
    rows: bytes = b""
    view: Callable[[], StorefrontView | None] = no_view
    """A weak reference; gives None once no shop holds that window."""
    texts: RestoredFills | None = None


class RestoredFills(Struct, frozen=True, eq=False):
    """A stored answer: (slot, module, items) of each fill, and its slots as JSON without the layout id."""

    fills: list[tuple[str, str, list[str]]]
    json: bytes


def hash_subject(key: int) -> int:
    """The subject for a category, a brand or a query by its hash32: below NO_SUBJECT."""
    return -2 - key


def subject_hash(subject: int) -> int:
    """The inverse of `hash_subject`."""
    return -2 - subject


def pack_fills(
    fills: Sequence[Fill], layout_id: str, provenance: Provenance, view: StorefrontView
) -> PackedFills:
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
    """The fills in the numbers of their own window."""
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
    """The fills in the numbers of another window; what that does not know is left out."""
    if fills.view() is view:
        return unpack_fills(fills)
    if fills.texts is not None:
        named = [(slot, module, UNKNOWN_SUBJECT, items) for slot, module, items in fills.texts.fills]
    else:
        named = _named(fills, page, row_by_id)
    slots = {slot.id: slot.code for slot in view.storefront.pages[page].slots}
    codes = view.storefront.module_codes
    return [
        Fill(slots[slot], codes[module], subject, [row for i in items if (row := row_by_id.get(i, -1)) >= 0])
        for slot, module, subject, items in named
        if slot in slots and module in codes
    ]


def _named(
    fills: PackedFills, page: PageType, row_by_id: Mapping[str, int]
) -> list[tuple[str, str, int, list[str]]]:
    """Slot, module and items by name, out of the numbers of the window that the fills were made in."""
    old = fills.view()
    if old is None:
        return []
    slots, modules = old.storefront.pages[page].slots, old.storefront.modules
    named = []
    for fill in unpack_fills(fills):
        subject = fill.subject
        if subject >= 0:
            subject = row_by_id.get(old.ids[subject], UNKNOWN_SUBJECT)
        items = [old.ids[row] for row in fill.rows]
        named.append((slots[fill.slot].id, modules[fill.module].id, subject, items))
    return named


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
    """The Fills behind a stored body (`,"layout_id":…}`); None for one that other code wrote."""
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
