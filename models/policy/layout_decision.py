"""A decided page: its content, whether that is new, and its bytes when asked for."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from models.layout.context import PageContext, PageRequest
from models.layout.fills import Fill, PackedFills
from models.layout.rendering.answer import (
    ID_PLACEHOLDER,
    NO_VERSION,
    add_unknown,
    body_json,
    decode_layout,
    head_json,
    slots_json,
)
from models.layout.rendering.wording import PERSONAL_REASONS
from models.policy.scoring import Scored, model_tag
from models.storefront.shop import Shop
from schemas.layouts import Layout, ModelTag
from schemas.storefront import SUBJECTS, SubjectName


class LayoutDecision(Struct, frozen=True, eq=False, kw_only=True):
    """The layout decided for one request. Its bytes are made when asked for: unchanged content costs none.

    Attributes:
        request: What was requested.
        fills: The content, packed, with its layout id: what the next request takes as `previous`.
        changed: Whether the content differs from `request.previous`.
        shop: The Shop it was decided from.
        context: The page's context, with its candidates.
        scored: Scores and features of the candidates, in their order.
        assembled: The fills, from the top.
        at: When it was decided, epoch seconds.
        slots_without_id: The slots as JSON under ID_PLACEHOLDER, when the content is new; else b"".
    """

    request: PageRequest
    fills: PackedFills
    changed: bool
    shop: Shop
    context: PageContext
    scored: Scored
    assembled: Sequence[Fill]
    at: float
    slots_without_id: bytes = b""

    def head(self) -> bytes:
        """The first part of the stored answer: version and as_of of the state, edition of the Shop."""
        version = self.request.version
        return head_json(version.text() if version else NO_VERSION, self.request.state.at, self.shop.edition)

    def body(self) -> bytes:
        """The second part: everything else."""
        body = body_json(
            self.fills.layout_id,
            self.request.visitor,
            self.request.page,
            self.model,
            labels=(self.fills.provenance.mode, self.fills.provenance.reason),
            slots=self._slots_with_id(),
        )
        return add_unknown(body, self.unknown) if self.unknown else body

    @property
    def unknown(self) -> SubjectName | None:
        """The parameter that the page should be about, when it is missing or nothing in the shop answers to
        it; None otherwise, and for a Shop without items, which cannot tell."""
        known = len(self.context.page_rows) > 0 or not self.shop.items.n
        return None if known else SUBJECTS.get(self.request.page)

    def _slots_with_id(self) -> bytes:
        layout_id = self.fills.layout_id
        if self.slots_without_id:
            return self.slots_without_id.replace(ID_PLACEHOLDER.encode(), layout_id.encode())
        return self.slots(layout_id)

    def slots(self, layout_id: str) -> bytes:
        """The slots as JSON, under a layout id."""
        personal = self.fills.provenance.reason in PERSONAL_REASONS
        return slots_json(
            self.shop.view,
            self.request.page,
            self.assembled,
            layout_id,
            personal=personal,
            query=self.request.q or "",
        )

    @property
    def model(self) -> ModelTag:
        """Who ranked, and the generation of the Shop."""
        return model_tag(self.fills.provenance, self.shop.generation)

    @property
    def layout(self) -> Layout:
        """The whole answer as a value."""
        return decode_layout(self.head() + self.body())
