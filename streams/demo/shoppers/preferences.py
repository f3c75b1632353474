"""What a simulated shopper prefers, and which product they choose. Pure: randomness is an argument.

Weights are our own choice, set by hand so that shoppers' histories look believable; nothing tunes them.
"""

from __future__ import annotations

import math
from random import Random

from msgspec import Struct

from schemas.ids import hash32
from schemas.layouts import Card
from streams.demo.assortment import BRANDS, CATEGORIES, KINDS
from streams.demo.colours import COLOURS

MEDIAN_PRICE = {kind.category: kind.price for kind in KINDS}
FAVOURITE_CATEGORY = 2.2
"""Utility of a product for being in a favourite category."""


class Preferences(Struct, frozen=True, kw_only=True):
    """Preferences of one shopper.

    Attributes:
        categories: Favourite categories, never empty.
        brands: Favourite brands.
        colours: Favourite colours.
        tier: Preferred price, as a multiple of the category's median.
        mean_looks: Mean number of products looked at per visit.
        cart_chance: Chance to add a product to the cart that was looked at and fits.
        search_chance: Chance to search, whenever no product was chosen.
    """

    categories: tuple[str, ...]
    brands: tuple[str, ...]
    colours: tuple[str, ...]
    tier: float
    mean_looks: float
    cart_chance: float
    search_chance: float


def sample_preferences(random: Random) -> Preferences:
    """Draw a shopper; favourite categories come from one department more often than by chance."""
    department = random.choice(sorted(set(CATEGORIES.values())))
    near = [category for category, other in CATEGORIES.items() if other == department]
    favourites = random.sample(near, min(len(near), random.randint(1, 2)))
    favourites += random.sample(sorted(CATEGORIES), random.randint(0, 2))
    return Preferences(
        categories=tuple(dict.fromkeys(favourites)),
        brands=tuple(random.sample([brand.name for brand in BRANDS], 3)),
        colours=tuple(random.sample(sorted(COLOURS), 4)),
        tier=random.lognormvariate(0.1, 0.35),
        mean_looks=random.uniform(4, 14),
        cart_chance=random.uniform(0.05, 0.3),
        search_chance=random.uniform(0.02, 0.15),
    )


def utility(preferences: Preferences, item_id: str, card: Card) -> float:
    """Return how much a shopper likes a product; 0 is indifference, favourites reach 4 or 5."""
    category = card.categories[-1] if card.categories else ""
    value = FAVOURITE_CATEGORY if category in preferences.categories else 0.0
    value += 0.9 * (card.brand in preferences.brands) + 0.5 * (card.colour in preferences.colours)
    if category in MEDIAN_PRICE and card.price > 0:
        preferred_price = MEDIAN_PRICE[category] * preferences.tier
        value -= 1.2 * abs(math.log(card.price / preferred_price))
    value += 0.3 * (card.list_price is not None)
    return value + _hidden_quality(item_id)


def _hidden_quality(item_id: str) -> float:
    """Utility of a product for all shoppers, which no attribute shows; the fourth power makes it rare."""
    share: float = (hash32("charm " + item_id) % 10_000) / 10_000
    return 1.6 * share**4


def choose_product(
    preferences: Preferences, shown: list[tuple[str, Card]], random: Random, *, outside: float
) -> int | None:
    """Draw the index of the chosen product, None for none of them.

    Multinomial logit (McFadden 1974) over the utilities, less 0.35 * ln(1 + index) for declining attention,
    against an outside option of utility `outside`.
    """
    utilities = [
        utility(preferences, item_id, card) - 0.35 * math.log1p(n) for n, (item_id, card) in enumerate(shown)
    ]
    weights = [math.exp(value) for value in utilities] + [math.exp(outside)]
    index = random.choices(range(len(weights)), weights)[0]
    return None if index == len(shown) else index
