"""The layout as clients get it: every fill of a page for one visitor at one moment."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct

from schemas.ids import ItemId, VisitorId
from schemas.storefront import SubjectName

Mode = Literal["full", "stale", "segment", "popular", "static"]
Reason = Literal[
    "ok",
    "cold_start",
    "consent",
    "bot",
    "redis_timeout",
    "redis_down",
    "model_missing",
    "model_failed",
    "budget",
    "overload",
    "stream_stale",
    "token_unknown",
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class Card(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a storefront needs to draw an item; present with hydrate=1."""

    title: str
    price: float
    currency: str
    brand: str | None = None
    list_price: float | None = None
    image: str | None = None
    url: str | None = None
    categories: list[str] = []
    colour: str | None = None


class Why(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an item stands where it stands; present with explain=1."""

    score: float
    sources: list[str]
    features: dict[str, float]
    pinned_by: str | None = None


class LayoutItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: ItemId
    index: int
    card: Card | None = None
    why: Why | None = None


class LayoutModule(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One module in its slot. `propensity` is the chance with which the policy chose it."""

    id: str
    type: str
    title: str
    reason: str
    decision_id: str
    propensity: float
    items: list[LayoutItem]
    score: float | None = None


class LayoutSlot(Struct, frozen=True, kw_only=True):
    slot: str
    module: LayoutModule


class ModelTag(Struct, frozen=True, kw_only=True):
    """The model that made it; `role` is champion, understudy or none."""

    name: str
    version: str
    generation: int
    role: str


class Layout(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`version` names the visitor's state the layout answers for; `layout_id` names its content.

    `edition` names the storefront and the catalogue behind it; opaque. `unknown` is there only when the page
    is not about what it should be: it names the parameter that was not given, or that nothing in this shop
    answers to. `behind_ms` is how far the visitor's partition is behind the log, at most: an event older than
    that is in the answer, or was refused; absent when nobody knows.
    """

    version: str
    as_of: datetime | None
    edition: str
    layout_id: str
    visitor_id: VisitorId
    page: str
    mode: Mode
    reason: Reason
    model: ModelTag
    experiments: list[str]
    slots: list[LayoutSlot]
    unknown: list[SubjectName] = []
    behind_ms: int | None = None
