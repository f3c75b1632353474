"""Popular layouts, decided once and addressed to each visitor: what all get while Redis is away."""

from __future__ import annotations

from models.layout.rendering.answer import layout_bytes, make_layout_id
from models.layout.rendering.fields import layout_id_of
from models.policy.decide import popular_layout
from models.policy.layout_decision import PageRequest
from models.policy.snapshot import Snapshot
from schemas.codec import encode
from schemas.ids import VisitorId
from schemas.layouts import Reason
from streams.gateway.http.parameters import LayoutQuery

LAYOUTS_MAX = 500
"""Layouts kept at most; the next request empties a full cache. Own choice, not tuned."""

FRESH_S = 10.0
"""Age at which the cache is emptied: stock, campaigns and trends move."""

_NOBODY = VisitorId("a:nobody")
_NOBODY_FIELD = b'"visitor_id":' + encode(_NOBODY)


class PopularLayoutCache:
    """Emptied with every new snapshot, every FRESH_S seconds, and when it is full."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._since = 0.0
        self._layouts: dict[tuple[str | None, ...], tuple[bytes, str]] = {}

    def has(self, snapshot: Snapshot, query: LayoutQuery, reason: Reason, at: float) -> bool:
        """Whether `layout_for` will not have to decide."""
        return self._is_current(snapshot, at) and _key_of(query, reason) in self._layouts

    def layout_for(self, snapshot: Snapshot, query: LayoutQuery, reason: Reason, at: float) -> bytes:
        """The popular layout of a page, with the visitor's id and a layout id of its own.

        Args:
            snapshot: another one than last time empties the cache.
            query: page, item, category and q are what the layout is about.
            reason: why the visitor's own layout cannot be had; it stands in the layout.
            at: epoch seconds.

        Returns:
            The JSON of a layout without cards.

        Raises:
            What deciding raises; KeyError for a page that this storefront does not have.
        """
        if not self._is_current(snapshot, at):
            self._snapshot, self._since, self._layouts = snapshot, at, {}
        key = _key_of(query, reason)
        cached = self._layouts.get(key)
        if cached is None:
            cached = self._layouts[key] = _decide_popular(snapshot, query, reason, at)
        layout, layout_id = cached
        own = make_layout_id(layout_id, query.visitor)
        return layout.replace(layout_id.encode(), own.encode()).replace(
            _NOBODY_FIELD, b'"visitor_id":' + encode(query.visitor), 1
        )

    def _is_current(self, snapshot: Snapshot, at: float) -> bool:
        fresh = snapshot is self._snapshot and 0 <= at - self._since < FRESH_S
        return fresh and len(self._layouts) < LAYOUTS_MAX


def _key_of(query: LayoutQuery, reason: Reason) -> tuple[str | None, ...]:
    return query.page, query.item, query.category, query.q, reason


def _decide_popular(snapshot: Snapshot, query: LayoutQuery, reason: Reason, at: float) -> tuple[bytes, str]:
    """A popular layout of nobody, and its id."""
    request = PageRequest(
        visitor=_NOBODY,
        state=b"",
        version=None,
        page=query.page,
        item=query.item,
        category=query.category,
        q=query.q,
    )
    layout = layout_bytes(popular_layout(snapshot, request, reason, at))
    return layout, layout_id_of(layout)
