"""The storefront definition: pages, slots, modules and rules that merchandisers write.

On `storefront.v1` each section is one record: the key is its name (`page:home`, `module:trending`,
`rule:pin-summer`), the value is one of these structs; a tombstone removes it. A push is one batch of records
in the topic's only partition, which Kafka delivers whole, so that no reader sees half of a push.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from schemas.events import Label, Name
from schemas.ids import ItemIdText

PageType = Literal["home", "category", "product", "cart", "search"]
PAGE_ORDER: tuple[PageType, ...] = get_args(PageType)
SubjectName = Literal["item", "category", "q"]
SUBJECTS: Mapping[str, SubjectName] = {"product": "item", "category": "category", "search": "q"}
"""The request parameter with a page's subject; pages that are not listed have none."""

ModuleType = Literal[
    "hero",
    "recommended",
    "because_you_viewed",
    "bought_together",
    "trending",
    "recently_viewed",
    "step_up",  # a higher-priced alternative
    "new_arrivals",
    "better_price",  # a better-priced alternative
    "popular",
    "from_cart",
    "search_results",
    "category_grid",
    "discover",  # something other than what the visitor is looking at
]


class ModuleDef(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="section", tag="module"):
    """A content block that can fill a slot; `title` may hold {item}, {category}, {brand}, {query}.

    `stranger_title` takes its place in pages that nothing about the visitor went into.
    """

    id: Name
    type: ModuleType
    title: Label
    stranger_title: Label | None = None
    items_min: Annotated[int, Meta(ge=1, le=48)] = 3
    items_max: Annotated[int, Meta(ge=1, le=48)] = 10
    prior: Annotated[float, Meta(ge=0, le=1)] = 0.5


class SlotDef(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named place on a page; `default` is the module that fills it when nothing better can."""

    id: Name
    admits: Annotated[list[Name], Meta(min_length=1, max_length=30)]
    default: Name


class PageDef(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="section", tag="page"):
    """A template a shopper opens. Slots are filled from the top."""

    page: PageType
    slots: Annotated[list[SlotDef], Meta(min_length=1, max_length=30)]


RuleAction = Literal["pin", "exclude", "require_stock", "boost"]


class Match(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which items a rule is about: all given conditions must hold; none given means every item."""

    items: Annotated[list[ItemIdText], Meta(max_length=500)] = []
    categories: list[Label] = []
    brands: list[Label] = []
    tags: list[Label] = []
    price_below: float | None = None
    price_above: float | None = None


class RuleDef(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="section", tag="rule"):
    """A merchandising rule. Applied after ranking; a model cannot outvote it.

    pin puts its items first in `slot` (or at `index`), exclude removes matches everywhere,
    require_stock removes items whose stock is below `at_least`, boost multiplies scores by `factor`.
    """

    id: Name
    action: RuleAction
    match: Match = Match()
    pages: list[PageType] = []
    slot: Name | None = None
    index: Annotated[int, Meta(ge=0, le=47)] = 0
    at_least: Annotated[int, Meta(ge=0)] = 1
    factor: Annotated[float, Meta(ge=0, le=100)] = 1.0
    starts_at: Annotated[datetime, Meta(tz=True)] | None = None
    ends_at: Annotated[datetime, Meta(tz=True)] | None = None


Section = PageDef | ModuleDef | RuleDef


def section_key(section: Section) -> str:
    """Return the record key of a section."""
    match section:
        case PageDef():
            return f"page:{section.page}"
        case ModuleDef():
            return f"module:{section.id}"
        case RuleDef():
            return f"rule:{section.id}"


class Storefront(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole definition as one document, as `PUT /v1/storefront` takes it."""

    pages: list[PageDef] = []
    modules: list[ModuleDef] = []
    rules: list[RuleDef] = []


def sections_of(storefront: Storefront) -> dict[str, Section]:
    """Return the document's sections by their record key."""
    every: list[Section] = [*storefront.modules, *storefront.pages, *storefront.rules]
    return {section_key(section): section for section in every}


def storefront_of(sections: Iterable[Section]) -> Storefront:
    """Return the document that holds these sections: pages in PAGE_ORDER, the others sorted by id.

    Equal sections give documents that are equal line by line.
    """
    ordered = sorted(sections, key=section_key)
    pages = [section for section in ordered if isinstance(section, PageDef)]
    return Storefront(
        pages=sorted(pages, key=lambda section: PAGE_ORDER.index(section.page)),
        modules=[section for section in ordered if isinstance(section, ModuleDef)],
        rules=[section for section in ordered if isinstance(section, RuleDef)],
    )
