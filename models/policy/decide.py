"""The policy: which layout a visitor gets. Pure: the same input gives the same bytes.

The candidates of all requests are scored in one run of the ranker. Without a ranker, and when it fails, the
understudy ranks and the layout says so. A stranger, of whom nothing may or can be used, gets what other
shoppers like.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from models.features.spec import NAMES
from models.layout.assembly import assemble
from models.layout.context import PageContext, PageRequest, build_context, build_contexts
from models.layout.fills import (
    NO_SUBJECT,
    Fill,
    PackedFills,
    Provenance,
    pack_fills,
    translate_fills,
    unpack_fills,
)
from models.layout.kinds.registry import used_pools
from models.layout.pools import build_pools
from models.layout.rendering.answer import ID_PLACEHOLDER, make_layout_id, slots_json
from models.layout.rendering.wording import PERSONAL_REASONS
from models.policy.fallback import NO_MODEL, static_modules
from models.policy.layout_decision import LayoutDecision
from models.policy.scoring import Scored, score_contexts
from models.policy.snapshot import Snapshot
from models.storefront.shop import Shop
from models.visitor.state import EMPTY
from schemas.layouts import Layout, Reason

_NO_SCORES = np.empty((0, len(NAMES)), np.float32)


def decide(snapshot: Snapshot, requests: Sequence[PageRequest], at: float) -> list[LayoutDecision]:
    """Decides the layouts of many requests.

    Args:
        snapshot: Shop, feature index and rankers; one for all requests.
        requests: The pages wanted; they do not influence each other.
        at: Now, epoch seconds.

    Returns:
        A decision for each request, in order. A Shop without items gives frames without items (mode static,
        reason stream_stale). A ranker's failure is not raised: it is the reason of the layouts.

    Raises:
        KeyError: A page type that the storefront does not have.

    Complexity: One feature matrix and one run of the ranker for all; then O(items shown) a request.
    """
    if not requests:
        return []
    shop = snapshot.shop
    if not shop.items.n:
        return [_empty_catalogue_layout(shop, request, at) for request in requests]
    contexts = build_contexts(shop, requests, at)
    scored = score_contexts(snapshot, contexts, at)
    pools = build_pools(shop.items, contexts, [one.scores for one in scored], used_pools(contexts))
    decisions = []
    for context, page_scored, page_pools in zip(contexts, scored, pools, strict=True):
        fills = assemble(context, page_pools, shop.items, shop.view, _previous_fills(shop, context), at)
        decisions.append(_compare(shop, context, page_scored, fills, at))
    return decisions


def _previous_fills(shop: Shop, context: PageContext) -> list[Fill]:
    """What the visitor saw last, in the numbers of this Shop's view."""
    request = context.request
    return (
        translate_fills(request.previous, shop.view, request.page, shop.items.row_by_id)
        if request.previous
        else []
    )


def _compare(
    shop: Shop, context: PageContext, scored: Scored, assembled: Sequence[Fill], at: float
) -> LayoutDecision:
    """The decision with its layout id: that of the previous content when it is the same, else a new one."""
    request, provenance = context.request, scored.provenance
    fills = pack_fills(assembled, "", provenance, shop.view)
    decision = LayoutDecision(
        request=request,
        fills=fills,
        changed=True,
        shop=shop,
        context=context,
        scored=scored,
        assembled=assembled,
        at=at,
    )
    if request.previous is not None and _has_content(decision, request.previous):
        return replace(decision, fills=replace(fills, layout_id=request.previous.layout_id), changed=False)
    slots = decision.slots(ID_PLACEHOLDER)
    layout_id = _content_id(request, provenance, slots)
    return replace(decision, fills=replace(fills, layout_id=layout_id), slots_without_id=slots)


def _content_id(request: PageRequest, provenance: Provenance, slots: bytes) -> str:
    """The id of what is shown to whom and how it was made; state version and signals have no part in it.

    Reference: DESIGN, decision 17.
    """
    made = (provenance.mode, provenance.reason, provenance.model, provenance.model_version, provenance.role)
    return make_layout_id(
        request.visitor, request.page, *made, request.item, request.category, request.q, slots=slots
    )


def _has_content(decision: LayoutDecision, previous: PackedFills) -> bool:
    """Whether the content is that of `previous`: compared by number within one view, else by the bytes."""
    fills = decision.fills
    if fills.provenance != previous.provenance:
        return False
    view = previous.view()
    if view is decision.shop.view:
        return fills.rows == previous.rows and fills.codes == previous.codes
    if previous.texts is not None:
        return decision.slots("") == previous.texts.json
    if view is None:
        return False
    personal = previous.provenance.reason in PERSONAL_REASONS
    request = decision.request
    before = slots_json(
        view, request.page, unpack_fills(previous), "", personal=personal, query=request.q or ""
    )
    return decision.slots("") == before


def _empty_catalogue_layout(shop: Shop, request: PageRequest, at: float) -> LayoutDecision:
    """The page of a Shop without items: frames only, until the catalogue is there."""
    plan = shop.storefront.pages[request.page]
    provenance = Provenance("static", "stream_stale", NO_MODEL.name, NO_MODEL.version, NO_MODEL.role)
    assembled = [
        Fill(slot.code, module.code, NO_SUBJECT, []) for slot, module in static_modules(shop.storefront, plan)
    ]
    return _compare(
        shop,
        build_context(shop, request, at),
        Scored(_NO_SCORES[:, 0], _NO_SCORES, provenance),
        assembled,
        at,
    )


def popular_layout(snapshot: Snapshot, request: PageRequest, reason: Reason, at: float) -> Layout:
    """The page of a stranger, for when the visitor's own cannot be had.

    Args:
        snapshot: Shop, feature index and rankers.
        request: Its state, version and previous content are not used.
        reason: Why the visitor's own page cannot be had; the layout carries it with the mode popular.
        at: Now, epoch seconds.

    Returns:
        The layout; that of a Shop without items keeps its mode static and its own reason.
    """
    stranger = replace(request, state=EMPTY, version=None, previous=None)
    layout = decide(snapshot, [stranger], at)[0].layout
    return layout if layout.mode == "static" else replace(layout, mode="popular", reason=reason)
