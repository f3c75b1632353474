"""A storefront definition checked and ready to be used: pages of slots of modules, by number.

InvalidDocument names the field, e.g. `$.pages[0].slots[2].admits[1]`.
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
    """A module and its number in the index; `about` is what its title speaks of."""

    code: int
    id: str
    type: ModuleType
    title: str
    stranger_title: str
    """Said where nothing about the visitor was used; "" for the title."""
    items_min: int
    items_max: int
    head_start: float
    """The merchandiser's prior, in standardised scores."""
    about: str
    """`item`, `category`, `brand`, `query` or ""."""


class SlotPlan(Struct, frozen=True, eq=False):
    """A slot and its number on its page; `admits` and `default` are module numbers."""

    code: int
    id: str
    admits: tuple[int, ...]
    """In the order of the document."""
    admitted: frozenset[int]
    default: int


class PagePlan(Struct, frozen=True, eq=False):
    page: PageType
    slots: tuple[SlotPlan, ...]
    modules: tuple[ModulePlan, ...]
    """Every module that some slot of the page admits."""


class StorefrontIndex(Struct, frozen=True, eq=False):
    pages: Mapping[PageType, PagePlan]
    modules: tuple[ModulePlan, ...]
    rules: tuple[RuleDef, ...]
    """In order of their ids: the order in which equal claims are heard."""
    module_codes: Mapping[str, int]
    slot_codes: Mapping[str, int]


def index_storefront(given: Storefront) -> StorefrontIndex:
    """The index of a document; pages and modules it does not define are those of the default storefront."""
    _check_unique([page.page for page in given.pages], "pages", "page")
    _check_unique([module.id for module in given.modules], "modules", "id")
    _check_unique([rule.id for rule in given.rules], "rules", "id")
    modules = _modules(given.modules)
    codes = {module.id: module.code for module in modules}
    own = {page.page: _page(page, n, codes, modules) for n, page in enumerate(given.pages)}
    pages = {
        page.page: own.get(page.page) or _page(page, n, codes, modules)
        for n, page in enumerate(DEFAULT_STOREFRONT.pages)
    }
    slots = _slot_codes(given.pages, pages.values())
    for n, rule in enumerate(given.rules):
        _check_rule(rule, f"$.rules[{n}]", pages)
    return StorefrontIndex(
        pages=pages,
        modules=modules,
        rules=tuple(sorted(given.rules, key=lambda rule: rule.id)),
        module_codes=codes,
        slot_codes=slots,
    )


def _modules(given: Sequence[ModuleDef]) -> tuple[ModulePlan, ...]:
    for n, module in enumerate(given):
        if module.items_min > module.items_max:
            raise InvalidDocument("items_min is above items_max", field=f"$.modules[{n}].items_min")
    merged = {module.id: module for module in (*DEFAULT_STOREFRONT.modules, *given)}
    return tuple(_module(code, merged[name]) for code, name in enumerate(sorted(merged)))


def _module(code: int, module: ModuleDef) -> ModulePlan:
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
        head_start=PRIOR_WEIGHT * module.prior,
        about=about,
    )


def _page(page: PageDef, n: int, codes: Mapping[str, int], modules: Sequence[ModulePlan]) -> PagePlan:
    field = f"$.pages[{n}].slots"
    _check_unique([slot.id for slot in page.slots], field.removeprefix("$."), "id")
    slots = tuple(_slot(slot, code, f"{field}[{code}]", codes) for code, slot in enumerate(page.slots))
    used = sorted({code for slot in slots for code in (*slot.admits, slot.default)})
    plans = tuple(modules[code] for code in used)
    return PagePlan(page=page.page, slots=slots, modules=plans)


def _slot(slot: SlotDef, code: int, field: str, codes: Mapping[str, int]) -> SlotPlan:
    for n, name in enumerate(slot.admits):
        if name not in codes:
            raise InvalidDocument(f"no module {name!r}", field=f"{field}.admits[{n}]")
    if slot.default not in codes:
        raise InvalidDocument(f"no module {slot.default!r}", field=f"{field}.default")
    admits = tuple(dict.fromkeys(codes[name] for name in (*slot.admits, slot.default)))
    return SlotPlan(
        code=code, id=slot.id, admits=admits, admitted=frozenset(admits), default=codes[slot.default]
    )


def _slot_codes(given: Sequence[PageDef], pages: Iterable[PagePlan]) -> dict[str, int]:
    """Slot id -> its number on its page; a slot id belongs to one page only, for rules name slots alone."""
    of_page: dict[str, tuple[PageType, int]] = {}
    numbers = {page.page: n for n, page in enumerate(given)}
    for page in pages:
        for slot in page.slots:
            other = of_page.setdefault(slot.id, (page.page, slot.code))
            if other != (page.page, slot.code):
                at = numbers.get(page.page, numbers.get(other[0], 0))
                raise InvalidDocument(
                    f"slot {slot.id!r} is on the pages {other[0]} and {page.page}",
                    field=f"$.pages[{at}].slots",
                )
    return {slot: code for slot, (_, code) in of_page.items()}


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
