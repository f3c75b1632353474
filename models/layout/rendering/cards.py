"""Product cards put into an answer: what a storefront needs to draw each item (`hydrate=1`)."""

from __future__ import annotations

import re

import msgspec

from models.storefront.shop import Shop
from schemas.catalog import Item
from schemas.codec import encode
from schemas.layouts import Card

# Only items have an index right after their id; inside a JSON string the quotes would be escaped.
_ITEM = re.compile(rb'\{"id":("(?:[^"\\]|\\.)*"),"index":\d+')


def hydrate(layout: bytes, shop: Shop) -> bytes:
    """An answer with a card on each of its items.

    Args:
        layout: A whole answer; it is searched and spliced, not decoded.
        shop: Items it does not have get no card.

    Complexity: O(bytes); a card is encoded once per item and view.
    """

    def with_card(match: re.Match[bytes]) -> bytes:
        card = _card_json(match[1], shop)
        return match[0] + b',"card":' + card if card else match[0]

    return _ITEM.sub(with_card, layout)


def card_of(item: Item) -> Card:
    """The card of an item."""
    return Card(
        title=item.title,
        price=item.price,
        currency=item.currency,
        brand=item.brand,
        list_price=item.list_price,
        image=item.image,
        url=item.url,
        categories=item.categories,
        colour=item.colour,
    )


def _card_json(quoted_id: bytes, shop: Shop) -> bytes | None:
    row = shop.items.row_of(msgspec.json.decode(quoted_id, type=str))
    if row < 0:
        return None
    cards = shop.view.card_cache
    card = cards.get(row)
    if card is None:
        card = cards[row] = encode(card_of(shop.items.items[row]))
    return card
