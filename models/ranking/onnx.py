"""Rankers from ONNX artifacts: which artifacts may be loaded, and how they are scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.features.spec import NAMES
from models.ranking.bounds import clip, parse_bounds
from models.ranking.manifest import MANIFEST_FILE, MODEL_FILE, Manifest, check_manifest, parse_manifest
from models.ranking.ranker import Matrix, Scores, check_features, check_scores
from schemas.errors import RankerFailed

BASELINE = Path(__file__).parent / "artifacts" / "baseline"
"""The packaged model."""
INLINE_KINDS = frozenset({"mlp"})
"""Kinds of models whose runs may hold the event loop: 0.1 µs of CPU a row. A hundred trees take 1 to 3 µs."""


class OnnxRanker:
    """A ranker from an artifact. Safe to call from several threads; a call computes in its own thread.

    Args:
        model: The bytes of the model file.
        manifest: Its manifest.

    Raises:
        RankerFailed: The bytes are not those of the manifest, its bounds are none, onnxruntime cannot load
            the model, or it does not map float32[N, its features] to one float32 score per row.
        FingerprintMismatch: It was trained on features that this code does not compute, or otherwise.
    """

    def __init__(self, model: bytes, manifest: Manifest) -> None:
        check_manifest(manifest, model)
        self.manifest = manifest
        self.name = manifest.name
        self.version = manifest.version
        self.inline = manifest.kind in INLINE_KINDS
        self.bounds = None if manifest.bounds is None else parse_bounds(manifest.bounds, manifest.features)
        self._columns = _columns_of(manifest.features)
        session = _open_session(model)
        self._run = session.run
        self._input, output = _check_signature(session, len(manifest.features))
        self._outputs = [output]

    def score(self, features: Matrix) -> Scores:
        """See Ranker.score."""
        check_features(features)
        return self.score_clipped(features if self.bounds is None else clip(features, self.bounds))

    def score_clipped(self, features: Matrix) -> Scores:
        """See Ranker.score_clipped."""
        inputs = features if self._columns is None else features.take(self._columns, axis=1)
        try:
            scores = self._run(self._outputs, {self._input: inputs})[0]
        except Exception as exc:  # onnxruntime raises classes of its own for each status code
            raise RankerFailed(f"{self.name} {self.version}: {exc}") from exc
        return check_scores(scores.reshape(-1), len(features), self.name)


def load_ranker(folder: str | Path = BASELINE) -> OnnxRanker:
    """The ranker in an artifact folder.

    Args:
        folder: Holds MODEL_FILE and MANIFEST_FILE; the packaged model by default.

    Raises:
        RankerFailed: A file is missing or unreadable, or is not what it should be.
        FingerprintMismatch: It was trained on features that this code does not compute, or otherwise.
    """
    try:
        manifest = (Path(folder) / MANIFEST_FILE).read_bytes()
        model = (Path(folder) / MODEL_FILE).read_bytes()
    except OSError as exc:
        raise RankerFailed(f"no model in {folder}: {exc.strerror}") from exc
    return OnnxRanker(model, parse_manifest(manifest))


def _columns_of(features: Sequence[str]) -> NDArray[np.intp] | None:
    """The columns that a model is given; None for all, as they are."""
    return None if tuple(features) == NAMES else np.array([NAMES.index(name) for name in features], np.intp)


def _open_session(model: bytes) -> Any:
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


def _check_signature(session: Any, width: int) -> tuple[str, str]:
    """Names of input and output.

    Raises:
        RankerFailed: The model does not map one float32[N, width] to one float tensor.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or inputs[0].shape[1:] != [width]:
        shapes = ", ".join(f"{tensor.name} {tensor.type} {tensor.shape}" for tensor in inputs)
        raise RankerFailed(f"the model must take one float32[N, {width}], it takes {shapes}")
    if len(outputs) != 1 or outputs[0].type != "tensor(float)":
        raise RankerFailed("the model must give one float32 score per row")
    return inputs[0].name, outputs[0].name
