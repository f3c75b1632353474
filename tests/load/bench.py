"""`make bench`: every figure with its control in the same run, a table, and tests/load/latest.json.

`make bench ONLY=freshness` measures one part, `RUNS=1` is a quick look (not for quoting).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable

from rich.console import Console

from tests.load import (
    decide,
    fair,
    fold,
    freshness,
    intake,
    keyed,
    memory,
    overload,
    page_get,
    push,
    rolling,
    scale,
    serving,
    stream,
    upload,
)
from tests.load.bed import Bed, bed
from tests.load.figures import Figure, save, show

Say = Callable[[str], None]
IN_PROCESS: dict[str, Callable[[int, Say], list[Figure]]] = {"decide": decide.measure, "fold": fold.measure}
"""Parts that need no servers."""
PARTS: dict[str, Callable[[Bed, int, Say], list[Figure]]] = {
    "layout_get": serving.measure_layout_get,
    "keys": keyed.measure,
    "rank": serving.measure_rank,
    "page_get": page_get.measure,
    "intake": intake.measure,
    "fair": fair.measure,
    "freshness": freshness.measure,
    "push": push.measure,
    "rolling": rolling.measure,
    "stream": stream.measure,
    "scale": scale.measure,
    "memory": memory.measure,
    "upload": upload.measure,
    "overload": overload.measure,
}
ALIASES = {"rebuild": "memory", "failover": "rolling"}
ONLY_BY_NAME = {"backlog": stream.measure_backlog}
"""Part of another part, for comparisons of two commits."""
NAMES = (*IN_PROCESS, *PARTS, *ALIASES, *ONLY_BY_NAME)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="comma-separated parts: " + ", ".join(NAMES))
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    if unknown := {name for name in args.only.split(",") if name} - {*NAMES}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that servers and processes end too
    console = Console(width=180)
    wanted = [ALIASES.get(name, name) for name in args.only.split(",") if name] or [*IN_PROCESS, *PARTS]
    figures: list[Figure] = []
    for part in dict.fromkeys(wanted):
        started = time.monotonic()
        console.print(f"[bold]{part}[/] (load average {os.getloadavg()[0]:.2f})")
        figures += measure(part, args.runs, lambda text: console.print("  " + text))
        report = save(figures)
        console.print(f"  {time.monotonic() - started:.0f} s")
    show(report, [f.key for f in figures], console)


def measure(part: str, runs: int, say: Say) -> list[Figure]:
    if part in IN_PROCESS:
        return IN_PROCESS[part](runs, say)
    with bed() as servers:
        return (PARTS | ONLY_BY_NAME)[part](servers, runs, say)


if __name__ == "__main__":
    main()
