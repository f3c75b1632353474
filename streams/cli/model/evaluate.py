"""`etalage evaluate`: how well a ranker orders what is looked at next, beside simple models."""

from __future__ import annotations

import sys
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from models.ranking.onnx import BASELINE, load_ranker
from streams.cli.model.train import extra_for_training, stages
from streams.cli.options import AsJson

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
    with extra_for_training():
        from models.training.evaluation.evaluate import evaluate
    with stages("evaluating", hidden=as_json) as report:
        results = evaluate(ranker, seed=seed, report=report, judged_share=share)
    if as_json:
        typer.echo(msgspec.json.encode({"model": ranker.manifest, "results": results}).decode())
        return
    # Into a file or a pipe no line is broken.
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(_table(f"{ranker.name} {ranker.version}", results))


def _table(title: str, results: list[Result]) -> Table:
    table = Table(title=title)
    for name in ("data", "looks", "model"):
        table.add_column(name)
    for name in ("NDCG@10", "HR@20", "MRR@20", "judged"):
        table.add_column(name, justify="right")
    before = ("", "")
    for one in results:
        if (one.dataset, one.looks) != before:
            table.add_section()
        before = (one.dataset, one.looks)
        q = one.quality
        figures = [_figure(value) for value in (q.ndcg_10, q.hit_20, q.mrr_20)]
        table.add_row(one.dataset, one.looks, one.model, *figures, f"{q.looks:,}")
    return table


def _figure(value: float) -> str:
    return "" if isnan(value) else f"{value:.4f}"
