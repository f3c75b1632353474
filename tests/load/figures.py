"""Figures of a benchmark: runs of one key, their spread, the target, and the table of all."""

from __future__ import annotations

import platform
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import psutil
from msgspec import Struct
from rich.console import Console
from rich.table import Table

LATEST = Path(__file__).with_name("latest.json")


class Figure(Struct, kw_only=True, omit_defaults=True):
    """One key: every run's value, and what was asked of it. `load` says what ran beside."""

    key: str
    unit: str
    runs: list[float]
    load: str
    target: str = ""
    met: bool | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.runs)


class Report(Struct, kw_only=True):
    machine: str
    commit: str
    figures: dict[str, Figure]


def figure(
    key: str, runs: Sequence[float], unit: str, *, load: str, at_least: float | None = None,
    at_most: float | None = None,
) -> Figure:  # fmt: skip
    """A figure judged by its median."""
    value = statistics.median(runs)
    target, met = "", None
    if at_least is not None:
        target, met = f"≥ {at_least:g}", value >= at_least
    if at_most is not None:
        target, met = f"≤ {at_most:g}", value <= at_most
    return Figure(key=key, runs=[round(r, 4) for r in runs], unit=unit, load=load, target=target, met=met)


def percentile(values: Sequence[float] | np.ndarray, q: float) -> float:
    return float(np.percentile(np.asarray(values), q))


def machine() -> str:
    """Processor, cores, memory, Python: what a reader needs to judge the figures."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((x.split(":", 1)[1].strip() for x in lines if "model name" in x), platform.processor())
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} shared cores of {model}, {memory:.0f} GiB, Python {platform.python_version()}"
    )


def commit() -> str:
    """The commit measured; `+changes` when the code differs from it."""
    dirty = _git("status", "--porcelain", "--", "streams", "models", "schemas")
    return _git("rev-parse", "--short=12", "HEAD").strip() + ("+changes" if dirty else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout


def save(figures: Sequence[Figure]) -> Report:
    """Merge into latest.json: keys measured now replace the old ones."""
    known = msgspec.json.decode(LATEST.read_bytes(), type=Report).figures if LATEST.exists() else {}
    merged = known | {f.key: f for f in figures}
    report = Report(machine=machine(), commit=commit(), figures=dict(sorted(merged.items())))
    LATEST.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    return report


def show(figures: Sequence[Figure], console: Console) -> None:
    table = Table("key", "median", "min", "max", "unit", "target", "", "load", title=machine())
    for f in figures:
        mark = {True: "met", False: "missed", None: ""}[f.met]
        spread = f"{min(f.runs):,.2f}", f"{max(f.runs):,.2f}"
        table.add_row(f.key, f"{f.median:,.2f}", *spread, f.unit, f.target, mark, f.load)
    console.print(table)
