"""A simulated clothing shop: products with believable prices, brands, colours, and styles that go together.

Only for training and evaluation; everything comes from one seed. `SimulatedShop` also holds what shoppers see
and no feature ever does: quality and style. All distributions are own choice, not fitted to data.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.catalog import Item

START = datetime(2026, 3, 2, tzinfo=UTC)
"""First day of the simulation."""
PRODUCTS = 2000
STYLES = 6

KINDS: dict[str, tuple[str, float, tuple[str, ...]]] = {
    # kind: family, usual price, what it is bought together with
    "t-shirts": ("tops", 22, ("jeans", "shorts")),
    "shirts": ("tops", 45, ("trousers", "belts")),
    "knitwear": ("tops", 60, ("jeans", "scarves")),
    "hoodies": ("tops", 55, ("sneakers", "caps")),
    "jeans": ("bottoms", 80, ("belts", "t-shirts")),
    "trousers": ("bottoms", 70, ("shirts", "loafers")),
    "shorts": ("bottoms", 35, ("t-shirts", "sandals")),
    "jackets": ("outerwear", 120, ("knitwear", "scarves")),
    "coats": ("outerwear", 190, ("scarves", "boots")),
    "sneakers": ("shoes", 95, ("socks", "hoodies")),
    "boots": ("shoes", 140, ("socks", "coats")),
    "sandals": ("shoes", 50, ("shorts", "caps")),
    "loafers": ("shoes", 110, ("socks", "trousers")),
    "bags": ("accessories", 90, ("scarves", "coats")),
    "belts": ("accessories", 35, ("jeans", "trousers")),
    "caps": ("accessories", 25, ("sneakers", "hoodies")),
    "scarves": ("accessories", 40, ("coats", "jackets")),
    "socks": ("accessories", 12, ("sneakers", "boots")),
}
DEPARTMENTS = ("women", "men")
# fmt: off
BRANDS = (
    "Alder", "Bracken", "Corvid", "Dune", "Ember", "Fjord", "Gable", "Harrow", "Inlet", "Juniper",
    "Kestrel", "Larch", "Moss", "Nettle", "Oriel", "Pique", "Quarry", "Rowan", "Sorrel", "Tarn",
)
COLOURS = (
    "black", "white", "navy", "grey", "beige", "red", "green", "blue", "brown", "pink", "yellow",
)
# fmt: on
COLOUR_SHARES = np.array([22, 16, 13, 11, 9, 7, 6, 6, 4, 4, 2]) / 100


class SimulatedShop(Struct, frozen=True, eq=False):
    """The shop and its hidden side; arrays are by product in the order of `items` (sorted by id)."""

    items: list[Item]
    quality: NDArray[np.float64]
    """float64[n], standard normal."""
    style: NDArray[np.float64]
    """float64[n, STYLES], unit length."""
    by_kind: dict[str, NDArray[np.int64]]
    """Products of each "<department> <kind>"."""


def category_name(department: str, kind: str) -> str:
    return f"{department} {kind}"


def list_complements(name: str) -> list[str]:
    """Categories bought together with a category, in its department."""
    department, kind = name.split(" ", 1)
    return [category_name(department, other) for other in KINDS[kind][2]]


def make_shop(seed: int, products: int = PRODUCTS) -> SimulatedShop:
    """Makes a shop of `products` items; one seed makes one shop."""
    rng = np.random.default_rng([seed, 1])
    kinds = list(KINDS)
    # Each brand has a price level, and kinds that it is known for.
    level = rng.normal(0, 0.35, len(BRANDS))
    known_for = rng.gamma(0.5, 1.0, (len(BRANDS), len(kinds)))
    brand_styles = rng.normal(0, 1, (len(BRANDS), STYLES))
    drawn = rng.choice(len(kinds), products, p=_kind_shares(kinds))
    brands = np.array([rng.choice(len(BRANDS), p=known_for[:, k] / known_for[:, k].sum()) for k in drawn])
    items = [_make_item(rng, n, kinds[drawn[n]], int(brands[n]), level) for n in range(products)]
    style = brand_styles[brands] + rng.normal(0, 1, (products, STYLES))
    by_kind: dict[str, list[int]] = {}
    for number, item in enumerate(items):
        by_kind.setdefault(item.category, []).append(number)
    return SimulatedShop(
        items,
        rng.normal(0, 1, products),
        style / np.linalg.norm(style, axis=1, keepdims=True),
        {name: np.array(numbers) for name, numbers in by_kind.items()},
    )


def _kind_shares(kinds: list[str]) -> NDArray[np.float64]:
    shares = np.linspace(1.0, 0.35, len(kinds))
    return np.asarray(shares / shares.sum())


def _make_item(
    rng: np.random.Generator, number: int, kind: str, brand: int, level: NDArray[np.float64]
) -> Item:
    family, usual, _ = KINDS[kind]
    department = DEPARTMENTS[int(rng.random() < 0.45)]
    listed = round(float(usual * np.exp(level[brand] + rng.normal(0, 0.25))), 2)
    reduced = rng.random() < 0.2
    colour = str(rng.choice(COLOURS, p=COLOUR_SHARES))
    return Item(
        item_id=f"p{number:05}",
        title=f"{BRANDS[brand]} {colour} {kind}",
        categories=[department, family, category_name(department, kind)],
        price=round(listed * (1 - float(rng.uniform(0.1, 0.4))), 2) if reduced else listed,
        list_price=listed if reduced else None,
        brand=BRANDS[brand],
        colour=colour,
        stock=int(rng.integers(0, 60)),
        created_at=START - timedelta(days=float(rng.exponential(120))),
    )
