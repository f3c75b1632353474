"""Generates the demo catalogue: invented products, the same for the same seed.

Distributions are our own choice, set by hand; nothing tunes them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from schemas.catalog import Item
from streams.demo.assortment import BRANDS, KINDS, LINES, Brand, ProductKind

OPENED = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
"""Default for the moment that no product is newer than."""

MEAN_AGE_DAYS = 150.0
SOLD_OUT_SHARE = 0.06
ON_SALE_SHARE = 0.22


class Draft(Struct, frozen=True):
    """A product without its id and image; `noun` is the word for its shape."""

    item: Item
    noun: str


def demo_items(count: int = 2000, seed: int = 7, at: datetime = OPENED) -> list[Item]:
    """Generate products of all kinds.

    Args:
        count: How many.
        seed: Equal arguments give equal lists.
        at: No product is newer.

    Returns:
        The products grouped by kind, with ids `<category>-<number>`.
    """
    random = Random(seed)
    items: list[Item] = []
    for kind, kind_count in _split_count(count):
        drafts: list[Draft] = []
        while len(drafts) < kind_count:
            drafts += _generate_model(kind, random, at)
        del drafts[kind_count:]
        random.shuffle(drafts)  # so that the colours of a model do not get consecutive numbers
        items += [_finish(draft, number) for number, draft in enumerate(drafts, 1)]
    return items


def _split_count(count: int) -> list[tuple[ProductKind, int]]:
    """Return how many products each kind gets by its share, in total exactly `count`."""
    total = sum(kind.share for kind in KINDS)
    bounds = [0]
    cumulative = 0.0
    for kind in KINDS:
        cumulative += kind.share
        bounds.append(round(count * cumulative / total))
    return [(kind, bounds[n + 1] - bounds[n]) for n, kind in enumerate(KINDS)]


def _generate_model(kind: ProductKind, random: Random, at: datetime) -> Iterator[Draft]:
    """Yield one model in one to three colours: one price, but a date of its own for each."""
    brand = random.choice([brand for brand in BRANDS if kind.department in brand.departments])
    line, material, noun = random.choice(LINES), random.choice(kind.materials), random.choice(kind.nouns)
    price = _sample_price(kind, brand, random)
    list_price = _round_price(price * random.uniform(1.15, 1.6)) if random.random() < ON_SALE_SHARE else None
    colours = random.sample(sorted(set(kind.colours)), random.choices((1, 2, 3), (5, 3, 1))[0])
    for colour in colours:
        created = at - timedelta(days=random.expovariate(1 / MEAN_AGE_DAYS))
        item = Item(
            item_id=kind.category,
            title=f"{line} {material} {noun}",
            categories=[kind.department, kind.category],
            price=price,
            brand=brand.name,
            list_price=list_price,
            colour=colour,
            sizes=_sample_sizes(kind, random),
            stock=_sample_stock(random),
            created_at=created,
            tags=_tags(material, created, at, on_sale=list_price is not None),
            margin=round(random.uniform(0.18, 0.62), 2),
        )
        yield Draft(item, noun)


def _finish(draft: Draft, number: int) -> Item:
    """Give a draft its id and its image."""
    item = draft.item
    item_id = f"{item.category}-{number:04d}"
    image = picture_url(
        item_id, kind=item.category, form=draft.noun, colour=item.colour or "", brand=item.brand or ""
    )
    return replace(item, item_id=item_id, image=image)


def picture_url(item_id: str, **traits: str) -> str:
    """Return the address of an item's drawing; the drawing depends on the address alone."""
    return f"/demo/items/{item_id}.svg?{urlencode(traits)}"


def _sample_price(kind: ProductKind, brand: Brand, random: Random) -> float:
    """Draw a price in euros: log-normal, its median the category's times the brand's tier."""
    return _round_price(random.lognormvariate(math.log(kind.price * brand.tier), kind.spread))


def _round_price(price: float) -> float:
    """Round to a usual price: x.90 below 50 euros, above it a multiple of five less one."""
    if price < 50:
        return max(4.9, round(price) - 0.1)
    return max(49.0, 5 * round(price / 5) - 1.0)


def _sample_sizes(kind: ProductKind, random: Random) -> list[str]:
    """Return the kind's sizes without up to two at either end."""
    if not kind.sizes:
        return []
    return list(kind.sizes[random.randint(0, 2) : len(kind.sizes) - random.randint(0, 2)])


def _sample_stock(random: Random) -> int:
    if random.random() < SOLD_OUT_SHARE:
        return 0
    return 1 + min(400, int(random.lognormvariate(3.0, 1.0)))


def _tags(material: str, created: datetime, at: datetime, *, on_sale: bool) -> list[str]:
    tags = [material.lower()]
    if at - created < timedelta(days=30):
        tags.append("new")
    if on_sale:
        tags.append("sale")
    return tags
