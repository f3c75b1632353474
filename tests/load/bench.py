"""`make bench`: every figure with its control in the same run, a table, and tests/load/latest.json.

`make bench ONLY=freshness` measures one part, `RUNS=1` is a quick look (not for quoting).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

from rich.console import Console

from tests.load import freshness, memory, push, serving, stream, upload
from tests.load.bed import Bed, bed
from tests.load.figures import Figure, save, show

PARTS: dict[str, Callable[[Bed, int, Callable[[str], None]], list[Figure]]] = {
    "layout_get": serving.measure_layout_get,
    "rank": serving.measure_rank,
    "freshness": freshness.measure,
    "push": push.measure,
    "stream": stream.measure,
    "memory": memory.measure,
    "upload": upload.measure,
}
ALIASES = {"rebuild": "memory"}
ONLY_BY_NAME = {"backlog": stream.measure_backlog}
"""Part of another part, for comparisons of two commits."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", help="comma-separated parts: " + ", ".join([*PARTS, *ALIASES, *ONLY_BY_NAME])
    )
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    console = Console(width=180)
    wanted = [ALIASES.get(name, name) for name in args.only.split(",") if name] or list(PARTS)
    figures: list[Figure] = []
    for part in dict.fromkeys(wanted):
        started = time.monotonic()
        console.print(f"[bold]{part}[/] (load average {os.getloadavg()[0]:.2f})")
        with bed() as servers:
            figures += (PARTS | ONLY_BY_NAME)[part](
                servers, args.runs, lambda text: console.print("  " + text)
            )
        save(figures)
        console.print(f"  {time.monotonic() - started:.0f} s")
    show(figures, console)


if __name__ == "__main__":
    main()
