"""The README's figures, written from latest.json: `python -m tests.load.readme` after a benchmark.

`--print` only prints the table.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from tests.load.figures import LATEST, Report, assess
from tests.load.requirements import Verdict

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
MARKS: dict[Verdict, str] = {"met": " ✓", "missed": " **missed**", "": ""}


def table(report: Report) -> str:
    """One row a key: median, spread, must and aim with what became of them, and what ran."""
    rows = [_row(report, key) for key in report.figures]
    head = f"On {report.machine}, everything on them; median (lowest – highest), and the commit measured."
    columns = ["| key | figure | must | aim | load | commit |", "|---|---|---|---|---|---|"]
    return "\n".join([head, "", *columns, *rows])


def _row(report: Report, key: str) -> str:
    figure, (must, aim) = report.figures[key], assess(report, key)
    spread = f"{_number(min(figure.runs))} – {_number(max(figure.runs))}"
    value = f"{_number(figure.median)} {figure.unit} ({spread})"
    asked = [one.text + MARKS[one.verdict] for one in (must, aim)]
    return "| " + " | ".join([f"`{key}`", value, *asked, figure.load, f"`{figure.commit}`"]) + " |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def with_table(text: str, report: Report) -> str:
    """The README's text with the figures between their marks."""
    before, rest = text.split(BEGIN, 1)
    return before + BEGIN + "\n" + table(report) + "\n" + END + rest.split(END, 1)[1]


def main() -> None:
    report = msgspec.json.decode(LATEST.read_bytes(), type=Report)
    if "--print" in sys.argv[1:]:
        sys.stdout.write(table(report) + "\n")
    else:
        README.write_text(with_table(README.read_text(), report))


if __name__ == "__main__":
    main()
