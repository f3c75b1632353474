"""Whether a decided page shows what was shown before: the layout keeps its id then, else it gets a new one."""

from __future__ import annotations

from functools import lru_cache

from msgspec.structs import replace

from models.layout.fills.packed_fills import PackedFills, Provenance
from models.layout.fills.page_fills import PageFills
from models.layout.rendering.answer import ID_PLACEHOLDER, hash_content, slots_json
from models.layout.rendering.wording import PERSONAL_REASONS
from models.policy.layout_decision import LayoutDecision, PageRequest


def compare_content(decision: LayoutDecision) -> LayoutDecision:
    """The decision with its layout id: that of the previous content when it is the same, else a new one.

    Args:
        decision: Its fills have no layout id yet.
    """
    request, fills = decision.request, decision.fills
    previous = request.previous
    if previous is not None and _is_same(decision, previous):
        return replace(decision, fills=replace(fills, layout_id=previous.layout_id), changed=False)
    slots = decision.slots(ID_PLACEHOLDER)
    made = _made_text(request.page, fills.provenance, request.item, request.category, request.q)
    layout_id = hash_content(request.visitor.encode() + made, slots)
    return replace(decision, fills=replace(fills, layout_id=layout_id), slots_without_id=slots)


@lru_cache(maxsize=256)
def _made_text(
    page: str, provenance: Provenance, item: str | None, category: str | None, q: str | None
) -> bytes:
    """What a layout id is made from, besides visitor and slots; state version and signals have no part in it.

    Reference: DESIGN, decision 17.
    """
    made = (provenance.mode, provenance.reason, provenance.model, provenance.model_version, provenance.role)
    return "\0".join(map(str, ("", page, *made, item, category, q))).encode()


def _is_same(decision: LayoutDecision, previous: PackedFills) -> bool:
    """Whether the content is that of `previous`: compared as numbers within one view, else by the JSON."""
    fills = decision.fills
    if fills.provenance != previous.provenance:
        return False
    view = previous.view()
    if view is decision.shop.view:
        return fills.content == previous.content
    if previous.texts is not None:
        return decision.slots("") == previous.texts.json
    if view is None:
        return False
    before = PageFills()
    before.read(previous.content)
    request: PageRequest = decision.request
    personal = previous.provenance.reason in PERSONAL_REASONS
    shown = slots_json(view, request.page, before, "", personal=personal, query=request.q or "")
    return decision.slots("") == shown
