"""The manifest of a model artifact, `manifest.json` beside `model.onnx`, and whether this code may use it."""

from __future__ import annotations

from hashlib import sha256

import msgspec
from msgspec import Struct

from models.features.spec import NAMES, SPEC, fingerprint
from models.ranking.bounds import Range
from schemas.errors import FingerprintMismatch, RankerFailed

MODEL_FILE = "model.onnx"
MANIFEST_FILE = "manifest.json"
SCHEMA_VERSION = 2
"""1 had no bounds: a model that needed them clipped its features itself."""


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a trained model.

    Attributes:
        name: The ranker's name in layouts and decision records.
        version: The ranker's version.
        kind: Model type: mlp or lightgbm.
        fingerprint: Of the features it was trained on.
        features: Their names, in the order of its columns. It is given these and no others.
        sha256: Hex SHA-256 of the model file.
        created_by: The command that trains it again.
        seed: The seed of that command.
        opset: The ONNX operator set of the model.
        rows: Number of training examples (candidates with their label), not item rows.
        train_metrics: Metric -> value after training.
        bounds: Feature -> [low, high], null for an open side: what the features are clipped to before the
            model gets them. None for a model that takes them as they are.
        schema_version: Version of this manifest's schema.
    """

    name: str
    version: str
    kind: str
    fingerprint: str
    features: list[str]
    sha256: str
    created_by: str
    seed: int
    opset: int
    rows: int
    train_metrics: dict[str, float]
    bounds: dict[str, Range] | None = None
    schema_version: int = SCHEMA_VERSION


def digest(model: bytes) -> str:
    """Hex SHA-256 of a model file."""
    return sha256(model).hexdigest()


def parse_manifest(raw: bytes) -> Manifest:
    """The manifest in `raw`.

    Raises:
        RankerFailed: Not JSON, or fields are missing or unknown.
    """
    try:
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError, ValueError) as exc:
        raise RankerFailed(f"{MANIFEST_FILE} is not a manifest: {exc}") from exc


def check_manifest(manifest: Manifest, model: bytes) -> None:
    """Raises unless a model may be used by this code.

    Args:
        manifest: What came with the model.
        model: The bytes of the model file.

    Raises:
        RankerFailed: The manifest is of a later schema, or of the first and has bounds; or the bytes are not
            those that it describes.
        FingerprintMismatch: This code does not compute the features that the model was trained on, or
            computes another version of one. It may compute more.
    """
    version = manifest.schema_version
    if not 1 <= version <= SCHEMA_VERSION:
        raise RankerFailed(f"schema_version: {version} is not known, {SCHEMA_VERSION} is the latest")
    if version == 1 and manifest.bounds is not None:
        raise RankerFailed("bounds: schema_version 1 has none")
    if digest(model) != manifest.sha256:
        raise RankerFailed(f"{MODEL_FILE} is not the file its manifest describes (sha256 differs)")
    if not 1 <= len(manifest.features) == len(set(manifest.features)) <= len(NAMES):
        raise RankerFailed(f"features: 1 to {len(NAMES)} names, each once, not {len(manifest.features)}")
    computed = dict(zip(NAMES, SPEC, strict=True))
    unknown = [name for name in manifest.features if name not in computed]
    if unknown:
        raise FingerprintMismatch(
            f"model {manifest.name} {manifest.version} learnt features that this code does not compute"
            f" ({', '.join(unknown)[:100]}): train it again with `etalage train`"
        )
    if (ours := fingerprint([computed[name] for name in manifest.features])) != manifest.fingerprint:
        raise FingerprintMismatch(
            f"model {manifest.name} {manifest.version} learnt features {manifest.fingerprint}, this code"
            f" computes {ours}: train it again with `etalage train`"
        )
