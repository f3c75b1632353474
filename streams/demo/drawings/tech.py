"""Headphones, speakers and cameras."""

from __future__ import annotations

from streams.demo.drawings.paint import INK, METAL, WOOD, Paint, box, disc, line, mix, shape

GLASS = "#2a3140"


def headphones(p: Paint) -> str:
    band = line("M48 118 C42 18 158 18 152 118", p.deep, 11) + line("M58 76 C70 32 130 32 142 76", p.main, 10)
    yokes = line("M48 112 V132 M152 112 V132", METAL, 5)
    left = shape(
        "M40 106 C30 110 28 124 28 134 S30 158 40 162 C50 166 56 160 56 152 V116 C56 108 50 102 40 106 Z",
        p.main,
    )
    pad = shape("M56 112 C64 110 68 118 68 134 S64 158 56 156 Z", p.deep)
    mark = disc(39, 134, 5, p.accent) if p.pick(2) else line("M38 124 V144", p.accent, 4)
    cup = yokes + left + pad + mark
    mirrored = left + pad + mark
    wire = (
        line("M40 162 C40 186 84 176 100 188", p.deep, 3) if "on-ear" in p.form or p.pick(4, 1) == 0 else ""
    )
    return band + wire + cup + f'<g transform="translate(200 0) scale(-1 1)">{mirrored}</g>'


def speakers(p: Paint) -> str:
    if "radio" in p.form:
        return _radio(p)
    if p.pick(2, 1):
        cloth = " ".join(f"M{x} 62 V152" for x in range(72, 132, 7))
        body = shape("M64 56 C64 46 136 46 136 56 V156 C136 168 64 168 64 156 Z", p.main)
        return (
            body
            + line(cloth, p.dark, 1.8)
            + f'<ellipse cx="100" cy="56" rx="36" ry="9" fill="{p.deep}"/>'
            + line("M86 56 H114", p.accent, 3.4)
            + box(94, 138, 12, 12, p.accent, 'rx="3"')
        )
    cabinet = box(58, 36, 84, 132, WOOD if p.house % 2 else p.dark, 'rx="8"') + box(
        65, 43, 70, 118, p.main, 'rx="5"'
    )
    small = disc(100, 70, 16, p.deep) + disc(100, 70, 10, p.dark) + disc(100, 70, 4, p.accent)
    large = (
        disc(100, 122, 29, p.deep)
        + disc(100, 122, 22, p.dark)
        + disc(100, 122, 10, p.deep)
        + line("M84 116 C88 104 98 100 106 102", p.light, 2.4)
    )
    return cabinet + small + large


def _radio(p: Paint) -> str:
    body = box(36, 72, 128, 92, WOOD if p.house % 2 else p.dark, 'rx="14"') + box(
        43, 79, 114, 78, p.main, 'rx="9"'
    )
    grille = line(" ".join(f"M52 {y} H100" for y in range(92, 150, 8)), p.detail, 3)
    dial = (
        disc(130, 104, 18, p.trim)
        + line("M130 104 L140 94", p.accent, 3)
        + disc(121, 140, 6, p.deep)
        + disc(139, 140, 6, p.deep)
    )
    return (
        line("M60 74 C60 48 140 48 140 74", p.deep, 7)
        + line("M146 72 L170 28", METAL, 3)
        + body
        + grille
        + dial
    )


def cameras(p: Paint) -> str:
    shell = shape(
        "M38 66 H68 L76 52 H124 L132 66 H162 C168 66 171 69 171 75 V138 C171 144 168 147 162 147 "
        "H38 C32 147 29 144 29 138 V75 C29 69 32 66 38 66 Z",
        METAL if p.pick(2) else p.deep,
    )
    wrap = box(29, 82, 142, 48, p.main)
    lens = (
        disc(100, 106, 36, INK)
        + disc(100, 106, 31, METAL)
        + disc(100, 106, 26, GLASS)
        + disc(100, 106, 15, mix(GLASS, "#5f86b5", 0.55))
        + disc(92, 98, 6, "#dce8f5", 'opacity=".85"')
    )
    knobs = box(44, 57, 20, 9, p.accent, 'rx="3"') + disc(146, 62, 8, INK) + box(138, 62, 16, 6, METAL)
    finder = box(86, 57, 28, 14, GLASS, 'rx="3"') + disc(150, 92, 4.5, p.accent)
    strap = line("M30 76 C10 40 40 16 100 24 S190 40 170 76", p.accent, 5) if p.house % 2 else ""
    return strap + knobs + shell + wrap + lens + finder
