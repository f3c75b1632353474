"""Which storefront documents are valid, and their index: pages of slots of modules, by number.

A number (`code`) is an index: of a module in `StorefrontIndex.modules`, of a slot in its page's slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from models.storefront.defaults import DEFAULT_STOREFRONT
from schemas.errors import InvalidDocument
from schemas.storefront import ModuleDef, ModuleType, PageDef, PageType, RuleDef, SlotDef, Storefront

PRIOR_WEIGHT = 2.0
"""What a prior of 1 adds to a module's score, in standardised item scores. Own choice, not tuned."""


class ModulePlan(Struct, frozen=True, eq=False):
    """A module of the storefront.

    Attributes:
        code: Its number.
        id: Its id in the document.
        type: Its type; models.layout.kinds says what the type means.
        title: May hold {item}, {category}, {brand} or {query}.
        stranger_title: The title for a stranger, a visitor of whom nothing was used; "" for `title`.
        items_min: Fewer items than this do not fill a slot.
        items_max: The most items, without pins beyond it.
        prior_score: The merchandiser's prior in standardised item scores: PRIOR_WEIGHT times the prior.
        about: What the title names: `item`, `category`, `brand`, `query`, or "" for nothing.
    """

    code: int
    id: str
    type: ModuleType
    title: str
    stranger_title: str
    items_min: int
    items_max: int
    prior_score: float
    about: str


class SlotPlan(Struct, frozen=True, eq=False):
    """A slot of a page.

    Attributes:
        code: Its number on the page, from the top.
        id: Its id in the document.
        admits: Numbers of the modules that may fill it, in the order of the document.
        admitted: The same as a set.
        default: Number of the module for when nothing better can fill it; one of `admits`.
    """

    code: int
    id: str
    admits: tuple[int, ...]
    admitted: frozenset[int]
    default: int


class PagePlan(Struct, frozen=True, eq=False):
    """A page: its slots from the top, and every module that one of them admits."""

    page: PageType
    slots: tuple[SlotPlan, ...]
    modules: tuple[ModulePlan, ...]


class StorefrontIndex(Struct, frozen=True, eq=False):
    """A valid storefront.

    Attributes:
        pages: Page type -> its plan; every page type is there.
        modules: All modules, ascending by id; a module's number is its index here.
        rules: All rules, ascending by id; between equal claims of two rules the smaller id wins.
        module_codes: Module id -> number.
        slot_codes: Slot id -> number on its page.
    """

    pages: Mapping[PageType, PagePlan]
    modules: tuple[ModulePlan, ...]
    rules: tuple[RuleDef, ...]
    module_codes: Mapping[str, int]
    slot_codes: Mapping[str, int]


def index_storefront(document: Storefront) -> StorefrontIndex:
    """Checks and indexes a storefront document.

    Args:
        document: Pages and modules it does not define are those of the default storefront.

    Raises:
        InvalidDocument: A page, module, rule or slot is defined twice, a module or slot is named that is not
            there, or limits or times contradict each other. `field` names it, e.g.
            `$.pages[0].slots[2].admits[1]`.

    Complexity: O(sections + rules · slots).
    """
    _check_unique([page.page for page in document.pages], "pages", "page")
    _check_unique([module.id for module in document.modules], "modules", "id")
    _check_unique([rule.id for rule in document.rules], "rules", "id")
    modules = _index_modules(document.modules)
    codes = {module.id: module.code for module in modules}
    own = {page.page: _page_plan(page, n, codes, modules) for n, page in enumerate(document.pages)}
    pages = {
        page.page: own.get(page.page) or _page_plan(page, n, codes, modules)
        for n, page in enumerate(DEFAULT_STOREFRONT.pages)
    }
    slots = _slot_codes(document.pages, pages.values())
    for n, rule in enumerate(document.rules):
        _check_rule(rule, f"$.rules[{n}]", pages)
    return StorefrontIndex(
        pages=pages,
        modules=modules,
        rules=tuple(sorted(document.rules, key=lambda rule: rule.id)),
        module_codes=codes,
        slot_codes=slots,
    )


def _index_modules(own: Sequence[ModuleDef]) -> tuple[ModulePlan, ...]:
    for n, module in enumerate(own):
        if module.items_min > module.items_max:
            raise InvalidDocument("items_min is above items_max", field=f"$.modules[{n}].items_min")
    merged = {module.id: module for module in (*DEFAULT_STOREFRONT.modules, *own)}
    return tuple(_module_plan(code, merged[name]) for code, name in enumerate(sorted(merged)))


def _module_plan(code: int, module: ModuleDef) -> ModulePlan:
    about = next(
        (word for word in ("item", "category", "brand", "query") if f"{{{word}}}" in module.title), ""
    )
    return ModulePlan(
        code=code,
        id=module.id,
        type=module.type,
        title=module.title,
        stranger_title=module.stranger_title or "",
        items_min=module.items_min,
        items_max=module.items_max,
        prior_score=PRIOR_WEIGHT * module.prior,
        about=about,
    )


def _page_plan(page: PageDef, n: int, codes: Mapping[str, int], modules: Sequence[ModulePlan]) -> PagePlan:
    field = f"$.pages[{n}].slots"
    _check_unique([slot.id for slot in page.slots], field.removeprefix("$."), "id")
    slots = tuple(_slot_plan(slot, code, f"{field}[{code}]", codes) for code, slot in enumerate(page.slots))
    used = sorted({code for slot in slots for code in (*slot.admits, slot.default)})
    return PagePlan(page=page.page, slots=slots, modules=tuple(modules[code] for code in used))


def _slot_plan(slot: SlotDef, code: int, field: str, codes: Mapping[str, int]) -> SlotPlan:
    for n, name in enumerate(slot.admits):
        if name not in codes:
            raise InvalidDocument(f"no module {name!r}", field=f"{field}.admits[{n}]")
    if slot.default not in codes:
        raise InvalidDocument(f"no module {slot.default!r}", field=f"{field}.default")
    admits = tuple(dict.fromkeys(codes[name] for name in (*slot.admits, slot.default)))
    return SlotPlan(
        code=code, id=slot.id, admits=admits, admitted=frozenset(admits), default=codes[slot.default]
    )


def _slot_codes(own: Sequence[PageDef], pages: Iterable[PagePlan]) -> dict[str, int]:
    """Slot id -> its number on its page; a slot id belongs to one page only, for rules name slots alone."""
    places: dict[str, tuple[PageType, int]] = {}
    numbers = {page.page: n for n, page in enumerate(own)}
    for page in pages:
        for slot in page.slots:
            other = places.setdefault(slot.id, (page.page, slot.code))
            if other != (page.page, slot.code):
                n = numbers.get(page.page, numbers.get(other[0], 0))
                raise InvalidDocument(
                    f"slot {slot.id!r} is on the pages {other[0]} and {page.page}",
                    field=f"$.pages[{n}].slots",
                )
    return {slot: code for slot, (_, code) in places.items()}


def _check_unique(names: Sequence[str], section: str, key: str) -> None:
    seen: set[str] = set()
    for n, name in enumerate(names):
        if name in seen:
            raise InvalidDocument(f"{name!r} is defined twice", field=f"$.{section}[{n}].{key}")
        seen.add(name)


def _check_rule(rule: RuleDef, field: str, pages: Mapping[PageType, PagePlan]) -> None:
    if rule.starts_at and rule.ends_at and rule.starts_at >= rule.ends_at:
        raise InvalidDocument("ends before it starts", field=f"{field}.ends_at")
    if rule.action == "pin" and not rule.match.items:
        raise InvalidDocument("a pin lists the items it pins", field=f"{field}.match.items")
    if rule.slot is not None:
        _check_slot(rule, field, pages)


def _check_slot(rule: RuleDef, field: str, pages: Mapping[PageType, PagePlan]) -> None:
    if rule.action != "pin":
        raise InvalidDocument(f"only a pin has a slot, not {rule.action}", field=f"{field}.slot")
    home = next((name for name, page in pages.items() if any(s.id == rule.slot for s in page.slots)), None)
    if home is None:
        raise InvalidDocument(f"no slot {rule.slot!r}", field=f"{field}.slot")
    if rule.pages and home not in rule.pages:
        raise InvalidDocument(f"slot {rule.slot!r} is on the page {home}", field=f"{field}.pages")
