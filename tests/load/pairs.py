"""Two commits measured in turn, so that a comparison holds though the machine's speed drifts.

    python -m tests.load.pairs --base REF [--pairs 5] [--only rank,memory]

Each goes into a worktree of its own; the parts of `make bench` run A B A B … once each. Of every key the
medians of both and the median of the ratios pair by pair (HEAD / REF) are printed, with the load average.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.load.figures import Figure, Report

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PARTS = "decide,fold,layout_get,rank,freshness,push,memory,backlog"

Values = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, help="what HEAD is compared with")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default=DEFAULT_PARTS)
    arguments = parser.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as folder:
        base = add_worktree(arguments.base, Path(folder) / "base")
        head = add_worktree("HEAD", Path(folder) / "head")
        try:
            runs = [
                (measure(base, arguments.only, console), measure(head, arguments.only, console))
                for _ in range(arguments.pairs)
            ]
        finally:
            for tree in (base, head):
                git("worktree", "remove", "--force", str(tree))
    console.print(compare(runs, arguments.base))


def add_worktree(ref: str, folder: Path) -> Path:
    git("worktree", "add", "--detach", str(folder), ref)
    return folder


def git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True)


def measure(tree: Path, only: str, console: Console) -> Values:
    """One run of the benchmark in a worktree, by the code that lies there."""
    latest = tree / "tests" / "load" / "latest.json"
    latest.unlink(missing_ok=True)
    console.print(f"{tree.name}, load average {os.getloadavg()[0]:.2f}")
    for part in only.split(","):
        done = subprocess.run(
            [sys.executable, "-m", "tests.load.bench", "--only", part, "--runs", "1"],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree)},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:  # a part that an older commit does not have is compared with nothing
            console.print(f"{tree.name}: {part} not measured: {done.stderr.strip().splitlines()[-1]}")
    if not latest.exists():
        return {}
    report = msgspec.json.decode(latest.read_bytes(), type=Report)
    return {key: median_of(figure) for key, figure in report.figures.items()}


def median_of(figure: Figure) -> float:
    return statistics.median(figure.runs)


def compare(runs: list[tuple[Values, Values]], base: str) -> Table:
    """A row a key that both have: medians, and the median of the ratios of the pairs."""
    pairs: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for before, after in runs:
        for key in before.keys() & after.keys():
            pairs[key].append((before[key], after[key]))
    table = Table("key", base, "HEAD", "ratio, pair by pair", title=f"medians of {len(runs)} pairs")
    for key, values in sorted(pairs.items()):
        ratios = [after / before for before, after in values if before]
        table.add_row(
            key,
            f"{statistics.median(before for before, _ in values):,.4g}",
            f"{statistics.median(after for _, after in values):,.4g}",
            f"{statistics.median(ratios):.3f} ({min(ratios):.3f} – {max(ratios):.3f})" if ratios else "",
        )
    return table


if __name__ == "__main__":
    main()
