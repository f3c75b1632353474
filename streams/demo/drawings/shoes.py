"""Sneakers, boots and sandals."""

from __future__ import annotations

from streams.demo.drawings.paint import INK, METAL, Paint, box, line, mix, shape, within


def sneakers(p: Paint) -> str:
    high = "high" in p.form
    collar = "46 52 C60 46 74 47 84 51" if high else "43 83 C50 78 57 80 62 85 C70 92 80 88 86 78"
    upper = (
        f"M38 132 C34 112 40 96 {collar} L98 66 C102 62 107 64 109 69 C115 84 128 97 146 104 "
        "C163 110 172 117 173 132 Z"
    )
    parts = [shape(upper, p.main), within(upper, _sneaker_panels(p, high=high)), _laces(p, high=high)]
    return "".join([*parts, _runner_sole(p) if "run" in p.form or "train" in p.form else _flat_sole(p)])


def _sneaker_panels(p: Paint, *, high: bool) -> str:
    toe = shape("M143 100 C140 116 146 126 152 136 L180 136 L180 100 Z", p.light)
    heel = shape("M30 136 C30 110 34 90 40 74 L60 82 C56 100 56 118 60 136 Z", p.accent)
    tongue = shape("M92 74 L100 62 L112 66 L116 84 Z", p.dark)
    marks = (
        line("M76 132 C88 118 96 108 104 92", p.trim, 6)
        + line("M90 132 C100 120 108 112 116 100", p.trim, 6),
        line("M62 128 C84 130 112 120 128 102", p.trim, 6),
        shape("M78 108 l5 10 11 1 -8 8 2 11 -10 -5 -10 5 2 -11 -8 -8 11 -1 Z", p.trim),
        box(66, 118, 70, 6, p.accent) + box(66, 127, 70, 3, p.trim),
    )
    collar = line("M44 56 C60 50 74 50 86 55", p.deep, 5) if high else ""
    return toe + heel + tongue + marks[p.house % 4] + collar


def _laces(p: Paint, *, high: bool) -> str:
    steps = range(-2 if high else 0, 4)
    rows = [f"M{95 + 9 * n} {79 + 9 * n - (n > 1) * 2} l12 -8" for n in steps if n >= 0]
    rows += [f"M{88 + 2 * n} {76 + 9 * n} l15 -6" for n in steps if n < 0]
    return line(" ".join(rows), p.trim, 3.4)


def _flat_sole(p: Paint) -> str:
    sole = shape(
        "M33 130 H172 C178 130 180 135 179 139 C178 146 172 149 165 149 H46 C37 149 32 144 32 137 Z", p.trim
    )
    return (
        sole
        + line("M36 139 H175", p.accent, 2.4)
        + shape("M34 144 C37 148 41 149 46 149 H165 C170 149 174 147 177 144 Z", mix(p.trim, INK, 0.16))
    )


def _runner_sole(p: Paint) -> str:
    d = (
        "M30 126 C52 132 74 126 100 130 C130 134 152 126 175 128 C182 132 182 142 174 148 L160 151 "
        "H50 C36 151 28 144 30 126 Z"
    )
    tread = shape(
        "M34 145 C38 150 43 151 50 151 H160 L174 148 C176 146 178 144 179 141 C130 148 80 148 33 143 Z",
        p.accent,
    )
    return (
        shape(d, p.trim)
        + tread
        + line("M44 136 C70 142 100 134 128 139 S160 138 168 136", mix(p.trim, INK, 0.18), 2.4)
    )


def boots(p: Paint) -> str:
    upper = (
        "M58 42 C58 38 61 36 65 36 H106 C110 36 113 38 113 42 L114 80 C116 96 128 102 146 106 "
        "C164 110 173 118 174 136 H54 C50 116 58 98 58 80 Z"
    )
    body = shape(upper, p.main) + within(upper, _boot_panels(p))
    return body + _boot_sole(p)


def _boot_panels(p: Paint) -> str:
    toe = shape("M148 100 C142 116 146 128 150 140 H180 V100 Z", p.light if p.pick(2) else p.dark)
    heel = shape("M48 140 C48 118 54 104 58 92 L72 98 C66 110 66 124 70 140 Z", p.dark)
    if "chelsea" in p.form or "ankle" in p.form:
        gusset = shape("M78 56 H102 C102 76 100 88 94 98 H86 C80 88 78 76 78 56 Z", p.deep)
        ribs = line("M84 58 L87 96 M90 58 V96 M96 58 L93 96", mix(p.deep, "#ffffff", 0.16), 1.4)
        return toe + heel + gusset + ribs + line("M60 40 H112", p.dark, 5) + _pull_tab(p)
    hooks = "M96 46 L116 42 M97 58 L118 55 M98 70 L119 68 M101 82 L122 84 M108 93 L128 97"
    eyelets = line(hooks, p.accent if "hik" in p.form else p.trim, 3.6)
    collar = box(50, 30, 70, 18, p.deep) if "hik" in p.form else line("M58 48 H112", p.detail, 2)
    return (
        toe
        + heel
        + shape("M94 40 L90 74 C92 92 104 104 124 112 L140 104 L112 36 Z", p.dark)
        + collar
        + eyelets
    )


def _pull_tab(p: Paint) -> str:
    return line("M60 44 C54 36 56 26 63 28 L64 42", p.accent, 5)


def _boot_sole(p: Paint) -> str:
    dark = "#2b2724" if p.pick(2, 1) else "#6e5540"
    heel = (
        "M52 134 H175 C177 144 174 150 167 150 H106 C101 150 99 146 95 146 H92 L91 158 H54 C50 150 50 "
        "142 52 134 Z"
    )
    return shape(heel, dark) + line("M53 135 H174", mix(dark, "#ffffff", 0.35), 2.6)


def sandals(p: Paint) -> str:
    return _sandal(p, "translate(-2 4) rotate(-7 70 100)") + _sandal(
        p, "translate(202 4) scale(-1 1) rotate(-7 70 100)"
    )


def _sandal(p: Paint, move: str) -> str:
    bed = (
        "M68 30 C90 30 98 52 95 76 C93 92 92 104 94 124 C97 150 88 168 70 168 C51 168 45 150 48 124 "
        "C50 104 42 92 42 70 C42 46 50 30 68 30 Z"
    )
    foot = (
        shape(bed, "#cfae80")
        + line(bed, mix("#cfae80", INK, 0.35), 3)
        + line("M58 120 C56 140 62 154 70 156", mix("#cfae80", INK, 0.15), 3)
    )
    if "slide" in p.form:
        strap = shape("M36 58 C56 46 82 46 101 58 L99 98 C80 88 56 88 40 98 Z", p.main) + line(
            "M40 66 C58 56 80 56 98 66 M41 90 C58 81 80 81 97 90", p.detail, 1.6
        )
        return f'<g transform="{move}">{foot}{strap}</g>'
    first = shape("M37 54 C56 44 80 44 100 54 L98 74 C80 65 58 65 40 74 Z", p.main)
    second = shape("M39 86 C56 77 80 77 97 86 L95 106 C80 98 56 98 43 106 Z", p.main)
    buckles = "".join(box(38, y, 12, 13, METAL, 'rx="2"') + box(41, y + 3, 6, 7, p.dark) for y in (54, 86))
    return f'<g transform="{move}">{foot}{first}{second}{buckles}</g>'
