"""Export: what onnxruntime computes is what was trained; what differs is refused."""

from __future__ import annotations

from collections.abc import Callable

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from models.features.spec import FINGERPRINT, NAMES
from models.ranking.manifest import Manifest, digest
from models.ranking.onnx import OnnxRanker
from models.training.export import (
    ExportFailed,
    booster_to_onnx,
    check_parity,
    network_to_onnx,
    opset_of,
    with_float_thresholds,
)
from models.training.mlp import Examples, Network, Prior, fit
from schemas.errors import FingerprintMismatch, RankerFailed

WIDTH = len(NAMES)
GROUPS = 1200
COLD = NAMES.index("visitor_is_cold")
PRIOR = Prior(np.zeros(WIDTH, np.float32), COLD)


def examples(groups: int = GROUPS) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The look is the row with the largest first feature."""
    features = np.random.default_rng(1).normal(3, 2, (groups, 20, WIDTH)).astype(np.float32)
    features[:, :, COLD] = (np.arange(groups) % 4 == 0)[:, None]
    return features, features[:, :, 0].argmax(axis=1)


@pytest.fixture(scope="module")
def network() -> Network:
    features, looked_at = examples()
    return fit(Examples(features, looked_at), PRIOR, 1, lambda share: None)


@pytest.fixture(scope="module")
def model(network: Network) -> bytes:
    return network_to_onnx(network)


def manifest(model: bytes, **other: object) -> Manifest:
    known: dict[str, object] = {
        "name": "test",
        "version": "1",
        "kind": "mlp",
        "fingerprint": FINGERPRINT,
        "features": list(NAMES),
        "sha256": digest(model),
        "created_by": "a test",
        "seed": 1,
        "opset": 17,
        "rows": 1,
        "train_metrics": {},
    }
    return Manifest(**{**known, **other})  # type: ignore[arg-type]


def test_the_network_learns_and_says_so(network: Network) -> None:
    features, looked_at = examples()
    first = network.score(features.reshape(-1, WIDTH)).reshape(GROUPS, 20).argmax(axis=1)
    assert (first == looked_at).mean() > 0.15  # chance is 0.05


def test_one_seed_makes_one_network(model: bytes) -> None:
    data = Examples(*examples())
    assert network_to_onnx(fit(data, PRIOR, 1, lambda share: None)) == model
    assert network_to_onnx(fit(data, PRIOR, 2, lambda share: None)) != model


def test_onnx_scores_as_the_network(network: Network, model: bytes) -> None:
    rows = examples()[0].reshape(-1, WIDTH)
    assert check_parity(model, network.score, rows) < 1e-5
    ranker = OnnxRanker(model, manifest(model))
    outside = np.vstack([rows[:5] * 1e6, rows[:5] - 1e6]).astype(np.float32)
    assert np.allclose(ranker.score(outside), network.score(outside), atol=1e-4)


def test_a_stranger_is_ranked_by_the_linear_score_alone(model: bytes, network: Network) -> None:
    rows = examples()[0][0]
    linear = (network.standardise(rows) @ network.straight)[:, 0]
    assert np.allclose(OnnxRanker(model, manifest(model)).score(rows), linear, atol=1e-4)
    known = rows.copy()
    known[:, COLD] = 0
    assert not np.allclose(network.score(known), linear, atol=1e-2)


def test_a_network_that_differs_is_refused(network: Network, model: bytes) -> None:
    def other(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = network.score(rows)
        scores[3] += 1
        return scores

    with pytest.raises(ExportFailed, match="off by"):
        check_parity(model, other, examples()[0].reshape(-1, WIDTH))


def booster(**options: object) -> tuple[lightgbm.Booster, NDArray[np.float32]]:
    features, looked_at = examples()
    rows = features.reshape(-1, WIDTH)
    rows[np.abs(rows) < 1] = 0.0
    label = np.zeros((GROUPS, 20), np.int32)
    label[np.arange(GROUPS), looked_at] = 1
    data = lightgbm.Dataset(
        rows, label.reshape(-1), group=np.full(GROUPS, 20), params={"verbose": -1, **options}
    )
    settings = {"objective": "lambdarank", "num_threads": 1, "verbose": -1, **options}
    return lightgbm.train(settings, data, num_boost_round=8), rows


def predictor(trees: lightgbm.Booster) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
    return lambda rows: np.asarray(trees.predict(rows))


def test_plain_trees_pass() -> None:
    trees, rows = booster()
    model = booster_to_onnx(with_float_thresholds(trees), WIDTH)
    check_parity(model, predictor(trees), rows)
    assert opset_of(model) <= 15
    assert np.isfinite(OnnxRanker(model, manifest(model)).score(rows)).all()


def test_rounded_thresholds_change_no_score() -> None:
    trees, rows = booster()
    rounded = with_float_thresholds(trees)
    assert np.array_equal(rounded.predict(rows), trees.predict(rows))
    assert rounded.model_to_string() != trees.model_to_string()


def test_trees_that_convert_to_garbage_are_refused() -> None:
    """zero_as_missing converts without an error and scores wrongly."""
    trees, rows = booster(zero_as_missing=True)
    with pytest.raises(ExportFailed):
        check_parity(booster_to_onnx(trees, WIDTH), predictor(trees), rows)


def test_another_fingerprint_is_refused(model: bytes) -> None:
    with pytest.raises(FingerprintMismatch, match="etalage train"):
        OnnxRanker(model, manifest(model, fingerprint="0" * 16))
    with pytest.raises(FingerprintMismatch):
        OnnxRanker(model, manifest(model, features=[*NAMES[1:], NAMES[0]]))


def test_bytes_that_are_not_the_model_are_refused(model: bytes) -> None:
    with pytest.raises(RankerFailed, match="sha256"):
        OnnxRanker(model + b" ", manifest(model))
    with pytest.raises(RankerFailed, match="onnxruntime"):
        OnnxRanker(b"no model", manifest(b"no model"))


def test_a_model_of_another_shape_is_refused(network: Network) -> None:
    narrow = Network(
        network.low[1:],
        network.high[1:],
        network.centre[1:],
        network.scale[1:],
        network.straight[1:],
        [network.weights[0][1:], *network.weights[1:]],
        network.biases,
        network.cold - 1,
    )
    model = network_to_onnx(narrow)
    with pytest.raises(RankerFailed, match=f"float32\\[N, {WIDTH}\\]"):
        OnnxRanker(model, manifest(model))
