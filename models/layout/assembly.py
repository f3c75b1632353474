"""Assembly: slots are filled from the top, each given what is above it (stage-wise greedy).

A slot is filled once, no item comes twice on a page, pins stand, and a slot that nothing better fills gets
its default. No module comes twice either, unless a pin has no other to stand in. A slot that nothing at all
can fill (a shop of three items) is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import filterfalse, islice

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.table import ItemTable
from models.layout.context import PageContext
from models.layout.fills import NO_SUBJECT, Fill
from models.layout.kinds.registry import kind_of
from models.layout.module_ranking import ModuleCandidate, rank_modules
from models.layout.pools import CandidatePools
from models.layout.stability import SLOT_MARGIN, slot_margin, stabilise, still_about
from models.storefront.index import SlotPlan
from models.storefront.rules import Pin
from models.storefront.view import StorefrontView

BRAND_SHARE = 0.4
CATEGORY_SHARE = 0.6
"""The most of one row that one brand, one category may take where variety is wanted..."""
LOOK_PLACES = 4
"""...among so many times as many items as the row holds: variety is not worth a much worse item."""
CROWDED = 0.7
"""What each close module on the home page takes from the score of the next: a page shows other things too."""
SPARE_MAX = 400
"""How far into a shop-wide order a spare row looks. All of these are own choices, not tuned on data."""


class Assembly(Struct, eq=False):
    """The page being filled: what is offered still, and which rows are gone."""

    context: PageContext
    view: StorefrontView
    table: ItemTable
    pools: CandidatePools
    ranked: list[ModuleCandidate]
    """The greatest wish first."""
    placed: set[int]
    known: set[int]
    """Placed, or known to the visitor: shown again only where that is the point."""
    used: set[int]
    """Modules that stand on the page."""
    close: int
    """How many close modules stand on it; counted on the home page only: elsewhere closeness is the point."""
    before: dict[int, Fill]
    """Module number -> what it showed last."""


def assemble(
    context: PageContext,
    pools: CandidatePools,
    table: ItemTable,
    view: StorefrontView,
    previous: Sequence[Fill],
    at: float,
) -> list[Fill]:
    """The fills of a page, from the top; `previous` ones in the numbers of `view`."""
    reserved = context.rules.reserved
    page = Assembly(
        context=context,
        view=view,
        table=table,
        pools=pools,
        ranked=rank_modules(context, pools, at),
        placed=set(reserved),
        known={*reserved, *context.recent, *context.cart, *context.owned},
        used=set(),
        close=0,
        before={fill.module: fill for fill in previous},
    )
    standing = {fill.slot: fill.module for fill in previous}
    fills = []
    for slot in context.plan.slots:
        fill = _fill(page, slot, standing.get(slot.code, -1))
        if fill is not None:
            page.placed.update(fill.rows)
            page.known.update(fill.rows)
            page.used.add(fill.module)
            fills.append(fill)
    return fills


def _fill(page: Assembly, slot: SlotPlan, standing: int) -> Fill | None:
    """The best offer that has enough left; else the slot's default with whatever is left."""
    pins = page.context.rules.pins.get(slot.id, ())
    while (candidate := _best_candidate(page, slot, standing)) is not None:
        page.ranked.remove(candidate)
        rows = _choose(page, candidate, len(pins))
        if rows is not None:
            if candidate.kind.close and page.context.plan.page == "home":
                page.close += 1
            return Fill(slot.code, candidate.module.code, candidate.subject, _with_pins(rows, pins))
    return _spare(page, slot, pins)


def _best_candidate(page: Assembly, slot: SlotPlan, standing: int) -> ModuleCandidate | None:
    """The admitted offer with the greatest wish, the standing module ahead by the margin of calm."""
    crowd = CROWDED * page.close
    best, best_score = None, 0.0
    for candidate in page.ranked:
        if best is not None and candidate.score + SLOT_MARGIN <= best_score:
            break
        code = candidate.module.code
        if code in slot.admitted:
            score = candidate.score - crowd if candidate.kind.close else candidate.score
            if code == standing:
                score += slot_margin(slot.code)
            if best is None or score > best_score:
                best, best_score = candidate, score
    return best


def _choose(page: Assembly, candidate: ModuleCandidate, pins: int) -> list[int] | None:
    """The rows that the module shows beside its pins, best first, calm kept; None when too few are left.

    Pins do not count as the module's own: so what has too little for one slot has it for all below.
    """
    module, kind = candidate.module, candidate.kind
    rows = page.pools.of(kind.pool)
    repeats = kind.known or kind.lists == page.context.plan.page
    taken = page.placed if repeats else page.known
    if pins and len(_first(rows, taken, module.items_min)) < module.items_min:
        return None
    size = module.items_max - pins
    if size <= 0:
        return []
    chosen = _first(rows, taken, size) if kind.known else _stable_rows(page, candidate, taken, size)
    return chosen if pins or len(chosen) >= module.items_min else None


def _stable_rows(page: Assembly, candidate: ModuleCandidate, taken: set[int], size: int) -> list[int]:
    """The rows chosen anew, settled with those that the module showed last."""
    kind = candidate.kind
    rows = page.pools.of(kind.pool)
    fresh = _varied(page.view, rows, taken, size) if kind.variety else _first(rows, taken, size)
    previous = page.before.get(candidate.module.code)
    if previous is None or previous.rows == fresh or not still_about(previous, candidate.subject):
        return fresh
    if not kind.stable:
        return fresh
    value = page.pools.value
    offered = value if kind.pool.everything else set(rows)
    shown = [row for row in previous.rows if row in offered and row not in taken]
    return stabilise(fresh, shown, value, size)


def _first(rows: Sequence[int], taken: set[int], size: int) -> list[int]:
    return list(islice(filterfalse(taken.__contains__, rows), size))


def _varied(view: StorefrontView, rows: Sequence[int], taken: set[int], size: int) -> list[int]:
    """As `_first`, but no brand or category takes more than its share while others are near, and of a product
    in several colours one is enough."""
    brand_codes, category_codes = view.brand_codes, view.category_codes
    brands, categories = view.no_brands.copy(), view.no_categories.copy()
    brand_max, category_max = max(2, int(BRAND_SHARE * size)), max(2, int(CATEGORY_SHARE * size))
    model_codes = view.model_codes
    models: set[int] = set()
    chosen: list[int] = []
    spare: list[int] = []
    for row in islice(filterfalse(taken.__contains__, rows), LOOK_PLACES * size):
        category = category_codes[row]
        if (
            categories[category] < category_max
            and brands[brand := brand_codes[row]] < brand_max
            and (model := model_codes[row]) not in models
        ):
            chosen.append(row)
            if len(chosen) == size:
                return chosen
            brands[brand] += 1
            categories[category] += 1
            models.add(model)
        else:
            spare.append(row)
    return chosen + spare[: size - len(chosen)]


def _with_pins(rows: list[int], pins: Sequence[Pin]) -> list[int]:
    for pin in pins:
        rows.insert(pin.index, pin.row)
    return rows


def _spare(page: Assembly, slot: SlotPlan, pins: Sequence[Pin]) -> Fill | None:
    """The default, or another admitted module, from a shop-wide order; its minimum does not count here."""
    unused = [code for code in dict.fromkeys((slot.default, *slot.admits)) if code not in page.used]
    for code in unused:
        module = page.view.storefront.modules[code]
        order = kind_of(module).spare
        if order is None:
            continue
        rows = _left(page, getattr(page.table, order), max(0, module.items_max - len(pins)))
        if rows or pins:
            return Fill(slot.code, code, NO_SUBJECT, _with_pins(rows, pins))
    if not pins:
        return None
    code = next(iter(unused), slot.default)  # all may stand above: a pin is worth a module that comes twice
    return Fill(slot.code, code, NO_SUBJECT, _with_pins([], pins))


def _left(page: Assembly, order: NDArray[np.int32], size: int) -> list[int]:
    """What may still be shown of an order, from its first SPARE_MAX rows that the rules allow."""
    allowed = order[page.context.rules.allowed[order]][:SPARE_MAX]
    return _first(allowed.tolist(), page.placed, size)
