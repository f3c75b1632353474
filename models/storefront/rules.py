"""Merchandisers' rules over an item table: which items a page may show, boosts, and what is pinned where.

Applied after ranking: no score of a model overrules them. Who wins when rules meet:
1. An item without stock never appears.
2. `exclude` and `require_stock` remove an item on every page they apply to, from pins too.
3. `pin` puts what is left first in its slot, or at its index, and reserves it: no other slot shows the item.
   An item that two pins claim goes to the upper slot, then to the rule with the smaller id. An index that two
   pins claim goes to the smaller id, and the other takes the next free one.
4. `boost` reorders the rest: factors of several rules multiply.
A rule applies from `starts_at` until just before `ends_at`, on its pages (none named: on all). A pin without
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
BOOST_MAX = 1e9
"""What factors multiply to at most: twenty of 100 would be more than a float32 holds."""


class Pin(Struct, frozen=True):
    """An item row that the rule with that id pins at `index` of its slot's items."""

    index: int
    row: int
    rule: str


class PageRules(Struct, frozen=True, eq=False):
    """The rules of one page at one moment, over a table of n items.

    Attributes:
        allowed: bool[n], rows that may be shown: in stock and not removed by a rule.
        boost: float32[n], the factor of each row; None when no boost applies.
        pins: Slot id -> its pins, ascending by index; slots without pins are left out.
        reserved: Rows that are pinned in some slot.
    """

    allowed: Mask
    boost: NDArray[np.float32] | None
    pins: Mapping[str, tuple[Pin, ...]]
    reserved: frozenset[int]


class CompiledRule(Struct, frozen=True, eq=False):
    """A rule and the int32 rows it matches: ascending, those of a pin in the order it lists them."""

    rule: RuleDef
    rows: NDArray[np.int32]


class RuleBook(Struct, frozen=True, eq=False):
    """All rules of a storefront over one table.

    Attributes:
        storefront: Whose rules they are.
        in_stock: bool[n].
        rules: In the order of `storefront.rules`: ascending by id.
        edges: Epoch seconds at which a rule begins or ends, ascending; between two the same rules apply.
        page_cache: (page, period) -> what `page_rules` computed; a pure function of its key.
    """

    storefront: StorefrontIndex
    in_stock: Mask
    rules: tuple[CompiledRule, ...]
    edges: tuple[float, ...]
    page_cache: dict[tuple[PageType, int], PageRules]


def compile_rules(table: ItemTable, storefront: StorefrontIndex) -> RuleBook:
    """Matches every rule of a storefront with the items, once.

    Complexity: O(rules · n).
    """
    rules = tuple(CompiledRule(rule, _matching_rows(rule, table)) for rule in storefront.rules)
    edges = {time.timestamp() for rule in storefront.rules for time in (rule.starts_at, rule.ends_at) if time}
    return RuleBook(
        storefront=storefront,
        in_stock=table.stock > 0,
        rules=rules,
        edges=tuple(sorted(edges)),
        page_cache={},
    )


def page_rules(book: RuleBook, page: PageType, at: float) -> PageRules:
    """The rules of a page at a moment, combined as the module's docstring says.

    Args:
        book: The rules of the storefront.
        page: The page type.
        at: Epoch seconds.

    Complexity: O(n + rules · matched rows) the first time of a period, then one look-up.
    """
    key = (page, period_of(book, at))
    rules = book.page_cache.get(key)
    if rules is None:
        active = [rule for rule in book.rules if _is_active(rule.rule, page, at)]
        rules = book.page_cache[key] = _combine(book, book.storefront.pages[page], active)
    return rules


def period_of(book: RuleBook, at: float) -> int:
    """The number of the time between two edges that `at` (epoch seconds) lies in."""
    return bisect_right(book.edges, at)


def matches(match: Match, table: ItemTable) -> Mask:
    """bool[n]: rows for which every condition of the match holds; all rows when it has none."""
    mask = np.ones(table.n, bool)
    if match.items:
        mask &= _mask_of(table, [table.row_of(item) for item in match.items])
    if match.categories:
        inside = [table.rows_in_category(hash32(name)) for name in match.categories]
        mask &= _mask_of(table, np.concatenate(inside).tolist())
    if match.brands:
        inside = [table.rows_of_brand(hash32(name)) for name in match.brands]
        mask &= _mask_of(table, np.concatenate(inside).tolist())
    if match.tags:
        wanted = set(match.tags)
        mask &= np.fromiter((not wanted.isdisjoint(item.tags) for item in table.items), bool, table.n)
    if match.price_below is not None:
        mask &= table.price < match.price_below
    if match.price_above is not None:
        mask &= table.price > match.price_above
    return mask


def _mask_of(table: ItemTable, rows: Sequence[int]) -> Mask:
    """bool[n] that is true at `rows`; -1 is skipped."""
    mask = np.zeros(table.n, bool)
    mask[[row for row in rows if row >= 0]] = True
    return mask


def _matching_rows(rule: RuleDef, table: ItemTable) -> NDArray[np.int32]:
    """The rows that a rule acts on; of `require_stock` those whose stock is too low."""
    mask = matches(rule.match, table)
    if rule.action == "pin":
        listed = dict.fromkeys(table.row_of(item) for item in rule.match.items)
        return np.array([row for row in listed if row >= 0 and mask[row]], np.int32)
    if rule.action == "require_stock":
        mask &= table.stock < rule.at_least
    return np.flatnonzero(mask).astype(np.int32)


def _is_active(rule: RuleDef, page: PageType, at: float) -> bool:
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
            boost[rule.rows] = np.minimum(boost[rule.rows] * rule.rule.factor, BOOST_MAX)
    pins = _assign_pins(page, [rule for rule in active if rule.rule.action == "pin"], allowed)
    reserved = frozenset(pin.row for slot in pins.values() for pin in slot)
    return PageRules(allowed=allowed, boost=boost, pins=pins, reserved=reserved)


def _assign_pins(page: PagePlan, rules: Sequence[CompiledRule], allowed: Mask) -> dict[str, tuple[Pin, ...]]:
    """Slot id -> its pins: slots from the top, rules by id; a row is assigned once."""
    pins: dict[str, tuple[Pin, ...]] = {}
    assigned: set[int] = set()
    for slot in page.slots:
        by_index: dict[int, Pin] = {}
        for rule in rules:
            if slot.id == (rule.rule.slot or page.slots[0].id):
                _add_pins(rule, allowed, assigned, by_index)
        if by_index:
            pins[slot.id] = tuple(by_index[index] for index in sorted(by_index))
    return pins


def _add_pins(rule: CompiledRule, allowed: Mask, assigned: set[int], by_index: dict[int, Pin]) -> None:
    """Puts a rule's rows at the free indices from its own on."""
    index = rule.rule.index
    for row in rule.rows.tolist():
        if not allowed[row] or row in assigned:
            continue
        while index in by_index:
            index += 1
        by_index[index] = Pin(index, row, rule.rule.id)
        assigned.add(row)
