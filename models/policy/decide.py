"""decide: from a visitor's state to the layout of a page. Pure; the same input gives the same bytes.

Candidates of all asks are scored in one run of the ranker. When it fails or there is none, the understudy
ranks and the layout says so; a visitor we know nothing of, or who refused, gets what others like.
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
from models.layout.pools import build_pools
from models.layout.rendering.answer import UNNAMED, layout_id_of, slots_json
from models.layout.rendering.wording import PERSONAL_REASONS
from models.policy.decision import LayoutDecision
from models.policy.fallback import NO_MODEL, static_modules
from models.policy.scoring import Scored, score_contexts
from models.policy.snapshot import Snapshot
from models.storefront.shop import Shop
from models.visitor.state import EMPTY
from schemas.layouts import Layout, Reason

_NO_SCORES = np.empty((0, len(NAMES)), np.float32)


def decide(snapshot: Snapshot, requests: Sequence[PageRequest], at: float) -> list[LayoutDecision]:
    """The layouts of many asks, in order; `at` in epoch seconds."""
    if not requests:
        return []
    shop = snapshot.shop
    if not shop.items.n:
        return [_empty_catalogue_layout(shop, request, at) for request in requests]
    contexts = build_contexts(shop, requests, at)
    scored = score_contexts(snapshot, contexts, at)
    pools = build_pools(shop.items, contexts, [one.scores for one in scored])
    decided = []
    for context, one, mine in zip(contexts, scored, pools, strict=True):
        fills = assemble(context, mine, shop.items, shop.view, _previous_fills(shop, context), at)
        decided.append(_compare(shop, context, one, fills, at))
    return decided


def _previous_fills(shop: Shop, context: PageContext) -> list[Fill]:
    """What the visitor saw last, in the numbers of this shop's window."""
    request = context.request
    return (
        translate_fills(request.previous, shop.view, request.page, shop.items.row_by_id)
        if request.previous
        else []
    )


def _compare(
    shop: Shop, context: PageContext, scored: Scored, assembled: Sequence[Fill], at: float
) -> LayoutDecision:
    request, provenance = context.request, scored.provenance
    fills = pack_fills(assembled, "", provenance, shop.view)
    decided = LayoutDecision(
        request=request,
        fills=fills,
        changed=True,
        shop=shop,
        context=context,
        scored=scored,
        assembled=assembled,
        at=at,
    )
    if request.previous is not None and _same_content(decided, request.previous):
        return replace(decided, fills=replace(fills, layout_id=request.previous.layout_id), changed=False)
    unnamed = decided.slots(UNNAMED)
    return replace(
        decided, fills=replace(fills, layout_id=_content_id(request, provenance, unnamed)), unnamed=unnamed
    )


def _content_id(request: PageRequest, provenance: Provenance, unnamed: bytes) -> str:
    """Names what is shown to whom and how it was made; not the state and the signals that led to it."""
    made = (provenance.mode, provenance.reason, provenance.model, provenance.model_version, provenance.role)
    return layout_id_of(
        request.visitor, request.page, *made, request.item, request.category, request.q, slots=unnamed
    )


def _same_content(decided: LayoutDecision, previous: PackedFills) -> bool:
    """Whether the content is what `previous` was: by number in one window, else by the bytes."""
    now = decided.fills
    if now.provenance != previous.provenance:
        return False
    view = previous.view()
    if view is decided.shop.view:
        return now.rows == previous.rows and now.codes == previous.codes
    if previous.texts is not None:
        return decided.slots("") == previous.texts.json
    if view is None:
        return False
    personal = previous.provenance.reason in PERSONAL_REASONS
    request = decided.request
    fills = unpack_fills(previous)
    was = slots_json(view, request.page, fills, "", personal=personal, query=request.q or "")
    return decided.slots("") == was


def _empty_catalogue_layout(shop: Shop, request: PageRequest, at: float) -> LayoutDecision:
    """The page of a shop without items: frames only, until the catalogue is there."""
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
    """What everybody likes, labelled with why the visitor's own page could not be had."""
    stranger = replace(request, state=EMPTY, version=None, previous=None)
    layout = decide(snapshot, [stranger], at)[0].layout
    return layout if layout.mode == "static" else replace(layout, mode="popular", reason=reason)
