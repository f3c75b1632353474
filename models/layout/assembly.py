"""Assembly: which module fills each slot of a page, and with which items.

Slots are filled from the top, each given what stands above it (stage-wise greedy). A slot is filled once, no
item comes twice on a page, and pins stand. A slot that no ranked module fills gets its default. No module
comes twice either, unless a pin has no other module to stand in. A slot that nothing at all can fill (in a
shop of three items) is left out.
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
from models.layout.stability import UPPER_SLOT_MARGIN, has_subject, slot_margin, stabilise
from models.storefront.index import SlotPlan
from models.storefront.rules import Pin
from models.storefront.view import StorefrontView

BRAND_SHARE = 0.4
CATEGORY_SHARE = 0.6
"""The largest share of a module's items from one brand, from one category, where variety is wanted."""
LOOK_AHEAD = 4
"""Variety chooses among this many times as many items as are shown: it is not worth a much worse item."""
SINGLE_TOPIC_PENALTY = 0.7
"""What each single-topic module on the home page takes from the score of the next such one."""
SPARE_MAX = 400
"""Rows of a shop-wide order that a spare fill looks at. All of these are own choices, not tuned on data."""


class Assembly(Struct, eq=False):
    """The page being filled.

    Attributes:
        context: The page.
        view: The storefront view whose numbers the fills use.
        table: The items.
        pools: The page's candidates.
        ranked: Modules that are not placed or tried yet, the highest score first.
        placed: Item rows on the page, and pinned ones.
        placed_or_known: `placed`, and what the visitor viewed, has in the cart or bought: such an item is
            shown again only by kinds whose point that is.
        used: Numbers of the modules on the page.
        single_topics: How many single-topic modules it has; counted on the home page only, for other pages
            are about one thing on purpose.
        before: Module number -> what it showed last.
    """

    context: PageContext
    view: StorefrontView
    table: ItemTable
    pools: CandidatePools
    ranked: list[ModuleCandidate]
    placed: set[int]
    placed_or_known: set[int]
    used: set[int]
    single_topics: int
    before: dict[int, Fill]


def assemble(
    context: PageContext,
    pools: CandidatePools,
    table: ItemTable,
    view: StorefrontView,
    previous: Sequence[Fill],
    at: float,
) -> list[Fill]:
    """Fills the slots of a page, from the top (stage-wise greedy).

    Args:
        context: The page.
        pools: Its candidates.
        table: The items.
        view: Of the table and the storefront; fills are in its numbers.
        previous: What the visitor was shown last on this page, in the numbers of `view`; it keeps its place
            within the margins of models.layout.stability.
        at: Now, epoch seconds.

    Returns:
        A fill for each slot that anything can fill, in the order of the slots.

    Complexity: O(slots · modules + items shown · LOOK_AHEAD).

    Reference: Own heuristic, not tuned on data: greedy choice slot by slot, with shares of brand and category
        for diversification.
    """
    page = _begin_page(context, pools, table, view, previous, at)
    standing = {fill.slot: fill.module for fill in previous}
    fills = []
    for slot in context.plan.slots:
        fill = _fill_slot(page, slot, standing.get(slot.code, -1))
        if fill is not None:
            page.placed.update(fill.rows)
            page.placed_or_known.update(fill.rows)
            page.used.add(fill.module)
            fills.append(fill)
    return fills


def _begin_page(
    context: PageContext,
    pools: CandidatePools,
    table: ItemTable,
    view: StorefrontView,
    previous: Sequence[Fill],
    at: float,
) -> Assembly:
    reserved = context.rules.reserved
    return Assembly(
        context=context,
        view=view,
        table=table,
        pools=pools,
        ranked=rank_modules(context, pools, at),
        placed=set(reserved),
        placed_or_known={*reserved, *context.recent, *context.cart, *context.owned},
        used=set(),
        single_topics=0,
        before={fill.module: fill for fill in previous},
    )


def _fill_slot(page: Assembly, slot: SlotPlan, standing: int) -> Fill | None:
    """The best module that has enough items left; else the spare fill of the slot."""
    pins = page.context.rules.pins.get(slot.id, ())
    while (candidate := _best_candidate(page, slot, standing)) is not None:
        page.ranked.remove(candidate)
        rows = _choose_rows(page, candidate, len(pins))
        if rows is not None:
            if candidate.kind.single_topic and page.context.plan.page == "home":
                page.single_topics += 1
            return Fill(slot.code, candidate.module.code, candidate.subject, _insert_pins(rows, pins))
    return _spare_fill(page, slot, pins)


def _best_candidate(page: Assembly, slot: SlotPlan, standing: int) -> ModuleCandidate | None:
    """The admitted module with the highest score; the one that stands in the slot is ahead by its margin."""
    penalty = SINGLE_TOPIC_PENALTY * page.single_topics
    best, best_score = None, 0.0
    for candidate in page.ranked:
        if best is not None and candidate.score + UPPER_SLOT_MARGIN <= best_score:
            break
        code = candidate.module.code
        if code in slot.admitted:
            score = candidate.score - penalty if candidate.kind.single_topic else candidate.score
            if code == standing:
                score += slot_margin(slot.code)
            if best is None or score > best_score:
                best, best_score = candidate, score
    return best


def _choose_rows(page: Assembly, candidate: ModuleCandidate, pins: int) -> list[int] | None:
    """The rows that a module shows beside `pins` pinned ones, best first; None when too few are left.

    Pins do not count towards the module's minimum: a module that has too little for one slot has too little
    for all slots below.
    """
    module, kind = candidate.module, candidate.kind
    rows = page.pools.of(kind.pool)
    repeats = kind.known or kind.lists == page.context.plan.page
    taken = page.placed if repeats else page.placed_or_known
    if pins and len(_first_rows(rows, taken, module.items_min)) < module.items_min:
        return None
    size = module.items_max - pins
    if size <= 0:
        return []
    chosen = _first_rows(rows, taken, size) if kind.known else _stable_rows(page, candidate, taken, size)
    return chosen if pins or len(chosen) >= module.items_min else None


def _stable_rows(page: Assembly, candidate: ModuleCandidate, taken: set[int], size: int) -> list[int]:
    """The best rows, stabilised against those that the module showed last about the same subject."""
    kind = candidate.kind
    rows = page.pools.of(kind.pool)
    fresh = _varied_rows(page.view, rows, taken, size) if kind.variety else _first_rows(rows, taken, size)
    previous = page.before.get(candidate.module.code)
    if previous is None or previous.rows == fresh or not has_subject(previous, candidate.subject):
        return fresh
    if not kind.stable:
        return fresh
    scores = page.pools.scores
    offered = scores if kind.pool.everything else set(rows)
    shown = [row for row in previous.rows if row in offered and row not in taken]
    return stabilise(fresh, shown, scores, size)


def _first_rows(rows: Sequence[int], taken: set[int], size: int) -> list[int]:
    return list(islice(filterfalse(taken.__contains__, rows), size))


def _varied_rows(view: StorefrontView, rows: Sequence[int], taken: set[int], size: int) -> list[int]:
    """The first rows, but no brand or category takes more than its share while others are near, and of a
    product in several colours one is enough. What is left over fills up a row that stays short."""
    brand_codes, category_codes, product_codes = view.brand_codes, view.category_codes, view.product_codes
    brands, categories = view.zero_brand_counts.copy(), view.zero_category_counts.copy()
    brand_max, category_max = max(2, int(BRAND_SHARE * size)), max(2, int(CATEGORY_SHARE * size))
    products: set[int] = set()
    chosen: list[int] = []
    left_over: list[int] = []
    for row in islice(filterfalse(taken.__contains__, rows), LOOK_AHEAD * size):
        category = category_codes[row]
        if (
            categories[category] < category_max
            and brands[brand := brand_codes[row]] < brand_max
            and (product := product_codes[row]) not in products
        ):
            chosen.append(row)
            if len(chosen) == size:
                return chosen
            brands[brand] += 1
            categories[category] += 1
            products.add(product)
        else:
            left_over.append(row)
    return chosen + left_over[: size - len(chosen)]


def _insert_pins(rows: list[int], pins: Sequence[Pin]) -> list[int]:
    """`rows` with each pin at its index, or at the end when the row is shorter; pins are ascending."""
    for pin in pins:
        rows.insert(pin.index, pin.row)
    return rows


def _spare_fill(page: Assembly, slot: SlotPlan, pins: Sequence[Pin]) -> Fill | None:
    """The slot's default, or another admitted module, from its shop-wide order; its minimum does not count.

    None when no module has a row left and nothing is pinned.
    """
    unused = [code for code in dict.fromkeys((slot.default, *slot.admits)) if code not in page.used]
    for code in unused:
        module = page.view.storefront.modules[code]
        order = kind_of(module).spare
        if order is None:
            continue
        rows = _spare_rows(page, getattr(page.table, order), max(0, module.items_max - len(pins)))
        if rows or pins:
            return Fill(slot.code, code, NO_SUBJECT, _insert_pins(rows, pins))
    if not pins:
        return None
    code = next(iter(unused), slot.default)  # all may stand above: a pin is worth a module that comes twice
    return Fill(slot.code, code, NO_SUBJECT, _insert_pins([], pins))


def _spare_rows(page: Assembly, order: NDArray[np.int32], size: int) -> list[int]:
    """Up to `size` rows not on the page, of the first SPARE_MAX of an order that the rules allow."""
    allowed = order[page.context.rules.allowed[order]][:SPARE_MAX]
    return _first_rows(allowed.tolist(), page.placed, size)
