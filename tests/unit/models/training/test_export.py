"""Export: what onnxruntime computes is what was trained; what differs is refused."""

from __future__ import annotations

from collections.abc import Callable

import lightgbm
import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from models.features.feature_rows import Feature
from models.features.spec import FINGERPRINT, NAMES, SPEC, fingerprint
from models.ranking.bounds import format_bounds
from models.ranking.manifest import Manifest, digest
from models.ranking.onnx import OnnxRanker
from models.ranking.ranker import Bounds
from models.training.export import (
    ExportFailed,
    booster_to_onnx,
    check_parity,
    network_to_onnx,
    read_opset,
    round_thresholds,
)
from models.training.mlp import Network
from schemas.errors import FingerprintMismatch, RankerFailed
from tests.unit.models.training.small_data import COLD, GROUPS, WIDTH, random_groups


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


def bounds_of(network: Network) -> Bounds:
    return Bounds(network.low, network.high)


def ranker_of(network: Network, model: bytes) -> OnnxRanker:
    return OnnxRanker(model, manifest(model, bounds=format_bounds(bounds_of(network))))


def test_onnx_scores_as_the_network(network: Network, model: bytes) -> None:
    rows = random_groups()[0].reshape(-1, WIDTH)
    assert check_parity(model, network.score, rows, bounds_of(network)) < 1e-5
    ranker = ranker_of(network, model)
    outside = np.vstack([rows[:5] * 1e6, rows[:5] - 1e6]).astype(np.float32)
    assert np.allclose(ranker.score(outside), network.score(outside), atol=1e-4)


def test_parity_is_that_of_clipped_features(network: Network, model: bytes) -> None:
    rows = random_groups()[0].reshape(-1, WIDTH) * 3
    check_parity(model, network.score, rows, bounds_of(network))
    with pytest.raises(ExportFailed):
        check_parity(model, network.score, rows)


def test_a_cold_visitor_is_ranked_by_the_linear_score_alone(model: bytes, network: Network) -> None:
    rows = random_groups()[0][0]
    linear = (network.standardise(rows) @ network.linear)[:, 0]
    assert np.allclose(ranker_of(network, model).score(rows), linear, atol=1e-4)
    known = rows.copy()
    known[:, COLD] = 0
    assert not np.allclose(network.score(known), linear, atol=1e-2)


def test_a_network_that_differs_is_refused(network: Network, model: bytes) -> None:
    def other(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = network.score(rows)
        scores[3] += 1
        return scores

    with pytest.raises(ExportFailed, match="off by"):
        check_parity(model, other, random_groups()[0].reshape(-1, WIDTH))


def booster(**options: object) -> tuple[lightgbm.Booster, NDArray[np.float32]]:
    features, targets = random_groups()
    rows = features.reshape(-1, WIDTH)
    rows[np.abs(rows) < 1] = 0.0
    label = np.zeros((GROUPS, 20), np.int32)
    label[np.arange(GROUPS), targets] = 1
    data = lightgbm.Dataset(
        rows, label.reshape(-1), group=np.full(GROUPS, 20), params={"verbose": -1, **options}
    )
    settings = {"objective": "lambdarank", "num_threads": 1, "verbose": -1, **options}
    return lightgbm.train(settings, data, num_boost_round=8), rows


def predictor(trees: lightgbm.Booster) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
    return lambda rows: np.asarray(trees.predict(rows))


def test_plain_trees_pass() -> None:
    trees, rows = booster()
    model = booster_to_onnx(round_thresholds(trees), WIDTH)
    check_parity(model, predictor(trees), rows)
    assert read_opset(model) <= 15
    assert np.isfinite(OnnxRanker(model, manifest(model)).score(rows)).all()


def test_rounded_thresholds_change_no_score() -> None:
    trees, rows = booster()
    rounded = round_thresholds(trees)
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
    with pytest.raises(FingerprintMismatch, match=r"\(heat, dew\): train"):
        OnnxRanker(model, manifest(model, features=[*NAMES[2:], "heat", "dew"]))


def test_bytes_that_are_not_the_model_are_refused(model: bytes) -> None:
    with pytest.raises(RankerFailed, match="sha256"):
        OnnxRanker(model + b" ", manifest(model))
    with pytest.raises(RankerFailed, match="onnxruntime"):
        OnnxRanker(b"no model", manifest(b"no model"))


def without_the_first(network: Network) -> Network:
    """A network that was trained before the first feature was there."""
    return Network(
        network.low[1:],
        network.high[1:],
        network.centre[1:],
        network.scale[1:],
        network.linear[1:],
        [network.weights[0][1:], *network.weights[1:]],
        network.biases,
        network.cold - 1,
    )


def test_a_model_is_given_the_features_it_names(network: Network) -> None:
    narrow = without_the_first(network)
    model, limits = network_to_onnx(narrow), format_bounds(bounds_of(network))
    del limits[NAMES[0]]
    known = manifest(model, features=list(NAMES[1:]), fingerprint=fingerprint(SPEC[1:]), bounds=limits)
    rows = random_groups()[0].reshape(-1, WIDTH) * 3
    assert np.allclose(OnnxRanker(model, known).score(rows), narrow.score(rows[:, 1:]), atol=1e-4)
    newer = [Feature(SPEC[1].name, SPEC[1].version + 1, SPEC[1].group), *SPEC[2:]]
    with pytest.raises(FingerprintMismatch):
        OnnxRanker(model, replace(known, fingerprint=fingerprint(newer)))


def test_a_model_of_another_shape_is_refused(network: Network) -> None:
    model = network_to_onnx(without_the_first(network))
    with pytest.raises(RankerFailed, match=f"float32\\[N, {WIDTH}\\]"):
        OnnxRanker(model, manifest(model))
