"""Artifact folders: what is missing or wrong is one line; the packaged baseline is what its manifest says."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.features.spec import FINGERPRINT, NAMES
from models.ranking.manifest import MANIFEST_FILE, MODEL_FILE, parse_manifest
from models.ranking.onnx import BASELINE, load_ranker
from schemas.errors import RankerFailed


def test_the_packaged_baseline_fits_the_code() -> None:
    ranker = load_ranker()
    assert ranker.manifest.fingerprint == FINGERPRINT
    assert tuple(ranker.manifest.features) == NAMES
    assert ranker.manifest.created_by.startswith("etalage train ")
    assert (BASELINE / MODEL_FILE).stat().st_size < 200_000


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
