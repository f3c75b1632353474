"""A page decided: its content, whether that is new, and its bytes when asked for."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from models.layout.context import PageContext, PageRequest
from models.layout.fills import Fill, PackedFills
from models.layout.rendering.answer import (
    NO_VERSION,
    UNNAMED,
    body_json,
    decode_layout,
    head_json,
    slots_json,
    with_unknown,
)
from models.layout.rendering.wording import PERSONAL_REASONS
from models.policy.scoring import Scored, model_tag
from models.storefront.shop import Shop
from schemas.layouts import Layout, ModelTag
from schemas.storefront import SUBJECTS, SubjectName


class LayoutDecision(Struct, frozen=True, eq=False, kw_only=True):
    """A page decided. `changed` says whether its content differs from `request.previous`.

    Bytes and the layout are made when asked for: unchanged content costs none.
    """

    request: PageRequest
    fills: PackedFills
    changed: bool
    shop: Shop
    context: PageContext
    scored: Scored
    assembled: Sequence[Fill]
    at: float
    unnamed: bytes = b""
    """The slots as JSON under the id UNNAMED, when the content is new."""

    def head(self) -> bytes:
        """The first part of the stored answer: version and as_of of this state, edition of this shop."""
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
            slots=self._named_slots(),
        )
        return with_unknown(body, self.unknown) if self.unknown else body

    @property
    def unknown(self) -> SubjectName | None:
        """What the page should be about and is not; a shop without items cannot say."""
        known = len(self.context.anchors) > 0 or not self.shop.items.n
        return None if known else SUBJECTS.get(self.request.page)

    def _named_slots(self) -> bytes:
        layout_id = self.fills.layout_id
        if self.unnamed:
            return self.unnamed.replace(UNNAMED.encode(), layout_id.encode())
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
        return model_tag(self.fills.provenance, self.shop.generation)

    @property
    def layout(self) -> Layout:
        return decode_layout(self.head() + self.body())
