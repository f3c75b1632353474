"""`etalage train`: make a ranker from simulated and real sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.errors import InvalidDocument, ServiceMissing
from streams.cli.options import AsJson

Report = Callable[[str, float], None]


class Kind(StrEnum):
    mlp = "mlp"
    lightgbm = "lightgbm"


def run(
    out: Annotated[Path, typer.Option(help="Folder to write model.onnx and manifest.json into.")],
    kind: Annotated[
        Kind, typer.Option(help="mlp: the small network we ship. lightgbm: 100 trees.")
    ] = Kind.mlp,
    seed: Annotated[int, typer.Option(help="The same seed makes the same model.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Train a ranker from simulated shoppers and the real sessions of eshop-2008."""
    with extra_for_training():
        from models.training.train import train

        if kind is Kind.lightgbm:
            import lightgbm  # noqa: F401 - now, not after minutes
    try:  # now, not after minutes of training
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InvalidDocument(f"{out}: {exc.strerror or exc}") from exc
    with stages("training", hidden=as_json) as report:
        manifest = train(out, kind=kind.value, seed=seed, report=report)
    if as_json:
        typer.echo(msgspec.json.encode(manifest).decode())
        return
    figures = ", ".join(f"{name} {value:g}" for name, value in manifest.train_metrics.items())
    typer.echo(f"{manifest.name} {manifest.version} written to {out} ({manifest.rows:,} rows; {figures})")
    typer.echo(f"Compare it with popularity: etalage evaluate --model {out}")


@contextmanager
def extra_for_training() -> Iterator[None]:
    """ServiceMissing, saying what to install, when a package or a library it needs is not there."""
    try:
        yield
    except ImportError as exc:
        raise ServiceMissing(
            f"training needs {exc.name}: `make install` in a checkout, else pip install 'etalage[train]'"
        ) from exc
    except OSError as exc:  # the wheel of lightgbm brings no OpenMP runtime
        raise ServiceMissing(f"training needs a library of the machine: {exc} (libgomp1 in Debian)") from exc


@contextmanager
def stages(title: str, *, hidden: bool) -> Iterator[Report]:
    """A bar on stderr for work that says what it does and which share is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=hidden) as progress:
        task = progress.add_task(title, total=1.0)
        yield lambda what, share: progress.update(task, description=what, completed=share)
