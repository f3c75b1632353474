"""What a simulated shopper likes, and how much a product speaks to them. Pure: chance is an argument."""

from __future__ import annotations

import math
from random import Random

from msgspec import Struct

from schemas.ids import hash32
from schemas.layouts import Card
from streams.demo.assortment import BRANDS, CATEGORIES, KINDS
from streams.demo.colours import COLOURS

MEDIAN_PRICE = {kind.category: kind.price for kind in KINDS}
LIKED = 2.2
"""Added to the appeal of a product in a favourite category."""


class Taste(Struct, frozen=True, kw_only=True):
    """One person. `tier` is how dear they buy, as a multiple of a category's median price."""

    categories: tuple[str, ...]
    brands: tuple[str, ...]
    colours: tuple[str, ...]
    tier: float
    patience: float
    """Looks per visit, on average."""
    eagerness: float
    """Chance to put a product that was looked at, and fits, into the cart."""
    searches: float
    """Chance to search rather than to look around."""


def taste_of(random: Random) -> Taste:
    """A person; favourites are near each other more often than not, as people's are."""
    home = random.choice(sorted(set(CATEGORIES.values())))
    near = [category for category, department in CATEGORIES.items() if department == home]
    favourites = random.sample(near, min(len(near), random.randint(1, 2)))
    favourites += random.sample(sorted(CATEGORIES), random.randint(0, 2))
    return Taste(
        categories=tuple(dict.fromkeys(favourites)),
        brands=tuple(random.sample([brand.name for brand in BRANDS], 3)),
        colours=tuple(random.sample(sorted(COLOURS), 4)),
        tier=random.lognormvariate(0.1, 0.35),
        patience=random.uniform(4, 14),
        eagerness=random.uniform(0.05, 0.3),
        searches=random.uniform(0.02, 0.15),
    )


def appeal(taste: Taste, item_id: str, card: Card) -> float:
    """How much a product speaks to somebody; 0 is indifference, favourites reach 4 or 5."""
    category = card.categories[-1] if card.categories else ""
    score = LIKED if category in taste.categories else 0.0
    score += 0.9 * (card.brand in taste.brands) + 0.5 * (card.colour in taste.colours)
    if category in MEDIAN_PRICE and card.price > 0:
        wanted = MEDIAN_PRICE[category] * taste.tier
        score -= 1.2 * abs(math.log(card.price / wanted))
    score += 0.3 * (card.list_price is not None)
    return score + _charm(item_id)


def _charm(item_id: str) -> float:
    """What nobody wrote down: some products please everybody. Few do: the fourth power makes a long tail."""
    share: float = (hash32("charm " + item_id) % 10_000) / 10_000
    return 1.6 * share**4


def choose(taste: Taste, shown: list[tuple[str, Card]], random: Random, *, leave: float) -> int | None:
    """Index of the product somebody picks, None for none of them.

    Multinomial logit over the appeals, less a share of attention that falls with the index (logarithmic, as
    click models find), against an outside option of appeal `leave`.
    """
    utilities = [
        appeal(taste, item_id, card) - 0.35 * math.log1p(n) for n, (item_id, card) in enumerate(shown)
    ]
    weights = [math.exp(utility) for utility in utilities] + [math.exp(leave)]
    picked = random.choices(range(len(weights)), weights)[0]
    return None if picked == len(shown) else picked
