"""A storefront view and the rules of a page as compiled code reads them: typed columns, one value a row."""

from collections.abc import Mapping, Sequence
from typing import Any

import cython
import numpy as np

from models import use_compiled
from schemas.ids import hash32


@cython.final
@cython.cclass
class ViewColumns:
    """What a page needs of each item of a catalogue, whatever its rules.

    Attributes:
        category, brand: int[n], the codes of the item table; brand 0 for none.
        product: int[n], a number that items of one brand and title share: one product in its colours.
        category_hashes: uint[codes], hash32 of each category code.
        brands, categories: Number of codes.
    """

    category = cython.declare(cython.int[::1], visibility="readonly")
    brand = cython.declare(cython.int[::1], visibility="readonly")
    product = cython.declare(cython.int[::1], visibility="readonly")
    category_hashes = cython.declare(cython.uint[::1], visibility="readonly")
    brands = cython.declare(cython.int, visibility="readonly")
    categories = cython.declare(cython.int, visibility="readonly")

    def __init__(self, table: Any, products: Sequence[int]) -> None:
        self.category = np.ascontiguousarray(table.categories.column, np.int32).data
        self.brand = np.ascontiguousarray(table.brands.column, np.int32).data
        self.product = np.array(products, np.int32).data
        self.category_hashes = np.ascontiguousarray(table.categories.hashes, np.uint32).data
        self.brands, self.categories = table.brands.size, table.categories.size


@cython.final
@cython.cclass
class PageColumns:
    """One page of a storefront with the rules of a period, over a table of n items.

    Attributes:
        page: Page type.
        modules: The page's ModulePlans; `kinds` and `pool_of` (an index in `pools`) belong to them.
        module_codes: Their numbers in the storefront.
        module_hashes: hash32 of their ids.
        items_min, items_max, prior_scores: Of each.
        named: Whether its title names its subject.
        slot_count: Slots from the top; `admits[slot, index]` says which modules may stand there.
        choices: Of each slot the module indexes for spare fills: its default and then those it admits.
        allowed: uchar[n], 1 where rules let an item be shown.
        boost: float[n], when `boosted`.
        pin_starts, pin_indexes, pin_rows: Pins of each slot, ascending by index.
    """

    page = cython.declare(str, visibility="readonly")
    modules = cython.declare(list, visibility="readonly")
    kinds = cython.declare(list, visibility="readonly")
    pools = cython.declare(list, visibility="readonly")
    pool_of = cython.declare(cython.int[::1], visibility="readonly")
    module_codes: cython.int[::1]
    module_hashes: cython.uint[::1]
    items_min: cython.int[::1]
    items_max: cython.int[::1]
    prior_scores: cython.double[::1]
    named: cython.uchar[::1]
    module_count: cython.int
    slot_count: cython.int
    admits: cython.uchar[:, ::1]
    choices: list[Any]
    allowed = cython.declare(cython.uchar[::1], visibility="readonly")
    boosted: cython.bint
    boost: cython.float[::1]
    pin_starts: cython.int[::1]
    pin_indexes: cython.int[::1]
    pin_rows: cython.int[::1]

    def __init__(self, plan: Any, rules: Any, kinds: Sequence[Any]) -> None:
        """`kinds` are the ModuleKinds of `plan.modules`, `rules` the PageRules."""
        modules = plan.modules
        self.page = plan.page
        self.modules, self.kinds = list(modules), list(kinds)
        self.pools = list(dict.fromkeys(kind.pool for kind in kinds))
        if None in self.pools:
            raise TypeError("a module kind without a pool: its __init__ must call ModuleKind.__init__")
        numbers = {pool: number for number, pool in enumerate(self.pools)}
        self.pool_of = _ints([numbers[kind.pool] for kind in kinds])
        self.module_codes = _ints([module.code for module in modules])
        self.module_hashes = np.array([hash32(module.id) for module in modules] or [0], np.uint32).data
        self.items_min = _ints([module.items_min for module in modules])
        self.items_max = _ints([module.items_max for module in modules])
        self.prior_scores = np.array([module.prior_score for module in modules] or [0.0], np.float64).data
        self.named = np.array([bool(module.about) for module in modules] or [False], np.uint8).data
        self.module_count = len(modules)
        self._add_slots(plan, {module.code: index for index, module in enumerate(modules)})
        self._add_rules(plan, rules)

    def _add_slots(self, plan: Any, index_of: Mapping[int, int]) -> None:
        admits = np.zeros((max(len(plan.slots), 1), max(len(index_of), 1)), np.uint8)
        self.choices = []
        for slot in plan.slots:
            admits[slot.code, [index_of[code] for code in slot.admits]] = 1
            self.choices.append([index_of[code] for code in dict.fromkeys((slot.default, *slot.admits))])
        self.admits, self.slot_count = admits.data, len(plan.slots)

    def _add_rules(self, plan: Any, rules: Any) -> None:
        pins = [rules.pins.get(slot.id, ()) for slot in plan.slots]
        self.allowed = np.ascontiguousarray(rules.allowed).view(np.uint8).data
        self.boosted = rules.boost is not None
        self.boost = (rules.boost if self.boosted else np.ones(1, np.float32)).data
        self.pin_starts = _ints(np.cumsum([0, *map(len, pins)]).tolist())
        self.pin_indexes = _ints([pin.index for slot in pins for pin in slot])
        self.pin_rows = _ints([pin.row for slot in pins for pin in slot])


def _ints(values: Sequence[int]) -> Any:
    """int32 column of `values`; memoryviews of nothing do not exist, so none makes one that nobody reads."""
    return np.array(values if len(values) else [-1], np.int32).data


if not cython.compiled:
    use_compiled(globals())
