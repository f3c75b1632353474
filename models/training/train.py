"""Trains a ranker into an artifact folder: data, fit, export, parity, manifest. One seed makes one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.features.spec import FINGERPRINT, NAMES
from models.ranking.bounds import format_bounds
from models.ranking.manifest import MANIFEST_FILE, MODEL_FILE, Manifest, digest
from models.ranking.popularity import PopularityRanker
from models.ranking.ranker import Bounds
from models.training.dataset import GROUP_SIZE, SHOPPERS, Report, build_examples
from models.training.export import (
    booster_to_onnx,
    check_parity,
    network_to_onnx,
    read_opset,
    round_thresholds,
)
from models.training.mlp import Examples, Prior, fit

RankerKind = Literal["mlp", "lightgbm"]
TREES, LEAVES = 100, 31
"""Own choice, not tuned."""
PARITY_ROWS = 4000
SEED = 7


class FittedModel(Struct, frozen=True, eq=False):
    """ONNX bytes that passed the parity check, what training measured, and the bounds of the features."""

    model: bytes
    metrics: dict[str, float]
    bounds: Bounds | None = None


def train(
    out: Path, *, kind: RankerKind = "mlp", seed: int = SEED, report: Report, shoppers: int = SHOPPERS
) -> Manifest:
    """Trains a ranker and writes model.onnx and manifest.json into a folder.

    Args:
        out: The folder; it is made when missing, and files of the same names are replaced.
        kind: mlp, the small network we ship, or lightgbm, TREES trees.
        seed: One seed makes one model, for mlp byte by byte; the converter of lightgbm names its graph anew.
        report: Called with the progress.
        shoppers: How many shoppers are simulated.

    Returns:
        The manifest as written.

    Raises:
        ExportFailed: The exported model does not score as the one that was trained; nothing is written.
        OSError: The folder cannot be written.
    """
    examples = build_examples(seed, lambda what, share: report(what, 0.7 * share), shoppers)
    report(f"fitting {kind} to {examples.rows:,} rows", 0.7)
    fitted = _fit_mlp(examples, seed, report) if kind == "mlp" else _fit_lightgbm(examples, seed)
    manifest = _describe(fitted, kind, seed, examples.rows)
    _write_artifact(out, fitted.model, manifest)
    report("written", 1.0)
    return manifest


def _describe(fitted: FittedModel, kind: RankerKind, seed: int, rows: int) -> Manifest:
    return Manifest(
        name=f"baseline-{kind}",
        version=digest(fitted.model)[:12],
        kind=kind,
        fingerprint=FINGERPRINT,
        features=list(NAMES),
        sha256=digest(fitted.model),
        created_by=f"etalage train --out DIR --kind {kind} --seed {seed}",
        seed=seed,
        opset=read_opset(fitted.model),
        rows=rows,
        train_metrics=fitted.metrics,
        bounds=None if fitted.bounds is None else format_bounds(fitted.bounds),
    )


def _write_artifact(out: Path, model: bytes, manifest: Manifest) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / MODEL_FILE).write_bytes(model)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (out / MANIFEST_FILE).write_bytes(text + b"\n")


def _fit_mlp(examples: Examples, seed: int, report: Report) -> FittedModel:
    prior = Prior(PopularityRanker().weights, NAMES.index("visitor_is_cold"))
    network = fit(examples, prior, seed, lambda share: report("fitting", 0.7 + 0.28 * share))
    rows = examples.features.reshape(-1, len(NAMES))
    model, bounds = network_to_onnx(network), Bounds(network.low, network.high)
    worst = check_parity(model, network.score, rows[:PARITY_ROWS], bounds)
    metrics = {"parity": _round_significant(worst), **_measure_quality(network.score(rows), examples)}
    return FittedModel(model, metrics, bounds)


def _fit_lightgbm(examples: Examples, seed: int) -> FittedModel:
    import lightgbm

    rows = examples.features.reshape(-1, len(NAMES))
    label = np.zeros(examples.features.shape[:2], np.int32)
    label[np.arange(len(label)), examples.targets] = 1
    data = lightgbm.Dataset(rows, label.reshape(-1), group=np.full(len(label), GROUP_SIZE))
    booster = round_thresholds(lightgbm.train(_tree_options(seed), data, num_boost_round=TREES))

    def predict(features: NDArray[np.float32]) -> NDArray[Any]:
        return np.asarray(booster.predict(features))

    model = booster_to_onnx(booster, len(NAMES))
    worst = check_parity(model, predict, rows[:PARITY_ROWS])
    return FittedModel(
        model, {"parity": _round_significant(worst), **_measure_quality(predict(rows), examples)}
    )


def _tree_options(seed: int) -> dict[str, Any]:
    """LambdaRank on the groups (LightGBM's `lambdarank`); own choice, not tuned.

    linear_tree and zero_as_missing stay off: they convert to garbage without an error.
    """
    return {
        "objective": "lambdarank",
        "num_leaves": LEAVES,
        "learning_rate": 0.1,
        "min_data_in_leaf": 50,
        "lambdarank_truncation_level": GROUP_SIZE,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbose": -1,
    }


def _measure_quality(scores: NDArray[Any], examples: Examples) -> dict[str, float]:
    """How often the viewed row has the highest score of its group, and its mean reciprocal rank there."""
    table = np.asarray(scores).reshape(-1, GROUP_SIZE)
    mine = table[np.arange(len(table)), examples.targets]
    rank = (table > mine[:, None]).sum(axis=1) + 1
    return {
        "first_of_20": _round_significant(float((rank == 1).mean())),
        "mrr_of_20": _round_significant(float((1 / rank).mean())),
    }


def _round_significant(value: float) -> float:
    return float(f"{value:.4g}")
