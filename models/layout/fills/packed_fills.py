"""The content of a page in the packed form that is kept of every active visitor, and read back from answers.

It is compared as bytes, without making JSON: a decision with the same content as the visitor's last one keeps
its layout id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from models.layout.fills.fill import Fill
from models.layout.fills.page_fills import UNKNOWN_SUBJECT, PageFills
from models.storefront.view import StorefrontView
from schemas.codec import DECODE_ERRORS
from schemas.layouts import Mode, ModelTag, Reason
from schemas.storefront import PageType


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

    def model_tag(self, generation: int) -> ModelTag:
        """The tag of a layout: who ranked, and the generation of the Shop."""
        return ModelTag(name=self.model, version=self.model_version, generation=generation, role=self.role)


def absent_view() -> None:
    """Stands in for the view of fills whose view is not known: returns None."""


class PackedFills(Struct, frozen=True, eq=False, kw_only=True):
    """The content of one page, packed.

    Either `view` gives the view whose numbers `content` holds, or the fills were restored from a stored
    answer and `texts` holds names. The view is referenced weakly: fills of visitors of long ago would
    keep many catalogues in memory.

    Attributes:
        layout_id: The id of the content.
        provenance: How it was made.
        content: `PageFills.pack`.
        view: Gives the view, or None once no Shop holds it.
        texts: Names in place of numbers.
    """

    layout_id: str
    provenance: Provenance
    content: bytes = b""
    view: Callable[[], StorefrontView | None] = absent_view
    texts: RestoredFills | None = None


class RestoredFills(Struct, frozen=True, eq=False):
    """Fills of a stored answer: (slot id, module id, item ids) of each, and its slots as JSON without id."""

    fills: list[tuple[str, str, list[str]]]
    json: bytes


def unpack_fills(fills: PackedFills) -> list[Fill]:
    """The fills in the numbers of their own view."""
    typed = PageFills()
    typed.read(fills.content)
    return typed.to_list()


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
