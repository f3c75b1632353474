"""One picture: a backdrop, the product, its shadow. The product's kind chooses who draws it."""

from __future__ import annotations

from collections.abc import Callable

from streams.demo.drawings import accessories, clothing, home, outdoor, shoes, tech
from streams.demo.drawings.paint import PAPER, Paint, box, disc, line, mix, oval, paint_of, shape

Drawer = Callable[[Paint], str]

DRAWERS: dict[str, Drawer] = {
    "sneakers": shoes.sneakers,
    "boots": shoes.boots,
    "sandals": shoes.sandals,
    "t-shirts": clothing.t_shirts,
    "knitwear": clothing.knitwear,
    "jackets": clothing.jackets,
    "dresses": clothing.dresses,
    "jeans": clothing.jeans,
    "lamps": home.lamps,
    "chairs": home.chairs,
    "mugs": home.mugs,
    "vases": home.vases,
    "cushions": home.cushions,
    "planters": home.planters,
    "tents": outdoor.tents,
    "backpacks": outdoor.backpacks,
    "bottles": outdoor.bottles,
    "headphones": tech.headphones,
    "speakers": tech.speakers,
    "cameras": tech.cameras,
    "watches": accessories.watches,
    "sunglasses": accessories.sunglasses,
    "hats": accessories.hats,
    "bags": accessories.bags,
}

GROUND: dict[str, tuple[float, float]] = {
    "sneakers": (151, 74), "boots": (157, 64), "lamps": (170, 40), "chairs": (170, 56), "mugs": (154, 50),
    "vases": (168, 36), "planters": (168, 40), "tents": (152, 84), "backpacks": (168, 50),
    "bottles": (172, 30), "speakers": (168, 48), "cameras": (148, 62), "bags": (164, 56),
}  # fmt: skip
"""Where the floor is under a product that stands, and half the width of its shadow."""


def draw(item_id: str, *, kind: str = "", form: str = "", colour: str = "", brand: str = "") -> str:
    """The SVG document of an item, under 4 KB; a kind we cannot draw becomes a wrapped parcel."""
    kind = kind if kind in DRAWERS else item_id.rpartition("-")[0]
    paint = paint_of(item_id, form, colour, brand)
    product = _shadow(paint, kind) + DRAWERS.get(kind, parcel)(paint)
    nearer = f'<g transform="translate(-10 -11) scale(1.1)">{product}</g>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200">{_backdrop(paint)}{nearer}</svg>'


def _backdrop(p: Paint) -> str:
    """A pale wall in the product's own tint; its window shape is the brand's."""
    wall, glow = mix(p.wall, PAPER, 0.86), mix(p.wall, PAPER, 0.74)
    shapes = (
        disc(100, 100, 78, glow),
        shape("M34 200 V98 C34 18 166 18 166 98 V200 Z", glow),
        shape("M0 150 C50 120 90 170 200 118 V200 H0 Z", glow),
        box(0, 132, 200, 68, glow),
    )
    return box(0, 0, 200, 200, wall) + shapes[p.house % len(shapes)]


def _shadow(p: Paint, kind: str) -> str:
    if kind not in GROUND:
        return ""
    y, half = GROUND[kind]
    return oval(104, y, half, 6, mix(mix(p.wall, PAPER, 0.62), "#3b332b", 0.14))


def parcel(p: Paint) -> str:
    ribbon = box(92, 62, 16, 98, p.accent) + box(44, 84, 112, 14, p.accent)
    bow = line("M100 62 C78 34 62 52 100 62 C138 52 122 34 100 62", p.accent, 7)
    return box(44, 62, 112, 98, p.main, 'rx="6"') + box(44, 62, 112, 22, p.dark, 'rx="6"') + ribbon + bow
