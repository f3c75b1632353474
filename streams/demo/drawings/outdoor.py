"""Tents, backpacks and bottles."""

from __future__ import annotations

from streams.demo.drawings.paint import BRASS, METAL, Paint, box, disc, line, mix, shape, within


def tents(p: Paint) -> str:
    grass = shape("M14 152 C40 144 60 150 100 148 S170 144 188 152 Z", "#8fa884")
    if "ridge" in p.form or "trail" in p.form:
        return grass + _ridge(p)
    low = "tunnel" in p.form
    dome = (
        "M22 150 C30 104 52 74 100 74 S172 104 178 150 Z"
        if low
        else "M24 150 C34 96 62 52 100 50 C138 52 166 96 176 150 Z"
    )
    top = 74 if low else 50
    panels = shape(f"M100 {top} C82 84 72 116 70 150 H24 C34 96 62 {top + 2} 100 {top} Z", p.light) + shape(
        f"M100 {top} C118 84 128 116 130 150 H176 C166 96 138 {top + 2} 100 {top} Z", p.dark
    )
    door = shape("M100 92 C88 106 82 126 80 150 H120 C118 126 112 106 100 92 Z", p.deep) + shape(
        "M100 92 C112 106 118 126 120 150 H130 C128 128 118 104 100 92 Z", p.accent
    )
    poles = line(f"M24 150 C40 90 70 {top} 100 {top} S160 90 176 150", p.deep, 2.4)
    return grass + shape(dome, p.main) + within(dome, panels + door) + poles + _pegs(p) + _flag(p, top)


def _ridge(p: Paint) -> str:
    fly = shape("M84 52 L128 48 L184 146 L150 150 Z", p.dark)
    front = shape("M84 52 L20 150 H150 Z", p.main) + shape("M84 52 L34 128 H46 L84 70 Z", p.light)
    door = shape("M84 78 L56 150 H112 Z", p.deep) + shape("M84 78 L112 150 H126 Z", p.accent)
    return (
        fly
        + front
        + door
        + line("M84 44 V150", BRASS, 3)
        + line("M128 48 L184 146", p.deep, 1.6)
        + _pegs(p)
        + _flag(p, 46)
    )


def _pegs(p: Paint) -> str:
    return (
        line("M24 148 L10 156 M176 148 L190 156", p.detail, 2)
        + disc(10, 156, 2.4, METAL)
        + disc(190, 156, 2.4, METAL)
    )


def _flag(p: Paint, top: int) -> str:
    x = 84 if "ridge" in p.form or "trail" in p.form else 100
    return line(f"M{x} {top} V{top - 16}", p.deep, 2) + shape(f"M{x} {top - 17} l16 5 -16 6 Z", p.accent)


def backpacks(p: Paint) -> str:
    roll = "roll" in p.form
    body = (
        "M56 78 C56 46 74 38 100 38 S144 46 144 78 V150 C144 162 138 166 130 166 H70 C62 166 56 162 56 150 Z"
        if not roll
        else "M58 62 H142 L146 150 C146 162 140 166 132 166 H68 C60 166 54 162 54 150 Z"
    )
    straps = line("M60 84 C42 96 42 128 54 148 M140 84 C158 96 158 128 146 148", p.deep, 8)
    handle = line("M86 40 C86 22 114 22 114 40", p.deep, 6) if not roll else ""
    return (
        straps
        + handle
        + shape(body, p.main)
        + within(body, box(128, 30, 30, 150, p.dark))
        + (_roll_top(p) if roll else _flap(p))
        + _pocket(p)
    )


def _flap(p: Paint) -> str:
    if "ruck" in p.form:
        flap = shape("M54 76 C54 44 74 36 100 36 S146 44 146 76 V88 C146 94 54 94 54 88 Z", p.dark)
        return (
            flap
            + line("M78 70 V112 M122 70 V112", p.accent, 7)
            + box(73, 104, 10, 8, BRASS)
            + box(117, 104, 10, 8, BRASS)
        )
    return (
        line("M62 84 C80 76 120 76 138 84", p.detail, 2.6)
        + line("M134 83 l5 10", p.accent, 4)
        + line("M70 58 C82 50 118 50 130 58", p.light, 3)
    )


def _roll_top(p: Paint) -> str:
    return (
        box(54, 40, 92, 20, p.dark, 'rx="9"')
        + line("M56 50 H144", p.deep, 2)
        + line("M100 40 V90", p.accent, 7)
        + box(94, 78, 12, 10, METAL, 'rx="2"')
    )


def _pocket(p: Paint) -> str:
    badge = (
        disc(100, 140, 7, p.accent),
        box(90, 134, 20, 12, p.accent, 'rx="2"'),
        shape("M100 131 l10 16 h-20 Z", p.accent),
    )[p.house % 3]
    return (
        shape(
            "M70 118 C70 110 74 108 80 108 H120 C126 108 130 110 130 118 V150 C130 156 126 158 "
            "122 158 H78 C74 158 70 156 70 150 Z",
            mix(p.main, p.deep, 0.28),
        )
        + line("M74 120 H126", p.detail, 2.4)
        + badge
    )


def bottles(p: Paint) -> str:
    if "tumbler" in p.form:
        body, cap = (
            "M70 56 H130 L122 164 C122 170 118 172 114 172 H86 C82 172 78 170 78 164 Z",
            box(66, 44, 68, 14, p.deep, 'rx="5"') + line("M112 44 L118 16", p.accent, 6),
        )
    elif "flask" in p.form or "thermos" in p.form:
        body, cap = (
            "M74 66 H126 V160 C126 168 122 172 116 172 H84 C78 172 74 168 74 160 Z",
            box(78, 32, 44, 34, METAL, 'rx="5"')
            + line("M82 46 H118 M82 56 H118", mix(METAL, "#333333", 0.25), 2),
        )
    else:
        body, cap = (
            "M88 52 H112 V66 C112 78 130 82 130 100 V160 C130 168 126 172 120 172 H80 C74 172 70 "
            "168 70 160 V100 C70 82 88 78 88 66 Z",
            box(84, 34, 32, 22, p.deep, 'rx="4"') + line("M92 34 C92 20 108 20 108 34", p.deep, 5),
        )
    shine = box(78, 84, 7, 74, "#ffffff", 'rx="3" opacity=".35"')
    return (
        cap
        + shape(body, p.main)
        + within(body, _label(p) + box(114, 50, 30, 130, p.dark, 'opacity=".5"') + shine)
    )


def _label(p: Paint) -> str:
    return (
        box(60, 112, 80, 32, p.trim) + disc(100, 128, 9, p.accent),
        box(60, 150, 80, 30, p.accent),
        shape("M60 172 L86 122 L100 142 L112 128 L140 172 Z", p.light),
        line("M100 104 V150", p.trim, 5),
        "",
    )[p.pick(5)]
