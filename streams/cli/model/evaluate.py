"""`etalage evaluate`: measures how well a ranker orders the item viewed next, beside simple baselines."""

from __future__ import annotations

import sys
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from models.ranking.onnx import BASELINE, load_ranker
from streams.cli.model.train import require_training_extra, stage_progress
from streams.cli.options import AsJson
from streams.runtime.telemetry.terminal import TerminalConsole

if TYPE_CHECKING:
    from models.training.evaluation.evaluate import Result


def run(
    model: Annotated[
        Path, typer.Option(help="Folder of the model artifact.", show_default="the shipped one")
    ] = BASELINE,
    seed: Annotated[int, typer.Option(help="Of the simulation and the made-up times.")] = 7,
    share: Annotated[float, typer.Option(min=0.01, max=1, help="Judge this share of the looks only.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Rank the whole shop for held-out simulated shoppers and for real sessions of June 2008.

    With the history and with an empty state, against popularity, co-visits and Markov in the same run.
    """
    ranker = load_ranker(model)
    with require_training_extra():
        from models.training.evaluation.evaluate import evaluate
    with stage_progress("evaluating", hidden=as_json) as report:
        results = evaluate(ranker, seed=seed, report=report, judged_share=share)
    if as_json:
        typer.echo(msgspec.json.encode({"model": ranker.manifest, "results": results}).decode())
        return
    # In a file or a pipe lines must not wrap.
    console = TerminalConsole(width=None if sys.stdout.isatty() else 110)
    console.print(_build_table(f"{ranker.name} {ranker.version}", results))


def _build_table(title: str, results: list[Result]) -> Table:
    table = Table(title=title)
    for name in ("data", "looks", "model"):
        table.add_column(name)
    for name in ("NDCG@10", "HR@20", "MRR@20", "judged"):
        table.add_column(name, justify="right")
    previous = ("", "")
    for result in results:
        if (result.dataset, result.looks) != previous:
            table.add_section()
        previous = (result.dataset, result.looks)
        quality = result.quality
        figures = [_format_figure(value) for value in (quality.ndcg_10, quality.hit_20, quality.mrr_20)]
        table.add_row(result.dataset, result.looks, result.model, *figures, f"{quality.looks:,}")
    return table


def _format_figure(value: float) -> str:
    return "" if isnan(value) else f"{value:.4f}"
