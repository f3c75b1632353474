"""Simulated shoppers in the simulated shop: sessions with an intent, preferences that last.

A shopper prefers a few categories, brands, colours and a price level. A session has one intent; each view is
chosen by a random utility of preference, quality, price, similarity to the last item, and Gumbel noise (so a
multinomial logit choice). Own heuristic: its numbers are own choice, not tuned on data. What it cannot show:
an influence of our own layouts on what is clicked, and of where on the page an item stood.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.training.simulation.catalogue import (
    BRANDS,
    COLOUR_SHARES,
    COLOURS,
    START,
    STYLES,
    SimulatedShop,
    list_complements,
)
from schemas import events as e

DAYS = 28
CONSIDERED = 40
"""Items of a category that a shopper considers before choosing one."""
CHANNELS: tuple[e.Channel, ...] = ("web", "web", "web", "web", "app", "app", "email")


class ContextualEvent(Struct, frozen=True):
    """An event as it reached the broker at `at` (epoch seconds), with the page on which it happened."""

    visitor: str
    event: e.Event
    at: float
    page: str = "home"
    category: str | None = None


class Shopper(Struct, frozen=True, eq=False):
    """The lasting preferences of one shopper."""

    name: str
    categories: dict[str, float]
    """Probability of each preferred category as the intent of a session."""
    brands: NDArray[np.float64]
    """float64[len(BRANDS)], utility of each brand, 0 for most."""
    colours: NDArray[np.float64]
    """float64[len(COLOURS)], utility of each colour, 0 for most."""
    price_level: float
    """Preferred ln(price) against the mean of a category."""
    style: NDArray[np.float64]
    """float64[STYLES], unit length."""
    device: e.Device
    channel: e.Channel


def make_shoppers(seed: int, shop: SimulatedShop, count: int) -> list[Shopper]:
    """Makes shoppers named a:sim0, a:sim1, ...; one seed makes one crowd."""
    rng = np.random.default_rng([seed, 2])
    names = list(shop.by_kind)
    shares = np.array([len(shop.by_kind[name]) for name in names], float)
    return [_make_shopper(rng, f"a:sim{number}", names, shares / shares.sum()) for number in range(count)]


def _make_shopper(
    rng: np.random.Generator, name: str, names: list[str], shares: NDArray[np.float64]
) -> Shopper:
    department = "women" if rng.random() < 0.6 else "men"
    mine = np.array(
        [share * (8.0 if n.startswith(department) else 0.3) for n, share in zip(names, shares, strict=True)]
    )
    chosen = rng.choice(len(names), 4, replace=False, p=mine / mine.sum())
    weights = np.sort(rng.dirichlet([1.5] * 4))[::-1]
    brands = np.zeros(len(BRANDS))
    brands[rng.choice(len(BRANDS), 3, replace=False)] = rng.uniform(0.8, 2.2, 3)
    colours = np.zeros(len(COLOURS))
    colours[rng.choice(len(COLOURS), 2, replace=False, p=COLOUR_SHARES)] = rng.uniform(0.5, 1.5, 2)
    style = rng.normal(0, 1, STYLES)
    return Shopper(
        name,
        {names[k]: float(w) for k, w in zip(chosen, weights, strict=True)},
        brands,
        colours,
        float(rng.normal(0, 0.3)),
        style / np.linalg.norm(style),
        "mobile" if rng.random() < 0.6 else "desktop",
        CHANNELS[rng.integers(len(CHANNELS))],
    )


class ShopperSimulator:
    """Simulates sessions of shoppers from one random stream: the same calls in the same order repeat it."""

    def __init__(self, seed: int, shop: SimulatedShop) -> None:
        self.shop = shop
        self.rng = np.random.default_rng([seed, 3])
        self.brand = np.array([BRANDS.index(item.brand or "") for item in shop.items])
        self.colour = np.array([COLOURS.index(item.colour or "") for item in shop.items])
        log_price = np.log(np.array([item.price for item in shop.items]))
        self.price = np.empty(len(log_price))
        for numbers in shop.by_kind.values():
            self.price[numbers] = log_price[numbers] - log_price[numbers].mean()
        discount = np.array([1 - item.price / (item.list_price or item.price) for item in shop.items])
        created = np.array([item.created_at.timestamp() if item.created_at else 0 for item in shop.items])
        fresh = 0.5 ** (np.maximum(START.timestamp() - created, 0) / (30 * 86_400))
        self.appeal = 0.9 * shop.quality + 1.2 * discount + 0.5 * fresh
        self.in_stock = np.array([item.stock > 0 for item in shop.items])
        self.names = list(shop.by_kind)
        self.sent = 0

    def simulate_sessions(self, shopper: Shopper) -> Iterator[ContextualEvent]:
        """All sessions of a shopper, in time order."""
        at = START.timestamp() + float(self.rng.uniform(0, DAYS * 86_400))
        for _ in range(1 + int(self.rng.poisson(1.2))):
            for event in self._simulate_session(shopper, at):
                at = max(at, event.at)
                yield event
            at += 3600 + float(self.rng.exponential(3 * 86_400))
            if at > START.timestamp() + DAYS * 86_400:
                return

    def _simulate_session(self, shopper: Shopper, at: float) -> Iterator[ContextualEvent]:
        intent = self._draw_intent(shopper)
        last: int | None = None
        cart: list[int] = []
        yield self._make_event(shopper, e.PageView, at, "home")
        for _ in range(1 + int(self.rng.geometric(0.15))):
            at += 3 + float(self.rng.exponential(35))
            page = self._draw_page(last)
            wanted = intent if last is None else self._draw_category(shopper, intent, last)
            item = self._choose_item(shopper, wanted, last, at)
            yield self._make_event(
                shopper, e.ViewItem, at, page, item, category=wanted if page == "category" else None
            )
            last = item
            at += 4
            if self.rng.random() < 0.05 + 0.08 * (self.appeal[item] > 1):
                cart.append(item)
                yield self._make_event(shopper, e.AddToCart, at, "product", item)
            elif self.rng.random() < 0.04:
                yield self._make_event(shopper, e.AddToWishlist, at, "product", item)
        if cart and self.rng.random() < 0.5:
            yield self._make_event(shopper, e.Purchase, at + 60, "cart", *cart)

    def _draw_intent(self, shopper: Shopper) -> str:
        if self.rng.random() < 0.8:
            return str(self.rng.choice(list(shopper.categories), p=list(shopper.categories.values())))
        return self.names[self.rng.integers(len(self.names))]

    def _draw_page(self, last: int | None) -> str:
        if last is None:
            return str(self.rng.choice(["home", "category"], p=[0.75, 0.25]))
        return str(self.rng.choice(["product", "home", "category"], p=[0.5, 0.3, 0.2]))

    def _draw_category(self, shopper: Shopper, intent: str, last: int) -> str:
        draw = self.rng.random()
        if draw < 0.68:
            return intent
        if draw < 0.84:
            near = [
                name for name in list_complements(self.shop.items[last].category) if name in self.shop.by_kind
            ]
            return near[self.rng.integers(len(near))] if near else intent
        return self._draw_intent(shopper)

    def _choose_item(self, shopper: Shopper, wanted: str, last: int | None, at: float) -> int:
        """The item of the highest utility among those considered; one in twenty trends for three days."""
        pool = self.shop.by_kind[wanted]
        if len(pool) > CONSIDERED:
            pool = self.rng.choice(pool, CONSIDERED, replace=False)
        utility = (
            self.appeal[pool] + 0.8 * shopper.brands[self.brand[pool]] + shopper.colours[self.colour[pool]]
        )
        utility -= 2.0 * np.abs(self.price[pool] - shopper.price_level)
        utility += 0.8 * self.shop.style[pool] @ shopper.style
        period = int(at // (3 * 86_400))
        utility += 1.5 * ((pool * 2_654_435_761 + period * 40_503) % 97 < 5)
        utility -= 5.0 * ~self.in_stock[pool]
        if last is not None:
            utility += 1.5 * self.shop.style[pool] @ self.shop.style[last] - 4.0 * (pool == last)
        return int(pool[np.argmax(utility + self.rng.gumbel(0, 1, len(pool)))])

    def _make_event(
        self,
        shopper: Shopper,
        kind: type[Any],
        at: float,
        page: str,
        *items: int,
        category: str | None = None,
    ) -> ContextualEvent:
        self.sent += 1
        more: dict[str, Any] = {}
        if kind is e.Purchase:
            more["properties"] = e.OrderProperties(
                transaction_id=f"t{self.sent}", items=[*map(self._make_entry, items)]
            )
        elif items:
            more["properties"] = e.ItemsProperties(items=[*map(self._make_entry, items)])
        event = kind(
            message_id=f"{shopper.name}-{self.sent}",
            timestamp=datetime.fromtimestamp(at, UTC),
            anonymous_id=shopper.name[2:],
            channel=shopper.channel,
            context=e.Context(device=shopper.device),
            **more,
        )
        return ContextualEvent(shopper.name, event, at, page, category)

    def _make_entry(self, number: int) -> e.EventItem:
        item = self.shop.items[number]
        return e.EventItem(
            item_id=item.item_id,
            item_brand=item.brand,
            item_category=item.categories[0],
            item_category2=item.categories[1],
            item_category3=item.categories[2],
            colour=item.colour,
            price=item.price,
        )


def simulate(seed: int, shop: SimulatedShop, count: int) -> list[ContextualEvent]:
    """All events of `count` shoppers in DAYS days, in the order of time; one seed makes one list."""
    simulator = ShopperSimulator(seed, shop)
    shoppers = make_shoppers(seed, shop, count)
    events = [event for shopper in shoppers for event in simulator.simulate_sessions(shopper)]
    return sorted(events, key=lambda event: (event.at, event.visitor))
