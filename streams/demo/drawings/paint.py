"""Paint and pen: the colours one picture uses, and the few shapes that all pictures are made of."""

from __future__ import annotations

import math

from msgspec import Struct

from schemas.ids import hash32
from streams.demo.colours import COLOURS

INK = "#1d212b"
PAPER = "#f7f3ec"
WOOD = "#a97a50"
WOOD_DARK = "#86603f"
METAL = "#c9ccd2"
BRASS = "#c9a15a"
ACCENTS = ("#c8694a", "#d8a23a", "#2f7f86", "#3563bf", "#ab3d5a", "#30604c", "#e57f68", "#8fb9d6", "#6b3f62")


class Paint(Struct, frozen=True, kw_only=True):
    """`form` is the product's own word for its shape, lower case; `seed` varies by item, `house` by brand."""

    main: str
    form: str
    seed: int
    house: int

    @property
    def dark(self) -> str:
        return mix(self.main, INK, 0.2)

    @property
    def deep(self) -> str:
        return mix(self.main, INK, 0.42)

    @property
    def light(self) -> str:
        return mix(self.main, "#ffffff", 0.28)

    @property
    def detail(self) -> str:
        """For seams and lines: darker than the main colour, or lighter where that would not show."""
        return mix(self.main, "#ffffff", 0.3) if luminance(self.main) < 0.16 else self.deep

    @property
    def accent(self) -> str:
        """The brand's colour, never too near to the product's own."""
        far = [accent for accent in ACCENTS if distance(accent, self.main) > 110]
        return far[self.house % len(far)]

    @property
    def trim(self) -> str:
        """Soles, linings, piping: paper white, or sand on a product that is itself pale."""
        return mix(self.accent, "#d9c9ae", 0.45) if luminance(self.main) > 0.72 else "#f5efe4"

    @property
    def wall(self) -> str:
        """The tint of the backdrop: the product's colour, or the brand's where that is pale or grey."""
        dull = max(_channels(self.main)) - min(_channels(self.main)) < 30 or luminance(self.main) > 0.78
        return self.accent if dull else self.main

    def pick(self, count: int, salt: int = 0) -> int:
        """A choice of 0..count-1 that stays the same for one item."""
        return (self.seed >> (4 * salt)) % count


def paint_of(item_id: str, form: str, colour: str, brand: str) -> Paint:
    """The paint of an item; a colour we have no name for gets one of ours by its hash."""
    names = sorted(COLOURS)
    main = COLOURS.get(colour) or COLOURS[names[hash32(colour or item_id) % len(names)]]
    return Paint(main=main, form=form.lower(), seed=hash32(item_id), house=hash32(brand))


def mix(one: str, other: str, share: float) -> str:
    """`one` with `share` (0..1) of `other` in it; colours as #rrggbb."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def luminance(colour: str) -> float:
    """Relative brightness, 0 black to 1 white (Rec. 709 weights, no gamma: good enough to choose ink)."""
    red, green, blue = _channels(colour)
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def distance(one: str, other: str) -> float:
    """Euclidean distance of two colours in RGB, 0..441."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return math.sqrt(sum((a - b) ** 2 for a, b in pairs))


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def shape(d: str, fill: str, more: str = "") -> str:
    return f'<path d="{d}" fill="{fill}"{more and " " + more}/>'


def line(d: str, stroke: str, width: float = 2, more: str = "") -> str:
    return (
        f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{width:g}" stroke-linecap="round" '
        f'stroke-linejoin="round"{more and " " + more}/>'
    )


def disc(x: float, y: float, r: float, fill: str, more: str = "") -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}"{more and " " + more}/>'


def oval(x: float, y: float, rx: float, ry: float, fill: str) -> str:
    return f'<ellipse cx="{x:g}" cy="{y:g}" rx="{rx:g}" ry="{ry:g}" fill="{fill}"/>'


def box(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    size = f'width="{width:g}" height="{height:g}"'
    return f'<rect x="{x:g}" y="{y:g}" {size} fill="{fill}"{more and " " + more}/>'


def within(d: str, inner: str) -> str:
    """`inner`, cut to the outline `d`; one cut a picture (the clip has one name)."""
    return f'<clipPath id="c"><path d="{d}"/></clipPath><g clip-path="url(#c)">{inner}</g>'
