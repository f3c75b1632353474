"""The storefront view: data precomputed from a catalogue and a storefront together, once for all answers.

It holds the rules as row masks, columns as plain lists, and encoded JSON fragments of answers. It is
built anew when the catalogue or the storefront changes, not when crowd signals do.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

from models.catalog.table import ItemTable
from models.storefront.columns import PageColumns, ViewColumns
from models.storefront.index import StorefrontIndex
from models.storefront.rules import RuleBook, compile_rules
from schemas.catalog import Item
from schemas.codec import encode
from schemas.storefront import PageType

PHRASES_MAX = 50_000
"""Entries of `phrase_cache`; then it is emptied."""


@lru_cache(maxsize=64)
def index_json(count: int) -> tuple[bytes, ...]:
    """What follows `item_json` of each item in a row of `count` items: its index, `}` and the comma."""
    return tuple(b"%d}%b" % (n, b"," if n < count - 1 else b"") for n in range(count))


class StorefrontView(Struct, frozen=True, eq=False, weakref=True):
    """A catalogue of n items seen through a storefront.

    Two requests whose fills were made from the same view can be compared by number.

    Attributes:
        items: The table's own list: the same object means the same catalogue.
        ids: Item ids by row.
        storefront: Pages, slots and modules.
        rules: The storefront's rules over these items.
        item_json: `{"id":"…","index":` of each row; `index_json` ends it.
        slot_json: Of each page, `{"slot":"…","module":` of each slot.
        slot_names: Of each page and slot, `/<slot>","propensity":1.0,"items":[`: what follows the layout id
            in a decision id.
        module_json: `{"id":"…","type":"…","title":` of each module.
        titles: Item titles by row.
        columns: What a page needs of each item, typed.
        category_names: hash32 of a category of any level -> its name.
        brand_names: hash32 of a brand -> its name.
        card_cache: Row -> its card as JSON, as far as cards were made.
        phrase_cache: (module, subject, personal, about_holds, query) -> title and reason as JSON, as
            far as made.
        slot_pieces: Page type -> SlotPieces (models.layout.rendering), as far as made.
        page_columns: (page, period of the rules) -> PageColumns, as far as made.
    """

    items: list[Item]
    ids: list[str]
    storefront: StorefrontIndex
    rules: RuleBook
    item_json: list[bytes]
    slot_json: dict[PageType, tuple[bytes, ...]]
    slot_names: dict[PageType, tuple[bytes, ...]]
    module_json: tuple[bytes, ...]
    titles: list[str]
    columns: ViewColumns
    category_names: Mapping[int, str]
    brand_names: Mapping[int, str]
    card_cache: dict[int, bytes]
    phrase_cache: dict[tuple[int, int, bool, bool, str], bytes]
    slot_pieces: dict[PageType, Any]
    page_columns: dict[tuple[PageType, int], PageColumns]


def build_view(table: ItemTable, storefront: StorefrontIndex) -> StorefrontView:
    """The view of a catalogue through a storefront; O(n · rules)."""
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
        columns=ViewColumns(table, _product_codes(table.items)),
        category_names=table.category_pairs[3],
        brand_names=dict(zip(table.brands.hashes.tolist(), table.brands.names, strict=True)),
        card_cache={},
        phrase_cache={},
        slot_pieces={},
        page_columns={},
    )


def _product_codes(items: list[Item]) -> list[int]:
    codes: dict[tuple[str | None, str], int] = {}
    return [codes.setdefault((item.brand, item.title), len(codes)) for item in items]


def is_current(view: StorefrontView, table: ItemTable, storefront: StorefrontIndex) -> bool:
    """Whether a view was built from this catalogue and storefront. O(n) when the items were read again."""
    return view.storefront is storefront and (view.items is table.items or view.items == table.items)
