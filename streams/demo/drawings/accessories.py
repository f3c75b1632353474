"""Watches, sunglasses, hats and bags."""

from __future__ import annotations

from streams.demo.drawings.paint import (
    BRASS,
    INK,
    METAL,
    Paint,
    box,
    disc,
    line,
    luminance,
    mix,
    oval,
    shape,
    within,
)


def watches(p: Paint) -> str:
    steel = (METAL, BRASS, "#3a3f4a")[p.house % 3]
    strap = shape("M82 18 H118 L124 74 H76 Z M76 126 H124 L118 184 C118 188 82 188 82 184 Z", p.main)
    stitch = line(
        "M87 24 L82 70 M113 24 L118 70 M82 130 L87 178 M118 130 L113 178",
        p.detail,
        1.4,
        'stroke-dasharray="4 4"',
    )
    holes = "".join(disc(100, y, 2, p.deep) for y in (150, 160, 170))
    crown = box(139, 94, 8, 12, steel, 'rx="2"')
    dial = (p.trim, INK, mix(p.main, "#ffffff", 0.6), p.accent)[p.pick(4)]
    if "square" in p.form:
        case = box(62, 62, 76, 76, steel, 'rx="14"') + box(69, 69, 62, 62, dial, 'rx="9"')
    else:
        case = disc(100, 100, 42, steel) + disc(100, 100, 35, dial)
    return strap + stitch + holes + crown + case + _hands(p, dial)


def _hands(p: Paint, dial: str) -> str:
    ink = "#f5efe4" if luminance(dial) < 0.5 else INK
    ticks = line("M100 70 V76 M100 124 V130 M70 100 H76 M124 100 H130", ink, 3)
    subdials = (
        "".join(
            disc(x, y, 7, "none", f'stroke="{ink}" stroke-width="1.4"')
            for x, y in ((86, 106), (114, 106), (100, 86))
        )
        if "chrono" in p.form
        else ""
    )
    second = line("M100 110 L100 74", "#d5493a" if dial != p.accent else ink, 1.4)
    return (
        ticks
        + subdials
        + line("M100 100 L86 90 M100 100 L116 82", ink, 3.4)
        + second
        + disc(100, 100, 3, ink)
    )


def sunglasses(p: Paint) -> str:
    tint = mix((INK, "#5b4636", "#3d5a52", "#4b4a6b")[p.pick(4)], p.main, 0.18)
    if "aviat" in p.form:
        lens = "M38 88 C38 82 44 80 62 80 S92 82 92 92 C92 116 80 130 64 130 S38 112 38 88 Z"
        bridge, thick = "M90 88 C96 84 104 84 110 88 M78 80 H122", 3.4
    elif p.pick(2, 1):
        lens = "M36 88 C36 80 44 78 64 78 S94 80 94 88 C94 112 84 122 66 122 S36 112 36 88 Z"
        bridge, thick = "M93 92 C97 86 103 86 107 92", 8
    else:
        lens = "M64 76 a26 26 0 1 0 .1 0 Z"
        bridge, thick = "M89 96 C95 88 105 88 111 96", 5
    glass = (
        shape(lens, tint)
        + line("M50 108 L68 86 M60 114 L76 94", "#ffffff", 4, 'opacity=".28"')
        + line(lens, p.main, thick)
    )
    arms = line(
        "M38 88 L46 56 C47 51 52 49 57 52 M162 88 L154 56 C153 51 148 49 143 52",
        p.deep,
        5,
    )
    shadow = oval(100, 146, 62, 5, mix(p.wall, "#d8cfc3", 0.75))
    return (
        shadow
        + arms
        + glass
        + f'<g transform="translate(200 0) scale(-1 1)">{glass}</g>'
        + line(bridge, p.main, thick)
    )


def hats(p: Paint) -> str:
    if "cap" in p.form:
        return _cap(p)
    crown = "M48 122 C44 70 68 46 100 46 S156 70 152 122 Z"
    ribs = line(
        " ".join(f"M100 46 C{x} 70 {x} 96 {x - (x - 100) * 0.12:g} 124" for x in range(46, 160, 12)),
        p.dark,
        2.4,
    )
    bands = box(30, 84, 140, 8, p.accent) + box(30, 96, 140, 5, p.trim) if p.pick(2) else ""
    cuff = box(42, 116, 116, 34, p.dark, 'rx="12"') + line(
        " ".join(f"M{x} 122 V144" for x in range(54, 152, 12)), p.deep, 2
    )
    bobble = (
        "".join(disc(100 + dx, 38 + dy, 11, p.trim) for dx, dy in ((-8, 4), (8, 4), (0, -5)))
        if "bobble" in p.form or p.pick(3, 1) == 0
        else ""
    )
    return (
        oval(100, 156, 60, 5, mix(p.wall, "#d8cfc3", 0.7))
        + bobble
        + shape(crown, p.main)
        + within(crown, ribs + bands)
        + cuff
        + box(118, 126, 20, 14, p.accent, 'rx="2"')
    )


def _cap(p: Paint) -> str:
    crown = "M46 124 C44 76 68 54 102 54 S156 78 154 122 C120 130 76 132 46 124 Z"
    panels = shape("M102 54 C136 54 156 78 154 122 L112 127 C116 96 112 70 102 54 Z", p.dark)
    brim = shape(
        "M46 122 C30 124 14 134 12 144 C12 152 24 152 40 148 C66 140 92 134 112 128 C90 130 66 130 46 122 Z",
        p.accent if p.house % 2 else p.deep,
    )
    badge = box(62, 84, 26, 20, p.trim, 'rx="4" transform="rotate(-4 75 94)"') + disc(75, 94, 5, p.accent)
    return (
        oval(96, 154, 72, 5, mix(p.wall, "#d8cfc3", 0.7))
        + shape(crown, p.main)
        + within(crown, panels)
        + disc(102, 55, 5, p.dark)
        + brim
        + badge
    )


def bags(p: Paint) -> str:
    if "tote" in p.form or "market" in p.form:
        return _tote(p)
    strap = "M52 96 C56 10 144 10 148 96" if "shoulder" in p.form else "M68 90 C70 36 130 36 132 90"
    body = (
        "M44 88 C44 82 48 80 54 80 H146 C152 80 156 82 156 88 L162 152 C162 160 158 164 152 164 H48 "
        "C42 164 38 160 38 152 Z"
    )
    flap = shape(
        "M44 86 C44 82 48 80 54 80 H146 C152 80 156 82 156 86 C156 118 132 128 100 128 S44 118 44 86 Z",
        p.dark,
    )
    clasp = (
        disc(100, 124, 8, BRASS) + disc(100, 124, 3.4, p.deep),
        box(90, 116, 20, 14, BRASS, 'rx="3"'),
        line("M92 122 H108", BRASS, 6),
    )[p.house % 3]
    tassel = line("M142 96 L146 128", p.accent, 5) + disc(142, 96, 4, BRASS) if p.pick(3, 1) == 0 else ""
    return (
        line(strap, p.deep, 7)
        + shape(body, p.main)
        + flap
        + line("M48 156 H152", p.dark, 1.6, 'stroke-dasharray="4 4"')
        + clasp
        + tassel
    )


def _tote(p: Paint) -> str:
    handles = line("M72 78 C70 26 104 26 104 78", p.deep, 6) + line(
        "M98 78 C98 30 130 30 128 78", p.detail, 6
    )
    body = "M48 76 H152 L158 156 C158 162 154 164 150 164 H50 C46 164 42 162 42 156 Z"
    print_ = (
        box(40, 132, 120, 40, p.accent),
        disc(100, 120, 22, p.trim) + disc(100, 120, 12, p.accent),
        "".join(box(40, y, 120, 7, p.trim) for y in (100, 116, 132)),
        box(84, 108, 32, 20, p.trim, 'rx="3"'),
    )[p.pick(4)]
    return (
        handles
        + shape(body, p.main)
        + within(body, print_)
        + line("M50 84 H150", p.detail, 1.6, 'stroke-dasharray="4 4"')
    )
