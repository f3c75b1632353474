"""Desired state of a model: records on `model-control.v1`, keyed by model name."""

from __future__ import annotations

from msgspec import Struct


class ModelControl(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which artifact is champion; canary and shadow come with the model life cycle."""

    name: str
    champion: str
    generation: int
    canary: str | None = None
    canary_share: float = 0.0
    shadow: str | None = None
    schema_version: int = 1
