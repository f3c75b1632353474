"""`etalage train`: trains a ranker on simulated and real sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.errors import InvalidDocument, ServiceMissing
from streams.cli.options import AsJson
from streams.runtime.telemetry.terminal import TerminalConsole, say

Report = Callable[[str, float], None]


class RankerKind(StrEnum):
    """Model families that can be trained; the values of `--kind`."""

    mlp = "mlp"
    lightgbm = "lightgbm"


def run(
    out: Annotated[Path, typer.Option(help="Folder to write model.onnx and manifest.json into.")],
    kind: Annotated[
        RankerKind, typer.Option(help="mlp: the small network we ship. lightgbm: 100 trees.")
    ] = RankerKind.mlp,
    seed: Annotated[int, typer.Option(help="The same seed makes the same model.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Train a ranker from simulated shoppers and the real sessions of eshop-2008."""
    with require_training_extra():
        from models.training.train import train

        if kind is RankerKind.lightgbm:
            import lightgbm  # noqa: F401 - now, not after minutes
    try:  # now, not after minutes of training
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InvalidDocument(f"{out}: {exc.strerror or exc}") from exc
    with stage_progress("training", hidden=as_json) as report:
        manifest = train(out, kind=kind.value, seed=seed, report=report)
    if as_json:
        typer.echo(msgspec.json.encode(manifest).decode())
        return
    figures = ", ".join(f"{name} {value:g}" for name, value in manifest.train_metrics.items())
    say(f"{manifest.name} {manifest.version} written to {out} ({manifest.rows:,} rows; {figures})")
    say(f"Compare it with popularity: etalage evaluate --model {out}")


@contextmanager
def require_training_extra() -> Iterator[None]:
    """Raise ServiceMissing, with what to install, for an ImportError or a missing shared library inside."""
    try:
        yield
    except ImportError as exc:
        raise ServiceMissing(
            f"training needs {exc.name}: `make install` in a checkout, else pip install 'etalage[train]'"
        ) from exc
    except OSError as exc:  # the wheel of lightgbm brings no OpenMP runtime
        raise ServiceMissing(f"training needs a library of the machine: {exc} (libgomp1 in Debian)") from exc


@contextmanager
def stage_progress(title: str, *, hidden: bool) -> Iterator[Report]:
    """Show a progress bar on stderr; yields a function that takes a stage and the share done, 0..1."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
    console = TerminalConsole(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=hidden) as progress:
        task = progress.add_task(title, total=1.0)
        yield lambda what, share: progress.update(task, description=what, completed=share)
