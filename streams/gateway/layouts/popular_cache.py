"""Popular layouts, decided once for everybody and fitted to each visitor: when Redis is away all get them."""

from __future__ import annotations

from hashlib import blake2b

from models.layout.context import PageRequest
from models.layout.rendering.answer import layout_bytes
from models.layout.rendering.fields import layout_id_of
from models.policy.decide import popular_layout
from models.policy.snapshot import Snapshot
from models.visitor.state import EMPTY
from schemas.codec import encode
from schemas.ids import VisitorId
from schemas.layouts import Reason
from streams.gateway.http.parameters import LayoutQuery

KEPT_MAX = 500
FRESH_S = 10.0
"""Stock, campaigns and trends move: a pattern is made anew after it."""

_NOBODY = VisitorId("a:nobody")
_NOBODY_FIELD = b'"visitor_id":' + encode(_NOBODY)


class PopularLayoutCache:
    """Kept as long as the shop stays the same, and a few seconds at most."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._since = 0.0
        self._kept: dict[tuple[str | None, ...], tuple[bytes, str]] = {}

    def fitted(self, snapshot: Snapshot, query: LayoutQuery, reason: Reason, at: float) -> bytes:
        """The popular layout of a page for a visitor; `at` in epoch seconds."""
        if (
            snapshot is not self._snapshot
            or not 0 <= at - self._since < FRESH_S
            or len(self._kept) >= KEPT_MAX
        ):
            self._snapshot, self._since, self._kept = snapshot, at, {}
        key = (query.page, query.item, query.category, query.q, reason)
        pattern = self._kept.get(key)
        if pattern is None:
            pattern = self._kept[key] = _pattern(snapshot, query, reason, at)
        layout, layout_id = pattern
        own = blake2b(f"{layout_id}\0{query.visitor}".encode(), digest_size=10).hexdigest()
        return layout.replace(layout_id.encode(), own.encode()).replace(
            _NOBODY_FIELD, b'"visitor_id":' + encode(query.visitor), 1
        )


def _pattern(snapshot: Snapshot, query: LayoutQuery, reason: Reason, at: float) -> tuple[bytes, str]:
    request = PageRequest(
        visitor=_NOBODY,
        state=EMPTY,
        version=None,
        page=query.page,
        item=query.item,
        category=query.category,
        q=query.q,
    )
    layout = layout_bytes(popular_layout(snapshot, request, reason, at))
    return layout, layout_id_of(layout)
