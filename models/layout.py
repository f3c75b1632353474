"""Assembly: slots are filled from the top, each given what is above it (stage-wise greedy).

A slot is filled once, no module and no item comes twice on a page, pins stand, and a slot that nothing better
fills gets its default. A slot that nothing at all can fill (a shop of three items) is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.calm import settle, slot_margin, still_about
from models.fills import NO_SUBJECT, Fill
from models.items import ItemTable
from models.modules import Kind, dismissed, kind_of, subject_of, wish
from models.rules import Pin
from models.scenes import Scene
from models.shelves import Shelf, Shelves
from models.storefront_index import ModulePlan, SlotPlan
from models.window import Window

BEST = 4
"""How many of its first items speak for a module."""
BRAND_SHARE = 0.4
CATEGORY_SHARE = 0.6
"""The most of one row that one brand, one category may take where variety is wanted."""
VARIED: frozenset[Kind] = frozenset({"all", "trending", "new", "popular", "reduced", "other"})
LISTS: frozenset[Kind] = frozenset({"recent", "cart"})
"""Kinds that show what the visitor knows already, in its own order."""
LISTINGS: frozenset[tuple[str, Kind]] = frozenset({("category", "category"), ("search", "results")})
"""What a page is for lists everything, also what was looked at before."""
CLOSE: frozenset[Kind] = frozenset({"near", "finer", "cheaper", "category"})
"""Kinds that stay with one item or category..."""
CROWDED = 0.7
"""...and what each of them on the page takes from the wish of the next: a window shows other things too."""
SPARE: dict[Kind, str] = {
    "all": "by_popularity", "other": "by_popularity", "popular": "by_popularity", "trending": "by_trend", "new": "by_newness",
}  # fmt: skip
"""Shop-wide orders that may truthfully stand in for an empty shelf."""
SPARE_MAX = 400


class Offer(Struct, eq=False):
    """A module that can be offered: what it speaks of and how much it wants a slot."""

    module: ModulePlan
    kind: Kind
    subject: int
    shelf: Shelf
    wish: float


class Assembly(Struct, eq=False):
    """The page being filled: what is offered still, and which rows are gone."""

    scene: Scene
    window: Window
    table: ItemTable
    offers: dict[int, Offer]
    placed: set[int]
    known: set[int]
    """Placed, or known to the visitor: shown again only where that is the point."""
    used: set[int]
    """Modules that stand on the page."""
    close: int
    """How many CLOSE modules stand on it; counted on the home page only: elsewhere closeness is the point."""
    before: dict[int, Fill]
    """Module number -> what it showed last."""


def assemble(
    scene: Scene, shelves: Shelves, table: ItemTable, window: Window, previous: Sequence[Fill], at: float
) -> list[Fill]:
    """The fills of a page, from the top."""
    placed = set(scene.rules.reserved)
    page = Assembly(
        scene=scene,
        window=window,
        table=table,
        offers=_offers(scene, shelves, at),
        placed=placed,
        known=placed.union(scene.recent, scene.cart, scene.owned),
        used=set(),
        close=0,
        before={fill.module: fill for fill in previous},
    )
    standing = {fill.slot: fill.module for fill in previous}
    fills = []
    for slot in scene.plan.slots:
        fill = _fill(page, slot, standing.get(slot.code, -1))
        if fill is not None:
            _put(page, fill)
            fills.append(fill)
    return fills


def _put(page: Assembly, fill: Fill) -> None:
    page.placed.update(fill.rows)
    page.known.update(fill.rows)
    page.used.add(fill.module)
    offer = page.offers.pop(fill.module, None)
    if offer is not None and offer.kind in CLOSE and page.scene.plan.page == "home":
        page.close += 1


def _offers(scene: Scene, shelves: Shelves, at: float) -> dict[int, Offer]:
    """The modules that have something to say and enough to show."""
    offers = {}
    for module in scene.plan.modules:
        kind = kind_of(module)
        shelf = _list_shelf(scene, kind) if kind in LISTS else shelves[kind]
        subject = subject_of(module, kind, scene)
        if subject is None or len(shelf.rows) < module.items_min or dismissed(module, scene):
            continue
        best = shelf.scores[:BEST]
        offers[module.code] = Offer(
            module, kind, subject, shelf, wish(module, kind, scene, sum(best) / len(best), at)
        )
    return offers


def _list_shelf(scene: Scene, kind: Kind) -> Shelf:
    rows = scene.cart if kind == "cart" else [row for row in scene.recent if row not in scene.cart]
    return Shelf(rows, [0.0] * len(rows))


def _fill(page: Assembly, slot: SlotPlan, standing: int) -> Fill | None:
    """The best offer that has enough left; else the slot's default with whatever is left; else pins alone."""
    pins = page.scene.rules.pins.get(slot.id, ())
    for offer in _by_wish(page, slot, standing):
        rows = _choose(page, offer, len(pins))
        if len(rows) + len(pins) >= offer.module.items_min:
            return Fill(slot.code, offer.module.code, offer.subject, _with_pins(rows, pins))
    return _spare(page, slot, pins)


def _by_wish(page: Assembly, slot: SlotPlan, standing: int) -> list[Offer]:
    offers = page.offers
    margin = slot_margin(slot.code)
    wishes = []
    for code in slot.admits:
        offer = offers.get(code)
        if offer is not None:
            wanted = offer.wish + (margin if code == standing else 0.0)
            wishes.append((page.close * CROWDED - wanted if offer.kind in CLOSE else -wanted, code))
    wishes.sort()
    return [offers[code] for _, code in wishes]


def _choose(page: Assembly, offer: Offer, pins: int) -> list[int]:
    """The rows that the module shows here, best first, calm kept."""
    size = max(0, offer.module.items_max - pins)
    taken = page.known
    if offer.kind in LISTS:
        return [row for row in offer.shelf.rows if row not in page.placed][:size]
    if (page.scene.plan.page, offer.kind) in LISTINGS:
        taken = page.placed
    fresh = _varied(page.window, offer.shelf.rows, taken, size) if offer.kind in VARIED else None
    if fresh is None:
        fresh = _first(offer.shelf.rows, taken, size)
    previous = page.before.get(offer.module.code)
    if previous is not None and still_about(previous, offer.subject):
        return settle(fresh, _unpinned(page, previous), offer.shelf, taken, size)
    return fresh


def _unpinned(page: Assembly, fill: Fill) -> list[int]:
    reserved = page.scene.rules.reserved
    return [row for row in fill.rows if row not in reserved] if reserved else fill.rows


def _first(rows: Sequence[int], taken: set[int], size: int) -> list[int]:
    chosen: list[int] = []
    for row in rows:
        if len(chosen) == size:
            break
        if row not in taken:
            chosen.append(row)
    return chosen


def _varied(window: Window, rows: Sequence[int], taken: set[int], size: int) -> list[int]:
    """As `_first`, but no brand or category takes more than its share while others are left."""
    brand_codes, category_codes = window.brand_codes, window.category_codes
    brand_max, category_max = max(2, int(BRAND_SHARE * size)), max(2, int(CATEGORY_SHARE * size))
    brands: Counter[int] = Counter()
    categories: Counter[int] = Counter()
    chosen: list[int] = []
    spare: list[int] = []
    for row in rows:
        if len(chosen) == size:
            return chosen
        if row in taken:
            continue
        brand, category = brand_codes[row], category_codes[row]
        if categories[category] >= category_max or (brand and brands[brand] >= brand_max):
            spare.append(row)
            continue
        brands[brand] += 1
        categories[category] += 1
        chosen.append(row)
    return chosen + spare[: size - len(chosen)]


def _with_pins(rows: list[int], pins: Sequence[Pin]) -> list[int]:
    for pin in pins:
        rows.insert(pin.index, pin.row)
    return rows


def _spare(page: Assembly, slot: SlotPlan, pins: Sequence[Pin]) -> Fill | None:
    """The default, or another admitted module, from a shop-wide order; its minimum does not count here."""
    unused = [code for code in dict.fromkeys((slot.default, *slot.admits)) if code not in page.used]
    for code in unused:
        module = page.window.storefront.modules[code]
        order = SPARE.get(kind_of(module))
        if order is None:
            continue
        rows = _left(page, getattr(page.table, order), max(0, module.items_max - len(pins)))
        if rows or pins:
            return Fill(slot.code, code, NO_SUBJECT, _with_pins(rows, pins))
    return Fill(slot.code, unused[0], NO_SUBJECT, _with_pins([], pins)) if pins and unused else None


def _left(page: Assembly, order: NDArray[np.int32], size: int) -> list[int]:
    """What may still be shown of an order, from its first SPARE_MAX rows that the rules allow."""
    allowed = order[page.scene.rules.allowed[order]][:SPARE_MAX]
    return _first(allowed.tolist(), page.placed, size)
