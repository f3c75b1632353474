"""Records for analysis and training: what was decided (Decision) and what was delivered (Exposure)."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from schemas.ids import ItemId, VisitorId
from schemas.layouts import Mode, ModelTag, Reason


class DecidedItem(Struct, frozen=True, kw_only=True):
    id: ItemId
    score: float
    features: list[float]


class DecidedSlot(Struct, frozen=True, kw_only=True):
    slot: str
    module: str
    decision_id: str
    propensity: float
    items: list[DecidedItem]


class Decision(Struct, frozen=True, kw_only=True):
    """One record on `decisions.v1`; features are in the order of the spec named by `fingerprint`."""

    layout_id: str
    visitor_id: VisitorId
    page: str
    version: str
    at: datetime
    mode: Mode
    reason: Reason
    model: ModelTag
    fingerprint: str
    slots: list[DecidedSlot]
    schema_version: int = 1


class Exposure(Struct, frozen=True, kw_only=True):
    """One record on `exposures.v1`: a layout reached a visitor."""

    layout_id: str
    visitor_id: VisitorId
    page: str
    version: str
    at: datetime
    mode: Mode
    reason: Reason
    model: ModelTag
    via: str
    edition: str = ""
    experiments: list[str] = []
    schema_version: int = 1
