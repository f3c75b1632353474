"""The README's figures, written from latest.json: `python -m tests.load.readme` after a benchmark."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.load.figures import LATEST, Figure, Report

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def table(report: Report) -> str:
    """One row a key: median, spread, target and what ran."""
    rows = [_row(figure) for figure in report.figures.values()]
    head = f"On {report.machine}, everything on them, commit `{report.commit}`; median (lowest – highest)."
    return "\n".join([head, "", "| key | figure | target | load |", "|---|---|---|---|", *rows])


def _row(figure: Figure) -> str:
    met = {True: " ✓", False: " **missed**", None: ""}[figure.met]
    spread = f"{_number(min(figure.runs))} – {_number(max(figure.runs))}"
    value = f"{_number(figure.median)} {figure.unit} ({spread})"
    return f"| `{figure.key}` | {value} | {figure.target}{met} | {figure.load} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def with_table(text: str, report: Report) -> str:
    """The README's text with the figures between their marks."""
    before, rest = text.split(BEGIN, 1)
    return before + BEGIN + "\n" + table(report) + "\n" + END + rest.split(END, 1)[1]


def main() -> None:
    report = msgspec.json.decode(LATEST.read_bytes(), type=Report)
    README.write_text(with_table(README.read_text(), report))


if __name__ == "__main__":
    main()
