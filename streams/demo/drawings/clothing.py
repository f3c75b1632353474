"""T-shirts, knitwear, jackets, dresses and jeans."""

from __future__ import annotations

from streams.demo.drawings.paint import BRASS, INK, METAL, Paint, box, disc, line, mix, shape, within

TEE = (
    "M74 44 C82 56 118 56 126 44 L140 49 C146 51 150 54 153 59 L172 88 C173 90 172 92 170 93 L152 102 "
    "C150 103 148 102 147 100 L140 88 L142 160 C142 164 140 166 136 166 H64 C60 166 58 164 58 160 L60 "
    "88 L53 100 C52 102 50 103 48 102 L30 93 C28 92 27 90 28 88 L47 59 C50 54 54 51 60 49 Z"
)
SWEATER = (
    "M76 40 C84 50 116 50 124 40 L142 47 C149 50 153 55 155 62 L172 134 C173 138 171 140 168 141 L154 "
    "144 C151 144 149 143 148 140 L139 96 L140 152 C140 158 137 162 132 162 H68 C63 162 60 158 60 152 "
    "L61 96 L52 140 C51 143 49 144 46 144 L32 141 C29 140 27 138 28 134 L45 62 C47 55 51 50 58 47 Z"
)


def t_shirts(p: Paint) -> str:
    neck = line("M74 45 C82 58 118 58 126 45", p.accent if p.house % 3 == 0 else p.dark, 5)
    sleeves = line("M31 92 L48 101 M169 92 L152 101", p.dark, 2.4) + line(
        "M60 90 L59 110 M140 90 L141 110", p.dark, 2
    )
    return shape(TEE, p.main) + within(TEE, _tee_print(p)) + sleeves + neck


def _tee_print(p: Paint) -> str:
    if "strip" in p.form:
        return "".join(box(20, 66 + 15 * n, 160, 6, p.trim) for n in range(7))
    if "pocket" in p.form:
        return shape(
            "M106 82 H130 V104 C130 106 129 107 128 108 L118 112 L108 108 C107 107 106 106 106 104 Z", p.dark
        ) + line("M107 88 H129", p.detail, 1.4)
    return (
        disc(100, 98, 20, p.accent) + shape("M76 112 L92 90 L102 102 L110 94 L124 112 Z", p.trim),
        box(20, 84, 160, 26, p.accent) + box(20, 110, 160, 5, p.trim),
        line("M84 98 H116", p.detail, 4) + line("M92 107 H108", p.detail, 3),
        "".join(
            disc(100 + dx, 98 + dy, 7, p.accent if dx else p.trim)
            for dx, dy in ((-10, 0), (10, 0), (0, -11), (0, 11))
        ),
    )[p.pick(4)]


def knitwear(p: Paint) -> str:
    ribs = (
        box(56, 150, 90, 16, p.dark)
        + shape("M26 130 L56 138 L53 150 L22 144 Z", p.dark)
        + shape("M174 130 L144 138 L147 150 L178 144 Z", p.dark)
    )
    neck = (
        shape("M74 42 C72 30 80 26 100 26 C120 26 128 30 126 42 C116 52 84 52 74 42 Z", p.dark)
        if "roll" in p.form
        else line("M75 42 C84 53 116 53 125 42", p.dark, 7)
    )
    folds = line("M61 96 L60 124 M139 96 L140 124", p.detail, 1.6)
    return shape(SWEATER, p.main) + within(SWEATER, _knit(p) + ribs) + folds + neck


def _knit(p: Paint) -> str:
    if "fisher" in p.form:
        cable = " ".join(
            f"M{x} 56 q8 8 0 16 q-8 8 0 16 q8 8 0 16 q-8 8 0 16 q8 8 0 16 q-8 8 0 16" for x in (80, 100, 120)
        )
        return line(cable, p.light, 3) + line("M90 56 V152 M110 56 V152", p.dark, 1.4)
    if "crew" in p.form:
        zigzag = "M20 84 " + "l6 -9 6 9 " * 14
        return (
            box(20, 68, 160, 26, p.trim)
            + line(zigzag, p.accent, 3)
            + line("M20 66 H180 M20 96 H180", p.accent, 2.4)
        )
    if p.pick(2):
        return "".join(box(20, y, 160, 9, p.accent if n % 2 else p.trim) for n, y in enumerate((76, 90, 104)))
    return line(" ".join(f"M{x} 52 V150" for x in range(66, 140, 8)), p.light, 1.3)


def jackets(p: Paint) -> str:
    hood = (
        shape("M66 50 C60 20 140 20 134 50 C124 62 76 62 66 50 Z", p.deep)
        + shape("M78 48 C76 32 124 32 122 48 C114 56 86 56 78 48 Z", p.trim)
        if "parka" in p.form or "shell" in p.form
        else ""
    )
    collar = "" if hood else shape("M76 40 C84 34 116 34 124 40 L130 54 L100 60 L70 54 Z", p.deep)
    zip_ = line("M100 54 V160", METAL if p.pick(2) else BRASS, 2.6)
    return shape(SWEATER, p.main) + within(SWEATER, _jacket_body(p)) + hood + collar + zip_


def _jacket_body(p: Paint) -> str:
    if "puffer" in p.form:
        seams = " ".join(f"M20 {y} Q60 {y + 9} 100 {y} Q140 {y + 9} 180 {y}" for y in range(62, 160, 17))
        glow = " ".join(
            f"M66 {y} Q82 {y + 4} 94 {y + 1} M106 {y + 1} Q122 {y + 4} 134 {y}" for y in range(70, 160, 17)
        )
        return line(seams, p.deep, 2.2) + line(glow, p.light, 3)
    cuffs = shape("M26 130 L56 138 L53 150 L22 144 Z", p.deep) + shape(
        "M174 130 L144 138 L147 150 L178 144 Z", p.deep
    )
    if "bomber" in p.form:
        return cuffs + box(56, 150, 90, 16, p.accent) + line("M70 118 L84 108 M130 118 L116 108", p.detail, 3)
    if "field" in p.form:
        pockets = "".join(
            box(x, y, 24, h, p.dark, 'rx="2"') + line(f"M{x} {y + 7} h24", p.detail, 1.6)
            for x in (69, 107)
            for y, h in ((74, 20), (114, 28))
        )
        return cuffs + pockets
    yoke = shape(
        "M20 40 H180 V78 C140 70 128 88 100 88 S60 70 20 78 Z", p.accent if "shell" in p.form else p.dark
    )
    return yoke + cuffs + line("M68 128 L84 112 M132 128 L116 112", p.detail, 3)


DRESS = (
    "M78 34 L84 34 C88 48 112 48 116 34 L122 34 C124 52 126 64 120 84 C130 112 144 140 150 162 C134 "
    "172 66 172 50 162 C56 140 70 112 80 84 C74 64 76 52 78 34 Z"
)
SLEEVES = (
    "M78 34 C68 38 58 52 54 72 L70 80 C74 70 76 62 78 56 Z M122 34 C132 38 142 52 146 72 L130 80 C126 "
    "70 124 62 122 56 Z"
)


def dresses(p: Paint) -> str:
    sleeves = "" if "slip" in p.form else shape(SLEEVES, p.dark)
    belt = (
        ""
        if "slip" in p.form
        else shape(
            "M79 82 C92 88 108 88 121 82 L122 92 C108 98 92 98 78 92 Z", p.accent if p.pick(2, 2) else p.deep
        )
    )
    folds = line("M88 98 L76 164 M100 100 V168 M112 98 L124 164", p.dark, 2)
    return sleeves + shape(DRESS, p.main) + within(DRESS, _dress_print(p)) + folds + belt + _neckline(p)


def _neckline(p: Paint) -> str:
    if "wrap" in p.form:
        return line("M82 34 L108 84 M118 34 L96 66", p.detail, 2.6)
    return line("M84 35 C88 49 112 49 116 35", p.detail, 2.4)


def _dress_print(p: Paint) -> str:
    spots = [(x + (y // 18) % 2 * 9, y) for y in range(46, 172, 18) for x in range(52, 152, 18)]
    return (
        "",
        "".join(disc(x, y, 2.6, p.trim) for x, y in spots),
        box(40, 146, 120, 8, p.trim) + box(40, 157, 120, 4, p.accent),
        "".join(shape(f"M{x} {y - 5} q5 5 0 10 q-5 -5 0 -10", p.accent) for x, y in spots),
    )[p.pick(4)]


def jeans(p: Paint) -> str:
    hem, inner = {"wide": (50, 96), "tape": (66, 92), "rela": (56, 95)}.get(p.form[:4], (59, 93))
    left = f"M68 34 H100 V74 L{inner} 168 H{hem} C58 120 62 80 66 50 Z"
    right = f"M132 34 H100 V74 L{200 - inner} 168 H{200 - hem} C142 120 138 80 134 50 Z"
    legs = (
        shape(left, p.main)
        + shape(right, p.main)
        + shape(f"M100 74 L{inner} 168 H{inner - 8} L96 70 Z", p.dark)
    )
    thread = mix(p.main, "#e0a45a", 0.75)
    seams = line(
        "M70 48 C76 62 84 64 90 48 M130 48 C124 62 116 64 110 48 M100 46 V70 C100 76 104 74 106 64",
        thread,
        1.8,
    )
    wash = line("M76 86 C74 108 72 124 70 140 M124 86 C126 108 128 124 130 140", p.light, 7, 'opacity=".45"')
    cuffs = line(
        f"M{hem + 2} 165 H{inner - 2} M{202 - inner} 165 H{198 - hem}", p.trim if p.pick(2) else p.light, 6
    )
    waist = (
        box(67, 30, 66, 12, p.dark, 'rx="3"')
        + disc(100, 36, 3.4, BRASS)
        + line("M80 30 V43 M120 30 V43", mix(p.main, INK, 0.4), 3)
    )
    return legs + wash + seams + cuffs + waist
