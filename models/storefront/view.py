"""What a catalogue and a storefront together fix, made once: rule masks and ready pieces of answer JSON.

A Window lives as long as both stay; crowd signals do not touch it. Answers then are joins of these pieces.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from models.catalog.table import ItemTable
from models.storefront.index import StorefrontIndex
from models.storefront.rules import RuleBook, compile_rules
from schemas.catalog import Item
from schemas.codec import encode
from schemas.storefront import PageType

ITEMS_MAX = 48
"""The most items of a module; pins may add some."""
PHRASES_MAX = 50_000
"""Phrases kept ready; then they are made anew."""


def _index_texts(count: int) -> tuple[bytes, ...]:
    return tuple(b"%d}%b" % (n, b"," if n < count - 1 else b"") for n in range(count))


_INDEX_TEXTS = tuple(_index_texts(count) for count in range(ITEMS_MAX + 1))


def index_texts(count: int) -> tuple[bytes, ...]:
    """What follows each item's `item_json` in a row of so many items."""
    return _INDEX_TEXTS[count] if count <= ITEMS_MAX else _index_texts(count)


class StorefrontView(Struct, frozen=True, eq=False, weakref=True):
    items: list[Item]
    """The table's own list: the same object, the same catalogue."""
    ids: list[str]
    storefront: StorefrontIndex
    rules: RuleBook
    item_json: list[bytes]
    """`{"id":"…","index":` of each row; `index_texts` end it."""
    slot_json: dict[PageType, tuple[bytes, ...]]
    """`{"slot":"…","module":` of each slot of a page."""
    slot_names: dict[PageType, tuple[bytes, ...]]
    """`/<slot>","propensity":1.0,"items":[`: what follows the layout id of a decision id."""
    module_json: tuple[bytes, ...]
    """`{"id":"…","type":"…","title":` of each module."""
    titles: list[str]
    brand_codes: list[int]
    category_codes: list[int]
    model_codes: list[int]
    """A number for each product in all its colours: what shares brand and title."""
    no_brands: list[int]
    """A count of 0 for each brand code; no brand at all counts from far below, for it is none in common."""
    no_categories: list[int]
    category_hashes: list[int]
    """hash32 of each category code."""
    category_names: Mapping[int, str]
    """hash32 of a category of any level -> its name."""
    brand_names: Mapping[int, str]
    cards: dict[int, bytes]
    """Cards made so far, by row."""
    phrase_cache: dict[tuple[int, int, bool, bool, str], bytes]
    """Titles and reasons made so far."""


def build_view(table: ItemTable, storefront: StorefrontIndex) -> StorefrontView:
    return StorefrontView(
        items=table.items,
        ids=table.ids,
        storefront=storefront,
        rules=compile_rules(table, storefront),
        item_json=[b'{"id":' + encode(item_id) + b',"index":' for item_id in table.ids],
        slot_json={
            name: tuple(b'{"slot":' + encode(slot.id) + b',"module":' for slot in page.slots)
            for name, page in storefront.pages.items()
        },
        slot_names={
            name: tuple(b"/" + encode(slot.id)[1:] + b',"propensity":1.0,"items":[' for slot in page.slots)
            for name, page in storefront.pages.items()
        },
        module_json=tuple(
            b'{"id":' + encode(module.id) + b',"type":' + encode(module.type) + b',"title":'
            for module in storefront.modules
        ),
        titles=[item.title for item in table.items],
        brand_codes=table.brands.column.tolist(),
        category_codes=table.categories.column.tolist(),
        model_codes=_models(table.items),
        no_brands=[-(1 << 30)] + [0] * (table.brands.size - 1),
        no_categories=[0] * table.categories.size,
        category_hashes=table.categories.hashes.tolist(),
        category_names=table.pairs[3],
        brand_names=dict(zip(table.brands.hashes.tolist(), table.brands.names, strict=True)),
        cards={},
        phrase_cache={},
    )


def _models(items: list[Item]) -> list[int]:
    codes: dict[tuple[str | None, str], int] = {}
    return [codes.setdefault((item.brand, item.title), len(codes)) for item in items]


def fits(view: StorefrontView, table: ItemTable, storefront: StorefrontIndex) -> bool:
    """Whether the window was made for this catalogue and storefront."""
    return view.storefront is storefront and (view.items is table.items or view.items == table.items)
