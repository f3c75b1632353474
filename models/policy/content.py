"""Whether a decided page shows what was shown before: the layout keeps its id then, else it gets a new one."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from models.layout.fills.packed_fills import Provenance
from models.layout.fills.page_fills import PageFills
from models.layout.rendering.answer import ID_PLACEHOLDER, hash_content, slots_json
from models.layout.rendering.wording import PERSONAL_REASONS
from models.policy.layout_decision import PageRequest
from models.storefront.shop import Shop
from models.storefront.view import StorefrontView


class Content(Struct, frozen=True, gc=False):
    """What a page shows.

    Attributes:
        layout_id: Of the content.
        changed: Whether it differs from what was shown before.
        slots: As JSON under ID_PLACEHOLDER when it changed; else b"".
    """

    layout_id: str
    changed: bool
    slots: bytes


def identify_content(
    shop: Shop, request: PageRequest, fills: PageFills, packed: bytes, provenance: Provenance
) -> Content:
    """The content of a decided page: it keeps the id of what was shown before when it is the same.

    Args:
        shop: It was decided from.
        request: What was requested; with what was shown before.
        fills: The page.
        packed: The same, packed.
        provenance: How it was made.
    """
    previous = request.previous
    personal = provenance.reason in PERSONAL_REASONS

    def slots(layout_id: str) -> bytes:
        query = request.q or ""
        return slots_json(shop.view, request.page, fills, layout_id, personal=personal, query=query)

    if previous is not None and previous.provenance == provenance:
        view = previous.view()
        if packed == previous.content if view is shop.view else slots("") == _slots_before(request, view):
            return Content(previous.layout_id, False, b"")
    json = slots(ID_PLACEHOLDER)
    made = _made_text(request.page, provenance, request.item, request.category, request.q)
    return Content(hash_content(request.visitor.encode() + made, json), True, json)


@lru_cache(maxsize=256)
def _made_text(
    page: str, provenance: Provenance, item: str | None, category: str | None, q: str | None
) -> bytes:
    """What a layout id is made from, besides visitor and slots; state version and signals have no part in it.

    Reference: DESIGN, decision 17.
    """
    made = (provenance.mode, provenance.reason, provenance.model, provenance.model_version, provenance.role)
    return "\0".join(map(str, ("", page, *made, item, category, q))).encode()


def _slots_before(request: PageRequest, view: StorefrontView | None) -> bytes | None:
    """The slots shown before, as JSON without id: from a stored answer, or made anew from another view; None
    when neither can be had."""
    previous = request.previous
    assert previous is not None
    if previous.texts is not None:
        return previous.texts.json
    if view is None:
        return None
    fills = PageFills()
    fills.read(previous.content)
    personal = previous.provenance.reason in PERSONAL_REASONS
    return slots_json(view, request.page, fills, "", personal=personal, query=request.q or "")
