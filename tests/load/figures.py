"""Figures of a benchmark: runs of one key, their spread, what is asked of them, and the table."""

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
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from tests.load.requirements import NOTHING, REQUIREMENTS, Bound, Verdict

LATEST = Path(__file__).with_name("latest.json")


class Figure(Struct, kw_only=True, omit_defaults=True):
    """One key and every run's value. `load` says what was measured and what ran beside; `commit` when."""

    key: str
    unit: str
    runs: list[float]
    load: str
    commit: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.runs)


class Report(Struct, kw_only=True):
    """The last figures of all keys; what is asked of them stands in requirements.py alone."""

    machine: str
    cores: int = 1
    figures: dict[str, Figure]


class Assessment(Struct, frozen=True):
    """A bound in words, the number it comes to, and whether the figure's median meets it."""

    text: str = ""
    verdict: Verdict = ""


def figure(key: str, runs: Sequence[float], unit: str, *, load: str) -> Figure:
    """A figure of the closed list; KeyError for another key."""
    if key not in REQUIREMENTS:
        raise KeyError(f"{key} is not in tests/load/requirements.py")
    return Figure(key=key, runs=[round(float(r), 4) for r in runs], unit=unit, load=load)


def assess(report: Report, key: str) -> tuple[Assessment, Assessment]:
    """The must and the aim of a key, judged by medians; a relative bound by the same report's control."""
    medians = {name: f.median for name, f in report.figures.items()}
    must, aim = REQUIREMENTS.get(key, NOTHING).bounds(report.cores)
    return _assess(must, medians[key], medians), _assess(aim, medians[key], medians)


def _assess(bound: Bound | None, value: float, medians: dict[str, float]) -> Assessment:
    limit = bound and bound.limit(medians)
    if bound is None or limit is None:
        return Assessment()
    return Assessment(f"{bound.sign} {limit:.4g}", bound.judge(value, medians))


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
    """Merge into latest.json: keys measured now replace the old ones, keys no longer listed are dropped.

    Those measured by name alone are in the report that is returned, and not in the file.
    """
    known = msgspec.json.decode(LATEST.read_bytes(), type=Report).figures if LATEST.exists() else {}
    now = commit()
    measured = {f.key: msgspec.structs.replace(f, commit=now) for f in figures}
    merged = {k: f for k, f in (known | measured).items() if k in REQUIREMENTS}
    cores = psutil.cpu_count() or 1
    report = Report(machine=machine(), cores=cores, figures=dict(sorted(merged.items())))
    if any(f.key in REQUIREMENTS for f in figures):
        LATEST.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    return replace(report, figures=report.figures | {f.key: f for f in figures})


def show(report: Report, keys: Sequence[str], console: Console) -> None:
    """The figures of some keys, each with its must and its aim."""
    table = Table("key", "median", "min", "max", "unit", "must", "", "aim", "", "load", title=report.machine)
    for key in keys:
        f, (must, aim) = report.figures[key], assess(report, key)
        spread = f"{min(f.runs):,.2f}", f"{max(f.runs):,.2f}"
        asked = must.text, must.verdict, aim.text, aim.verdict
        table.add_row(key, f"{f.median:,.2f}", *spread, f.unit, *asked, f.load)
    console.print(table)
