"""Artifact folders: what is missing or wrong is one line; the packaged baseline is what its manifest says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from models.features.spec import NAMES
from models.ranking.bounds import Range
from models.ranking.manifest import MANIFEST_FILE, MODEL_FILE, SCHEMA_VERSION, parse_manifest
from models.ranking.onnx import BASELINE, OnnxRanker, load_ranker
from models.ranking.ranker import Bounds
from schemas.errors import FingerprintMismatch, RankerFailed
from tests.unit.models.ranking.self_clipping import self_clipping


def test_the_packaged_baseline_fits_the_code() -> None:
    ranker = load_ranker()
    assert ranker.manifest.created_by.startswith("etalage train ")
    assert ranker.manifest.schema_version == SCHEMA_VERSION
    assert ranker.inline
    assert (BASELINE / MODEL_FILE).stat().st_size < 200_000


def hard_rows(bounds: Bounds, rows: int) -> NDArray[np.float32]:
    """Values within the bounds, around them, far beyond, and of every size there is."""
    rng = np.random.default_rng(3)
    width = (rows, len(bounds.low))
    wide = rng.normal(0, 1, width) * 10.0 ** rng.integers(-44, 37, width)
    special = [0, -0.0, 1, 1e-45, np.inf, -np.inf, 3.4028235e38, -3.4028235e38]
    edges = [*bounds, *(np.nextafter(side, np.float32(way)) for side in bounds for way in (-9, 9))]
    low, high = bounds
    parts = [
        low + (high - low) * rng.uniform(0, 1, width),
        low + (high - low) * rng.uniform(-2, 3, width),
        wide,
        rng.choice(special, width),
        np.stack(edges)[rng.integers(0, len(edges), width), np.arange(width[1])],
    ]
    return rng.permutation(np.concatenate(parts).astype(np.float32))


def test_an_artifact_that_clips_itself_has_the_same_scores() -> None:
    """Of the schema before; bit for bit, in runs of any size."""
    ranker = load_ranker()
    assert ranker.bounds is not None
    columns = [NAMES.index(name) for name in ranker.manifest.features]
    bounds = Bounds(*(side[columns] for side in ranker.bounds))
    before = OnnxRanker(*self_clipping((BASELINE / MODEL_FILE).read_bytes(), ranker.manifest, bounds))
    assert before.bounds is None
    features = np.zeros((5 * 4000, len(NAMES)), np.float32)
    features[:, columns] = hard_rows(bounds, 4000)
    for size in (1, 139, 1390, len(features)):
        for start in range(0, min(len(features), 200 * size), size):
            rows = features[start : start + size]
            assert ranker.score(rows).tobytes() == before.score(rows).tobytes()


def test_bounds_are_read_from_json() -> None:
    known = msgspec.to_builtins(load_ranker().manifest)
    first = known["features"][0]
    known["bounds"][first] = [None, 7]
    made = parse_manifest(msgspec.json.encode(known))
    assert made.bounds is not None
    assert made.bounds[first] == Range(None, 7.0)
    for wrong in ([0.0], [0.0, "1"], {"low": 0}, 3):
        known["bounds"][first] = wrong
        with pytest.raises(RankerFailed, match="bounds"):
            parse_manifest(msgspec.json.encode(known))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": SCHEMA_VERSION + 1}, "schema_version: 3 is not known"),
        ({"schema_version": 0}, "schema_version: 0 is not known"),
        ({"schema_version": 1}, "bounds: schema_version 1 has none"),
        ({"bounds": {}}, "bounds.anchor_price_gap: missing"),
    ],
)
def test_a_manifest_that_does_not_fit_its_schema(change: dict[str, object], message: str) -> None:
    manifest = replace(load_ranker().manifest, **change)
    with pytest.raises(RankerFailed, match=message):
        OnnxRanker((BASELINE / MODEL_FILE).read_bytes(), manifest)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "features: 1 to [0-9]+ names, each once, not 0$"),
        ([NAMES[0], NAMES[0]], "features: 1 to [0-9]+ names, each once, not 2$"),
        ([f"f{number}" for number in range(200_000)], "features: 1 to [0-9]+ names, each once, not 200000$"),
        (["nonsense"], r"does not compute \(nonsense\): train it again"),
        (["x" * 5_000], r"does not compute \(x{100}\): train it again"),
    ],
    ids=["none", "one twice", "very many", "unknown", "a long name"],
)
def test_features_that_this_code_cannot_give(features: list[str], message: str) -> None:
    """Whatever fingerprint is claimed: one of the right form, none, or words of an error."""
    known = load_ranker().manifest
    for claimed in (known.fingerprint, "", f"no {', '.join(features[:9])}"):
        wrong = replace(known, features=features, fingerprint=claimed, bounds=None)
        with pytest.raises((RankerFailed, FingerprintMismatch), match=message):
            OnnxRanker((BASELINE / MODEL_FILE).read_bytes(), wrong)


def test_only_kinds_that_are_known_to_be_cheap_are_inline() -> None:
    manifest = load_ranker().manifest
    for kind, inline in (("mlp", True), ("lightgbm", False), ("another", False)):
        ranker = OnnxRanker((BASELINE / MODEL_FILE).read_bytes(), replace(manifest, kind=kind))
        assert ranker.inline == inline


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(RankerFailed, match="no model in"):
        load_ranker(tmp_path)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b'{"name": 1}', b"\xff"])
def test_a_manifest_that_is_none(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(RankerFailed, match="not a manifest"):
        parse_manifest(raw)
    (tmp_path / MANIFEST_FILE).write_bytes(raw)
    (tmp_path / MODEL_FILE).write_bytes(b"")
    with pytest.raises(RankerFailed, match="not a manifest"):
        load_ranker(tmp_path)
