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
from models.layout.context import Ask, Scene, scene_of, scenes_of
from models.layout.fills import NO_SUBJECT, Fill, Fills, Stamp, in_window, pack_fills, unpack_fills
from models.layout.pools import shelve
from models.layout.rendering.answer import UNNAMED, layout_id_of, slots_json
from models.layout.rendering.cards import hydrate
from models.layout.rendering.wording import PERSONAL_REASONS
from models.policy.decision import Decided
from models.policy.explain import decision_record, explained
from models.policy.fallback import NO_MODEL, static_modules
from models.policy.rerank import Ranked, rank
from models.policy.scoring import Scored, score_scenes
from models.storefront.shop import Shop
from models.visitor.state import EMPTY
from schemas.layouts import Layout, Reason

__all__ = [
    "Ask",
    "Decided",
    "Ranked",
    "decide",
    "decision_record",
    "explained",
    "hydrate",
    "popular_layout",
    "rank",
]

_NO_SCORES = np.empty((0, len(NAMES)), np.float32)


def decide(shop: Shop, asks: Sequence[Ask], at: float) -> list[Decided]:
    """The layouts of many asks, in order; `at` in epoch seconds."""
    if not asks:
        return []
    if not shop.items.n:
        return [_undressed(shop, ask, at) for ask in asks]
    scenes = scenes_of(shop, asks, at)
    scored = score_scenes(shop, scenes, at)
    shelves = shelve(shop.items, scenes, [one.scores for one in scored])
    decided = []
    for scene, one, mine in zip(scenes, scored, shelves, strict=True):
        fills = assemble(scene, mine, shop.items, shop.window, _before(shop, scene), at)
        decided.append(_compared(shop, scene, one, fills, at))
    return decided


def _before(shop: Shop, scene: Scene) -> list[Fill]:
    """What the visitor saw last, in the numbers of this shop's window."""
    ask = scene.ask
    return in_window(ask.previous, shop.window, ask.page, shop.items.row_by_id) if ask.previous else []


def _compared(shop: Shop, scene: Scene, scored: Scored, assembled: Sequence[Fill], at: float) -> Decided:
    ask, stamp = scene.ask, scored.stamp
    fills = pack_fills(assembled, "", stamp, shop.window)
    decided = Decided(
        ask=ask, fills=fills, changed=True, shop=shop, scene=scene, scored=scored, assembled=assembled, at=at
    )
    if ask.previous is not None and _same(decided, ask.previous):
        return replace(decided, fills=replace(fills, layout_id=ask.previous.layout_id), changed=False)
    unnamed = decided.slots(UNNAMED)
    return replace(decided, fills=replace(fills, layout_id=_content_id(ask, stamp, unnamed)), unnamed=unnamed)


def _content_id(ask: Ask, stamp: Stamp, unnamed: bytes) -> str:
    """Names what is shown to whom and how it was made; not the state and the signals that led to it."""
    made = (stamp.mode, stamp.reason, stamp.model, stamp.model_version, stamp.role)
    return layout_id_of(ask.visitor, ask.page, *made, ask.item, ask.category, ask.q, slots=unnamed)


def _same(decided: Decided, previous: Fills) -> bool:
    """Whether the content is what `previous` was: by number in one window, else by the bytes."""
    now = decided.fills
    if now.stamp != previous.stamp:
        return False
    window = previous.window()
    if window is decided.shop.window:
        return now.rows == previous.rows and now.codes == previous.codes
    if previous.texts is not None:
        return decided.slots("") == previous.texts.json
    if window is None:
        return False
    personal = previous.stamp.reason in PERSONAL_REASONS
    ask = decided.ask
    fills = unpack_fills(previous)
    was = slots_json(window, ask.page, fills, "", personal=personal, query=ask.q or "")
    return decided.slots("") == was


def _undressed(shop: Shop, ask: Ask, at: float) -> Decided:
    """The page of a shop without items: frames only, until the catalogue is there."""
    plan = shop.storefront.pages[ask.page]
    stamp = Stamp("static", "stream_stale", NO_MODEL.name, NO_MODEL.version, NO_MODEL.role)
    assembled = [
        Fill(slot.code, module.code, NO_SUBJECT, []) for slot, module in static_modules(shop.storefront, plan)
    ]
    return _compared(
        shop, scene_of(shop, ask, at), Scored(_NO_SCORES[:, 0], _NO_SCORES, stamp), assembled, at
    )


def popular_layout(shop: Shop, ask: Ask, reason: Reason, at: float) -> Layout:
    """What everybody likes, labelled with why the visitor's own page could not be had."""
    stranger = replace(ask, state=EMPTY, version=None, previous=None)
    layout = decide(shop, [stranger], at)[0].layout
    return layout if layout.mode == "static" else replace(layout, mode="popular", reason=reason)
