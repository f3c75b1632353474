"""From nothing to an artifact on little data: loadable, described, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from models.ranking.manifest import MODEL_FILE, Manifest, digest
from models.ranking.onnx import load_ranker
from models.training import dataset, eshop_2008
from models.training.log_replay import LabelledView, replay
from models.training.train import RankerKind, train

TWO_DAYS = (date(2008, 4, 1), date(2008, 4, 2))


@pytest.fixture(autouse=True)
def _little_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def few(seed: int) -> Iterator[LabelledView]:
        return replay(
            eshop_2008.load_items(), eshop_2008.load_sessions(seed, TWO_DAYS)[:300], eshop_2008.day_of
        )

    monkeypatch.setattr(dataset, "replay_real_views", few)


def train_small(out: Path, kind: RankerKind = "mlp", seed: int = 1) -> Manifest:
    return train(out, kind=kind, seed=seed, report=lambda what, share: None, shoppers=20)


def test_one_seed_makes_one_artifact(tmp_path: Path) -> None:
    first, again = train_small(tmp_path / "a"), train_small(tmp_path / "b")
    assert first == again
    model = (tmp_path / "a" / MODEL_FILE).read_bytes()
    assert model == (tmp_path / "b" / MODEL_FILE).read_bytes()
    assert first.sha256 == digest(model)
    assert first.version == digest(model)[:12]
    assert first.created_by == "etalage train --out DIR --kind mlp --seed 1"
    ranker = load_ranker(tmp_path / "a")
    assert ranker.manifest == first
    assert ranker.inline
    assert ranker.bounds is not None
    assert (ranker.bounds.low < ranker.bounds.high).any()
    assert 0 < first.train_metrics["mrr_of_20"] <= 1


def test_trees_too(tmp_path: Path) -> None:
    made = train_small(tmp_path, "lightgbm")
    assert made.name == "baseline-lightgbm"
    ranker = load_ranker(tmp_path)
    assert ranker.version == made.version
    assert (ranker.inline, ranker.bounds) == (False, None)
