"""Merchandisers' rules over an item table, as row masks. Applied after ranking; no model outvotes them.

Who wins when rules meet:
1. An item without stock never appears.
2. `exclude` and `require_stock` remove an item everywhere they apply, from pins too.
3. `pin` puts what is left first, or at its index; it reserves its item, so no other slot shows it. An item
   that two pins claim goes to the upper slot, then to the rule with the smaller id; an index that two claim
   goes to the smaller id, and the other takes the next one free.
4. `boost` orders the rest: factors of several rules multiply.
A rule counts from `starts_at` until just before `ends_at`, on its pages (none named: on all). A pin without
a slot means the first slot of each of its pages.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalog.table import ItemTable
from models.storefront.index import PagePlan, StorefrontIndex
from schemas.ids import hash32
from schemas.storefront import Match, PageType, RuleDef

Mask = NDArray[np.bool_]


class Pin(Struct, frozen=True):
    """`row` stands at `index` of its slot."""

    index: int
    row: int
    rule: str


class PageRules(Struct, frozen=True, eq=False):
    """The rules of one page at one moment, over the rows of one table."""

    allowed: Mask
    boost: NDArray[np.float32] | None
    """Factor of each row; None when no boost applies."""
    pins: Mapping[str, tuple[Pin, ...]]
    """Slot id -> its pins by index."""
    reserved: frozenset[int]


class CompiledRule(Struct, frozen=True, eq=False):
    rule: RuleDef
    rows: NDArray[np.int32]
    """Matching rows; of a pin in the order it lists them."""


class RuleBook(Struct, frozen=True, eq=False):
    """All rules over one table. Between two `edges` the same rules are active."""

    storefront: StorefrontIndex
    in_stock: Mask
    rules: tuple[CompiledRule, ...]
    edges: tuple[float, ...]
    known: dict[tuple[PageType, int], PageRules]
    """What `page_rules` has worked out; a pure function of its key."""


def compile_rules(table: ItemTable, storefront: StorefrontIndex) -> RuleBook:
    """The book of a storefront's rules over the rows of a table."""
    rules = tuple(CompiledRule(rule, _rows(rule, table)) for rule in storefront.rules)
    moments = {
        moment.timestamp() for rule in storefront.rules for moment in (rule.starts_at, rule.ends_at) if moment
    }
    return RuleBook(
        storefront=storefront, in_stock=table.stock > 0, rules=rules, edges=tuple(sorted(moments)), known={}
    )


def page_rules(book: RuleBook, page: PageType, at: float) -> PageRules:
    """What holds on a page at a moment (epoch seconds)."""
    key = (page, period_of(book, at))
    found = book.known.get(key)
    if found is None:
        active = [rule for rule in book.rules if _active(rule.rule, page, at)]
        found = book.known[key] = _combine(book, book.storefront.pages[page], active)
    return found


def period_of(book: RuleBook, at: float) -> int:
    """A number for the time between two edges that a moment (epoch seconds) lies in."""
    return bisect_right(book.edges, at)


def matches(match: Match, table: ItemTable) -> Mask:
    """bool[n]: rows for which every given condition holds."""
    mask = np.ones(table.n, bool)
    if match.items:
        mask &= _of_rows(table, [table.row_of(item) for item in match.items])
    if match.categories:
        inside = [table.rows_in_category(hash32(name)) for name in match.categories]
        mask &= _of_rows(table, np.concatenate(inside).tolist())
    if match.brands:
        inside = [table.rows_of_brand(hash32(name)) for name in match.brands]
        mask &= _of_rows(table, np.concatenate(inside).tolist())
    if match.tags:
        wanted = set(match.tags)
        mask &= np.fromiter((not wanted.isdisjoint(item.tags) for item in table.items), bool, table.n)
    if match.price_below is not None:
        mask &= table.price < match.price_below
    if match.price_above is not None:
        mask &= table.price > match.price_above
    return mask


def _of_rows(table: ItemTable, rows: Sequence[int]) -> Mask:
    mask = np.zeros(table.n, bool)
    mask[[row for row in rows if row >= 0]] = True
    return mask


def _rows(rule: RuleDef, table: ItemTable) -> NDArray[np.int32]:
    mask = matches(rule.match, table)
    if rule.action == "pin":
        listed = dict.fromkeys(table.row_of(item) for item in rule.match.items)
        return np.array([row for row in listed if row >= 0 and mask[row]], np.int32)
    if rule.action == "require_stock":
        mask &= table.stock < rule.at_least
    return np.flatnonzero(mask).astype(np.int32)


def _active(rule: RuleDef, page: PageType, at: float) -> bool:
    if rule.pages and page not in rule.pages:
        return False
    started = rule.starts_at is None or rule.starts_at.timestamp() <= at
    return started and (rule.ends_at is None or at < rule.ends_at.timestamp())


def _combine(book: RuleBook, page: PagePlan, active: Sequence[CompiledRule]) -> PageRules:
    allowed = book.in_stock.copy()
    boost: NDArray[np.float32] | None = None
    for rule in active:
        if rule.rule.action in ("exclude", "require_stock"):
            allowed[rule.rows] = False
        elif rule.rule.action == "boost":
            boost = np.ones(len(allowed), np.float32) if boost is None else boost
            boost[rule.rows] *= rule.rule.factor
    pins = _pins(page, [rule for rule in active if rule.rule.action == "pin"], allowed)
    reserved = frozenset(pin.row for slot in pins.values() for pin in slot)
    return PageRules(allowed=allowed, boost=boost, pins=pins, reserved=reserved)


def _pins(page: PagePlan, rules: Sequence[CompiledRule], allowed: Mask) -> dict[str, tuple[Pin, ...]]:
    """Pins by slot from the top; a row is given away once."""
    pins: dict[str, tuple[Pin, ...]] = {}
    given: set[int] = set()
    for slot in page.slots:
        places: dict[int, Pin] = {}
        for rule in rules:
            if slot.id == (rule.rule.slot or page.slots[0].id):
                _place(rule, allowed, given, places)
        if places:
            pins[slot.id] = tuple(places[index] for index in sorted(places))
    return pins


def _place(rule: CompiledRule, allowed: Mask, given: set[int], places: dict[int, Pin]) -> None:
    index = rule.rule.index
    for row in rule.rows.tolist():
        if not allowed[row] or row in given:
            continue
        while index in places:
            index += 1
        places[index] = Pin(index, row, rule.rule.id)
        given.add(row)
