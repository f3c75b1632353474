"""The default storefront: all pages, their slots, and the modules for them.

A shop's own sections replace those of the same key; sections that it does not name stay as they are here.
All priors (0 to 1, see models.storefront.index.PRIOR_WEIGHT) and row lengths are own choices, not tuned.
"""

from __future__ import annotations

from schemas.codec import encode
from schemas.storefront import ModuleDef, PageDef, SlotDef, storefront_of

MODULE_ITEMS = 8
"""Items of a row: what a wide screen shows at once, and some to scroll."""

MODULES: tuple[ModuleDef, ...] = (
    ModuleDef(
        id="hero",
        type="hero",
        title="Picked for you",
        stranger_title="Popular right now",
        items_min=1,
        items_max=3,
        prior=1.0,
    ),
    ModuleDef(
        id="recommended",
        type="recommended",
        title="Recommended for you",
        stranger_title="A good place to start",
        items_max=MODULE_ITEMS,
        prior=0.9,
    ),
    ModuleDef(
        id="because-you-viewed",
        type="because_you_viewed",
        title="Because you viewed {item}",
        items_max=MODULE_ITEMS,
        prior=0.7,
    ),
    ModuleDef(id="similar", type="because_you_viewed", title="Similar to {item}", items_max=12, prior=0.9),
    ModuleDef(
        id="bought-together",
        type="bought_together",
        title="Often bought together",
        items_max=MODULE_ITEMS,
        prior=0.6,
    ),
    ModuleDef(id="trending", type="trending", title="Trending now", items_max=MODULE_ITEMS, prior=0.6),
    ModuleDef(
        id="recently-viewed",
        type="recently_viewed",
        title="Recently viewed",
        items_min=2,
        items_max=8,
        prior=0.5,
    ),
    ModuleDef(id="step-up", type="step_up", title="A step up from {item}", items_max=6, prior=0.45),
    ModuleDef(id="better-price", type="better_price", title="Like {item}, for less", items_max=6, prior=0.4),
    ModuleDef(
        id="offers", type="better_price", title="Reduced right now", items_max=MODULE_ITEMS, prior=0.35
    ),
    ModuleDef(
        id="new-arrivals", type="new_arrivals", title="New arrivals", items_max=MODULE_ITEMS, prior=0.5
    ),
    ModuleDef(
        id="discover",
        type="discover",
        title="Something different",
        stranger_title="More to discover",
        items_max=MODULE_ITEMS,
        prior=0.3,
    ),
    ModuleDef(
        id="popular", type="popular", title="This week's favourites", items_max=MODULE_ITEMS, prior=0.5
    ),
    ModuleDef(
        id="from-cart", type="from_cart", title="Still in your cart", items_min=1, items_max=8, prior=0.5
    ),
    ModuleDef(
        id="more-of-category",
        type="category_grid",
        title="More in {category}",
        items_max=MODULE_ITEMS,
        prior=0.45,
    ),
    ModuleDef(id="category", type="category_grid", title="{category}", items_min=1, items_max=24, prior=1.0),
    ModuleDef(
        id="results", type="search_results", title="Results for {query}", items_min=1, items_max=24, prior=1.0
    ),
)

_HOME_ROWS = [
    "recommended",
    "because-you-viewed",
    "bought-together",
    "trending",
    "recently-viewed",
    "step-up",
    "better-price",
    "offers",
    "new-arrivals",
    "popular",
    "from-cart",
    "more-of-category",
    "discover",
]


def _slot(slot: str, default: str, *others: str) -> SlotDef:
    """A slot that admits its default and the other modules, each once."""
    return SlotDef(
        id=slot, admits=[default, *(other for other in others if other != default)], default=default
    )


PAGES: tuple[PageDef, ...] = (
    PageDef(
        page="home",
        slots=[
            _slot("home.hero", "hero"),
            _slot("home.row-1", "recommended", *_HOME_ROWS),
            _slot("home.row-2", "trending", *_HOME_ROWS),
            _slot("home.row-3", "new-arrivals", *_HOME_ROWS),
            _slot("home.row-4", "popular", *_HOME_ROWS),
            _slot("home.row-5", "more-of-category", *_HOME_ROWS),
            _slot("home.row-6", "discover", *_HOME_ROWS),
        ],
    ),
    PageDef(
        page="category",
        slots=[
            _slot("category.grid", "category", "popular"),
            _slot("category.row-1", "recommended", "because-you-viewed", "trending", "bought-together"),
            _slot("category.row-2", "recently-viewed", "new-arrivals", "offers", "trending"),
        ],
    ),
    PageDef(
        page="product",
        slots=[
            _slot("product.row-1", "similar", "bought-together", "popular"),
            _slot("product.row-2", "bought-together", "step-up", "better-price", "recommended", "similar"),
            _slot("product.row-3", "step-up", "better-price", "recommended", "recently-viewed", "trending"),
            _slot(
                "product.row-4",
                "recommended",
                "better-price",
                "recently-viewed",
                "trending",
                "popular",
                "new-arrivals",
            ),
        ],
    ),
    PageDef(
        page="cart",
        slots=[
            _slot("cart.lines", "from-cart", "popular"),
            _slot("cart.row-1", "bought-together", "because-you-viewed", "better-price", "recommended"),
            _slot("cart.row-2", "recently-viewed", "offers", "trending", "new-arrivals"),
        ],
    ),
    PageDef(
        page="search",
        slots=[
            _slot("search.results", "results", "popular"),
            _slot("search.row-1", "recommended", "because-you-viewed", "trending"),
            _slot("search.row-2", "recently-viewed", "new-arrivals", "trending"),
        ],
    ),
)

DEFAULT_STOREFRONT = storefront_of((*PAGES, *MODULES))


def default_document() -> bytes:
    """The default storefront as the JSON document that `etalage storefront push` takes."""
    return encode(DEFAULT_STOREFRONT)
