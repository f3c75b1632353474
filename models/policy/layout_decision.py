"""A page wanted, and the page decided: its content, whether that is new, and its bytes when asked for."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import Candidates
from models.features.spec import NAMES
from models.layout.fills.fill import Fill
from models.layout.fills.packed_fills import PackedFills, unpack_fills
from models.layout.fills.page_fills import PageFills
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
from models.storefront.shop import Shop
from schemas.ids import Version, VisitorId
from schemas.layouts import Layout, ModelTag
from schemas.storefront import SUBJECTS, PageType, SubjectName

_PLACEHOLDER = ID_PLACEHOLDER.encode()


class PageRequest(Struct, frozen=True, kw_only=True):
    """A page wanted for a visitor.

    Attributes:
        visitor: For whom.
        state: The visitor's packed state; b"" for one who has none.
        version: The version of `state`; None without a state.
        page: The page type.
        item: Item id that a product page is about.
        category: Category name that a category page is about.
        q: Search text of a search page.
        previous: The fills shown last; None for none.
        explained: Whether the decision keeps what it was made from (`LayoutDecision.evidence`).
    """

    visitor: VisitorId
    state: bytes
    version: Version | None
    page: PageType = "home"
    item: str | None = None
    category: str | None = None
    q: str | None = None
    previous: PackedFills | None = None
    explained: bool = False


class Evidence(Struct, frozen=True, eq=False):
    """What a page was decided from.

    Attributes:
        candidates: What was scored, m rows.
        scores: float32[m], on the scale of the ranker.
        features: float32[m, len(SPEC)], what the ranker saw.
    """

    candidates: Candidates
    scores: NDArray[np.float32]
    features: NDArray[np.float32]


def no_evidence() -> Evidence:
    """The evidence of a page without candidates."""
    rows = np.empty(0, np.int32)
    return Evidence(
        Candidates(rows, np.empty(0, np.uint64), -1, []),
        np.empty(0, np.float32),
        np.empty((0, len(NAMES)), np.float32),
    )


class LayoutDecision(Struct, frozen=True, eq=False, kw_only=True):
    """The layout decided for one request. Its bytes are made when asked for: unchanged content costs none.

    Attributes:
        request: What was requested.
        fills: The content, packed, with its layout id: what the next request takes as `previous`.
        changed: Whether the content differs from `request.previous`.
        shop: The Shop it was decided from.
        as_of: Epoch seconds of the visitor's newest event; 0 without a state.
        at: When it was decided, epoch seconds.
        subject_known: Whether the shop has what the page is about.
        slots_without_id: The slots as JSON under ID_PLACEHOLDER, when the content is new; else b"".
        evidence: What it was made from, when the request asked for it.
    """

    request: PageRequest
    fills: PackedFills
    changed: bool
    shop: Shop
    as_of: int
    at: float
    subject_known: bool
    slots_without_id: bytes = b""
    evidence: Evidence | None = None

    def head(self) -> bytes:
        """The first part of the stored answer: version and as_of of the state, edition of the Shop."""
        version = self.request.version
        return head_json(version.text() if version else NO_VERSION, self.as_of, self.shop.edition)

    def body(self) -> bytes:
        """The second part: everything else."""
        provenance, layout_id = self.fills.provenance, self.fills.layout_id
        slots = self.slots_without_id
        slots = slots.replace(_PLACEHOLDER, layout_id.encode()) if slots else self.slots(layout_id)
        request = self.request
        generation, unknown = self.shop.generation, self.unknown
        body = body_json(layout_id, request.visitor, request.page, provenance, generation, slots=slots)
        return add_unknown(body, unknown) if unknown else body

    @property
    def unknown(self) -> SubjectName | None:
        """The parameter that the page should be about, when it is missing or nothing in the shop answers to
        it; None otherwise, and for a Shop without items, which cannot tell."""
        if self.subject_known or not self.shop.items.n:
            return None
        return SUBJECTS.get(self.request.page)

    def slots(self, layout_id: str) -> bytes:
        """The slots as JSON, under a layout id."""
        fills = PageFills()
        fills.read(self.fills.content)
        return slots_json(
            self.shop.view,
            self.request.page,
            fills,
            layout_id,
            personal=self.fills.provenance.reason in PERSONAL_REASONS,
            query=self.request.q or "",
        )

    @property
    def assembled(self) -> list[Fill]:
        """The fills, from the top."""
        return unpack_fills(self.fills)

    @property
    def model(self) -> ModelTag:
        """Who ranked, and the generation of the Shop."""
        return self.fills.provenance.model_tag(self.shop.generation)

    @property
    def layout(self) -> Layout:
        """The whole answer as a value."""
        return decode_layout(self.head() + self.body())
