"""The demo catalogue: made-up but believable products, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from schemas.catalog import Item
from streams.demo.assortment import BRANDS, KINDS, LINES, Brand, Kind

OPENED = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
"""The date that products' ages count from when none is given."""

MEAN_AGE_DAYS = 150.0
SOLD_OUT_SHARE = 0.06
ON_SALE_SHARE = 0.22


class Draft(Struct, frozen=True):
    """A product before it has its number; `noun` is the word for its shape."""

    item: Item
    noun: str


def demo_items(count: int = 2000, seed: int = 7, at: datetime = OPENED) -> list[Item]:
    """`count` products over all kinds, none newer than `at`; equal arguments give equal lists."""
    random = Random(seed)
    items: list[Item] = []
    for kind, wanted in _shares(count):
        drafts: list[Draft] = []
        while len(drafts) < wanted:
            drafts += _model(kind, random, at)
        del drafts[wanted:]
        random.shuffle(drafts)  # the colours of a model need not stand side by side
        items += [_numbered(draft, number) for number, draft in enumerate(drafts, 1)]
    return items


def _shares(count: int) -> list[tuple[Kind, int]]:
    """How many products each kind gets, together exactly `count`."""
    total = sum(kind.share for kind in KINDS)
    bounds = [0]
    reached = 0.0
    for kind in KINDS:
        reached += kind.share
        bounds.append(round(count * reached / total))
    return [(kind, bounds[n + 1] - bounds[n]) for n, kind in enumerate(KINDS)]


def _model(kind: Kind, random: Random, at: datetime) -> Iterator[Draft]:
    """One model in one to three colours, all at one price, each with its day of arrival."""
    brand = random.choice([brand for brand in BRANDS if kind.department in brand.departments])
    line, material, noun = random.choice(LINES), random.choice(kind.materials), random.choice(kind.nouns)
    price = _price(kind, brand, random)
    list_price = _rounded(price * random.uniform(1.15, 1.6)) if random.random() < ON_SALE_SHARE else None
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
            sizes=_sizes(kind, random),
            stock=_stock(random),
            created_at=created,
            tags=_tags(material, created, at, on_sale=list_price is not None),
            margin=round(random.uniform(0.18, 0.62), 2),
        )
        yield Draft(item, noun)


def _numbered(draft: Draft, number: int) -> Item:
    item = draft.item
    item_id = f"{item.category}-{number:04d}"
    image = picture_url(
        item_id, kind=item.category, form=draft.noun, colour=item.colour or "", brand=item.brand or ""
    )
    return replace(item, item_id=item_id, image=image)


def picture_url(item_id: str, **traits: str) -> str:
    """Where the demo draws an item; the address carries all that the drawing needs to know."""
    return f"/demo/items/{item_id}.svg?{urlencode(traits)}"


def _price(kind: Kind, brand: Brand, random: Random) -> float:
    """Log-normal about the category's median times the brand's tier, in euros."""
    return _rounded(random.lognormvariate(math.log(kind.price * brand.tier), kind.spread))


def _rounded(price: float) -> float:
    """A price tag: 4.90 steps under 50, fives less one above."""
    if price < 50:
        return max(4.9, round(price) - 0.1)
    return max(49.0, 5 * round(price / 5) - 1.0)


def _sizes(kind: Kind, random: Random) -> list[str]:
    """Most sizes, some sold out at the edges."""
    if not kind.sizes:
        return []
    return list(kind.sizes[random.randint(0, 2) : len(kind.sizes) - random.randint(0, 2)])


def _stock(random: Random) -> int:
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
