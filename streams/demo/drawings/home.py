"""Lamps, chairs, mugs, vases, cushions and planters."""

from __future__ import annotations

from streams.demo.drawings.paint import (
    BRASS,
    INK,
    WOOD,
    WOOD_DARK,
    Paint,
    box,
    disc,
    line,
    mix,
    oval,
    shape,
    within,
)

GLOW = "#fbe7b4"
LEAF, LEAF_DARK = "#5f8b62", "#47704f"


def lamps(p: Paint) -> str:
    light = disc(100, 84, 62, GLOW, 'opacity=".55"')
    if "mushroom" in p.form:
        stem = shape("M88 92 H112 L118 158 C118 166 82 166 82 158 Z", p.dark)
        cap = shape("M44 96 C44 58 66 42 100 42 C134 42 156 58 156 96 C156 102 44 102 44 96 Z", p.main)
        return light + stem + oval(100, 97, 56, 6, GLOW) + cap + line("M62 78 C66 64 76 56 88 52", p.light, 5)
    if "desk" in p.form:
        arm = line("M78 162 L66 106 L116 62", BRASS, 5) + disc(66, 106, 6, BRASS)
        head = shape("M104 50 L140 78 C150 62 140 40 122 40 C114 40 108 44 104 50 Z", p.main)
        beam = shape("M106 54 L140 78 L176 150 H112 Z", GLOW, 'opacity=".6"')
        return beam + arm + head + shape("M50 170 C50 160 58 158 78 158 S106 160 106 170 Z", p.dark)
    foot = shape(
        "M82 112 C70 130 66 150 78 164 C84 170 116 170 122 164 C134 150 130 130 118 112 Z",
        p.main if p.pick(2) else p.dark,
    )
    pattern = line("M74 138 C90 146 110 146 126 138", p.accent, 4) if p.house % 2 else ""
    pole = box(97, 98, 6, 16, BRASS)
    shade = shape("M72 40 H128 L148 100 C132 106 68 106 52 100 Z", p.trim if p.pick(2) else p.main)
    return (
        light + foot + pattern + pole + shade + line("M72 41 H128 M53 99 C70 105 130 105 147 99", p.dark, 2.4)
    )


def chairs(p: Paint) -> str:
    if "dining" in p.form:
        return _dining_chair(p)
    if "shell" in p.form:
        return _shell_chair(p)
    legs = line("M58 142 L52 170 M142 142 L148 170", WOOD_DARK, 7)
    back = shape("M56 58 C56 38 70 34 100 34 C130 34 144 38 144 58 V118 H56 Z", p.main)
    tufts = (
        line("M84 44 V96 M100 42 V96 M116 44 V96", p.dark, 2)
        if p.pick(2)
        else disc(84, 70, 2.5, p.deep) + disc(116, 70, 2.5, p.deep) + disc(100, 84, 2.5, p.deep)
    )
    arms = shape(
        "M36 92 C36 80 58 80 58 92 V120 H142 V92 C142 80 164 80 164 92 V140 C164 146 160 148 156 "
        "148 H44 C40 148 36 146 36 140 Z",
        p.dark,
    )
    seat = shape("M58 104 C70 98 130 98 142 104 V124 C130 130 70 130 58 124 Z", p.light)
    return legs + back + tufts + arms + seat


def _shell_chair(p: Paint) -> str:
    legs = line("M82 124 L62 170 M118 124 L138 170 M90 126 L84 164 M110 126 L116 164", WOOD, 5)
    shell = shape(
        "M58 40 C76 30 124 30 142 40 C148 66 142 88 136 104 C150 110 148 128 134 130 H66 C52 "
        "128 50 110 64 104 C58 88 52 66 58 40 Z",
        p.main,
    )
    seat = shape(
        "M64 104 C84 112 116 112 136 104 C150 110 148 128 134 130 H66 C52 128 50 110 64 104 Z", p.light
    )
    return legs + shell + seat + line("M66 48 C82 42 118 42 134 48", p.light, 3)


def _dining_chair(p: Paint) -> str:
    legs = line("M66 116 L60 170 M134 116 L140 170 M76 116 L74 160 M124 116 L126 160", WOOD, 6)
    back = line("M64 112 L58 36 M136 112 L142 36", WOOD, 7)
    slats = "".join(
        shape(
            f"M{60 + n} {44 + 18 * n} C84 {50 + 18 * n} 116 {50 + 18 * n} {140 - n} {44 + 18 * n} "
            f"v9 C116 {59 + 18 * n} 84 {59 + 18 * n} {60 + n} {53 + 18 * n} Z",
            WOOD_DARK,
        )
        for n in range(3)
    )
    return (
        legs
        + back
        + slats
        + shape("M56 106 C70 98 130 98 144 106 L148 118 C130 126 70 126 52 118 Z", p.main)
        + line("M54 119 C72 126 128 126 146 119", p.deep, 2.4)
    )


def mugs(p: Paint) -> str:
    small, tall = "espresso" in p.form, "tall" in p.form
    top, left, right = (88, 64, 128) if small else (54, 60, 128) if tall else (66, 52, 132)
    cup = (
        f"M{left} {top} H{right} V128 C{right} 146 {right - 12} 152 {right - 22} 152 H{left + 22} "
        f"C{left + 12} 152 {left} 146 {left} 128 Z"
    )
    handle = line(
        f"M{right} {top + 16} C{right + 34} {top + 10} {right + 34} {top + 56} {right - 4} "
        f"{min(134, top + 54)}",
        p.dark,
        10,
    )
    rim = oval((left + right) / 2, top, (right - left) / 2, 8, mix(p.main, "#ffffff", 0.45)) + oval(
        (left + right) / 2, top + 1.5, (right - left) / 2 - 6, 5, "#5a3a28"
    )
    saucer = oval(98, 152, 58, 8, p.light) if small else ""
    steam = line(
        f"M84 {top - 14} q-7 -7 0 -14 t0 -12 M108 {top - 12} q-7 -7 0 -14 t0 -11",
        "#ffffff",
        4,
        'opacity=".75"',
    )
    return steam + handle + saucer + shape(cup, p.main) + within(cup, _glaze(p, top)) + rim


def _glaze(p: Paint, top: int) -> str:
    speckles = [
        (56 + (n * n * 7 + n * 31 + p.seed) % 76, top + 16 + (n * n * 11 + n * 17) % (128 - top))
        for n in range(22)
    ]
    return (
        "".join(disc(x, y, 1.4 + n % 2, p.detail) for n, (x, y) in enumerate(speckles)),
        box(30, 116, 140, 40, p.trim),
        shape(
            f"M30 {top} H170 V{top + 24} q-10 14 -20 0 t-20 0 t-20 0 t-20 0 t-20 0 t-20 0 t-20 0 Z", p.accent
        ),
        box(30, top + 26, 140, 7, p.trim) + box(30, top + 40, 140, 7, p.trim),
        disc(92, (top + 152) / 2 + 4, 17, p.accent),
    )[p.pick(5)]


def vases(p: Paint) -> str:
    stems = line(
        "M98 92 C94 66 84 50 72 36 M100 92 C102 62 104 44 102 24 M103 92 C108 70 118 58 130 46",
        LEAF_DARK,
        2.6,
    )
    leaves = "".join(
        shape(f"M{x} {y} q-12 -4 -16 -16 q14 0 16 16 Z M{x} {y + 6} q10 -6 18 -2 q-6 10 -18 2 Z", LEAF)
        for x, y in ((88, 62), (102, 54), (114, 66))
    )
    petals = mix(p.accent, "#ffffff", 0.3)
    bloom = "".join(
        disc(x, y, 8, petals) + disc(x, y, 3.4, "#f2d388") for x, y in ((70, 33), (102, 21), (133, 43))
    )
    body = {
        "bot": "M92 84 H108 V108 C132 116 134 166 118 168 H82 C66 166 68 116 92 108 Z",
        "bud": (
            "M94 84 H106 C106 104 124 116 124 140 C124 158 116 168 100 168 S76 158 76 140 C76 116 94 "
            "104 94 84 Z"
        ),
    }.get(
        p.form[:3],
        "M78 84 H122 C116 98 134 112 134 136 C134 158 124 168 116 168 H84 C76 168 66 158 66 136 "
        "C66 112 84 98 78 84 Z",
    )
    handle = line("M124 92 C146 92 146 124 131 124", p.dark, 7) if "jug" in p.form else ""
    bands = (
        line("M60 128 H140 M60 136 H140", p.trim, 3),
        line(" ".join(f"M{x} 84 V170" for x in range(70, 136, 8)), p.dark, 2),
        shape("M50 84 H150 V112 q-12 12 -25 0 t-25 0 t-25 0 t-25 0 Z", p.light),
        "",
    )
    return (
        stems
        + leaves
        + bloom
        + handle
        + shape(body, p.main)
        + within(body, bands[p.pick(4)] + box(116, 80, 30, 96, p.dark, 'opacity=".35"'))
    )


CUSHION = (
    "M48 46 C66 54 134 54 152 46 C158 44 162 48 160 54 C150 76 150 124 160 146 C162 152 158 156 152 "
    "154 C134 146 66 146 48 154 C42 156 38 152 40 146 C50 124 50 76 40 54 C38 48 42 44 48 46 Z"
)


def cushions(p: Paint) -> str:
    stripes = "".join(box(54 + 16 * n, 30, 7, 140, p.accent if n % 3 == 1 else p.trim) for n in range(6))
    sun = (
        disc(100, 104, 28, p.accent)
        + box(30, 112, 140, 60, p.dark)
        + line("M40 124 H160 M40 136 H160", p.trim, 2.4)
    )
    arches = "".join(
        line(f"M{100 - r} 130 V102 a{r} {r} 0 0 1 {2 * r} 0 V130", c, 8)
        for r, c in ((34, p.trim), (21, p.accent), (8, p.light))
    )
    checks = "".join(
        box(40 + 30 * x, 42 + 30 * y, 30, 30, p.dark) for x in range(4) for y in range(4) if (x + y) % 2
    )
    print_ = stripes if "strip" in p.form else (sun, arches, checks, "")[p.pick(4)]
    tassels = (
        line("M44 48 L32 36 M156 48 L168 36 M44 152 L32 164 M156 152 L168 164", p.accent, 5)
        if p.house % 2
        else ""
    )
    return (
        oval(100, 160, 60, 6, mix(p.wall, "#e0d8cc", 0.7))
        + tassels
        + shape(CUSHION, p.main)
        + within(CUSHION, print_)
        + line(CUSHION, mix(p.main, INK, 0.25), 2)
    )


def planters(p: Paint) -> str:
    pot = "M64 108 H136 L128 160 C127 166 123 168 118 168 H82 C77 168 73 166 72 160 Z"
    feet = line("M80 168 L76 174 M120 168 L124 174", WOOD, 5) if p.house % 2 else ""
    glaze = (
        shape("M50 108 H150 V128 q-10 10 -20 0 t-20 0 t-20 0 t-20 0 t-20 0 Z", p.light),
        line(" ".join(f"M{x} 104 V170" for x in range(72, 134, 9)), p.dark, 2.4),
        box(50, 132, 100, 10, p.accent),
        "",
    )
    return (
        _plant(p)
        + feet
        + shape(pot, p.main)
        + within(pot, glaze[p.pick(4)])
        + box(60, 100, 80, 13, p.dark, 'rx="4"')
    )


def _plant(p: Paint) -> str:
    if "herb" in p.form:
        spots = [(70 + (n * 29) % 62, 92 - (n * 17) % 44) for n in range(14)]
        return line("M84 104 L78 66 M100 104 V54 M116 104 L122 66", LEAF_DARK, 3) + "".join(
            oval(x, y, 10, 7, LEAF if n % 2 else LEAF_DARK) for n, (x, y) in enumerate(spots)
        )
    if p.pick(2, 2):
        blades = (
            "M96 104 C84 70 80 50 86 26 C98 52 102 76 104 104 Z M84 104 C68 84 62 68 60 46 C76 62 88 "
            "82 94 104 Z M108 104 C116 74 124 60 140 46 C138 70 126 90 116 104 Z"
        )
        return shape(blades, LEAF) + line(
            "M99 100 C92 74 88 56 87 38 M88 100 C76 82 68 70 64 58 M112 100 C120 80 128 68 134 58",
            mix(LEAF, "#ffffff", 0.35),
            2,
        )
    stalks = line(
        "M100 104 C98 78 86 66 70 60 M100 104 C100 76 100 60 102 44 M100 104 C104 80 116 70 132 64",
        LEAF_DARK,
        3.4,
    )
    leaf = "M0 0 C-20 -6 -26 -24 -16 -40 C2 -36 10 -18 0 0 Z"
    placed = ((72, 62, -38), (102, 52, 12), (130, 66, 64), (88, 84, -64), (114, 86, 84))
    return stalks + "".join(
        shape(leaf, LEAF if n % 2 else LEAF_DARK, f'transform="translate({x} {y}) rotate({turn})"')
        for n, (x, y, turn) in enumerate(placed)
    )
