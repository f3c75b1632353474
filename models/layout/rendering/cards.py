"""Cards put into an answer: what a storefront needs to draw each item."""

from __future__ import annotations

import re

import msgspec

from models.storefront.shop import Shop
from schemas.catalog import Item
from schemas.codec import encode
from schemas.layouts import Card

# Only items carry an index right after their id; inside a JSON string the quotes would be escaped.
_ITEM = re.compile(rb'\{"id":("(?:[^"\\]|\\.)*"),"index":\d+')


def hydrate(layout: bytes, shop: Shop) -> bytes:
    """The answer with a card on each item that the shop knows."""

    def with_card(found: re.Match[bytes]) -> bytes:
        card = _card(found[1], shop)
        return found[0] + b',"card":' + card if card else found[0]

    return _ITEM.sub(with_card, layout)


def card_of(item: Item) -> Card:
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


def _card(quoted: bytes, shop: Shop) -> bytes | None:
    """The card's JSON; made once per item and window."""
    row = shop.items.row_of(msgspec.json.decode(quoted, type=str))
    if row < 0:
        return None
    cards = shop.view.cards
    card = cards.get(row)
    if card is None:
        card = cards[row] = encode(card_of(shop.items.items[row]))
    return card
