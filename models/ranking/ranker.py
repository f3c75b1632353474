"""Rankers: a feature matrix in, one score per row out. The ONNX model, and the understudy that needs none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.candidates.generation import Candidates
from models.catalog.table import ItemTable
from models.features.spec import NAMES, Batch, matrix
from models.ranking.manifest import MANIFEST_FILE, MODEL_FILE, Manifest, check_manifest, parse_manifest
from models.visitor.state import VisitorState
from schemas.errors import RankerFailed

Matrix = NDArray[np.float32]
Scores = NDArray[np.float32]
BASELINE = Path(__file__).parent / "artifacts" / "baseline"
"""The packaged model."""


class Ranker(Protocol):
    """Scores are only compared within one visitor; a row's score depends on that row alone."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def score(self, features: Matrix) -> Scores:
        """float32[rows] for float32[rows, len(SPEC)]; RankerFailed on a wrong shape or non-finite values."""
        ...


class OnnxRanker:
    """A model from an artifact; safe to call from several threads, one thread of its own per call."""

    def __init__(self, model: bytes, manifest: Manifest) -> None:
        check_manifest(manifest, model)
        self.manifest = manifest
        self.name = manifest.name
        self.version = manifest.version
        self._session = _session(model)
        self._input, self._output = _contract(self._session)

    def score(self, features: Matrix) -> Scores:
        _check_features(features)
        try:
            found = self._session.run([self._output], {self._input: features})[0]
        except Exception as exc:  # onnxruntime raises classes of its own for each status code
            raise RankerFailed(f"{self.name} {self.version}: {exc}") from exc
        return _checked(np.asarray(found, np.float32).reshape(-1), len(features), self.name)


UNDERSTUDY_WEIGHTS: Mapping[str, float] = {
    "item_popularity_rank": 1.0,
    "item_log_popularity": 0.35,
    "item_log_trend": 0.15,
    "category_now": 1.5,
    "category_taste": 1.0,
    "family_taste": 0.3,
    "brand_taste": 0.6,
    "co_view_anchor": 4.0,
    "co_view_recent": 3.0,
    "co_buy": 2.0,
    "price_distance": -0.3,
}


class PopularityRanker:
    """The understudy: popular and rising items, moved by the little that is known of the visitor's taste.

    Weights are set by hand on features between 0 and about 1; with an empty state only the crowd's remain.
    """

    name = "popularity"
    version = "1"

    def __init__(self) -> None:
        self.weights = np.array([UNDERSTUDY_WEIGHTS.get(name, 0.0) for name in NAMES], np.float32)

    def score(self, features: Matrix) -> Scores:
        _check_features(features)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is told by the check
            scores = features @ self.weights
        return _checked(scores, len(features), self.name)


def load_ranker(folder: str | Path = BASELINE) -> OnnxRanker:
    """The ranker in an artifact folder; RankerFailed or FingerprintMismatch when it cannot be used."""
    try:
        manifest = (Path(folder) / MANIFEST_FILE).read_bytes()
        model = (Path(folder) / MODEL_FILE).read_bytes()
    except OSError as exc:
        raise RankerFailed(f"no model in {folder}: {exc.strerror}") from exc
    return OnnxRanker(model, parse_manifest(manifest))


def score_candidates(
    table: ItemTable,
    states: Sequence[VisitorState],
    candidates: Sequence[Candidates],
    pages: Sequence[str],
    at: float | NDArray[np.float64],
    ranker: Ranker,
) -> list[Scores]:
    """Scores of each visitor's candidates, in their order: one matrix and one run for all."""
    batch = Batch(table, states, candidates, pages, at)
    return split(ranker.score(matrix(batch)), batch.counts)


def split(scores: NDArray[np.float32], counts: Sequence[int]) -> list[NDArray[np.float32]]:
    """Rows of a batch (scores or features) back per visitor; views, no copies."""
    ends = np.cumsum(counts).tolist()
    return [scores[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _session(model: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # A spinning thread would burn a core between requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime raises classes of its own for each status code
        raise RankerFailed(f"not a model that onnxruntime can load: {exc}") from exc


def _contract(session: Any) -> tuple[str, str]:
    """Names of input and output; RankerFailed unless it maps float32[N, features] to float scores."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or inputs[0].shape[1:] != [len(NAMES)]:
        found = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        raise RankerFailed(f"the model must take one float32[N, {len(NAMES)}], it takes {found}")
    if len(outputs) != 1 or outputs[0].type != "tensor(float)":
        raise RankerFailed("the model must give one float32 score per row")
    return inputs[0].name, outputs[0].name


def _check_features(features: Matrix) -> None:
    if features.ndim != 2 or features.shape[1] != len(NAMES) or features.dtype != np.float32:
        raise RankerFailed(
            f"features must be float32[N, {len(NAMES)}], these are {features.dtype}{list(features.shape)}"
        )


def _checked(scores: Scores, rows: int, name: str) -> Scores:
    """`scores` if there is one finite number per row. One sum tells: NaN and infinity survive adding."""
    if scores.shape != (rows,):
        raise RankerFailed(f"{name} gave {list(scores.shape)} scores for {rows} rows")
    if not np.isfinite(scores.sum(dtype=np.float64)):
        raise RankerFailed(f"{name} gave scores that are not finite")
    return scores
