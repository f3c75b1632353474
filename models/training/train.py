"""From nothing to an artifact folder: data, fit, export, parity, manifest. One seed makes one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.features.spec import FINGERPRINT, NAMES
from models.ranking.manifest import MANIFEST_FILE, MODEL_FILE, Manifest, digest
from models.ranking.popularity import PopularityRanker
from models.training.dataset import GROUP, SHOPPERS, Report, build
from models.training.export import (
    booster_to_onnx,
    check_parity,
    network_to_onnx,
    opset_of,
    with_float_thresholds,
)
from models.training.mlp import Examples, Prior, fit

Kind = Literal["mlp", "lightgbm"]
TREES, LEAVES = 100, 31
PARITY_ROWS = 4000
SEED = 7


class Trained(Struct, frozen=True, eq=False):
    model: bytes
    metrics: dict[str, float]


def train(
    out: Path, *, kind: Kind = "mlp", seed: int = SEED, report: Report, shoppers: int = SHOPPERS
) -> Manifest:
    """Trains a ranker and writes model.onnx and manifest.json into `out`."""
    examples = build(seed, lambda what, share: report(what, 0.7 * share), shoppers)
    report(f"fitting {kind} to {examples.rows:,} rows", 0.7)
    made = _mlp(examples, seed, report) if kind == "mlp" else _lightgbm(examples, seed)
    manifest = Manifest(
        name=f"baseline-{kind}",
        version=digest(made.model)[:12],
        kind=kind,
        fingerprint=FINGERPRINT,
        features=list(NAMES),
        sha256=digest(made.model),
        created_by=f"etalage train --out DIR --kind {kind} --seed {seed}",
        seed=seed,
        opset=opset_of(made.model),
        rows=examples.rows,
        train_metrics=made.metrics,
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / MODEL_FILE).write_bytes(made.model)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (out / MANIFEST_FILE).write_bytes(text + b"\n")
    report("written", 1.0)
    return manifest


def _mlp(examples: Examples, seed: int, report: Report) -> Trained:
    prior = Prior(PopularityRanker().weights, NAMES.index("visitor_is_cold"))
    network = fit(examples, prior, seed, lambda share: report("fitting", 0.7 + 0.28 * share))
    rows = examples.features.reshape(-1, len(NAMES))
    model = network_to_onnx(network)
    worst = check_parity(model, network.score, rows[:PARITY_ROWS])
    return Trained(model, {"parity": _rounded(worst), **_quality(network.score(rows), examples)})


def _lightgbm(examples: Examples, seed: int) -> Trained:
    import lightgbm

    rows = examples.features.reshape(-1, len(NAMES))
    label = np.zeros(examples.features.shape[:2], np.int32)
    label[np.arange(len(label)), examples.looked_at] = 1
    data = lightgbm.Dataset(rows, label.reshape(-1), group=np.full(len(label), GROUP))
    booster = with_float_thresholds(lightgbm.train(_tree_options(seed), data, num_boost_round=TREES))

    def predict(features: NDArray[np.float32]) -> NDArray[Any]:
        return np.asarray(booster.predict(features))

    model = booster_to_onnx(booster, len(NAMES))
    worst = check_parity(model, predict, rows[:PARITY_ROWS])
    return Trained(model, {"parity": _rounded(worst), **_quality(predict(rows), examples)})


def _tree_options(seed: int) -> dict[str, Any]:
    """linear_tree and zero_as_missing stay off: they convert to garbage without an error."""
    return {
        "objective": "lambdarank",
        "num_leaves": LEAVES,
        "learning_rate": 0.1,
        "min_data_in_leaf": 50,
        "lambdarank_truncation_level": GROUP,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbose": -1,
    }


def _quality(scores: NDArray[Any], examples: Examples) -> dict[str, float]:
    """How often the look has the highest score of its group, and its mean reciprocal rank there."""
    table = np.asarray(scores).reshape(-1, GROUP)
    mine = table[np.arange(len(table)), examples.looked_at]
    rank = (table > mine[:, None]).sum(axis=1) + 1
    return {
        "first_of_20": _rounded(float((rank == 1).mean())),
        "mrr_of_20": _rounded(float((1 / rank).mean())),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
