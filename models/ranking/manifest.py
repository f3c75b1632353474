"""What a model artifact says of itself: `manifest.json` beside `model.onnx` in one folder."""

from __future__ import annotations

from hashlib import sha256

import msgspec
from msgspec import Struct

from models.features.spec import FINGERPRINT, NAMES
from schemas.errors import FingerprintMismatch, RankerFailed

MODEL_FILE = "model.onnx"
MANIFEST_FILE = "manifest.json"


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`fingerprint` and `features` are those of the code that trained it; `created_by` makes it again."""

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
    """Examples it learnt from: candidates with their label."""
    train_metrics: dict[str, float]
    schema_version: int = 1


def digest(model: bytes) -> str:
    return sha256(model).hexdigest()


def parse_manifest(raw: bytes) -> Manifest:
    """The manifest in `raw`; RankerFailed when it is not one."""
    try:
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError, ValueError) as exc:
        raise RankerFailed(f"{MANIFEST_FILE} is not a manifest: {exc}") from exc


def check_manifest(manifest: Manifest, model: bytes) -> None:
    """RankerFailed when the bytes are not those described, FingerprintMismatch when features differ."""
    if digest(model) != manifest.sha256:
        raise RankerFailed(f"{MODEL_FILE} is not the file its manifest describes (sha256 differs)")
    if manifest.fingerprint != FINGERPRINT or tuple(manifest.features) != NAMES:
        raise FingerprintMismatch(
            f"model {manifest.name} {manifest.version} learnt features {manifest.fingerprint}, this code"
            f" computes {FINGERPRINT}: train it again with `etalage train`"
        )
